//! Getting a change of the cluster decided: one proposal at a time, the others wait.
//!
//! A change is turned into an event for the next epoch and proposed to the voters. If another event wins that epoch, the
//! change is checked again against the new state and proposed for the one after.
//!
//! What this node has accepted and never heard of again it proposes itself after a while, whoever began it: nobody may be left
//! who would, and nothing goes on until it is decided.
//!
//! Invariant: a change is answered as done only when its own event, known by its nonce, is in the durable history.

use super::changes;
use crate::coordinator::{Asker, Operations};
use crate::core::Core;
use crate::event::Event;
use crate::ids::Epoch;
use crate::message::Message;
use crate::paxos::{Ballot, Proposer, Step};
use crate::request::{Admin, Refusal, Response};
use ring::NodeId;
use std::collections::VecDeque;
use stdx::{Mono, Span};

/// Changes that may wait.
const WAITING_MAX: usize = 64;
/// An attempt without an answer is repeated after this long, and up to twice.
const ATTEMPT_TIME: Span = Span::millis(400);
/// What was accepted and not decided for this long, and up to twice, is proposed again.
const FINISH_AFTER: Span = Span::secs(2);
/// How long that is tried each time.
const FINISH_TIME: Span = Span::secs(5);

#[derive(Clone, Debug)]
struct Proposal {
    asker: Asker,
    /// What was asked for; nothing if somebody else's event is to be finished.
    admin: Option<Admin>,
    deadline: Mono,
    attempt: Option<Attempt>,
}

#[derive(Clone, Debug)]
struct Attempt {
    epoch: Epoch,
    event: Event,
    proposer: Proposer<Event>,
    /// Voters were asked to accept the event: from then on it may be decided, whatever we do.
    is_offered: bool,
    again_at: Mono,
}

/// The change being decided, and those that wait.
#[derive(Clone, Default)]
pub(crate) struct Proposals {
    current: Option<Proposal>,
    waiting: VecDeque<Proposal>,
    /// The highest ballot of this life: none is used for two changes.
    used: Ballot,
    /// When to finish the event that was accepted for an epoch.
    finish: Option<(Epoch, Mono)>,
}

impl Proposals {
    /// Takes a change on.
    pub(crate) fn start(&mut self, ops: &mut Operations, core: &mut Core, asker: Asker, admin: Admin, within: Span) {
        if self.waiting.len() >= WAITING_MAX {
            return ops.refuse(core, &asker, Refusal::Overloaded);
        }
        let deadline = core.now.mono + within;
        self.waiting.push_back(Proposal { asker, admin: Some(admin), deadline, attempt: None });
        self.advance(ops, core);
    }

    /// Finishes what was accepted and is not decided, when it has waited long enough.
    pub(crate) fn watch(&mut self, undecided: Option<&Event>, core: &mut Core) {
        let Some(event) = undecided else { return self.finish = None };
        let now = core.now.mono;
        let due = self.finish.filter(|(epoch, _)| *epoch == event.epoch).map(|(_, at)| at);
        if due.is_some_and(|at| at > now) {
            return;
        }
        let pause = Span(core.prng.below(FINISH_AFTER.0));
        self.finish = Some((event.epoch, now + FINISH_AFTER + pause));
        if due.is_some() && self.current.is_none() {
            self.propose_again(core, event.clone());
        }
    }

    fn propose_again(&mut self, core: &mut Core, event: Event) {
        let Some(incarnation) = core.incarnation() else { return };
        stdx::marks::hit("ring.an_undecided_event_was_finished");
        self.current =
            Some(Proposal { asker: Asker::Nobody, admin: None, deadline: core.now.mono + FINISH_TIME, attempt: None });
        self.attempt_with(core, incarnation, event);
        self.prepare(core);
    }

    /// The current change is proposed as this event, under a new ballot.
    fn attempt_with(&mut self, core: &mut Core, incarnation: u64, event: Event) {
        let voters = core.history.current().voters();
        let proposer = Proposer::new(voters, core.node, incarnation, self.used, event.clone());
        self.used = proposer.ballot();
        let (epoch, again_at) = (event.epoch, attempt_end(core));
        if let Some(proposal) = &mut self.current {
            proposal.attempt = Some(Attempt { epoch, event, proposer, is_offered: false, again_at });
        }
    }

    /// Begins the next change if none is under way.
    fn advance(&mut self, ops: &mut Operations, core: &mut Core) {
        while self.current.is_none()
            && let Some(proposal) = self.waiting.pop_front()
        {
            self.current = Some(proposal);
            self.attempt(ops, core);
        }
    }

    /// Proposes the current change for the next epoch, or ends it.
    fn attempt(&mut self, ops: &mut Operations, core: &mut Core) {
        let Some(proposal) = self.current.take() else { return };
        let Some(incarnation) = core.incarnation() else {
            return self.end(ops, core, proposal, Err(Refusal::NotReady("this node is starting".to_owned())));
        };
        // Somebody else's event has lost its epoch, or waits for its turn again.
        let Some(admin) = &proposal.admin else { return self.advance(ops, core) };
        match changes::event_for(core, admin) {
            Err(refusal) => self.end(ops, core, proposal, Err(refusal)),
            // It is so already, for example because an answer was lost and the change was asked for again.
            Ok(None) => self.end(ops, core, proposal, Ok(())),
            Ok(Some(event)) => {
                self.current = Some(proposal);
                self.attempt_with(core, incarnation, event);
                self.prepare(core);
            }
        }
    }

    fn prepare(&mut self, core: &mut Core) {
        let Some(attempt) = self.attempt_mut() else { return };
        let message = Message::Prepare { epoch: attempt.epoch, ballot: attempt.proposer.ballot() };
        let voters = attempt.proposer.acceptors().to_vec();
        to_voters(core, &voters, &message);
    }

    fn attempt_mut(&mut self) -> Option<&mut Attempt> {
        self.current.as_mut()?.attempt.as_mut()
    }

    /// An acceptor has promised.
    pub(crate) fn on_promise(
        &mut self,
        core: &mut Core,
        from: NodeId,
        epoch: Epoch,
        ballot: Ballot,
        accepted: Option<(Ballot, Event)>,
    ) {
        let Some(attempt) = self.attempt_mut().filter(|attempt| attempt.epoch == epoch) else { return };
        if let Step::Accept(event) = attempt.proposer.on_promise(from, ballot, accepted) {
            attempt.again_at = core.now.mono + ATTEMPT_TIME.times(2);
            attempt.is_offered = true;
            let voters = attempt.proposer.acceptors().to_vec();
            to_voters(core, &voters, &Message::Accept { epoch, ballot, event });
        }
    }

    /// An acceptor has accepted. Returns the event if that decided it.
    pub(crate) fn on_accepted(&mut self, from: NodeId, epoch: Epoch, ballot: Ballot) -> Option<Event> {
        let attempt = self.attempt_mut().filter(|attempt| attempt.epoch == epoch)?;
        match attempt.proposer.on_accepted(from, ballot) {
            Step::Decided(event) => Some(event),
            _ => None,
        }
    }

    /// An acceptor has refused.
    pub(crate) fn on_nack(&mut self, core: &mut Core, epoch: Epoch, ballot: Ballot, promised: Ballot) {
        let pause = Span(core.prng.below(ATTEMPT_TIME.0 / 2));
        let Some(attempt) = self.attempt_mut().filter(|attempt| attempt.epoch == epoch) else { return };
        if attempt.proposer.on_nack(ballot, promised) == Step::Refused {
            stdx::marks::hit("proposer_was_outbid");
            attempt.again_at = core.now.mono + pause;
        }
    }

    /// The history has grown: the current change is in it, or must try the next epoch.
    pub(crate) fn on_history(&mut self, ops: &mut Operations, core: &mut Core) {
        let Some(attempt) = self.attempt_mut() else { return self.advance(ops, core) };
        if attempt.epoch > core.epoch() {
            return;
        }
        let nonce = attempt.event.nonce;
        let decided = core.history.events_from(attempt.epoch).first().is_some_and(|event| event.nonce == nonce);
        if !decided {
            stdx::marks::hit("another_event_won_the_epoch");
            return self.attempt(ops, core);
        }
        if let Some(proposal) = self.current.take() {
            self.end(ops, core, proposal, Ok(()));
        }
    }

    fn end(&mut self, ops: &mut Operations, core: &mut Core, proposal: Proposal, result: Result<(), Refusal>) {
        match result {
            Ok(()) if core.is_gone() && proposal.admin.as_ref().is_some_and(is_entrance) => {
                // The others go on to later rounds without it, so it cannot say in which one a newcomer begins. While a view with
                // it is in use they wait for it, and it may be the only one that is left to ask.
                let why = "this node has left the cluster; ask another one".to_owned();
                ops.refuse(core, &proposal.asker, Refusal::NotReady(why));
            }
            Ok(()) => {
                let history = core.history.events().to_vec();
                let node = proposal.admin.as_ref().and_then(|admin| changes::node_of(admin, core));
                let progress = core.progress.iter().map(|(node, progress)| (*node, *progress)).collect();
                ops.answer(core, &proposal.asker, Response::Changed { history, node, progress });
            }
            Err(refusal) => ops.refuse(core, &proposal.asker, refusal),
        }
        self.advance(ops, core);
    }

    pub(crate) fn next_deadline(&self) -> Option<Mono> {
        let finish = self.finish.map(|(_, at)| at);
        [self.change_deadline(), finish].into_iter().flatten().min()
    }

    fn change_deadline(&self) -> Option<Mono> {
        let current = self.current.as_ref()?;
        let attempt = current.attempt.as_ref().map_or(current.deadline, |attempt| attempt.again_at);
        let waiting = self.waiting.iter().map(|proposal| proposal.deadline);
        Some(waiting.fold(attempt.min(current.deadline), Mono::min))
    }

    pub(crate) fn on_time(&mut self, ops: &mut Operations, core: &mut Core) {
        self.give_up_waiting(ops, core);
        let Some(current) = &mut self.current else { return };
        if core.now.mono >= current.deadline {
            let (voters, reached) = current
                .attempt
                .as_ref()
                .map_or((0, 0), |attempt| (attempt.proposer.acceptors().len(), attempt.proposer.agreed()));
            let refusal = Refusal::NoMajority { voters: voters as u8, reached: reached as u8 };
            if let Some(proposal) = self.current.take() {
                self.end(ops, core, proposal, Err(refusal));
            }
            return;
        }
        let end = attempt_end(core);
        if let Some(attempt) = self.attempt_mut().filter(|attempt| attempt.again_at <= core.now.mono) {
            if !attempt.is_offered {
                // What was asked for may have become wrong meanwhile: a change that has settled is not taken back.
                return self.attempt(ops, core);
            }
            attempt.proposer.again();
            attempt.again_at = end;
            let ballot = attempt.proposer.ballot();
            self.used = ballot;
            self.prepare(core);
        }
    }

    /// Refuses changes whose time is over before their turn came.
    fn give_up_waiting(&mut self, ops: &mut Operations, core: &mut Core) {
        let now = core.now.mono;
        for proposal in std::mem::take(&mut self.waiting) {
            if proposal.deadline > now {
                self.waiting.push_back(proposal);
            } else {
                let why = "an earlier change is still being decided; try again".to_owned();
                ops.refuse(core, &proposal.asker, Refusal::NotReady(why));
            }
        }
    }
}

/// True if a newcomer asks, who begins with what it is answered.
fn is_entrance(admin: &Admin) -> bool {
    match admin {
        Admin::Join(_) | Admin::Replace { .. } => true,
        Admin::Apply { change, .. } => is_entrance(change),
        _ => false,
    }
}

fn attempt_end(core: &mut Core) -> Mono {
    core.now.mono + ATTEMPT_TIME + Span(core.prng.below(ATTEMPT_TIME.0))
}

fn to_voters(core: &mut Core, voters: &[NodeId], message: &Message) {
    for voter in voters {
        if *voter == core.node {
            core.to_self.push(message.clone());
        } else {
            core.send(*voter, message.clone());
        }
    }
}
