//! Carries out the machine's storage operations on the engine, in order, and hands outcomes back when they are due.
//!
//! Invariant: read, change and write of one slot happen without anything in between; every record that reaches the
//! engine went through `Record::updated`, `Amend::apply` or `Record::merge`.
//! Refuses to know why an operation is asked for.

mod collect;
mod handing;
mod repair;

use crate::changes::Changes;
use crate::fence::{Fence, KeyHash, key_hash};
use crate::syncs::Awaited;
use crate::trees::Trees;
use bytes::Bytes;
use codec::MetaRecord;
use proto::explain::{Held, HintSeen, Inspected};
use proto::hash::version_hash;
use proto::paxos::register::{Ask, Register};
use proto::tree::{Place, Tree, TreePart};
use proto::watch::{Interest, Position};
use proto::{
    Amend, BucketId, Hint, ItemKey, Meta, Range, Record, Rule, Slot, StoreFailure, StoreOp, StoreOutcome, Ticket,
    Unchanged, Update, Version,
};
use ring::{Grid, NodeId, PartitionId};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use stdx::bugs::planted;
use storage::{Batch, Engine, Seq, Space, StorageError};

/// Siblings of one item may take this many bytes together; a record must fit a message between nodes.
const RECORD_BYTES_MAX: usize = 80 << 20;
/// Bytes of hints read at once.
const HINT_BYTES_MAX: usize = 4 << 20;
/// Hints looked at for one explanation, and their bytes: nothing else is done meanwhile.
const HINTS_LOOKED_AT_MAX: usize = 20_000;
const HINT_BYTES_LOOKED_AT_MAX: usize = 32 << 20;
/// Items deleted in one batch when a partition is dropped.
const DROP_ITEMS_MAX: usize = 1_024;

/// A dot came twice.
const SAME_NAME: &str = "a new version has the name of an old one; was a copy of this data directory put to work?";

type Answer = Result<(Seq, StoreOutcome), StoreFailure>;

/// Executes storage operations on an engine.
pub(crate) struct Executor<E: Engine> {
    pub(crate) engine: E,
    grid: Grid,
    fence: Fence,
    /// For those who follow this replica.
    changes: Changes,
    pub(crate) trees: Trees,
    /// Outcomes that are due.
    due: Vec<(Ticket, StoreOutcome)>,
    /// What was found damaged, in words.
    damaged: Vec<String>,
    /// Storage keys of records that were found damaged.
    damaged_slots: BTreeSet<KeyHash>,
    /// Slots that were found damaged, to be told to the machine.
    found: Vec<Slot>,
    /// The incarnation under which this node writes.
    incarnation: u64,
    /// The last incarnation in which something of this node's own was lost.
    distrusted: Option<u64>,
    /// The machine does not know yet that it needs a new incarnation.
    healed: bool,
}

impl<E: Engine> Executor<E> {
    /// Over an engine whose contents are all on disk.
    pub(crate) fn new(engine: E, grid: Grid, life: u64) -> Executor<E> {
        let fence = Fence::new(engine.applied());
        Executor {
            engine,
            grid,
            fence,
            trees: Trees::default(),
            changes: Changes::new(life),
            due: Vec::new(),
            damaged: Vec::new(),
            damaged_slots: BTreeSet::new(),
            found: Vec::new(),
            incarnation: 0,
            distrusted: None,
            healed: false,
        }
    }

    /// Appends the outcomes that are due, to be handed to the machine.
    pub(crate) fn take_due(&mut self, to: &mut Vec<(Ticket, StoreOutcome)>) {
        to.append(&mut self.due);
    }

    /// The newest batches for whose fsync outcomes wait.
    pub(crate) fn awaited(&self) -> Awaited {
        self.fence.awaited()
    }

    /// What was found damaged since this was last asked.
    pub(crate) fn take_damaged(&mut self) -> Vec<String> {
        std::mem::take(&mut self.damaged)
    }

    /// Carries out one operation.
    pub(crate) fn execute(&mut self, ticket: Ticket, op: StoreOp) {
        let hurry = !moves_data(&op);
        let answer = match op {
            StoreOp::Update { slot, rule, update, sibling_limit, fsync } => {
                self.update(&ticket, slot, rule, update, sibling_limit, fsync)
            }
            StoreOp::Amend { slot, amend, fsync } => self.amend(&ticket, slot, *amend, fsync),
            StoreOp::Merge { slot, record, fsync } => self.merge(slot, record, fsync),
            StoreOp::Heal { slot, record } => self.heal(slot, record),
            StoreOp::MergeAll { items } => self.merge_all(items),
            StoreOp::Follow { interests, after, limit } => Ok(self.follow(&interests, after, limit)),
            StoreOp::Read { slot } => self.read(&slot),
            StoreOp::Inspect { slot } => self.inspect(&slot),
            StoreOp::Register { slot, ask } => self.register(&slot, ask),
            StoreOp::Scan { range, items_max, bytes_max } => self.scan(&range, items_max as usize, bytes_max),
            StoreOp::Outline(outline) => self.outline(&outline),
            StoreOp::Lacking { items } => self.lacking(items),
            StoreOp::Hashes { of } => Ok(self.hashes(&of)),
            StoreOp::BuildTrees { partitions, again, records_max } => {
                self.build_trees(&partitions, again, records_max as usize)
            }
            StoreOp::ReadPatches { patches, after, items_max, bytes_max } => {
                self.read_patches(patches, after, items_max as usize, bytes_max)
            }
            StoreOp::Sweep { after, records_max, wall, idle_max } => {
                self.sweep(after, records_max as usize, wall, idle_max as usize)
            }
            StoreOp::Agree { items, wall, idle_max } => self.agree(items, wall, idle_max as usize),
            StoreOp::Collect { items, wall, idle_max } => self.collect(items, wall, idle_max as usize),
            StoreOp::Drop { partition, buckets } => self.drop_partition(partition, &buckets),
            StoreOp::PutHint(hint) => self.put_hint(&hint),
            StoreOp::ReadHints { target, limit } => self.read_hints(target, limit as usize),
            StoreOp::DropHints { target, ids } => {
                let mut batch = Batch::new();
                ids.iter().for_each(|id| batch.delete(Space::Hints, codec::hint_key(target, *id)));
                self.apply(batch).map(|seq| (seq, StoreOutcome::Done))
            }
            StoreOp::Meta(metas) => self.meta(metas),
        };
        let (seq, outcome) = answer.unwrap_or_else(|failure| (Seq(0), StoreOutcome::Failed(failure)));
        self.due.extend(self.fence.wait(seq, hurry, ticket, outcome));
    }

    /// An fsync has ended.
    pub(crate) fn synced(&mut self, seq: Seq) {
        self.fence.synced(seq, &mut self.due);
    }

    /// No fsync will succeed any more.
    pub(crate) fn sync_failed(&mut self, why: &str) {
        self.due.extend(self.fence.failed(why));
    }

    fn update(
        &mut self,
        ticket: &Ticket,
        slot: Slot,
        rule: Rule,
        update: Update,
        sibling_limit: u32,
        fsync: bool,
    ) -> Answer {
        let key = codec::slot_key(&slot);
        let before = self.get(&key, &slot)?;
        let before_count = before.as_ref().map_or(0, |record| record.each_version().count());
        let before_hash = Self::hash_of(&slot, before.as_ref());
        self.may_write(update.dot.actor.incarnation)?;
        if before.as_ref().is_some_and(|record| record.has_seen(&update.dot)) {
            return Err(StoreFailure::Corrupt(SAME_NAME.to_owned()));
        }
        let record = Record::updated(before, rule, update);
        let count = record.each_version().count();
        if (count > sibling_limit as usize || record.weight() > RECORD_BYTES_MAX) && count > before_count.max(1) {
            return Err(StoreFailure::TooManySiblings(count as u32));
        }
        let seq = self.put(&key, &slot, before_hash, &record, fsync)?;
        self.due.push((ticket.clone(), StoreOutcome::Applied(record)));
        Ok((if fsync { seq } else { Seq(0) }, StoreOutcome::Done))
    }

    fn amend(&mut self, ticket: &Ticket, slot: Slot, amend: Amend, fsync: bool) -> Answer {
        let key = codec::slot_key(&slot);
        let before = self.get(&key, &slot)?;
        let before_hash = Self::hash_of(&slot, before.as_ref());
        self.may_write(amend.dot.actor.incarnation)?;
        let record = match amend.apply(before) {
            Ok(record) => record,
            Err(Unchanged::Known) => return Err(StoreFailure::Corrupt(SAME_NAME.to_owned())),
            // What was looked at may be on its way to disk, and is told to a client.
            Err(why) => return Ok((self.fence.of_read(key_hash(&key)), StoreOutcome::Unchanged(why))),
        };
        let seq = self.put(&key, &slot, before_hash, &record, fsync)?;
        self.due.push((ticket.clone(), StoreOutcome::Applied(record)));
        Ok((if fsync { seq } else { Seq(0) }, StoreOutcome::Done))
    }

    fn merge(&mut self, slot: Slot, record: Record, fsync: bool) -> Answer {
        let key = codec::slot_key(&slot);
        let before = self.get(&key, &slot)?;
        let before_hash = Self::hash_of(&slot, before.as_ref());
        let seq = match before {
            None => self.put(&key, &slot, before_hash, &record.received(), fsync)?,
            Some(mut held) => {
                if held.merge(&record) {
                    self.put(&key, &slot, before_hash, &held, fsync)?
                } else {
                    self.fence.of_write(key_hash(&key))
                }
            }
        };
        Ok((if fsync { seq } else { Seq(0) }, StoreOutcome::Done))
    }

    fn merge_all(&mut self, items: Vec<(Slot, Record)>) -> Answer {
        let mut last = Seq(0);
        for (slot, record) in items {
            let (seq, _) = self.merge(slot, record, true)?;
            last = last.max(seq);
        }
        Ok((last, StoreOutcome::Done))
    }

    fn read(&mut self, slot: &Slot) -> Answer {
        let key = codec::slot_key(slot);
        let record = self.get(&key, slot)?;
        Ok((self.fence.of_read(key_hash(&key)), StoreOutcome::Held(record)))
    }

    /// What a slot holds, if that is on disk and undamaged.
    pub(crate) fn look_at_durable(&self, slot: &Slot) -> Option<Option<Record>> {
        let key = codec::slot_key(slot);
        let is_durable = self.fence.is_durable(self.fence.of_read(key_hash(&key)));
        if is_durable { self.look(&key).ok() } else { None }
    }

    fn follow(&mut self, interests: &[Interest], after: Option<Position>, limit: u32) -> (Seq, StoreOutcome) {
        let (seq, followed) = self.changes.follow(interests, after, limit as usize);
        (seq, StoreOutcome::Followed(Box::new(followed)))
    }

    fn inspect(&mut self, slot: &Slot) -> Answer {
        let key = codec::slot_key(slot);
        let held = match self.get(&key, slot) {
            Ok(record) => Held::of(record.as_ref()),
            Err(failure) => Held::Failed(failure.to_string()),
        };
        let (mut hints, mut looked_at, mut bytes, mut cut) = (Vec::new(), 0, 0, false);
        let visited = self.engine.scan(Space::Hints, &[], None, &mut |key, value| {
            if looked_at >= HINTS_LOOKED_AT_MAX || bytes >= HINT_BYTES_LOOKED_AT_MAX {
                cut = true;
                return ControlFlow::Break(());
            }
            looked_at += 1;
            bytes += value.len();
            if let Ok(hint) = codec::decode_hint(key, value)
                && (hint.bucket, &hint.key) == (slot.bucket, &slot.key)
            {
                let Hint { id, target, record, .. } = hint;
                hints.push(HintSeen { id, target, stamp: record.highest_stamp() });
            }
            ControlFlow::Continue(())
        });
        visited.map_err(failure)?;
        let tree = Tree { partition: slot.partition, bucket: slot.bucket };
        let root = self.trees.hashes(TreePart::Root(tree)).and_then(|root| root.first().copied());
        let seen = Inspected { held, hints, hints_cut: cut, root };
        Ok((self.fence.of_read(key_hash(&key)), StoreOutcome::Inspected(Box::new(seen))))
    }

    fn register(&mut self, slot: &Slot, ask: Ask<Version>) -> Answer {
        let key = codec::slot_key(slot);
        let before = self.get(&key, slot)?;
        let before_hash = before.as_ref().map_or(0, |record| version_hash(slot.bucket, &slot.key, record));
        let mut register = match before {
            None => Register::default(),
            Some(Record::Register(register)) => register,
            Some(_) => {
                let what = "an item of a linearizable bucket is stored as one of another kind";
                return Err(StoreFailure::Corrupt(what.to_owned()));
            }
        };
        if ask == Ask::Read {
            return Ok((self.fence.of_read(key_hash(&key)), StoreOutcome::Register(register.on_ask(ask))));
        }
        let state =
            |register: &Register<Version>| (register.state.promised, register.accepted_under(), register.learned);
        let was = state(&register);
        let answer = register.on_ask(ask);
        let seq = if state(&register) == was {
            self.fence.of_write(key_hash(&key))
        } else {
            let learned = register.accepted_under() != was.1;
            self.write(&key, slot, before_hash, &Record::Register(register), true, learned)?
        };
        Ok((seq, StoreOutcome::Register(answer)))
    }

    fn scan(&mut self, range: &Range, items_max: usize, bytes_max: usize) -> Answer {
        let (start, end) = codec::range_bounds(self.grid, range);
        let only = match range {
            Range::SortKeys { bucket, .. } => Some(*bucket),
            Range::Partition { bucket, .. } => *bucket,
        };
        let mut items: Vec<(BucketId, ItemKey, Record)> = Vec::new();
        let (mut bytes, mut more, mut damaged, mut wait) = (0, false, Vec::new(), Seq(0));
        let fence = &self.fence;
        let visited = self.engine.scan(Space::Items, &start, end.as_deref(), &mut |key, value| {
            let of_bucket = |bucket| codec::parse_slot_key(key).is_ok_and(|parsed| parsed.bucket == bucket);
            if only.is_some_and(|bucket| !of_bucket(bucket)) {
                return ControlFlow::Continue(());
            }
            let item = match codec::decode_stored(key, value) {
                Ok(item) => item,
                Err(error) => {
                    damaged.push((key.to_vec(), error.to_string()));
                    // One damaged record must not stop the hand-over of all others.
                    return if only.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
                }
            };
            if items.len() >= items_max || bytes >= bytes_max {
                more = true;
                return ControlFlow::Break(());
            }
            wait = wait.max(fence.of_read(key_hash(key)));
            bytes += item.1.len() + item.2.weight();
            items.push(item);
            ControlFlow::Continue(())
        });
        visited.map_err(failure)?;
        let failed = damaged.last().map(|(_, what)| StoreFailure::Corrupt(what.clone())).filter(|_| only.is_some());
        let mut nameable = false;
        for (key, what) in damaged {
            nameable |= self.found_damage(&key, what, None);
        }
        failed.map_or(Ok((wait, StoreOutcome::Page { items, more, damaged: nameable })), Err)
    }

    fn drop_partition(&mut self, partition: PartitionId, buckets: &[BucketId]) -> Answer {
        let (mut start, end) = codec::partition_bounds(partition);
        self.trees.drop_buckets(partition, buckets);
        self.changes.begin_anew();
        let mut last = Seq(0);
        loop {
            let mut batch = Batch::new();
            let mut next = None;
            let visited = self.engine.scan(Space::Items, &start, end.as_deref(), &mut |key, _| {
                if batch.changes().len() >= DROP_ITEMS_MAX {
                    next = Some(key.to_vec());
                    return ControlFlow::Break(());
                }
                if codec::parse_slot_key(key).is_ok_and(|parsed| buckets.contains(&parsed.bucket)) {
                    batch.delete(Space::Items, key);
                }
                ControlFlow::Continue(())
            });
            visited.map_err(failure)?;
            if !batch.is_empty() {
                last = self.apply(batch)?;
            }
            match next {
                Some(key) => start = key,
                None => return Ok((last, StoreOutcome::Done)),
            }
        }
    }

    fn put_hint(&mut self, hint: &Hint) -> Answer {
        let (key, value) = codec::encode_hint(hint);
        let mut batch = Batch::new();
        batch.put(Space::Hints, key, value);
        self.apply(batch).map(|seq| (seq, StoreOutcome::Done))
    }

    fn read_hints(&mut self, target: NodeId, limit: usize) -> Answer {
        let (start, end) = codec::hint_bounds(target);
        let (mut hints, mut bytes) = (Vec::new(), 0);
        let mut damaged: Vec<Vec<u8>> = Vec::new();
        let visited = self.engine.scan(Space::Hints, &start, end.as_deref(), &mut |key, value| {
            match codec::decode_hint(key, value) {
                Ok(hint) => hints.push(hint),
                Err(_) => damaged.push(key.to_vec()),
            }
            bytes += value.len();
            if hints.len() >= limit || bytes >= HINT_BYTES_MAX {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        visited.map_err(failure)?;
        if !damaged.is_empty() {
            // A damaged hint can never be delivered; anti-entropy carries what it held.
            let mut batch = Batch::new();
            damaged.into_iter().for_each(|key| batch.delete(Space::Hints, key));
            self.apply(batch)?;
        }
        Ok((Seq(0), StoreOutcome::Hints(hints)))
    }

    fn meta(&mut self, metas: Vec<Meta>) -> Answer {
        let mut batch = Batch::new();
        for meta in metas {
            match meta {
                Meta::ForgetAcceptors { below } => {
                    let (start, end) = codec::acceptor_range(below);
                    batch.delete_range(Space::Meta, start, Some(end));
                }
                meta => {
                    if let Meta::Incarnation(incarnation) = &meta {
                        self.incarnation = *incarnation;
                    }
                    let (key, value) = codec::encode_meta(&meta_record(meta));
                    batch.put(Space::Meta, key, value);
                }
            }
        }
        self.apply(batch).map(|seq| (seq, StoreOutcome::Done))
    }

    fn get(&mut self, key: &[u8], slot: &Slot) -> Result<Option<Record>, StoreFailure> {
        let held = self.look(key);
        if let Err(StoreFailure::Corrupt(what)) = &held {
            self.found_damage(key, what.clone(), Some(slot));
        }
        held
    }

    fn look(&self, key: &[u8]) -> Result<Option<Record>, StoreFailure> {
        let Some(value) = self.engine.get(Space::Items, key).map_err(failure)? else { return Ok(None) };
        codec::decode_record(key, &value).map(Some).map_err(|error| StoreFailure::Corrupt(error.to_string()))
    }

    /// What the slot adds to its tree.
    fn hash_of(slot: &Slot, record: Option<&Record>) -> u64 {
        record.map_or(0, |record| version_hash(slot.bucket, &slot.key, record))
    }

    fn put(&mut self, key: &[u8], slot: &Slot, before: u64, record: &Record, fsync: bool) -> Result<Seq, StoreFailure> {
        self.write(key, slot, before, record, fsync, true)
    }

    /// Writes a record. What readers see of it has changed or not.
    fn write(
        &mut self,
        key: &[u8],
        slot: &Slot,
        before: u64,
        record: &Record,
        fsync: bool,
        changed: bool,
    ) -> Result<Seq, StoreFailure> {
        let value: Bytes = codec::encode_stored(key, slot, record);
        let mut batch = Batch::new();
        batch.put(Space::Items, key, value);
        let seq = self.apply(batch)?;
        self.fence.written(key_hash(key), seq, fsync);
        let is_first = before == 0 || !planted("only new items are told of");
        if changed && is_first && self.changes.is_kept(slot) {
            self.changes.keep(slot, record, if fsync { seq } else { Seq(0) });
        }
        if !planted("hash trees miss changes") {
            let tree = Tree { partition: slot.partition, bucket: slot.bucket };
            let now = Self::hash_of(slot, Some(record));
            self.trees.change(key, tree, || Place::of(self.grid, slot), before, now);
        }
        Ok(seq)
    }

    fn apply(&mut self, batch: Batch) -> Result<Seq, StoreFailure> {
        self.engine.apply(batch).map_err(failure)
    }
}

/// True of what is done for data that moves or is compared, for which no client waits.
fn moves_data(op: &StoreOp) -> bool {
    matches!(op, StoreOp::MergeAll { .. } | StoreOp::Outline(_) | StoreOp::Lacking { .. } | StoreOp::Drop { .. })
}

/// What is stored for a change of the node's own records; `ForgetAcceptors` is a deletion and has none.
fn meta_record(meta: Meta) -> MetaRecord {
    match meta {
        Meta::Event(event) => MetaRecord::Event(event),
        Meta::Incarnation(incarnation) => MetaRecord::Incarnation(incarnation),
        Meta::Acceptor { epoch, state } => MetaRecord::Acceptor { epoch, state },
        Meta::Progress(progress) => MetaRecord::Progress { progress, stable: progress.settled },
        Meta::Pulses(pulses) => MetaRecord::Pulses(pulses),
        Meta::Peers(peers) => MetaRecord::Peers(peers),
        Meta::ForgetAcceptors { .. } => unreachable!("a deletion is not stored"),
    }
}

pub(crate) fn failure(error: StorageError) -> StoreFailure {
    match error {
        StorageError::Full { .. } => StoreFailure::Full,
        StorageError::Corrupt { .. } => StoreFailure::Corrupt(error.to_string()),
        other => StoreFailure::Poisoned(other.to_string()),
    }
}
