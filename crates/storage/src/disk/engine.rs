//! Reads and batches on fjall.
//!
//! A batch of ours becomes one batch of fjall's, which its journal checksums as a whole. fjall gives all changes of a
//! batch one sequence number, so a key may occur in it only once; therefore changes are merged by key first. It knows
//! no range deletion; therefore the keys of a range are looked up and deleted one by one.
//!
//! Invariant: a batch has its number only after reads can see it.
//! Refuses to know durability, which is the syncer's.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use std::{fs, io};

use bytes::Bytes;
use fjall::{AbstractTree, Database, Guard, Keyspace, PersistMode, Readable};

use crate::batch::{Batch, Change, KEY_BYTES_MAX};
use crate::disk::failure::translate;
use crate::disk::options::DiskOptions;
use crate::disk::range::{Bounds, bounds};
use crate::disk::syncer::DiskSyncer;
use crate::disk::{Opened, directory};
use crate::engine::{Engine, Reader, Seq, Syncer, Visit};
use crate::error::StorageError;
use crate::space::Space;

/// Keys of a range deletion that go in one step.
const RANGE_STEP_KEYS: usize = 4096;

/// fjall halts writes in steps of 100 ms once four memory tables wait to be written out; we wait one table earlier in
/// smaller steps.
const WAITING_TABLES_MAX: usize = 3;
const WAITING_STEP: Duration = Duration::from_millis(1);

/// Changes merged by key, the last one of each key.
type Merged = BTreeMap<(Space, Vec<u8>), Option<Bytes>>;

/// The engine on a data directory.
pub struct DiskEngine {
    opened: Arc<Opened>,
}

/// Reads from another thread.
struct DiskReader {
    opened: Arc<Opened>,
}

impl DiskEngine {
    /// Opens the data directory at `path`, creating it if it is missing or empty. Everything found in it is durable.
    pub fn open(path: &Path, options: &DiskOptions) -> Result<DiskEngine, StorageError> {
        let create = |engine: &Path| open_database(path, engine, options).map(drop);
        let (lock, engine) = directory::open(path, create)?;
        let (database, keyspaces) = open_database(path, &engine, options)?;
        let opened = Opened {
            keyspaces,
            database,
            path: path.to_owned(),
            applied: AtomicU64::new(0),
            poison: OnceLock::new(),
            _lock: lock,
        };
        Ok(DiskEngine { opened: Arc::new(opened) })
    }

    fn write(&self, batch: Batch) -> Result<(), StorageError> {
        self.opened.wait_for_tables()?;
        let mut merged = Merged::new();
        for change in batch.into_changes() {
            match change {
                Change::Put { space, key, value } => {
                    merged.insert((space, key), Some(value));
                }
                Change::Delete { space, key } => {
                    merged.insert((space, key), None);
                }
                Change::DeleteRange { space, start, end } => {
                    self.delete_range(space, &start, end.as_deref(), &mut merged)?;
                }
            }
        }
        self.opened.commit(merged)
    }

    /// Leaves the last step of the deletion in `merged`, so that a short range goes atomically with the batch.
    fn delete_range(
        &self,
        space: Space,
        start: &[u8],
        end: Option<&[u8]>,
        merged: &mut Merged,
    ) -> Result<(), StorageError> {
        let covered = |key: &[u8]| key >= start && end.is_none_or(|end| key < end);
        for ((_, _), value) in merged.iter_mut().filter(|((of, key), _)| *of == space && covered(key)) {
            *value = None;
        }
        let mut step = Merged::new();
        for entry in self.opened.range(space, start, end) {
            let key = entry.key().map_err(|error| self.opened.failed("read a range to delete", error))?;
            step.insert((space, key.to_vec()), None);
            if step.len() == RANGE_STEP_KEYS {
                self.opened.commit(std::mem::take(&mut step))?;
                self.opened.wait_for_tables()?;
            }
        }
        merged.append(&mut step);
        Ok(())
    }
}

impl Engine for DiskEngine {
    fn apply(&mut self, batch: Batch) -> Result<Seq, StorageError> {
        self.opened.check_poison()?;
        batch.check()?;
        self.write(batch).map_err(|error| self.opened.poison(error))?;
        // Only this thread changes the number.
        let seq = self.applied().next();
        self.opened.applied.store(seq.0, Ordering::Release);
        Ok(seq)
    }

    fn applied(&self) -> Seq {
        Seq(self.opened.applied.load(Ordering::Acquire))
    }

    fn syncer(&self) -> Box<dyn Syncer> {
        Box::new(DiskSyncer::new(Arc::clone(&self.opened)))
    }

    fn reader(&self) -> Box<dyn Reader + Send> {
        Box::new(DiskReader { opened: Arc::clone(&self.opened) })
    }

    fn size(&self) -> Result<u64, StorageError> {
        let tables: u64 = self.opened.keyspaces.iter().map(Keyspace::disk_space).sum();
        let folder = directory::engine(&self.opened.path);
        let journals = journal_blocks(&folder);
        Ok(tables + journals.map_err(|error| StorageError::io("measure the journal", &folder, &error))?)
    }
}

impl Reader for DiskEngine {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.opened.get(space, key)
    }

    fn scan(&self, space: Space, start: &[u8], end: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StorageError> {
        self.opened.scan(space, start, end, visit)
    }
}

impl Reader for DiskReader {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.opened.get(space, key)
    }

    fn scan(&self, space: Space, start: &[u8], end: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StorageError> {
        self.opened.scan(space, start, end, visit)
    }
}

impl Opened {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            // No such key can have been stored, and fjall panics when asked for it.
            return Ok(None);
        }
        let found = self.keyspace(space).get(key).map_err(|error| self.failed("read a key", error))?;
        Ok(found.map(Bytes::from))
    }

    fn scan(&self, space: Space, start: &[u8], end: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StorageError> {
        for entry in self.range(space, start, end) {
            let (key, value) = entry.into_inner().map_err(|error| self.failed("scan keys", error))?;
            if let ControlFlow::Break(()) = visit(&key, &Bytes::from(value)) {
                break;
            }
        }
        Ok(())
    }

    /// The keys from `start` to `end` as of now.
    fn range(&self, space: Space, start: &[u8], end: Option<&[u8]>) -> impl Iterator<Item = Guard> {
        let iterate = |bounds: Bounds<'_>| {
            // A snapshot, because fjall's plain iterators may see half a batch of another thread.
            self.database.snapshot().range::<&[u8], _>(self.keyspace(space), bounds)
        };
        bounds(start, end).map(iterate).into_iter().flatten()
    }

    fn commit(&self, merged: Merged) -> Result<(), StorageError> {
        let mut batch = self.database.batch();
        for ((space, key), value) in merged {
            match value {
                Some(value) => batch.insert(self.keyspace(space), key, value),
                None => batch.remove(self.keyspace(space), key),
            }
        }
        batch.commit().map_err(|error| self.failed("apply a batch", error))
    }

    /// Waits while too many memory tables are waiting to be written out.
    fn wait_for_tables(&self) -> Result<(), StorageError> {
        while self.keyspaces.iter().any(|keyspace| keyspace.sealed_memtable_count() >= WAITING_TABLES_MAX) {
            // Fails once fjall is poisoned; otherwise a flush that died would be waited for without end.
            let alive = self.database.persist(PersistMode::Buffer);
            alive.map_err(|error| self.failed("wait for a flush", error))?;
            std::thread::sleep(WAITING_STEP);
        }
        Ok(())
    }

    fn failed(&self, what: &'static str, error: fjall::Error) -> StorageError {
        translate(what, &self.path, error)
    }
}

fn open_database(
    path: &Path,
    engine: &Path,
    options: &DiskOptions,
) -> Result<(Database, [Keyspace; Space::ALL.len()]), StorageError> {
    let failed = |error| translate("open the engine", path, error);
    let database = options.database(engine).open().map_err(failed)?;
    let keyspace = |space: Space| database.keyspace(space.name(), || options.keyspace(space)).map_err(failed);
    let keyspaces = [keyspace(Space::Items)?, keyspace(Space::Meta)?, keyspace(Space::Hints)?];
    write_out_recovered(&keyspaces, options).map_err(failed)?;
    Ok((database, keyspaces))
}

/// Has tables written out that a crash left larger than they may be. fjall would do so at the next write only, and an
/// idle node would keep the memory.
fn write_out_recovered(keyspaces: &[Keyspace], options: &DiskOptions) -> Result<(), fjall::Error> {
    for keyspace in keyspaces {
        if keyspace.tree.active_memtable().size() > options.memtable_bytes {
            keyspace.rotate_memtable()?;
        }
    }
    Ok(())
}

/// Blocks that the journal files occupy; their lengths say little because fjall makes them 64 MiB long at once.
fn journal_blocks(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "jnl") {
            // A journal may be removed between listing and looking; it occupies nothing then.
            bytes += entry.metadata().map_or(0, |metadata| metadata.blocks() * 512);
        }
    }
    Ok(bytes)
}
