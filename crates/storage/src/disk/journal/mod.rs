//! The write-ahead journal: every batch goes through it before anything else may call it durable.
//!
//! The journal is a set of files of fixed size, filled with zeros and synced before they are used, and used again when
//! everything in them is in tables. So an append never changes a file's size or blocks: its fsync is one flush of the
//! device, without a commit of the file system's own journal, and a full disk is met when a file is prepared, not when
//! an acknowledgement waits for it.
//!
//! `append` only copies into memory. `sync` writes what has gathered and syncs it; the lock that `append` needs is not
//! held meanwhile. The bytes are in `frame`, the journal's own record in `mark`, opening in `recovery`, preparing and
//! reusing files in `spare`, the file operations in `vfs`.
//!
//! Invariant: `sync` reports a batch only after the file it is in, and every file before it, was synced without an error.
//! A failed sync is never repeated: it poisons.
//! Refuses to know what a batch holds, and tables.

mod frame;
mod mark;
mod recovery;
mod spare;
pub(crate) mod vfs;

#[cfg(test)]
mod faulty;
#[cfg(test)]
mod group;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

pub(super) use recovery::frames_of;

use super::guard::{Poison, lock};
use crate::error::StorageError;
use frame::{Frame, HEAD_BYTES, Head};
use mark::Mark;
use spare::{SegmentFile, Spare};
use vfs::{Vfs, VfsFile};

/// The longest payload of one batch.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 1 << 30;

/// Bytes that gather in memory before `append` writes them itself, in case nobody syncs.
const GATHERED_BYTES_MAX: usize = 1 << 20;

/// Room at the end of the last journal file that a disk without any other leaves to the node's own records.
const LAST_BYTES: u64 = 32 << 10;

/// The share of a small device that is kept free.
const RESERVE_SHARE: u64 = 16;

/// Number of a batch over the whole life of a data directory, from 1.
pub(crate) type Lsn = u64;

/// Bounds of a journal, in bytes.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Sizes {
    /// The size that files grow to.
    pub(crate) segment: u64,
    /// The disk counts as full while less than this is free on it, or than a sixteenth of it if that is less.
    pub(crate) reserve: u64,
}

/// What a batch may take when the disk is full.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// Nothing: it would grow.
    Growth,
    /// What is there, but for the very last: it deletes, which makes room.
    Deletion,
    /// Everything: it is the node's own, which would have to stop without it.
    Own,
}

/// A batch that was appended.
pub(crate) struct Appended {
    pub(crate) lsn: Lsn,
    /// True if a prepared file was taken into use for it.
    pub(crate) began_segment: bool,
}

/// An open journal.
pub(crate) struct Journal {
    folder: Arc<dyn Vfs>,
    /// The folder's name, for people.
    path: PathBuf,
    sizes: Sizes,
    state: Mutex<State>,
    /// Told when a file was prepared or could not be.
    prepared: Condvar,
    /// Files written to since their last sync. Held while writing, so that bytes reach a file in their order.
    unsynced: Mutex<Vec<Arc<dyn VfsFile>>>,
    /// Held during a sync, so that there is one at a time.
    syncing: Mutex<()>,
    synced: AtomicU64,
    mark: Mutex<Mark>,
    poison: Arc<Poison>,
}

struct State {
    /// The segment that is appended to, and the bytes in it so far, gathered ones included.
    active: Option<(Segment, u64)>,
    /// Older segments that are still needed, oldest first.
    live: VecDeque<Segment>,
    /// Bytes not written to their files yet, in order.
    gathered: Vec<Chunk>,
    gathered_bytes: usize,
    /// The buffer of the last write, to be filled again.
    buffer: Vec<u8>,
    spare: Spare,
    /// Set while the disk counts as full, or no file could be prepared for want of room.
    full: Option<StorageError>,
    /// Files that no segment needs any more.
    free: Vec<SegmentFile>,
    appended: Lsn,
    next_number: u64,
    next_name: u64,
}

/// A file in use, and the batches in it.
struct Segment {
    file: SegmentFile,
    nonce: u64,
    /// The last batch in it; kept for segments that are not appended to any more.
    last: Lsn,
}

/// Bytes for one place of one file.
struct Chunk {
    file: Arc<dyn VfsFile>,
    offset: u64,
    bytes: Vec<u8>,
}

impl Journal {
    /// Makes an empty journal in an empty folder, durable when this returns.
    pub(crate) fn create(folder: &dyn Vfs, path: &Path) -> Result<(), StorageError> {
        let created = Mark::create(folder).and_then(|()| folder.sync());
        created.map_err(|error| StorageError::io("create the journal", path, &error))
    }

    /// Adds a batch. `Full` harms nothing: the next one may find room.
    ///
    /// Called by one thread at a time.
    pub(crate) fn append(&self, payload: &[u8], need: Need) -> Result<Appended, StorageError> {
        self.poison.check()?;
        assert!(payload.len() <= PAYLOAD_BYTES_MAX, "batches are bounded before they come here");
        let bytes = Frame::bytes(payload.len()) as u64;
        let mut state = lock(&self.state);
        let mut began_segment = false;
        if let Some(full) = &state.full {
            let refused = match need {
                Need::Growth => true,
                Need::Deletion => !matches!(state.spare, Spare::Ready(_)) && !state.has_room(bytes + LAST_BYTES),
                Need::Own => false,
            };
            if refused {
                return Err(full.clone());
            }
        }
        while !state.has_room(bytes) {
            began_segment = true;
            drop(state);
            self.begin_segment(bytes)?;
            state = lock(&self.state);
        }
        let lsn = state.append(payload, self.synced.load(Ordering::Acquire));
        if state.gathered_bytes > GATHERED_BYTES_MAX {
            drop(state);
            // The batch is appended whatever happens here: a full disk is met again by the sync that wants it durable.
            match self.write_gathered(&mut lock(&self.unsynced)) {
                Err(error) if !matches!(error, StorageError::Full { .. }) => return Err(error),
                _ => {}
            }
        }
        Ok(Appended { lsn, began_segment })
    }

    /// Makes every batch appended before the call durable, and returns the last durable one.
    pub(crate) fn sync(&self) -> Result<Lsn, StorageError> {
        let _one_at_a_time = lock(&self.syncing);
        self.poison.check()?;
        let (target, files) = {
            let mut unsynced = lock(&self.unsynced);
            let target = self.write_gathered(&mut unsynced)?;
            (target, std::mem::take(&mut *unsynced))
        };
        for file in files {
            file.sync().map_err(|error| self.poisoned("sync the journal", &error))?;
        }
        self.poison.check()?;
        self.synced.fetch_max(target, Ordering::AcqRel);
        Ok(target)
    }

    /// The last batch that was appended.
    pub(crate) fn appended(&self) -> Lsn {
        lock(&self.state).appended
    }

    /// Makes every batch up to `lsn` durable, unless it is. Nothing may go to tables before that: a crash would leave a
    /// batch that has no number, and half of it if its other half is not in tables yet.
    pub(crate) fn sync_to(&self, lsn: Lsn) -> Result<(), StorageError> {
        if self.synced.load(Ordering::Acquire) < lsn {
            self.sync()?;
        }
        Ok(())
    }

    /// Notes that every batch up to `flushed` is in durable tables, and frees the files that held them.
    pub(crate) fn release(&self, flushed: Lsn) -> Result<(), StorageError> {
        {
            let mut mark = lock(&self.mark);
            let synced = self.synced.load(Ordering::Acquire);
            assert!(flushed <= synced, "tables hold batch {flushed}, the journal is synced up to {synced}");
            let persisted = mark.persist(flushed, synced);
            persisted.map_err(|error| self.failed("write the journal's mark", &error))?;
        }
        for name in lock(&self.state).release(flushed, self.sizes.segment) {
            let removed = self.folder.remove(&name);
            removed.map_err(|error| self.failed("remove a journal file", &error))?;
        }
        Ok(())
    }

    /// Writes down how far the journal is synced, for the next opening to check, if that has changed. No fsync.
    pub(crate) fn note_synced(&self) {
        let synced = self.synced.load(Ordering::Acquire);
        let mut mark = lock(&self.mark);
        if mark.content().synced < synced && !self.poison.is_set() {
            // Nothing depends on a note; a disk that fails here fails the next sync, too.
            let _ = mark.note(synced);
        }
    }

    /// Bytes of the segments that are still needed.
    pub(crate) fn live_bytes(&self) -> u64 {
        let state = lock(&self.state);
        let older: u64 = state.live.iter().map(|segment| segment.file.bytes).sum();
        older + state.active.as_ref().map_or(0, |(_, len)| *len)
    }

    /// Bytes that the journal occupies on the device.
    pub(crate) fn occupied(&self) -> Result<u64, StorageError> {
        let occupied = self.folder.list().and_then(|names| {
            // A file may go between listing and looking; it occupies nothing then.
            names
                .iter()
                .map(|name| self.folder.open(name).map_or(Ok(0), |file| file.occupied()))
                .sum::<io::Result<u64>>()
        });
        occupied.map_err(|error| StorageError::io("measure the journal", &self.path, &error))
    }

    /// Syncs everything and writes down that it did. Fails quietly: the next opening finds out.
    pub(crate) fn close(&self) {
        if let Ok(synced) = self.sync() {
            let mut mark = lock(&self.mark);
            let flushed = mark.content().flushed;
            if mark.content().synced < synced {
                // In both places, so that one damaged bit does not take the knowledge.
                let _ = mark.persist(flushed, synced).and_then(|()| mark.persist(flushed, synced));
            }
        }
    }

    /// Writes what has gathered, and returns the last batch that is in its file now.
    fn write_gathered(&self, unsynced: &mut Vec<Arc<dyn VfsFile>>) -> Result<Lsn, StorageError> {
        let (mut chunks, target) = lock(&self.state).take_gathered();
        for at in 0..chunks.len() {
            let chunk = &chunks[at];
            // Remembered first: a write that fails half may have changed the file.
            if !unsynced.last().is_some_and(|last| Arc::ptr_eq(last, &chunk.file)) {
                unsynced.push(Arc::clone(&chunk.file));
            }
            if let Err(error) = chunk.file.write_at(&chunk.bytes, chunk.offset) {
                let failed = self.failed("write the journal", &error);
                lock(&self.state).give_back(chunks.split_off(at));
                return Err(failed);
            }
        }
        if let Some(chunk) = chunks.pop() {
            lock(&self.state).keep_buffer(chunk.bytes);
        }
        Ok(target)
    }

    /// The error of a failed operation other than a sync. A full disk is the one that harms nothing.
    fn failed(&self, what: &'static str, error: &io::Error) -> StorageError {
        match StorageError::io(what, &self.path, error) {
            full @ StorageError::Full { .. } => full,
            other => self.poison.set(other),
        }
    }

    fn poisoned(&self, what: &'static str, error: &io::Error) -> StorageError {
        self.poison.set(StorageError::io(what, &self.path, error))
    }
}

impl State {
    fn has_room(&self, bytes: u64) -> bool {
        self.active.as_ref().is_some_and(|(segment, len)| len + bytes <= segment.file.bytes)
    }

    /// Adds a batch to the active segment, which has room for it.
    fn append(&mut self, payload: &[u8], synced: Lsn) -> Lsn {
        let (segment, len) = self.active.as_mut().expect("room was made");
        self.appended += 1;
        let frame = Frame { nonce: segment.nonce, lsn: self.appended, synced, payload };
        let bytes = Frame::bytes(payload.len());
        let file = &segment.file.file;
        if !self.gathered.last().is_some_and(|chunk| Arc::ptr_eq(&chunk.file, file)) {
            let buffer = std::mem::take(&mut self.buffer);
            self.gathered.push(Chunk { file: Arc::clone(file), offset: *len, bytes: buffer });
        }
        let chunk = self.gathered.last_mut().expect("pushed above");
        frame.append_to(&mut chunk.bytes);
        *len += bytes as u64;
        self.gathered_bytes += bytes;
        self.appended
    }

    /// Makes `file` the active segment. Its head is written with its first batch.
    fn begin(&mut self, file: SegmentFile, nonce: u64, synced: Lsn) {
        if let Some((mut full, _)) = self.active.take() {
            full.last = self.appended;
            self.live.push_back(full);
        }
        let head = Head { number: self.next_number, nonce, first: self.appended + 1, synced };
        self.next_number += 1;
        self.gathered.push(Chunk { file: Arc::clone(&file.file), offset: 0, bytes: head.encode().to_vec() });
        self.active = Some((Segment { file, nonce, last: 0 }, HEAD_BYTES as u64));
    }

    fn take_gathered(&mut self) -> (Vec<Chunk>, Lsn) {
        self.gathered_bytes = 0;
        (std::mem::take(&mut self.gathered), self.appended)
    }

    /// Puts chunks back that could not be written, before what has gathered since.
    fn give_back(&mut self, mut chunks: Vec<Chunk>) {
        self.gathered_bytes += chunks.iter().map(|chunk| chunk.bytes.len()).sum::<usize>();
        chunks.append(&mut self.gathered);
        self.gathered = chunks;
    }

    fn keep_buffer(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= 2 * GATHERED_BYTES_MAX && buffer.capacity() > self.buffer.capacity() {
            buffer.clear();
            self.buffer = buffer;
        }
    }

    /// Frees the segments whose batches are all in `..=flushed`. Returns names of files to remove.
    fn release(&mut self, flushed: Lsn, segment_bytes: u64) -> Vec<String> {
        while self.live.front().is_some_and(|segment| segment.last <= flushed) {
            self.free.extend(self.live.pop_front().map(|segment| segment.file));
        }
        spare::keep_best(&mut self.free, segment_bytes)
    }
}

/// A number that no other segment has, with a probability that does not matter.
fn nonce() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}
