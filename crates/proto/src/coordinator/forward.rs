//! One request handed to a node that holds the key. A node that cannot be reached is passed over for the next one.
//!
//! A write that was handed on and then not answered may have been applied; handing it to another replica makes a second
//! version with the same value, which is why only an unreachable node is passed over, never a slow one.

use super::{Asker, Operation, Operations};
use crate::core::Core;
use crate::ids::OpId;
use crate::input::Note;
use crate::item::ItemKey;
use crate::message::Message;
use crate::request::{Refusal, Request, Response};
use ring::NodeId;
use stdx::{Mono, Span};

/// A request in another node's hands.
#[derive(Debug)]
pub(crate) struct Forwarding {
    asker: Asker,
    request: Request,
    what: &'static str,
    key: ItemKey,
    to: NodeId,
    /// Other nodes that could take it.
    others: Vec<NodeId>,
    deadline: Mono,
}

impl Forwarding {
    /// Hands a request to the first of `nodes` that looks reachable; there must be at least one.
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
        // A stable sort keeps the order of the preference list among the usable ones.
        nodes.sort_by_key(|node| !core.is_usable(*node));
        nodes.retain(|node| *node != core.node);
        if nodes.is_empty() {
            return ops.refuse(core, &asker, Refusal::NoAnswer { write: false });
        }
        let to = nodes.remove(0);
        let deadline = core.now.mono + within;
        let forwarding = Forwarding { asker, request, what, key, to, others: nodes, deadline };
        let id = core.next_op();
        forwarding.send(core, id);
        ops.put_back(id, Operation::Forward(forwarding), deadline);
    }

    fn send(&self, core: &mut Core, id: OpId) {
        let (name, uri) = core.name_of(self.to);
        core.note(Note::Forwarded { what: self.what, key: self.key.clone(), name, uri });
        let within = self.deadline.since(core.now.mono);
        core.send(self.to, Message::Forward { op: id, request: self.request.clone(), within });
    }

    /// The other node has answered.
    pub(crate) fn on_answer(self, ops: &mut Operations, core: &mut Core, id: OpId, from: NodeId, response: Response) {
        if from == self.to {
            ops.answer(core, &self.asker, response);
        } else {
            self.keep(ops, id);
        }
    }

    /// A node cannot be reached: if it is ours, try the next one.
    pub(crate) fn on_unreachable(mut self, ops: &mut Operations, core: &mut Core, id: OpId, peer: NodeId) {
        if peer == self.to {
            if self.others.is_empty() {
                return self.give_up(ops, core);
            }
            self.to = self.others.remove(0);
            self.send(core, id);
        }
        self.keep(ops, id);
    }

    /// Time has passed.
    pub(crate) fn on_time(self, ops: &mut Operations, core: &mut Core, id: OpId) {
        if core.now.mono >= self.deadline {
            self.give_up(ops, core);
        } else {
            self.keep(ops, id);
        }
    }

    /// Goes on waiting.
    pub(crate) fn keep(self, ops: &mut Operations, id: OpId) {
        let wake = self.deadline;
        ops.put_back(id, Operation::Forward(self), wake);
    }

    fn give_up(self, ops: &mut Operations, core: &mut Core) {
        let write = matches!(self.request, Request::Put(_) | Request::Restore(_) | Request::Admin(_));
        ops.refuse(core, &self.asker, Refusal::NoAnswer { write });
    }
}
