//! The journal's own record, in the file `MARK`: up to which batch everything is in durable tables, and a batch that is
//! known to be synced.
//!
//! ```text
//! at 0 and at 4096:  sum 8 │ "alzmark2" │ counter 8 │ flushed 8 │ synced 8
//! ```
//!
//! The valid slot with the higher counter counts. What must be durable is written to the other slot than what was
//! durable last; notes without an fsync go there, too, so a torn write never takes the durable slot.
//!
//! Invariant: `flushed` on disk never runs ahead of the tables, for it is written after they are synced.
//! Refuses to know segments and tables.

use std::io;

use xxhash_rust::xxh3::xxh3_64;

use super::frame::u64_at;
use super::vfs::{Vfs, VfsFile};

pub(super) const MARK: &str = "MARK";

const MAGIC: [u8; 8] = *b"alzmark2";
const SLOTS: [u64; 2] = [0, 4096];
const SLOT_BYTES: usize = 40;
const FILE_BYTES: usize = 8192;

/// What a slot says.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    counter: u64,
    /// Every batch up to this one is in durable tables.
    pub(super) flushed: u64,
    /// Every batch up to this one is durable.
    pub(super) synced: u64,
}

/// The open file.
pub(super) struct Mark {
    file: Box<dyn VfsFile>,
    content: Content,
    /// The slot that holds what was made durable last.
    durable: usize,
}

impl Mark {
    /// Makes the file of a new journal, durable in itself; its name becomes so with the folder.
    pub(super) fn create(folder: &dyn Vfs) -> io::Result<()> {
        let file = folder.create(MARK)?;
        let mut bytes = vec![0; FILE_BYTES];
        bytes[..SLOT_BYTES].copy_from_slice(&Content { counter: 1, flushed: 0, synced: 0 }.encode());
        file.write_at(&bytes, 0)?;
        file.sync()
    }

    /// Opens the file; `None` if it is missing or neither slot is whole. Also gives the highest `synced` of the whole slots.
    pub(super) fn open(folder: &dyn Vfs) -> io::Result<Option<(Mark, u64)>> {
        let file = match folder.open(MARK) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let bytes = file.read(FILE_BYTES as u64)?;
        let slots = SLOTS.map(|at| bytes.get(at as usize..).and_then(Content::parse));
        let newest = (0..SLOTS.len()).max_by_key(|slot| slots[*slot].map(|content| content.counter));
        let Some((durable, content)) = newest.and_then(|slot| Some((slot, slots[slot]?))) else { return Ok(None) };
        // It counts as durable from here on, but a killed process may have left it in the system's memory only.
        file.write_at(&content.encode(), SLOTS[durable])?;
        file.sync()?;
        let synced = slots.iter().flatten().map(|content| content.synced).max().unwrap_or(0);
        Ok(Some((Mark { file, content, durable }, synced)))
    }

    pub(super) fn content(&self) -> Content {
        self.content
    }

    /// Writes both numbers and makes them durable.
    pub(super) fn persist(&mut self, flushed: u64, synced: u64) -> io::Result<()> {
        let slot = self.write(flushed, synced)?;
        // Whatever the kind, a failed sync must not look like a full disk, which is tried again.
        self.file.sync().map_err(|error| io::Error::other(format!("the sync failed: {error}")))?;
        self.durable = slot;
        Ok(())
    }

    /// Writes down `synced` without an fsync. The operating system brings it to disk in its own time.
    pub(super) fn note(&mut self, synced: u64) -> io::Result<()> {
        self.write(self.content.flushed, synced).map(|_| ())
    }

    fn write(&mut self, flushed: u64, synced: u64) -> io::Result<usize> {
        let slot = 1 - self.durable;
        let content = Content { counter: self.content.counter + 1, flushed, synced };
        self.file.write_at(&content.encode(), SLOTS[slot])?;
        self.content = content;
        Ok(slot)
    }
}

impl Content {
    fn encode(&self) -> [u8; SLOT_BYTES] {
        let mut bytes = [0; SLOT_BYTES];
        bytes[8..16].copy_from_slice(&MAGIC);
        for (at, number) in [(16, self.counter), (24, self.flushed), (32, self.synced)] {
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        let sum = xxh3_64(&bytes[8..]);
        bytes[..8].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Content> {
        let bytes = bytes.get(..SLOT_BYTES)?;
        let whole = u64_at(bytes, 0)? == xxh3_64(&bytes[8..]) && bytes[8..].starts_with(&MAGIC);
        let content = Content { counter: u64_at(bytes, 16)?, flushed: u64_at(bytes, 24)?, synced: u64_at(bytes, 32)? };
        whole.then_some(content)
    }
}
