//! Messages between hosts, and the connections they travel on.
//!
//! Invariant: a message reaches whatever life of its receiver runs when it arrives; one that finds nobody is lost.

use crate::checker::Failure;
use crate::describe;
use crate::fault::HostId;
use crate::host::Host;
use crate::mutant::Mutant;
use crate::network::{Fate, Packet};
use crate::probes;
use crate::world::{Event, World};
use bytes::BytesMut;
use codec::{FrameDecoder, FrameEncoder};
use node::NodeInput;
use node::proto::{Message, ReadAnswer};
use stdx::marks::hit;
use stdx::{Prng, Span};

const DIAL_FIRST: Span = Span::millis(5);
const DIAL_AGAIN: Span = Span::secs(1);

impl World {
    /// A node says something to a peer.
    pub(crate) fn say(&mut self, host: HostId, to: HostId, message: Message) {
        let now = self.now;
        if to.0 >= self.plan.hosts || !self.hosts[host.0].connections.is_peer(to) {
            let lost = describe::name_of(&message).0;
            return self.trace.line(now, host, || format!("-> {to} is no peer: {lost}"));
        }
        probes::see_message(&message);
        self.see_message(&message);
        let connections = &mut self.hosts[host.0].connections;
        if self.network.needs_connection() && !connections.stands(to) {
            hit("message.waited_for_a_connection");
            return connections.wait(to, message);
        }
        self.send(host, to, message);
    }

    fn send(&mut self, from: HostId, to: HostId, message: Message) {
        let now = self.now;
        let message = if self.plan.through_codec { self.recoded(message) } else { message };
        self.counts.messages[0] += 1;
        let (kind, number) = describe::name_of(&message);
        self.trace.event(now, from, kind, number);
        let bytes = if self.network.is_narrow() { describe::bytes(&message) } else { 0 };
        let fate = self.network.fate(now, from, to, bytes);
        self.trace.line(now, from, || {
            let fate = match fate {
                Fate::Lost => " LOST",
                Fate::Held => " held",
                Fate::Arrives(_) => "",
                Fate::Twice(..) => " twice",
                Fate::Damaged(_) => " damaged",
            };
            format!("-> {to}{fate} {}", describe::message(&message))
        });
        let batches = self.hosts[from.0].disk.batches();
        let packet = Packet { from, to, to_life: self.host(to).life, batches, message };
        match fate {
            Fate::Lost => self.counts.messages[1] += 1,
            Fate::Damaged(after) => self.damage(&packet, after),
            Fate::Held => {
                self.counts.messages[3] += 1;
                self.network.hold(packet);
            }
            Fate::Arrives(after) => self.after(after, Event::Arrive(Box::new(packet))),
            Fate::Twice(after, again) => {
                self.counts.messages[2] += 1;
                self.after(after, Event::Arrive(Box::new(packet.clone())));
                self.after(again, Event::Arrive(Box::new(packet)));
            }
        }
    }

    /// The message as its receiver gets it from the wire.
    fn recoded(&mut self, message: Message) -> Message {
        let mut encoder = FrameEncoder::default();
        let pushed = encoder.push(&message);
        let mut bytes = BytesMut::from(encoder.finish().as_ref());
        let decoded = FrameDecoder::default().next(&mut bytes);
        match decoded {
            Ok(Some(messages)) if messages.len() == 1 && messages.first() == Some(&message) => message,
            other => {
                let what = format!("{message:?} became {other:?} ({pushed:?})");
                self.failures.push(Failure { at: self.now, property: "codec", what });
                message
            }
        }
    }

    /// A bit of a frame flips on its way. Its receiver must notice and closes the connection.
    fn damage(&mut self, packet: &Packet, after: Span) {
        self.counts.messages[4] += 1;
        hit("message.was_damaged");
        let (from, to) = (packet.from, packet.to);
        if self.plan.through_codec {
            let mut encoder = FrameEncoder::default();
            let _ = encoder.push(&packet.message);
            let mut bytes = BytesMut::from(encoder.finish().as_ref());
            let ids = [from.0 as u64, to.0 as u64, self.counts.messages[4]];
            let bit = Prng::keyed(self.plan.seed, "damage", &ids).below(bytes.len() as u64 * 8);
            bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
            if let Ok(Some(messages)) = FrameDecoder::default().next(&mut bytes) {
                let what = format!("bit {bit} of {:?} flipped and it was read as {messages:?}", packet.message);
                self.fail("codec", what);
            }
        }
        let life = self.host(from).life;
        self.after(after, Event::Break { host: from, life, peer: to, for_sure: true });
    }

    /// Shows the checkers what records travel.
    fn see_message(&mut self, message: &Message) {
        let seen = match message {
            Message::Replicate { bucket, key, record, .. } | Message::KeepHint { bucket, key, record, .. } => {
                self.dots.see(self.now, *bucket, key, record)
            }
            Message::Push { items, .. } => {
                items.iter().try_for_each(|(bucket, key, record)| self.dots.see(self.now, *bucket, key, record))
            }
            _ => Ok(()),
        };
        if let Err(what) = seen {
            self.fail("no dot reuse", format!("in a message: {what}"));
        }
    }

    /// A message arrives.
    pub(crate) fn arrive(&mut self, packet: Packet) {
        let Packet { from, to, to_life, batches, message } = packet;
        if !self.host(to).is_up() {
            return;
        }
        if self.host(to).life > to_life {
            hit("message.to_a_later_life");
        }
        let (kind, number) = describe::name_of(&message);
        let now = self.now;
        self.trace.event(now, to, kind, number);
        self.trace.line(now, to, || format!("<- {from} {}", describe::message(&message)));
        if message.vouches() {
            self.images.heard(from, to, self.hosts[to.0].life, batches);
        }
        let message = self.bugged(from, to, message);
        let from = self.host(from).node_id();
        self.feed(to, NodeInput::Peer { from, message });
    }

    /// What a planted bug makes of a message.
    fn bugged(&mut self, from: HostId, to: HostId, message: Message) -> Message {
        match message {
            Message::Replicated { .. } if self.plan.mutant.is(Mutant::ForgedAck) => {
                let other = (0..self.plan.hosts).find(|host| *host != from.0 && *host != to.0);
                if let Some(other) = other {
                    let from = self.host(HostId(other)).node_id();
                    self.feed(to, NodeInput::Peer { from, message: message.clone() });
                }
                message
            }
            Message::ReadReply { op, .. } if self.plan.mutant.is(Mutant::EmptyReads) && op.0 % 2 == 0 => {
                Message::ReadReply { op, answer: ReadAnswer::Held(None) }
            }
            message => message,
        }
    }

    /// A node names its peers: whoever is new is dialled.
    pub(crate) fn meet(&mut self, host: HostId, peers: &[HostId]) {
        let this = self.host(host);
        let life = this.life;
        let new = this.connections.replace(peers);
        for peer in new {
            let after = self.dial_pause(host, peer, DIAL_FIRST);
            self.after(after, Event::Dial { host, life, peer });
        }
        self.hang_up(host);
    }

    /// Ends the connections that banned nodes have made to a host.
    fn hang_up(&mut self, host: HostId) {
        let outcasts = self.hosts[host.0].node.as_ref().map(|node| node.outcasts()).unwrap_or_default();
        for banned in outcasts.into_iter().map(|(node, _)| describe::host_of(node)) {
            let Some(other) = self.hosts.get(banned.0).filter(|other| other.connections.stands(host)) else { continue };
            let life = other.life;
            self.after(Span::millis(1), Event::Break { host: banned, life, peer: host, for_sure: true });
        }
    }

    fn dial_pause(&self, host: HostId, peer: HostId, around: Span) -> Span {
        let ids = [host.0 as u64, peer.0 as u64, self.now.0];
        Span(around.0 / 4 + Prng::keyed(self.plan.seed, "dial", &ids).below(around.0))
    }

    /// A host tries to connect to a peer.
    pub(crate) fn dial(&mut self, host: HostId, life: u32, peer: HostId) {
        let this = &self.hosts[host.0];
        if !this.lives(life) || !this.connections.is_peer(peer) || this.connections.stands(peer) {
            return;
        }
        let other = &self.hosts[peer.0];
        // The handshake tells a banned node why it is refused, and its process ends.
        let is_banned = || other.node.as_ref().is_some_and(|node| node.machine().history().is_banned(this.node_id()));
        if other.is_up() && other.paused_until <= self.now && self.network.is_open(host, peer) && is_banned() {
            stdx::marks::hit("ring.a_banned_node_was_refused");
            return self.end(host, life);
        }
        if other.is_up() && other.paused_until <= self.now && self.network.is_open(host, peer) {
            if is_outdated(this, other) {
                hit("ring.an_old_image_was_refused");
                return self.end_outdated(host, life);
            }
            if is_outdated(other, this) {
                self.broken(host, peer);
                let after = self.dial_pause(host, peer, DIAL_AGAIN);
                return self.after(after, Event::Dial { host, life, peer });
            }
        }
        let answers = other.is_up() && other.paused_until <= self.now && other.connections.is_peer(host);
        if answers && self.network.is_open(host, peer) {
            self.connected(host, peer);
        } else {
            self.broken(host, peer);
            let after = self.dial_pause(host, peer, DIAL_AGAIN);
            self.after(after, Event::Dial { host, life, peer });
        }
    }

    /// A process that runs on an old disk was told so.
    pub(crate) fn end_outdated(&mut self, host: HostId, life: u32) {
        if self.host(host).lives(life) {
            self.images.notice(host);
            self.give_up_old_image(host);
            self.end(host, life);
        }
    }

    fn connected(&mut self, host: HostId, peer: HostId) {
        let now = self.now;
        let Some(waiting) = self.host(host).connections.made(peer) else { return };
        self.trace.event(now, host, "connected", peer.0 as u64);
        self.trace.line(now, host, || format!("is connected to {peer}"));
        for message in waiting {
            self.send(host, peer, message);
        }
        let peer = self.host(peer).node_id();
        self.feed(host, NodeInput::Connected { peer });
    }

    fn broken(&mut self, host: HostId, peer: HostId) {
        let now = self.now;
        if !self.host(host).connections.broke(peer) {
            return;
        }
        self.trace.event(now, host, "unreachable", peer.0 as u64);
        self.trace.line(now, host, || format!("cannot reach {peer}"));
        let peer = self.host(peer).node_id();
        self.feed(host, NodeInput::Unreachable { peer });
    }

    /// A connection breaks: for sure, or only if its link still carries nothing.
    pub(crate) fn break_connection(&mut self, host: HostId, life: u32, peer: HostId, for_sure: bool) {
        let this = &self.hosts[host.0];
        if !this.lives(life) || !this.connections.stands(peer) {
            return;
        }
        let silent = !self.network.carries(host, peer) || !self.network.carries(peer, host);
        if for_sure || silent {
            self.broken(host, peer);
            let after = self.dial_pause(host, peer, DIAL_AGAIN);
            self.after(after, Event::Dial { host, life, peer });
        }
    }
}

/// True if one host knows that the other runs on an old disk.
fn is_outdated(caller: &Host, called: &Host) -> bool {
    let (Some(caller_node), Some(called_node)) = (&caller.node, &called.node) else { return false };
    called_node.machine().outdated(caller.node_id(), caller_node.pulse()).is_some()
}
