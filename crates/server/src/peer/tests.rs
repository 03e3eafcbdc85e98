//! Peers over real sockets: who gets in, what arrives, and what is reported when nobody answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use codec::Role;
use proto::{Message, Pulse};
use ring::{Member, NodeId};
use stdx::Prng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::event::{self, Event};
use crate::handle::{Handle, tests::handle_on};
use crate::peer::directory::{Directory, Roster};
use crate::peer::handshake::{self, HandshakeError};
use crate::peer::listener::{HttpStream, Listener};
use crate::peer::{Local, PulseCell, Surroundings};

pub(crate) const CLUSTER: u128 = 7;

pub(crate) fn local(node: u128) -> Local {
    Local { node: NodeId(node), cluster: CLUSTER, name: format!("node-{node}"), pulse: PulseCell::default() }
}

/// A member that is reached on this port of the loopback.
pub(crate) fn member(node: u128, port: u16) -> Member {
    let uri = format!("http://127.0.0.1:{port}");
    Member { id: NodeId(node), name: format!("node-{node}"), uri, tokens: Vec::new(), weight: 100, zone: None }
}

pub(crate) fn surroundings(node: u128) -> (Arc<Surroundings>, mpsc::Receiver<Event>) {
    let (events, queue) = event::queue(0);
    let surroundings =
        Surroundings { local: local(node), clock: Clock::start(), events, counters: Arc::default(), tls: None };
    (Arc::new(surroundings), queue)
}

pub(crate) fn roster_of(nodes: &[u128]) -> Roster {
    let roster = Roster::default();
    roster.set(
        nodes
            .iter()
            .map(|node| (NodeId(*node), Arc::new(super::Peer::new(&member(*node, 9), PulseCell::default()))))
            .collect(),
    );
    roster
}

/// Two ends of one connection.
pub(crate) async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dialled = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (dialled, listener.accept().await.unwrap().0)
}

/// A node whose machine is the test.
struct Station {
    directory: Directory,
    queue: mpsc::Receiver<Event>,
    surroundings: Arc<Surroundings>,
    handle: Handle,
    address: SocketAddr,
    http: mpsc::Receiver<HttpStream>,
}

impl Station {
    async fn new(node: u128, at: SocketAddr) -> Station {
        let socket = TcpListener::bind(at).await.unwrap();
        let (address, roster) = (socket.local_addr().unwrap(), Arc::<Roster>::default());
        let (surroundings, queue) = surroundings(node);
        let handle = handle_on(surroundings.events.clone());
        let listener = Listener {
            handle: handle.clone(),
            roster: Arc::clone(&roster),
            surroundings: Arc::clone(&surroundings),
            refusals: Arc::default(),
        };
        let (sender, http) = mpsc::channel(1);
        tokio::spawn(listener.run(socket, sender));
        let directory = Directory::new(Arc::clone(&surroundings), roster, Prng::new(node as u64));
        Station { directory, queue, surroundings, handle, address, http }
    }

    async fn anywhere(node: u128) -> Station {
        Station::new(node, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    fn know(&mut self, others: &[&Member]) {
        self.directory.replace(&others.iter().map(|member| (*member).clone()).collect::<Vec<_>>());
    }

    fn member(&self) -> Member {
        Member { id: self.surroundings.local.node, ..member(0, self.address.port()) }
    }

    async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = self.queue.recv().await.unwrap();
            if wanted(&event) {
                return event;
            }
        }
    }

    async fn until_connected(&mut self) {
        for _ in [Role::Control, Role::Data] {
            self.until(|event| matches!(event, Event::Connected { .. })).await;
        }
    }

    async fn until_said(&mut self) -> (NodeId, Vec<Message>) {
        match self.until(|event| matches!(event, Event::Peer { .. })).await {
            Event::Peer { from, messages } => (from, messages),
            _ => unreachable!("only such events are waited for"),
        }
    }
}

async fn friends() -> (Station, Station) {
    let (mut one, mut two) = (Station::anywhere(1).await, Station::anywhere(2).await);
    let (first, second) = (one.member(), two.member());
    one.know(&[&first, &second]);
    two.know(&[&first, &second]);
    one.until_connected().await;
    two.until_connected().await;
    (one, two)
}

#[tokio::test]
async fn peers_hear_each_other() {
    let (mut one, mut two) = friends().await;
    one.directory.send(NodeId(2), Message::Ping { nonce: 1 });
    one.directory.send(NodeId(2), Message::Ping { nonce: 2 });
    let pings = vec![Message::Ping { nonce: 1 }, Message::Ping { nonce: 2 }];
    assert_eq!(two.until_said().await, (NodeId(1), pings));
    two.directory.send(NodeId(1), Message::Pong { nonce: 2 });
    assert_eq!(one.until_said().await, (NodeId(2), vec![Message::Pong { nonce: 2 }]));
    assert!(one.directory.is_flushed());
}

#[tokio::test]
async fn a_peer_that_comes_back_is_connected_to_again() {
    let (mut one, two) = friends().await;
    let (address, first) = (two.address, one.member());
    two.handle.shutdown();
    drop(two);
    one.until(|event| matches!(event, Event::Unreachable { peer } if *peer == NodeId(2))).await;
    let mut two = loop {
        // The listening socket is closed by a task of its own.
        match TcpListener::bind(address).await {
            Ok(socket) => drop(socket),
            Err(_) => {
                tokio::task::yield_now().await;
                continue;
            }
        }
        break Station::new(2, address).await;
    };
    two.know(&[&first]);
    one.until_connected().await;
    one.directory.send(NodeId(2), Message::Ping { nonce: 3 });
    assert_eq!(two.until_said().await, (NodeId(1), vec![Message::Ping { nonce: 3 }]));
}

#[tokio::test]
async fn a_peer_at_another_address_than_known_is_answered_where_it_came_from() {
    let (mut one, mut two) = (Station::anywhere(1).await, Station::anywhere(2).await);
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    one.know(&[&member(2, nowhere.port())]);
    one.until(|event| matches!(event, Event::Unreachable { .. })).await;
    let first = one.member();
    two.know(&[&first]);
    two.until_connected().await;
    one.until_connected().await;
    two.directory.send(NodeId(1), Message::Ping { nonce: 5 });
    assert_eq!(one.until_said().await, (NodeId(2), vec![Message::Ping { nonce: 5 }]));
    one.directory.send(NodeId(2), Message::Pong { nonce: 5 });
    assert_eq!(two.until_said().await, (NodeId(1), vec![Message::Pong { nonce: 5 }]));
    // Once it is known where the other one is, a connection there takes over.
    let second = two.member();
    one.know(&[&second]);
    one.until_connected().await;
    one.directory.send(NodeId(2), Message::Pong { nonce: 6 });
    assert_eq!(two.until_said().await, (NodeId(1), vec![Message::Pong { nonce: 6 }]));
}

#[tokio::test]
async fn a_peer_that_is_no_longer_one_loses_its_connections() {
    let (mut one, mut two) = friends().await;
    one.know(&[]);
    two.until(|event| matches!(event, Event::Unreachable { .. })).await;
    one.directory.send(NodeId(2), Message::Ping { nonce: 4 });
    assert!(one.directory.is_flushed());
}

#[tokio::test]
async fn damaged_frames_end_the_connection_and_are_reported() {
    let mut one = Station::anywhere(1).await;
    one.know(&[&member(2, 9)]);
    let mut stream = TcpStream::connect(one.address).await.unwrap();
    let hello = handshake::hello(NodeId(2), Some(CLUSTER), Role::Control, "Ted", Pulse::default());
    handshake::greet(&mut stream, &mut BytesMut::new(), &hello).await.unwrap();
    while one.queue.try_recv().is_ok() {}
    let mut frame = codec::encode_frame(&[Message::Ping { nonce: 1 }]).to_vec();
    *frame.last_mut().unwrap() ^= 1;
    stream.write_all(&frame).await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    one.until(|event| matches!(event, Event::Unreachable { peer } if *peer == NodeId(2))).await;
}

#[tokio::test]
async fn a_node_of_another_cluster_is_told_so() {
    let one = Station::anywhere(1).await;
    let mut stream = TcpStream::connect(one.address).await.unwrap();
    let hello = handshake::hello(NodeId(2), Some(8), Role::Control, "Ted", Pulse::default());
    let error = handshake::greet(&mut stream, &mut BytesMut::new(), &hello).await.unwrap_err();
    let HandshakeError::Refused(refusal) = error else { panic!("{error}") };
    assert!(handshake::is_for_good(&refusal));
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn half_a_handshake_is_not_waited_for_without_end() {
    let one = Station::anywhere(1).await;
    let mut stream = TcpStream::connect(one.address).await.unwrap();
    stream.write_all(&codec::MAGIC).await.unwrap();
    tokio::time::pause();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn clients_are_handed_on_until_the_node_stops() {
    let mut one = Station::anywhere(1).await;
    let mut client = TcpStream::connect(one.address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let (mut stream, from) = one.http.recv().await.unwrap();
    assert_eq!(from, client.local_addr().unwrap());
    let mut bytes = [0; 3];
    stream.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"GET");
    // Somebody who says nothing does not keep the listener from ending.
    let _silent = TcpStream::connect(one.address).await.unwrap();
    one.handle.shutdown();
    assert!(one.http.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_away_is_dialled_less_and_less_often() {
    let away = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (surroundings, mut queue) = surroundings(1);
    let mut directory = Directory::new(Arc::clone(&surroundings), Arc::default(), Prng::new(1));
    directory.replace(&[member(2, away.port())]);
    let count = async |queue: &mut mpsc::Receiver<Event>, time: Duration| {
        let mut failures = 0;
        let _ = tokio::time::timeout(time, async {
            while let Some(Event::Unreachable { .. }) = queue.recv().await {
                failures += 1;
            }
        })
        .await;
        failures
    };
    let at_first = count(&mut queue, Duration::from_secs(60)).await;
    assert!((8..=120).contains(&at_first), "{at_first} failures in the first minute");
    let later = count(&mut queue, Duration::from_secs(600)).await;
    assert!((100..=600).contains(&later), "{later} failures in ten minutes");
}

#[tokio::test]
async fn an_overflowing_peer_is_reported_once() {
    let (surroundings, _queue) = surroundings(1);
    let mut directory = Directory::new(Arc::clone(&surroundings), Arc::default(), Prng::new(1));
    directory.replace(&[member(2, 9)]);
    let answer = || Message::Pushed { session: proto::SessionId(1), ok: true };
    for _ in 0..20_000 {
        directory.send(NodeId(2), answer());
    }
    assert_eq!(directory.take_overflowed(), [NodeId(2)]);
    directory.send(NodeId(2), answer());
    assert!(directory.take_overflowed().is_empty());
    assert_eq!(surroundings.counters.peer_drops.get(), 20_001 - 16_384);
}
