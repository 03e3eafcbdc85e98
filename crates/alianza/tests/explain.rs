//! `alianza explain` against real nodes: replicas that agree, keys that do not exist, siblings, a node that is down with a
//! hint waiting for it, and a change of the ring that cannot go on.

mod support;

use serde_json::{Value, json};
use support::{Process, cluster, eventually, run, temporary, text};

fn explain(node: &Process, arguments: &[&str]) -> Value {
    let output = run(&[&["explain", "--json", "--url", &node.uri()], arguments].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

fn shown(node: &Process, arguments: &[&str]) -> String {
    let output = run(&[&["explain", "--url", &node.uri()], arguments].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn name(node: &Process) -> String {
    node.get("/v1/cluster").json()["name"].as_str().expect("a name").to_owned()
}

fn list<'a>(of: &'a Value, name: &str) -> &'a Vec<Value> {
    of[name].as_array().unwrap_or_else(|| panic!("no {name} in {of}"))
}

fn node_called<'a>(of: &'a Value, name: &str) -> &'a Value {
    list(of, "nodes").iter().find(|node| node["name"] == name).unwrap_or_else(|| panic!("no {name} in {of}"))
}

fn all_hold_one_version(of: &Value) -> bool {
    list(of, "nodes").iter().all(|node| list(node, "versions").len() == 1 && node["behind"] == false)
}

#[test]
fn replicas_that_agree_and_keys_that_do_not_exist() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 3, &[]);
    assert_eq!(nodes[0].put("k", &"long ".repeat(40)).status, 200);
    eventually("all replicas hold it", || all_hold_one_version(&explain(&nodes[1], &["k"])));
    let of = explain(&nodes[1], &["k"]);
    assert_eq!(of["by"], name(&nodes[1]));
    // SHA-1 of "k", as in the reference.
    assert_eq!(of["token"], "13fbd79c3d390e5d6585a21e11ff5ec1970cff0c");
    let view = &list(&of, "views")[0];
    assert_eq!((&view["reads"], &view["writes"], list(view, "replicas").len()), (&json!(true), &json!(true), 3));
    let version = &list(&of, "versions")[0];
    assert_eq!((&version["bytes"], &version["cut"], &version["tombstone"]), (&json!(200), &json!(true), &json!(false)));
    assert_eq!(list(version, "heldBy").len(), 3);
    assert!(nodes.iter().any(|node| version["node"] == name(node)), "its origin is named: {version}");
    for level in ["one", "quorum", "all"] {
        assert!(list(&of["answers"], level).iter().all(|answer| answer["found"] == true), "{level}: {of}");
    }
    assert!(shown(&nodes[2], &["k"]).contains("no hint is waiting"));

    let nothing = explain(&nodes[0], &["never written"]);
    assert!(list(&nothing, "versions").is_empty());
    assert!(list(&nothing, "nodes").iter().all(|node| node["holds"] == "nothing" && node["behind"] == false));
    assert_eq!(nothing["answers"]["quorum"], json!([{ "found": false }]));

    assert_eq!(run(&["explain", "k", "--bucket", "nowhere", "--url", &nodes[0].uri()]).status.code(), Some(3));
    let by_url = nodes[0].get("/v1/explain?key=k&bucket=default").json();
    assert_eq!(by_url["token"], of["token"]);
    assert_eq!(nodes[0].get("/v1/explain?kye=k").status, 400);
}

#[test]
fn siblings_deletions_and_expiries_are_told_apart() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 3, &[]);
    let made = run(&["bucket", "set", "carts", "--rule", "siblings", "--url", &nodes[0].uri()]);
    assert!(made.status.success());
    nodes.iter().for_each(|node| node.wait_settled(3));
    for (node, value) in nodes.iter().zip(["bread", "milk"]) {
        let put = json!({"type": "PUT", "bucket": "carts", "key": "ann", "sort": "1", "value": value, "ttl": "1h"});
        assert_eq!(node.call(&put).status, 200);
    }
    let arguments = ["ann", "--sort", "1", "--bucket", "carts"];
    let both = |of: &Value| list(of, "nodes").iter().all(|node| list(node, "visible").len() == 2);
    eventually("all replicas hold both", || both(&explain(&nodes[2], &arguments)));
    let of = explain(&nodes[2], &arguments);
    let version = &list(&of, "versions")[0];
    assert!(version["expires"].is_u64() && version["expired"] == false && version["visible"] == true, "{version}");
    assert_eq!(list(&list(&of["answers"], "quorum")[0], "versions").len(), 2);
    assert!(shown(&nodes[0], &arguments).contains("\"milk\""));

    assert_eq!(nodes[0].put("gone", "v").status, 200);
    assert_eq!(nodes[1].call(&json!({"type": "DELETE", "key": "gone", "level": "all"})).status, 200);
    let of = explain(&nodes[2], &["gone"]);
    assert_eq!(list(&of, "versions").len(), 1, "only the tombstone is left: {of}");
    assert_eq!(of["versions"][0]["tombstone"], true);
    assert_eq!(of["answers"]["all"], json!([{ "found": false }]));
}

#[test]
fn a_node_that_is_down_is_named_and_so_is_the_hint_for_it() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 3, &[]);
    let names: Vec<String> = nodes.iter().map(name).collect();
    nodes[2].kill();
    let looks_down = || {
        let status = nodes[0].get("/v1/cluster").json();
        list(&status, "members").iter().any(|member| member["name"] == *names[2] && member["condition"] == "down")
    };
    eventually("its death is noticed", looks_down);
    assert_eq!(nodes[0].put("k", "v").status, 200);
    let has_hint = || {
        let hints = explain(&nodes[1], &["k"])["hints"]["waiting"].clone();
        hints.as_array().is_some_and(|hints| hints.iter().any(|hint| hint["for"] == *names[2]))
    };
    eventually("a hint waits for it", has_hint);
    let of = explain(&nodes[1], &["k"]);
    assert_eq!(node_called(&of, &names[2])["answered"], "not asked, it looks down");
    assert_eq!(of["answers"]["all"], json!([{ "refused": { "needed": 3, "got": 2 } }]));
    assert_eq!(list(&of["answers"], "quorum").len(), 1, "{of}");
    assert_eq!(of["answers"]["quorum"][0]["found"], true);

    nodes[2].launch();
    nodes[0].wait_settled(3);
    eventually("the hint arrives", || {
        let of = explain(&nodes[0], &["k"]);
        list(&of["hints"], "waiting").is_empty() && all_hold_one_version(&of)
    });
}

#[test]
fn in_the_middle_of_a_change_of_the_ring_both_views_are_shown() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 2, &["--n", "2"]);
    assert_eq!(nodes[0].put("k", "v").status, 200);
    assert!(run(&["bucket", "set", "loose", "--w", "one", "--url", &nodes[0].uri()]).status.success());
    nodes.iter().for_each(|node| node.wait_settled(2));
    nodes[1].kill();
    // The first node alone is the majority of the voters. But writes of the bucket `loose` may be on the other one alone,
    // so the change must wait for it.
    assert!(run(&["bucket", "set", "other", "--url", &nodes[0].uri()]).status.success());
    eventually("two views are in use", || list(&explain(&nodes[0], &["k"]), "views").len() == 2);
    let of = explain(&nodes[0], &["k"]);
    let reads: Vec<bool> = list(&of, "views").iter().map(|view| view["reads"] == true).collect();
    assert_eq!(reads, [true, false], "reads stay with the older view: {of}");
    assert!(list(&of, "views").iter().all(|view| view["writes"] == true));
    assert!(shown(&nodes[0], &["k"]).contains("THE RING IS CHANGING"));
    nodes[1].launch();
    nodes[0].wait_settled(2);
    assert_eq!(list(&explain(&nodes[0], &["k"]), "views").len(), 1);
}
