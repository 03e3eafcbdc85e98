//! Which moments open scans look at, so that the memory table keeps what they need.
//!
//! Invariant: a moment is watched from before a scan reads anything until the scan is dropped.
//! Refuses to know what is read.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::guard::lock;
use super::journal::Lsn;

/// Moments, named by the last batch before them, and how many scans look at each.
#[derive(Default)]
pub(super) struct Snapshots {
    open: Mutex<BTreeMap<Lsn, usize>>,
    newest: AtomicU64,
}

/// Ends the watch when dropped.
pub(super) struct Watch<'a> {
    snapshots: &'a Snapshots,
    pub(super) lsn: Lsn,
}

impl Snapshots {
    /// Watches the moment after batch `lsn`. To be called between two batches.
    pub(super) fn watch(&self, lsn: Lsn) -> Watch<'_> {
        let mut open = lock(&self.open);
        *open.entry(lsn).or_default() += 1;
        self.publish(&open);
        Watch { snapshots: self, lsn }
    }

    /// The newest moment that anybody looks at, or 0.
    pub(super) fn newest(&self) -> Lsn {
        self.newest.load(Ordering::Acquire)
    }

    fn publish(&self, open: &BTreeMap<Lsn, usize>) {
        self.newest.store(open.last_key_value().map_or(0, |(lsn, _)| *lsn), Ordering::Release);
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let mut open = lock(&self.snapshots.open);
        if let Some(count) = open.get_mut(&self.lsn) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.lsn);
            }
        }
        self.snapshots.publish(&open);
    }
}
