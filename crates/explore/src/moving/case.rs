//! What is explored: who is in the cluster, how it changes, who writes and reads, what may go wrong meanwhile, and which
//! bug is planted in the code of the nodes.

use proto::{Bucket, BucketId, Change, Epoch, Event, Genesis, History, ItemKey, Level, Mode, Rule, Slot};
use ring::{Grid, Member, NodeId, PartitionId};
use stdx::Wall;

/// Eight partitions, so eight places for nodes.
const BITS: u8 = 3;

/// How the ring changes. Nodes are named by their place on the ring; the item's replicas are the `n` members with the
/// lowest places.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// A node joins.
    Join(u8),
    /// A node leaves.
    Leave(u8),
    /// A node died with its disk, and another one takes its place on the ring.
    Replace {
        /// The dead one.
        old: u8,
        /// The new one, whose id is higher than all others.
        new: u8,
    },
}

/// What a client does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed {
    /// Writes a version of its own, having seen nothing.
    Put,
    /// Reads.
    Get,
}

/// A configuration.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is called.
    pub name: &'static str,
    /// Copies.
    pub n: u8,
    /// Members before the change.
    pub members: Vec<u8>,
    /// The changes, all decided before anything happens; a node learns of all at once.
    pub turns: Vec<Turn>,
    /// What clients do, and on which node each. Each does one thing, at any time.
    pub clients: Vec<(Deed, u8)>,
    /// How many items there are; clients take them in turn.
    pub items: u8,
    /// A node that the others hold to be down, although it is not.
    pub cut: Option<u8>,
    /// How often a node may die and start again.
    pub deaths: u8,
    /// How often a connection may break, and what is on its way be lost.
    pub breaks: u8,
    /// How often a node may hold pages of its streams to be lost that are only late.
    pub delays: u8,
    /// A node's progress takes its time to become durable.
    pub slow: bool,
    /// Streams that a node sends at once.
    pub streams: usize,
    /// The bug, by its name in the code of the nodes.
    pub bug: Option<&'static str>,
}

impl Case {
    /// Nothing goes wrong.
    pub fn of(name: &'static str, n: u8, members: &[u8], turns: &[Turn], clients: &[(Deed, u8)]) -> Case {
        Case {
            name,
            n,
            members: members.to_vec(),
            turns: turns.to_vec(),
            clients: clients.to_vec(),
            items: 1,
            cut: None,
            deaths: 0,
            breaks: 0,
            delays: 0,
            slow: false,
            streams: 1,
            bug: None,
        }
    }

    /// Nothing is lost and nobody dies.
    pub(super) fn is_calm(&self) -> bool {
        self.deaths == 0 && self.breaks == 0 && self.delays == 0
    }

    /// Everybody who is there while the change runs: not the one who died.
    pub(super) fn nodes(&self) -> Vec<u8> {
        let mut nodes = self.members.clone();
        for turn in &self.turns {
            match *turn {
                Turn::Join(node) => nodes.push(node),
                Turn::Leave(_) => {}
                Turn::Replace { old, new } => {
                    nodes.retain(|node| *node != old);
                    nodes.push(new);
                }
            }
        }
        nodes.sort_unstable();
        nodes
    }

    /// Whether a node comes with the changes: then it has known them from the start.
    pub(super) fn is_new(&self, node: u8) -> bool {
        !self.members.contains(&node)
    }

    /// The item of a client.
    pub(super) fn slot_of(&self, client: u8) -> Slot {
        slot(client % self.items)
    }

    /// The versions of the item of a client, one bit for each.
    pub(super) fn versions_of(&self, client: u8) -> u8 {
        let same = (0..self.clients.len() as u8).filter(|other| other % self.items == client % self.items);
        same.fold(0, |versions, other| versions | 1 << other)
    }

    /// The epoch that is in use at first.
    pub(super) fn before(&self, history: &History) -> Epoch {
        Epoch(history.epoch().0 - self.turns.len() as u64)
    }

    /// All events.
    pub(super) fn history(&self) -> History {
        let grid = grid();
        let genesis = Genesis { cluster: 1, grid, n: self.n, context_key: [0; 32] };
        let first = event(1, Default::default(), Change::Create(genesis));
        let mut history = History::fold(vec![first]).expect("it creates the cluster");
        let mut changes: Vec<Change> =
            self.members.iter().map(|node| Change::Add { member: member(*node, *node), seed: true }).collect();
        changes.push(Change::Bucket(Bucket {
            id: BUCKET,
            name: NAME.to_owned(),
            rule: Rule::Siblings,
            mode: Mode::Eventual,
            r: Level::Quorum,
            w: Level::Quorum,
            ..Bucket::default_bucket(self.n)
        }));
        changes.extend(self.turns.iter().map(|turn| match *turn {
            Turn::Join(node) => Change::Add { member: member(node, node), seed: true },
            Turn::Leave(node) => Change::Remove { member: member(node, node) },
            Turn::Replace { old, new } => Change::Replace { old: id(old), member: member(new, old), seed: true },
        }));
        for change in changes {
            let next = event(history.epoch().0 + 1, history.head(), change);
            history.append(next).expect("it follows");
        }
        history
    }
}

/// The bucket of the item.
pub(super) const BUCKET: BucketId = BucketId(1);
/// Its name.
pub(super) const NAME: &str = "siblings";

/// The id of a node.
pub(super) fn id(node: u8) -> NodeId {
    NodeId(u128::from(node) + 1)
}

/// The node of an id.
pub(super) fn node(id: NodeId) -> u8 {
    u8::try_from(id.0).map_or(u8::MAX, |id| id.wrapping_sub(1))
}

pub(super) fn grid() -> Grid {
    Grid::new(BITS).expect("it is small")
}

/// An item of the first partition.
pub(super) fn slot(number: u8) -> Slot {
    let named = |letter: u8| Slot::new(grid(), BUCKET, ItemKey::plain(vec![letter]));
    let mut slots = (b'a'..=b'z').map(named).filter(|slot| slot.partition == PartitionId(0));
    slots.nth(usize::from(number)).expect("there are so many")
}

fn event(epoch: u64, previous: proto::Digest, change: Change) -> Event {
    Event { epoch: Epoch(epoch), previous, at: Wall(epoch), nonce: epoch, change }
}

fn member(node: u8, place: u8) -> Member {
    Member {
        id: id(node),
        name: format!("node{node}"),
        uri: format!("uri{node}"),
        tokens: vec![grid().boundary(PartitionId(u16::from(place)))],
        weight: 100,
        zone: None,
    }
}
