//! Why a request was not done.
//!
//! Refuses to know the words that users read: those are of the interfaces.

use super::Current;
use crate::amendment::Unchanged;
use crate::bucket::Level;
use stdx::Span;

/// Why a request was not done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// There is no bucket of this name.
    UnknownBucket(String),
    /// The level asks for more replicas than there are, or for none.
    LevelImpossible {
        /// What was asked.
        level: Level,
        /// Replicas there are.
        replicas: u8,
    },
    /// Too few replicas answered in time. A write may have been applied all the same.
    QuorumUnmet {
        /// Answers needed.
        needed: u8,
        /// Answers had.
        got: u8,
        /// It was a write.
        write: bool,
    },
    /// Fewer replicas can be reached than are needed, as was known before anything was done. Nothing was written.
    OutOfReach {
        /// Answers needed.
        needed: u8,
        /// Replicas that can be reached, or have answered.
        reachable: u8,
    },
    /// The node that was to coordinate did not answer in time. A write may have been applied all the same.
    NoAnswer {
        /// It was a write.
        write: bool,
    },
    /// The node has not come in yet, or is leaving.
    NotReady(String),
    /// Too much work is waiting here.
    Overloaded,
    /// The item has too many siblings; read it and write with its context.
    TooManySiblings {
        /// How many there are.
        count: u32,
    },
    /// The context claims versions that this cluster never made.
    ContextUnknown,
    /// The bucket is linearizable, and this is not served for such buckets.
    ModeUnsupported(String),
    /// The condition of a change does not hold; this is what is there. The change is not made and never will be.
    ConditionFailed(Box<Current>),
    /// An amendment does not apply to what is there. Nothing was changed.
    Unchanged(Unchanged),
    /// A change that was tried before may have been made, or may be yet: too many others have been made since to tell, or it does not
    /// apply now and whoever tried it before may still be at it.
    OutcomeUnknown,
    /// This node's disk is full; reads go on.
    DiskFull,
    /// This node's storage failed.
    StorageFailed(String),
    /// A membership change is impossible; the sentence says why and what to do.
    ChangeRefused(String),
    /// A majority of the voters could not be reached.
    NoMajority {
        /// Voters there are.
        voters: u8,
        /// Voters that answered.
        reached: u8,
    },
    /// The plan is no longer the one that would be carried out.
    PlanChanged,
    /// A part of the request is out of bounds; the sentence says which.
    Invalid(String),
    /// Whoever asks may not do this; the sentence says what it takes. Said by the interfaces, before the node is asked.
    NotAllowed(String),
    /// Whoever asks does so faster than agreed. Said by the interfaces, before the node is asked.
    TooFast {
        /// When to ask again.
        wait: Span,
    },
}
