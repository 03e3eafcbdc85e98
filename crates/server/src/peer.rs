//! The other nodes: who they are, what waits for them, and the connections from and to them.
//!
//! Each node sends on the connections that it dialled and receives on those that it accepted: two each way, one per
//! lane, so that a probe never waits behind data. While a peer cannot be dialled, because it has a new address that
//! the history does not know yet or something lets connections through one way only, what waits for it goes back on
//! the connections that it has opened.
//!
//! Invariant: connections exist only with members of the cluster, and with guests who want to become one; where TLS is
//! spoken, both sides have shown a node's certificate before a word is said.
//! Refuses to know what messages say, and whom to believe alive; that is the machine's.

pub(crate) mod connection;
pub(crate) mod dialer;
pub(crate) mod directory;
pub(crate) mod guest;
pub(crate) mod handshake;
pub(crate) mod listener;
pub(crate) mod outbox;
pub(crate) mod sniff;
pub(crate) mod weight;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use liveness::{Breaker, BreakerState};
use proto::{Lane, Pulse};
use ring::{Member, NodeId};
use stdx::{Mono, Prng, Span};
use tokio::sync::{Notify, watch};

use crate::address::Address;
use crate::clock::Clock;
use crate::counters::Counters;
use crate::event::EventSender;
use crate::measures::PeerQueue;
use crate::peer::outbox::{Outbox, OutboxLimits};
use crate::task::Task;
use crate::tls::Tls;

/// Failures in a row after which both lanes hold back.
const FAILURES_TO_OPEN: u32 = 6;
const OPEN_BASE: Span = Span::secs(1);
const OPEN_MAX: Span = Span::secs(5);

/// Who this node is, as it introduces itself.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    pub(crate) node: NodeId,
    pub(crate) cluster: u128,
    pub(crate) name: String,
    /// How far its own records have got.
    pub(crate) pulse: PulseCell,
}

/// The highest pulse of a node that is known, and the most batches.
#[derive(Clone, Default, Debug)]
pub(crate) struct PulseCell(Arc<Mutex<Pulse>>);

impl PulseCell {
    pub(crate) fn get(&self) -> Pulse {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn raise(&self, pulse: Pulse) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = known.merged(pulse);
    }
}

/// What every connection needs of the process around it.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) local: Local,
    pub(crate) clock: Clock,
    pub(crate) events: EventSender,
    pub(crate) counters: Arc<Counters>,
    /// What TLS is spoken with, if it is.
    pub(crate) tls: Option<Arc<Tls>>,
}

/// One other node.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) id: NodeId,
    pub(crate) name: String,
    /// As the history has it.
    pub(crate) uri: String,
    /// How far its records have got, as far as is known here.
    pub(crate) pulse: PulseCell,
    control: Outbox,
    data: Outbox,
    /// The connections accepted from it, by lane; a new one takes the place of the old.
    incoming: Mutex<[Option<Task>; 2]>,
    /// Shared by both lanes: what keeps one from connecting mostly keeps the other.
    breaker: Mutex<Breaker>,
    /// Given when it shows signs of life, so that nobody waits longer than need be to dial it.
    pub(crate) alive: Notify,
    /// When it was last heard of, by our monotonic clock.
    heard: AtomicU64,
    /// Whether our own connection to it stands, by lane.
    dialled: [watch::Sender<bool>; 2],
    /// How many connections that it has opened stand, by lane.
    ways_back: [AtomicUsize; 2],
}

impl Peer {
    pub(crate) fn new(member: &Member, pulse: PulseCell) -> Peer {
        Peer {
            id: member.id,
            name: member.name.clone(),
            uri: member.uri.clone(),
            pulse,
            control: Outbox::new(Lane::Control, OutboxLimits::of(Lane::Control)),
            data: Outbox::new(Lane::Data, OutboxLimits::of(Lane::Data)),
            incoming: Mutex::default(),
            breaker: Mutex::new(Breaker::new(FAILURES_TO_OPEN, OPEN_BASE, OPEN_MAX)),
            alive: Notify::new(),
            heard: AtomicU64::new(0),
            dialled: [watch::Sender::new(false), watch::Sender::new(false)],
            ways_back: Default::default(),
        }
    }

    /// What waits for it on one lane.
    pub(crate) fn outbox(&self, lane: Lane) -> &Outbox {
        match lane {
            Lane::Control => &self.control,
            Lane::Data => &self.data,
        }
    }

    /// Where to dial it; `None` if the history has no address that makes sense.
    pub(crate) fn address(&self) -> Option<Address> {
        self.uri.parse().ok()
    }

    /// Takes a connection it has opened in place of an earlier one.
    pub(crate) fn accept(&self, lane: Lane, connection: Task) {
        self.incoming()[place(lane)] = Some(connection);
        self.alive.notify_waiters();
    }

    /// Ends the connections that it has opened.
    pub(crate) fn hang_up(&self) {
        *self.incoming() = [None, None];
    }

    pub(crate) fn hear(&self, now: Mono) {
        self.heard.fetch_max(now.0, Ordering::Relaxed);
    }

    pub(crate) fn heard(&self) -> Mono {
        Mono(self.heard.load(Ordering::Relaxed))
    }

    /// Whether it may be dialled now; otherwise, when to ask again.
    pub(crate) fn may_dial(&self, now: Mono) -> Result<(), Mono> {
        let mut breaker = self.breaker();
        if breaker.allow(now) {
            return Ok(());
        }
        match breaker.state() {
            BreakerState::Open { until } | BreakerState::HalfOpen { until } => Err(until),
            BreakerState::Closed => Ok(()),
        }
    }

    /// Dialling it succeeded: the other lane need not wait any longer.
    pub(crate) fn on_dialled(&self, lane: Lane) {
        self.dialled[place(lane)].send_replace(true);
        self.breaker().on_success();
        self.alive.notify_waiters();
    }

    /// Our own connection to it broke.
    pub(crate) fn on_lost(&self, lane: Lane) {
        self.dialled[place(lane)].send_replace(false);
    }

    /// Follows whether our own connection to it stands.
    pub(crate) fn watch_dialled(&self, lane: Lane) -> watch::Receiver<bool> {
        self.dialled[place(lane)].subscribe()
    }

    /// Counts a connection that it has opened for as long as the answer is kept.
    pub(crate) fn way_back(&self, lane: Lane) -> WayBack<'_> {
        let count = &self.ways_back[place(lane)];
        count.fetch_add(1, Ordering::Relaxed);
        WayBack(count)
    }

    /// True if a connection stands on which something can be sent to it.
    pub(crate) fn is_reached(&self, lane: Lane) -> bool {
        *self.dialled[place(lane)].borrow() || self.ways_back[place(lane)].load(Ordering::Relaxed) > 0
    }

    /// Drops what waits for it, unless it can still be sent.
    pub(crate) fn give_up_if_cut_off(&self, lane: Lane) -> bool {
        let cut_off = !self.is_reached(lane);
        if cut_off {
            self.outbox(lane).clear();
        }
        cut_off
    }

    /// What waits for it.
    pub(crate) fn queue(&self) -> PeerQueue {
        let waiting = [Lane::Control, Lane::Data].map(|lane| self.outbox(lane).waiting());
        let [(control, control_bytes), (data, data_bytes)] = waiting;
        PeerQueue { peer: self.id, messages: control + data, bytes: control_bytes + data_bytes }
    }

    /// True if nothing waits for it that could be sent now.
    pub(crate) fn is_flushed(&self) -> bool {
        [Lane::Control, Lane::Data].into_iter().all(|lane| !self.is_reached(lane) || self.outbox(lane).is_empty())
    }

    pub(crate) fn dial_failed(&self, now: Mono, prng: &mut Prng) {
        self.breaker().on_failure(now, prng);
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn incoming(&self) -> MutexGuard<'_, [Option<Task>; 2]> {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that a peer has opened, as long as it stands.
#[derive(Debug)]
pub(crate) struct WayBack<'a>(&'a AtomicUsize);

impl Drop for WayBack<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn place(lane: Lane) -> usize {
    match lane {
        Lane::Control => 0,
        Lane::Data => 1,
    }
}
