//! `alianza repair`: whether the replicas hold the same, as each node of the cluster sees it, and comparing them now.
//!
//! Invariant: a node that does not answer has a row of its own; nothing is said to be identical on its word.

use super::cluster::{elements, text};
use crate::args::{Repair, RepairCommand, Target};
use crate::client::Client;
use crate::exit::Failure;
use crate::output;
use crate::table;
use api::utc;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long to wait for each node.
const PATIENCE: Duration = Duration::from_secs(5);
/// Trees that are shown one by one.
const SHOWN_MAX: usize = 50;

/// Asks every node of the cluster.
pub(crate) fn run(args: &Repair) -> Result<(), Failure> {
    let (target, path, is_run) = match &args.command {
        RepairCommand::Status { partition: Some(number), target } => {
            (target, format!("/v1/repair?partition={number}"), false)
        }
        RepairCommand::Status { partition: None, target } => (target, "/v1/repair".to_owned(), false),
        RepairCommand::Run(target) => (target, "/v1/repair".to_owned(), true),
    };
    let cluster = Client::to(target)?.get("/v1/cluster")?;
    let answers: Vec<Value> =
        elements(&cluster, "members").iter().map(|member| ask(target, member, &path, is_run)).collect();
    let answer = json!({ "nodes": answers });
    if target.json { output::print_json(&answer) } else { output::print(&show(&answer, path.contains('?'))) }
}

/// What one node says; for the node that was asked first, at the address that was given.
fn ask(target: &Target, member: &Value, path: &str, is_run: bool) -> Value {
    let uri = text(member, "uri");
    let url = if member["self"] == true { target.url.as_str() } else { uri.as_str() };
    let answer = Client::to_url(url, &target.access, PATIENCE)
        .and_then(|client| if is_run { client.post(path, &json!({})) } else { client.get(path) });
    answer.unwrap_or_else(|failure| json!({ "name": member["name"], "error": failure.to_string() }))
}

/// Lists the trees that differ; `all` that are told, if one partition was asked for.
fn show(answer: &Value, all: bool) -> String {
    let nodes = elements(answer, "nodes");
    let head = ["NAME", "TREES", "IDENTICAL", "DIFFERING", "NOT COMPARED", "IDENTICAL SINCE (UTC)", "AT WORK"];
    let rows: Vec<Vec<String>> = nodes.iter().map(node).collect();
    let mut lines = table::lay_out(&head, &rows);
    let listed: Vec<(String, Value)> =
        nodes.iter().flat_map(|of| elements(of, "listed").into_iter().map(|tree| (text(of, "name"), tree))).collect();
    let listed: Vec<(String, Value)> =
        listed.into_iter().filter(|(_, tree)| all || !elements(tree, "differing").is_empty()).collect();
    if !listed.is_empty() {
        let rows: Vec<Vec<String>> = listed.iter().take(SHOWN_MAX).map(|(name, tree)| tree_row(name, tree)).collect();
        lines += &format!("\n{}", table::lay_out(&["PARTITION", "BUCKET", "SEEN FROM", "STATE"], &rows));
    }
    if listed.len() > SHOWN_MAX {
        lines += &format!("and {} more; --json shows all\n", listed.len() - SHOWN_MAX);
    }
    lines + &verdict(&nodes) + &uncollected(&nodes)
}

/// Tombstones and the like that wait, and why.
fn uncollected(nodes: &[Value]) -> String {
    let spent: u64 = nodes.iter().map(|of| number(of, "spent")).sum();
    if spent == 0 {
        return String::new();
    }
    let said = nodes.iter().flat_map(|of| elements(of, "notCollectedBecause"));
    let why: BTreeSet<String> = said.filter_map(|reason| reason.as_str().map(str::to_owned)).collect();
    let why =
        if why.is_empty() { String::new() } else { format!(": {}", why.into_iter().collect::<Vec<_>>().join("; ")) };
    format!("{spent} deleted or expired items, or old actors of items, wait to be collected{why}\n")
}

fn number(of: &Value, name: &str) -> u64 {
    of[name].as_u64().unwrap_or(0)
}

fn node(of: &Value) -> Vec<String> {
    if !of["error"].is_null() {
        let dash = || "-".to_owned();
        return vec![text(of, "name"), dash(), dash(), dash(), dash(), dash(), "does not answer".to_owned()];
    }
    let (trees, identical, differing) = (number(of, "trees"), number(of, "identical"), number(of, "differing"));
    let not_compared = trees.saturating_sub(identical + differing);
    vec![
        text(of, "name"),
        trees.to_string(),
        identical.to_string(),
        differing.to_string(),
        not_compared.to_string(),
        of["identicalSince"].as_u64().map_or_else(|| "-".to_owned(), utc::show),
        work(of),
    ]
}

fn work(of: &Value) -> String {
    let parts = [
        ("building", "partitions to read"),
        ("leftInPass", "trees to compare"),
        ("repairing", "repairs under way"),
        ("damaged", "damaged records to fetch"),
        ("spent", "items to collect"),
    ];
    let parts = parts.iter().filter(|(name, _)| number(of, name) > 0);
    parts.map(|(name, words)| format!("{} {words}", number(of, name))).collect::<Vec<_>>().join(", ")
}

fn tree_row(name: &str, tree: &Value) -> Vec<String> {
    let names = |list: &str| elements(tree, list).iter().map(|node| text(node, "name")).collect::<Vec<_>>().join(", ");
    let mut state = Vec::new();
    if let Some(first) = elements(tree, "differing").iter().map(|node| number(node, "since")).min() {
        state.push(format!("differs from {} since {}", names("differing"), utc::show(first)));
    }
    if !elements(tree, "notCompared").is_empty() {
        state.push(format!("not compared with {} yet", names("notCompared")));
    }
    if state.is_empty() {
        let since = tree["identicalSince"].as_u64();
        state.push(since.map_or("held by this node alone".to_owned(), |at| {
            format!("identical on all replicas as of {}", utc::show(at))
        }));
    }
    vec![text(tree, "partition"), text(tree, "bucket"), name.to_owned(), state.join("; ")]
}

fn verdict(nodes: &[Value]) -> String {
    let silent = nodes.iter().filter(|of| !of["error"].is_null()).count();
    let differing: u64 = nodes.iter().map(|of| number(of, "differing")).sum();
    let all: u64 = nodes.iter().map(|of| number(of, "trees")).sum();
    let identical: u64 = nodes.iter().map(|of| number(of, "identical")).sum();
    let since = nodes.iter().filter_map(|of| of["identicalSince"].as_u64()).min();
    match (silent, since) {
        (0, Some(since)) if all == identical => {
            format!("\nevery partition is identical on all its replicas as of {} UTC\n", utc::show(since))
        }
        (0, _) if differing == 0 => {
            "\nno difference is known; not everything was compared since the nodes started\n".to_owned()
        }
        (0, _) => "\nsome replicas differ; they are being repaired while both sides can be reached\n".to_owned(),
        (silent, _) => format!("\n{silent} of {} nodes did not answer; what they hold is not counted\n", nodes.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::show;
    use serde_json::{Value, json};

    fn ted(identical: u64, listed: Value) -> Value {
        json!({ "name": "Ted", "trees": 64, "identical": identical, "differing": 64 - identical,
            "identicalSince": 951_827_696_000_u64, "building": 0, "leftInPass": 12, "repairing": 0, "listed": listed })
    }

    #[test]
    fn equal_replicas_are_said_to_be_equal_as_of_a_time() {
        let text = show(&json!({ "nodes": [ted(64, json!([]))] }), false);
        assert!(text.contains("identical on all its replicas as of 2000-02-29 12:34:56 UTC"), "{text}");
        assert!(text.contains("12 trees to compare"), "{text}");
    }

    #[test]
    fn what_waits_to_be_collected_is_counted_and_the_reason_named() {
        let mut one = ted(64, json!([]));
        one["spent"] = json!(3);
        one["notCollectedBecause"] = json!(["Ana is down"]);
        let text = show(&json!({ "nodes": [one.clone(), one, ted(64, json!([]))] }), false);
        assert!(
            text.contains("6 deleted or expired items, or old actors of items, wait to be collected: Ana is down\n"),
            "{text}"
        );
        assert!(text.contains("3 items to collect"), "{text}");
        assert!(!show(&json!({ "nodes": [ted(64, json!([]))] }), false).contains("wait to be collected"));
    }

    #[test]
    fn what_differs_and_who_is_silent_is_named() {
        let tree = json!({ "partition": 7, "bucket": "default", "identicalSince": null,
            "differing": [{ "name": "Ana", "since": 951_827_696_000_u64 }], "notCompared": [{ "name": "Bo" }] });
        let text = show(&json!({ "nodes": [ted(63, json!([tree])), { "name": "Bo", "error": "no answer" }] }), false);
        assert!(text.contains("differs from Ana since 2000-02-29 12:34:56; not compared with Bo yet"), "{text}");
        let young = json!({ "partition": 8, "bucket": "default", "differing": [], "notCompared": [{ "name": "Bo" }] });
        let answer = json!({ "nodes": [ted(64, json!([young]))] });
        assert!(
            !show(&answer, false).contains("not compared with Bo")
                && show(&answer, true).contains("not compared with Bo")
        );
        assert!(text.contains("does not answer") && text.contains("1 of 2 nodes did not answer"), "{text}");
    }
}
