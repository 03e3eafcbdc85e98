//! One request handed to a node that holds the key. A node that cannot be reached is passed over for the next one.
//!
//! A write that was handed on and then not answered may have been applied; handing it to another replica makes a second
//! version with the same value, which is why only an unreachable node is passed over later, never a slow one; who is slow is
//! left out when the first node is chosen. A change of an item of a linearizable bucket has an id and is made
//! once; an amendment is never handed to a second node. (Reads
//! are not handed on: whoever is asked asks replicas itself, and more of them when one is slow.)

use super::{Asker, Operation, Operations};
use crate::core::Core;
use crate::ids::OpId;
use crate::input::Note;
use crate::item::ItemKey;
use crate::message::Message;
use crate::paxos::register::Tried;
use crate::request::{Refusal, Request, Response};
use crate::waits::Kind;
use ring::NodeId;
use stdx::bugs::planted;
use stdx::{Mono, Span};

/// A request in another node's hands.
#[derive(Clone, Debug)]
pub(crate) struct Forwarding {
    asker: Asker,
    request: Request,
    what: &'static str,
    key: ItemKey,
    to: NodeId,
    /// The life of it that it was handed to; 0 if none is known.
    life: u64,
    sent: Mono,
    /// The round in which it was taken.
    round: u64,
    /// Other nodes that could take it.
    others: Vec<NodeId>,
    /// One that was asked before cannot be reached any more, and may have begun.
    passed_over: bool,
    deadline: Mono,
}

impl Forwarding {
    /// Hands a request to the best of `nodes`; there must be at least one.
    pub(crate) fn start(
        ops: &mut Operations,
        core: &mut Core,
        asker: Asker,
        what: &'static str,
        key: ItemKey,
        request: Request,
        mut nodes: Vec<NodeId>,
        within: Span,
    ) {
        nodes.retain(|node| *node != core.node);
        core.routes.order(core.now.mono, &mut nodes, |node| core.is_usable(node));
        if nodes.is_empty() {
            return ops.refuse(core, &asker, Refusal::NoAnswer { write: false });
        }
        let to = nodes.remove(0);
        let sent = core.now.mono;
        let deadline = sent + within;
        let (life, round, others, passed_over) = (0, core.round, nodes, false);
        let mut forwarding =
            Forwarding { asker, request, what, key, to, life, sent, round, others, passed_over, deadline };
        let id = core.next_op();
        forwarding.send(core, id);
        ops.put_back(id, Operation::Forward(Box::new(forwarding)), deadline);
    }

    fn send(&mut self, core: &mut Core, id: OpId) {
        // Whoever watches asks again and again, which is not worth a line each time.
        if self.what != "watch" {
            let (name, uri) = core.name_of(self.to);
            core.note(Note::Forwarded { what: self.what, key: self.key.clone(), name, uri });
        }
        self.hand(core, id);
    }

    fn hand(&mut self, core: &mut Core, id: OpId) {
        let within = self.deadline.since(core.now.mono);
        // Nobody takes a change for a life that is not named, so what is handed to whoever lives there now was not made before.
        let is_sure = !self.is_made_once() || !core.lives_unsure.contains(&self.to);
        self.life = core.lives.get(&self.to).copied().filter(|_| is_sure).unwrap_or(0);
        let (request, life, round) = (self.request.clone(), self.life, self.round);
        core.send(self.to, Message::Forward { op: id, request, within, life, round, confirms: true });
        core.routes.on_sent(self.to);
        self.sent = core.now.mono;
    }

    /// True if it is in the hands of `node`, and its client still waits.
    pub(crate) fn is_with(&self, node: NodeId, now: Mono) -> bool {
        self.to == node && now < self.deadline
    }

    /// The other node has answered.
    pub(crate) fn on_answer(self, ops: &mut Operations, core: &mut Core, id: OpId, from: NodeId, response: Response) {
        if from == self.to {
            core.routes.on_answer(core.now.mono, from, self.sent);
            if !matches!(self.what, "scan" | "watch") {
                core.note_wait(&self.asker, Kind::Forwarded, self.sent);
            }
            let response = self.with_earlier(response);
            ops.answer(core, &self.asker, response);
        } else {
            self.keep(ops, id);
        }
    }

    /// The other node has not taken it and says which life of its to hand it to.
    pub(crate) fn on_introduced(
        mut self,
        ops: &mut Operations,
        core: &mut Core,
        id: OpId,
        (from, life): (NodeId, u64),
    ) {
        let goes_on = self.life == 0 || !self.is_made_once() || planted("an amendment goes on to the next life");
        if from == self.to && goes_on {
            self.hand(core, id);
        } else if from == self.to && life != self.life {
            // An earlier life may have made it.
            return self.give_up(ops, core);
        }
        self.keep(ops, id);
    }

    /// The answer, in view of nodes that were asked before: one that did not even begin a change knows nothing of them.
    fn with_earlier(&self, response: Response) -> Response {
        let tried = match &self.request {
            Request::Cas(cas) => cas.tried != Tried::No,
            Request::Put(_) | Request::Restore(_) => self.passed_over,
            _ => false,
        };
        match &response {
            Response::Refused(
                Refusal::ConditionFailed(_)
                | Refusal::Invalid(_)
                | Refusal::QuorumUnmet { write: true, .. }
                | Refusal::OutcomeUnknown,
            ) => response,
            Response::Refused(_) if tried => Response::Refused(Refusal::NoAnswer { write: true }),
            _ => response,
        }
    }

    /// A node cannot be reached: if it is ours, try the next one.
    pub(crate) fn on_unreachable(mut self, ops: &mut Operations, core: &mut Core, id: OpId, peer: NodeId) {
        if peer == self.to {
            core.routes.on_given_up(core.now.mono, peer, self.sent);
            // It may have been made, and must not be made twice.
            if self.others.is_empty() || self.is_made_once() {
                return self.give_up(ops, core);
            }
            self.to = self.others.remove(0);
            self.passed_over = true;
            if let Request::Cas(cas) = &mut self.request {
                cas.tried = cas.tried.max(Tried::Lately);
            }
            self.send(core, id);
        }
        self.keep(ops, id);
    }

    /// The round in which it was taken, if nothing that it may have led to is to be collected while it is under way.
    pub(crate) fn round(&self) -> u64 {
        if matches!(self.request, Request::Cas(_)) { self.round } else { u64::MAX }
    }

    fn is_made_once(&self) -> bool {
        matches!(self.request, Request::Amend(_)) && !planted("an amendment is handed to a second node")
    }

    /// Time has passed.
    pub(crate) fn on_time(self, ops: &mut Operations, core: &mut Core, id: OpId) {
        if core.now.mono >= self.deadline {
            core.routes.on_given_up(core.now.mono, self.to, self.sent);
            self.give_up(ops, core);
        } else {
            self.keep(ops, id);
        }
    }

    /// Goes on waiting.
    pub(crate) fn keep(self, ops: &mut Operations, id: OpId) {
        let wake = self.deadline;
        ops.put_back(id, Operation::Forward(Box::new(self)), wake);
    }

    fn give_up(self, ops: &mut Operations, core: &mut Core) {
        let write = matches!(
            self.request,
            Request::Put(_) | Request::Cas(_) | Request::Amend(_) | Request::Restore(_) | Request::Admin(_)
        );
        ops.refuse(core, &self.asker, Refusal::NoAnswer { write });
    }
}
