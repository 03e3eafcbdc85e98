//! Which node of several gets a request: the load-balancing policies.
//!
//! Invariant: a policy chooses one of the candidates it is given, and depends on nothing but its arguments and what it chose
//! before: same candidates, same seed, same choices. Refuses to know sockets, clocks and the ring; who can be used at all was
//! settled before.

mod consistent_hashing;
mod least_connections;
mod round_robin;
mod token_aware;
mod two_choices;

pub use consistent_hashing::ConsistentHashing;
pub use least_connections::LeastConnections;
pub use round_robin::RoundRobin;
pub use token_aware::TokenAware;
pub use two_choices::TwoChoices;

use stdx::{Prng, Span};

/// A node, for a policy. The same node has the same number as long as the client lives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeNumber(pub u64);

/// A node that could get the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Which node.
    pub node: NodeNumber,
    /// Requests of this client that it has not answered yet.
    pub outstanding: u32,
    /// How long it took lately to answer, a moving average; zero if that is not known.
    pub latency: Span,
}

/// What a policy may know of the request.
#[derive(Clone, Copy, Default, Debug)]
pub struct Ask<'a> {
    /// A hash of the partition key; none if the request is about no single key.
    pub key: Option<u64>,
    /// The replicas of the key, the owner first; empty if there is no key, or if they are not known.
    pub replicas: &'a [NodeNumber],
    /// The first replica serves this request with one message less than the others: a change in a linearizable bucket.
    pub owner_first: bool,
}

/// A load-balancing policy.
pub trait Policy: Send {
    /// The position in `of` of the node that gets the request. `of` is never empty.
    fn choose(&mut self, ask: &Ask<'_>, of: &[Candidate], prng: &mut Prng) -> usize;
}

impl Policy for Box<dyn Policy> {
    fn choose(&mut self, ask: &Ask<'_>, of: &[Candidate], prng: &mut Prng) -> usize {
        (**self).choose(ask, of, prng)
    }
}

#[cfg(test)]
mod testing {
    use super::{Candidate, NodeNumber};
    use stdx::Span;

    /// `count` nodes that have nothing to do.
    pub(super) fn idle(count: u64) -> Vec<Candidate> {
        (0..count).map(|node| with(node, 0, 0)).collect()
    }

    /// A node with so many requests under way, and so slow.
    pub(super) fn with(node: u64, outstanding: u32, millis: u64) -> Candidate {
        Candidate { node: NodeNumber(node), outstanding, latency: Span::millis(millis) }
    }
}
