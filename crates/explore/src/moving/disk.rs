//! A node's disk: what it is told is there at once, whole and durable.
//!
//! Refuses to know fsyncs that take time, hash trees and damage: the models of staged moves
//! leave them to the simulator.

use proto::hash::version_hash;
use proto::{Epoch, Hint, Meta, Progress, Range, Record, Slot, StoreOp, StoreOutcome};
use ring::{Grid, NodeId};
use std::collections::BTreeMap;

/// What a node has written.
#[derive(Clone, Hash)]
pub(super) struct Disk {
    pub(super) grid: Grid,
    pub(super) records: BTreeMap<Slot, Record>,
    pub(super) hints: Vec<Hint>,
    /// The newest event it has.
    pub(super) epoch: Epoch,
    pub(super) incarnation: u64,
    pub(super) progress: Progress,
}

impl Disk {
    /// Does what it is told. There are two outcomes where the first is `Applied`.
    pub(super) fn execute(&mut self, op: StoreOp) -> Vec<StoreOutcome> {
        match op {
            StoreOp::Update { slot, rule, update, .. } => {
                let record = Record::updated(self.records.remove(&slot), rule, update);
                self.records.insert(slot, record.clone());
                return vec![StoreOutcome::Applied(record), StoreOutcome::Done];
            }
            StoreOp::Merge { slot, record, .. } => self.merge(slot, &record),
            StoreOp::MergeAll { items } => items.into_iter().for_each(|(slot, record)| self.merge(slot, &record)),
            StoreOp::Read { slot } => return vec![StoreOutcome::Held(self.records.get(&slot).cloned())],
            StoreOp::Scan { range, .. } => return vec![self.scan(&range)],
            StoreOp::Lacking { items } => {
                let lacks = |item: &proto::Offered| {
                    let slot = Slot::new(self.grid, item.bucket, item.key.clone());
                    let held = self.records.get(&slot);
                    held.is_none_or(|record| version_hash(slot.bucket, &slot.key, record) != item.hash)
                };
                let wanted = items.iter().zip(0..).filter(|(item, _)| lacks(item)).map(|(_, at)| at).collect();
                return vec![StoreOutcome::Wanted(wanted)];
            }
            StoreOp::Drop { partition, buckets } => {
                self.records.retain(|slot, _| slot.partition != partition || !buckets.contains(&slot.bucket));
            }
            StoreOp::PutHint(hint) => self.hints.push(hint),
            StoreOp::ReadHints { target, limit } => {
                let hints = self.hints.iter().filter(|hint| hint.target == target).take(limit as usize);
                return vec![StoreOutcome::Hints(hints.cloned().collect())];
            }
            StoreOp::DropHints { ids, .. } => self.hints.retain(|hint| !ids.contains(&hint.id)),
            StoreOp::Meta(metas) => metas.into_iter().for_each(|meta| self.note(meta)),
            other => unreachable!("no case asks for it: {other:?}"),
        }
        vec![StoreOutcome::Done]
    }

    /// Nodes for which hints are kept.
    pub(super) fn targets(&self) -> Vec<NodeId> {
        let mut targets: Vec<NodeId> = self.hints.iter().map(|hint| hint.target).collect();
        targets.sort_unstable();
        targets.dedup();
        targets
    }

    fn merge(&mut self, slot: Slot, record: &Record) {
        let held = self.records.remove(&slot);
        if let Some(record) = Record::merged(held, Some(record)) {
            self.records.insert(slot, record);
        }
    }

    fn scan(&self, range: &Range) -> StoreOutcome {
        let Range::Partition { partition, after, .. } = range else { unreachable!("no case asks for it: {range:?}") };
        let is_in = |slot: &Slot| {
            let name = (slot.bucket, slot.key.clone());
            slot.partition == *partition && after.as_ref().is_none_or(|after| name > *after)
        };
        let found = self.records.iter().filter(|(slot, _)| is_in(slot));
        let mut items = found.map(|(slot, record)| (slot.bucket, slot.key.clone(), record.clone()));
        // A page has one item.
        let page = items.next().into_iter().collect();
        StoreOutcome::Page { items: page, more: items.next().is_some(), damaged: false }
    }

    fn note(&mut self, meta: Meta) {
        match meta {
            Meta::Event(event) => self.epoch = event.epoch,
            Meta::Incarnation(incarnation) => self.incarnation = incarnation,
            Meta::Progress(progress) => self.progress = progress,
            Meta::Pulses(_) | Meta::Peers(_) | Meta::Acceptor { .. } | Meta::ForgetAcceptors { .. } => {}
        }
    }
}
