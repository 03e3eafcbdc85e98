//! This node as an acceptor of membership events.
//!
//! Invariant: a promise or an acceptance is said only after it is durable. Registers of decided events are answered with
//! the decision itself. While an event that this node has accepted is not decided, as far as it knows, its reads do not
//! follow newer views: a majority has accepted whatever is decided, so nothing settles that is then taken back.

use crate::core::Core;
use crate::event::{Change, Event};
use crate::ids::Epoch;
use crate::message::Message;
use crate::paxos::{AcceptorState, Answer, Ballot};
use crate::store::{Meta, Purpose, StoreOp};
use ring::NodeId;
use std::collections::BTreeMap;
use stdx::bugs::planted;

/// How many decided events a node that is behind gets in one message.
pub(crate) const EVENTS_PER_MESSAGE: usize = 256;

/// No honest proposer gets here; a promise of the highest number there is would end all deciding.
const BALLOT_MAX: u64 = 1 << 48;

/// States of the registers that are not decided as far as this node knows.
#[derive(Clone, Default)]
pub(crate) struct Acceptors {
    states: BTreeMap<Epoch, AcceptorState<Event>>,
}

impl Acceptors {
    /// With the states found on disk.
    pub(crate) fn new(states: BTreeMap<Epoch, AcceptorState<Event>>) -> Acceptors {
        Acceptors { states }
    }

    pub(crate) fn on_prepare(&mut self, core: &mut Core, from: NodeId, epoch: Epoch, ballot: Ballot) {
        if !self.is_open(core, from, epoch) || ballot.counter > BALLOT_MAX {
            return;
        }
        let state = self.states.entry(epoch).or_default();
        match state.on_prepare(ballot) {
            Answer::Nack(promised) => say(core, from, Message::Nack { epoch, ballot, promised }),
            _ => {
                let meta = Meta::Acceptor { epoch, state: state.clone() };
                core.store(Purpose::Promised { to: from, epoch, ballot }, StoreOp::Meta(vec![meta]));
                if planted("promise before fsync") {
                    self.on_promised(core, from, epoch, ballot);
                }
            }
        }
    }

    pub(crate) fn on_accept(&mut self, core: &mut Core, from: NodeId, epoch: Epoch, ballot: Ballot, event: Event) {
        if !self.is_open(core, from, epoch) || ballot.counter > BALLOT_MAX || core.history.admits(&event).is_err() {
            return;
        }
        let state = self.states.entry(epoch).or_default();
        if is_over(core, &event) || state.accepted.is_none() && is_followed(core, &event) {
            stdx::marks::hit("ring.what_has_settled_is_not_taken_back");
            return say(core, from, Message::Nack { epoch, ballot, promised: state.promised });
        }
        match state.on_accept(ballot, event) {
            Answer::Nack(promised) => say(core, from, Message::Nack { epoch, ballot, promised }),
            _ => {
                let meta = Meta::Acceptor { epoch, state: state.clone() };
                core.store(Purpose::Accepted { to: from, epoch, ballot }, StoreOp::Meta(vec![meta]));
                if planted("accept before fsync") {
                    self.on_accepted(core, from, epoch, ballot);
                }
            }
        }
    }

    /// The promise is durable. What is reported as accepted is what was accepted before `ballot`: an acceptor that
    /// meanwhile accepted under a higher ballot has broken no promise, and the late answer counts for nothing.
    pub(crate) fn on_promised(&mut self, core: &mut Core, to: NodeId, epoch: Epoch, ballot: Ballot) {
        let Some(state) = self.states.get(&epoch) else { return };
        if state.promised == ballot {
            // What will never be accepted by a majority is no obligation.
            let accepted = state.accepted.clone().filter(|(_, event)| !is_over(core, event));
            say(core, to, Message::Promise { epoch, ballot, accepted });
        }
    }

    /// The acceptance is durable.
    pub(crate) fn on_accepted(&mut self, core: &mut Core, to: NodeId, epoch: Epoch, ballot: Ballot) {
        say(core, to, Message::Accepted { epoch, ballot });
    }

    /// The event that may have been decided without our knowing.
    pub(crate) fn undecided(&self, core: &Core) -> Option<&Event> {
        let (_, event) = self.states.get(&core.epoch().next())?.accepted.as_ref()?;
        (!is_over(core, event)).then_some(event)
    }

    /// Events up to `epoch` are known: their registers are not needed any more.
    pub(crate) fn forget(&mut self, core: &mut Core, epoch: Epoch) {
        let before = self.states.len();
        self.states = self.states.split_off(&epoch.next());
        if self.states.len() < before {
            let meta = Meta::ForgetAcceptors { below: epoch.next() };
            core.store(Purpose::Forget, StoreOp::Meta(vec![meta]));
        }
    }

    /// True if `epoch` is the next one. A proposer that is behind gets the events; if we are behind, we ask it.
    fn is_open(&self, core: &mut Core, from: NodeId, epoch: Epoch) -> bool {
        if epoch == core.epoch().next() {
            return core.history.current().voters().contains(&core.node);
        }
        if from == core.node {
            return false;
        }
        if epoch <= core.epoch() {
            let events: Vec<Event> = core.history.events_from(epoch).iter().take(EVENTS_PER_MESSAGE).cloned().collect();
            core.send(from, Message::Events { events });
        } else {
            core.send(from, Message::PullEvents { from: core.epoch().next() });
        }
        false
    }
}

/// True if our reads follow already what an event would take back. Whoever accepts an abort has not switched to what it takes
/// back, and holds that until the event is decided; so if a majority accepts one, not everybody switches before.
fn is_followed(core: &Core, event: &Event) -> bool {
    let switched = core.switching.max(core.own_progress().switched).max(core.stable());
    matches!(event.change, Change::Abort { of, .. } if of <= switched)
}

/// True if so many voters have switched to what an event would take back that the others are no majority: those never accept
/// it, and have not done so before.
fn is_over(core: &Core, event: &Event) -> bool {
    let Change::Abort { of, .. } = event.change else { return false };
    let voters = core.history.current().voters();
    let switched = |node: &&NodeId| core.progress.get(node).is_some_and(|progress| progress.switched >= of);
    of <= core.told() || is_prevented(voters.iter().filter(switched).count(), voters.len())
}

/// True if no majority is left without those who refuse.
fn is_prevented(refuse: usize, voters: usize) -> bool {
    voters - refuse < voters / 2 + 1
}

/// Says something to a proposer, which may be on this node: then it goes the way a peer's message would, at once.
fn say(core: &mut Core, to: NodeId, message: Message) {
    if to == core.node {
        core.to_self.push(message);
    } else {
        core.send(to, message);
    }
}

#[cfg(test)]
mod tests {
    use super::is_prevented;

    /// Sim seed 17553869176818057908: two of four voters had accepted an abort and held their reads for it, the two others
    /// had switched. It could not be decided any more, and nobody said so.
    #[test]
    fn half_of_an_even_number_of_voters_prevents_a_majority() {
        let least = |voters: usize| (0..=voters).find(|refuse| is_prevented(*refuse, voters));
        assert_eq!((1..=5).map(least).collect::<Vec<_>>(), [Some(1), Some(1), Some(2), Some(2), Some(3)]);
    }
}
