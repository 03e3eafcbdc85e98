//! What one opening of a data directory shares between the node's thread, its readers, its syncers and its workers:
//! the journal, the memory tables, the tables, and the view that says which of them make up the present.
//!
//! A view is replaced as a whole, so whoever holds one can go on reading it: memory tables and files live as long as a
//! view names them. The lock around it is held for an exchange of pointers only.
//!
//! Invariant: a memory table leaves the view in the same exchange that brings the tables it was written to, or later.
//! Refuses to know when to write out and when to merge; the workers do.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use bytes::Bytes;

use super::guard::{Poison, read, write};
use super::journal::{Journal, Lsn};
use super::memtable::{Found, Memtable};
use super::merge::{MemtableScan, Merge, Source};
use super::options::DiskOptions;
use super::range::bounds;
use super::runs::{Runs, hash_of};
use super::snapshots::Snapshots;
use super::tables::Tables;
use super::workers::Signals;
use crate::batch::{Change, KEY_BYTES_MAX};
use crate::engine::{Upkeep, Visit};
use crate::error::StorageError;
use crate::space::Space;

/// Bytes per second of a memory table that is written out while no other waits for it.
const WRITE_OUT_PER_SECOND: u64 = 32 << 20;

/// Bytes per second of a merge when as many young runs wait as gather while much is written.
const MERGE_PER_SECOND: u64 = 16 << 20;

/// With so many young runs, a merge is one that nobody waits for, and has a quarter of that. With one more it has half.
const LEISURE: usize = 6;

/// Young runs with which merges begin to hurry. Each two more double their pace, up to `HURRIED` of them.
const HURRY: usize = 13;

/// With so many, merges have no pauses.
const HURRIED: usize = 20;

/// Bytes per second of a merge when so many young runs wait.
fn merge_rate(young: usize) -> Option<u64> {
    let doublings = (young + 1).saturating_sub(HURRY).div_ceil(2);
    let halvings = (LEISURE + 2).saturating_sub(young).min(2);
    (young < HURRIED).then_some((MERGE_PER_SECOND >> halvings) << doublings)
}

/// One opening.
pub(super) struct Store {
    /// The data directory.
    pub(super) path: PathBuf,
    pub(super) options: DiskOptions,
    pub(super) journal: Journal,
    pub(super) tables: [Tables; Space::ALL.len()],
    view: RwLock<Arc<View>>,
    /// The last batch that reads can see.
    visible: AtomicU64,
    snapshots: Snapshots,
    pub(super) signals: Signals,
    pub(super) poison: Arc<Poison>,
}

/// The present at one moment.
#[derive(Clone)]
pub(super) struct View {
    /// Newest first; changes go to the first.
    pub(super) memtables: Vec<Arc<Memtable>>,
    /// The tables of each space.
    pub(super) runs: [Arc<Runs>; Space::ALL.len()],
}

impl View {
    /// A view of `tables` and an empty memory table.
    pub(super) fn new(tables: &[Tables; Space::ALL.len()]) -> View {
        let runs = Space::ALL.map(|space| Arc::new(tables[space.index()].runs()));
        View { memtables: vec![Arc::default()], runs }
    }

    pub(super) fn active(&self) -> &Arc<Memtable> {
        &self.memtables[0]
    }

    /// Memory tables that wait to be written out.
    pub(super) fn sealed(&self) -> usize {
        self.memtables.len() - 1
    }

    /// Young runs of the space that has most.
    pub(super) fn young(&self) -> usize {
        self.runs.iter().map(|runs| runs.young).max().unwrap_or(0)
    }

    /// Of these, those that wait for a merge, of the space that has most.
    pub(super) fn waiting(&self) -> usize {
        self.runs.iter().map(|runs| runs.waiting).max().unwrap_or(0)
    }

    /// Begins a new memory table.
    pub(super) fn seal(&self) -> View {
        let mut memtables = Vec::with_capacity(self.memtables.len() + 1);
        memtables.push(Arc::default());
        memtables.extend(self.memtables.iter().cloned());
        View { memtables, runs: self.runs.clone() }
    }

    /// Takes the tables of `space` as they are now, unless newer ones are known.
    pub(super) fn with_runs(&mut self, space: Space, runs: &Arc<Runs>) {
        let known = &mut self.runs[space.index()];
        if runs.id > known.id {
            *known = Arc::clone(runs);
        }
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        let hash = hash_of(key);
        for memtable in &self.memtables {
            if let Found::Version(value) = memtable.get(space, key, hash) {
                return Ok(value);
            }
        }
        Ok(self.runs[space.index()].get(key, hash)?.and_then(|version| version.value))
    }

    /// The live keys of a range as they were after batch `until`.
    pub(super) fn range<'a>(
        &'a self,
        space: Space,
        start: &[u8],
        end: Option<&[u8]>,
        until: Lsn,
    ) -> Result<Option<Merge<'a>>, StorageError> {
        let Some(bounds) = bounds(start, end) else { return Ok(None) };
        let mut sources: Vec<(Source<'a>, _)> = Vec::new();
        for memtable in self.memtables.iter().filter(|memtable| !memtable.is_empty(space)) {
            let hidden = memtable.hidden(space, until);
            sources.push((Box::new(MemtableScan::new(memtable, space, (start, end), until)), hidden));
        }
        sources.extend(self.runs[space.index()].ranges(bounds).into_iter().map(|run| (run, Vec::new())));
        Merge::new(sources).map(Some)
    }
}

impl Store {
    pub(super) fn new(
        (path, options): (PathBuf, DiskOptions),
        journal: Journal,
        tables: [Tables; Space::ALL.len()],
        view: View,
        poison: Arc<Poison>,
    ) -> Store {
        let visible = AtomicU64::new(journal.appended());
        let (view, snapshots, signals) = (RwLock::new(Arc::new(view)), Snapshots::default(), Signals::default());
        Store { path, options, journal, tables, view, visible, snapshots, signals, poison }
    }

    pub(super) fn view(&self) -> Arc<View> {
        Arc::clone(&read(&self.view))
    }

    /// Replaces the view by what `change` makes of it.
    pub(super) fn change_view(&self, change: impl FnOnce(&View) -> View) {
        let old = {
            let mut view = write(&self.view);
            let changed = Arc::new(change(&view));
            std::mem::replace(&mut *view, changed)
        };
        // Freeing a memory table takes long; nobody has to wait for it.
        drop(old);
    }

    /// Lets tables be written as slowly as there is time for: at full speed when memory tables or young tables pile up, or to end.
    pub(super) fn set_paces(&self) {
        let view = self.view();
        let is_ending = self.signals.is_stopped();
        let [Tables { shared, .. }, ..] = &self.tables;
        shared.writing_out.set((view.sealed() < 2 && !is_ending).then_some(WRITE_OUT_PER_SECOND));
        shared.merging.set(merge_rate(view.waiting()).filter(|_| !is_ending));
    }

    pub(super) fn upkeep(&self) -> Upkeep {
        let view = self.view();
        let [Tables { shared, .. }, ..] = &self.tables;
        let (written_out_bytes, merged_bytes) = (shared.writing_out.written(), shared.merging.written());
        Upkeep { sealed: view.sealed(), young: view.young(), written_out_bytes, merged_bytes }
    }

    /// Makes the changes of batch `lsn` visible. Called by one thread, in the order of the batches. Returns the memory
    /// that the active memory table takes now.
    pub(super) fn show(&self, changes: Vec<Change>, lsn: Lsn) -> usize {
        let watched = || self.snapshots.newest();
        let visible = || self.visible.store(lsn, Ordering::Release);
        self.view().active().apply(changes, lsn, watched, visible)
    }

    /// The last batch that reads can see.
    pub(super) fn visible(&self) -> Lsn {
        self.visible.load(Ordering::Acquire)
    }

    pub(super) fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            // No such key can have been stored, and lsm-tree panics when asked for it.
            return Ok(None);
        }
        self.view().get(space, key)
    }

    pub(super) fn scan(
        &self,
        space: Space,
        start: &[u8],
        end: Option<&[u8]>,
        visit: &mut Visit<'_>,
    ) -> Result<(), StorageError> {
        let view = self.view();
        // The moment is watched before the next batch can overwrite what was visible in it.
        let watch = view.active().between_batches(|| self.snapshots.watch(self.visible()));
        for entry in view.range(space, start, end, watch.lsn)?.into_iter().flatten() {
            let (key, version) = entry?;
            let value = version.value.expect("a merge gives no deletions");
            if let ControlFlow::Break(()) = visit(&key, &value) {
                break;
            }
        }
        Ok(())
    }

    /// Bytes on the device, approximately.
    pub(super) fn size(&self) -> Result<u64, StorageError> {
        let tables: u64 = self.view().runs.iter().map(|runs| runs.bytes).sum();
        Ok(tables + self.journal.occupied()?)
    }
}

#[cfg(test)]
mod tests {
    use super::{HURRIED, LEISURE, MERGE_PER_SECOND, merge_rate};

    #[test]
    fn merges_hurry_the_more_the_more_waits() {
        assert_eq!(merge_rate(LEISURE), Some(MERGE_PER_SECOND / 4));
        assert_eq!((merge_rate(8), merge_rate(12)), (Some(MERGE_PER_SECOND), Some(MERGE_PER_SECOND)));
        let rates: Vec<Option<u64>> = (0..HURRIED).map(merge_rate).collect();
        assert!(rates.is_sorted() && rates.iter().all(Option::is_some), "{rates:?}");
        assert_eq!(merge_rate(HURRIED - 1), Some(MERGE_PER_SECOND << 4));
        assert_eq!(merge_rate(HURRIED), None);
    }
}
