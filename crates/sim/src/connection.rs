//! What each host believes of its connections to its peers, which decides when its node is told `Connected` and
//! `Unreachable`.
//!
//! Every host dials every peer, as the server does: a connection carries messages one way and needs both to be made.
//! Invariant: a node hears `Connected` and `Unreachable` in turns, for each peer; what waits for a connection is bounded
//! and dropped when the dialling fails.
//! Refuses to know when hosts run and which links are cut.

use crate::fault::HostId;
use node::proto::Message;
use std::collections::BTreeMap;

/// Messages that wait for one connection.
const WAITING_MAX: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Dialling,
    Standing,
    Broken,
}

struct Connection {
    state: State,
    waiting: Vec<Message>,
}

/// The connections of one life of a host.
#[derive(Default)]
pub(crate) struct Connections {
    peers: BTreeMap<HostId, Connection>,
}

impl Connections {
    /// Talks to these and nobody else from now on. Returns who is new, to be dialled.
    pub(crate) fn replace(&mut self, peers: &[HostId]) -> Vec<HostId> {
        self.peers.retain(|peer, _| peers.contains(peer));
        let mut new = Vec::new();
        for peer in peers {
            if !self.peers.contains_key(peer) {
                self.peers.insert(*peer, Connection { state: State::Dialling, waiting: Vec::new() });
                new.push(*peer);
            }
        }
        new
    }

    pub(crate) fn is_peer(&self, peer: HostId) -> bool {
        self.peers.contains_key(&peer)
    }

    pub(crate) fn stands(&self, peer: HostId) -> bool {
        self.peers.get(&peer).is_some_and(|connection| connection.state == State::Standing)
    }

    /// Lets a message wait for the connection; it is lost if there is no room.
    pub(crate) fn wait(&mut self, peer: HostId, message: Message) {
        if let Some(connection) = self.peers.get_mut(&peer).filter(|c| c.waiting.len() < WAITING_MAX) {
            connection.waiting.push(message);
        }
    }

    /// Messages that wait for connections.
    pub(crate) fn waiting(&self) -> usize {
        self.peers.values().map(|connection| connection.waiting.len()).sum()
    }

    /// The connection was made: returns what waited for it, or nothing if it stood already.
    pub(crate) fn made(&mut self, peer: HostId) -> Option<Vec<Message>> {
        let connection = self.peers.get_mut(&peer).filter(|c| c.state != State::Standing)?;
        connection.state = State::Standing;
        Some(std::mem::take(&mut connection.waiting))
    }

    /// The connection broke, or could not be made. True if that is news.
    pub(crate) fn broke(&mut self, peer: HostId) -> bool {
        let Some(connection) = self.peers.get_mut(&peer) else { return false };
        connection.waiting.clear();
        std::mem::replace(&mut connection.state, State::Broken) != State::Broken
    }
}

#[cfg(test)]
mod tests {
    use super::Connections;
    use crate::fault::HostId;
    use node::proto::Message;

    #[test]
    fn messages_wait_for_a_connection_and_are_dropped_when_dialling_fails() {
        let peer = HostId(1);
        let mut connections = Connections::default();
        assert_eq!(connections.replace(&[peer]), [peer]);
        assert_eq!(connections.replace(&[peer]), []);
        connections.wait(peer, Message::Ping { nonce: 1 });
        assert_eq!(connections.made(peer), Some(vec![Message::Ping { nonce: 1 }]));
        assert_eq!(connections.made(peer), None);
        assert!(connections.broke(peer) && !connections.broke(peer));
        connections.wait(peer, Message::Ping { nonce: 2 });
        assert!(!connections.broke(peer));
        assert_eq!(connections.made(peer), Some(Vec::new()));
        assert!(connections.stands(peer));
        assert!(!connections.broke(HostId(7)));
    }
}
