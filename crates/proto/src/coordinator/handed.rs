//! Changes of linearizable buckets, and amendments, that peers have handed to this node: each is taken once, by one life of
//! the node.
//!
//! An amendment that comes twice would be made twice. A refused change leaves no trace in its register, so a message that comes
//! twice would be tried twice, the second time perhaps with success, although its client was told that it is not made and
//! never will be. Therefore a change names the life of the node it is for, and a life remembers what it was handed.
//!
//! Invariant: what was handed to an earlier life is not taken. Bounded: a message that comes again behind so many others
//! is taken anew, which no connection does.

use crate::core::Core;
use crate::ids::OpId;
use crate::message::Message;
use ring::NodeId;
use std::collections::{BTreeSet, VecDeque};
use stdx::bugs::planted;

/// Changes remembered.
const REMEMBERED_MAX: usize = 16_384;

/// What this life of the node was handed.
#[derive(Clone, Default)]
pub(crate) struct Handed {
    known: BTreeSet<(NodeId, OpId)>,
    order: VecDeque<(NodeId, OpId)>,
}

impl Handed {
    /// Whether to take a change. If it is meant for another life, its sender is told which one this is.
    pub(crate) fn takes(&mut self, core: &mut Core, from: NodeId, op: OpId, life: u64) -> bool {
        if life != core.life && !planted("a change for an earlier life is taken") {
            let life = core.life;
            core.send(from, Message::Introduce { op, life });
            return false;
        }
        if !self.known.insert((from, op)) && !planted("a change that is handed twice is made twice") {
            stdx::marks::hit("change_handed_twice");
            return false;
        }
        self.order.push_back((from, op));
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}
