//! `alianza bench` against real nodes: it measures through both interfaces, notices a lost node, and tells what was lost.

mod support;

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use support::{Process, free_port, run, temporary, text};

/// A node with its port for Redis clients.
struct Node {
    process: Process,
    redis: String,
}

fn cluster(directory: &Path, count: usize) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for _ in 0..count {
        let redis = format!("127.0.0.1:{}", free_port());
        let seed = nodes.first().map(|node| node.process.uri());
        let mut arguments = vec!["--redis", redis.as_str()];
        if let Some(seed) = &seed {
            arguments.extend(["--seeds", seed.as_str()]);
        }
        nodes.push(Node { process: Process::start(directory, &arguments), redis: redis.clone() });
    }
    nodes.iter().for_each(|node| node.process.wait_settled(count));
    nodes
}

fn bench(more: &[&str]) -> Output {
    run(&[&["bench", "--json", "--keys", "200", "--connections", "6", "--key-bytes", "8"], more].concat())
}

fn measured(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn every_mix_runs_through_both_interfaces_and_nothing_is_lost() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 3);
    let redis: Vec<&str> = nodes.iter().map(|node| node.redis.as_str()).collect();
    for mix in ["a", "b", "c", "d", "f", "get", "set", "read=1,update=1,insert=1,modify=1"] {
        let more = ["--load", "--verify", "--operations", "600", "--pipeline", "3", "--mix", mix];
        let output = bench(&[&redis[..], &more[..]].concat());
        assert!(output.status.success(), "{mix}: {output:?}");
        let found = measured(&output);
        assert_eq!((&found["answered"], &found["failed"]), (&json!(600), &json!(0)), "{mix}: {found}");
        let judged = found["verified"]["reads"].as_u64().unwrap();
        assert!(judged >= 200, "every key is read again: {found}");
        assert_eq!(found["verified"]["lost"].as_u64().unwrap() + found["verified"]["unread"].as_u64().unwrap(), 0);
        assert!(found["latency"]["p50"].as_f64().unwrap() > 0.0, "{found}");
    }
    let http: Vec<String> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.process.port)).collect();
    for (protocol, mix) in [("http", "a"), ("http", "e"), ("v1", "a")] {
        let addresses: Vec<&str> = http.iter().map(String::as_str).collect();
        let mut more = vec!["--protocol", protocol, "--load", "--operations", "300", "--mix", mix];
        // Ranges are of rows, and are not judged.
        more.extend((mix != "e").then_some("--verify"));
        let found = measured(&bench(&[&addresses[..], &more[..]].concat()));
        assert_eq!((&found["answered"], &found["failed"]), (&json!(300), &json!(0)), "{mix}: {found}");
    }
    let paced = ["--operations", "500", "--rate", "2000", "--mix", "a"];
    let found = measured(&bench(&[&redis[..], &paced[..]].concat()));
    assert_eq!((&found["answered"], &found["unsent"]), (&json!(500), &json!(0)), "{found}");
    assert!(found["seconds"].as_f64().unwrap() >= 499.0 / 2000.0, "operations began before they were due: {found}");
    assert!(found["latencyFromSending"]["p50"].is_number(), "{found}");
}

#[test]
fn a_killed_node_costs_failures_and_no_acknowledged_write() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 3);
    let redis: Vec<String> = nodes.iter().map(|node| node.redis.clone()).collect();
    let addresses: Vec<&str> = redis.iter().map(String::as_str).collect();
    let more = ["--verify", "--mix", "read=1,update=1", "--operations", "8000", "--patience", "20"];
    let command = [&addresses[..], &more[..]].concat();
    let output = std::thread::scope(|scope| {
        let running = scope.spawn(|| bench(&command));
        support::eventually("some key is written", || nodes[0].process.value("00000099").is_some());
        nodes[2].process.kill();
        running.join().expect("the tool ends")
    });
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    let found = measured(&output);
    assert_eq!(found["answered"].as_u64().unwrap() + found["failed"].as_u64().unwrap(), 8_000, "{found}");
    assert!(found["answered"].as_u64().unwrap() > 7_000, "{found}");
    assert!(!found["errors"].as_object().unwrap().is_empty(), "the killed node was not noticed: {found}");
}

/// A server that says OK and keeps nothing.
#[test]
fn what_was_lost_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let lines = BufReader::new(stream.try_clone().unwrap()).split(b'\n');
                for line in lines.map_while(Result::ok) {
                    match &line[..] {
                        b"SET\r" => stream.write_all(b"+OK\r\n").unwrap(),
                        b"GET\r" => stream.write_all(b"$-1\r\n").unwrap(),
                        _ => {}
                    }
                }
            });
        }
    });
    let output = bench(&[&address, "--mix", "set", "--operations", "50", "--verify"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let lost = measured(&output)["verified"]["lost"].as_u64().unwrap();
    assert!((1..=50).contains(&lost), "{lost}");
    assert!(text(&output.stderr).contains("did not agree with what was acknowledged; the first: key "), "{output:?}");
}

#[test]
fn what_cannot_be_measured_is_said_in_one_sentence() {
    let nobody = format!("127.0.0.1:{}", free_port());
    for (arguments, code, says) in [
        (&[nobody.as_str()][..], 5, "nothing listens there"),
        (&["--mix", "e"], 2, "use --protocol http"),
        (&["--mix", "x"], 2, "--mix must be get, set, a letter from a to f"),
        (&["--verify", "--value", "20"], 2, "--verify needs values of at least 48 bytes"),
        (&["--rate", "0"], 2, "--rate must be"),
        (&["--keys", "1000000000", "--key-bytes", "8"], 2, "--key-bytes is too small"),
        (&["nowhere"], 2, "nowhere is not an address"),
    ] {
        let output = run(&[&["bench"][..], arguments].concat());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
}

#[test]
fn tls_and_tokens_through_every_interface() {
    let directory = temporary();
    let tls = directory.path().join("tls");
    let at = |file: &str| tls.join(file).to_str().expect("UTF-8").to_owned();
    for arguments in [&["cert", "ca", &at("")][..], &["cert", "node", &at(""), "--host", "127.0.0.1"]] {
        assert!(run(arguments).status.success());
    }
    assert!(run(&["token", "bootstrap", &at("token")]).status.success());
    let redis = format!("127.0.0.1:{}", free_port());
    let flags =
        [("tls-cert", "node.pem"), ("tls-key", "node.key"), ("tls-ca", "ca.pem"), ("admin-token-file", "token")];
    let flags: Vec<String> = flags.iter().flat_map(|(flag, file)| [format!("--{flag}"), at(file)]).collect();
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain(["--redis", &redis]).collect();
    let node = Process::start(directory.path(), &flags);
    let http = format!("127.0.0.1:{}", node.port);
    let (ca, token) = (at("ca.pem"), at("token"));
    for (protocol, address) in [("redis", &redis), ("http", &http), ("v1", &http)] {
        let more = [address, "--protocol", protocol, "--load", "--verify", "--operations", "600", "--pipeline", "5"];
        // Many records to an answer, and many answers to a record.
        let more = [&more[..], &["--value", "48..50000", "--ca", &ca]].concat();
        let output = bench(&[&more[..], &["--token-file", &token]].concat());
        assert!(output.status.success(), "{protocol}: {output:?}");
        let found = measured(&output);
        assert_eq!(found["failed"], 0, "{protocol}: {found}");
        let denied = bench(&more);
        assert!(!denied.status.success() && !text(&denied.stderr).is_empty(), "{protocol}: {denied:?}");
    }
    let untrusted = bench(&[&redis, "--operations", "10", "--patience", "1", "--token-file", &token]);
    assert!(!untrusted.status.success(), "{untrusted:?}");
}
