//! One operation on an item of a linearizable bucket: this node drives a `paxos::register::Round` over the replicas.
//!
//! Invariants: an attempt belongs to one epoch and to the replica sets in use when it began; when either changes, it is
//! given up, its ballot is burnt, and answers to it are strays, because every attempt has an operation id of its own. A
//! change that was not decided before its deadline is answered as "may have been applied" if an accept ever went out.
//! Refuses hints, sloppy quorums and levels: a majority of every replica set in use, or nothing.

mod confirming;

use super::swap::{Swap, current};
use super::turns::Turn;
use super::write::{impossible, out_of_reach, small};
use super::{Asker, Operation, Operations};
use crate::bucket::{Bucket, Level};
use crate::core::Core;
use crate::ids::{Epoch, OpId};
use crate::input::Note;
use crate::item::{ItemKey, Slot};
use crate::message::{Message, RegisterAnswer};
use crate::paxos::register::{Ask, Cache, Cell, ChangeId, Outcome, Round, Step, Tried, Work};
use crate::quorum::{Group, Need};
use crate::record::Version;
use crate::request::{Cas, Current, Refusal, Response};
use crate::store::{Purpose, StoreOp, StoreOutcome};
use ring::NodeId;
use stdx::bugs::planted;
use stdx::{Mono, Span, Wall};

/// Before silent replicas are asked again.
const ASK_AGAIN: Span = Span::millis(400);
/// How long a read whose answers differ waits for the replicas that have not answered.
const PATIENCE: Span = Span::millis(30);
/// A read that meets a change under way looks again so often before it decides the matter itself, which would push the
/// change aside.
const LOOKS: u32 = 2;
/// The pause after the first attempt that met another proposer; it doubles with each.
const PAUSE: Span = Span::millis(4);
const PAUSE_MAX: Span = Span::millis(500);
/// What has ended and is not deleted by then is left to a later pass.
const BURIAL_TIME: Span = Span::secs(2);

/// A read or change in flight.
#[derive(Clone, Debug)]
pub(crate) struct Deciding {
    asker: Asker,
    /// The epoch it counts under as unfinished.
    epoch: Epoch,
    /// The newest epoch and the oldest view in use, as the present attempt has them.
    views: (Epoch, Epoch),
    slot: Slot,
    /// The round of the cluster in which it began.
    began: u64,
    round: Round<Swap>,
    state: State,
    attempts: u32,
    deadline: Mono,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Others change the same key through this node.
    Waiting,
    /// Questions are out; at this time something is done about silent replicas.
    Asking(Mono),
    /// Replicas have promised; whoever handed the change on is asked whether it is still waited for, and at this time again.
    Confirming(Mono),
    /// Until then.
    Pausing(Mono),
}

impl Deciding {
    /// Begins a read.
    pub(crate) fn read(
        ops: &mut Operations,
        core: &mut Core,
        asker: Asker,
        bucket: &Bucket,
        key: ItemKey,
        within: Span,
    ) {
        let deciding = Deciding::new(core, asker, bucket, key, Work::Read, within);
        let id = core.next_op();
        ops.write_begins(deciding.epoch);
        deciding.look(ops, core, id);
    }

    /// Begins a change.
    pub(crate) fn change(ops: &mut Operations, core: &mut Core, asker: Asker, bucket: &Bucket, cas: Cas, within: Span) {
        if core.incarnation().is_none() {
            let refusal = Refusal::NotReady("this node is starting; try again in a moment".to_owned());
            return ops.refuse(core, &asker, refusal);
        }
        let wall = core.now.wall;
        let change = Swap { expect: cas.expect, edit: cas.edit, ends: cas.ends, wall, stamp: core.next_stamp() };
        let id = cas.id.unwrap_or_else(|| ChangeId(core.prng.next_u64()));
        let work = Work::Change { id, change, tried: cas.tried };
        Deciding::new(core, asker, bucket, cas.key, work, within).queue(ops, core);
    }

    /// Begins to delete exactly the version of this number, which has ended.
    pub(crate) fn bury(ops: &mut Operations, core: &mut Core, bucket: &Bucket, key: ItemKey, number: u64) {
        if core.incarnation().is_none() {
            return ops.refuse(core, &Asker::Burial, Refusal::NotReady(String::new()));
        }
        let (id, change) = (ChangeId(core.prng.next_u64()), Swap::burial(number));
        let work = Work::Change { id, change, tried: Tried::No };
        Deciding::new(core, Asker::Burial, bucket, key, work, BURIAL_TIME).queue(ops, core);
    }

    /// Begins, or waits for others that change the same key through this node.
    fn queue(self, ops: &mut Operations, core: &mut Core) {
        let (deciding, id) = (self, core.next_op());
        match ops.turns.ask(&deciding.slot, id) {
            Turn::Never => ops.refuse(core, &deciding.asker, Refusal::Overloaded),
            Turn::Now => {
                ops.write_begins(deciding.epoch);
                deciding.begin(ops, core, id);
            }
            Turn::Later => {
                stdx::marks::hit("register_change_waits_its_turn");
                ops.write_begins(deciding.epoch);
                deciding.keep(ops, core, id);
            }
        }
    }

    fn new(core: &Core, asker: Asker, bucket: &Bucket, key: ItemKey, work: Work<Swap>, within: Span) -> Deciding {
        let began = match (&asker, &work) {
            (Asker::Peer { round, .. }, Work::Change { .. }) => core.round.min(*round),
            _ => core.round,
        };
        Deciding {
            asker,
            epoch: core.epoch(),
            views: (core.epoch(), core.stable()),
            slot: Slot::new(core.history.genesis().grid, bucket.id, key),
            began,
            round: Round::new(work, core.floor().number),
            state: State::Waiting,
            attempts: 0,
            deadline: core.now.mono + within,
        }
    }

    /// The round in which it began, or in which whoever handed it on took it: what it may have led to is not collected before
    /// it is over.
    pub(crate) fn round(&self) -> u64 {
        self.began
    }

    /// A majority of every replica set in use.
    fn groups(&self, core: &Core) -> Option<Vec<Group>> {
        let groups = core.groups(self.slot.partition, self.slot.bucket, Need::Level(Level::Quorum));
        (!groups.is_empty()).then_some(groups)
    }

    /// It is this change's turn: on the strength of the last one if possible.
    fn begin(mut self, ops: &mut Operations, core: &mut Core, id: OpId) {
        self.views = (core.epoch(), core.stable());
        // What was promised of a register that was collected is forgotten.
        let floor = core.floor().ballot;
        let holds = |cache: &Cache<Version>| {
            cache.ballot.counter > floor || planted("a cached ballot is used beneath the floor")
        };
        let Some(cache) = ops.turns.take(&self.slot, self.views).filter(holds) else {
            return self.attempt(ops, core);
        };
        let next = core.next_ballot(cache.ballot);
        match next {
            Some(next) if self.round.accept(cache, next) => {
                stdx::marks::hit("register_change_in_one_round_trip");
                self.ask_all(ops, core, id);
            }
            // It looks refused: one look without a write may be enough to say so.
            _ => self.look(ops, core, id),
        }
    }

    /// Asks what is decided, without changing anything.
    fn look(mut self, ops: &mut Operations, core: &mut Core, id: OpId) {
        self.views = (core.epoch(), core.stable());
        let Some(groups) = self.groups(core) else { return self.refuse_impossible(ops, core) };
        self.round.read(groups);
        self.ask_all(ops, core, id);
    }

    /// Begins an attempt with a fresh ballot.
    fn attempt(mut self, ops: &mut Operations, core: &mut Core) {
        let id = core.next_op();
        self.views = (core.epoch(), core.stable());
        let Some(groups) = self.groups(core) else { return self.refuse_impossible(ops, core) };
        let fresh = core.next_ballot(self.round.highest());
        let Some((ballot, next)) = fresh.and_then(|ballot| Some((ballot, core.next_ballot(ballot)?))) else {
            return self.pause(ops, core, id);
        };
        self.attempts += 1;
        self.round.prepare(groups, ballot, next);
        self.ask_all(ops, core, id);
    }

    fn ask_all(self, ops: &mut Operations, core: &mut Core, id: OpId) {
        if self.is_to_be_confirmed() { self.confirm(ops, core, id) } else { self.ask_replicas(ops, core, id) }
    }

    fn ask_replicas(mut self, ops: &mut Operations, core: &mut Core, id: OpId) {
        let wait = if self.is_looking() { PATIENCE } else { ASK_AGAIN };
        self.state = State::Asking(core.now.mono + wait);
        for node in self.round.silent() {
            self.ask(core, id, node);
        }
        self.keep(ops, core, id);
    }

    fn is_looking(&self) -> bool {
        matches!(self.round.ask(), Some(Ask::Read))
    }

    fn ask(&self, core: &mut Core, id: OpId, node: NodeId) {
        let Some(ask) = self.round.ask() else { return };
        if node == core.node {
            core.store(Purpose::Local(id), StoreOp::Register { slot: self.slot.clone(), ask });
        } else if !core.is_down(node) {
            let Slot { bucket, key, .. } = self.slot.clone();
            core.send(node, Message::Register { op: id, epoch: self.views.0, bucket, key, ask, round: self.began });
        }
    }

    /// The local replica has answered.
    pub(crate) fn on_stored(self, ops: &mut Operations, core: &mut Core, id: OpId, outcome: StoreOutcome) {
        let answer = match outcome {
            StoreOutcome::Register(answer) => RegisterAnswer::Said(answer),
            _ => RegisterAnswer::Failed,
        };
        let own = core.node;
        self.on_answer(ops, core, id, own, answer);
    }

    /// A replica has answered.
    pub(crate) fn on_answer(
        mut self,
        ops: &mut Operations,
        core: &mut Core,
        id: OpId,
        from: NodeId,
        answer: RegisterAnswer,
    ) {
        let step = match answer {
            RegisterAnswer::Said(answer) => self.round.on_answer(from, answer),
            RegisterAnswer::Stale(_) | RegisterAnswer::Failed => self.round.on_lost(from),
        };
        self.follow(ops, core, id, step);
    }

    fn follow(self, ops: &mut Operations, core: &mut Core, id: OpId, step: Step<Version>) {
        match step {
            Step::Wait => self.keep(ops, core, id),
            Step::Ask => self.ask_all(ops, core, id),
            Step::Again if matches!(self.round.work(), Work::Read) && self.attempts < LOOKS => {
                stdx::marks::hit("register_read_met_a_change");
                self.pause(ops, core, id);
            }
            Step::Again => self.attempt(ops, core),
            Step::Pause => {
                stdx::marks::hit("register_attempt_failed");
                self.pause(ops, core, id);
            }
            Step::Done(outcome) => self.finish(ops, core, outcome),
        }
    }

    fn pause(mut self, ops: &mut Operations, core: &mut Core, id: OpId) {
        self.attempts += 1;
        let longest = PAUSE.0.checked_shl(self.attempts.min(16)).unwrap_or(u64::MAX).min(PAUSE_MAX.0);
        self.state = State::Pausing(core.now.mono + Span(PAUSE.0 / 4 + core.prng.below(longest)));
        self.keep(ops, core, id);
    }

    /// A connection to a replica stands again: what was on the way may be lost, so say it again.
    pub(crate) fn on_connected(self, ops: &mut Operations, core: &mut Core, id: OpId, peer: NodeId) {
        match self.state {
            State::Asking(_) if self.round.silent().contains(&peer) => self.ask(core, id, peer),
            State::Confirming(_) => self.ask_whether_it_waits(core, id),
            _ => {}
        }
        self.keep(ops, core, id);
    }

    /// Other views are in use: whatever was asked under those before is answered by nobody who knows better.
    pub(crate) fn on_views(mut self, ops: &mut Operations, core: &mut Core, id: OpId) {
        let views = (core.epoch(), core.stable());
        if std::mem::replace(&mut self.views, views) == views {
            return self.keep(ops, core, id);
        }
        ops.write_ends(self.epoch);
        self.epoch = core.epoch();
        ops.write_begins(self.epoch);
        if self.state == State::Waiting || core.now.mono >= self.deadline {
            return self.keep(ops, core, id);
        }
        stdx::marks::hit("register_attempt_met_other_views");
        self.anew(ops, core);
    }

    /// Begins the next attempt.
    fn anew(self, ops: &mut Operations, core: &mut Core) {
        if matches!(self.round.work(), Work::Read) && self.attempts <= LOOKS {
            let id = core.next_op();
            self.look(ops, core, id);
        } else {
            self.attempt(ops, core);
        }
    }

    /// Time has passed, or somebody's condition has changed.
    pub(crate) fn on_time(mut self, ops: &mut Operations, core: &mut Core, id: OpId) {
        let now = core.now.mono;
        match self.state {
            _ if now >= self.deadline => self.keep(ops, core, id),
            State::Pausing(until) if now >= until => self.anew(ops, core),
            State::Confirming(until) if now >= until => self.confirm(ops, core, id),
            State::Asking(until) if now >= until => match self.round.hurry() {
                Step::Wait => {
                    self.state = State::Asking(now + ASK_AGAIN);
                    self.round.silent().into_iter().for_each(|node| self.ask(core, id, node));
                    self.keep(ops, core, id);
                }
                step => self.follow(ops, core, id, step),
            },
            _ => self.keep(ops, core, id),
        }
    }

    /// Gives up if there is no hope, then stays or goes.
    fn keep(self, ops: &mut Operations, core: &mut Core, id: OpId) {
        let now = core.now.mono;
        let is_up = |node| !core.is_down(node);
        let hopeless = now < self.deadline && matches!(self.state, State::Asking(_)) && !self.round.has_hope(is_up);
        if hopeless && matches!(self.round.work(), Work::Read) && self.round.is_worth_another(is_up) {
            // Whoever refused a low ballot will take a higher one.
            stdx::marks::hit("register_attempt_refused_while_others_are_down");
            return self.pause(ops, core, id);
        }
        if hopeless || now >= self.deadline {
            return self.give_up(ops, core, id);
        }
        let wake = match self.state {
            State::Waiting => self.deadline,
            State::Asking(until) | State::Confirming(until) | State::Pausing(until) => until.min(self.deadline),
        };
        ops.put_back(id, Operation::Register(Box::new(self)), wake);
    }

    fn give_up(self, ops: &mut Operations, core: &mut Core, id: OpId) {
        core.note(Note::QuorumUnmet);
        let refusal = match self.state {
            State::Waiting => {
                ops.turns.leave(&self.slot, id);
                ops.refuse(core, &self.asker, Refusal::Overloaded);
                return ops.write_ends(self.epoch);
            }
            _ => {
                let (got, needed) = self.round.counted();
                let write = self.round.may_take_effect();
                let (reachable, _) = self.round.within_reach(|node| !core.is_down(node));
                if !write && reachable < needed {
                    out_of_reach(reachable, needed)
                } else {
                    Refusal::QuorumUnmet { needed: small(needed), got: small(got), write }
                }
            }
        };
        self.end(ops, core, Response::Refused(refusal));
    }

    /// The bucket has no replicas here, or none any more.
    fn refuse_impossible(self, ops: &mut Operations, core: &mut Core) {
        self.end(ops, core, Response::Refused(impossible(Level::Quorum, 0)));
    }

    fn finish(mut self, ops: &mut Operations, core: &mut Core, outcome: Outcome<Version>) {
        let cache = self.round.take_cache();
        if let (Some(cache), Work::Change { .. }) = (cache, self.round.work())
            && self.views == (core.epoch(), core.stable())
        {
            ops.turns.keep(self.slot.clone(), self.views, cache);
        }
        let response = self.response(&outcome, core.now.wall);
        self.end(ops, core, response);
    }

    fn response(&self, outcome: &Outcome<Version>, now: Wall) -> Response {
        // What a change led to is told as of the time that it carries.
        let wall = match self.round.work() {
            Work::Change { change, .. } => change.wall,
            Work::Read => now,
        };
        let current = |cell: &Cell<Version>| current(cell, wall);
        let refused = |cell: &Cell<Version>| match self.round.work() {
            Work::Change { change, .. } => Response::Refused(change.refusal(cell)),
            Work::Read => unreachable!("a read is not refused"),
        };
        // Whoever tried it before may still be at it, and make it when its condition holds.
        let is_open = |cell: &Cell<Version>| match self.round.work() {
            Work::Change { change, tried, .. } => *tried != Tried::No && change.may_apply_after(cell),
            Work::Read => false,
        };
        match outcome {
            Outcome::Refused(cell) | Outcome::Kept(cell) if is_open(cell) => Response::Refused(Refusal::OutcomeUnknown),
            Outcome::Read(cell) => Response::Current(current(cell)),
            Outcome::Changed { number, cell } if cell.number == *number => Response::Swapped(current(cell)),
            // Others have changed it since; what exactly ours made of it is not known any more.
            Outcome::Changed { number, .. } => Response::Swapped(Current { version: *number, ..Current::default() }),
            Outcome::Kept(cell) => Response::Swapped(current(cell)),
            Outcome::Refused(cell) => refused(cell),
            Outcome::Unknown => Response::Refused(Refusal::OutcomeUnknown),
        }
    }

    /// Answers, and lets the next change of the key begin.
    fn end(self, ops: &mut Operations, core: &mut Core, response: Response) {
        ops.answer(core, &self.asker, response);
        ops.write_ends(self.epoch);
        if matches!(self.round.work(), Work::Read) {
            return;
        }
        if let Some(next) = ops.turns.pass(&self.slot) {
            match ops.take(next) {
                Some(Operation::Register(deciding)) => deciding.begin(ops, core, next),
                _ => unreachable!("whoever waits for a turn stays until it leaves the queue"),
            }
        }
    }
}
