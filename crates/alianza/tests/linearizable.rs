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

fn ok(node: &Process, arguments: &[&str]) -> String {
    let output = run(&[arguments, &["--url", &node.uri()]].concat());
    assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn json_of(node: &Process, arguments: &[&str]) -> Value {
    let out = ok(node, &[arguments, &["--json"]].concat());
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error} in {out}"))
}

fn values(node: &Process) -> BTreeMap<String, String> {
    items(node).into_iter().map(|(key, (value, _))| (key, value)).collect()
}

#[test]
fn items_are_backed_up_without_one_node_and_restored_without_taking_back_what_came_later() {
    let directory = temporary();
    let backups = directory.path().join("backups");
    let backups = backups.to_str().expect("temporary paths are text");
    let mut nodes = with_locks(directory.path(), &["--partitions-bits", "6"]);
    for number in 0..40 {
        put(&nodes[number % 3], &format!("lock {number}"), &format!("owner {number}"));
    }
    command(&nodes[0], &["delete", "lock 39"]);
    nodes[2].kill();
    put(&nodes[0], "lock 0", "owner two");
    let saved = values(&nodes[1]);
    assert_eq!(saved.len(), 39);
    let taken = json_of(&nodes[1], &["backup", backups]);
    assert_eq!(taken["records"], 39, "{taken}");
    let again = json_of(&nodes[0], &["backup", backups]);
    assert_eq!(again["writtenParts"], 0, "what did not change is not written again: {again}");
    let verified = run(&["backup", "verify", backups]);
    assert!(verified.status.success(), "{}", text(&verified.stderr));
    nodes[2].launch();

    // Into the living cluster: what is there stays, unless it is to be overwritten; what came after the restore began always does.
    put(&nodes[1], "lock 1", "newer");
    command(&nodes[1], &["delete", "lock 2"]);
    let restored = json_of(&nodes[1], &["restore", backups]);
    assert_eq!((&restored["written"], &restored["kept"]), (&json!(1), &json!(38)), "{restored}");
    assert_eq!(values(&nodes[0])["lock 1"], "newer");
    assert_eq!(values(&nodes[0])["lock 2"], "owner 2");
    let restored = json_of(&nodes[0], &["restore", backups, "--overwrite"]);
    assert_eq!((&restored["written"], &restored["equal"]), (&json!(39), &json!(39)), "{restored}");
    assert_eq!(values(&nodes[1]), saved);
    put(&nodes[1], "lock 3", "after the restore");
    command(&nodes[1], &["delete", "lock 4"]);
    let event = restored["restore"].to_string();
    let again = json_of(&nodes[0], &["restore", backups, "--resume", &event]);
    assert_eq!((&again["written"], &again["done"], &again["kept"]), (&json!(0), &json!(37), &json!(2)), "{again}");
    assert_eq!(values(&nodes[1])["lock 3"], "after the restore");
    assert!(!values(&nodes[1]).contains_key("lock 4"));

    // Into another cluster, with another number of partitions; and there and back as lines.
    let other = cluster(directory.path(), 1, &["--partitions-bits", "4"]);
    let restored = json_of(&other[0], &["restore", backups]);
    assert_eq!((&restored["written"], &restored["equal"]), (&json!(39), &json!(39)), "{restored}");
    assert_eq!(values(&other[0]), saved);
    let buckets = other[0].get("/v1/buckets").json();
    let locks = buckets["buckets"].as_array().expect("buckets").iter().find(|bucket| bucket["name"] == BUCKET);
    assert_eq!(locks.map(|bucket| &bucket["mode"]), Some(&json!("linearizable")));
    let file = directory.path().join("lines");
    let file = file.to_str().expect("temporary paths are text");
    ok(&other[0], &["export", file]);
    assert_eq!(std::fs::read_to_string(file).expect("the export is there").lines().count(), 39);
    command(&other[0], &["delete", "lock 5"]);
    put(&other[0], "lock 6", "else");
    let imported = json_of(&other[0], &["import", file]);
    assert_eq!((&imported["written"], &imported["same"]), (&json!(2), &json!(37)), "{imported}");
    assert_eq!(values(&other[0]), saved);
}
