//! Until a node that starts has introduced itself to everybody it can reach, nobody gets an answer that follows from what its disk
//! holds: whoever knows that the disk is an old one says so first.
//!
//! Invariant: what waits here is handled in the order in which it came, and no later than the time that was given.
//! Refuses to know how nodes introduce themselves.

use crate::life::{NodeEffect, NodeInput};
use ring::NodeId;
use std::collections::BTreeSet;
use stdx::bugs::planted;
use stdx::{Mono, Span};

/// What may wait; what comes beyond is not held back, as on a node that waited for nobody.
const WAITING_MAX: usize = 4_096;

/// Open, unless it was closed when a life began.
#[derive(Default)]
pub(crate) struct Door {
    /// It opens then at the latest.
    until: Option<Mono>,
    /// Who has neither been reached nor found away.
    missing: BTreeSet<NodeId>,
    waiting: Vec<NodeInput>,
}

impl Door {
    /// Closes for at most so long, if the first effects of a life name anybody else.
    pub(crate) fn close(&mut self, now: Mono, within: Span, effects: &[NodeEffect]) {
        for effect in effects {
            if let NodeEffect::Peers(peers) = effect {
                self.missing = peers.iter().map(|peer| peer.id).collect();
            }
        }
        self.until = Some(now + within).filter(|_| !self.missing.is_empty() && !planted("nobody is asked first"));
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.until.is_some()
    }

    /// The input, unless it waits.
    pub(crate) fn pass(&mut self, input: NodeInput) -> Option<NodeInput> {
        match &input {
            NodeInput::Connected { peer } | NodeInput::Unreachable { peer } => {
                self.missing.remove(peer);
            }
            NodeInput::Client { .. } if self.waiting.len() < WAITING_MAX => {
                self.waiting.push(input);
                return None;
            }
            NodeInput::Peer { message, .. } if message.asks_for_state() && self.waiting.len() < WAITING_MAX => {
                self.waiting.push(input);
                return None;
            }
            _ => {}
        }
        Some(input)
    }

    /// What waited, once it is time to open.
    pub(crate) fn open(&mut self, now: Mono) -> Vec<NodeInput> {
        if self.until.is_some_and(|until| self.missing.is_empty() || now >= until) {
            self.until = None;
            return std::mem::take(&mut self.waiting);
        }
        Vec::new()
    }

    /// When to look again.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::Door;
    use crate::life::{NodeEffect, NodeInput};
    use proto::{Epoch, Message, OpId};
    use ring::{Member, NodeId};
    use stdx::{Mono, Span};

    const START: Mono = Mono(5_000_000);
    const WITHIN: Span = Span::millis(300);

    fn closed_for(peers: &[u128]) -> Door {
        let member = |id: &u128| Member {
            id: NodeId(*id),
            name: format!("node-{id}"),
            uri: format!("http://{id}:8080"),
            tokens: Vec::new(),
            weight: 100,
            zone: None,
        };
        let mut door = Door::default();
        door.close(START, WITHIN, &[NodeEffect::Peers(peers.iter().map(member).collect())]);
        door
    }

    fn vote() -> NodeInput {
        let ballot = proto::paxos::Ballot { counter: 1, node: NodeId(2), incarnation: 1 };
        NodeInput::Peer { from: NodeId(2), message: Message::Prepare { epoch: Epoch(4), ballot } }
    }

    #[test]
    fn what_asks_for_state_waits_until_everybody_was_reached_or_found_away() {
        let mut door = closed_for(&[2, 3]);
        assert!(door.pass(vote()).is_none() && door.open(START).is_empty());
        let probe = NodeInput::Peer { from: NodeId(2), message: Message::Ping { nonce: 1 } };
        assert!(door.pass(probe).is_some(), "probes say nothing of the disk");
        assert!(door.pass(NodeInput::Connected { peer: NodeId(2) }).is_some());
        assert!(door.open(START).is_empty() && door.is_closed());
        assert!(door.pass(NodeInput::Unreachable { peer: NodeId(3) }).is_some());
        assert_eq!((door.open(START).len(), door.is_closed(), door.deadline()), (1, false, None));
    }

    #[test]
    fn it_opens_in_time_and_stays_open_for_whoever_is_alone() {
        let mut door = closed_for(&[2]);
        let nack = Message::Introduce { op: OpId(1), life: 5 };
        assert!(door.pass(NodeInput::Peer { from: NodeId(2), message: nack }).is_some(), "it asks for nothing");
        assert!(door.pass(vote()).is_none());
        assert_eq!((door.deadline(), door.open(START + WITHIN).len()), (Some(START + WITHIN), 1));
        assert!(!closed_for(&[]).is_closed());
    }
}
