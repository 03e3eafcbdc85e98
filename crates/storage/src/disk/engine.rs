//! The engine in the hands of a node: batches in, reads out.
//!
//! A batch goes to the journal's memory, then to the memory table, and is visible; the syncer makes it durable. When the
//! memory table has its size, it is sealed and a worker writes it out. If the workers cannot keep up, batches are slowed
//! down little by little before they would have to wait.
//!
//! Invariant: a batch has its number only after reads can see it. A refused batch, and one for which there was no room,
//! changed nothing.
//! Refuses to know durability, which is the syncer's, and what the workers do.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::chance;
use super::guard::Poison;
use super::journal::vfs::SystemFolder;
use super::journal::{Journal, Lsn, Need, PAYLOAD_BYTES_MAX};
use super::options::DiskOptions;
use super::store::{Store, View};
use super::syncer::DiskSyncer;
use super::tables::{Shared, Tables};
use super::workers::Workers;
use super::{Opened, directory, flush, payload};
use crate::batch::{Batch, Change};
use crate::engine::{Engine, Reader, Seq, Syncer, Upkeep, Visit};
use crate::error::StorageError;
use crate::space::Space;

const JOURNAL: &str = "journal";

/// Memory tables that may wait to be written out.
const SEALED_MAX: usize = 3;

/// A batch slowed down sleeps for this long at a time, so as not to pay for a sleep with each batch.
const NAP: Duration = Duration::from_millis(1);

/// With so many young runs, merges are far behind.
const MANY: usize = 40;

/// Encoding buffers larger than this are not kept.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// The engine on a data directory.
pub struct DiskEngine {
    opened: Arc<Opened>,
    /// What the active memory table takes.
    active_bytes: usize,
    /// What it may take.
    full_bytes: usize,
    /// Bytes applied since the last nap.
    since_nap: usize,
    buffer: Vec<u8>,
}

/// Reads from another thread.
struct DiskReader {
    opened: Arc<Opened>,
}

impl DiskEngine {
    /// Opens the data directory at `path`, creating it if it is missing or empty. Everything found in it is durable.
    ///
    /// `WritesLost` if the newest writes that were durable are gone; the directory is left as it is then.
    pub fn open(path: &Path, options: &DiskOptions) -> Result<DiskEngine, StorageError> {
        let shared = Shared::new(options.cache_bytes);
        let (lock, folder) = directory::open(path, |folder| create(folder, &shared))?;
        let tables = open_tables(&folder, &shared)?;
        let poison = Arc::<Poison>::default();
        let journal_path = folder.join(JOURNAL);
        let in_tables = tables.iter().map(Tables::highest).max().unwrap_or(0);
        let mut replay = Replay { view: View::new(&tables), tables: &tables, options };
        let journal = Journal::open(
            Arc::new(SystemFolder::new(&journal_path)),
            &journal_path,
            (options.sizes(), in_tables),
            Arc::clone(&poison),
            &mut |lsn, payload| replay.apply(lsn, payload, &journal_path),
        )?;
        let view = replay.view;
        let active_bytes = view.active().bytes();
        let store = Arc::new(Store::new((path.to_owned(), *options), journal, tables, view, poison));
        let workers = Workers::start(&store)?;
        store.signals.want_flush();
        let found = store.journal.appended();
        let opened = Arc::new(Opened { workers: Some(workers), store, found, _lock: lock });
        let full_bytes = full_bytes(options);
        Ok(DiskEngine { opened, active_bytes, full_bytes, since_nap: 0, buffer: Vec::new() })
    }

    fn store(&self) -> &Store {
        &self.opened.store
    }

    /// Sees to it that the memory table may grow: seals a full one, waiting if too many wait to be written out.
    fn make_room(&mut self, need: Need) -> Result<(), StorageError> {
        if self.active_bytes < self.full_bytes {
            return Ok(());
        }
        let store = self.store();
        let full_bytes = store.options.memtable_bytes();
        let blocked = || store.view().sealed() >= SEALED_MAX && !store.poison.is_set();
        match store.signals.wait_while(blocked) {
            Err(StorageError::Full { .. }) if need > Need::Growth && store.view().active().bytes() < 2 * full_bytes => {
                return Ok(());
            }
            waited => waited?,
        }
        store.poison.check()?;
        self.seal();
        Ok(())
    }

    fn seal(&mut self) {
        let store = self.store();
        store.change_view(View::seal);
        store.set_paces();
        store.signals.want_flush();
        (self.full_bytes, self.active_bytes) = (full_bytes(&store.options), 0);
    }

    /// Sleeps a little now and then while the workers are behind.
    fn slow_down(&mut self, bytes: usize) {
        let view = self.store().view();
        let Some(bytes_per_nap) = bytes_per_nap(view.sealed(), view.waiting()) else {
            self.since_nap = 0;
            return;
        };
        self.since_nap += bytes;
        if self.since_nap >= bytes_per_nap {
            self.since_nap = 0;
            std::thread::sleep(NAP);
        }
    }

    fn write(&mut self, batch: Batch) -> Result<Lsn, StorageError> {
        let need = batch.changes().iter().map(need).min().unwrap_or(Need::Own);
        self.make_room(need)?;
        self.buffer.clear();
        payload::encode(batch.changes(), &mut self.buffer);
        let bytes = self.buffer.len();
        if bytes > PAYLOAD_BYTES_MAX {
            return Err(StorageError::ValueTooLong { len: bytes, max: PAYLOAD_BYTES_MAX });
        }
        let appended = self.store().journal.append(&self.buffer, need)?;
        if bytes > KEPT_BYTES_MAX {
            self.buffer = Vec::new();
        }
        self.active_bytes = self.store().show(batch.into_changes(), appended.lsn);
        if appended.began_segment {
            self.store().signals.want_spare();
            if self.store().journal.live_bytes() > self.store().options.journal_bytes() {
                // The next batch finds it full and has it written out.
                self.active_bytes = usize::MAX;
            }
        }
        self.slow_down(bytes);
        Ok(appended.lsn)
    }

    fn seq(&self, lsn: Lsn) -> Seq {
        self.opened.seq(lsn)
    }
}

impl Engine for DiskEngine {
    fn apply(&mut self, batch: Batch) -> Result<Seq, StorageError> {
        self.store().poison.check()?;
        batch.check()?;
        self.write(batch).map(|lsn| self.seq(lsn))
    }

    fn applied(&self) -> Seq {
        self.seq(self.store().visible())
    }

    fn found(&self) -> u64 {
        self.opened.found
    }

    fn syncer(&self) -> Box<dyn Syncer> {
        Box::new(DiskSyncer::new(Arc::clone(&self.opened)))
    }

    fn reader(&self) -> Box<dyn Reader + Send> {
        Box::new(DiskReader { opened: Arc::clone(&self.opened) })
    }

    fn size(&self) -> Result<u64, StorageError> {
        self.store().size()
    }

    fn upkeep(&self) -> Upkeep {
        self.store().upkeep()
    }
}

impl Reader for DiskEngine {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.store().get(space, key)
    }

    fn scan(&self, space: Space, start: &[u8], end: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StorageError> {
        self.store().scan(space, start, end, visit)
    }
}

impl Reader for DiskReader {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.opened.store.get(space, key)
    }

    fn scan(&self, space: Space, start: &[u8], end: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StorageError> {
        self.opened.store.scan(space, start, end, visit)
    }
}

/// What may be written between two naps; `None` if nothing waits that long. The more young runs, the slower: when the list of them
/// is full, nobody writes anything until a merge is over, which with gigabytes takes minutes.
fn bytes_per_nap(sealed: usize, young: usize) -> Option<usize> {
    match (sealed, young) {
        (_, MANY..) => Some((16 << 10) >> ((young - MANY) / 24).min(5)),
        (SEALED_MAX.., _) => Some(16 << 10),
        (2, _) | (_, 20..) => Some(64 << 10),
        _ => None,
    }
}

/// The size at which the next memory table is written out.
fn full_bytes(options: &DiskOptions) -> usize {
    let most = options.memtable_bytes();
    usize::try_from(chance::number(most as u64 / 4 * 3..=most as u64)).unwrap_or(most)
}

/// Rebuilds the memory tables from the journal.
struct Replay<'a> {
    view: View,
    tables: &'a [Tables; Space::ALL.len()],
    options: &'a DiskOptions,
}

impl Replay<'_> {
    fn apply(&mut self, lsn: Lsn, payload: &[u8], path: &Path) -> Result<(), StorageError> {
        let changes: Vec<Change> = payload::decode(payload).ok_or_else(|| StorageError::Corrupt {
            what: path.display().to_string(),
            expected: format!("the changes of batch {lsn}"),
            got: "something else behind a right checksum".to_owned(),
        })?;
        let bytes = self.view.active().apply(changes, lsn, || 0, || {});
        if bytes >= self.options.memtable_bytes() {
            self.view = self.view.seal();
            self.write_out()?;
        }
        Ok(())
    }

    /// Keeps memory bounded. On a full disk the tables stay in memory, which the journal's size bounds, so that the
    /// directory can at least be read.
    fn write_out(&mut self) -> Result<(), StorageError> {
        while self.view.sealed() >= SEALED_MAX - 1 {
            let oldest = self.view.memtables.last().map(Arc::clone).expect("there is always one");
            match flush::write_out(&oldest, self.tables) {
                Ok(()) => {}
                Err(StorageError::Full { .. }) => return Ok(()),
                Err(error) => return Err(error),
            }
            self.view.memtables.pop();
            self.view.runs = flush::current_runs(self.tables);
        }
        Ok(())
    }
}

/// What a batch with this change may take of a full disk.
fn need(change: &Change) -> Need {
    match change {
        Change::Put { space: Space::Meta, .. } => Need::Own,
        Change::Put { space: Space::Items | Space::Hints, .. } => Need::Growth,
        Change::Delete { .. } | Change::DeleteRange { .. } => Need::Deletion,
    }
}

fn create(folder: &Path, shared: &Shared) -> Result<(), StorageError> {
    let journal = folder.join(JOURNAL);
    fs::create_dir_all(&journal).map_err(|error| StorageError::io("create the journal", &journal, &error))?;
    Journal::create(&SystemFolder::new(&journal), &journal)?;
    Space::ALL.iter().try_for_each(|space| Tables::create(folder, *space, shared))?;
    directory::sync(folder)
}

fn open_tables(folder: &Path, shared: &Shared) -> Result<[Tables; Space::ALL.len()], StorageError> {
    let open = |space| Tables::open(folder, space, shared);
    Ok([open(Space::Items)?, open(Space::Meta)?, open(Space::Hints)?])
}

#[cfg(test)]
mod tests {
    use super::{MANY, bytes_per_nap};
    use crate::disk::tables::YOUNG_MAX;

    #[test]
    fn writes_are_slowed_down_long_before_the_list_of_runs_is_full() {
        assert_eq!(bytes_per_nap(1, 19), None);
        let bytes: Vec<usize> = (20..YOUNG_MAX).filter_map(|young| bytes_per_nap(0, young)).collect();
        assert_eq!(bytes.len(), YOUNG_MAX - 20);
        assert!(bytes.is_sorted_by(|before, after| before >= after), "{bytes:?}");
        assert_eq!((bytes[0], bytes[MANY - 20], bytes.last()), (64 << 10, 16 << 10, Some(&512)));
    }
}
