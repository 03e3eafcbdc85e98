//! The threads of an opening: one prepares journal files, one writes memory tables out, one merges tables, and one gives back the
//! room of those that were merged away.
//!
//! A full disk does not stop them: they try again after a while, or when somebody writes. Any other failure poisons.
//!
//! Invariant: a journal file is released only after everything in it was written out. Stopping waits for the step that is
//! under way, not for all that could be done.
//! Refuses to know what a step does.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::flush;
use super::guard::{lock, wait};
use super::patience::Patience;
use super::store::Store;
use crate::error::StorageError;
use crate::space::Space;

/// How long a worker waits after a full disk before it tries again.
const RETRY: Duration = Duration::from_millis(200);

/// The same for merging tables, which may write much before it finds that there is no room.
const MERGE_RETRY: Duration = Duration::from_secs(5);

/// How far merging stands back behind the threads that clients wait for, where processors are scarce: a third of their share.
/// Not further, for who writes has to wait, too, when merging falls behind.
const MERGE_NICE: i32 = 5;

/// When no memory table has been written out for so long, there is time to merge what reads would have to look at.
const QUIET: Duration = Duration::from_secs(2);

/// How long somebody may go on reading what was merged away before that is looked at again.
const IN_USE: Duration = Duration::from_secs(1);

/// How long at most the journal's mark lags behind what was synced.
const NOTE: Duration = Duration::from_secs(1);

/// Who works at what.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Work {
    Prepare,
    Flush,
    Compact,
    Empty,
}

/// What the threads tell each other.
#[derive(Default)]
pub(super) struct Signals {
    state: Mutex<State>,
    /// Something to do.
    work: Condvar,
    /// Something was done, or failed.
    progress: Condvar,
}

#[derive(Default)]
struct State {
    stop: bool,
    /// Who has something to do, by `Work`.
    wanted: [bool; 4],
    /// Why the last attempt to write a memory table out failed, while the disk is full.
    full: Option<StorageError>,
    /// The same of the last attempt to merge tables.
    no_merge: Option<StorageError>,
    /// A memory table was written out since tables were last merged.
    flushed: bool,
}

impl Signals {
    /// A journal file is wanted.
    pub(super) fn want_spare(&self) {
        self.want(Work::Prepare);
    }

    /// A memory table was sealed.
    pub(super) fn want_flush(&self) {
        self.want(Work::Flush);
    }

    /// Waits while `blocked` says so. Fails with `Full` if what is waited for cannot be done for want of room, unless
    /// `blocked` says that it was done.
    pub(super) fn wait_while(&self, blocked: impl Fn() -> bool) -> Result<(), StorageError> {
        let mut state = lock(&self.state);
        while blocked() {
            if let Some(full) = &state.full {
                return Err(full.clone());
            }
            state = wait(&self.progress, state);
        }
        Ok(())
    }

    fn want(&self, work: Work) {
        lock(&self.state).wanted[work as usize] = true;
        self.work.notify_all();
    }

    /// Waits until there is something to do for `work` or `patience` is over. False if it is time to stop.
    fn next(&self, work: Work, patience: Option<Duration>) -> bool {
        let mut state = lock(&self.state);
        while !state.stop && !state.wanted[work as usize] {
            let Some(patience) = patience else {
                state = wait(&self.work, state);
                continue;
            };
            let (guard, timed) = self.work.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
            state = guard;
            if timed.timed_out() {
                break;
            }
        }
        state.wanted[work as usize] = false;
        !state.stop
    }

    pub(super) fn is_stopped(&self) -> bool {
        lock(&self.state).stop
    }

    fn report(&self, full: Option<StorageError>) {
        lock(&self.state).full = full;
        self.progress.notify_all();
    }
}

/// The running threads.
pub(super) struct Workers {
    store: Arc<Store>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    pub(super) fn start(store: &Arc<Store>) -> Result<Workers, StorageError> {
        let mut workers = Workers { store: Arc::clone(store), threads: Vec::new() };
        for work in [Work::Prepare, Work::Flush, Work::Compact, Work::Empty] {
            let thread = spawn(Arc::clone(store), work);
            let failed = |error: io::Error| StorageError::io("start a thread for the engine", &store.path, &error);
            workers.threads.push(thread.map_err(failed)?);
        }
        Ok(workers)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let signals = &self.store.signals;
        lock(&signals.state).stop = true;
        signals.work.notify_all();
        self.store.set_paces();
        for thread in self.threads.drain(..) {
            // A worker that panicked has told so already.
            let _ = thread.join();
        }
    }
}

fn spawn(store: Arc<Store>, work: Work) -> io::Result<JoinHandle<()>> {
    let (name, step): (_, fn(&Store) -> Result<Option<Duration>, StorageError>) = match work {
        Work::Prepare => ("journal", prepare),
        Work::Flush => ("flush", flush_all),
        Work::Compact => ("compact", compact_all),
        Work::Empty => ("trash", empty_all),
    };
    Builder::new().name(name.to_owned()).spawn(move || {
        if work == Work::Compact {
            // If the system does not let it, nothing but waiting times is worse.
            let _ = rustix::process::nice(MERGE_NICE);
        }
        let mut patience = Some(Duration::ZERO);
        while store.signals.next(work, patience) {
            patience = match step(&store) {
                Ok(patience) => patience,
                Err(StorageError::Full { .. }) if work == Work::Compact => Some(MERGE_RETRY),
                Err(StorageError::Full { .. }) => Some(RETRY),
                Err(StorageError::Poisoned { .. }) => None,
                Err(error) => {
                    store.poison.set(error);
                    None
                }
            };
            store.signals.report_poison(&store);
        }
    })
}

impl Signals {
    /// Wakes whoever waits for progress that will not come.
    fn report_poison(&self, store: &Store) {
        if store.poison.is_set() {
            let _state = lock(&self.state);
            self.progress.notify_all();
        }
    }
}

/// Prepares a journal file and notes how far the journal is synced.
fn prepare(store: &Store) -> Result<Option<Duration>, StorageError> {
    store.poison.check()?;
    store.journal.note_synced();
    store.journal.prepare()?;
    Ok(Some(NOTE))
}

/// Writes out every memory table that waits for it, oldest first.
fn flush_all(store: &Store) -> Result<Option<Duration>, StorageError> {
    while store.view().sealed() > 0 && !store.signals.is_stopped() {
        if store.view().runs.iter().any(|runs| runs.is_list_full()) {
            // Whoever waits for the memory table waits for a merge, then.
            store.signals.want(Work::Compact);
            let no_merge = lock(&store.signals.state).no_merge.clone();
            store.signals.report(no_merge);
            return Ok(Some(RETRY));
        }
        let flushed = store.poison.check().and_then(|()| flush_oldest(store));
        match flushed {
            Ok(()) => store.signals.report(None),
            Err(full @ StorageError::Full { .. }) => {
                store.signals.report(Some(full.clone()));
                return Err(full);
            }
            Err(error) => return Err(error),
        }
        lock(&store.signals.state).flushed = true;
        store.signals.want(Work::Compact);
    }
    Ok(None)
}

fn flush_oldest(store: &Store) -> Result<(), StorageError> {
    let view = store.view();
    let Some(oldest) = view.memtables.last() else { return Ok(()) };
    store.journal.sync_to(oldest.last())?;
    flush::write_out(oldest, &store.tables)?;
    let runs = flush::current_runs(&store.tables);
    store.change_view(|view| {
        let mut changed = view.clone();
        changed.memtables.retain(|memtable| !Arc::ptr_eq(memtable, oldest));
        Space::ALL.iter().for_each(|space| changed.with_runs(*space, &runs[space.index()]));
        changed
    });
    store.set_paces();
    store.journal.release(oldest.last())
}

/// Merges tables until nothing is due. A space for which there is no room does not keep the others waiting.
fn compact_all(store: &Store) -> Result<Option<Duration>, StorageError> {
    let mut full = None;
    let flushed = std::mem::take(&mut lock(&store.signals.state).flushed);
    let patience = if flushed { Patience::Busy } else { Patience::Quiet };
    for space in Space::ALL {
        match compact(store, space, patience) {
            Ok(()) => {}
            Err(error @ StorageError::Full { .. }) => full = Some(error),
            Err(error) => return Err(error),
        }
    }
    lock(&store.signals.state).no_merge.clone_from(&full);
    full.map_or(Ok(flushed.then_some(QUIET)), Err)
}

fn compact(store: &Store, space: Space, patience: Patience) -> Result<(), StorageError> {
    let tables = &store.tables[space.index()];
    while !store.signals.is_stopped() {
        store.poison.check()?;
        if !tables.compact(patience)? {
            break;
        }
        let runs = Arc::new(tables.runs());
        store.change_view(|view| {
            let mut changed = view.clone();
            changed.with_runs(space, &runs);
            changed
        });
        store.set_paces();
        store.signals.progress.notify_all();
        store.signals.want_flush();
        store.signals.want(Work::Empty);
    }
    Ok(())
}

/// Gives back the room of tables that were merged away. Not the merging thread's work: young tables would pile up meanwhile.
fn empty_all(store: &Store) -> Result<Option<Duration>, StorageError> {
    let goes_on = || !store.signals.is_stopped();
    let left: usize = store.tables.iter().map(|tables| tables.empty_trash(goes_on)).sum();
    if left == 0 && lock(&store.signals.state).no_merge.is_some() {
        // There may be room for it now.
        store.signals.want(Work::Compact);
    }
    Ok((left > 0).then_some(IN_USE))
}
