//! Too much at once, at a real node: it refuses early and in words, stays small, and one greedy client does not stop the
//! others. What is compared is order, counts, memory and processor time, never the clock.

#![allow(clippy::unwrap_used, reason = "clippy does not see that this file's functions serve tests only")]

mod support;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use support::{PATIENCE, Process, free_port, run, temporary, text};

/// A node with its port for Redis clients.
struct Node {
    process: Process,
    redis: String,
}

impl Node {
    fn start(directory: &Path, more: &[&str]) -> Node {
        let redis = format!("127.0.0.1:{}", free_port());
        // Nothing is to fail because the machine has other work.
        let arguments = [&["--redis", redis.as_str(), "--request-time", "60s"], more].concat();
        let process = Process::start(directory, &arguments);
        process.wait_settled(1);
        Node { process, redis }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.redis).expect("the node takes clients");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// A field of its status in kB, as bytes.
    fn memory(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with(field)).expect("the field is there");
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    }

    /// Processor time so far, in ticks of 10 ms.
    fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("it runs");
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

fn bench(node: &Node, more: &[&str]) -> Value {
    let output = run(&[&["bench", &node.redis, "--json", "--keys", "1000"], more].concat());
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

/// Sends and reads exactly this.
fn exchange(stream: &mut TcpStream, send: &[u8], expected: &[u8]) {
    stream.write_all(send).expect("the node reads");
    let mut found = vec![0; expected.len()];
    stream.read_exact(&mut found).expect("the node answers");
    assert_eq!(text(&found), text(expected));
}

#[test]
fn beyond_its_capacity_a_node_refuses_early_and_keeps_little_in_memory() {
    let directory = temporary();
    let (small, large) = (
        Node::start(directory.path(), &["--requests-max", "48"]),
        Node::start(directory.path(), &["--requests-max", "100000"]),
    );
    let flood =
        ["--mix", "set", "--connections", "100", "--pipeline", "28", "--operations", "15000", "--patience", "60"];
    let calm = bench(&small, &["--mix", "set", "--connections", "8", "--operations", "2000"]);
    assert_eq!(calm["failed"], 0, "{calm}");
    let before = small.memory("VmHWM");
    // Both at the same time, so that both have the same share of the machine.
    let (shed, queued) = std::thread::scope(|scope| {
        let shed = scope.spawn(|| bench(&small, &flood));
        let queued = bench(&large, &flood);
        (shed.join().expect("the tool ends"), queued)
    });
    let (refused, full) = (shed["failed"].as_u64().unwrap(), queued["failed"].as_u64().unwrap());
    // On a busy machine some wait too long to be begun (`crates/server/src/patience.rs`).
    assert!(refused > full, "{refused} refused with little room, {full} with much");
    assert!(shed["answered"].as_u64().unwrap() > 48, "{shed}");
    let words: Vec<&String> = shed["errors"].as_object().unwrap().keys().collect();
    assert!(words.iter().all(|words| words.starts_with("TRYAGAIN Too many requests")), "{words:?}");
    let p99 = |found: &Value| found["latency"]["p99"].as_f64().unwrap();
    // How long they wait is for bench/ to say: a test that compares times fails on some busy machine.
    eprintln!("p99 of what was accepted: {} s with little room, {} s with much", p99(&shed), p99(&queued));
    assert!(small.memory("VmHWM") < before + (64 << 20), "the flood is kept in memory");
    let after = bench(&small, &["--mix", "set", "--connections", "8", "--operations", "500"]);
    assert_eq!(after["failed"], 0, "{after}");
}

#[test]
fn ten_thousand_idle_connections_cost_little() {
    const COUNT: usize = 10_000;
    let wanted = COUNT as u64 + 2_000;
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|maximum| maximum < wanted) {
        eprintln!("SKIPPED: the system allows {:?} open files, {wanted} are needed: ulimit -Hn", limit.maximum);
        return;
    }
    let current = limit.current.map(|current| current.max(wanted));
    setrlimit(Resource::Nofile, Rlimit { current, ..limit }).expect("the limit can be raised");
    let directory = temporary();
    let node = Node::start(directory.path(), &["--connections-max", "12000", "--log", "info"]);
    let load = ["--mix", "a", "--connections", "1", "--operations", "600"];
    bench(&node, &load);
    let ticks = || {
        let before = node.ticks();
        bench(&node, &load);
        node.ticks() - before
    };
    let alone = ticks();
    let before = node.memory("VmRSS");
    let mut idle = Vec::with_capacity(COUNT);
    for _ in 0..COUNT {
        let mut stream = node.connect();
        exchange(&mut stream, b"PING\r\n", b"+PONG\r\n");
        idle.push(stream);
    }
    let each = node.memory("VmRSS").saturating_sub(before) / COUNT as u64;
    eprintln!("an idle connection holds {each} bytes");
    assert!(each < 24 << 10, "an idle connection holds {each} bytes");
    let beside = ticks();
    assert!(beside <= alone * 2 + 10, "work costs {beside} ticks beside idle connections, {alone} alone");
    idle.iter_mut().step_by(997).for_each(|stream| exchange(stream, b"PING\r\n", b"+PONG\r\n"));
}

/// Does something greedy on a connection of its own while others ask, one after the other; how often they were answered
/// before the greedy client was done.
fn answered_meanwhile(node: &Node, greedy: impl FnOnce(TcpStream) + Send) -> u64 {
    let (done, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let greedy = {
            let (stream, done) = (node.connect(), &done);
            scope.spawn(move || {
                greedy(stream);
                done.store(true, Ordering::SeqCst);
            })
        };
        let mut other = node.connect();
        while !done.load(Ordering::SeqCst) && !greedy.is_finished() {
            exchange(&mut other, b"*2\r\n$3\r\nGET\r\n$4\r\nnone\r\n", b"$-1\r\n");
            if !done.load(Ordering::SeqCst) {
                answered.fetch_add(1, Ordering::SeqCst);
            }
        }
        greedy.join().expect("the greedy client is served, too");
    });
    answered.into_inner()
}

#[test]
fn a_huge_pipeline_does_not_stall_the_others() {
    const COUNT: usize = 20_000;
    let directory = temporary();
    let node = Node::start(directory.path(), &[]);
    let before = node.memory("VmHWM");
    let answered = answered_meanwhile(&node, |mut stream| {
        let mut reader = stream.try_clone().unwrap();
        let writer = std::thread::spawn(move || {
            let mut all = Vec::new();
            for number in 0..COUNT {
                all.extend_from_slice(format!("*3\r\n$3\r\nSET\r\n$5\r\n{number:05}\r\n$1000\r\n").as_bytes());
                all.extend_from_slice(&[b'v'; 1000]);
                all.extend_from_slice(b"\r\n");
            }
            stream.write_all(&all).expect("the node reads all of it in its own time");
        });
        let mut replies = vec![0; 5 * COUNT];
        reader.read_exact(&mut replies).expect("everything is answered");
        assert!(replies.chunks(5).all(|reply| reply == b"+OK\r\n"));
        writer.join().unwrap();
    });
    assert!(answered >= 20, "others were answered {answered} times meanwhile");
    // The pipeline has 20 MB, and as much goes through journal and memory table; the node reads on when it has answered.
    let grown = node.memory("VmHWM") - before;
    assert!(grown < 96 << 20, "the pipeline made the node grow by {grown} bytes");
}

#[test]
fn a_huge_value_does_not_stall_the_others() {
    const BYTES: usize = 48 << 20;
    let directory = temporary();
    let node = Node::start(directory.path(), &[]);
    let answered = answered_meanwhile(&node, |mut stream| {
        stream.write_all(format!("*3\r\n$3\r\nSET\r\n$4\r\nhuge\r\n${BYTES}\r\n").as_bytes()).unwrap();
        for part in vec![b'v'; BYTES].chunks(1 << 20) {
            stream.write_all(part).unwrap();
        }
        exchange(&mut stream, b"\r\n", b"+OK\r\n");
        stream.write_all(b"*2\r\n$3\r\nGET\r\n$4\r\nhuge\r\n").unwrap();
        let mut reply = vec![0; format!("${BYTES}\r\n").len() + BYTES + 2];
        stream.read_exact(&mut reply).expect("the value is read back");
    });
    assert!(answered >= 10, "others were answered {answered} times meanwhile");
}

/// A client that asks for much and takes nothing is not fed without bound, and others go on.
#[test]
fn who_takes_no_answers_is_not_kept_in_memory() {
    let directory = temporary();
    let node = Node::start(directory.path(), &[]);
    let value = [&b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$100000\r\n"[..], &[b'v'; 100_000], b"\r\n"].concat();
    exchange(&mut node.connect(), &value, b"+OK\r\n");
    let before = node.memory("VmHWM");
    let mut deaf: Vec<TcpStream> = (0..20).map(|_| node.connect()).collect();
    for stream in &mut deaf {
        stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(&b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n".repeat(1_000)).expect("requests are small");
    }
    for _ in 0..200 {
        exchange(&mut node.connect(), b"*2\r\n$3\r\nGET\r\n$4\r\nnone\r\n", b"$-1\r\n");
    }
    // 2 GB were asked for. A connection has at most 64 replies waiting (`crates/api/src/redis/window.rs`).
    let grown = node.memory("VmHWM") - before;
    assert!(grown < 256 << 20, "answers that nobody takes made the node grow by {grown} bytes");
}
