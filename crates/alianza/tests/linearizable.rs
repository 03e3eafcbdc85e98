//! Items of a linearizable bucket beside those of eventual ones, over three processes of which one is killed: listed over every
//! interface, and explained.

mod support;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use support::{Process, agent, cluster, eventually, run, temporary, text};

const BUCKET: &str = "locks";

/// Three nodes that know the bucket.
fn with_locks(directory: &std::path::Path, arguments: &[&str]) -> Vec<Process> {
    let nodes = cluster(directory, 3, arguments);
    let path = format!("{}/v1/buckets/{BUCKET}", nodes[0].uri());
    let answer = agent().put(path).send(json!({ "mode": "linearizable" }).to_string()).expect("an answer");
    assert_eq!(answer.status(), 201);
    eventually("every node knows the bucket", || {
        nodes.iter().all(|node| node.get("/v1/buckets").body.contains("\"locks\""))
    });
    nodes
}

fn command(node: &Process, arguments: &[&str]) -> String {
    let output = run(&[arguments, &["--bucket", BUCKET, "--url", &node.uri()]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn put(node: &Process, key: &str, value: &str) {
    command(node, &["put", key, value]);
}

/// Key, value and version of every item, by the stream of `/v1`.
fn items(node: &Process) -> BTreeMap<String, (String, u64)> {
    let body = node.get(&format!("/v1/buckets/{BUCKET}/items")).body;
    let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(lines.last(), Some(&json!({ "end": true })), "{body}");
    let text = |item: &Value, name: &str| item[name].as_str().unwrap_or_else(|| panic!("{name} in {item}")).to_owned();
    let item = |item: &Value| (text(item, "key"), (text(item, "value"), item["version"].as_u64().expect("a version")));
    lines.iter().filter(|line| line["key"].is_string()).map(item).collect()
}

#[test]
fn items_are_listed_over_every_interface_also_without_one_node() {
    let directory = temporary();
    let mut nodes = with_locks(directory.path(), &["--partitions-bits", "6"]);
    let mut wanted = BTreeMap::new();
    for number in 0..12 {
        let key = format!("lock {number:02}");
        put(&nodes[number % 3], &key, "free");
        wanted.insert(key, ("free".to_owned(), 1));
    }
    put(&nodes[1], "lock 03", "taken");
    wanted.insert("lock 03".to_owned(), ("taken".to_owned(), 2));
    command(&nodes[2], &["delete", "lock 07"]);
    wanted.remove("lock 07");
    for node in &nodes {
        assert_eq!(items(node), wanted);
    }
    nodes[2].kill();
    put(&nodes[0], "lock 03", "while one is away");
    put(&nodes[1], "new lock", "x");
    wanted.insert("lock 03".to_owned(), ("while one is away".to_owned(), 3));
    wanted.insert("new lock".to_owned(), ("x".to_owned(), 1));
    assert_eq!(items(&nodes[0]), wanted);
    let scanned = command(&nodes[1], &["scan"]);
    assert!(wanted.keys().all(|key| scanned.contains(key.as_str())) && !scanned.contains("lock 07"), "{scanned}");
    let sql = json!({ "sql": "SELECT count(*) FROM item WHERE bucket = 'locks'", "scope": "cluster" });
    let answer = agent().post(format!("{}/console/sql", nodes[1].uri())).send(sql.to_string()).expect("an answer");
    let answer: Value = serde_json::from_str(&text(&answer.into_body().read_to_vec().expect("a body"))).expect("JSON");
    assert_eq!((&answer["rows"], &answer["partial"]), (&json!([[12]]), &Value::Null), "{answer}");
    // Who was away is behind, and helps to list all the same.
    nodes[2].launch();
    eventually("it is one of them again", || nodes[2].get("/readyz").status == 200 && items(&nodes[2]) == wanted);
    nodes[0].kill();
    eventually("the other two are enough", || items(&nodes[2]) == wanted);
}

#[test]
fn an_item_is_explained_by_what_each_replica_has_promised_and_accepted() {
    let directory = temporary();
    let mut nodes = with_locks(directory.path(), &["--partitions-bits", "6"]);
    put(&nodes[0], "lock", "one");
    put(&nodes[1], "lock", "two");
    let explain = |node: &Process| -> Value {
        serde_json::from_str(&command(node, &["explain", "lock", "--json"])).expect("it is JSON")
    };
    let registers = |of: &Value| -> Vec<Value> {
        let nodes = of["nodes"].as_array().expect("nodes").iter();
        nodes.filter(|node| node["register"].is_object()).map(|node| node["register"].clone()).collect()
    };
    eventually("every replica has it", || {
        let of = explain(&nodes[2]);
        registers(&of).len() == 3 && registers(&of).iter().all(|register| register["version"] == 2)
    });
    let of = explain(&nodes[2]);
    let accepted = registers(&of)[0]["accepted"].clone();
    assert!(registers(&of).iter().all(|register| register["accepted"] == accepted && register["voted"] == true));
    assert_eq!(of["answers"]["quorum"], json!([{ "found": true, "versions": [accepted] }]), "{of}");
    assert_eq!(of["answers"]["all"], json!([]));
    let shown = command(&nodes[1], &["explain", "lock"]);
    assert!(shown.contains("(linearizable, 3 copies)") && shown.contains("version 2 accepted under"), "{shown}");
    nodes[2].kill();
    nodes[1].kill();
    eventually("a read would be refused", || {
        explain(&nodes[0])["answers"]["quorum"] == json!([{ "refused": { "needed": 2, "got": 1 } }])
    });
}
