//! The engine that keeps a data directory, on fjall: a log-structured merge tree per space behind one shared journal.
//!
//! The directory as a whole (format, lock, first creation) is in `directory`, reads and batches in `engine`, group
//! commit in `syncer`, the meaning of fjall's errors in `failure`.
//!
//! Invariant: fjall's types end in this module.
//! Refuses to know what is stored, and adds no checksums: fjall checks its blocks and its journal, `codec` the items.

mod directory;
mod engine;
mod failure;
mod options;
mod range;
mod syncer;

use std::fs::File;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;

use fjall::{Database, Keyspace};

pub use directory::FORMAT_VERSION;
pub use engine::DiskEngine;
pub use options::DiskOptions;

use crate::error::StorageError;
use crate::space::Space;

/// One opening of a data directory, shared by the engine, its readers and its syncers. The directory stays locked
/// until the last of them is dropped.
struct Opened {
    keyspaces: [Keyspace; Space::ALL.len()],
    database: Database,
    /// The data directory.
    path: PathBuf,
    /// Number of the last batch that reads can see.
    applied: AtomicU64,
    /// The first failure of an apply or a sync. Once set, nothing more is written.
    poison: OnceLock<String>,
    /// Declared last, so that fjall has written out its journal before another process may open the directory.
    _lock: File,
}

impl Opened {
    fn keyspace(&self, space: Space) -> &Keyspace {
        &self.keyspaces[space.index()]
    }

    fn check_poison(&self) -> Result<(), StorageError> {
        self.poison.get().map_or(Ok(()), |why| Err(StorageError::Poisoned { why: why.clone() }))
    }

    /// Translates a failed write and stops all further ones.
    fn poison(&self, error: StorageError) -> StorageError {
        if !error.is_refusal() {
            // A second failure finds the first one set, which is the one worth telling.
            let _ = self.poison.set(error.to_string());
        }
        error
    }
}
