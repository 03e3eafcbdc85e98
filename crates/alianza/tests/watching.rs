//! What a node tells about itself, and items as HTTP resources, at a real node.

mod support;

use std::io::{BufRead as _, BufReader};
use support::{Process, agent, eventually, temporary};

fn node(directory: &std::path::Path) -> Process {
    Process::start(directory, &["--n", "1", "--slow", "1us", "--log-format", "json"])
}

/// The sample of a metric, 0 if there is none.
fn sample(node: &Process, name: &str) -> f64 {
    let text = node.get("/metrics").body;
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    found.unwrap_or(0.0)
}

#[test]
fn each_request_is_counted_once_and_slow_ones_are_logged() {
    let directory = temporary();
    let node = node(directory.path());
    let puts = "alianza_operation_duration_seconds_count{operation=\"put\",level=\"bucket\"}";
    let before = sample(&node, puts);
    node.put("nine\nlives", "9");
    assert_eq!(sample(&node, puts), before + 1.0);
    assert!(sample(&node, "alianza_fsyncs_total") >= 1.0);
    assert!(sample(&node, "process_cpu_seconds_total") > 0.0);
    eventually("the slow request is in the log", || node.log().contains("a request took long"));
    let log = node.log();
    let line = log.lines().find(|line| line.contains("nine")).expect("a line about the key");
    let json: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
    assert_eq!((json["operation"].as_str(), json["key"].as_str()), (Some("put"), Some("nine\nlives")));
    assert_eq!((json["bucket"].as_str(), json["outcome"].as_str()), (Some("default"), Some("1 replicas acknowledged")));
}

#[test]
fn an_ordinary_client_changes_an_item_without_losing_the_change_of_another() {
    let directory = temporary();
    let node = node(directory.path());
    let bucket = format!("{}/v1/buckets/carts", node.uri());
    let settings = r#"{"rule":"siblings"}"#;
    assert_eq!(agent().put(&bucket).send(settings).expect("an answer").status(), 201);
    let item = format!("{bucket}/items/ann%2Fbob");
    let tag = |response: &ureq::http::Response<ureq::Body>| response.headers()["etag"].to_str().unwrap().to_owned();
    let first = agent().put(&item).content_type("text/plain").send("bread").expect("an answer");
    let read = agent().get(&item).call().expect("an answer");
    assert_eq!((read.status().as_u16(), read.headers()["content-type"].to_str().unwrap()), (200, "text/plain"));
    assert_eq!(tag(&read), tag(&first));
    // Two clients have read the same and write.
    for value in ["bread and milk", "bread and wine"] {
        let written = agent().put(&item).header("if-match", tag(&read)).send(value).expect("an answer");
        assert_eq!(written.status(), 200);
    }
    assert_eq!(agent().get(&item).call().expect("an answer").status(), 409);
    let both = agent().get(&item).header("accept", "multipart/mixed").call().expect("an answer");
    assert_eq!(both.status(), 200);
    let tag_of_both = tag(&both);
    let text = both.into_body().read_to_string().expect("text");
    assert!(text.contains("bread and milk") && text.contains("bread and wine"), "{text}");
    let settled = agent().put(&item).header("if-match", tag_of_both).send("all").expect("an answer");
    assert_eq!(settled.status(), 200);
    let one = agent().get(&item).call().expect("an answer");
    assert_eq!((one.status().as_u16(), one.into_body().read_to_string().expect("text").as_str()), (200, "all"));
}

#[test]
fn events_come_as_they_happen() {
    let directory = temporary();
    let node = node(directory.path());
    let stream = agent().get(format!("{}/v1/events", node.uri())).call().expect("an answer");
    let mut lines = BufReader::new(stream.into_body().into_reader()).lines().map(|line| line.expect("a line"));
    let mut next = |kind: &str| {
        let found = lines.find(|line| line.starts_with("event: ") && line.ends_with(kind));
        assert!(found.is_some(), "no event {kind}");
    };
    next("CREATE");
    next("ADD");
    let bucket = format!("{}/v1/buckets/locks", node.uri());
    assert_eq!(agent().put(&bucket).send(r#"{"mode":"linearizable"}"#).expect("an answer").status(), 201);
    next("BUCKET");
}
