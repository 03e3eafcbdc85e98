//! How much memory and journal a disk engine may use.
//!
//! Invariant: the defaults fit a node that stays under 40 MiB resident while idle; the cache fills as data is read (docs/adr/0008).
//! Refuses to know the machine; whoever has more memory says so.

use super::journal::Sizes;

const MIB: u64 = 1024 * 1024;

/// Smaller memory tables would mean a table on disk for a handful of writes.
const MEMTABLE_BYTES_MIN: u64 = MIB / 16;

/// Journal files do not grow beyond this; larger ones would only take longer to fill with zeros.
const SEGMENT_BYTES_MAX: u64 = 16 * MIB;

/// Bounds of a disk engine.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct DiskOptions {
    /// Memory for what was read from disk: a quarter each for items that are read often and for where blocks are, half for blocks.
    pub cache_bytes: u64,
    /// Size at which the memory table is written out; at least 64 KiB. At most four such tables exist at a time, mostly
    /// one or two.
    pub memtable_bytes: u64,
    /// Journal size above which the memory table is written out although it is small; at least 2 MiB. Bounds the time
    /// to reopen. Two more files of an eighth of this, at most 16 MiB each, may exist.
    pub journal_bytes: u64,
    /// Writes that grow are refused while less than this is free on the device, or than a sixteenth of it if that is
    /// less: deletions, merges and the node's own records need room.
    pub reserve_bytes: u64,
}

impl Default for DiskOptions {
    fn default() -> DiskOptions {
        DiskOptions {
            cache_bytes: 32 * MIB,
            memtable_bytes: 8 * MIB,
            journal_bytes: 128 * MIB,
            reserve_bytes: 64 * MIB,
        }
    }
}

impl DiskOptions {
    pub(super) fn memtable_bytes(&self) -> usize {
        usize::try_from(self.memtable_bytes.max(MEMTABLE_BYTES_MIN)).unwrap_or(usize::MAX)
    }

    pub(super) fn journal_bytes(&self) -> u64 {
        self.journal_bytes.max(2 * MIB)
    }

    pub(super) fn sizes(&self) -> Sizes {
        Sizes { segment: (self.journal_bytes() / 8).min(SEGMENT_BYTES_MAX), reserve: self.reserve_bytes }
    }
}
