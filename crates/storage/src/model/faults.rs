//! Failures planned for a model disk.
//!
//! Invariant: a planned failure happens once, at the call it was planned for, so that a failing seed replays.
//! Refuses to know what the failing call would have done.

use std::collections::BTreeMap;
use std::io;

use crate::error::StorageError;
use crate::model::model_path;
use stdx::Prng;

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
    /// A seeded choice for each unsynced batch: it is whole on disk, or not there, or half there, or has its size without
    /// its bytes. Recovery cuts the first that is not whole and everything behind it.
    Torn {
        /// Seed of the choices.
        seed: u64,
    },
    /// Every unsynced batch.
    Unsynced,
    /// Everything: the disk was replaced by an empty one.
    Disk,
}

/// What recovery makes of a journal with a batch that is not whole. All but the first are bugs, to be found.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Recovery {
    /// It cuts the first such batch and everything behind it.
    #[default]
    Cuts,
    /// It leaves out what is not whole and goes on with the batches behind it.
    KeepsTail,
    /// It keeps the half that is there.
    KeepsHalves,
}

/// How a batch was found after a power cut.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Whole,
    Half,
    Missing,
}

/// The state of each unsynced batch after a power cut, oldest first.
pub(super) fn after_power_cut(loss: CrashLoss, unsynced: usize) -> Vec<Found> {
    let whole_first = |kept: usize| {
        let of = |n: usize| if n < kept { Found::Whole } else { Found::Missing };
        (0..unsynced).map(of).collect()
    };
    match loss {
        CrashLoss::Nothing => whole_first(unsynced),
        CrashLoss::Suffix { seed } => whole_first(Prng::new(seed).index(unsynced + 1).unwrap_or(0)),
        CrashLoss::Unsynced | CrashLoss::Disk => whole_first(0),
        CrashLoss::Torn { seed } => {
            let mut prng = Prng::new(seed);
            // Blocks of a file reach the disk in any order; most of them have.
            let mut of = || match prng.below(8) {
                0 => Found::Half,
                1 => Found::Missing,
                _ => Found::Whole,
            };
            (0..unsynced).map(|_| of()).collect()
        }
    }
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
    /// Bytes of items and hints that may still be put; any number if `None`.
    pub(super) room: Option<u64>,
    /// Syncs say that they are done and do nothing.
    pub(super) lying: bool,
    /// What recovery does.
    pub(super) recovery: Recovery,
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
