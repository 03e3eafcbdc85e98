//! A read's questions: who is asked now, who is asked again, and whose answer is not waited for any more.
//!
//! Invariant: whatever is asked for the first time is counted as in hand with that peer until it answers, is given up or fails,
//! once. Refuses to know what the answers mean.

use super::{Phase, Reading};
use crate::core::Core;
use crate::ids::OpId;
use crate::item::Slot;
use crate::message::Message;
use crate::store::{Purpose, StoreOp};
use ring::NodeId;

impl Reading {
    pub(super) fn ask_first(&self, core: &mut Core, id: OpId) {
        (0..self.replicas.len())
            .filter(|place| self.asked.has(*place))
            .for_each(|place| self.ask_anew(core, id, place));
    }

    /// Asks those who were not asked at first if the answers are late, or if somebody who was asked is not going to give one.
    pub(super) fn ask_rest(&mut self, core: &mut Core, id: OpId) {
        let Some(at) = self.asked.rest_at() else { return };
        let was_asked = self.asked;
        let lacking = |(place, node): (usize, &NodeId)| {
            let is_out = self.lost.contains(node) || self.behind.contains(node) || !core.is_usable(*node);
            was_asked.has(place) && !self.answers.contains_key(node) && is_out
        };
        if core.now.mono < at && !self.replicas.iter().enumerate().any(lacking) {
            return;
        }
        stdx::marks::hit("read_asked_the_rest");
        self.asked.ask_rest(core.now.mono);
        let rest = (0..self.replicas.len()).filter(|place| !was_asked.has(*place));
        rest.for_each(|place| self.ask_anew(core, id, place));
    }

    fn ask_anew(&self, core: &mut Core, id: OpId, place: usize) {
        let node = self.replicas[place];
        if node != core.node {
            core.routes.on_sent(node);
        }
        self.ask(core, id, node);
    }

    /// The answers that are missing are not waited for any more.
    pub(super) fn let_go(&self, core: &mut Core) {
        for (place, node) in self.replicas.iter().enumerate() {
            let has_answered = self.answers.contains_key(node) || self.lost.contains(node);
            if *node != core.node && self.asked.has(place) && !has_answered {
                core.routes.on_given_up(core.now.mono, *node, self.asked.since(place));
            }
        }
    }

    pub(super) fn ask(&self, core: &mut Core, id: OpId, node: NodeId) {
        if node == core.node {
            core.store(Purpose::Local(id), StoreOp::Read { slot: self.slot.clone() });
        } else if !core.is_down(node) {
            let Slot { bucket, key, .. } = self.slot.clone();
            core.send(node, Message::Read { op: id, epoch: self.epoch, bucket, key });
        }
    }

    /// True if everybody who was asked has answered, or will not.
    pub(super) fn is_settled(&self, core: &Core) -> bool {
        let is_out = |node: &NodeId| self.answers.contains_key(node) || self.lost.contains(node) || core.is_down(*node);
        self.replicas.iter().enumerate().all(|(place, node)| !self.asked.has(place) || is_out(node))
    }

    pub(super) fn is_hopeless(&self, core: &Core) -> bool {
        matches!(self.phase, Phase::Gathering) && self.reachable(core) < self.needed
    }

    /// Replicas that have answered or may.
    pub(super) fn reachable(&self, core: &Core) -> usize {
        let possible =
            |node: &&NodeId| self.answers.contains_key(*node) || !self.lost.contains(*node) && !core.is_down(**node);
        self.replicas.iter().filter(possible).count()
    }
}
