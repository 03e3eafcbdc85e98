//! The reference interface, sentence by sentence, with real processes and a plain HTTP client.

mod support;

use ring::Token;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use support::{Process, cluster, eventually, temporary};

/// The address of the node whose token comes first at or after the key's, by the events alone.
fn owner(events: &[Value], key: &str) -> String {
    let mut ring: BTreeMap<Token, String> = BTreeMap::new();
    for event in events {
        for token in event["tokens"].as_array().expect("tokens are a list") {
            let token = Token::parse_hex(token["value"].as_str().expect("a token is text")).expect("a token is hex");
            match event["type"].as_str() {
                Some("ADD") => ring.insert(token, event["uri"].as_str().expect("a uri is text").to_owned()),
                Some("REMOVE") => ring.remove(&token),
                other => panic!("an event of type {other:?}"),
            };
        }
    }
    let at = Token::of(key.as_bytes());
    let first = ring.range(at..).next().or_else(|| ring.iter().next());
    first.expect("the ring has tokens").1.clone()
}

fn assert_each_key_is_on_its_owner(nodes: &[&Process], keys: &[String]) {
    let events = nodes[0].events();
    let mut wanted: BTreeMap<String, Vec<String>> = nodes.iter().map(|node| (node.uri(), Vec::new())).collect();
    for key in keys {
        wanted.get_mut(&owner(&events, key)).expect("the owner is one of the nodes").push(key.clone());
    }
    for node in nodes {
        let mut wanted = wanted[&node.uri()].clone();
        wanted.sort();
        // What went elsewhere is dropped partition by partition, once the ring has settled.
        eventually(&format!("{} holds {wanted:?}", node.uri()), || {
            let mut held = node.own_keys();
            held.sort();
            held == wanted
        });
    }
}

#[test]
fn the_walk_through_works() {
    let directory = temporary();
    let first = Process::start(directory.path(), &["--n", "1"]);
    let seed = first.uri();
    let mut second = Process::start(directory.path(), &["--tokens", "3", "--seeds", &seed]);
    for node in [&first, &second] {
        node.wait_settled(2);
        let events = node.events();
        let uris: Vec<&str> = events.iter().filter_map(|event| event["uri"].as_str()).collect();
        assert_eq!(uris, [first.uri(), second.uri()]);
        assert_eq!(events[1]["tokens"].as_array().map(Vec::len), Some(3));
    }
    let keys = |range: std::ops::RangeInclusive<u32>| range.map(|i| format!("key_{i}")).collect::<Vec<_>>();
    for key in keys(1..=10) {
        assert_eq!(first.put(&key, &format!("value of {key}")).status, 200);
    }
    assert_each_key_is_on_its_owner(&[&first, &second], &keys(1..=10));

    let mut third = Process::start(directory.path(), &["--tokens", "8", "--seeds", &seed]);
    third.wait_settled(3);
    [&first, &second].iter().for_each(|node| node.wait_settled(3));
    assert_each_key_is_on_its_owner(&[&first, &second, &third], &keys(1..=10));
    for key in keys(11..=20) {
        assert_eq!(second.put(&key, &format!("value of {key}")).status, 200);
    }
    assert_each_key_is_on_its_owner(&[&first, &second, &third], &keys(1..=20));

    for leaver in [&mut third, &mut second] {
        let answer = leaver.post("/shutdown", "");
        assert!((200..300).contains(&answer.status), "{answer:?}");
        assert!(leaver.wait_for_end().success());
    }
    first.wait_settled(1);
    let mut held = first.own_keys();
    held.sort();
    let mut all = keys(1..=20);
    all.sort();
    assert_eq!(held, all);
    for key in all {
        assert_eq!(first.value(&key), Some(format!("value of {key}")));
    }
    let kinds: Vec<Value> = first.events().iter().map(|event| event["type"].clone()).collect();
    assert_eq!(kinds, ["ADD", "ADD", "ADD", "REMOVE", "REMOVE"]);
}

#[test]
fn get_and_put_answer_as_the_reference_does() {
    let directory = temporary();
    let node = Process::start(directory.path(), &[]);
    let missing = node.call(&json!({"type": "GET", "key": "9"}));
    assert_eq!((missing.status, missing.content_type.as_str()), (404, "application/problem+json"));
    assert_eq!(node.put("9", "first").status, 200);
    assert_eq!(node.put("9", "second").status, 200);
    let found = node.call(&json!({"type": "GET", "key": "9"}));
    assert_eq!(found.status, 200);
    assert_eq!((&found.json()["key"], &found.json()["value"]), (&json!("9"), &json!("second")));
    let long = "k".repeat(1 << 20);
    assert_eq!(node.put(&long, "of a long key").status, 200);
    assert_eq!(node.value(&long).as_deref(), Some("of a long key"));
    assert_eq!(node.value(&format!("{long}x")), None);
    for key in ["", "ключ 🔑", "a\u{0}b", "\"quoted\""] {
        assert_eq!(node.put(key, key).status, 200, "{key:?}");
        assert_eq!(node.value(key).as_deref(), Some(key));
    }
}

#[test]
fn keys_of_a_mebibyte_travel_between_nodes_and_move_with_the_ring() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 2, &["--n", "1"]);
    let keys: Vec<String> = (0..6).map(|i| format!("{i}{}", "k".repeat(1 << 20))).collect();
    for (i, key) in keys.iter().enumerate() {
        assert_eq!(nodes[i % 2].put(key, &format!("value {i}")).status, 200);
    }
    let third = Process::start(directory.path(), &["--seeds", &nodes[0].uri()]);
    third.wait_settled(3);
    for (i, key) in keys.iter().enumerate() {
        assert_eq!(third.value(key), Some(format!("value {i}")));
    }
}

#[test]
fn explicit_tokens_make_a_known_ring() {
    let directory = temporary();
    let quarter = |digit: char| format!("{digit}{}", "0".repeat(39));
    let (a, b, c) = (quarter('4'), quarter('8'), quarter('c'));
    let first = Process::start(directory.path(), &["--n", "1", "--token", &a, "--token", &c]);
    let second = Process::start(directory.path(), &["--token", &b, "--seeds", &first.uri()]);
    second.wait_settled(2);
    first.wait_settled(2);
    let events = second.events();
    assert_eq!(events[0]["tokens"], json!([{"value": a}, {"value": c}]));
    assert_eq!(events[1]["tokens"], json!([{"value": b}]));
    for key in ["key_2", "key_3", "key_7", "key_20"] {
        assert_eq!(first.put(key, "v").status, 200);
    }
    // 1388… and 07ef… lie before 4000…, ba37… and bf77… between 8000… and c000….
    let mut held = first.own_keys();
    held.sort();
    assert_eq!(held, ["key_2", "key_20", "key_3", "key_7"]);
    assert!(second.own_keys().is_empty());
    let more: Vec<String> = (100..140).map(|i| format!("key_{i}")).collect();
    more.iter().for_each(|key| assert_eq!(second.put(key, "v").status, 200));
    let expected = more.iter().filter(|key| owner(&events, key) == second.uri()).count();
    assert!(expected > 0);
    assert_eq!(second.own_keys().len(), expected);
}

#[test]
fn history_and_data_survive_restarts() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 3, &[]);
    for i in 0..20 {
        assert_eq!(nodes[i % 3].put(&format!("key_{i}"), &format!("v{i}")).status, 200);
    }
    let before = nodes[0].events();
    nodes.iter_mut().for_each(Process::kill);
    // One after the other and the seed last: the ring comes from each node's own history.
    nodes.iter_mut().rev().for_each(Process::launch);
    for node in &nodes {
        assert_eq!(node.events(), before);
        for i in 0..20 {
            eventually("a quorum is up", || {
                node.call(&json!({"type": "GET", "key": format!("key_{i}")})).status == 200
            });
            assert_eq!(node.value(&format!("key_{i}")), Some(format!("v{i}")));
        }
    }
}

#[test]
fn events_and_forwarding_are_logged() {
    let directory = temporary();
    let first = Process::start(directory.path(), &["--n", "1", "--name", "Ted"]);
    let second = Process::start(directory.path(), &["--name", "Khadijah", "--seeds", &first.uri()]);
    second.wait_settled(2);
    first.wait_settled(2);
    let keys: Vec<String> = (1..=20).map(|i| format!("key_{i}")).collect();
    keys.iter().for_each(|key| assert_eq!(first.put(key, "v").status, 200));
    let events = first.events();
    let forwarded = keys.iter().find(|key| owner(&events, key) == second.uri()).expect("some key lives elsewhere");
    let line = format!("Forwarding put request \"{forwarded}\" to Khadijah[{}]", second.uri());
    assert!(first.log().contains(&line), "{line}\n{}", first.log());
    let arrived =
        |log: &str| log.lines().any(|l| l.contains("ADD") && l.contains("Khadijah") && l.contains(&second.uri()));
    assert!(arrived(&first.log()), "{}", first.log());
}

#[test]
fn nodes_that_join_at_the_same_time_learn_of_each_other() {
    let directory = temporary();
    let seed = Process::start(directory.path(), &[]);
    let uri = seed.uri();
    let nodes: Vec<Process> = std::thread::scope(|scope| {
        let start = |_| scope.spawn(|| Process::start(Path::new(directory.path()), &["--seeds", &uri]));
        let started: Vec<_> = (0..3).map(start).collect();
        started.into_iter().map(|thread| thread.join().expect("the node starts")).collect()
    });
    let all: Vec<&Process> = nodes.iter().chain([&seed]).collect();
    all.iter().for_each(|node| node.wait_settled(4));
    let events = seed.events();
    let names: std::collections::BTreeSet<String> = events.iter().map(|event| event["name"].to_string()).collect();
    assert_eq!(names.len(), 4, "names are distinct: {names:?}");
    all.iter().for_each(|node| assert_eq!(node.events(), events));
}
