//! The newest changes of every space, in memory, ordered by key.
//!
//! One memory table takes the batches of all spaces, so a reader sees a batch whole or not at all. A key keeps one
//! version, and older ones only while an open snapshot could look at them. A range deletion is kept as such: it hides
//! what older memory tables and tables hold, and the keys of this one are deleted at once.
//!
//! Invariant: changes come in the order of their batches; once sealed, nothing changes any more.
//! Refuses to know tables and the journal.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::guard::{read, write};
use super::journal::Lsn;
use super::key_marks::KeyMarks;
use super::runs::hash_of;
use crate::batch::Change;
use crate::space::Space;

/// What a key takes beside its own bytes and its value's.
const KEY_OVERHEAD: usize = 120;

/// Keys that a scan copies under one lock.
const CHUNK_KEYS: usize = 64;

/// One version of a key; no value is a deletion.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) lsn: Lsn,
    pub(super) value: Option<Bytes>,
}

impl Version {
    fn bytes(&self) -> usize {
        self.value.as_ref().map_or(0, Bytes::len)
    }
}

/// A key and the version of it that a scan sees.
pub(super) type Entry = (Bytes, Version);

/// What a memory table says about a key.
pub(super) enum Found {
    /// This is its version.
    Version(Option<Bytes>),
    /// Nothing; older places must be asked.
    Nothing,
}

/// A range deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hidden {
    pub(super) start: Vec<u8>,
    pub(super) end: Option<Vec<u8>>,
    pub(super) lsn: Lsn,
}

impl Hidden {
    pub(super) fn covers(&self, key: &[u8]) -> bool {
        key >= self.start.as_slice() && self.end.as_ref().is_none_or(|end| key < end.as_slice())
    }
}

/// Changes in memory.
#[derive(Default)]
pub(super) struct Memtable {
    content: RwLock<Content>,
    /// Keys of all spaces that it may hold.
    marks: KeyMarks,
    /// It holds range deletions, which hide any keys.
    hides: AtomicBool,
    /// The spaces that are in tables already, should writing the others out have failed.
    pub(super) written: [AtomicBool; Space::ALL.len()],
}

#[derive(Default)]
struct Content {
    spaces: [Keys; Space::ALL.len()],
    bytes: usize,
    last: Lsn,
}

#[derive(Default)]
struct Keys {
    slots: BTreeMap<Key<'static>, Slot>,
    hidden: Vec<Hidden>,
}

/// A key behind its first eight bytes as a number, which nearly always tell two keys apart without a look at the rest, somewhere
/// else in memory. The order is that of the bytes: where the numbers are equal, for instance because one key is short, they decide.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    head: u64,
    bytes: Cow<'a, [u8]>,
}

impl<'a> Key<'a> {
    fn new(bytes: impl Into<Cow<'a, [u8]>>) -> Key<'a> {
        let bytes = bytes.into();
        let mut head = [0; 8];
        let count = bytes.len().min(head.len());
        head[..count].copy_from_slice(&bytes[..count]);
        Key { head: u64::from_be_bytes(head), bytes }
    }
}

struct Slot {
    newest: Version,
    /// Earlier versions that an open snapshot may look at, newest first.
    older: Vec<Version>,
}

impl Memtable {
    /// Applies the changes of batch `lsn`, keeping what a snapshot of batch `watched` could see. Calls `visible` before
    /// readers are let in again. Returns the memory taken by everything in here, approximately.
    pub(super) fn apply(
        &self,
        changes: Vec<Change>,
        lsn: Lsn,
        watched: impl FnOnce() -> Lsn,
        visible: impl FnOnce(),
    ) -> usize {
        let mut content = write(&self.content);
        let watched = watched();
        for change in changes {
            self.mark(&change);
            content.change(change, lsn, watched);
        }
        content.last = lsn;
        visible();
        content.bytes
    }

    fn mark(&self, change: &Change) {
        match change {
            Change::Put { key, .. } | Change::Delete { key, .. } => self.marks.mark(hash_of(key)),
            Change::DeleteRange { .. } => self.hides.store(true, Ordering::Relaxed),
        }
    }

    /// Runs `begin` at a moment between two batches.
    pub(super) fn between_batches<T>(&self, begin: impl FnOnce() -> T) -> T {
        let _content = read(&self.content);
        begin()
    }

    /// The newest version of `key`, whose hash is `hash`.
    pub(super) fn get(&self, space: Space, key: &[u8], hash: u64) -> Found {
        if !self.marks.may_have(hash) && !self.hides.load(Ordering::Relaxed) {
            return Found::Nothing;
        }
        let content = read(&self.content);
        let keys = &content.spaces[space.index()];
        let slots: &BTreeMap<Key<'_>, Slot> = &keys.slots;
        match slots.get(&Key::new(key)) {
            Some(slot) => Found::Version(slot.newest.value.clone()),
            None if keys.hidden.iter().any(|hidden| hidden.covers(key)) => Found::Version(None),
            None => Found::Nothing,
        }
    }

    /// Memory taken, approximately.
    pub(super) fn bytes(&self) -> usize {
        read(&self.content).bytes
    }

    /// The last batch in it.
    pub(super) fn last(&self) -> Lsn {
        read(&self.content).last
    }

    pub(super) fn is_empty(&self, space: Space) -> bool {
        let content = read(&self.content);
        let keys = &content.spaces[space.index()];
        keys.slots.is_empty() && keys.hidden.is_empty()
    }

    /// The range deletions up to batch `until`.
    pub(super) fn hidden(&self, space: Space, until: Lsn) -> Vec<Hidden> {
        let content = read(&self.content);
        let hidden = content.spaces[space.index()].hidden.iter();
        hidden.filter(|hidden| hidden.lsn <= until).cloned().collect()
    }

    /// Adds up to `CHUNK_KEYS` keys from `from` on below `end` to `into`, as they were after batch `until`. True if there
    /// may be more behind the last one added.
    pub(super) fn chunk(
        &self,
        space: Space,
        from: Bound<&[u8]>,
        end: Option<&[u8]>,
        until: Lsn,
        into: &mut Vec<Entry>,
    ) -> bool {
        let upper = end.map_or(Bound::Unbounded, Bound::Excluded);
        if is_inverted(from, end) {
            return false;
        }
        let content = read(&self.content);
        let mut looked_at = 0;
        let slots: &BTreeMap<Key<'_>, Slot> = &content.spaces[space.index()].slots;
        for (key, slot) in slots.range((from.map(Key::new), upper.map(Key::new))) {
            if let Some(version) = slot.at(until) {
                into.push((Bytes::copy_from_slice(&key.bytes), version.clone()));
            }
            looked_at += 1;
            // A key that a snapshot does not see counts, too, or one lock would be held for long; the last key looked
            // at must be given, for the next chunk begins behind it.
            if looked_at >= CHUNK_KEYS && slot.at(until).is_some() {
                return true;
            }
        }
        false
    }
}

impl Content {
    fn change(&mut self, change: Change, lsn: Lsn, watched: Lsn) {
        match change {
            Change::Put { space, key, value } => self.set(space, key, Version { lsn, value: Some(value) }, watched),
            Change::Delete { space, key } => self.set(space, key, Version { lsn, value: None }, watched),
            Change::DeleteRange { space, start, end } => self.hide(space, Hidden { start, end, lsn }, watched),
        }
    }

    fn set(&mut self, space: Space, key: Vec<u8>, version: Version, watched: Lsn) {
        self.bytes += version.bytes();
        match self.spaces[space.index()].slots.entry(Key::new(key)) {
            std::collections::btree_map::Entry::Vacant(vacant) => {
                self.bytes += vacant.key().bytes.len() + KEY_OVERHEAD;
                vacant.insert(Slot { newest: version, older: Vec::new() });
            }
            std::collections::btree_map::Entry::Occupied(mut occupied) => {
                self.bytes -= occupied.get_mut().replace(version, watched);
            }
        }
    }

    fn hide(&mut self, space: Space, hidden: Hidden, watched: Lsn) {
        if hidden.end.as_ref().is_some_and(|end| *end <= hidden.start) {
            return;
        }
        let keys = &mut self.spaces[space.index()];
        let upper = hidden.end.clone().map_or(Bound::Unbounded, |end| Bound::Excluded(Key::new(end)));
        for (_, slot) in keys.slots.range_mut((Bound::Included(Key::new(hidden.start.clone())), upper)) {
            self.bytes -= slot.replace(Version { lsn: hidden.lsn, value: None }, watched);
        }
        self.bytes += hidden.start.len() + KEY_OVERHEAD;
        keys.hidden.push(hidden);
    }
}

impl Slot {
    /// Puts `version` on top, drops versions that nobody can look at any more, and returns the bytes of their values.
    fn replace(&mut self, version: Version, watched: Lsn) -> usize {
        let replaced = std::mem::replace(&mut self.newest, version);
        let unseen = self.older.iter().take_while(|older| older.lsn > watched).count();
        let dropped: usize = self.older.drain(..unseen).map(|version| version.bytes()).sum();
        if replaced.lsn <= watched {
            self.older.insert(0, replaced);
            return dropped;
        }
        dropped + replaced.bytes()
    }

    /// The version as of batch `until`.
    fn at(&self, until: Lsn) -> Option<&Version> {
        std::iter::once(&self.newest).chain(&self.older).find(|version| version.lsn <= until)
    }
}

fn is_inverted(from: Bound<&[u8]>, end: Option<&[u8]>) -> bool {
    let (Bound::Included(start) | Bound::Excluded(start), Some(end)) = (from, end) else { return false };
    end <= start
}
