//! The contract between a node and its engine, small enough that another engine can be tried in a day.
//!
//! A node calls `apply` from its one thread; the batch is visible at once and gets a number. A second thread calls
//! `Syncer::sync` over and over; each return says up to which number everything is durable, so one fsync serves every
//! batch applied before it (group commit).
//!
//! Invariant: after a failed apply or a failed sync every later apply and sync fails with `Poisoned`; reads may go on.
//! Two failures harm nothing: a refusal of the batch itself, and `Full`, after which writes go on once there is room.
//! Refuses to know files, threads and timing.

use std::fmt;
use std::ops::ControlFlow;

use bytes::Bytes;

use crate::batch::Batch;
use crate::error::StorageError;
use crate::space::Space;

/// The number of an applied batch, from 1, counted anew in each opening. `Seq(0)` is before the first.
///
/// What an opening finds already on disk is durable before its first batch.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// The number of the next batch.
    #[must_use]
    pub const fn next(self) -> Seq {
        Seq(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// What a scan calls for each key and value; `Break` ends the scan.
pub type Visit<'a> = dyn FnMut(&[u8], &Bytes) -> ControlFlow<()> + 'a;

/// Reads of the current state.
pub trait Reader {
    /// The value of `key`, if any.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StorageError>;

    /// Visits the keys from `start` (inclusive) to `end` (exclusive; `None` is the end of the space) in ascending
    /// order, as they were when the scan began, however long it takes and whatever is written meanwhile.
    fn scan(&self, space: Space, start: &[u8], end: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StorageError>;
}

/// A store of atomic batches with deferred durability.
pub trait Engine: Reader {
    /// Applies `batch`: atomic, visible to every read at once, durable only when a sync reports its number or a later
    /// one. A batch that breaks a bound (`KeyEmpty`, `KeyTooLong`, `ValueTooLong`) and one for which there is no room
    /// (`Full`) are refused whole and harm nothing; any other failure poisons the engine.
    fn apply(&mut self, batch: Batch) -> Result<Seq, StorageError>;

    /// The number of the last applied batch.
    fn applied(&self) -> Seq;

    /// How many batches were found on disk at this opening, counted over the whole life of the directory. Together with a number of
    /// this opening it names a durable batch for good; what a crash took back may have had the same name.
    fn found(&self) -> u64;

    /// A handle for the thread that makes batches durable.
    fn syncer(&self) -> Box<dyn Syncer>;

    /// A handle for read-only work on another thread.
    fn reader(&self) -> Box<dyn Reader + Send>;

    /// Bytes held on disk, approximately.
    fn size(&self) -> Result<u64, StorageError>;

    /// What is done beside writes, and how far it is behind. Nothing, for an engine without tables.
    fn upkeep(&self) -> Upkeep {
        Upkeep::default()
    }
}

/// Work of an engine that nobody who writes waits for, unless it falls behind.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// Memory tables that wait to be written out.
    pub sealed: usize,
    /// Tables, or rows of them, that gather until they are merged; of the space that has most.
    pub young: usize,
    /// Bytes that were written out from memory tables since the engine was opened.
    pub written_out_bytes: u64,
    /// Bytes that merges wrote since then.
    pub merged_bytes: u64,
}

/// Makes applied batches durable.
pub trait Syncer: Send {
    /// Blocks until everything applied before the call is durable, and returns the last number that is durable now.
    /// After `Full` what was applied stays visible, is not durable, and may become so by another call.
    fn sync(&mut self) -> Result<Seq, StorageError>;
}
