//! What can go wrong in a store, typed so that a node can decide and worded so that a person can act.
//!
//! Invariant: every sentence says what happened, where, and what to do.
//! Refuses to know which engine failed; its own errors arrive here as text.

use std::path::{Path, PathBuf};
use std::{fmt, io};

/// A failure of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageError {
    /// The operating system failed an operation.
    Io {
        /// What was being done, as a verb phrase.
        what: &'static str,
        /// On what file or directory.
        path: PathBuf,
        /// The kind of failure, to decide on.
        kind: io::ErrorKind,
        /// The system's words.
        message: String,
    },
    /// No space is left on the device.
    Full {
        /// The data directory.
        path: PathBuf,
    },
    /// Bytes on disk are not what was written.
    Corrupt {
        /// What was damaged.
        what: String,
        /// What should have been there.
        expected: String,
        /// What was there.
        got: String,
    },
    /// Batches that were durable are gone from the journal. The directory was left as it is; the node that it belongs to
    /// must be treated as one that lost its disk, because others rely on what it acknowledged.
    WritesLost {
        /// The journal.
        path: PathBuf,
        /// The last batch that is whole, counted over the life of the directory.
        kept: u64,
        /// A batch that was durable; everything after `kept` up to this one, at least, is lost.
        synced: u64,
    },
    /// An earlier failure left it unknown what is on disk, so nothing more is written.
    Poisoned {
        /// The earlier failure.
        why: String,
    },
    /// Another process has the data directory open.
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The directory is not a data directory that this program understands.
    Format {
        /// The directory or its format file.
        path: PathBuf,
        /// What was found.
        found: String,
        /// The format version this program reads and writes.
        supported: u32,
    },
    /// A key has no bytes.
    KeyEmpty,
    /// A key is longer than any engine accepts.
    KeyTooLong {
        /// Its length in bytes.
        len: usize,
        /// The longest accepted.
        max: usize,
    },
    /// A value is longer than any engine accepts.
    ValueTooLong {
        /// Its length in bytes.
        len: usize,
        /// The longest accepted.
        max: usize,
    },
    /// The handle belongs to an opening that has ended.
    Closed,
}

impl StorageError {
    /// An operating system's error on `path`; a full device becomes [`StorageError::Full`].
    pub(crate) fn io(what: &'static str, path: &Path, error: &io::Error) -> StorageError {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StorageError::Full { path: path.to_owned() },
            kind => StorageError::Io { what, path: path.to_owned(), kind, message: error.to_string() },
        }
    }

    /// True if the batch itself was at fault: it was refused whole and the engine is as good as before.
    pub fn is_refusal(&self) -> bool {
        matches!(self, StorageError::KeyEmpty | StorageError::KeyTooLong { .. } | StorageError::ValueTooLong { .. })
    }

    /// True if the newest acknowledged writes of this store are known to be gone, so that its node counts as one that
    /// lost its disk.
    pub fn is_loss(&self) -> bool {
        matches!(self, StorageError::WritesLost { .. })
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorageError::Io { what, path, message, .. } => {
                write!(f, "could not {what} at {}: {message}; check the device and its permissions", path.display())
            }
            StorageError::Full { path } => {
                write!(f, "no space is left for {}; free some space, and writes go on by themselves", path.display())
            }
            StorageError::Corrupt { what, expected, got } => {
                write!(
                    f,
                    "{what} is damaged: expected {expected}, got {got}; \
                     replace the disk or the data directory and let the node be refilled by its peers"
                )
            }
            StorageError::WritesLost { path, kept, synced } => {
                write!(
                    f,
                    "the newest writes of this node are lost: {} is damaged after batch {kept}, but batch {synced} was \
                     on disk; remove the data directory and let the node be replaced and refilled by its peers",
                    path.display()
                )
            }
            StorageError::Poisoned { why } => {
                write!(
                    f,
                    "the store takes no more writes because an earlier one failed ({why}); \
                     repair the cause, then restart the node"
                )
            }
            StorageError::Locked { path } => {
                write!(
                    f,
                    "{} is held by another process; stop that process or use another data directory",
                    path.display()
                )
            }
            StorageError::Format { path, found, supported } => {
                write!(
                    f,
                    "{} is not a data directory of format {supported}: found {found}; \
                     use an empty directory, or the program version that wrote this one",
                    path.display()
                )
            }
            StorageError::KeyEmpty => write!(f, "a key is empty; use a key of at least one byte"),
            StorageError::KeyTooLong { len, max } => {
                write!(f, "a key has {len} bytes; use a key of at most {max} bytes")
            }
            StorageError::ValueTooLong { len, max } => {
                write!(f, "a value has {len} bytes; use a value of at most {max} bytes")
            }
            StorageError::Closed => write!(f, "the store was closed or crashed under this handle; open it again"),
        }
    }
}

impl std::error::Error for StorageError {}
