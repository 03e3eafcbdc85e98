//! Group commit: makes everything applied so far durable without stopping the thread that applies.
//!
//! fjall's own `persist(SyncData)` holds the journal's lock during the fsync, so an apply would wait for the disk.
//! Here fjall only hands its buffer to the operating system, and the journal file is synced through a handle of our
//! own. That covers every batch applied before: it is either in the journal file that is newest now, or in an older
//! one, and fjall syncs a journal file completely before it creates the next.
//!
//! Invariant: the reported batch was read before the buffer was handed over, and fjall was not poisoned after the
//! sync, so a failed sync of an older journal file is not overlooked.
//! Refuses to know what is in the journal; only its file names (`<number>.jnl`, ascending) are relied upon.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use fjall::PersistMode;

use crate::disk::failure::translate;
use crate::disk::{Opened, directory};
use crate::engine::{Seq, Syncer};
use crate::error::StorageError;

/// Syncs the journal of one opening.
pub(super) struct DiskSyncer {
    opened: Arc<Opened>,
    /// The last batch synced; what an opening finds is durable already.
    durable: Seq,
    /// The journal file synced last. Kept open because an error of writing it back is told to open handles only.
    journal: Option<Journal>,
}

struct Journal {
    number: u64,
    path: PathBuf,
    file: File,
}

impl DiskSyncer {
    pub(super) fn new(opened: Arc<Opened>) -> DiskSyncer {
        DiskSyncer { opened, durable: Seq(0), journal: None }
    }

    fn sync_journal(&mut self) -> Result<(), StorageError> {
        self.hand_over()?;
        let journal = self.newest_journal()?;
        let synced = journal.file.sync_data();
        synced.map_err(|error| StorageError::io("sync the journal", &journal.path, &error))?;
        self.hand_over()
    }

    /// Moves fjall's buffer to the operating system; fails if fjall is poisoned.
    fn hand_over(&self) -> Result<(), StorageError> {
        let handed = self.opened.database.persist(PersistMode::Buffer);
        handed.map_err(|error| translate("write the journal", &self.opened.path, error))
    }

    fn newest_journal(&mut self) -> Result<&Journal, StorageError> {
        let folder = directory::engine(&self.opened.path);
        let number = newest_number(&folder)?;
        let journal = match self.journal.take() {
            Some(journal) if journal.number == number => journal,
            _ => open_journal(&folder, number)?,
        };
        Ok(self.journal.insert(journal))
    }
}

impl Syncer for DiskSyncer {
    fn sync(&mut self) -> Result<Seq, StorageError> {
        self.opened.check_poison()?;
        let applied = Seq(self.opened.applied.load(Ordering::Acquire));
        if applied > self.durable {
            self.sync_journal().map_err(|error| self.opened.poison(error))?;
            self.durable = applied;
        }
        Ok(applied)
    }
}

/// The directory is read each time: fjall may have created journals and removed them again since the last sync.
fn newest_number(folder: &Path) -> Result<u64, StorageError> {
    let failed = |error| StorageError::io("list the journal files", folder, &error);
    let mut newest = None;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".jnl")).and_then(|number| number.parse().ok());
        newest = newest.max(number);
    }
    newest.ok_or_else(|| StorageError::Corrupt {
        what: folder.display().to_string(),
        expected: "a journal file".to_owned(),
        got: "none".to_owned(),
    })
}

fn open_journal(folder: &Path, number: u64) -> Result<Journal, StorageError> {
    let path = folder.join(format!("{number}.jnl"));
    let file = File::options().append(true).open(&path);
    let file = file.map_err(|error| StorageError::io("open the journal", &path, &error))?;
    Ok(Journal { number, path, file })
}
