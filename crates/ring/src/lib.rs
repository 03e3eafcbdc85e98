//! Who is responsible for a key: tokens, partitions, members, preference lists, the difference between two rings, and
//! the choice of tokens for a node that joins.
//!
//! The way in is [`Ring`], an immutable value. A key becomes a [`Token`], a [`Grid`] says in which [`PartitionId`] the
//! token lies, and the ring says which nodes hold that partition.
//!
//! Invariant: everything here is a pure function of its arguments; random choices come from a seeded generator that is
//! handed in, and nothing depends on the order of a hash map.
//! Refuses to know who is alive or reachable, what an epoch is, and what is stored.

pub mod report;

mod allocate;
mod difference;
mod error;
mod member;
mod partition;
mod preference_list;
mod ring;
mod token;

pub use allocate::{Allocation, Newcomer, allocate, reweigh};
pub use difference::{Gain, difference};
pub use error::RingError;
pub use member::{Member, NodeId, NodeIdError};
pub use partition::{Grid, PartitionId};
pub use ring::Ring;
pub use token::{Token, TokenError};
