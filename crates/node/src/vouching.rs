//! Telling peers how many batches of this node are durable, with what they may rely on: a directory that holds fewer than somebody
//! was told of is an old one, however young (`docs/adr/0025-durable-batches-are-told.md`).
//!
//! Invariant: before a peer hears anything that vouches for this node's disk, it is told a number that covers it, on the same
//! connection. What this node relies on itself is told to somebody within [`TELL_WITHIN`].
//! Refuses to know what a batch holds, and what peers do with the number.

use crate::life::NodeEffect;
use proto::{Lane, Machine, Message, Pulse};
use ring::NodeId;
use std::collections::{BTreeMap, BTreeSet};
use stdx::bugs::planted;
use stdx::{Mono, Span};

/// How long batches may be durable without anybody else knowing of it.
const TELL_WITHIN: Span = Span::millis(5);
/// Peers that are told at once when nothing else is said to anybody.
const TOLD: usize = 2;

/// What was told to whom.
#[derive(Default)]
pub(crate) struct Vouching {
    /// Batches on disk when this life began.
    found: u64,
    /// Durable ones of all lives.
    durable: u64,
    /// The most that each peer was told since its connection was made.
    told: BTreeMap<NodeId, u64>,
    /// The most that anybody was told.
    most: u64,
    /// When somebody is told at the latest.
    due: Option<Mono>,
    connected: BTreeSet<NodeId>,
}

impl Vouching {
    /// So many batches were found, and are durable.
    pub(crate) fn new(found: u64) -> Vouching {
        Vouching { found, durable: found, most: found, ..Vouching::default() }
    }

    /// So many of this opening are durable.
    pub(crate) fn synced(&mut self, seq: u64) {
        self.durable = self.durable.max(self.found + seq);
    }

    /// A connection to a peer was made, or broke: it may be another life, which remembers nothing.
    pub(crate) fn connected(&mut self, peer: NodeId, stands: bool) {
        self.told.remove(&peer);
        if stands {
            self.connected.insert(peer);
        } else {
            self.connected.remove(&peer);
        }
    }

    /// What goes to a peer, with what it has to be told first.
    pub(crate) fn send(&mut self, machine: &Machine, to: NodeId, mut message: Message) -> (Option<Message>, Message) {
        let first = if message.vouches() { self.news_for(machine, to) } else { None };
        let Some(news) = first else { return (None, message) };
        if let Message::Replicated { pulse, .. } = &mut message {
            *pulse = Some(news);
            return (None, message);
        }
        (Some(Message::Reached { pulse: news, urgent: message.lane() == Lane::Control }), message)
    }

    /// Tells somebody what nobody was told in time.
    pub(crate) fn tell(&mut self, now: Mono, machine: &Machine, out: &mut Vec<NodeEffect>) {
        if self.durable <= self.most {
            self.due = None;
            return;
        }
        if now < *self.due.get_or_insert(now + TELL_WITHIN) {
            return;
        }
        self.due = None;
        let some: Vec<NodeId> = self.connected.iter().copied().take(TOLD).collect();
        for to in some {
            if let Some(pulse) = self.news_for(machine, to) {
                out.push(NodeEffect::Send { to, message: Message::Reached { pulse, urgent: true } });
            }
        }
    }

    /// When to call [`Vouching::tell`] again.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.due.filter(|_| !self.connected.is_empty())
    }

    fn news_for(&mut self, machine: &Machine, to: NodeId) -> Option<Pulse> {
        if self.told.get(&to).is_some_and(|told| *told >= self.durable) || planted("batches are not told") {
            return None;
        }
        let pulse = machine.vouched(self.durable)?;
        self.told.insert(to, self.durable);
        self.most = self.durable;
        Some(pulse)
    }
}
