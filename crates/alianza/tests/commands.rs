//! The command line against a real cluster, and `alianza dev` from start to Ctrl-C.

mod support;

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use support::{alianza, cluster, eventually, run, temporary, text};

/// Runs a command; its exit code and what it printed.
fn ask(arguments: &[&str]) -> (i32, String) {
    let output = run(arguments);
    let complaint = text(&output.stderr);
    assert!(!complaint.contains("panicked"), "{complaint}");
    (output.status.code().expect("it ended by itself"), text(&output.stdout).trim_end().to_owned())
}

#[test]
fn items_are_written_read_listed_and_deleted() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 3, &[]);
    let (a, b) = (nodes[0].uri(), nodes[1].uri());
    assert_eq!(ask(&["put", "k", "v", "--url", &a]).0, 0);
    assert_eq!(ask(&["get", "k", "--url", &b]), (0, "v".to_owned()));
    assert_eq!(ask(&["get", "nothing", "--url", &b]).0, 3);
    for sort in ["b", "a", "c"] {
        assert_eq!(ask(&["put", "list", &format!("value {sort}"), "--sort", sort, "--url", &a]).0, 0);
    }
    let (code, listed) = ask(&["scan", "list", "--url", &b]);
    assert_eq!(code, 0);
    let order: Vec<usize> = ["value a", "value b", "value c"].map(|v| listed.find(v).expect("it is listed")).into();
    assert!(order.is_sorted(), "{listed}");
    assert_eq!(ask(&["delete", "k", "--url", &b]).0, 0);
    assert_eq!(ask(&["get", "k", "--url", &a]).0, 3);
    assert_eq!(ask(&["get", "k", "--bucket", "nowhere", "--url", &a]).0, 3);
    let (_, json) = ask(&["get", "list", "--sort", "a", "--json", "--url", &a]);
    let json: Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(json["value"], "value a");
}

#[test]
fn health_is_an_exit_code() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 1, &[]);
    let url = nodes[0].uri();
    let (code, said) = ask(&["health", "--url", &url]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("is ready"), "{said}");
    assert_eq!(ask(&["health", "--live", "--url", &url]), (0, "live".to_owned()));
    nodes[0].kill();
    assert_eq!(ask(&["health", "--live", "--url", &url]).0, 5);
}

#[test]
fn siblings_are_a_conflict_for_the_command_line() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 1, &[]);
    let url = nodes[0].uri();
    assert_eq!(ask(&["bucket", "set", "carts", "--rule", "siblings", "--url", &url]).0, 0);
    ask(&["put", "k", "one", "--bucket", "carts", "--url", &url]);
    ask(&["put", "k", "two", "--bucket", "carts", "--url", &url]);
    let (code, json) = ask(&["get", "k", "--bucket", "carts", "--json", "--url", &url]);
    assert_eq!(code, 4, "{json}");
    let json: Value = serde_json::from_str(&json).expect("it is JSON");
    let context = json["context"].as_str().expect("it has a context");
    assert_eq!(ask(&["put", "k", "both", "--bucket", "carts", "--context", context, "--url", &url]).0, 0);
    assert_eq!(ask(&["get", "k", "--bucket", "carts", "--url", &url]), (0, "both".to_owned()));
    assert_eq!(ask(&["put", "k", "more", "--bucket", "carts", "--url", &url]).0, 0);
    assert_eq!(ask(&["delete", "k", "--bucket", "carts", "--url", &url]).0, 0);
    assert_eq!(ask(&["get", "k", "--bucket", "carts", "--url", &url]).0, 3, "what is there is deleted, both of it");
}

#[test]
fn a_leave_is_planned_and_then_applied_as_planned() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 3, &["--n", "2"]);
    let url = nodes[0].uri();
    (0..10).for_each(|i| assert_eq!(nodes[0].put(&format!("k{i}"), "v").status, 200));
    let leaver = nodes[2].get("/v1/cluster").json()["name"].as_str().expect("a name").to_owned();
    let plan = || {
        let (code, plan) = ask(&["cluster", "plan", "--leave", &leaver, "--json", "--url", &url]);
        assert_eq!(code, 0, "{plan}");
        let plan: Value = serde_json::from_str(&plan).expect("it is JSON");
        plan["plan"].as_str().unwrap_or_else(|| panic!("no id in {plan}")).to_owned()
    };
    let stale = plan();
    assert_eq!(ask(&["bucket", "set", "other", "--url", &url]).0, 0);
    let (code, _) = ask(&["cluster", "apply", "--leave", &leaver, &stale, "--url", &url]);
    assert_eq!(code, 4, "the cluster has changed since the plan was shown");
    assert_eq!(ask(&["cluster", "apply", "--leave", &leaver, &plan(), "--url", &url]).0, 0);
    assert!(nodes[2].wait_for_end().success());
    nodes[0].wait_settled(2);
    (0..10).for_each(|i| assert_eq!(nodes[1].value(&format!("k{i}")).as_deref(), Some("v")));
    let (code, events) = ask(&["events", "--json", "--url", &url]);
    assert_eq!(code, 0);
    assert!(events.contains("REMOVE") && events.contains(&leaver), "{events}");
    assert_eq!(ask(&["leave", "--node", &leaver, "--url", &url]).0, 3, "it is gone");
}

#[test]
fn the_ring_and_the_status_are_shown() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 2, &[]);
    for command in [&["ring"][..], &["cluster", "status"], &["events"], &["bucket", "list"]] {
        let (code, shown) = ask(&[command, &["--url", &nodes[0].uri()]].concat());
        assert_eq!(code, 0);
        assert!(shown.lines().count() > 1, "{shown}");
        let (code, json) = ask(&[command, &["--json", "--url", &nodes[0].uri()]].concat());
        assert_eq!(code, 0);
        assert!(
            json.lines().all(|line| serde_json::from_str::<Value>(line).is_ok())
                || serde_json::from_str::<Value>(&json).is_ok(),
            "{json}"
        );
    }
}

#[test]
fn dev_runs_a_cluster_until_it_is_interrupted() {
    let child = alianza().args(["dev", "--json", "--port", "0"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut guard = Guard(child.expect("the binary runs"));
    let dev = &mut guard.0;
    let mut shown = BufReader::new(dev.stdout.take().expect("its output is ours"));
    let mut ready = String::new();
    while serde_json::from_str::<Value>(&ready).is_err() {
        let read = shown.read_line(&mut ready).expect("its output can be read");
        assert!(read > 0, "it ended before it was ready: {ready}");
    }
    let ready: Value = serde_json::from_str(&ready).expect("just checked");
    let uris: Vec<String> = ready["nodes"]
        .as_array()
        .unwrap_or_else(|| panic!("no nodes in {ready}"))
        .iter()
        .map(|node| node["url"].as_str().expect("an address").to_owned())
        .collect();
    assert_eq!(uris.len(), 3);
    assert_eq!(ask(&["put", "k", "v", "--url", &uris[0]]).0, 0);
    assert_eq!(ask(&["get", "k", "--url", &uris[2]]), (0, "v".to_owned()));
    let interrupted = Command::new("kill").args(["-INT", &dev.id().to_string()]).status().expect("kill runs");
    assert!(interrupted.success());
    let mut ended = None;
    eventually("dev ends", || {
        ended = dev.try_wait().expect("it can be asked");
        ended.is_some()
    });
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
    for uri in uris {
        assert_eq!(ask(&["get", "k", "--url", &uri]).0, 5, "no node is left");
    }
}

/// Ends the process when the test fails. The nodes of `dev` end with it.
struct Guard(std::process::Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
