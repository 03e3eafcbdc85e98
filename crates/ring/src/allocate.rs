//! The choice of tokens for a node that joins.
//!
//! Only the newcomer's tokens are chosen; those of other members never move, so a join moves little more than the
//! newcomer's own share. A newcomer may get fewer tokens than asked for when boundaries run short, but always
//! one.
//!
//! Invariant: only free boundaries are chosen, each once.
//! Refuses to change the ring: it proposes, the caller decides.

mod draft;
mod even;
pub(crate) mod fair;
mod reweigh;

use stdx::Prng;

use crate::{PartitionId, Ring, RingError, Token};

pub use reweigh::reweigh;

/// How tokens are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// At random, as in the reference.
    Random,
    /// So that replicated load, relative to weight, becomes as even as possible.
    Even,
}

/// What is known of a node for which tokens are to be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// Its share of the load relative to the others; 100 is normal.
    pub weight: u32,
    /// Its zone, as in [`crate::Member`].
    pub zone: Option<String>,
    /// How many tokens it should get.
    pub count: usize,
}

/// Chooses tokens for a newcomer, sorted, for a cluster that keeps `n` copies. Refuses only when every boundary has a
/// token.
pub fn allocate(
    ring: &Ring,
    newcomer: &Newcomer,
    n: usize,
    how: Allocation,
    prng: &mut Prng,
) -> Result<Vec<Token>, RingError> {
    let grid = ring.grid();
    let free = grid.count() as usize - ring.vnodes().len();
    if free == 0 {
        return Err(RingError::Full { partitions: grid.count() });
    }
    let count = allotted(newcomer.count, free);
    let chosen = match how {
        Allocation::Random => random(ring, count, prng),
        Allocation::Even => even::choose(ring, newcomer, count, n.max(1), prng),
    };
    let mut tokens: Vec<Token> = chosen.into_iter().map(|partition| grid.boundary(partition)).collect();
    tokens.sort_unstable();
    Ok(tokens)
}

/// How many tokens a newcomer gets: what it asks for, but at most an eighth of what is free, and at least one. So the
/// last boundaries go to several nodes, and none is refused while one is left.
///
/// The real limit comes earlier: a token costs its node at least n partition replicas, and tokens never move, so load
/// is even only while all nodes together ask for no more tokens than there are boundaries.
fn allotted(asked: usize, free: usize) -> usize {
    asked.min(free / 8).max(1)
}

fn random(ring: &Ring, count: usize, prng: &mut Prng) -> Vec<PartitionId> {
    let mut taken = vec![false; ring.grid().count() as usize];
    for vnode in ring.vnodes() {
        taken[vnode.end.index()] = true;
    }
    let mut free: Vec<PartitionId> = ring.grid().partitions().filter(|p| !taken[p.index()]).collect();
    prng.shuffle(&mut free);
    free.truncate(count);
    free
}

#[cfg(test)]
mod tests {
    use stdx::Prng;

    use super::{Allocation, Newcomer, allocate};
    use crate::report::{Growth, Nodes};
    use crate::{Grid, Ring, RingError};

    #[test]
    fn equal_nodes_stay_within_five_percent() {
        let mut growth = Growth::new(Grid::new(11).unwrap(), Nodes::Equal(16), 3, Allocation::Even, 1);
        for _ in 0..60 {
            let step = growth.join().unwrap();
            assert!(step.most <= 1.05, "{step:?}");
            assert!(step.nodes <= 3 || step.moved <= 1.05, "{step:?}");
        }
    }

    #[test]
    fn weights_are_honoured_once_there_are_enough_nodes() {
        let mut growth = Growth::new(Grid::default(), Nodes::Weighted(16), 3, Allocation::Even, 1);
        for _ in 0..30 {
            let step = growth.join().unwrap();
            assert!(step.nodes < 12 || (step.most <= 1.05 && step.least >= 0.95), "{step:?}");
        }
    }

    #[test]
    fn zones_are_even_within() {
        let mut growth = Growth::new(Grid::default(), Nodes::Zoned(16), 3, Allocation::Even, 1);
        for _ in 0..30 {
            let step = growth.join().unwrap();
            assert!(step.most <= 1.05, "{step:?}");
        }
    }

    #[test]
    fn a_ring_takes_nodes_until_no_boundary_is_left() {
        let grid = Grid::new(6).unwrap();
        let mut growth = Growth::new(grid, Nodes::Equal(8), 3, Allocation::Even, 1);
        let mut tokens = 0;
        while let Ok(step) = growth.join() {
            assert!((1..=8).contains(&step.tokens));
            tokens += step.tokens;
        }
        assert_eq!(tokens, 64);
        let newcomer = Newcomer { weight: 100, zone: None, count: 1 };
        let refused = allocate(growth.ring(), &newcomer, 3, Allocation::Random, &mut Prng::new(1));
        assert_eq!(refused, Err(RingError::Full { partitions: 64 }));
    }

    #[test]
    fn the_smallest_grid_has_room_for_one() {
        let ring = Ring::empty(Grid::new(0).unwrap());
        let newcomer = Newcomer { weight: 0, zone: None, count: 16 };
        let tokens = allocate(&ring, &newcomer, 3, Allocation::Even, &mut Prng::new(1)).unwrap();
        assert_eq!(tokens.len(), 1);
    }
}
