//! One write: a new version by a client, or the write-back of a record that a read merged.
//!
//! The coordinator makes the version in its own replica, sends the whole record to the others, and answers when every
//! replica set in use has enough durable copies. Whoever has not answered by `hint_at` gets a hint (Dynamo §4.6); a
//! hint counts for level `any` only.
//!
//! Invariant: `QuorumUnmet` for a write means "may have been applied", never "was not"; whoever is refused before anything was
//! done hears `OutOfReach`.

mod begin;

use super::{Asker, Operation, Operations};
use crate::amendment::Amendment;
use crate::bucket::Level;
use crate::core::Core;
use crate::ids::{Epoch, OpId};
use crate::input::Note;
use crate::item::{ItemKey, Slot};
use crate::message::{Ack, Message};
use crate::quorum::{Need, Quorum};
use crate::record::Record;
use crate::request::{Outcome, Refusal, Response, Written};
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

    /// The version is made; this is the whole record.
    fn made(&mut self, record: Record) {
        if record.each_version().count() == 1 || planted("an answer covers what its client has not seen") {
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
                for node in self.quorum.silent().into_iter().filter(|node| *node != own) {
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
            Ack::Done if self.quorum.counts(from) => self.quorum.add(from),
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
        if self.quorum.counts(peer) && !self.quorum.has(peer) && !self.lost.contains(&peer) {
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
        // Those that can still answer are waited for a little, so that the refusal says how many have it.
        let all_heard = || self.quorum.all_answered_or(|node| self.lost.contains(&node) || core.is_down(node));
        let in_vain = || hopeless() && (all_heard() || core.now.mono >= self.hint_at);
        if !self.answered && (expired || in_vain()) {
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
            || self.quorum.all_answered_or(|node| self.lost.contains(&node) || self.hinted.contains(&node));
        if self.answered && (expired || all_settled()) {
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
            _ => Response::Written(Written { context: std::mem::take(&mut self.context), acknowledged }),
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

/// The refusal of what too few replicas can be reached for.
pub(super) fn out_of_reach(reachable: usize, needed: usize) -> Refusal {
    Refusal::OutOfReach { needed: small(needed), reachable: small(reachable) }
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
