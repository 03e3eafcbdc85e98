//! What is on a model disk: the visible content, and for each unsynced batch how to take it back.
//!
//! Invariant: undoing the unsynced batches from last to first yields the content as of the last sync.
//! Maps are shared by reference count, so a scan or a forked image keeps its snapshot without holding the lock; a
//! map is copied only if it is written to meanwhile.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use stdx::Prng;

use crate::batch::{Batch, Change};
use crate::engine::Seq;
use crate::error::StorageError;
use crate::model::faults::{CrashLoss, Faults, Found, Recovery, after_power_cut};
use crate::model::{Fault, model_path};
use crate::space::Space;

/// The content of one space.
pub(super) type Map = BTreeMap<Vec<u8>, Bytes>;

/// Which opening of the disk a handle belongs to.
pub(super) type Opening = u64;

/// What a key held before a batch touched it.
struct Before {
    space: Space,
    key: Vec<u8>,
    value: Option<Bytes>,
}

/// What a batch left under a key.
type Written = (Space, Vec<u8>, Option<Bytes>);

#[derive(Default)]
pub(super) struct State {
    maps: [Arc<Map>; Space::ALL.len()],
    /// Batches `durable + 1 ..= applied`, oldest first, each with what it replaced.
    unsynced: VecDeque<Vec<Before>>,
    /// Batches of all openings before this one that are on the disk.
    found: u64,
    applied: Seq,
    opening: Opening,
    is_open: bool,
    poisoned: Option<String>,
    /// A sync failed and the operating system dropped what it should have written.
    dropped: bool,
    pub(super) faults: Faults,
}

impl State {
    pub(super) fn open(&mut self) -> Result<Opening, StorageError> {
        if self.is_open {
            return Err(StorageError::Locked { path: model_path() });
        }
        self.is_open = true;
        self.opening += 1;
        self.applied = Seq(0);
        self.unsynced.clear();
        Ok(self.opening)
    }

    /// A clean close loses nothing: what was applied is left to the operating system, which is still up. Unless a sync
    /// had failed: then that has been dropped already.
    pub(super) fn close(&mut self, opening: Opening) {
        if self.opening == opening && self.is_open {
            self.crash(CrashLoss::Nothing);
        }
    }

    pub(super) fn check_opening(&self, opening: Opening) -> Result<(), StorageError> {
        if self.is_open && self.opening == opening { Ok(()) } else { Err(StorageError::Closed) }
    }

    pub(super) fn crash(&mut self, loss: CrashLoss) -> usize {
        let loss = if self.dropped && loss != CrashLoss::Disk { CrashLoss::Unsynced } else { loss };
        let found = after_power_cut(loss, self.unsynced.len());
        let kept = found.iter().position(|found| *found != Found::Whole).unwrap_or(found.len());
        let mut cut: Vec<Vec<Written>> =
            self.unsynced.drain(kept..).rev().map(|batch| undo(&mut self.maps, batch)).collect();
        cut.reverse();
        let lost = cut.len();
        self.found += self.applied.0 - lost as u64;
        self.applied = Seq(0);
        self.recover_badly(&found[kept..], cut);
        if loss == CrashLoss::Disk {
            self.maps = Default::default();
            self.found = 0;
        }
        self.unsynced.clear();
        self.is_open = false;
        self.poisoned = None;
        self.dropped = false;
        lost
    }

    /// What a recovery with a planted bug brings back of what it should have cut.
    fn recover_badly(&mut self, found: &[Found], cut: Vec<Vec<Written>>) {
        for (found, batch) in found.iter().zip(cut) {
            let parts = match (self.faults.recovery, found) {
                (Recovery::KeepsTail, Found::Whole) => batch.len(),
                (Recovery::KeepsHalves, Found::Half) => batch.len() / 2,
                _ => 0,
            };
            for (space, key, value) in batch.into_iter().take(parts) {
                match value {
                    Some(value) => self.map_mut(space).insert(key, value),
                    None => self.map_mut(space).remove(&key),
                };
            }
        }
    }

    pub(super) fn apply(&mut self, batch: Batch) -> Result<Seq, StorageError> {
        self.check_poison()?;
        batch.check()?;
        if let Err(error) = self.faults.apply.next("apply a batch") {
            if !matches!(error, StorageError::Full { .. }) {
                self.poisoned = Some(error.to_string());
            }
            return Err(error);
        }
        self.take_room(&batch)?;
        let mut before = Vec::new();
        for change in batch.into_changes() {
            self.change(change, &mut before);
        }
        self.unsynced.push_back(before);
        self.applied = self.applied.next();
        Ok(self.applied)
    }

    pub(super) fn sync_to(&mut self, seq: Seq) -> Result<Seq, StorageError> {
        self.check_poison()?;
        if let Err(error) = self.faults.sync.next("sync") {
            if matches!(error, StorageError::Full { .. }) {
                return Err(error);
            }
            self.poisoned = Some(error.to_string());
            self.dropped = true;
            return Err(error);
        }
        let durable = self.durable().max(seq.min(self.applied));
        if self.faults.lying {
            return Ok(durable);
        }
        let synced = usize::try_from(durable.0 - self.durable().0).unwrap_or(usize::MAX);
        self.unsynced.drain(..synced);
        Ok(durable)
    }

    pub(super) fn found(&self) -> u64 {
        self.found
    }

    pub(super) fn applied(&self) -> Seq {
        self.applied
    }

    pub(super) fn durable(&self) -> Seq {
        Seq(self.applied.0 - self.unsynced.len() as u64)
    }

    /// The content of a space as it is now; later changes do not reach it.
    pub(super) fn snapshot(&mut self, space: Space) -> Result<Arc<Map>, StorageError> {
        self.faults.read.next("read")?;
        Ok(Arc::clone(self.map(space)))
    }

    pub(super) fn get(&mut self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.faults.read.next("read")?;
        Ok(self.map(space).get(key).cloned())
    }

    pub(super) fn size(&self) -> u64 {
        let bytes = |map: &Arc<Map>| map.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
        self.maps.iter().map(bytes).sum::<usize>() as u64
    }

    pub(super) fn corrupt(&mut self, space: Space, key: &[u8], bit: u64) -> bool {
        let Some(value) = self.map_mut(space).get_mut(key) else { return false };
        let bits = value.len() as u64 * 8;
        if bits == 0 {
            return false;
        }
        let bit = bit % bits;
        let mut rotten = BytesMut::from(value.as_ref());
        if let Some(byte) = rotten.get_mut((bit / 8) as usize) {
            *byte ^= 1 << (bit % 8);
        }
        *value = rotten.freeze();
        true
    }

    pub(super) fn rot(&mut self, space: Space, pick: u64) -> Option<Vec<u8>> {
        let values = self.map(space).len();
        let key = self.map(space).keys().nth((pick % (values as u64).max(1)) as usize)?.clone();
        let bit = Prng::new(pick).next_u64();
        self.corrupt(space, &key, bit).then_some(key)
    }

    pub(super) fn restore(&mut self, image: State) {
        assert!(!self.is_open, "a disk that is open cannot be replaced");
        self.maps = image.maps;
        self.found = image.found;
    }

    pub(super) fn fork(&self) -> State {
        State { maps: self.maps.clone(), found: self.found + self.applied.0, ..State::default() }
    }

    fn check_poison(&self) -> Result<(), StorageError> {
        self.poisoned.clone().map_or(Ok(()), |why| Err(StorageError::Poisoned { why }))
    }

    /// Refuses a batch that puts more items and hints than there is room for.
    fn take_room(&mut self, batch: &Batch) -> Result<(), StorageError> {
        let Some(room) = self.faults.room else { return Ok(()) };
        let of = |change: &Change| match change {
            Change::Put { space: Space::Items | Space::Hints, key, value } => key.len() + value.len(),
            _ => 0,
        };
        let needed = batch.changes().iter().map(of).sum::<usize>() as u64;
        if needed > room {
            return Err(Fault::Full.error("apply a batch"));
        }
        self.faults.room = Some(room - needed);
        Ok(())
    }

    fn change(&mut self, change: Change, before: &mut Vec<Before>) {
        match change {
            Change::Put { space, key, value } => {
                let old = self.map_mut(space).insert(key.clone(), value);
                before.push(Before { space, key, value: old });
            }
            Change::Delete { space, key } => {
                let old = self.map_mut(space).remove(&key);
                before.push(Before { space, key, value: old });
            }
            Change::DeleteRange { space, start, end } => {
                for key in keys_between(self.map(space), &start, end.as_deref()) {
                    let old = self.map_mut(space).remove(&key);
                    before.push(Before { space, key, value: old });
                }
            }
        }
    }

    fn map(&self, space: Space) -> &Arc<Map> {
        &self.maps[space.index()]
    }

    fn map_mut(&mut self, space: Space) -> &mut Map {
        Arc::make_mut(&mut self.maps[space.index()])
    }
}

/// The part of `map` from `start` to `end`; an inverted range is empty.
pub(super) fn between<'a>(
    map: &'a Map,
    start: &[u8],
    end: Option<&[u8]>,
) -> impl Iterator<Item = (&'a Vec<u8>, &'a Bytes)> {
    // `BTreeMap::range` panics on an inverted range, so the end is lifted to the start.
    let end = end.map_or(Bound::Unbounded, |end| Bound::Excluded(end.max(start)));
    map.range::<[u8], _>((Bound::Included(start), end))
}

fn keys_between(map: &Map, start: &[u8], end: Option<&[u8]>) -> Vec<Vec<u8>> {
    between(map, start, end).map(|(key, _)| key.clone()).collect()
}

/// Takes a batch back. Returns what it had written, in order.
fn undo(maps: &mut [Arc<Map>; Space::ALL.len()], changes: Vec<Before>) -> Vec<Written> {
    let mut written: Vec<Written> = Vec::with_capacity(changes.len());
    for Before { space, key, value } in changes.into_iter().rev() {
        let map = Arc::make_mut(&mut maps[space.index()]);
        let had = match value {
            Some(value) => map.insert(key.clone(), value),
            None => map.remove(&key),
        };
        written.push((space, key, had));
    }
    written.reverse();
    written
}
