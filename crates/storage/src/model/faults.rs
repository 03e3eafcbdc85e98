//! Failures planned for a model disk.
//!
//! Invariant: a planned failure happens once, at the call it was planned for, so that a failing seed replays.
//! Refuses to know what the failing call would have done.

use std::collections::BTreeMap;
use std::io;

use crate::error::StorageError;
use crate::model::model_path;

/// How a call fails.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No space left on the device.
    Full,
    /// The device reports an error.
    Io,
    /// Bytes were read that fail the engine's own checksum.
    Corrupt,
}

/// What a crash takes away.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum CrashLoss {
    /// Nothing: the process died but the operating system wrote everything out.
    Nothing,
    /// A seeded choice keeps some first part of the unsynced batches, from none to all of them.
    Suffix {
        /// Seed of the choice.
        seed: u64,
    },
    /// Every unsynced batch.
    Unsynced,
    /// Everything: the disk was replaced by an empty one.
    Disk,
}

/// The failures planned for one kind of call.
#[derive(Clone, Default)]
pub(super) struct Plan {
    calls: u64,
    failing: BTreeMap<u64, Fault>,
}

/// All planned failures of a disk.
#[derive(Clone, Default)]
pub(super) struct Faults {
    pub(super) apply: Plan,
    pub(super) sync: Plan,
    pub(super) read: Plan,
    /// While true, every apply fails with `Full`.
    pub(super) full: bool,
}

impl Plan {
    pub(super) fn plan(&mut self, nth: u64, fault: Fault) {
        self.failing.insert(self.calls + nth.max(1), fault);
    }

    /// Counts a call and returns its failure, if one was planned.
    pub(super) fn next(&mut self, what: &'static str) -> Result<(), StorageError> {
        self.calls += 1;
        self.failing.remove(&self.calls).map_or(Ok(()), |fault| Err(fault.error(what)))
    }
}

impl Fault {
    pub(super) fn error(self, what: &'static str) -> StorageError {
        match self {
            Fault::Full => StorageError::Full { path: model_path() },
            Fault::Io => StorageError::Io {
                what,
                path: model_path(),
                kind: io::ErrorKind::Other,
                message: "injected input/output error".to_owned(),
            },
            Fault::Corrupt => StorageError::Corrupt {
                what: "a block of the model disk".to_owned(),
                expected: "its checksum".to_owned(),
                got: "another one (injected)".to_owned(),
            },
        }
    }
}
