//! A host's disk: the model engine, watched, and fsyncs that take time.
//!
//! [`WatchedEngine`] hands every batch that the engine has taken to whoever watches, so that checkers see all records that
//! ever reach a store. [`Syncs`] is the one thread that makes batches durable: what is asked for while an fsync runs
//! shares the next one (group commit).
//! Refuses to know what keys and values mean.

use crate::mutant::Mutant;
use bytes::Bytes;
use node::storage::{Batch, Change, Engine, ModelEngine, Reader, Seq, Space, StorageError, Syncer, Visit};
use std::cell::RefCell;
use std::rc::Rc;

/// Changes in the order in which they were applied, until somebody looks.
pub(crate) type Watch = Rc<RefCell<Vec<Change>>>;

/// A model engine that is watched.
pub(crate) struct WatchedEngine {
    inner: ModelEngine,
    watch: Watch,
    mutant: Mutant,
}

impl WatchedEngine {
    pub(crate) fn new(inner: ModelEngine, watch: Watch, mutant: Mutant) -> WatchedEngine {
        WatchedEngine { inner, watch, mutant }
    }

    /// What a planted bug leaves of a batch.
    fn bugged(&self, batch: Batch) -> Batch {
        let dropped = |change: &Change| match change {
            Change::Put { space: Space::Meta, key, .. } if self.mutant.is(Mutant::LostIncarnation) => {
                *key == codec::incarnation_key()
            }
            Change::Put { space: Space::Meta, key, .. } if self.mutant.is(Mutant::ForgottenPromises) => {
                let (first, _) = codec::acceptor_range(node::proto::Epoch(0));
                key.first() == first.first()
            }
            _ => false,
        };
        Batch::from(batch.into_changes().into_iter().filter(|change| !dropped(change)).collect::<Vec<_>>())
    }
}

impl Engine for WatchedEngine {
    fn apply(&mut self, batch: Batch) -> Result<Seq, StorageError> {
        let batch = if self.mutant == Mutant::None { batch } else { self.bugged(batch) };
        let changes = batch.changes().to_vec();
        let seq = self.inner.apply(batch)?;
        self.watch.borrow_mut().extend(changes);
        Ok(seq)
    }

    fn applied(&self) -> Seq {
        self.inner.applied()
    }

    fn found(&self) -> u64 {
        self.inner.found()
    }

    fn syncer(&self) -> Box<dyn Syncer> {
        self.inner.syncer()
    }

    fn reader(&self) -> Box<dyn Reader + Send> {
        self.inner.reader()
    }

    fn size(&self) -> Result<u64, StorageError> {
        self.inner.size()
    }
}

impl Reader for WatchedEngine {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.inner.get(space, key)
    }

    fn scan(&self, space: Space, start: &[u8], end: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StorageError> {
        self.inner.scan(space, start, end, visit)
    }
}

/// The fsyncs of one life of a host.
#[derive(Default)]
pub(crate) struct Syncs {
    wanted: Seq,
    durable: Seq,
    running: bool,
    pub(crate) count: u64,
}

impl Syncs {
    /// The node wants everything up to `seq` to be durable.
    pub(crate) fn want(&mut self, seq: Seq) {
        self.wanted = self.wanted.max(seq);
    }

    /// True, once, if an fsync is to begin now.
    pub(crate) fn begin(&mut self) -> bool {
        let begins = self.wanted > self.durable && !self.running;
        self.running |= begins;
        self.count += u64::from(begins);
        begins
    }

    /// True while the first fsync runs.
    pub(crate) fn is_first(&self) -> bool {
        self.running && self.count == 1
    }

    /// An fsync has ended.
    pub(crate) fn ended(&mut self, durable: Seq) {
        self.running = false;
        self.durable = self.durable.max(durable);
    }
}

#[cfg(test)]
mod tests {
    use super::Syncs;
    use node::storage::Seq;

    #[test]
    fn what_is_wanted_meanwhile_shares_the_next_fsync() {
        let mut syncs = Syncs::default();
        syncs.want(Seq(1));
        assert!(syncs.begin() && !syncs.begin());
        syncs.want(Seq(5));
        syncs.want(Seq(3));
        assert!(!syncs.begin());
        syncs.ended(Seq(1));
        assert!(syncs.begin());
        syncs.ended(Seq(5));
        assert!(!syncs.begin());
    }
}
