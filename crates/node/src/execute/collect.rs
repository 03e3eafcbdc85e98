//! The part of storage work that collection asks for: finding what is spent, saying whether it is held exactly so, and
//! letting go of it.
//!
//! Invariant: a record goes, or shrinks, only if its hash and the hash of what would stay are those that were agreed upon.
//! Refuses to know what else must hold before that: `proto` does.

use super::{Answer, Executor, failure};
use crate::fence::key_hash;
use proto::hash::version_hash;
use proto::tree::{Place, Tree};
use proto::{Bookmark, Highest, Record, Slot, Spent, StoreFailure, StoreOutcome};
use std::ops::ControlFlow;
use stdx::Wall;
use storage::{Batch, Engine, Seq, Space};

/// Spent items told at once.
const ITEMS_MAX: usize = 512;
/// Registers told at once whose value has ended.
const ENDED_MAX: usize = 64;
/// Bytes of records looked at in one step.
const BYTES_MAX: usize = 4 << 20;

/// An item that is held exactly as it was said.
struct Exactly {
    slot: Slot,
    /// What would stay of it.
    left: Option<Record>,
    bytes: usize,
}

impl<E: Engine> Executor<E> {
    /// Looks at some records, in storage order, for what is spent.
    pub(super) fn sweep(&mut self, after: Option<Bookmark>, records_max: usize, wall: Wall, idle_max: usize) -> Answer {
        let start = after.map_or_else(Vec::new, |Bookmark(mut last)| {
            last.push(0);
            last
        });
        let (mut items, mut ended, mut last) = (Vec::new(), Vec::new(), None::<Vec<u8>>);
        let (mut seen, mut bytes) = (0, 0);
        let mut goes_on = false;
        let visited = self.engine.scan(Space::Items, &start, None, &mut |key, value| {
            let is_full = items.len() >= ITEMS_MAX || ended.len() >= ENDED_MAX;
            if seen >= records_max || bytes >= BYTES_MAX || is_full {
                goes_on = true;
                return ControlFlow::Break(());
            }
            seen += 1;
            bytes += value.len();
            last = Some(key.to_vec());
            // What is damaged is found by whoever needs it.
            let Ok((bucket, key, record)) = codec::decode_stored(key, value) else { return ControlFlow::Continue(()) };
            if let Some((left, stamp)) = record.spent(wall, idle_max) {
                let hash = version_hash(bucket, &key, &record);
                let left = left.map_or(0, |left| version_hash(bucket, &key, &left));
                items.push((Spent { bucket, key, hash, left }, Highest { stamp, floor: record.floor() }));
            } else if let Some(number) = record.ended(wall) {
                ended.push((bucket, key, number));
            }
            ControlFlow::Continue(())
        });
        visited.map_err(failure)?;
        let after = last.filter(|_| goes_on).map(Bookmark);
        Ok((Seq(0), StoreOutcome::Swept { items, ended, after }))
    }

    /// Which of these are held exactly so; what would be too much at once is left to a later pass.
    pub(super) fn agree(&mut self, items: Vec<Spent>, wall: Wall, idle_max: usize) -> Answer {
        let (mut agreed, mut bytes) = (Vec::new(), 0);
        for (item, at) in items.into_iter().zip(0u32..) {
            if bytes >= BYTES_MAX {
                break;
            }
            if let Some(exactly) = self.exactly(&item, wall, idle_max)? {
                bytes += exactly.bytes;
                agreed.push(at);
            }
        }
        Ok((self.engine.applied(), StoreOutcome::Wanted(agreed)))
    }

    /// Lets go of these, as far as they are held exactly so.
    pub(super) fn collect(&mut self, items: Vec<Spent>, wall: Wall, idle_max: usize) -> Answer {
        let mut batch = Batch::new();
        let mut gone = Vec::new();
        for item in items {
            let Some(Exactly { slot, left, .. }) = self.exactly(&item, wall, idle_max)? else { continue };
            let key = codec::slot_key(&slot);
            match &left {
                Some(record) => batch.put(Space::Items, key.as_slice(), codec::encode_stored(&key, &slot, record)),
                None => batch.delete(Space::Items, key.as_slice()),
            }
            gone.push((key, slot, item));
        }
        let count = gone.len() as u32;
        if gone.is_empty() {
            return Ok((self.engine.applied(), StoreOutcome::Collected(count)));
        }
        let seq = self.apply(batch)?;
        for (key, slot, item) in gone {
            self.fence.written(key_hash(&key), seq, true);
            let tree = Tree { partition: slot.partition, bucket: slot.bucket };
            self.trees.change(&key, tree, || Place::of(self.grid, &slot), item.hash, item.left);
        }
        Ok((seq, StoreOutcome::Collected(count)))
    }

    /// What would stay of an item, if it is held exactly as it says.
    fn exactly(&mut self, item: &Spent, wall: Wall, idle_max: usize) -> Result<Option<Exactly>, StoreFailure> {
        let slot = Slot::new(self.grid, item.bucket, item.key.clone());
        let held = match self.get(&codec::slot_key(&slot), &slot) {
            Ok(held) => held,
            Err(StoreFailure::Corrupt(_)) => None,
            Err(failure) => return Err(failure),
        };
        let Some(record) = held.filter(|record| Self::hash_of(&slot, Some(record)) == item.hash) else {
            return Ok(None);
        };
        let bytes = slot.key.len() + record.weight();
        let left = record.spent(wall, idle_max).map(|(left, _)| left);
        let left = left.filter(|left| Self::hash_of(&slot, left.as_ref()) == item.left);
        Ok(left.map(|left| Exactly { slot, left, bytes }))
    }
}
