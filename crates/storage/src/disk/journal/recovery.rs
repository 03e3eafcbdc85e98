//! Opening a journal: which batches it holds, where they end, and whether synced ones are missing.
//!
//! Batches are numbered without gaps, and segments say with which batch they begin. Opening goes through the segments in
//! their order and stops at the first batch that is not whole. Behind that point a power cut may have left anything, for
//! nothing there had to be synced – unless something says that it was: every head and frame, wherever it lies, and the
//! mark carry a batch number that was known to be durable when they were written.
//!
//! The end is not marked on disk by cutting files. Instead the next segment begins with the batch after the end; a
//! segment's batches count only below the beginning of every segment with a higher number. So what lies behind the end
//! is never taken for newer batches, also if the crash after this one loses the next segment.
//!
//! Invariant: either every batch up to the highest number known as durable is replayed, or opening fails with
//! `WritesLost` and changes nothing on disk.
//! Refuses to know what a batch does; it hands payloads on in their order.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Condvar, Mutex};

use super::super::guard::Poison;
use super::frame::{Frame, HEAD_BYTES, Head};
use super::mark::{MARK, Mark};
use super::spare::{self, SegmentFile, Spare};
use super::vfs::{Vfs, VfsFile};
use super::{Journal, Lsn, Segment, Sizes, State};
use crate::error::StorageError;

/// Takes each batch in its order.
pub(crate) type Replay<'a> = dyn FnMut(Lsn, &[u8]) -> Result<(), StorageError> + 'a;

/// A file of the journal as it was found.
struct Found {
    file: SegmentFile,
    head: Option<Head>,
    /// Batches from this number on belong to a later segment.
    limit: Lsn,
    /// The last batch replayed from it.
    last: Option<Lsn>,
}

/// How far the replay has come.
struct Progress {
    next: Lsn,
    /// The highest batch known as durable.
    synced: Lsn,
}

impl Journal {
    /// Opens the journal in `folder` and gives `replay` every batch that is not in tables yet. All of them are durable
    /// when this returns. `in_tables` is the highest number of a batch that tables hold something of; it was synced.
    pub(crate) fn open(
        folder: Arc<dyn Vfs>,
        path: &Path,
        (sizes, in_tables): (Sizes, Lsn),
        poison: Arc<Poison>,
        replay: &mut Replay<'_>,
    ) -> Result<Journal, StorageError> {
        let failed = |error: io::Error| StorageError::io("open the journal", path, &error);
        let (mark, noted) = Mark::open(&*folder).map_err(failed)?.ok_or_else(|| damaged_mark(path))?;
        // A killed process may have left a file whose name is not on disk, and this one may put it to use.
        folder.sync().map_err(failed)?;
        let mut found = list(&*folder).map_err(failed)?;
        let flushed = mark.content().flushed;
        let mut progress = Progress { next: flushed + 1, synced: noted.max(flushed).max(in_tables) };
        for segment in &mut found {
            segment.replay(&mut progress, replay).map_err(|error| error.or(failed))?;
        }
        let kept = progress.next - 1;
        if progress.synced > kept {
            return Err(StorageError::WritesLost { path: path.to_owned(), kept, synced: progress.synced });
        }
        let state = state(found, kept, sizes.segment);
        for name in state.1 {
            folder.remove(&name).map_err(failed)?;
        }
        Ok(Journal {
            folder,
            path: path.to_owned(),
            sizes,
            state: Mutex::new(state.0),
            prepared: Condvar::new(),
            unsynced: Mutex::default(),
            syncing: Mutex::default(),
            synced: AtomicU64::new(kept),
            mark: Mutex::new(mark),
            poison,
        })
    }
}

/// Either side of a replay that went wrong.
enum Failed {
    Reading(io::Error),
    Replaying(StorageError),
}

impl Failed {
    fn or(self, reading: impl FnOnce(io::Error) -> StorageError) -> StorageError {
        match self {
            Failed::Reading(error) => reading(error),
            Failed::Replaying(error) => error,
        }
    }
}

impl Found {
    fn replay(&mut self, progress: &mut Progress, replay: &mut Replay<'_>) -> Result<(), Failed> {
        if self.head.is_some() && self.limit <= progress.next {
            return Ok(());
        }
        let bytes = self.file.file.read(u64::MAX).map_err(Failed::Reading)?;
        let (frames, end) = self.whole_frames(&bytes, progress);
        self.make_durable(&bytes[..end], &frames, progress.synced).map_err(Failed::Reading)?;
        for (at, frame) in &frames {
            debug_assert!(*at >= HEAD_BYTES, "frames are behind the head");
            if frame.lsn == progress.next {
                replay(frame.lsn, frame.payload).map_err(Failed::Replaying)?;
                progress.next += 1;
                self.last = Some(frame.lsn);
            }
        }
        // What lies behind the end cannot be replayed, but may say that more than this was durable once.
        let nonce = self.head.map(|head| head.nonce);
        for frame in Frame::search(&bytes[end..], nonce, progress.next.saturating_sub(1)) {
            progress.synced = progress.synced.max(frame.synced);
        }
        Ok(())
    }

    /// The frames from the head on, with their places, as far as they are whole and belong to this segment; and where
    /// they end.
    fn whole_frames<'a>(&self, bytes: &'a [u8], progress: &mut Progress) -> (Vec<(usize, Frame<'a>)>, usize) {
        let (mut frames, mut end) = (Vec::new(), 0);
        let Some(head) = self.head else { return (frames, end) };
        progress.synced = progress.synced.max(head.synced);
        end = HEAD_BYTES;
        let mut expected = head.first;
        let belongs = |frame: &Frame<'_>, lsn| frame.nonce == head.nonce && frame.lsn == lsn && lsn < self.limit;
        while let Some(frame) = Frame::parse(&bytes[end..]).filter(|frame| belongs(frame, expected)) {
            progress.synced = progress.synced.max(frame.synced);
            frames.push((end, frame));
            expected += 1;
            end = (end + Frame::bytes(frame.payload.len())).min(bytes.len());
        }
        (frames, end)
    }

    /// Makes what is about to be replayed durable. A killed process may have left it in the system's memory only; worse,
    /// its sync may have failed, and then the system holds it for written although it is not. So what is not known as
    /// synced is written again.
    fn make_durable(&self, bytes: &[u8], frames: &[(usize, Frame<'_>)], synced: Lsn) -> io::Result<()> {
        let unsure = frames.iter().position(|(_, frame)| frame.lsn > synced);
        let from = match unsure {
            Some(0) => Some(0),
            Some(at) => Some(frames[at].0),
            None => None,
        };
        if let Some(from) = from {
            self.file.file.write_at(&bytes[from..], from as u64)?;
        }
        self.file.file.sync()
    }
}

/// The journal's files: those that are no segment first, then the segments in their order.
fn list(folder: &dyn Vfs) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for name in folder.list()?.into_iter().filter(|name| name != MARK) {
        if !name.ends_with(".log") {
            continue;
        }
        let file: Arc<dyn VfsFile> = Arc::from(folder.open(&name)?);
        let head = Head::parse(&file.read(HEAD_BYTES as u64)?);
        let bytes = file.len()?;
        found.push(Found { file: SegmentFile { name, file, bytes }, head, limit: Lsn::MAX, last: None });
    }
    found.sort_by_key(|segment| segment.head.map(|head| head.number));
    let mut limit = Lsn::MAX;
    for segment in found.iter_mut().rev() {
        segment.limit = limit;
        limit = limit.min(segment.head.map_or(limit, |head| head.first));
    }
    Ok(found)
}

/// The state to go on with, and the names of files that are of no use.
fn state(found: Vec<Found>, kept: Lsn, segment_bytes: u64) -> (State, Vec<String>) {
    let highest = found.iter().filter_map(|segment| segment.head).map(|head| head.number).max();
    let name = |segment: &Found| segment.file.name.strip_suffix(".log").and_then(|name| name.parse().ok());
    let next_name = found.iter().filter_map(name).max().unwrap_or(0);
    let (mut live, mut free) = (VecDeque::new(), Vec::new());
    for segment in found {
        match (segment.last, segment.head) {
            (Some(last), Some(head)) => live.push_back(Segment { file: segment.file, nonce: head.nonce, last }),
            _ => free.push(segment.file),
        }
    }
    let removed = spare::keep_best(&mut free, segment_bytes);
    let state = State {
        active: None,
        live,
        gathered: Vec::new(),
        gathered_bytes: 0,
        buffer: Vec::new(),
        spare: Spare::Wanted,
        full: None,
        free,
        appended: kept,
        next_number: highest.map_or(0, |number| number + 1),
        next_name,
    };
    (state, removed)
}

fn damaged_mark(path: &Path) -> StorageError {
    StorageError::Corrupt {
        what: path.join(MARK).display().to_string(),
        expected: "a whole record in one of two places".to_owned(),
        got: "none".to_owned(),
    }
}

/// The numbers and payloads of the batches in a segment's bytes, for tools and fuzzing.
pub(crate) fn frames_of(bytes: &[u8]) -> Vec<(Lsn, &[u8])> {
    let Some(head) = Head::parse(bytes) else {
        return Frame::search(bytes, None, 0).map(|frame| (frame.lsn, frame.payload)).collect();
    };
    let mut rest = bytes.get(HEAD_BYTES..).unwrap_or_default();
    let mut frames = Vec::new();
    while let Some(frame) = Frame::parse(rest).filter(|frame| frame.nonce == head.nonce) {
        frames.push((frame.lsn, frame.payload));
        rest = rest.get(Frame::bytes(frame.payload.len())..).unwrap_or_default();
    }
    frames
}
