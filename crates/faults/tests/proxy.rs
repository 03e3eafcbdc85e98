//! The faulty proxy: it changes nothing unless told to, and does what it is told.

use faults::proxy::{End, Proxy, Rule};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

const CLIENTS: (End, End) = (End::Clients, End::Node(0));

/// An echo behind a proxy, and the port to reach it by.
fn echo() -> (Proxy, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut back = stream.try_clone().expect("a socket can be cloned");
                let _ = std::io::copy(&mut stream, &mut back);
                let _ = back.shutdown(Shutdown::Write);
            });
        }
    });
    let proxy = Proxy::start(1).expect("the proxy starts");
    let front = proxy.add(0, port).expect("the proxy listens");
    (proxy, front)
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the proxy answers");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket takes a timeout");
    stream
}

/// Sends bytes that are no node's, ends, and returns everything that comes back.
fn there_and_back(port: u16, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = connect(port);
    let mut writing = stream.try_clone()?;
    let sent = bytes.to_vec();
    let writer = std::thread::spawn(move || {
        let _ = writing.write_all(&sent);
        let _ = writing.shutdown(Shutdown::Write);
    });
    let mut back = Vec::new();
    let read = stream.read_to_end(&mut back);
    writer.join().expect("the writer does not panic");
    read.map(|_| back)
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 % 251) as u8).collect()
}

#[test]
fn without_a_rule_everything_arrives_as_it_was_sent() {
    let (_proxy, port) = echo();
    let sent = bytes(3_000_000);
    assert_eq!(there_and_back(port, &sent).expect("it comes back"), sent);
}

#[test]
fn slow_links_change_nothing_but_time() {
    let (proxy, port) = echo();
    let rule = Rule { jitter: Duration::from_millis(2), bytes_per_second: Some(4_000_000), ..Rule::default() };
    proxy.links().set([CLIENTS, (CLIENTS.1, CLIENTS.0)], rule);
    let sent = bytes(300_000);
    assert_eq!(there_and_back(port, &sent).expect("it comes back"), sent);
    assert!(proxy.links().counts.all()["trickled"] > 0);
}

#[test]
fn a_cut_holds_everything_back_until_it_is_healed() {
    let (proxy, port) = echo();
    let mut stream = connect(port);
    stream.write_all(b"before").expect("it can be sent");
    let mut back = [0; 6];
    stream.read_exact(&mut back).expect("it comes back");
    proxy.links().set([CLIENTS], Rule::cut());
    stream.write_all(b"during").expect("it can be sent");
    stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a socket takes a timeout");
    assert!(stream.read(&mut back).is_err(), "something came through a cut");
    proxy.links().heal();
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket takes a timeout");
    stream.read_exact(&mut back).expect("it comes back at last");
    assert_eq!(&back, b"during");
    assert_eq!(proxy.links().counts.all()["held by a cut"], 1);
}

#[test]
fn damage_is_done_and_counted() {
    let (proxy, port) = echo();
    let flips = Rule { corrupt_permille: 1_000, ..Rule::default() };
    proxy.links().set([CLIENTS], flips);
    let back = there_and_back(port, b"plain words").expect("it comes back");
    assert_eq!(back.len(), 11);
    assert_ne!(&back, b"plain words");
    proxy.links().set([CLIENTS], Rule { repeated_permille: 1_000, ..Rule::default() });
    assert_eq!(there_and_back(port, b"ab").expect("it comes back"), b"abab");
    proxy.links().set([CLIENTS], Rule { swallowed_permille: 1_000, ..Rule::default() });
    assert_eq!(there_and_back(port, b"ab").expect("it comes back"), b"");
    let counts = proxy.links().counts.all();
    assert_eq!((counts["corrupted"], counts["repeated"], counts["swallowed"]), (1, 1, 1));
}

#[test]
fn a_reset_breaks_the_connection() {
    let (proxy, port) = echo();
    let mut stream = connect(port);
    stream.write_all(b"x").expect("it can be sent");
    stream.read_exact(&mut [0]).expect("it comes back");
    assert_eq!(proxy.links().reset(|(from, _)| from == End::Clients), 1);
    let error = stream.read(&mut [0]).expect_err("the connection is broken");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}
