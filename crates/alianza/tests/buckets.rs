//! Buckets and what a request may ask for: levels, siblings and contexts, deletes, time to live, sort keys, durability.

mod support;

use serde_json::{Value, json};
use support::{Process, cluster, eventually, temporary};

fn call(node: &Process, request: Value) -> (u16, Value) {
    let answer = node.call(&request);
    (answer.status, answer.json())
}

fn make_bucket(nodes: &[Process], name: &str, settings: &Value) {
    let path = format!("{}/v1/buckets/{name}", nodes[0].uri());
    let answer = support::agent().put(path).send(settings.to_string()).expect("the node answers");
    assert!(answer.status().is_success(), "{answer:?}");
    for node in nodes {
        eventually("every node knows the bucket", || node.get("/v1/buckets").body.contains(&format!("\"{name}\"")));
    }
}

#[test]
fn siblings_stay_side_by_side_until_a_context_supersedes_them() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 3, &[]);
    make_bucket(&nodes, "carts", &json!({"rule": "siblings"}));
    for (node, value) in nodes.iter().zip(["bread", "milk"]) {
        let (status, _) = call(node, json!({"type": "PUT", "bucket": "carts", "key": "ann", "value": value}));
        assert_eq!(status, 200);
    }
    let (status, found) = call(&nodes[2], json!({"type": "GET", "bucket": "carts", "key": "ann"}));
    let mut values: Vec<&str> =
        found["values"].as_array().expect("values").iter().filter_map(|v| v["value"].as_str()).collect();
    values.sort_unstable();
    assert_eq!((status, values), (200, vec!["bread", "milk"]));
    let context = found["context"].as_str().expect("a context").to_owned();

    let merged = json!({"type": "PUT", "bucket": "carts", "key": "ann", "value": "bread, milk", "context": context});
    assert_eq!(call(&nodes[1], merged).0, 200);
    let (_, found) = call(&nodes[0], json!({"type": "GET", "bucket": "carts", "key": "ann"}));
    assert_eq!(found["value"], json!("bread, milk"));

    // The old context does not cover the merge: a write with it is concurrent to it.
    let late = json!({"type": "PUT", "bucket": "carts", "key": "ann", "value": "eggs", "context": context});
    assert_eq!(call(&nodes[2], late).0, 200);
    let (_, found) = call(&nodes[0], json!({"type": "GET", "bucket": "carts", "key": "ann"}));
    assert_eq!(found["values"].as_array().map(Vec::len), Some(2));
}

#[test]
fn contexts_are_authenticated_and_bound_to_their_key() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 1, &[]);
    make_bucket(&nodes, "carts", &json!({"rule": "siblings"}));
    call(&nodes[0], json!({"type": "PUT", "bucket": "carts", "key": "a", "value": "1"}));
    let (_, found) = call(&nodes[0], json!({"type": "GET", "bucket": "carts", "key": "a"}));
    let context = found["context"].as_str().expect("a context").to_owned();
    let mut forged = context.clone().into_bytes();
    let last = forged.len() - 1;
    forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
    for (key, context) in
        [("a", String::from_utf8(forged).expect("ASCII")), ("b", context.clone()), ("a", "x".to_owned())]
    {
        let request = json!({"type": "PUT", "bucket": "carts", "key": key, "value": "2", "context": context});
        let (status, problem) = call(&nodes[0], request);
        assert_eq!(status, 400, "{problem}");
    }
    let (_, found) = call(&nodes[0], json!({"type": "GET", "bucket": "carts", "key": "a"}));
    assert_eq!(found["value"], json!("1"));
}

#[test]
fn a_delete_hides_the_value_on_every_node() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 3, &[]);
    assert_eq!(nodes[0].put("k", "v").status, 200);
    assert_eq!(call(&nodes[1], json!({"type": "DELETE", "key": "k"})).0, 200);
    nodes.iter().for_each(|node| assert_eq!(node.value("k"), None));
    for node in &nodes {
        eventually("no replica shows it", || node.own_keys().is_empty());
    }
    assert_eq!(nodes[2].put("k", "again").status, 200);
    assert_eq!(nodes[0].value("k").as_deref(), Some("again"));
}

#[test]
fn a_value_with_a_time_to_live_goes() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 2, &[]);
    let put = json!({"type": "PUT", "key": "k", "value": "v", "ttl": "1s"});
    assert_eq!(call(&nodes[0], put).0, 200);
    assert_eq!(nodes[1].value("k").as_deref(), Some("v"));
    eventually("it has expired", || nodes.iter().all(|node| node.value("k").is_none()));
}

#[test]
fn items_of_one_key_are_read_by_sort_key_in_pages() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 3, &[]);
    for i in 0..12 {
        let put = json!({"type": "PUT", "key": "log", "sort": format!("{i:02}"), "value": format!("line {i}")});
        assert_eq!(call(&nodes[i % 3], put).0, 200);
    }
    assert_eq!(call(&nodes[0], json!({"type": "DELETE", "key": "log", "sort": "05"})).0, 200);
    let mut seen = Vec::new();
    let mut request = json!({"type": "SCAN", "key": "log", "from": "02", "to": "10", "limit": 3});
    loop {
        let (status, page) = call(&nodes[1], request.clone());
        assert_eq!(status, 200, "{page}");
        let items = page["items"].as_array().expect("items are a list");
        seen.extend(items.iter().map(|item| item["sort"].as_str().expect("a sort key").to_owned()));
        match page.get("cursor").filter(|cursor| !cursor.is_null()) {
            Some(cursor) => request["cursor"] = cursor.clone(),
            None => break,
        }
    }
    assert_eq!(seen, ["02", "03", "04", "06", "07", "08", "09"]);
}

#[test]
fn a_whole_bucket_can_be_read() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 3, &[]);
    let keys: Vec<String> = (0..30).map(|i| format!("key_{i}")).collect();
    keys.iter().for_each(|key| assert_eq!(nodes[0].put(key, "v").status, 200));
    let output = support::run(&["scan", "--url", &nodes[2].uri(), "--json"]);
    assert!(output.status.success(), "{}", support::text(&output.stderr));
    let lines = support::text(&output.stdout);
    assert!(keys.iter().all(|key| lines.contains(&format!("\"{key}\""))), "{lines}");
}

#[test]
fn levels_decide_how_many_replicas_must_answer() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 3, &[]);
    let level = |level: &str| json!({"type": "PUT", "key": "k", "value": "v", "level": level, "timeout": "3s"});
    for name in ["any", "one", "quorum", "all", "2", "3"] {
        assert_eq!(call(&nodes[0], level(name)).0, 200, "{name}");
    }
    assert_eq!(call(&nodes[0], level("4")).0, 400);
    nodes[2].kill();
    for name in ["any", "one", "quorum"] {
        assert_eq!(call(&nodes[0], level(name)).0, 200, "{name}");
    }
    let (status, problem) = call(&nodes[0], level("all"));
    assert_eq!(status, 503);
    // The node may not have noticed yet, or may: either is said as it is.
    let tried = problem["mayHaveBeenApplied"] == true;
    let sentence = if tried { "Only 2 of the 3 replicas needed acknowledged" } else { "so nothing was done" };
    assert!(problem.to_string().contains(sentence), "{problem}");
    nodes[1].kill();
    for (name, status) in [("any", 200), ("one", 200), ("quorum", 503)] {
        assert_eq!(call(&nodes[0], level(name)).0, status, "{name}");
    }
    nodes[1].launch();
    nodes[2].launch();
    for i in [1, 2] {
        eventually("a replica that was down has caught up", || nodes[i].own_keys() == ["k"]);
    }
}

#[test]
fn a_bucket_with_one_copy_lies_beside_one_with_three() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 3, &[]);
    make_bucket(&nodes, "cache", &json!({"n": 1}));
    for i in 0..20 {
        let put = json!({"type": "PUT", "bucket": "cache", "key": format!("c{i}"), "value": "v"});
        assert_eq!(call(&nodes[i % 3], put).0, 200);
        assert_eq!(nodes[i % 3].put(&format!("d{i}"), "v").status, 200);
    }
    let count = |prefix: &str| {
        let keys: Vec<String> = nodes.iter().flat_map(Process::own_keys).collect();
        keys.iter().filter(|key| key.starts_with(prefix)).count()
    };
    eventually("three copies of one, one of the other", || (count("c"), count("d")) == (20, 60));
}
