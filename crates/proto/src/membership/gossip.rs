//! Spreading the history and everybody's progress: every second one random peer, digest first, then what is missing;
//! and at once to a few peers when something new is known here.
//!
//! Invariant: what is told is durable here. Progress is merged by maximum, so order and repetition do not matter.

use super::acceptors::EVENTS_PER_MESSAGE;
use crate::core::Core;
use crate::event::Event;
use crate::ids::{Digest, Epoch};
use crate::input::Note;
use crate::message::{Message, Progress};
use crate::store::{Meta, Purpose, StoreOp};
use ring::NodeId;
use stdx::Mono;
use stdx::bugs::planted;

/// Peers told at once when something new is known.
const TOLD_AT_ONCE: usize = 16;
/// Most peers that a node which has left asks at once what they know of it.
const ASKED_AT_ONCE: usize = 16;

/// Peers told at once what every node says every second while it writes.
const TOLD_OFTEN: usize = 3;

/// The state of gossip on this node.
#[derive(Clone, Default, Hash)]
pub(crate) struct Gossip {
    next_at: Mono,
    /// Events on their way to disk; others wait until they are there.
    writing: bool,
}

impl Gossip {
    pub(crate) fn next_deadline(&self, core: &Core) -> Option<Mono> {
        core.history.views().any(|view| view.ring.len() > 1).then_some(self.next_at)
    }

    pub(crate) fn on_time(&mut self, core: &mut Core) {
        if self.next_at > core.now.mono {
            return;
        }
        self.next_at = core.now.mono + core.config.gossip_every;
        core.keep_pulse();
        let own = core.node;
        let peers: Vec<NodeId> = core.participants().into_iter().filter(|node| *node != own).collect();
        let usable: Vec<NodeId> = peers.iter().copied().filter(|node| core.is_usable(*node)).collect();
        if core.is_gone() {
            // Nobody talks to it by itself any more, and it ends when all have heard that it has settled.
            let from = core.prng.below(peers.len().max(1) as u64) as usize;
            let some: Vec<NodeId> =
                peers.iter().cycle().skip(from).take(peers.len().min(ASKED_AT_ONCE)).copied().collect();
            return some.into_iter().for_each(|peer| tell(core, peer, true));
        }
        let among = if usable.is_empty() { peers } else { usable };
        if let Some(peer) = core.prng.pick(&among).copied() {
            tell(core, peer, true);
        }
    }

    /// A peer says how far it is.
    pub(crate) fn on_gossip(
        &mut self,
        core: &mut Core,
        from: NodeId,
        epoch: Epoch,
        head: Digest,
        progress: Vec<(NodeId, Progress)>,
        answer: bool,
    ) {
        for (node, theirs) in progress {
            core.hear_pulse(node, theirs.pulse);
            // How far we are with a change is what we have on disk; nobody else knows better.
            if node == core.node {
                core.hear_own_progress(theirs);
            } else if core.history.knows(node) {
                core.progress.hear(node, theirs);
            }
        }
        if epoch == core.epoch() && head != core.history.head() {
            core.note(Note::Nonsense(from, "its history has the same length as ours and other events"));
        }
        if epoch > core.epoch() {
            core.send(from, Message::PullEvents { from: core.epoch().next() });
        }
        if answer {
            tell(core, from, false);
        }
    }

    /// A peer wants events.
    pub(crate) fn on_pull(&mut self, core: &mut Core, to: NodeId, from: Epoch) {
        let events: Vec<Event> = core.history.events_from(from).iter().take(EVENTS_PER_MESSAGE).cloned().collect();
        if !events.is_empty() {
            core.send(to, Message::Events { events });
        }
    }

    /// Events arrive: those that follow our history are written to disk; they take effect when they are there.
    pub(crate) fn on_events(&mut self, core: &mut Core, from: NodeId, events: Vec<Event>) {
        if self.writing {
            return;
        }
        let mut history = core.history.clone();
        let mut fitting = Vec::new();
        for event in events {
            if event.epoch != history.epoch().next() {
                continue;
            }
            if let Err(broken) = history.append(event.clone()) {
                core.note(Note::Damaged(broken.to_string()));
                core.note(Note::Nonsense(from, "it sent events that do not follow our history"));
                break;
            }
            fitting.push(event);
        }
        if fitting.is_empty() {
            return;
        }
        // A node that gains partitions takes a new incarnation together with the event: it may have dropped these
        // very partitions before, and a dot made without knowing its own older ones would hide them.
        let takes_one = core.incarnation().is_some() && !planted("no new incarnation with an event");
        let incarnation = takes_one.then(|| core.next_incarnation());
        let mut metas: Vec<Meta> = fitting.iter().cloned().map(Meta::Event).collect();
        metas.extend(incarnation.map(Meta::Incarnation));
        self.writing = true;
        core.store(Purpose::History { events: fitting, incarnation }, StoreOp::Meta(metas));
    }

    /// The events are on disk, or could not be written.
    pub(crate) fn on_written(&mut self) {
        self.writing = false;
    }
}

/// Tells one peer how far everybody is.
pub(crate) fn tell(core: &mut Core, peer: NodeId, answer: bool) {
    let progress = core.progress.iter().map(|(node, progress)| (*node, *progress)).collect();
    let (epoch, head) = (core.epoch(), core.history.head());
    core.send(peer, Message::Gossip { epoch, head, progress, answer });
}

/// Tells some peers at once; gossip reaches the rest.
pub(crate) fn tell_some(core: &mut Core) {
    tell_at_most(core, TOLD_AT_ONCE);
}

/// Tells a few peers at once; gossip reaches the rest.
pub(crate) fn tell_few(core: &mut Core) {
    tell_at_most(core, TOLD_OFTEN);
}

fn tell_at_most(core: &mut Core, most: usize) {
    let own = core.node;
    let mut peers: Vec<NodeId> = core.participants().into_iter().filter(|node| *node != own).collect();
    if peers.len() > most {
        core.prng.shuffle(&mut peers);
        peers.truncate(most);
    }
    for peer in peers {
        if !core.is_down(peer) {
            tell(core, peer, false);
        }
    }
}
