//! What came of storage operations, handed to whoever waits for it.
//!
//! Invariant: what a node must not forget (its history, progress, promises, incarnation) is followed when it is durable, and if
//! it cannot be written, the node ends. Refuses to know what is stored how.

use super::Machine;
use crate::collect::{self};
use crate::coordinator::{self, Operation};
use crate::event::{Change, Event};
use crate::input::{Effect, Note};
use crate::membership::{tell_peers, tell_some};
use crate::replica;
use crate::store::{Purpose, StoreFailure, StoreOutcome};

impl Machine {
    pub(super) fn on_stored(&mut self, purpose: Purpose, outcome: StoreOutcome) {
        if let StoreOutcome::Failed(StoreFailure::Corrupt(what)) = &outcome {
            self.core.note(Note::Damaged(what.clone()));
        }
        let (ops, core) = (&mut self.ops, &mut self.core);
        match purpose {
            Purpose::Local(id) => match ops.take(id) {
                Some(Operation::Write(writing)) => writing.on_stored(ops, core, id, outcome),
                Some(Operation::Read(reading)) => reading.on_stored(ops, core, id, outcome),
                Some(Operation::Scan(scanning)) => scanning.on_stored(ops, core, id, outcome),
                Some(Operation::List(listing)) => listing.on_stored(ops, core, id, outcome),
                Some(Operation::Register(deciding)) => deciding.on_stored(ops, core, id, outcome),
                Some(Operation::Forward(forwarding)) => forwarding.keep(ops, id),
                Some(Operation::Explain(explaining)) => explaining.on_stored(ops, core, id, outcome),
                None => {}
            },
            Purpose::LocalHint(id, target) => {
                let kept = outcome == StoreOutcome::Done;
                core.hints_on_way -= 1;
                if kept {
                    self.hints.kept(core, target);
                }
                if let Some(Operation::Write(writing)) = self.take_if(id, |op| matches!(op, Operation::Write(_))) {
                    writing.on_hint(&mut self.ops, &mut self.core, id, target, kept);
                }
            }
            Purpose::KeptFor { to, op, target } => {
                core.hints_on_way -= 1;
                if outcome == StoreOutcome::Done {
                    self.hints.kept(core, target);
                }
                replica::on_stored(core, Purpose::AnswerWrite { to, op }, outcome);
            }
            Purpose::Compare(session) => self.anti_entropy.on_hashes(core, session, outcome),
            Purpose::AnswerCompare { to, session, asked } => {
                self.anti_entropy.on_asked(core, to, session, asked, outcome);
            }
            Purpose::Healed(op) => self.healing.on_written(core, op, &outcome),
            Purpose::RepairPage(session) => self.anti_entropy.repairs.on_page(core, session, outcome),
            Purpose::Built { again } => self.anti_entropy.on_built(core, again, outcome),
            Purpose::Swept => self.collector.on_swept(ops, core, outcome),
            Purpose::AnswerAgree { .. } | Purpose::AnswerCollect { .. } => {
                if let StoreOutcome::Collected(items) = outcome {
                    self.collector.count(items);
                }
                collect::on_stored(core, purpose, outcome);
            }
            Purpose::StreamPage(session) => self.streams.on_page(core, session, outcome),
            Purpose::HintPage(target) => self.hints.on_page(ops, core, target, outcome),
            Purpose::Followed { asker } => self.on_followed(&asker, outcome),
            Purpose::AnswerExplain { to, op, slot } => coordinator::on_inspected(core, to, op, &slot, outcome),
            Purpose::Dropped => self.transition.on_dropped(core, &outcome),
            Purpose::Remembered => self.collector.on_remembered(&outcome),
            Purpose::Forget => {}
            Purpose::History { .. }
            | Purpose::Progress(_)
            | Purpose::Incarnation(_)
            | Purpose::Pulse(_)
            | Purpose::Promised { .. }
            | Purpose::Accepted { .. } => self.on_meta_stored(purpose, outcome),
            answer => replica::on_stored(core, answer, outcome),
        }
    }

    pub(super) fn on_meta_stored(&mut self, purpose: Purpose, outcome: StoreOutcome) {
        let core = &mut self.core;
        if let Purpose::Pulse(pulse) = purpose {
            return core.on_pulse_written(pulse, outcome == StoreOutcome::Done);
        }
        if outcome != StoreOutcome::Done {
            // What a node must not forget could not be written: it goes on only from what is on disk.
            core.out.push(Effect::Stop(format!("membership could not be written to disk: {outcome:?}")));
            return;
        }
        match purpose {
            Purpose::History { events, incarnation } => self.on_events_durable(events, incarnation),
            Purpose::Progress(progress) => self.transition.on_written(core, progress),
            Purpose::Incarnation(incarnation) => core.begin_incarnation(incarnation),
            Purpose::Promised { to, epoch, ballot } => self.acceptors.on_promised(core, to, epoch, ballot),
            Purpose::Accepted { to, epoch, ballot } => self.acceptors.on_accepted(core, to, epoch, ballot),
            other => unreachable!("not about membership: {other:?}"),
        }
    }

    pub(super) fn on_events_durable(&mut self, events: Vec<Event>, incarnation: Option<u64>) {
        self.gossip.on_written();
        let core = &mut self.core;
        if let Some(incarnation) = incarnation {
            core.begin_incarnation(incarnation);
        }
        for event in events {
            core.history.append(event.clone()).expect("the event was checked before it was written");
            // What is written from now on is later than what is restored, however far behind our clock is.
            if matches!(event.change, Change::Restored(_)) {
                core.observe_restores();
            }
            core.note(Note::EventArrived(event));
        }
        if let Some(why) = core.ejected() {
            return core.out.push(Effect::Ejected(why));
        }
        let epoch = core.epoch();
        self.streams.forget_banned(core);
        self.acceptors.forget(core, epoch);
        tell_peers(core);
        tell_some(core);
        self.proposals.on_history(&mut self.ops, core);
    }
}
