//! What follows from an input before the next one: work whose time has come, results inside the machine, other views and
//! conditions.
//!
//! Invariant: before `handle` returns, every operation has followed the views in use, and nothing inside waits to be handed out.
//! Refuses to take inputs.

use super::Machine;
use crate::coordinator::{Inner, Operation};
use crate::ids::OpId;
use crate::input::{Effect, Note};
use liveness::Condition;

impl Machine {
    pub(super) fn on_tick(&mut self) {
        let now = self.core.now.mono;
        for outgoing in self.core.detector.tick(now) {
            self.core.send_probe(outgoing);
        }
        for id in self.ops.due(now) {
            self.wake(id);
        }
        self.transition.on_time(&mut self.core);
        self.streams.on_time(&mut self.core);
        self.hints.on_time(&mut self.core);
        self.healing.on_time(&self.ops, &mut self.core);
        self.gossip.on_time(&mut self.core);
        self.anti_entropy.on_time(&mut self.core);
        let pages = (&self.streams, &self.anti_entropy.repairs);
        self.collector.on_time(&mut self.core, &self.ops, &self.healing, pages, &self.transition);
        self.proposals.on_time(&mut self.ops, &mut self.core);
    }

    pub(super) fn wake(&mut self, id: OpId) {
        let (ops, core) = (&mut self.ops, &mut self.core);
        match ops.take(id) {
            Some(Operation::Write(writing)) => writing.on_time(ops, core, id),
            Some(Operation::Read(reading)) => reading.on_time(ops, core, id),
            Some(Operation::Scan(scanning)) => scanning.on_time(ops, core, id),
            Some(Operation::Register(deciding)) => deciding.on_time(ops, core, id),
            Some(Operation::List(listing)) => listing.on_time(ops, core, id),
            Some(Operation::Forward(forwarding)) => forwarding.on_time(ops, core, id),
            Some(Operation::Explain(explaining)) => explaining.keep(ops, core, id),
            None => {}
        }
    }

    /// Lets every part follow up what the input changed, until nothing moves.
    pub(super) fn follow_up(&mut self) {
        loop {
            for message in std::mem::take(&mut self.core.to_self) {
                let own = self.core.node;
                self.on_message(own, message);
            }
            for inner in std::mem::take(&mut self.ops.inner) {
                self.on_inner(inner);
            }
            if self.core.to_self.is_empty() && self.ops.inner.is_empty() {
                break;
            }
        }
        self.follow_conditions();
        self.follow_views();
        self.core.hints_kept = !self.hints.is_empty() || self.core.hints_on_way > 0;
        let undecided = self.acceptors.undecided(&self.core);
        self.proposals.watch(undecided, &mut self.core);
        self.transition.advance(&self.ops, &mut self.core, &mut self.streams, undecided.is_some());
        self.follow_views();
        self.ops.forget_ended();
        let is_busy = self.ops.len() > 0 || !self.hints.is_empty();
        if self.transition.has_left(&self.core, is_busy) {
            self.core.out.push(Effect::Left);
        }
    }

    /// Lets operations follow when other views are in use than before.
    pub(super) fn follow_views(&mut self) {
        let views = (self.core.stable(), self.core.reading(), self.core.epoch());
        if std::mem::replace(&mut self.views, views) == views {
            return;
        }
        for id in self.ops.ids() {
            let (ops, core) = (&mut self.ops, &mut self.core);
            match ops.take(id) {
                Some(Operation::Write(writing)) => writing.on_views(ops, core, id),
                Some(Operation::Read(reading)) => reading.on_views(ops, core, id),
                Some(Operation::Scan(scanning)) => scanning.on_views(ops, core, id),
                Some(Operation::Register(deciding)) => deciding.on_views(ops, core, id),
                Some(Operation::List(listing)) => listing.on_views(ops, core, id),
                Some(Operation::Forward(forwarding)) => forwarding.keep(ops, id),
                Some(Operation::Explain(explaining)) => explaining.keep(ops, core, id),
                None => {}
            }
        }
    }

    pub(super) fn on_inner(&mut self, inner: Inner) {
        let (ops, core) = (&mut self.ops, &mut self.core);
        match inner {
            Inner::WriteBack { parent, done } => match ops.take(parent) {
                Some(Operation::Read(reading)) => reading.on_write_back(ops, core, parent, done),
                Some(Operation::Scan(scanning)) => scanning.on_write_back(ops, core, parent, done),
                Some(_) => unreachable!("only reads write back"),
                None => {}
            },
            Inner::List { parent, number, read } => match ops.take(parent) {
                Some(Operation::List(listing)) => listing.on_read(ops, core, parent, number, read),
                Some(_) => unreachable!("only lists read registers"),
                None => {}
            },
            Inner::Burial => self.collector.on_buried(core),
            Inner::Hint { target, id, done } => self.hints.on_replayed(core, target, id, done),
        }
    }

    pub(super) fn follow_conditions(&mut self) {
        let changes = self.core.detector.changes();
        let mut someone_went_down = false;
        for (peer, condition) in changes {
            someone_went_down |= condition == Condition::Down;
            let name = self.core.name_of(peer).0;
            self.core.note(Note::Condition { peer, name, condition });
        }
        if someone_went_down {
            for id in self.ops.ids() {
                self.wake(id);
            }
        }
    }
}
