//! The history of a cluster that has taken in its nodes one after the other, long ago.

use crate::clock::WALL_AT_START_MS;
use node::proto::{Change, Digest, Epoch, Event, Genesis, History};
use ring::{Grid, Member, NodeId, PartitionId};
use stdx::Wall;

/// Tokens of one node, where there are enough for all.
const TOKENS: usize = 16;
/// The default of a cluster: 4,096 partitions.
const GRID_BITS: u8 = 12;

/// Tokens of each of so many nodes, with some left for one more.
pub(super) fn tokens(nodes: usize) -> usize {
    TOKENS.min(((1 << GRID_BITS) - TOKENS) / nodes).max(1)
}

/// The history of so many nodes, whose tokens take turns on the ring.
pub(super) fn history(nodes: usize) -> History {
    let grid = Grid::new(GRID_BITS).unwrap_or_default();
    let genesis = Genesis { cluster: 1, grid, n: 3, context_key: [7; 32] };
    let mut events: Vec<Event> = Vec::new();
    let changes = std::iter::once(Change::Create(genesis))
        .chain((0..nodes).map(|number| Change::Add { member: member(grid, number, nodes), seed: number < 3 }));
    for (number, change) in changes.enumerate() {
        let previous = events.last().map_or(Digest::default(), Event::hash);
        let (epoch, at) = (Epoch(number as u64 + 1), Wall(WALL_AT_START_MS));
        events.push(Event { epoch, previous, at, nonce: number as u64, change });
    }
    History::fold(events).expect("each event follows the one before")
}

fn member(grid: Grid, number: usize, nodes: usize) -> Member {
    let (all, each) = (grid.count() as usize, tokens(nodes));
    let place = |turn: usize| (turn * nodes + number) * all / (nodes * each);
    Member {
        id: NodeId(number as u128 + 1),
        name: format!("n{}", number + 1),
        uri: format!("http://n{}:8080", number + 1),
        tokens: (0..each).map(|turn| grid.boundary(PartitionId(place(turn) as u16))).collect(),
        weight: 100,
        zone: None,
    }
}
