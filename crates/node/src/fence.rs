//! The fence between what is visible and what is durable: outcomes wait here for the fsync that covers them.
//!
//! Invariant: an outcome leaves in the order of batches, and only when everything up to its batch is on disk. A read of
//! a slot that was written with fsync and is not on disk yet waits with the write, so nobody is shown what a crash could
//! take back.

use crate::syncs::Awaited;
use proto::{StoreFailure, StoreOutcome, Ticket};
use std::collections::{BTreeMap, VecDeque};
use stdx::bugs::planted;
use stdx::hash::Mixer;
use storage::Seq;

/// Names a storage key. Two keys that share a hash only wait for each other.
pub(crate) type KeyHash = u64;

pub(crate) fn key_hash(storage_key: &[u8]) -> KeyHash {
    let mut mixer = Mixer::new(0);
    mixer.bytes(storage_key);
    mixer.finish()
}

#[derive(Clone, Copy)]
struct Unsynced {
    /// The last batch that wrote the slot.
    written: Seq,
    /// The last one that asked for fsync; readers wait for it.
    promised: Option<Seq>,
}

/// Outcomes that wait, and slots that are not on disk yet.
#[derive(Default)]
pub(crate) struct Fence {
    durable: Seq,
    /// By batch, and those of one batch in the order in which they came.
    waiting: VecDeque<(Seq, Ticket, StoreOutcome)>,
    /// The newest batch that one of them waited for that somebody is in a hurry for.
    at_once: Option<Seq>,
    unsynced: BTreeMap<KeyHash, Unsynced>,
    order: VecDeque<(Seq, KeyHash)>,
}

impl Fence {
    pub(crate) fn new(durable: Seq) -> Fence {
        Fence { durable, ..Fence::default() }
    }

    /// A slot was written by batch `seq`.
    pub(crate) fn written(&mut self, key: KeyHash, seq: Seq, fsync: bool) {
        let entry = self.unsynced.entry(key).or_insert(Unsynced { written: seq, promised: None });
        entry.written = seq;
        if fsync {
            entry.promised = Some(seq);
        }
        self.order.push_back((seq, key));
    }

    /// The batch a durable acknowledgement of this slot as it is must wait for.
    pub(crate) fn of_write(&self, key: KeyHash) -> Seq {
        let unsynced = self.unsynced.get(&key).filter(|_| !planted("a known record is acknowledged at once"));
        unsynced.map_or(self.durable, |entry| entry.written)
    }

    /// The batch a reader of this slot must wait for.
    pub(crate) fn of_read(&self, key: KeyHash) -> Seq {
        let promised = self.unsynced.get(&key).and_then(|entry| entry.promised);
        promised.filter(|_| !planted("reads do not wait for fsync")).unwrap_or(self.durable)
    }

    /// True if everything up to batch `seq` is on disk.
    pub(crate) fn is_durable(&self, seq: Seq) -> bool {
        seq <= self.durable
    }

    /// Lets an outcome wait for batch `seq`; gives it back if that is on disk already. `hurry`: somebody is in a hurry for it.
    pub(crate) fn wait(
        &mut self,
        seq: Seq,
        hurry: bool,
        ticket: Ticket,
        outcome: StoreOutcome,
    ) -> Option<(Ticket, StoreOutcome)> {
        if seq <= self.durable {
            return Some((ticket, outcome));
        }
        if hurry {
            self.at_once = self.at_once.max(Some(seq));
        }
        let at = match self.waiting.back() {
            Some((last, ..)) if *last > seq => self.waiting.partition_point(|(other, ..)| *other <= seq),
            _ => self.waiting.len(),
        };
        self.waiting.insert(at, (seq, ticket, outcome));
        None
    }

    /// The newest batches that outcomes wait for.
    pub(crate) fn awaited(&self) -> Awaited {
        Awaited { at_once: self.at_once, at_all: self.waiting.back().map(|(seq, ..)| *seq) }
    }

    /// Everything up to `seq` is on disk: appends what waited for it.
    pub(crate) fn synced(&mut self, seq: Seq, due: &mut Vec<(Ticket, StoreOutcome)>) {
        self.durable = self.durable.max(seq);
        while let Some((written, key)) = self.order.front().copied()
            && written <= self.durable
        {
            self.order.pop_front();
            if self.unsynced.get(&key).is_some_and(|entry| entry.written <= self.durable) {
                self.unsynced.remove(&key);
            }
        }
        let count = self.waiting.partition_point(|(seq, ..)| *seq <= self.durable);
        due.extend(self.waiting.drain(..count).map(|(_, ticket, outcome)| (ticket, outcome)));
    }

    /// Nothing will be on disk any more: everything that waited has failed.
    pub(crate) fn failed(&mut self, why: &str) -> Vec<(Ticket, StoreOutcome)> {
        let failure = StoreOutcome::Failed(StoreFailure::Poisoned(why.to_owned()));
        self.waiting.drain(..).map(|(_, ticket, _)| (ticket, failure.clone())).collect()
    }
}
