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
use crate::model::faults::{CrashLoss, Faults};
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

#[derive(Default)]
pub(super) struct State {
    maps: [Arc<Map>; Space::ALL.len()],
    /// Batches `durable + 1 ..= applied`, oldest first, each with what it replaced.
    unsynced: VecDeque<Vec<Before>>,
    applied: Seq,
    opening: Opening,
    is_open: bool,
    poisoned: Option<String>,
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

    /// A clean close loses nothing: what was applied is left to the operating system, which is still up.
    pub(super) fn close(&mut self, opening: Opening) {
        if self.opening == opening {
            self.is_open = false;
            self.poisoned = None;
        }
    }

    pub(super) fn check_opening(&self, opening: Opening) -> Result<(), StorageError> {
        if self.is_open && self.opening == opening { Ok(()) } else { Err(StorageError::Closed) }
    }

    pub(super) fn crash(&mut self, loss: CrashLoss) -> usize {
        let unsynced = self.unsynced.len();
        let kept = match loss {
            CrashLoss::Nothing => unsynced,
            CrashLoss::Suffix { seed } => Prng::new(seed).index(unsynced + 1).unwrap_or(0),
            CrashLoss::Unsynced | CrashLoss::Disk => 0,
        };
        for before in self.unsynced.drain(kept..).rev() {
            undo(&mut self.maps, before);
        }
        if loss == CrashLoss::Disk {
            self.maps = Default::default();
        }
        self.unsynced.clear();
        self.is_open = false;
        self.poisoned = None;
        unsynced - kept
    }

    pub(super) fn apply(&mut self, batch: Batch) -> Result<Seq, StorageError> {
        self.check_poison()?;
        batch.check()?;
        self.fail_apply().inspect_err(|error| self.poisoned = Some(error.to_string()))?;
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
        self.faults.sync.next("sync").inspect_err(|error| self.poisoned = Some(error.to_string()))?;
        let durable = self.durable().max(seq.min(self.applied));
        let synced = usize::try_from(durable.0 - self.durable().0).unwrap_or(usize::MAX);
        self.unsynced.drain(..synced);
        Ok(durable)
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

    pub(super) fn fork(&self) -> State {
        State { maps: self.maps.clone(), ..State::default() }
    }

    fn check_poison(&self) -> Result<(), StorageError> {
        self.poisoned.clone().map_or(Ok(()), |why| Err(StorageError::Poisoned { why }))
    }

    fn fail_apply(&mut self) -> Result<(), StorageError> {
        self.faults.apply.next("apply a batch")?;
        if self.faults.full { Err(Fault::Full.error("apply a batch")) } else { Ok(()) }
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

fn undo(maps: &mut [Arc<Map>; Space::ALL.len()], changes: Vec<Before>) {
    for Before { space, key, value } in changes.into_iter().rev() {
        let map = Arc::make_mut(&mut maps[space.index()]);
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        };
    }
}
