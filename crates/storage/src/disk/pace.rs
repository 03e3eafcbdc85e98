//! How fast tables are written: in small pieces that the system is asked to bring to the disk at once, with pauses between them.
//!
//! A table that is written as fast as the processor allows reaches the disk in one piece when it is synced, and every fsync of
//! the journal meanwhile waits behind it, and with it every client that writes. There is nearly always time: a memory table
//! takes longer to fill than to be written out, and young tables longer to gather than to be merged. When there is not, there are no pauses.
//!
//! Invariant: whoever is told to hurry does so after one pause at most, which is no longer than a piece takes.
//! Refuses to know what is written, and when there is time.

use std::fs::File;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lsm_tree::TableId;
use lsm_tree::compaction::filter::{CompactionFilter, Context, Factory, ItemAccessor, Verdict};
use rustix::fs::{Advice, fadvise};

/// Bytes written between two pauses.
const PIECE_BYTES: u64 = 256 << 10;

/// A rate that knows no pauses.
const NO_PAUSES: u64 = u64::MAX;

/// What one kind of work may write per second. Changed at any time, by anybody.
pub(super) struct Pace {
    bytes_per_second: AtomicU64,
    written: AtomicU64,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { bytes_per_second: AtomicU64::new(NO_PAUSES), written: AtomicU64::new(0) }
    }
}

impl Pace {
    /// From now on, `bytes_per_second`; no pauses if `None`.
    pub(super) fn set(&self, bytes_per_second: Option<u64>) {
        self.bytes_per_second.store(bytes_per_second.unwrap_or(NO_PAUSES), Ordering::Relaxed);
    }

    /// Bytes written at this pace so far.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// How long `bytes` may take.
    fn span_of(&self, bytes: u64) -> Option<Duration> {
        let rate = self.bytes_per_second.load(Ordering::Relaxed);
        (rate != NO_PAUSES).then(|| Duration::from_micros(bytes.saturating_mul(1_000_000) / rate.max(1)))
    }
}

/// One piece after the other.
pub(super) struct Pieces {
    pace: Arc<Pace>,
    /// What is handed to the disk piece by piece, unless somebody else sees to that (`trickle`).
    tables: Option<Unsynced>,
    /// Bytes since the last pause, and when that was over.
    bytes: u64,
    begun: Instant,
}

impl Pieces {
    /// Of the tables in `folder` from number `first` on. Those that others write meanwhile are among them, which does no harm.
    pub(super) fn of_tables(pace: &Arc<Pace>, folder: PathBuf, first: TableId) -> Pieces {
        Pieces::new(pace, Some(Unsynced { folder, next: first, open: Vec::new() }))
    }

    fn new(pace: &Arc<Pace>, tables: Option<Unsynced>) -> Pieces {
        Pieces { pace: Arc::clone(pace), tables, bytes: 0, begun: Instant::now() }
    }

    /// `bytes` were written. Pauses now and then.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        if self.bytes < PIECE_BYTES {
            return;
        }
        self.pace.written.fetch_add(self.bytes, Ordering::Relaxed);
        self.tables.iter_mut().for_each(Unsynced::write_back);
        if let Some(left) = self.pace.span_of(self.bytes).and_then(|span| span.checked_sub(self.begun.elapsed())) {
            std::thread::sleep(left);
        }
        (self.bytes, self.begun) = (0, Instant::now());
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.pace.written.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

/// Tables that are being written, and how far each was handed to the disk.
struct Unsynced {
    folder: PathBuf,
    /// The number that no table was found under yet.
    next: TableId,
    open: Vec<(File, u64)>,
}

impl Unsynced {
    /// Asks the system to begin writing what is in its memory only. Nothing depends on it, so nobody is told if it fails.
    fn write_back(&mut self) {
        while let Ok(file) = File::open(self.folder.join(self.next.to_string())) {
            self.open.push((file, 0));
            self.next += 1;
        }
        // Only what is written last grows still, or what another thread writes.
        self.open.drain(..self.open.len().saturating_sub(2));
        for (file, done) in &mut self.open {
            let len = file.metadata().map_or(0, |metadata| metadata.len());
            if let Some(more) = NonZeroU64::new(len.saturating_sub(*done)) {
                // Of pages that were just written this only begins the writing: they are not clean, and stay.
                let _ = fadvise(&*file, *done, Some(more), Advice::DontNeed);
                *done = len;
            }
        }
    }
}

/// Paces merges, as something that looks at each item of a merge and keeps it.
pub(super) struct PacedMerges(pub(super) Arc<Pace>);

impl Factory for PacedMerges {
    fn name(&self) -> &str {
        "pace"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        Box::new(Paced(Pieces::new(&self.0, None)))
    }
}

struct Paced(Pieces);

impl CompactionFilter for Paced {
    fn filter_item(&mut self, item: ItemAccessor<'_>, _: &Context) -> lsm_tree::Result<Verdict> {
        self.0.wrote(item.key().len() + item.value()?.len());
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::{PIECE_BYTES, Pace, Pieces};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    #[test]
    fn what_is_paced_takes_its_time_and_every_byte_is_counted() {
        let folder = tempfile::tempdir().expect("a directory");
        let pace = Arc::<Pace>::default();
        pace.set(Some(20 * PIECE_BYTES));
        let begun = Instant::now();
        let mut pieces = Pieces::of_tables(&pace, folder.path().to_owned(), 0);
        (0..4 * PIECE_BYTES / 1_000).for_each(|_| pieces.wrote(1_000));
        drop(pieces);
        assert!(begun.elapsed() >= Duration::from_millis(3 * 50), "three whole pieces at twenty per second");
        assert_eq!(pace.written(), 4 * PIECE_BYTES / 1_000 * 1_000);
    }

    #[test]
    fn pages_that_were_handed_to_the_disk_can_be_read() {
        let folder = tempfile::tempdir().expect("a directory");
        let bytes = vec![7; 2 * PIECE_BYTES as usize];
        let mut pieces = Pieces::of_tables(&Arc::default(), folder.path().to_owned(), 5);
        for table in ["5", "6", "7", "8"] {
            std::fs::write(folder.path().join(table), &bytes).expect("a table");
            pieces.wrote(bytes.len());
        }
        for table in ["5", "6", "7", "8"] {
            assert!(std::fs::read(folder.path().join(table)).expect("a table") == bytes);
        }
    }
}
