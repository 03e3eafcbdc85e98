//! How much memory and journal a disk engine may use.
//!
//! Invariant: the defaults fit a node that stays under 40 MiB resident while idle (docs/adr/0002).
//! Refuses to know the machine; whoever has more memory says so.

use fjall::config::CompressionPolicy;
use fjall::{CompressionType, Database, DatabaseBuilder, KeyspaceCreateOptions};

use crate::space::Space;

const MIB: u64 = 1024 * 1024;

/// fjall refuses less.
const JOURNAL_BYTES_MIN: u64 = 64 * MIB;

/// One thread is kept free for flushes, so that a long compaction cannot stop writes.
const WORKER_THREADS: usize = 2;

/// Bounds of a disk engine.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct DiskOptions {
    /// Memory for blocks of data, indexes and filters read from disk.
    pub cache_bytes: u64,
    /// Size at which the items' memory table is written out. At most four such tables exist at a time, mostly one or
    /// two. The value is stored when the data directory is created; later openings keep the stored one.
    pub memtable_bytes: u64,
    /// Journal size above which fjall writes out whatever keeps the oldest journal file alive; at least 64 MiB.
    /// Bounds the time to reopen. fjall works in journal files of 64 MB, so up to two more of them may exist.
    pub journal_bytes: u64,
}

impl Default for DiskOptions {
    fn default() -> DiskOptions {
        DiskOptions { cache_bytes: 8 * MIB, memtable_bytes: 8 * MIB, journal_bytes: 128 * MIB }
    }
}

impl DiskOptions {
    pub(super) fn database(&self, path: &std::path::Path) -> DatabaseBuilder<Database> {
        Database::builder(path)
            .cache_size(self.cache_bytes)
            .max_journaling_size(self.journal_bytes.max(JOURNAL_BYTES_MIN))
            // Compressing large values here would be done by the node's one thread.
            .journal_compression(CompressionType::None)
            .manual_journal_persist(true)
            .worker_threads(WORKER_THREADS)
    }

    pub(super) fn keyspace(&self, space: Space) -> KeyspaceCreateOptions {
        let memtable_bytes = match space {
            Space::Items => self.memtable_bytes,
            // Both are small beside the items and should not add as much memory again.
            Space::Meta | Space::Hints => self.memtable_bytes / 4,
        };
        KeyspaceCreateOptions::default()
            .manual_journal_persist(true)
            .max_memtable_size(memtable_bytes.max(MIB))
            .data_block_compression_policy(CompressionPolicy::new([
                CompressionType::None,
                CompressionType::None,
                CompressionType::Lz4,
            ]))
    }
}
