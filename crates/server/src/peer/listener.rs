//! The one socket for everybody: members and guests go to their connections, everything else is handed on untouched
//! to whoever serves clients.
//!
//! Invariant: connections that have not said who they are are bounded in number and in time, and nobody waits for
//! another one's handshake.
//! Refuses to know HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use codec::{HandshakeRefusal, Hello, Welcome};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use crate::event::Event;
use crate::handle::Handle;
use crate::peer::connection::{self, Broken};
use crate::peer::directory::Roster;
use crate::peer::handshake::{self, Admission, HANDSHAKE_TIME, HandshakeError};
use crate::peer::sniff::{Opener, sniff};
use crate::peer::{Peer, Surroundings, guest};
use crate::task::Task;

/// Connections that have not said who they are, and guests.
const STRANGERS_MAX: usize = 1_024;

/// Between two tries to accept when the system has no room for another connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// A client's connection and where it comes from.
pub type HttpStream = (TcpStream, SocketAddr);

/// Takes connections in.
#[derive(Clone)]
pub(crate) struct Listener {
    pub(crate) handle: Handle,
    pub(crate) roster: Arc<Roster>,
    pub(crate) surroundings: Arc<Surroundings>,
    pub(crate) http: mpsc::Sender<HttpStream>,
}

impl Listener {
    /// Accepts connections until the process stops.
    pub(crate) async fn run(self, socket: TcpListener) {
        let phase = self.handle.phase().clone();
        tokio::select! {
            _ = phase.stopping() => debug!("no longer listening"),
            () = self.accept_all(&socket) => {}
        }
    }

    async fn accept_all(&self, socket: &TcpListener) {
        let strangers = Arc::new(Semaphore::new(STRANGERS_MAX));
        loop {
            match socket.accept().await {
                Ok((stream, from)) => match Arc::clone(&strangers).try_acquire_owned() {
                    Ok(permit) => drop(tokio::spawn(self.clone().take_in(stream, from, permit))),
                    Err(_) => debug!(%from, "closed a connection because too many have not said who they are"),
                },
                Err(error) => {
                    warn!("could not accept a connection: {error}");
                    sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    /// Finds out who opened a connection and hands it on.
    async fn take_in(self, stream: TcpStream, from: SocketAddr, permit: OwnedSemaphorePermit) {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%from, "lost a connection at once: {error}");
            return;
        }
        match sniff(&stream).await {
            Some(Opener::Client) => self.hand_on(stream, from),
            Some(Opener::Peer) => {
                let greeting = self.shake_hands(stream, from, permit);
                // Only the handshake is timed; a guest's permit goes on with the guest.
                greeting.await;
            }
            None => debug!(%from, "closed a connection that said nothing"),
        }
    }

    fn hand_on(&self, stream: TcpStream, from: SocketAddr) {
        if self.http.try_send((stream, from)).is_err() {
            self.surroundings.counters.shed.add(1);
            debug!(%from, "closed a client's connection because too many wait to be served");
        }
    }

    async fn shake_hands(&self, mut stream: TcpStream, from: SocketAddr, permit: OwnedSemaphorePermit) {
        let mut buffer = BytesMut::new();
        let greeting = self.greeted(&mut stream, &mut buffer, from);
        match timeout(HANDSHAKE_TIME, greeting).await.unwrap_or(Err(HandshakeError::TooSlow)) {
            Ok(Admission::Peer(peer, lane)) => {
                debug!(peer = %peer.id, ?lane, "{} connected from {from}", peer.name);
                let receiving = receive(stream, buffer, Arc::clone(&peer), Arc::clone(&self.surroundings));
                peer.accept(lane, Task::spawn(receiving));
            }
            Ok(Admission::Guest) => {
                let farewell = guest::host(stream, buffer, &self.handle).await;
                debug!(%from, "a guest went: {farewell}");
                drop(permit);
            }
            Err(error) => debug!(%from, "a handshake failed: {error}"),
        }
    }

    async fn greeted(
        &self,
        stream: &mut TcpStream,
        buffer: &mut BytesMut,
        from: SocketAddr,
    ) -> Result<Admission, HandshakeError> {
        let local = &self.surroundings.local;
        let hello = handshake::await_hello(stream, buffer).await?;
        match handshake::judge(&hello, local, &self.roster) {
            Ok((admission, protocol)) => {
                let welcome = Welcome::Accepted { protocol, node: local.node, cluster: local.cluster };
                handshake::answer(stream, &welcome).await?;
                Ok(admission)
            }
            Err(refusal) => {
                tell_refusal(&hello, &refusal, from);
                handshake::answer(stream, &Welcome::Refused(refusal.clone())).await?;
                Err(HandshakeError::Refused(refusal))
            }
        }
    }
}

/// Reads what a member says until its connection breaks. Our own connections to it tell whether it can be reached.
async fn receive(mut stream: TcpStream, buffer: BytesMut, peer: Arc<Peer>, surroundings: Arc<Surroundings>) {
    let broken = connection::receive(&mut stream, buffer, &peer, &surroundings).await;
    if let Broken::Frame(error) = &broken {
        warn!(peer = %peer.id, "closed a connection from {}[{}]: {error}", peer.name, peer.uri);
        // What it said is lost, as if it could not be reached.
        let _ = surroundings.events.send(Event::Unreachable { peer: peer.id }).await;
    } else {
        debug!(peer = %peer.id, "a connection from {}[{}] ended: {broken}", peer.name, peer.uri);
    }
}

fn tell_refusal(hello: &Hello, refusal: &HandshakeRefusal, from: SocketAddr) {
    let (node, name) = (hello.node, &hello.name);
    if handshake::is_for_good(refusal) {
        warn!(%node, "refused {name} from {from}: {refusal}");
    } else {
        info!(%node, "refused {name} from {from} for now: {refusal}");
    }
}
