//! What replicas answer to writes, reads, scans and proposers.

use crate::fences::Fences;
use crate::ids::BucketId;
use crate::item::ItemKey;
use crate::paxos::register::Answer;
use crate::record::{Record, Version};
use crate::store::StoreOutcome;

/// A replica's answer to a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ack {
    /// Merged, and durable as asked.
    Done,
    /// The message's epoch is fenced off, or not known here yet; this is where the replica stands.
    Stale(Fences),
    /// The disk is full.
    Full,
    /// Storage failed.
    Failed,
}

/// A replica's answer to a read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReadAnswer {
    /// What it holds, which may be nothing.
    Held(Option<Record>),
    /// The message's epoch is fenced off, or not known here yet; this is where the replica stands.
    Stale(Fences),
    /// Storage failed; it may do better later.
    Failed,
    /// The stored bytes are damaged; it does not know what it held.
    Damaged,
}

/// A replica's answer to a scan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ScanAnswer {
    /// Records in storage order, tombstones among them, and whether more follow the last one.
    Held {
        /// The records.
        items: Vec<(BucketId, ItemKey, Record)>,
        /// The range goes on behind the last item.
        more: bool,
    },
    /// The message's epoch is fenced off, or not known here yet; this is where the replica stands.
    Stale(Fences),
    /// Storage failed, or the stored bytes are damaged.
    Failed,
}

impl From<StoreOutcome> for ScanAnswer {
    fn from(outcome: StoreOutcome) -> ScanAnswer {
        match outcome {
            StoreOutcome::Page { items, more, .. } => ScanAnswer::Held { items, more },
            _ => ScanAnswer::Failed,
        }
    }
}

/// A replica's answer about an item of a linearizable bucket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RegisterAnswer {
    /// What the register says; durable as far as it must be.
    Said(Answer<Version>),
    /// The message's epoch is not mine; so far am I.
    Stale(Fences),
    /// Storage failed, or the stored bytes are damaged.
    Failed,
}
