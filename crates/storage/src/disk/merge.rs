//! One ascending scan over several sources of which newer ones hide older ones.
//!
//! Invariant: each key is given once, as its newest source has it, and not at all if that is a deletion.
//! Refuses to know where the sources get their entries.

use std::ops::Bound;

use bytes::Bytes;

use super::journal::Lsn;
use super::memtable::{Entry, Hidden, Memtable, Version};
use crate::error::StorageError;
use crate::space::Space;

/// Something that gives entries, ascending by key.
pub(super) type Source<'a> = Box<dyn Iterator<Item = Result<Entry, StorageError>> + 'a>;

/// Entries of several sources, newest source first.
pub(super) struct Merge<'a> {
    sources: Vec<Source<'a>>,
    /// The next entry of each source, read ahead.
    heads: Vec<Option<Entry>>,
    /// For each source, what it hides of the older ones.
    hidden: Vec<Vec<Hidden>>,
    failed: bool,
}

impl<'a> Merge<'a> {
    /// Each source comes with the ranges that it hides of those behind it.
    pub(super) fn new(sources: Vec<(Source<'a>, Vec<Hidden>)>) -> Result<Merge<'a>, StorageError> {
        let (mut sources, hidden): (Vec<_>, Vec<_>) = sources.into_iter().unzip();
        let heads = sources.iter_mut().map(|source| source.next().transpose()).collect::<Result<_, _>>()?;
        Ok(Merge { sources, heads, hidden, failed: false })
    }

    /// The source whose next key is the lowest, the newest of them if several have it.
    fn lowest(&self) -> Option<usize> {
        let mut lowest: Option<(usize, &[u8])> = None;
        for (at, head) in self.heads.iter().enumerate() {
            if let Some((key, _)) = head
                && lowest.is_none_or(|(_, least)| **key < *least)
            {
                lowest = Some((at, key));
            }
        }
        lowest.map(|(at, _)| at)
    }

    fn advance(&mut self, at: usize) -> Result<Option<Entry>, StorageError> {
        let next = self.sources[at].next().transpose()?;
        Ok(std::mem::replace(&mut self.heads[at], next))
    }

    /// The newest version of the lowest key, deletions included.
    fn step(&mut self) -> Result<Option<Entry>, StorageError> {
        let Some(newest) = self.lowest() else { return Ok(None) };
        let Some((key, version)) = self.advance(newest)? else { return Ok(None) };
        for older in newest + 1..self.heads.len() {
            if self.heads[older].as_ref().is_some_and(|(other, _)| *other == key) {
                self.advance(older)?;
            }
        }
        let hiding = self.hidden[..newest].iter().flatten();
        let value = if hiding.into_iter().any(|hidden| hidden.covers(&key)) { None } else { version.value };
        Ok(Some((key, Version { lsn: version.lsn, value })))
    }
}

impl Iterator for Merge<'_> {
    type Item = Result<Entry, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.failed {
            match self.step() {
                Ok(Some((_, Version { value: None, .. }))) => {}
                Ok(entry) => return entry.map(Ok),
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

/// The same with deletions given, too, for writing tables.
pub(super) struct Versions<'a>(pub(super) Merge<'a>);

impl Iterator for Versions<'_> {
    type Item = Result<Entry, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.step().transpose()
    }
}

/// The entries of a memory table as of one batch, copied a few at a time.
pub(super) struct MemtableScan<'a> {
    memtable: &'a Memtable,
    space: Space,
    from: Bound<Bytes>,
    end: Option<Vec<u8>>,
    until: Lsn,
    /// Copied entries, the next one last.
    copied: Vec<Entry>,
    more: bool,
}

impl<'a> MemtableScan<'a> {
    pub(super) fn new(
        memtable: &'a Memtable,
        space: Space,
        (start, end): (&[u8], Option<&[u8]>),
        until: Lsn,
    ) -> MemtableScan<'a> {
        let (from, end) = (Bound::Included(Bytes::copy_from_slice(start)), end.map(<[u8]>::to_vec));
        MemtableScan { memtable, space, from, end, until, copied: Vec::new(), more: true }
    }
}

impl Iterator for MemtableScan<'_> {
    type Item = Result<Entry, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.copied.is_empty() && self.more {
            let from = self.from.as_ref().map(|key| &**key);
            self.more = self.memtable.chunk(self.space, from, self.end.as_deref(), self.until, &mut self.copied);
            if let Some((last, _)) = self.copied.last() {
                self.from = Bound::Excluded(last.clone());
            }
            self.copied.reverse();
        }
        self.copied.pop().map(Ok)
    }
}
