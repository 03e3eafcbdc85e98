//! A change that another node has handed on is made only while that node waits for it.
//!
//! The network may keep a `Forward` for as long as it likes, and so may the queue of a busy key. Meanwhile its sender may have handed the
//! change to another node, or told its client that the outcome is unknown, and the client asked again elsewhere. The
//! register knows a change that was made by its id, but remembers few. So its sender is asked, after a quorum has promised
//! and before anybody accepts.
//!
//! Invariant: when the sender says that it waits, every other attempt at the change is still to begin, and this one rests on promises given
//! before. So if another one is decided, it is under a higher ballot than these, and this one never is; or it finds this one.
//! Refuses to wait for a node of an older release, which does not answer.

use super::{ASK_AGAIN, Deciding, State};
use crate::coordinator::{Asker, Operations};
use crate::core::Core;
use crate::ids::OpId;
use crate::message::Message;
use crate::paxos::register::{Ask, Work};
use crate::request::{Refusal, Response};
use ring::NodeId;
use stdx::bugs::planted;

impl Deciding {
    /// True if replicas are to be asked to accept what somebody else has handed on.
    pub(super) fn is_to_be_confirmed(&self) -> bool {
        matches!(self.asker, Asker::Peer { confirms: true, .. })
            && matches!(self.round.work(), Work::Change { .. })
            && matches!(self.round.ask(), Some(Ask::Accept { .. }))
            && !planted("a change that was handed on is made although nobody waits")
    }

    /// Asks, and asks again after a while: a message may be lost.
    pub(super) fn confirm(mut self, ops: &mut Operations, core: &mut Core, id: OpId) {
        if matches!(self.asker, Asker::Peer { node, .. } if core.is_down(node)) {
            return self.leave_it(ops, core);
        }
        self.state = State::Confirming(core.now.mono + ASK_AGAIN);
        self.ask_whether_it_waits(core, id);
        self.keep(ops, core, id);
    }

    pub(super) fn ask_whether_it_waits(&self, core: &mut Core, attempt: OpId) {
        if let Asker::Peer { node, op, .. } = self.asker {
            core.send(node, Message::Confirm { op, attempt });
        }
    }

    /// The sender has said whether it waits.
    pub(crate) fn on_confirmed(self, ops: &mut Operations, core: &mut Core, id: OpId, from: NodeId, waits: bool) {
        let is_asked = matches!(self.asker, Asker::Peer { node, .. } if node == from);
        match self.state {
            State::Confirming(_) if is_asked && waits => self.ask_replicas(ops, core, id),
            State::Confirming(_) if is_asked => {
                stdx::marks::hit("handed_change_was_not_waited_for");
                self.leave_it(ops, core);
            }
            _ => self.keep(ops, core, id),
        }
    }

    /// Does not make the change, and lets the next one of the key begin.
    fn leave_it(self, ops: &mut Operations, core: &mut Core) {
        self.end(ops, core, Response::Refused(Refusal::NoAnswer { write: true }));
    }
}
