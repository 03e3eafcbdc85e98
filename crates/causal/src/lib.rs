//! What happened before what: dots, version vectors, dotted version vector sets and hybrid logical clocks.
//!
//! Invariant: everything here is plain data with total functions on it; joining is idempotent, commutative and
//! associative, so replicas that exchanged the same states hold the same state, in whatever order and however often
//! the messages came. Refuses to know keys, values, buckets, replicas that are alive, bytes and time itself: a wall
//! clock reading is always an argument.
//!
//! Preguiça, Baquero, Almeida, Fonte, Gonçalves: *Dotted Version Vectors* (2010), and Almeida et al.: *Scalable and
//! Accurate Causality Tracking for Eventually Consistent Stores* (DAIS 2014), whose sets [`DvvSet`] follows. Stamps:
//! Kulkarni, Demirbas et al.: *Logical Physical Clocks* (OPODIS 2014).

mod dot;
mod dvv_set;
mod stamp;
mod version_vector;

pub use dot::{Actor, Dot};
pub use dvv_set::{DvvSet, MalformedSet};
pub use stamp::{ClockAhead, HybridClock, Stamp};
pub use version_vector::VersionVector;

/// What a client has seen of one key: the [`DvvSet::context`] of the states it read, merged.
///
/// It belongs to the key it was read from. Counters run over all the keys of an actor, so the context of one key,
/// used with another, would cover values its holder never saw.
pub type Context = VersionVector;
