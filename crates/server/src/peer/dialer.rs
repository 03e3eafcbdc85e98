//! Keeps one lane to one peer connected: dials, introduces the node, writes until the connection breaks, and dials
//! again after a while.
//!
//! Invariant: every connection that stands is reported once, and so is every failure, unless the peer can be reached
//! on a connection that it has opened; what waited when a failure is reported is dropped, because it would come late
//! and the sender knows from the report.
//! Refuses to know what is sent.

use std::sync::Arc;

use bytes::BytesMut;
use codec::{HandshakeRefusal, Role};
use liveness::Backoff;
use proto::Lane;
use stdx::{Prng, Span};
use tokio::time::timeout;
use tracing::{debug, error, info, warn};

use crate::address::Address;
use crate::event::Event;
use crate::peer::handshake::{self, HANDSHAKE_TIME, HandshakeError};
use crate::peer::{Peer, Surroundings, connection};
use crate::tls::{Stream, dial_peer};

const WAIT_BASE: Span = Span::millis(100);
const WAIT_MAX: Span = Span::secs(2);
/// A connection that stood this long was a good one, and the next failure starts with short waits again.
const STEADY: Span = Span::secs(5);

/// Keeps one lane to one peer connected.
pub(crate) struct Dialer {
    peer: Arc<Peer>,
    lane: Lane,
    surroundings: Arc<Surroundings>,
    backoff: Backoff,
    prng: Prng,
    /// The last failure that was told in the log; the same one is not told again and again.
    told: String,
}

impl Dialer {
    pub(crate) fn new(peer: Arc<Peer>, lane: Lane, surroundings: Arc<Surroundings>, seed: u64) -> Dialer {
        let backoff = Backoff::new(WAIT_BASE, WAIT_MAX);
        Dialer { peer, lane, surroundings, backoff, prng: Prng::new(seed), told: String::new() }
    }

    /// Works until it is dropped, or the process ends.
    pub(crate) async fn run(mut self) {
        let Some(address) = self.peer.address() else { return };
        while !self.surroundings.events.is_closed() {
            self.wait_for_breaker().await;
            match self.connect(&address).await {
                Ok((stream, buffer)) => self.serve(stream, buffer).await,
                Err(error) => self.on_failure(&address, &error).await,
            }
            self.wait().await;
        }
    }

    async fn connect(&self, address: &Address) -> Result<(Stream, BytesMut), HandshakeError> {
        let local = &self.surroundings.local;
        let role = match self.lane {
            Lane::Control => Role::Control,
            Lane::Data => Role::Data,
        };
        let hello = handshake::hello(local.node, Some(local.cluster), role, &local.name, local.pulse.get());
        let dialling = dial_peer(self.surroundings.tls.as_deref(), address);
        let mut stream = dialling.await.map_err(HandshakeError::Tls)?;
        let mut buffer = BytesMut::new();
        let greeting = handshake::greet(&mut stream, &mut buffer, &hello);
        let accepted = timeout(HANDSHAKE_TIME, greeting).await.map_err(|_| HandshakeError::TooSlow)??;
        // Another node may have taken the address over.
        if accepted.node != self.peer.id {
            return Err(HandshakeError::SomebodyElse { found: accepted.node });
        }
        if let Some(why) = handshake::outdated(&self.peer, accepted.pulse) {
            return Err(HandshakeError::Outdated(why));
        }
        Ok((stream, buffer))
    }

    async fn serve(&mut self, stream: Stream, buffer: BytesMut) {
        let (peer, lane) = (&self.peer, self.lane);
        debug!(peer = %peer.id, ?lane, "connected to {}[{}]", peer.name, peer.uri);
        self.told.clear();
        peer.on_dialled(lane);
        let since = self.surroundings.clock.mono();
        self.report(Event::Connected { peer: peer.id }).await;
        let why = connection::serve_dialled(stream, buffer, peer, lane, &self.surroundings).await;
        debug!(peer = %peer.id, ?lane, "the connection to {}[{}] broke: {why}", peer.name, peer.uri);
        if self.surroundings.clock.mono() - since >= STEADY {
            self.backoff.reset();
        }
        // What was under way is lost, even if there is a way back for what comes next.
        self.report(Event::Unreachable { peer: self.peer.id }).await;
        self.peer.on_lost(lane);
        self.peer.give_up_if_cut_off(lane);
    }

    async fn on_failure(&mut self, address: &Address, failure: &HandshakeError) {
        if let HandshakeError::Refused(HandshakeRefusal::Ejected(why)) = failure {
            self.report(Event::Ejected(why.clone())).await;
        }
        self.peer.dial_failed(self.surroundings.clock.mono(), &mut self.prng);
        self.tell(address, failure);
        if self.peer.give_up_if_cut_off(self.lane) {
            self.report(Event::Unreachable { peer: self.peer.id }).await;
        }
    }

    fn tell(&mut self, address: &Address, failure: &HandshakeError) {
        let sentence = failure.to_string();
        if self.told == sentence {
            return;
        }
        let (id, name) = (self.peer.id, &self.peer.name);
        match failure {
            HandshakeError::Refused(refusal) if handshake::is_for_good(refusal) => {
                error!(peer = %id, "{name}[{address}] refused this node: {sentence}");
            }
            HandshakeError::Refused(_) => info!(peer = %id, "{name}[{address}] refused this node for now: {sentence}"),
            HandshakeError::SomebodyElse { .. } | HandshakeError::Outdated(_) => {
                warn!(peer = %id, "{name}[{address}]: {sentence}")
            }
            HandshakeError::Tls(error) if error.is_about_trust() => {
                warn!(peer = %id, "could not connect to {name}[{address}]: {sentence}")
            }
            _ => debug!(peer = %id, "could not connect to {name}[{address}]: {sentence}"),
        }
        self.told = sentence;
    }

    async fn report(&self, event: Event) {
        // Fails only when the event loop has ended, and then nobody wants to know.
        let _ = self.surroundings.events.send(event).await;
    }

    /// Waits a while, or until the peer shows signs of life.
    async fn wait(&mut self) {
        let wait = self.backoff.next(&mut self.prng);
        let _ = timeout(wait.into(), self.peer.alive.notified()).await;
    }

    async fn wait_for_breaker(&self) {
        while let Err(until) = self.peer.may_dial(self.surroundings.clock.mono()) {
            let until = self.surroundings.clock.instant(until);
            // A peer that connects to us can be dialled, whatever came before.
            if tokio::time::timeout_at(until, self.peer.alive.notified()).await.is_ok() {
                return;
            }
        }
    }
}
