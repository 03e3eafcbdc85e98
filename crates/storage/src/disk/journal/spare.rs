//! Files for segments: preparing one ahead, changing to it, using old ones again.
//!
//! Invariant: a file becomes a segment only after its name, its length and all of its blocks are durable; only a batch
//! longer than a whole file makes it longer, and that is done before the batch is taken.
//! Refuses to know when files become free; the caller of `release` says so.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::guard::{lock, wait};
use super::vfs::VfsFile;
use super::{HEAD_BYTES, Journal, RESERVE_SHARE, nonce};
use crate::error::StorageError;

/// The first file of a new journal is small, each further one twice as large up to the full size.
const fn first_bytes(segment_bytes: u64) -> u64 {
    segment_bytes / 64
}

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// A file of the journal.
pub(super) struct SegmentFile {
    pub(super) name: String,
    pub(super) file: Arc<dyn VfsFile>,
    /// Its length, all of it backed by blocks.
    pub(super) bytes: u64,
}

/// The file for the next segment.
pub(super) enum Spare {
    /// Nobody has begun to prepare one.
    Wanted,
    /// Somebody is at it.
    Preparing,
    Ready(SegmentFile),
    /// There is no room for one. Tried again by `prepare`.
    Failed(StorageError),
}

impl Journal {
    /// Looks for room on the disk, and prepares the file for the next segment unless that is done or under way. `Full`
    /// if there is not enough room; a file may be prepared all the same, for those who may still write.
    pub(crate) fn prepare(&self) -> Result<(), StorageError> {
        let low = self.lack_of_room();
        let prepared = match self.begin_preparing(&low) {
            None => Ok(()),
            Some((Some(reused), ..)) => self.end_preparing(Ok(reused), &low),
            Some((None, name, bytes)) => {
                let made = self.make_file(name, bytes);
                self.end_preparing(made.map_err(|error| self.failed("prepare a journal file", &error)), &low)
            }
        };
        prepared.and(low.map_or(Ok(()), Err))
    }

    /// Why the disk counts as full, if it does.
    fn lack_of_room(&self) -> Option<StorageError> {
        // A device that does not tell is met when it is full.
        let room = self.folder.room().ok()?;
        let reserve = self.sizes.reserve.min(room.total / RESERVE_SHARE);
        (room.free < reserve).then(|| StorageError::Full { path: self.path.clone() })
    }

    /// A file to use again, or the name and the size of one to make; `None` if nothing is to be done.
    fn begin_preparing(&self, low: &Option<StorageError>) -> Option<(Option<SegmentFile>, String, u64)> {
        let mut state = lock(&self.state);
        if !matches!(state.spare, Spare::Wanted | Spare::Failed(_)) {
            state.full.clone_from(low);
            return None;
        }
        state.spare = Spare::Preparing;
        let first = first_bytes(self.sizes.segment);
        let wanted = state.active.as_ref().map_or(first, |(segment, _)| segment.file.bytes * 2);
        let reused = state.free.pop();
        if reused.is_none() {
            state.next_name += 1;
        }
        Some((reused, format!("{}.log", state.next_name), wanted.clamp(first, self.sizes.segment)))
    }

    fn end_preparing(
        &self,
        prepared: Result<SegmentFile, StorageError>,
        low: &Option<StorageError>,
    ) -> Result<(), StorageError> {
        let mut state = lock(&self.state);
        let outcome = prepared.as_ref().map_or_else(|error| Err(error.clone()), |_| Ok(()));
        let no_file = outcome.clone().err().filter(|error| matches!(error, StorageError::Full { .. }));
        state.full = no_file.or_else(|| low.clone());
        state.spare = prepared.map_or_else(Spare::Failed, Spare::Ready);
        self.prepared.notify_all();
        outcome
    }

    /// Makes the prepared file the active segment, with room for a batch of `bytes`.
    pub(super) fn begin_segment(&self, bytes: u64) -> Result<(), StorageError> {
        let mut spare = self.take_spare()?;
        let needed = bytes + HEAD_BYTES as u64;
        if needed > spare.bytes {
            if let Err(error) = self.lengthen(&spare, needed) {
                lock(&self.state).spare = Spare::Ready(spare);
                return Err(self.failed("lengthen a journal file", &error));
            }
            spare.bytes = needed;
        }
        lock(&self.state).begin(spare, nonce(), self.synced.load(Ordering::Acquire));
        Ok(())
    }

    /// Takes the prepared file, waiting for whoever prepares it, or preparing it here.
    fn take_spare(&self) -> Result<SegmentFile, StorageError> {
        loop {
            let mut state = lock(&self.state);
            match std::mem::replace(&mut state.spare, Spare::Wanted) {
                Spare::Ready(file) => return Ok(file),
                Spare::Failed(error) => {
                    state.spare = Spare::Failed(error.clone());
                    return Err(error);
                }
                Spare::Preparing => {
                    state.spare = Spare::Preparing;
                    drop(wait(&self.prepared, state));
                }
                Spare::Wanted => {
                    drop(state);
                    match self.prepare() {
                        // There may be a file all the same; if not, that is found above.
                        Ok(()) | Err(StorageError::Full { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }

    fn make_file(&self, name: String, bytes: u64) -> io::Result<SegmentFile> {
        let file: Arc<dyn VfsFile> = Arc::from(self.folder.create(&name)?);
        let made = write_zeros(&*file, 0, bytes).and_then(|()| file.sync()).and_then(|()| self.folder.sync());
        match made {
            Ok(()) => Ok(SegmentFile { name, file, bytes }),
            Err(error) => {
                // Gives the room back that the attempt took; if that fails, the next opening does.
                let _ = self.folder.remove(&name);
                Err(error)
            }
        }
    }

    fn lengthen(&self, file: &SegmentFile, bytes: u64) -> io::Result<()> {
        write_zeros(&*file.file, file.bytes, bytes).inspect_err(|_| {
            let _ = file.file.truncate(file.bytes);
        })
    }
}

/// Leaves at most one file in `free`, the largest that is not too large, and returns the names of the others.
pub(super) fn keep_best(free: &mut Vec<SegmentFile>, segment_bytes: u64) -> Vec<String> {
    let fitness = |file: &SegmentFile| if file.bytes <= segment_bytes { file.bytes } else { 0 };
    free.sort_by_key(fitness);
    let kept = free.pop_if(|file| file.bytes <= segment_bytes && file.bytes > first_bytes(segment_bytes));
    let names = free.drain(..).map(|file| file.name).collect();
    free.extend(kept);
    names
}

fn write_zeros(file: &dyn VfsFile, from: u64, to: u64) -> io::Result<()> {
    let mut at = from;
    while at < to {
        let len = (to - at).min(ZEROS.len() as u64);
        file.write_at(&ZEROS[..len as usize], at)?;
        at += len;
    }
    Ok(())
}
