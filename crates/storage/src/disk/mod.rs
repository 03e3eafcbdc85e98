//! The engine that keeps a data directory: a journal of its own, memory tables, and a log-structured merge tree of tables
//! per space (crate `lsm-tree`).
//!
//! ```text
//! apply ─► journal (memory) ─► memory table ─► visible      sync ─► journal written and synced ─► durable
//!              sealed memory table ─► tables, synced ─► journal files freed ─► tables merged
//! ```
//!
//! The directory as a whole (format, lock, first creation) is in `directory`, the journal in `journal`, batches and reads
//! in `engine` and `store`, what runs beside them in `workers`.
//!
//! Invariant: what a sync reported is found by every later opening, or the opening fails.
//! Refuses to know what is stored.

mod block_map;
mod chance;
mod directory;
mod engine;
mod flush;
mod guard;
mod heads;
mod item_cache;
mod journal;
mod key_marks;
mod list;
mod memtable;
mod merge;
mod options;
mod pace;
mod patience;
mod payload;
mod range;
mod runs;
mod snapshots;
mod store;
mod syncer;
mod tables;
mod trash;
mod trickle;
mod workers;

use std::fs::File;
use std::sync::Arc;

pub use directory::FORMAT_VERSION;
pub use engine::DiskEngine;
pub use options::DiskOptions;

use crate::engine::Seq;
use journal::Lsn;
use store::Store;
use workers::Workers;

/// The batches in the bytes of a journal file, by their numbers; what is no whole batch of ours ends the list. For tools
/// and fuzzing.
#[doc(hidden)]
#[must_use]
pub fn journal_batches(bytes: &[u8]) -> Vec<(u64, Option<Vec<crate::Change>>)> {
    journal::frames_of(bytes).into_iter().map(|(lsn, payload)| (lsn, payload::decode(payload))).collect()
}

/// One opening of a data directory, shared by the engine, its readers and its syncers. The directory stays locked
/// until the last of them is dropped.
struct Opened {
    /// Taken when the opening ends.
    workers: Option<Workers>,
    store: Arc<Store>,
    /// The last batch found when the directory was opened.
    found: Lsn,
    /// Declared last, so that everything is written before another process may open the directory.
    _lock: File,
}

impl Opened {
    /// The number within this opening.
    fn seq(&self, lsn: Lsn) -> Seq {
        Seq(lsn - self.found)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        drop(self.workers.take());
        self.store.journal.close();
    }
}
