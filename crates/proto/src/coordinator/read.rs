//! One read: ask replicas (`read/asked.rs` says which, and when), merge the answers, repair whoever is behind.
//!
//! A read that needs more than one answer and sees them differ writes the merge back to as many replicas as it needs
//! before it answers, so that a later read of the same level never goes backwards (protocols note b8). While the ring
//! changes, that goes for every view that a later read may use. Replicas that answer late are repaired in the
//! background.

mod asked;
mod asking;

use super::swap::current;
use super::write::{BEHIND_AGAIN, Change, impossible, out_of_reach, small};
use super::{Asker, Operation, Operations, Writing};
use crate::bucket::{Bucket, Durability, Level, Mode};
use crate::core::Core;
use crate::ids::{Epoch, OpId};
use crate::input::Note;
use crate::item::{ItemKey, Slot};
use crate::message::ReadAnswer;
use crate::quorum::{Need, Quorum};
use crate::read_repair::{behind, merged};
use crate::record::Record;
use crate::request::{Amending, Current, Found, Get, Refusal, Response, Sibling};
use crate::store::StoreOutcome;
use crate::waits::Kind;
use asked::Asked;
use ring::NodeId;
use std::collections::BTreeMap;
use std::sync::Arc;
use stdx::bugs::planted;
use stdx::{Mono, Span, Wall};

/// A read in flight.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Reading {
    asker: Asker,
    /// The view it reads by.
    epoch: Epoch,
    slot: Slot,
    /// The round in which it began.
    round: u64,
    replicas: Arc<[NodeId]>,
    level: Level,
    needed: usize,
    asked: Asked,
    answers: BTreeMap<NodeId, Option<Record>>,
    /// Replicas that will not answer.
    lost: Vec<NodeId>,
    /// Replicas that knew more or less than we of a change of the ring, to be asked again at `behind_at`.
    behind: Vec<NodeId>,
    behind_at: Mono,
    /// The bucket is linearizable, and the client is content with what one replica holds.
    linearizable: bool,
    /// What is to be done on top of what is found, instead of an answer.
    then: Option<Change>,
    phase: Phase,
    begun: Mono,
    deadline: Mono,
}

#[derive(Clone, Hash, Debug)]
enum Phase {
    /// Waiting for enough answers.
    Gathering,
    /// Enough replicas have answered, but too few hold the merge of it all: it is being written back before the client is
    /// answered.
    Repairing(Option<Record>),
    /// The client is answered; late answers are still taken in.
    Settling,
    /// What it was for goes on without it.
    Over,
}

impl Reading {
    /// Begins a read.
    pub(crate) fn start(ops: &mut Operations, core: &mut Core, asker: Asker, get: Get, bucket: &Bucket, within: Span) {
        let level = get.level.unwrap_or(bucket.r);
        Reading::begin(ops, core, asker, get.key, level, bucket, None, within);
    }

    /// Begins a change on top of what a quorum holds, or one replica.
    pub(crate) fn amend(
        ops: &mut Operations,
        core: &mut Core,
        asker: Asker,
        amending: Amending,
        bucket: &Bucket,
        within: Span,
    ) {
        let level = amending.level.unwrap_or(bucket.w);
        let is_weak = matches!(level, Level::Any | Level::One | Level::Count(1));
        let read_level = if is_weak { Level::One } else { Level::Quorum };
        let fsync = amending.durability == Durability::Fsync;
        let Amending { amendment, ends, .. } = amending;
        let then = Some(Change { amendment, level, fsync, ends, ttl: bucket.ttl });
        Reading::begin(ops, core, asker, amending.key, read_level, bucket, then, within);
    }

    fn begin(
        ops: &mut Operations,
        core: &mut Core,
        asker: Asker,
        key: ItemKey,
        level: Level,
        bucket: &Bucket,
        then: Option<Change>,
        within: Span,
    ) {
        let slot = Slot::new(core.history.genesis().grid, bucket.id, key);
        let replicas = core.read_set(slot.partition, slot.bucket);
        let Some(needed) = level.needed(replicas.len()) else {
            return ops.refuse(core, &asker, impossible(level, replicas.len()));
        };
        let id = core.next_op();
        let asked = Asked::choose(core, id, &replicas, needed);
        let reading = Box::new(Reading {
            asker,
            epoch: core.reading(),
            slot,
            round: core.round,
            replicas,
            level,
            needed,
            asked,
            answers: BTreeMap::new(),
            lost: Vec::new(),
            behind: Vec::new(),
            behind_at: Mono::default(),
            linearizable: bucket.mode == Mode::Linearizable,
            then,
            phase: Phase::Gathering,
            begun: core.now.mono,
            deadline: core.now.mono + within,
        });
        ops.read_begins(reading.epoch);
        reading.ask_first(core, id);
        reading.keep(ops, core, id);
    }

    /// The round in which it began.
    pub(crate) fn round(&self) -> u64 {
        self.round
    }

    /// The local replica has answered.
    pub(crate) fn on_stored(self: Box<Self>, ops: &mut Operations, core: &mut Core, id: OpId, outcome: StoreOutcome) {
        let answer = match outcome {
            StoreOutcome::Held(record) => ReadAnswer::Held(record),
            _ => ReadAnswer::Failed,
        };
        let own = core.node;
        self.on_answer(ops, core, id, own, answer);
    }

    /// A replica has answered.
    pub(crate) fn on_answer(
        mut self: Box<Self>,
        ops: &mut Operations,
        core: &mut Core,
        id: OpId,
        from: NodeId,
        answer: ReadAnswer,
    ) {
        let Some(place) = self.replicas.iter().position(|node| *node == from) else {
            return self.keep(ops, core, id);
        };
        let is_first = !self.answers.contains_key(&from) && !self.lost.contains(&from);
        if is_first && from != core.node && !matches!(answer, ReadAnswer::Stale(_)) {
            core.routes.on_answer(core.now.mono, from, self.asked.since(place));
        }
        match answer {
            ReadAnswer::Held(record) => {
                if let Some(stamp) = record.as_ref().and_then(Record::highest_stamp) {
                    core.observe(stamp);
                }
                self.answers.insert(from, record);
            }
            ReadAnswer::Stale(_) => {
                self.behind.push(from);
                self.behind_at = core.now.mono + BEHIND_AGAIN;
            }
            ReadAnswer::Failed | ReadAnswer::Damaged => self.lost.push(from),
        }
        if matches!(self.phase, Phase::Gathering) && self.answers.len() >= self.needed {
            self.conclude(ops, core, id);
        }
        self.keep(ops, core, id);
    }

    /// Enough replicas have answered.
    fn conclude(&mut self, ops: &mut Operations, core: &mut Core, id: OpId) {
        let record = merged(&self.answers);
        if let Some(change) = self.then.take() {
            // The new record holds what was found, and goes to as many replicas as a write-back would.
            self.phase = Phase::Over;
            ops.read_ends(self.epoch);
            let asker = std::mem::replace(&mut self.asker, Asker::Nobody);
            let within = self.deadline.since(core.now.mono);
            return Writing::amend(ops, core, asker, self.slot.clone(), change, record, within, self.round);
        }
        let differing = behind(record.as_ref(), &self.answers);
        let equal: Vec<NodeId> = self.answers.keys().copied().filter(|node| !differing.contains(node)).collect();
        let need = Need::Level(self.level);
        // As many replicas of every view in use: others may read by another one, and a write that nobody acknowledged
        // may be on the replicas of one alone.
        let mut held = Quorum::new(core.groups(self.slot.partition, self.slot.bucket, need));
        equal.iter().for_each(|node| held.add(*node));
        let is_weak = matches!(self.level, Level::Any | Level::One | Level::Count(1));
        let is_enough = differing.is_empty() && held.is_met() || planted("read repair after the answer");
        let (Some(merged), false) = (&record, is_weak || is_enough) else {
            return self.answer(ops, core, record.as_ref());
        };
        stdx::marks::hit(if differing.is_empty() { "read_spread_before_answer" } else { "read_repair_before_answer" });
        core.note(Note::ReadRepair(differing.len() as u32));
        let within = self.deadline.since(core.now.mono);
        let asker = Asker::WriteBack { parent: id };
        let (slot, round) = (self.slot.clone(), self.round);
        Writing::write_back(ops, core, asker, slot, merged.clone(), need, &equal, within, round);
        self.phase = Phase::Repairing(record);
    }

    /// The write-back of the merge is done, or is not going to be.
    pub(crate) fn on_write_back(mut self: Box<Self>, ops: &mut Operations, core: &mut Core, id: OpId, done: bool) {
        if let Phase::Repairing(record) = &mut self.phase {
            let record = record.take();
            if done {
                self.answer(ops, core, record.as_ref());
            } else {
                self.give_up(ops, core);
            }
        }
        self.keep(ops, core, id);
    }

    /// Other views are in use: if reads go by another one now, this one begins again by that.
    pub(crate) fn on_views(mut self: Box<Self>, ops: &mut Operations, core: &mut Core, id: OpId) {
        let reading = core.reading();
        if matches!(self.phase, Phase::Gathering) && reading != self.epoch {
            ops.read_ends(self.epoch);
            ops.read_begins(reading);
            self.epoch = reading;
            let replicas = core.read_set(self.slot.partition, self.slot.bucket);
            if replicas != self.replicas {
                stdx::marks::hit("read_began_again_by_another_view");
                self.let_go(core);
                self.needed = self.level.needed(replicas.len()).unwrap_or(replicas.len());
                self.replicas = replicas;
                self.answers.clear();
                self.lost.clear();
                self.behind.clear();
                self.asked = Asked::choose(core, id, &self.replicas, self.needed);
                self.ask_first(core, id);
            }
        }
        self.keep(ops, core, id);
    }

    /// A connection to a replica stands again: ask it again.
    pub(crate) fn on_connected(self: Box<Self>, ops: &mut Operations, core: &mut Core, id: OpId, peer: NodeId) {
        let waiting = matches!(self.phase, Phase::Gathering);
        let place = self.replicas.iter().position(|node| *node == peer);
        let was_asked = place.is_some_and(|place| self.asked.has(place));
        if waiting && was_asked && !self.answers.contains_key(&peer) && !self.lost.contains(&peer) {
            self.ask(core, id, peer);
        }
        self.keep(ops, core, id);
    }

    /// Time has passed, or somebody's condition has changed.
    pub(crate) fn on_time(mut self: Box<Self>, ops: &mut Operations, core: &mut Core, id: OpId) {
        if core.now.mono >= self.behind_at {
            std::mem::take(&mut self.behind).into_iter().for_each(|node| self.ask(core, id, node));
        }
        self.keep(ops, core, id);
    }

    /// Gives up if there is no hope, then stays or goes.
    fn keep(mut self: Box<Self>, ops: &mut Operations, core: &mut Core, id: OpId) {
        if matches!(self.phase, Phase::Over) {
            return self.let_go(core);
        }
        if matches!(self.phase, Phase::Gathering) {
            self.ask_rest(core, id);
        }
        let expired = core.now.mono >= self.deadline;
        if !matches!(self.phase, Phase::Settling) && (expired || self.is_hopeless(core)) {
            self.give_up(ops, core);
        }
        if matches!(self.phase, Phase::Settling) && (expired || self.is_settled(core)) {
            self.let_go(core);
            self.repair_late(ops, core);
            return;
        }
        let is_gathering = matches!(self.phase, Phase::Gathering);
        let again = Some(self.behind_at).filter(|_| is_gathering && !self.behind.is_empty());
        let rest = self.asked.rest_at().filter(|_| is_gathering);
        let wake = [again, rest].into_iter().flatten().fold(self.deadline, Mono::min);
        ops.put_back(id, Operation::Read(self), wake);
    }

    /// Tells everybody who answered and is behind, without waiting.
    fn repair_late(&mut self, ops: &mut Operations, core: &mut Core) {
        let Some(record) = merged(&self.answers) else { return };
        let mut differing = behind(Some(&record), &self.answers);
        // The ring may have changed since this read asked: whoever gave the partition up has dropped it, we perhaps
        // among them, and must not get it back.
        let everybody = planted("late repair of former replicas");
        differing.retain(|node| everybody || core.is_replica(*node, self.slot.partition, self.slot.bucket));
        if differing.is_empty() {
            return;
        }
        stdx::marks::hit("read_repair_after_answer");
        core.note(Note::ReadRepair(differing.len() as u32));
        Writing::tell(ops, core, self.slot.clone(), record, differing, self.round);
    }

    fn answer(&mut self, ops: &mut Operations, core: &mut Core, record: Option<&Record>) {
        let response = match self.linearizable {
            true => Response::Current(held(record, core.now.wall)),
            false => Response::Found(found(record, core.now.wall, self.answers.len())),
        };
        self.phase = Phase::Settling;
        // Late answers are worth a short wait only.
        self.deadline = self.deadline.min(core.now.mono + core.config.request_time);
        core.note_wait(&self.asker, Kind::Read, self.begun);
        ops.answer(core, &self.asker, response);
        ops.read_ends(self.epoch);
    }

    fn give_up(&mut self, ops: &mut Operations, core: &mut Core) {
        self.phase = Phase::Settling;
        core.note(Note::QuorumUnmet);
        let (reachable, needed, got) = (self.reachable(core), self.needed, self.answers.len());
        let refusal = match reachable < needed {
            true => out_of_reach(reachable, needed),
            false => Refusal::QuorumUnmet { needed: small(needed), got: small(got), write: false },
        };
        ops.refuse(core, &self.asker, refusal);
        ops.read_ends(self.epoch);
    }
}

/// What a client sees of what one replica of a linearizable bucket holds.
fn held(record: Option<&Record>, wall: Wall) -> Current {
    match record {
        Some(Record::Register(register)) => register.cell().map(|cell| current(cell, wall)).unwrap_or_default(),
        _ => Current::default(),
    }
}

/// What a client is told that so many replicas answered.
pub(crate) fn found(record: Option<&Record>, wall: Wall, answered: usize) -> Found {
    let siblings = record.map(|record| siblings(record, wall)).unwrap_or_default();
    let context = record.map(Record::context).unwrap_or_default();
    let newest = record.and_then(Record::highest_stamp);
    Found { siblings, context, newest, answered: small(answered) }
}

/// What a client sees of a record.
pub(super) fn siblings(record: &Record, wall: Wall) -> Vec<Sibling> {
    record.visible(wall).into_iter().map(|(dot, version)| Sibling { dot, version: version.into_owned() }).collect()
}
