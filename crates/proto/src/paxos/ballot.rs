//! Ballots: who tries to decide, in which order.
//!
//! Invariant: two attempts never share a ballot. The counter is not stored; the incarnation, which is bumped durably at
//! every start, keeps an earlier life's ballots apart.

use ring::NodeId;

/// One attempt to decide. Ordered by counter first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ballot {
    /// Rises with each attempt.
    pub counter: u64,
    /// Who tries.
    pub node: NodeId,
    /// Which life of the node.
    pub incarnation: u64,
}

impl Default for Ballot {
    /// Below every ballot of any node.
    fn default() -> Ballot {
        Ballot { counter: 0, node: NodeId(0), incarnation: 0 }
    }
}

impl Ballot {
    /// No honest proposer gets here; a promise of the highest number there is would end all deciding.
    pub const COUNTER_MAX: u64 = 1 << 48;

    /// The lowest ballot of `node` that is above this one.
    pub fn above(self, node: NodeId, incarnation: u64) -> Ballot {
        Ballot { counter: self.counter + 1, node, incarnation }
    }
}
