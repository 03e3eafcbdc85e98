//! One write: a new version by a client, or the write-back of a record that a read merged.
//!
//! The coordinator makes the version in its own replica, sends the whole record to the others, and answers when every
//! replica set in use has enough durable copies. Whoever has not answered by `hint_at` gets a hint (Dynamo §4.6); a
//! hint counts for level `any` only.
//!
//! Invariant: `QuorumUnmet` for a write means "may have been applied", never "was not".

use super::{Asker, Operation, Operations};
use crate::amendment::{Amend, Amendment};
use crate::bucket::{Bucket, Durability, Level, Mode};
use crate::core::Core;
use crate::ids::{Epoch, OpId};
use crate::input::Note;
use crate::item::{ItemKey, Slot};
use crate::message::{Ack, Message};
use crate::quorum::{Group, Need, Quorum};
use crate::record::{Record, Rule, Update, Version};
use crate::request::{Outcome, Put, Refusal, Response, Restore, Written};
use crate::store::{Hint, Purpose, StoreFailure, StoreOp, StoreOutcome};
use crate::waits::Kind;
use causal::Context;
use ring::NodeId;
use stdx::bugs::planted;
use stdx::{Mono, Span, Wall};

/// Longest sort key: items are in order by all of it, and storage keys have a bound.
const SORT_KEY_BYTES_MAX: usize = 32 << 10;

/// Before a replica that refused us because of our epoch, or its own, is asked again.
pub(super) const BEHIND_AGAIN: Span = Span::millis(100);

/// A write in flight.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Writing {
    asker: Asker,
    /// The epoch by whose views it counts.
    epoch: Epoch,
    slot: Slot,
    /// What it needs of each replica set in use; `None` if its replicas are fixed.
    need: Option<Need>,
    quorum: Quorum,
    /// A durable hint anywhere is enough.
    any: bool,
    hinted: Vec<NodeId>,
    /// Replicas that cannot acknowledge any more.
    lost: Vec<NodeId>,
    /// Replicas that knew more or less than we of a change of the ring, to be told again at `behind_at`.
    behind: Vec<NodeId>,
    behind_at: Mono,
    fsync: bool,
    /// The record to send; none until the local replica has made it.
    record: Option<Record>,
    /// The round in which it began, or the read or the hint that the record is from.
    round: u64,
    /// What the client has seen. Its own dot is added only if nothing else is left beside its version: a context that
    /// names a dot claims to have seen every earlier dot of that actor for this key.
    context: Context,
    /// It is an amendment: whoever asked wants to know what it led to.
    amends: bool,
    answered: bool,
    hint_at: Mono,
    begun: Mono,
    deadline: Mono,
}

/// What is to be done on top of what is there.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Change {
    pub(super) amendment: Amendment,
    pub(super) level: Level,
    pub(super) fsync: bool,
    /// Of what was not there.
    pub(super) ends: Option<Wall>,
    /// The same, if nothing else is said.
    pub(super) ttl: Option<Span>,
}

impl Writing {
    /// Begins a client's write on this node, which should be a replica.
    pub(crate) fn start(ops: &mut Operations, core: &mut Core, asker: Asker, put: Put, bucket: &Bucket, within: Span) {
        match Writing::prepare(core, &asker, put, bucket, within) {
            Err(refusal) => ops.refuse(core, &asker, refusal),
            Ok((mut writing, update)) => {
                let id = core.next_op();
                ops.write_begins(writing.epoch);
                let slot = writing.slot.clone();
                if core.is_replica(core.node, slot.partition, slot.bucket) {
                    let (rule, fsync) = (bucket.rule_for(&slot.key), writing.fsync);
                    let sibling_limit = core.config.siblings_max;
                    let op = StoreOp::Update { slot, rule, update, sibling_limit, fsync };
                    core.store(Purpose::Local(id), op);
                } else {
                    writing.made(Record::updated(None, bucket.rule_for(&slot.key), update));
                    writing.send_all(core, id);
                }
                writing.keep(ops, core, id);
            }
        }
    }

    /// Begins a change on top of what a read has found, in the round in which that began.
    pub(crate) fn amend(
        ops: &mut Operations,
        core: &mut Core,
        asker: Asker,
        slot: Slot,
        change: Change,
        seen: Option<Record>,
        within: Span,
        round: u64,
    ) {
        let Change { amendment, level, fsync, ends, ttl } = change;
        let sets = core.write_sets(slot.partition, slot.bucket);
        if let Some(set) = sets.iter().find(|set| level.needed(set.len()).is_none()) {
            return ops.refuse(core, &asker, impossible(level, set.len()));
        }
        let is_replica = core.is_replica(core.node, slot.partition, slot.bucket);
        let Some(dot) = (if is_replica { core.next_dot() } else { core.lone_dot() }) else {
            let refusal = Refusal::NotReady("this node is starting; try again in a moment".to_owned());
            return ops.refuse(core, &asker, refusal);
        };
        let need = Need::Level(level);
        let quorum = Quorum::new(core.groups(slot.partition, slot.bucket, need));
        let wall = core.now.wall;
        let first_end = ends.or(ttl.map(|ttl| wall.plus(ttl)));
        let element = slot.key.is_element();
        let amend = Amend { amendment, dot, stamp: core.next_stamp(), wall, seen, first_end, element };
        let mut writing = Writing::new(core, asker, slot, quorum, within, Context::default());
        (writing.need, writing.fsync, writing.round, writing.amends) = (Some(need), fsync, round, true);
        let id = core.next_op();
        if is_replica {
            let op = StoreOp::Amend { slot: writing.slot.clone(), amend: Box::new(amend), fsync };
            core.store(Purpose::Local(id), op);
        } else {
            match amend.apply(None) {
                Ok(record) => writing.made(record),
                Err(why) => return ops.refuse(core, &writing.asker, Refusal::Unchanged(why)),
            }
            writing.send_all(core, id);
        }
        ops.write_begins(writing.epoch);
        writing.keep(ops, core, id);
    }

    /// Begins the write-back of a record that `equal` replicas already hold to as many as it needs.
    pub(crate) fn write_back(
        ops: &mut Operations,
        core: &mut Core,
        asker: Asker,
        slot: Slot,
        record: Record,
        need: Need,
        equal: &[NodeId],
        within: Span,
        round: u64,
    ) {
        let mut groups = core.groups(slot.partition, slot.bucket, need);
        if planted("write-back to one set") {
            groups.truncate(1);
        }
        let mut quorum = Quorum::new(groups);
        equal.iter().for_each(|node| quorum.add(*node));
        let mut writing = Writing::new(core, asker, slot, quorum, within, Context::default());
        writing.need = Some(need);
        writing.round = round;
        writing.begin_with(ops, core, record);
    }

    /// Tells these replicas of a record, without anybody waiting for it.
    pub(crate) fn tell(
        ops: &mut Operations,
        core: &mut Core,
        slot: Slot,
        record: Record,
        replicas: Vec<NodeId>,
        round: u64,
    ) {
        let quorum = Quorum::new(vec![Group { replicas: replicas.into(), needed: 1 }]);
        let within = core.config.request_time;
        let mut writing = Writing::new(core, Asker::Nobody, slot, quorum, within, Context::default());
        writing.round = round;
        writing.begin_with(ops, core, record);
    }

    /// The round in which it began, or the read or the hint that its record is from.
    pub(crate) fn round(&self) -> u64 {
        self.round
    }

    /// True if whoever asked for it has an answer.
    pub(crate) fn is_answered(&self) -> bool {
        self.answered
    }

    /// True if this is a write of `slot` for which `node` counts.
    pub(crate) fn counts(&self, slot: &Slot, node: NodeId) -> bool {
        self.slot == *slot && self.quorum.has(node)
    }

    fn begin_with(mut self: Box<Self>, ops: &mut Operations, core: &mut Core, record: Record) {
        self.record = Some(record);
        let id = core.next_op();
        ops.write_begins(self.epoch);
        self.send_all(core, id);
        self.keep(ops, core, id);
    }

    /// Begins the merge of a record that a backup gave.
    pub(crate) fn restore(
        ops: &mut Operations,
        core: &mut Core,
        asker: Asker,
        restore: Restore,
        bucket: &Bucket,
        within: Span,
    ) -> Result<(), Refusal> {
        if bucket.mode == Mode::Linearizable {
            return Err(Refusal::ModeUnsupported(bucket.name.clone()));
        }
        let of_kind = matches!(
            (&restore.record, bucket.rule_for(&restore.key)),
            (Record::Latest { .. }, Rule::LastWriterWins) | (Record::Siblings(_) | Record::Counted(_), Rule::Siblings)
        );
        if !of_kind {
            return Err(Refusal::Invalid(format!(
                "the record is not of the rule of its item in bucket {}",
                bucket.name
            )));
        }
        if let Some(stamp) = restore.record.highest_stamp() {
            core.observe(stamp);
        }
        let level = restore.level.unwrap_or(bucket.w);
        let slot = Slot::new(core.history.genesis().grid, bucket.id, restore.key);
        for replicas in core.write_sets(slot.partition, slot.bucket) {
            level.needed(replicas.len()).ok_or(impossible(level, replicas.len()))?;
        }
        if core.incarnation().is_none() {
            return Err(Refusal::NotReady("this node is starting; try again in a moment".to_owned()));
        }
        let round = core.round;
        Writing::write_back(ops, core, asker, slot, restore.record, Need::Level(level), &[], within, round);
        Ok(())
    }

    fn new(core: &Core, asker: Asker, slot: Slot, quorum: Quorum, within: Span, context: Context) -> Box<Writing> {
        let hint_after = Span((within.0 / 2).min(Span::secs(2).0));
        Box::new(Writing {
            asker,
            epoch: core.epoch(),
            slot,
            need: None,
            quorum,
            any: false,
            hinted: Vec::new(),
            lost: Vec::new(),
            behind: Vec::new(),
            behind_at: Mono::default(),
            fsync: true,
            record: None,
            round: core.round,
            context,
            amends: false,
            answered: false,
            hint_at: core.now.mono + hint_after,
            begun: core.now.mono,
            deadline: core.now.mono + within,
        })
    }

    fn prepare(
        core: &mut Core,
        asker: &Asker,
        put: Put,
        bucket: &Bucket,
        within: Span,
    ) -> Result<(Box<Writing>, Update), Refusal> {
        debug_assert_eq!(bucket.mode, Mode::Eventual, "linearizable buckets are not written this way");
        let level = put.level.unwrap_or(bucket.w);
        let slot = Slot::new(core.history.genesis().grid, bucket.id, put.key);
        for replicas in core.write_sets(slot.partition, slot.bucket) {
            level.needed(replicas.len()).ok_or(impossible(level, replicas.len()))?;
        }
        let need = Need::Level(level);
        let groups = core.groups(slot.partition, slot.bucket, need);
        let dot =
            if core.is_replica(core.node, slot.partition, slot.bucket) { core.next_dot() } else { core.lone_dot() };
        let Some(dot) = dot else {
            return Err(Refusal::NotReady("this node is starting; try again in a moment".to_owned()));
        };
        let context = put.context.unwrap_or_default();
        if context.covers(&dot) {
            return Err(Refusal::ContextUnknown);
        }
        let ttl = if put.value.is_some() { put.ttl.or(bucket.ttl) } else { None };
        let wall =
            if planted("time to live by the wrong clock") { Wall(core.now.mono.0 / 1_000) } else { core.now.wall };
        let version = Version { stamp: core.next_stamp(), expires: ttl.map(|ttl| wall.plus(ttl)), value: put.value };
        let mut writing = Writing::new(core, asker.clone(), slot, Quorum::new(groups), within, context.clone());
        writing.need = Some(need);
        writing.any = level == Level::Any;
        writing.fsync = put.durability == Durability::Fsync;
        Ok((writing, Update { dot, context, version }))
    }

    /// The version is made; this is the whole record.
    fn made(&mut self, record: Record) {
        if record.versions().len() == 1 || planted("an answer covers what its client has not seen") {
            self.context = record.context();
        }
        self.record = Some(record);
    }

    /// Sends the record to every replica that has not acknowledged; those known to be down get a hint at once.
    fn send_all(&mut self, core: &mut Core, id: OpId) {
        for node in self.quorum.silent() {
            if core.is_down(node) {
                self.hint(core, id, node);
            } else {
                self.send(core, id, node);
            }
        }
    }

    fn send(&self, core: &mut Core, id: OpId, node: NodeId) {
        let Some(record) = self.record.clone() else { return };
        let Slot { bucket, key, .. } = self.slot.clone();
        if node == core.node {
            let op = StoreOp::Merge { slot: self.slot.clone(), record, fsync: self.fsync };
            core.store(Purpose::Local(id), op);
        } else {
            let (epoch, fsync, round) = (self.epoch, self.fsync, self.round);
            let message = Message::Replicate { op: id, epoch, bucket, key, record, fsync, round };
            core.send(node, message);
        }
    }

    fn hint(&mut self, core: &mut Core, id: OpId, target: NodeId) {
        let Some(record) = self.record.clone() else { return };
        // A hint that is being replayed is stored already.
        if self.hinted.contains(&target) || target == core.node || matches!(self.asker, Asker::Hint { .. }) {
            return;
        }
        self.hinted.push(target);
        if core.hints_full.contains(&target) {
            core.note(Note::HintLeft(target));
            if self.any && !self.answered {
                self.ask_others_to_keep(core, id, target);
            }
            return;
        }
        let Slot { bucket, key, .. } = self.slot.clone();
        let hint = Hint { id: core.next_hint(), target, bucket, key, record };
        core.hints_on_way += 1;
        core.store(Purpose::LocalHint(id, target), StoreOp::PutHint(hint));
        core.note(Note::HintKept(target));
    }

    /// The local replica has made the version, or merged, or failed.
    pub(crate) fn on_stored(
        mut self: Box<Self>,
        ops: &mut Operations,
        core: &mut Core,
        id: OpId,
        outcome: StoreOutcome,
    ) {
        match outcome {
            StoreOutcome::Applied(record) => {
                self.made(record);
                let own = core.node;
                let others: Vec<NodeId> = self.quorum.silent().into_iter().filter(|node| *node != own).collect();
                for node in others {
                    if core.is_down(node) { self.hint(core, id, node) } else { self.send(core, id, node) }
                }
            }
            StoreOutcome::Done => self.quorum.add(core.node),
            StoreOutcome::Unchanged(why) => return self.refuse(ops, core, Refusal::Unchanged(why)),
            StoreOutcome::Failed(StoreFailure::TooManySiblings(count)) => {
                self.refuse(ops, core, Refusal::TooManySiblings { count });
                return;
            }
            StoreOutcome::Failed(StoreFailure::Full) if self.record.is_none() => {
                self.refuse(ops, core, Refusal::DiskFull);
                return;
            }
            StoreOutcome::Failed(failure) if self.record.is_none() => {
                self.refuse(ops, core, Refusal::StorageFailed(failure.to_string()));
                return;
            }
            _ => self.lost.push(core.node),
        }
        self.keep(ops, core, id);
    }

    /// A hint is durable, or could not be kept.
    pub(crate) fn on_hint(
        mut self: Box<Self>,
        ops: &mut Operations,
        core: &mut Core,
        id: OpId,
        target: NodeId,
        kept: bool,
    ) {
        if kept && planted("a hint counts for the quorum") {
            self.quorum.add(target);
        }
        if self.any && !self.answered {
            if kept {
                self.succeed(ops, core, 1);
            } else {
                self.ask_others_to_keep(core, id, target);
            }
        }
        self.keep(ops, core, id);
    }

    /// Level `any`, and our own disk takes no hint: any other node's will do.
    fn ask_others_to_keep(&self, core: &mut Core, id: OpId, target: NodeId) {
        let Some(record) = self.record.clone() else { return };
        let Slot { bucket, key, .. } = self.slot.clone();
        let replicas = self.quorum.replicas();
        let other = |node: &NodeId| *node != core.node && !replicas.contains(node) && core.is_usable(*node);
        if let Some(keeper) = core.participants().into_iter().find(other) {
            core.send(keeper, Message::KeepHint { op: id, target, bucket, key, record, round: self.round });
        }
    }

    /// A replica has answered.
    pub(crate) fn on_ack(mut self: Box<Self>, ops: &mut Operations, core: &mut Core, id: OpId, from: NodeId, ack: Ack) {
        match ack {
            Ack::Done if self.quorum.replicas().contains(&from) => self.quorum.add(from),
            // Not a replica: it keeps a hint for one.
            Ack::Done if self.any && !self.answered => self.succeed(ops, core, 1),
            Ack::Done => {}
            // One of us does not know yet how far a change of the ring is, and is learning it now.
            Ack::Stale(_) => {
                self.behind.push(from);
                self.behind_at = core.now.mono + BEHIND_AGAIN;
            }
            Ack::Full | Ack::Failed => self.lost.push(from),
        }
        self.keep(ops, core, id);
    }

    /// Other views are in use: whoever is a replica now and has not answered is told, and all count by the views of now.
    pub(crate) fn on_views(mut self: Box<Self>, ops: &mut Operations, core: &mut Core, id: OpId) {
        let need = self.need.filter(|_| !planted("a write in flight keeps its old views"));
        let Some(need) = need else { return self.keep(ops, core, id) };
        if !self.answered {
            ops.write_ends(self.epoch);
            ops.write_begins(core.epoch());
        }
        self.epoch = core.epoch();
        let before = self.quorum.replicas();
        let groups = core.groups(self.slot.partition, self.slot.bucket, need);
        if groups.is_empty() {
            return self.keep(ops, core, id);
        }
        self.quorum.regroup(groups);
        let refused = std::mem::take(&mut self.behind);
        for node in self.quorum.silent() {
            if self.record.is_some() && (refused.contains(&node) || !before.contains(&node)) {
                self.send(core, id, node);
            }
        }
        self.keep(ops, core, id);
    }

    /// A connection to a replica stands again: what was on the way may be lost, so say it again.
    pub(crate) fn on_connected(self: Box<Self>, ops: &mut Operations, core: &mut Core, id: OpId, peer: NodeId) {
        if self.quorum.replicas().contains(&peer) && !self.quorum.has(peer) && !self.lost.contains(&peer) {
            self.send(core, id, peer);
        }
        self.keep(ops, core, id);
    }

    /// Time has passed, or somebody's condition has changed.
    pub(crate) fn on_time(mut self: Box<Self>, ops: &mut Operations, core: &mut Core, id: OpId) {
        if core.now.mono >= self.behind_at {
            let behind = std::mem::take(&mut self.behind);
            behind.into_iter().filter(|node| !self.quorum.has(*node)).for_each(|node| self.send(core, id, node));
        }
        if core.now.mono >= self.hint_at && self.record.is_some() {
            self.quorum.silent().into_iter().for_each(|node| self.hint(core, id, node));
        }
        self.keep(ops, core, id);
    }

    /// Answers if it is time to, then stays or goes.
    fn keep(mut self: Box<Self>, ops: &mut Operations, core: &mut Core, id: OpId) {
        if !self.answered && self.quorum.is_met() {
            let answers = self.quorum.answers();
            self.succeed(ops, core, answers);
        }
        let expired = core.now.mono >= self.deadline;
        let hopeless = || {
            let lost = &self.lost;
            !self.any && !self.quorum.can_be_met(|node| !lost.contains(&node) && !core.is_down(node))
        };
        if !self.answered && (expired || hopeless()) {
            let (got, needed) = self.quorum.worst();
            core.note(Note::QuorumUnmet);
            let refusal = Refusal::QuorumUnmet { needed: small(needed), got: small(got), write: true };
            self.answered = true;
            ops.refuse(core, &self.asker, refusal);
            ops.write_ends(self.epoch);
        }
        if self.answered {
            // Whoever refused or failed is told again later.
            for node in self.lost.clone().into_iter().filter(|node| !self.quorum.has(*node)).collect::<Vec<_>>() {
                self.hint(core, id, node);
            }
            self.deadline = self.deadline.min(core.now.mono + core.config.request_time);
        }
        let all_settled =
            self.quorum.silent().iter().all(|node| self.lost.contains(node) || self.hinted.contains(node));
        if self.answered && (expired || all_settled) {
            return;
        }
        let wake = if core.now.mono < self.hint_at { self.hint_at.min(self.deadline) } else { self.deadline };
        let wake = if self.behind.is_empty() { wake } else { wake.min(self.behind_at) };
        ops.put_back(id, Operation::Write(self), wake);
    }

    fn succeed(&mut self, ops: &mut Operations, core: &mut Core, acknowledged: usize) {
        let acknowledged = small(acknowledged);
        let response = match &self.record {
            Some(record) if self.amends => Response::Amended(outcome(record, core.now.wall, acknowledged)),
            _ => Response::Written(Written { context: self.context.clone(), acknowledged }),
        };
        self.answered = true;
        core.note_wait(&self.asker, Kind::Write, self.begun);
        ops.answer(core, &self.asker, response);
        ops.write_ends(self.epoch);
    }

    fn refuse(self: Box<Self>, ops: &mut Operations, core: &mut Core, refusal: Refusal) {
        // It may have been given up already, before storage said that nothing was written.
        if !self.answered {
            ops.refuse(core, &self.asker, refusal);
            ops.write_ends(self.epoch);
        }
    }
}

/// What an amendment led to.
fn outcome(record: &Record, wall: Wall, acknowledged: u8) -> Outcome {
    if let Record::Counted(counted) = record {
        let value = counted.shown(wall).unwrap_or_default();
        return Outcome { value, expires: counted.expires(wall), acknowledged };
    }
    let versions = record.versions();
    let version = versions.first().map(|(_, version)| *version);
    let value = version.and_then(|version| version.value.as_ref());
    let value = value.map(|value| value.bytes.clone()).unwrap_or_default();
    Outcome { value, expires: version.and_then(|version| version.expires), acknowledged }
}

/// A count of replicas, which fits a byte.
pub(super) fn small(count: usize) -> u8 {
    u8::try_from(count).unwrap_or(u8::MAX)
}

/// The refusal of a level that asks for more replicas than there are.
pub(super) fn impossible(level: Level, replicas: usize) -> Refusal {
    Refusal::LevelImpossible { level, replicas: small(replicas) }
}

/// Checks the sizes of a key before anything is done with it.
pub(crate) fn check_key(core: &Core, key: &ItemKey) -> Result<(), Refusal> {
    let max = core.config.key_bytes_max;
    if key.len() > max {
        return Err(Refusal::Invalid(format!("the key has {} bytes; at most {max} are taken", key.len())));
    }
    let sort = key.sort_key.as_ref().map_or(0, bytes::Bytes::len);
    if sort > SORT_KEY_BYTES_MAX {
        return Err(Refusal::Invalid(format!("the sort key has {sort} bytes; at most {SORT_KEY_BYTES_MAX} are taken")));
    }
    Ok(())
}
