//! The one socket for everybody: members and guests go to their connections, everything else is handed on untouched
//! to whoever serves clients.
//!
//! Invariant: connections that have not said who they are are bounded in number and in time, and nobody waits for
//! another one's handshake.
//! Refuses to know HTTP.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use codec::{HandshakeRefusal, Hello, Welcome};
use proto::Lane;
use ring::NodeId;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::event::Event;
use crate::handle::Handle;
use crate::peer::connection::{self, Broken};
use crate::peer::directory::Roster;
use crate::peer::handshake::{self, Admission, HANDSHAKE_TIME, HandshakeError};
use crate::peer::sniff::{Opener, sniff};
use crate::peer::{Peer, Surroundings, guest};
use crate::task::Task;
use crate::tls::{Shown, Stream, TlsError};

/// Connections that have not said who they are, and guests.
const STRANGERS_MAX: usize = 1_024;

/// Between two tries to accept when the system has no room for another connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Refusals that are remembered so as not to be told again.
const REFUSALS_KEPT: usize = 32;

/// A client's connection and where it comes from.
pub type HttpStream = (Stream, SocketAddr);

/// Takes connections in.
#[derive(Clone)]
pub(crate) struct Listener {
    pub(crate) handle: Handle,
    pub(crate) roster: Arc<Roster>,
    pub(crate) surroundings: Arc<Surroundings>,
    pub(crate) refusals: Arc<Refusals>,
}

impl Listener {
    /// Accepts connections until the process stops. Clients' connections go to `http`, which is closed then.
    pub(crate) async fn run(self, socket: TcpListener, http: mpsc::Sender<HttpStream>) {
        let phase = self.handle.phase().clone();
        tokio::select! {
            _ = phase.stopping() => debug!("no longer listening"),
            () = self.accept_all(&socket, &http) => {}
        }
    }

    async fn accept_all(&self, socket: &TcpListener, http: &mpsc::Sender<HttpStream>) {
        let strangers = Arc::new(Semaphore::new(STRANGERS_MAX));
        loop {
            match socket.accept().await {
                Ok((stream, from)) => match Arc::clone(&strangers).try_acquire_owned() {
                    Ok(permit) => {
                        // A weak sender, because a stranger who takes his time must not keep the channel open.
                        tokio::spawn(self.clone().take_in(stream, from, http.downgrade(), permit));
                    }
                    Err(_) => debug!(%from, "closed a connection because too many have not said who they are"),
                },
                Err(error) => {
                    warn!("could not accept a connection: {error}");
                    sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    /// Finds out who opened a connection and hands it on. The permit is given back when the opener is known, and by a
    /// guest when it goes.
    async fn take_in(
        self,
        stream: TcpStream,
        from: SocketAddr,
        http: mpsc::WeakSender<HttpStream>,
        _permit: OwnedSemaphorePermit,
    ) {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%from, "lost a connection at once: {error}");
            return;
        }
        match &self.surroundings.tls {
            None => match sniff(&stream).await {
                Some(Opener::Client) => self.hand_on(stream.into(), from, &http),
                Some(Opener::Peer) => self.shake_hands(stream.into(), from).await,
                None => debug!(%from, "closed a connection that said nothing"),
            },
            Some(tls) => match tls.accept(stream).await {
                Ok((stream, Shown::Nothing)) => self.hand_on(stream, from, &http),
                Ok((stream, Shown::Node)) => self.shake_hands(stream, from).await,
                Err(error) => self.refusals.tell_distrust(from, &error),
            },
        }
    }

    fn hand_on(&self, stream: Stream, from: SocketAddr, http: &mpsc::WeakSender<HttpStream>) {
        let handed = http.upgrade().is_some_and(|http| http.try_send((stream, from)).is_ok());
        if !handed {
            self.surroundings.counters.shed.add(1);
            debug!(%from, "closed a client's connection because too many wait to be served");
        }
    }

    async fn shake_hands(&self, mut stream: Stream, from: SocketAddr) {
        let mut buffer = BytesMut::new();
        let greeting = self.greeted(&mut stream, &mut buffer, from);
        match timeout(HANDSHAKE_TIME, greeting).await.unwrap_or(Err(HandshakeError::TooSlow)) {
            Ok(Admission::Peer(peer, lane)) => {
                debug!(peer = %peer.id, ?lane, "{} connected from {from}", peer.name);
                let serving = serve(stream, buffer, Arc::clone(&peer), lane, Arc::clone(&self.surroundings));
                peer.accept(lane, Task::spawn(serving));
            }
            Ok(Admission::Guest) => {
                let farewell = guest::host(stream, buffer, from, &self.handle).await;
                debug!(%from, "a guest went: {farewell}");
            }
            Err(error) => debug!(%from, "a handshake failed: {error}"),
        }
    }

    async fn greeted(
        &self,
        stream: &mut Stream,
        buffer: &mut BytesMut,
        from: SocketAddr,
    ) -> Result<Admission, HandshakeError> {
        let local = &self.surroundings.local;
        let hello = handshake::await_hello(stream, buffer).await?;
        match handshake::judge(&hello, local, &self.roster) {
            Ok((admission, protocol)) => {
                let welcome =
                    Welcome::Accepted { protocol, node: local.node, cluster: local.cluster, pulse: local.pulse.get() };
                handshake::answer(stream, &welcome).await?;
                Ok(admission)
            }
            Err(refusal) => {
                self.refusals.tell(&hello, &refusal, from);
                handshake::answer(stream, &Welcome::Refused(refusal.clone())).await?;
                Err(HandshakeError::Refused(refusal))
            }
        }
    }
}

/// Serves what a member has opened until it breaks.
async fn serve(stream: Stream, buffer: BytesMut, peer: Arc<Peer>, lane: Lane, surroundings: Arc<Surroundings>) {
    let broken = connection::serve_accepted(stream, buffer, &peer, lane, &surroundings).await;
    let damaged = matches!(broken, Broken::Frame(_));
    if damaged {
        warn!(peer = %peer.id, "closed a connection from {}[{}]: {broken}", peer.name, peer.uri);
    } else {
        debug!(peer = %peer.id, ?lane, "a connection from {}[{}] ended: {broken}", peer.name, peer.uri);
    }
    // What was in a damaged frame is lost, as if the peer could not be reached.
    if peer.give_up_if_cut_off(lane) || damaged {
        let _ = surroundings.events.send(Event::Unreachable { peer: peer.id }).await;
    }
}

/// The refusals that were told in the log last: whoever is refused comes again every few seconds.
#[derive(Default, Debug)]
pub(crate) struct Refusals(Mutex<VecDeque<(NodeId, HandshakeRefusal)>>, Mutex<VecDeque<(IpAddr, String)>>);

impl Refusals {
    fn tell(&self, hello: &Hello, refusal: &HandshakeRefusal, from: SocketAddr) {
        let (node, name) = (hello.node, &hello.name);
        if !handshake::is_for_good(refusal) {
            debug!(%node, "refused {name} from {from} for now: {refusal}");
        } else if self.is_new(node, refusal) {
            warn!(%node, "refused {name} from {from}: {refusal}");
        }
    }

    /// Somebody did not get through the beginning of TLS.
    fn tell_distrust(&self, from: SocketAddr, error: &TlsError) {
        let sentence = error.to_string();
        let mut told = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        if !error.is_about_trust() || told.iter().any(|(of, why)| *of == from.ip() && *why == sentence) {
            return debug!(%from, "closed a connection: {sentence}");
        }
        warn!("closed a connection from {from}: {sentence}");
        told.truncate(REFUSALS_KEPT - 1);
        told.push_front((from.ip(), sentence));
    }

    fn is_new(&self, node: NodeId, refusal: &HandshakeRefusal) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.iter().any(|(of, why)| *of == node && why == refusal) {
            return false;
        }
        told.truncate(REFUSALS_KEPT - 1);
        told.push_front((node, refusal.clone()));
        true
    }
}
