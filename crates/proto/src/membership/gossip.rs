//! Spreading the history and everybody's progress: every second one random peer, digest first, then what is missing;
//! and at once to a few peers when something new is known here. In large clusters what is told at once is news only, for
//! everybody's progress in each such message would make the bytes of a change grow with the square of the nodes.
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
use stdx::bugs::planted;
use stdx::{Mono, Span};

/// Peers told at once when something new is known.
const TOLD_AT_ONCE: usize = 16;
/// Most peers that a node which has left asks at once what they know of it.
const ASKED_AT_ONCE: usize = 16;

/// Peers told at once what every node says every second while it writes.
const TOLD_OFTEN: usize = 3;

/// Nodes whose progress is told at once at most; the rounds of gossip tell that of all.
const NEWS_MAX: usize = 64;

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
        self.next_at = core.now.mono + pause(core);
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

/// Time until the next round. In large clusters each step of a change waits until the rounds have told everybody of all.
fn pause(core: &Core) -> Span {
    let every = core.config.gossip_every;
    let waits = core.stable() != core.epoch() && core.progress.len() > NEWS_MAX;
    if waits { Span(every.0 / 4) } else { every }
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
    let progress = news(core);
    let (epoch, head) = (core.epoch(), core.history.head());
    for peer in peers {
        if !core.is_down(peer) {
            core.send(peer, Message::Gossip { epoch, head, progress: progress.clone(), answer: false });
        }
    }
}

/// How far this node is, and those of whom something new was heard since this was asked last; everybody, if that are few.
fn news(core: &mut Core) -> Vec<(NodeId, Progress)> {
    if core.progress.len() <= NEWS_MAX {
        core.progress.news().clear();
        return core.progress.iter().map(|(node, progress)| (*node, *progress)).collect();
    }
    let own = core.node;
    core.progress.news().remove(&own);
    let mut told: Vec<NodeId> = core.progress.news().iter().copied().collect();
    core.prng.shuffle(&mut told);
    told.truncate(NEWS_MAX - 1);
    core.progress.news().retain(|node| !told.contains(node));
    told.into_iter().chain([own]).filter_map(|node| Some((node, *core.progress.get(&node)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::{NEWS_MAX, news};
    use crate::core::Core;
    use crate::ids::Epoch;
    use crate::message::Progress;
    use ring::NodeId;
    use std::collections::BTreeSet;

    const OWN: NodeId = NodeId(500);

    fn core(nodes: usize) -> Core {
        let mut core = Core::alone(OWN);
        (0..nodes as u128).for_each(|node| core.progress.hear(NodeId(node), acked(1)));
        core.progress.hear(OWN, acked(1));
        core
    }

    fn acked(epoch: u64) -> Progress {
        Progress { acked: Epoch(epoch), ..Progress::default() }
    }

    fn told(core: &mut Core) -> BTreeSet<NodeId> {
        news(core).into_iter().map(|(node, _)| node).collect()
    }

    #[test]
    fn few_nodes_are_told_whole() {
        let mut core = core(NEWS_MAX - 1);
        for _ in 0..2 {
            assert_eq!(told(&mut core).len(), NEWS_MAX);
        }
    }

    #[test]
    fn of_many_the_news_is_told_once_and_in_parts() {
        let mut core = core(3 * NEWS_MAX);
        let mut all = BTreeSet::new();
        for _ in 0..4 {
            let some = told(&mut core);
            assert!(some.len() <= NEWS_MAX && some.contains(&OWN));
            assert!(all.intersection(&some).all(|node| *node == OWN), "told again");
            all.extend(some);
        }
        assert_eq!(all.len(), 3 * NEWS_MAX + 1, "everybody was told");
        assert_eq!(told(&mut core), [OWN].into(), "nothing is new");
        core.progress.hear(NodeId(7), acked(1));
        assert_eq!(told(&mut core), [OWN].into(), "nor is what was known");
        core.progress.hear(NodeId(7), acked(2));
        assert_eq!(told(&mut core), [NodeId(7), OWN].into());
    }
}
