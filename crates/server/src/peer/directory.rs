//! The peers this node may talk to, as the machine last named them.
//!
//! Invariant: there are exactly two diallers per peer, and a peer that is no longer named keeps no connection.
//! Refuses to know why somebody is a peer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proto::{Lane, Message, Pulse};
use ring::{Member, NodeId};
use stdx::Prng;

use crate::measures::PeerQueue;
use crate::peer::dialer::Dialer;
use crate::peer::outbox::Pushed;
use crate::peer::{Peer, PulseCell, Surroundings};
use crate::task::Task;

/// Who may connect to this node, and who may not any more. Shared with the listener.
#[derive(Default, Debug)]
pub(crate) struct Roster(Mutex<Entries>);

#[derive(Default, Debug)]
struct Entries {
    peers: BTreeMap<NodeId, Arc<Peer>>,
    /// Nodes that were put out, and what each is to be told.
    outcasts: BTreeMap<NodeId, String>,
}

impl Roster {
    pub(crate) fn get(&self, id: NodeId) -> Option<Arc<Peer>> {
        self.entries().peers.get(&id).cloned()
    }

    pub(crate) fn set(&self, peers: BTreeMap<NodeId, Arc<Peer>>) {
        self.entries().peers = peers;
    }

    /// What a node that was put out is to be told.
    pub(crate) fn outcast(&self, id: NodeId) -> Option<String> {
        self.entries().outcasts.get(&id).cloned()
    }

    pub(crate) fn banish(&self, outcasts: impl IntoIterator<Item = (NodeId, String)>) {
        self.entries().outcasts = outcasts.into_iter().collect();
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The event loop's side: where messages go out.
pub(crate) struct Directory {
    surroundings: Arc<Surroundings>,
    roster: Arc<Roster>,
    links: BTreeMap<NodeId, Link>,
    /// How far everybody's records have got.
    pulses: BTreeMap<NodeId, PulseCell>,
    prng: Prng,
    /// Peers whose data lane has run full and that have not been reported for it.
    overflowed: Vec<NodeId>,
}

struct Link {
    peer: Arc<Peer>,
    /// The data lane is full, and that has been reported.
    is_full: bool,
    _dialers: [Task; 2],
}

impl Directory {
    pub(crate) fn new(surroundings: Arc<Surroundings>, roster: Arc<Roster>, prng: Prng) -> Directory {
        Directory {
            surroundings,
            roster,
            links: BTreeMap::new(),
            pulses: BTreeMap::new(),
            prng,
            overflowed: Vec::new(),
        }
    }

    /// Talks to these and to nobody else from now on.
    pub(crate) fn replace(&mut self, members: &[Member]) {
        let own = self.surroundings.local.node;
        let mut links = BTreeMap::new();
        for member in members.iter().filter(|member| member.id != own) {
            let known = self.links.remove(&member.id).filter(|link| link.is_to(member));
            links.insert(member.id, known.unwrap_or_else(|| self.link(member)));
        }
        self.roster.set(links.iter().map(|(id, link)| (*id, Arc::clone(&link.peer))).collect());
        // Dropping the diallers of those who remain in the old links ends their connections.
        for gone in std::mem::replace(&mut self.links, links).into_values() {
            gone.peer.hang_up();
        }
    }

    /// Refuses from now on whoever comes as this node with a pulse that this one outdates.
    pub(crate) fn raise_pulse(&mut self, of: NodeId, pulse: Pulse) {
        let local = &self.surroundings.local;
        let known = if of == local.node { &local.pulse } else { self.pulses.entry(of).or_default() };
        known.raise(pulse);
    }

    /// Tells these, when they come, that they were put out.
    pub(crate) fn banish(&self, outcasts: Vec<(NodeId, String)>) {
        self.roster.banish(outcasts);
    }

    /// Lets a message wait for a peer; it is lost if there is no such peer, or no room.
    pub(crate) fn send(&mut self, to: NodeId, message: Message) {
        let Some(link) = self.links.get_mut(&to) else {
            tracing::debug!(peer = %to, "dropped a message to a node that is not a peer");
            return;
        };
        match link.peer.outbox(message.lane()).push(message) {
            Pushed::Queued => link.is_full = false,
            Pushed::Replaced => self.surroundings.counters.peer_drops.add(1),
            Pushed::Refused => {
                self.surroundings.counters.peer_drops.add(1);
                if !std::mem::replace(&mut link.is_full, true) {
                    self.overflowed.push(to);
                }
            }
        }
    }

    /// Peers that messages were dropped for since the last call. A peer comes again only after its lane had room.
    pub(crate) fn take_overflowed(&mut self) -> Vec<NodeId> {
        std::mem::take(&mut self.overflowed)
    }

    /// What waits for each peer.
    pub(crate) fn queues(&self) -> Vec<PeerQueue> {
        self.links.values().map(|link| link.peer.queue()).collect()
    }

    /// True if nothing waits for any peer that could be sent now.
    pub(crate) fn is_flushed(&self) -> bool {
        self.links.values().all(|link| link.peer.is_flushed())
    }

    fn link(&mut self, member: &Member) -> Link {
        let pulse = self.pulses.entry(member.id).or_default().clone();
        let peer = Arc::new(Peer::new(member, pulse));
        if peer.address().is_none() {
            tracing::warn!(peer = %peer.id, "{} has the address \"{}\", which makes no sense", peer.name, peer.uri);
        }
        let dialers = [Lane::Control, Lane::Data].map(|lane| {
            let seed = self.prng.next_u64();
            Task::spawn(Dialer::new(Arc::clone(&peer), lane, Arc::clone(&self.surroundings), seed).run())
        });
        Link { peer, is_full: false, _dialers: dialers }
    }
}

impl Link {
    fn is_to(&self, member: &Member) -> bool {
        self.peer.uri == member.uri && self.peer.name == member.name
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.replace(&[]);
    }
}
