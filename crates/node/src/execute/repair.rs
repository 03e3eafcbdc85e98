//! The parts of storage work that anti-entropy asks for: hashes of trees, computing trees, reading the items of leaves;
//! and what happens to damaged records.
//!
//! Invariant: no operation here reads more than a bounded number of records.
//!
//! # Damaged records
//! A record whose checksum does not fit is *unknown*, not empty: a read of it fails, so a coordinator counts this replica
//! as one that did not answer, and nothing is merged into it. Its hash is in no tree. The machine is told of it, reads a
//! quorum of the other replicas and has it overwritten by what they hold ([`Executor::heal`]).
//!
//! That alone would lose writes: an actor may make a dot only on top of its own latest state of the key, for whoever
//! has seen the dot takes all earlier ones of that actor for overwritten (`causal::DvvSet`); and what the others gave back
//! may lack a version that this node made and that was lost here before it reached a quorum. That counters of this life
//! go on does not help. So, when a damaged record is overwritten, this node takes a new incarnation, and until that is
//! durable it makes no version at all ([`Executor::may_write`]). (riak_kv 1643 is this bug.) It does the same when a tree
//! that is computed again shows that the disk lost something without any damage to see.

use super::{Answer, Executor, failure};
use crate::fence::key_hash;
use crate::trees::Built;
use proto::hash::version_hash;
use proto::tree::{Patch, Place, TreePart};
use proto::{Bookmark, ItemKey, Record, Slot, StoreFailure, StoreOutcome};
use ring::PartitionId;
use std::ops::ControlFlow;
use storage::{Batch, Engine, Seq, Space};

/// Keys that one page of a repair looks at, wanted or not.
const VISITS_MAX: usize = 5_000;
/// Damaged records that are remembered, so as to be told of once.
const DAMAGED_MAX: usize = 4_096;

impl<E: Engine> Executor<E> {
    pub(super) fn hashes(&self, of: &[TreePart]) -> (Seq, StoreOutcome) {
        let hashes = of.iter().map(|part| self.trees.hashes(*part).unwrap_or_default()).collect();
        (Seq(0), StoreOutcome::Hashes(hashes))
    }

    /// Computes trees. A tree that is known stays in use until the new one is whole.
    pub(super) fn build_trees(&mut self, partitions: &[PartitionId], again: bool, records_max: usize) -> Answer {
        let (mut done, mut left, mut changed) = (0, records_max, Vec::new());
        for partition in partitions {
            if again || !self.trees.knows(*partition) {
                if left == 0 || !self.build_tree(*partition, &mut left)? {
                    break;
                }
                if self.trees.built(*partition) == Built::Other {
                    changed.push(*partition);
                    self.damaged.push(format!("partition {partition} is not what was written to it"));
                    // It lost something of its own, as with a damaged record.
                    self.distrust_own_dots();
                }
            }
            done += 1;
        }
        Ok((Seq(0), StoreOutcome::Built { done, changed }))
    }

    /// Reads on in a partition; true at its end.
    fn build_tree(&mut self, partition: PartitionId, left: &mut usize) -> Result<bool, StoreFailure> {
        let (first, end) = codec::partition_bounds(partition);
        let start = self.trees.build(partition).map_or(first, behind);
        let (trees, grid) = (&mut self.trees, self.grid);
        let (mut damaged, mut at_end) = (Vec::new(), true);
        let visited = self.engine.scan(Space::Items, &start, end.as_deref(), &mut |key, value| {
            if *left == 0 {
                at_end = false;
                return ControlFlow::Break(());
            }
            *left -= 1;
            match codec::decode_stored(key, value) {
                Ok((bucket, item, record)) => {
                    let hash = version_hash(bucket, &item, &record);
                    let slot = Slot::new(grid, bucket, item);
                    trees.read(partition, key, Some((bucket, Place::of(grid, &slot), hash)));
                }
                Err(error) => {
                    trees.read(partition, key, None);
                    damaged.push((key.to_vec(), error.to_string()));
                }
            }
            ControlFlow::Continue(())
        });
        visited.map_err(failure)?;
        for (key, what) in damaged {
            self.tell(&key, None);
            self.remember_damage(&key, what);
        }
        Ok(at_end)
    }

    pub(super) fn read_patches(
        &mut self,
        patches: Vec<Patch>,
        mut after: Option<Bookmark>,
        items_max: usize,
        bytes_max: usize,
    ) -> Answer {
        let (mut items, mut bytes, mut visits) = (Vec::new(), 0, 0);
        let mut rest = patches.into_iter().collect::<std::collections::VecDeque<_>>();
        let mut damaged = Vec::new();
        while let Some(patch) = rest.front().copied() {
            let (start, end) = codec::branch_bounds(self.grid, patch.tree.partition, patch.branch);
            let start = after.take().map_or(start, |Bookmark(last)| behind(last));
            let (grid, mut last) = (self.grid, None);
            let visited = self.engine.scan(Space::Items, &start, Some(&end), &mut |key, value| {
                if visits >= VISITS_MAX || items.len() >= items_max || bytes >= bytes_max {
                    return ControlFlow::Break(());
                }
                visits += 1;
                last = Some(key.to_vec());
                let parsed = codec::parse_slot_key(key).ok();
                let covered = |key: &ItemKey, parsed: &codec::ParsedSlot| {
                    patch.covers(parsed.bucket, Place::at(grid, &parsed.token, key))
                };
                let Some(parsed) = parsed else { return ControlFlow::Continue(()) };
                // Most keys say by themselves that they are not asked for.
                if parsed.key.as_ref().is_some_and(|key| !covered(key, &parsed)) {
                    return ControlFlow::Continue(());
                }
                match codec::decode_stored(key, value) {
                    Ok(item) if covered(&item.1, &parsed) => {
                        bytes += item.1.len() + item.2.weight();
                        items.push(item);
                    }
                    Ok(_) => {}
                    Err(error) => damaged.push((key.to_vec(), error.to_string())),
                }
                ControlFlow::Continue(())
            });
            visited.map_err(failure)?;
            if visits >= VISITS_MAX || items.len() >= items_max || bytes >= bytes_max {
                after = last.map(Bookmark);
                break;
            }
            rest.pop_front();
        }
        for (key, what) in damaged {
            self.found_damage(&key, what, None);
        }
        // What is offered must be durable: the other side may take it for a reason to let its own copy go.
        Ok((self.engine.applied(), StoreOutcome::Patches { items, rest: rest.into(), after }))
    }

    /// A stored record is damaged. The trees of its partition may still count it. True if the machine can be told which.
    pub(super) fn found_damage(&mut self, key: &[u8], what: String, slot: Option<&Slot>) -> bool {
        if self.remember_damage(key, what)
            && let Ok(parsed) = codec::parse_slot_key(key)
        {
            self.trees.forget(parsed.partition);
        }
        self.tell(key, slot)
    }

    /// Has the machine told which slot is damaged. The storage key of a long key does not say; then the slot is told of
    /// when somebody asks for it by name.
    fn tell(&mut self, key: &[u8], slot: Option<&Slot>) -> bool {
        let parsed = || {
            let parsed = codec::parse_slot_key(key).ok()?;
            Some(Slot::new(self.grid, parsed.bucket, parsed.key?))
        };
        let slot = slot.cloned().or_else(parsed);
        let is_known = slot.is_some();
        self.found.extend(slot.filter(|_| self.found.len() < DAMAGED_MAX));
        is_known
    }

    /// Slots that were found damaged since this was last asked.
    pub(crate) fn take_found(&mut self) -> Vec<Slot> {
        std::mem::take(&mut self.found)
    }

    /// What enough of the other replicas hold takes the place of a damaged record.
    pub(super) fn heal(&mut self, slot: Slot, record: Option<Record>) -> Answer {
        let key = codec::slot_key(&slot);
        match (self.look(&key), record) {
            (Err(StoreFailure::Corrupt(_)), record) => {
                if !self.damaged_slots.remove(&key_hash(&key)) {
                    self.trees.forget(slot.partition);
                }
                self.distrust_own_dots();
                let seq = match record {
                    Some(record) => self.put(&key, &slot, 0, &record, true)?,
                    None => {
                        let mut batch = Batch::new();
                        batch.delete(Space::Items, key.as_slice());
                        let seq = self.apply(batch)?;
                        self.fence.written(key_hash(&key), seq, true);
                        seq
                    }
                };
                Ok((seq, StoreOutcome::Done))
            }
            (Err(failure), _) => Err(failure),
            (Ok(_), Some(record)) => self.merge(slot, record, true),
            (Ok(_), None) => Ok((Seq(0), StoreOutcome::Done)),
        }
    }

    /// True if it was not known.
    fn remember_damage(&mut self, key: &[u8], what: String) -> bool {
        let is_new = self.damaged_slots.len() < DAMAGED_MAX && self.damaged_slots.insert(key_hash(key));
        if is_new {
            self.damaged.push(what);
        }
        is_new
    }

    fn distrust_own_dots(&mut self) {
        if self.distrusted != Some(self.incarnation) {
            self.distrusted = Some(self.incarnation);
            self.healed = true;
        }
    }

    /// Whether this node may make a version under the dot of this update; not under the incarnation in which it lost some
    /// of its own.
    pub(super) fn may_write(&self, incarnation: u64) -> Result<(), StoreFailure> {
        if self.distrusted.is_some_and(|distrusted| incarnation <= distrusted) {
            let what = "the disk has lost records; this node makes itself a new incarnation; try again in a moment";
            return Err(StoreFailure::Corrupt(what.to_owned()));
        }
        Ok(())
    }

    /// True, once, when the machine must take a new incarnation.
    pub(crate) fn take_healed(&mut self) -> bool {
        std::mem::take(&mut self.healed)
    }
}

/// The first key behind this one.
fn behind(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}
