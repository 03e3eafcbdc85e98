//! `alianza explain`: everything that is known of one key, laid out for people.

use super::cluster::{elements, text};
use super::value::Bytes;
use crate::args::Explain;
use crate::client::Client;
use crate::exit::Failure;
use crate::output;
use crate::table;
use api::utc;
use serde_json::{Map, Value};

/// Asks and shows.
pub(crate) fn run(args: &Explain) -> Result<(), Failure> {
    let mut body = Map::new();
    body.insert("key".to_owned(), args.key.as_str().into());
    body.insert("bucket".to_owned(), args.bucket.as_str().into());
    if let Some(sort) = &args.sort {
        body.insert("sort".to_owned(), sort.as_str().into());
    }
    let answer = Client::to(&args.target)?.post("/v1/explain", &Value::Object(body))?;
    if args.target.json { output::print_json(&answer) } else { output::print(&show(&answer)) }
}

fn show(of: &Value) -> String {
    let sections = [views(of), nodes(of), progress(of), versions(of), hints(of), repair(of), answers(of)];
    head(of)
        + &sections
            .into_iter()
            .filter(|section| !section.is_empty())
            .map(|section| format!("\n{section}"))
            .collect::<String>()
}

fn head(of: &Value) -> String {
    let bytes = |name: &str| Bytes::of(of, name).map(|bytes| bytes.in_one_line());
    let sort = bytes("sort").map(|sort| format!(", sort key \"{sort}\"")).unwrap_or_default();
    let bucket = &of["bucket"];
    format!(
        "key \"{}\"{sort} in bucket {} ({}, {} copies)\ntoken {}, partition {}; as {} sees it at {} UTC\n",
        bytes("key").unwrap_or_default(),
        text(bucket, "name"),
        if bucket["mode"] == "linearizable" { "linearizable".to_owned() } else { text(bucket, "rule") },
        text(bucket, "n"),
        text(of, "token"),
        text(of, "partition"),
        text(of, "by"),
        text(of, "time"),
    )
}

fn views(of: &Value) -> String {
    let row = |view: &Value| {
        let uses = [("reads", "reads"), ("writes", "writes")];
        let uses: Vec<&str> = uses.iter().filter(|(name, _)| view[*name] == true).map(|(_, word)| *word).collect();
        vec![text(view, "epoch"), uses.join(", "), names(view, "replicas")]
    };
    let rows: Vec<Vec<String>> = elements(of, "views").iter().map(row).collect();
    table::lay_out(&["EPOCH", "USED BY", "REPLICAS, THE FIRST ONE IN CHARGE"], &rows)
}

fn nodes(of: &Value) -> String {
    let rows: Vec<Vec<String>> = elements(of, "nodes").iter().filter(|node| matters(node)).map(node).collect();
    table::lay_out(&["NODE", "REPLICA", "LOOKS", "EPOCH", "HOLDS", "COMPARED WITH ALL TOGETHER"], &rows)
}

/// Nodes that are no replicas, answer, and hold nothing, say nothing.
fn matters(node: &Value) -> bool {
    node["replica"] == true || !matches!(node["holds"].as_str(), Some("nothing") | None)
}

fn node(node: &Value) -> Vec<String> {
    let mut row = vec![
        text(node, "name"),
        if node["replica"] == true { "yes" } else { "no" }.to_owned(),
        text(node, "condition"),
        text(node, "epoch"),
    ];
    let (holds, compared) = match (node["holds"].as_str(), node["behind"] == true) {
        (None, _) => (format!("no answer: {}", text(node, "answered")), String::new()),
        (Some("unreadable"), _) => (format!("cannot be read: {}", text(node, "error")), String::new()),
        (Some("nothing"), behind) => ("nothing".to_owned(), verdict(node, behind)),
        (Some(_), behind) if node["register"].is_object() => (register(&node["register"]), verdict(node, behind)),
        (Some(_), behind) => (counted(node), verdict(node, behind)),
    };
    row.extend([holds, compared]);
    row
}

/// What a replica of a linearizable bucket has accepted and promised.
fn register(register: &Value) -> String {
    let promised = text(register, "promised");
    let Some(accepted) = register["accepted"].as_str() else { return format!("nothing accepted, {promised} promised") };
    let deleted = if register["deleted"] == true { ", deleted," } else { "" };
    let learned = if register["voted"] == true { "" } else { ", not its vote" };
    format!("version {}{deleted} accepted under {accepted}{learned}; {promised} promised", text(register, "version"))
}

fn counted(node: &Value) -> String {
    let count = elements(node, "versions").len();
    let visible = elements(node, "visible").len();
    let noun = if count == 1 { "version" } else { "versions" };
    let hidden = match count - visible.min(count) {
        0 => String::new(),
        hidden if hidden == count => ", deleted or expired".to_owned(),
        hidden => format!(", {hidden} deleted or expired"),
    };
    format!("{count} {noun}{hidden}")
}

fn verdict(node: &Value, behind: bool) -> String {
    match (node["replica"] == true, behind) {
        (false, _) => "does not matter",
        (true, true) => "behind",
        (true, false) => "same",
    }
    .to_owned()
}

/// How far each node is with a change of the ring, if one is under way.
fn progress(of: &Value) -> String {
    if elements(of, "views").len() < 2 {
        return String::new();
    }
    let parts = ["acked", "synced", "switched", "settled"];
    let answered = elements(of, "nodes").into_iter().filter(|node| node["progress"].is_object());
    let row = |node: Value| {
        let numbers = parts.iter().map(|part| text(&node["progress"], part));
        std::iter::once(text(&node, "name")).chain(numbers).collect()
    };
    let rows: Vec<Vec<String>> = answered.map(row).collect();
    table::lay_out(&["THE RING IS CHANGING", "ACKED", "SYNCED", "SWITCHED", "SETTLED"], &rows)
}

fn versions(of: &Value) -> String {
    let all = elements(of, "versions");
    if all.is_empty() {
        return "no version of it is held anywhere that answered\n".to_owned();
    }
    let rows: Vec<Vec<String>> = all.iter().map(version).collect();
    table::lay_out(&["VERSION", "WRITTEN (UTC)", "STATE", "EXPIRES (UTC)", "BYTES", "VALUE", "HELD BY"], &rows)
}

fn version(version: &Value) -> Vec<String> {
    let is = |name: &str| version[name] == true;
    let state = if is("tombstone") {
        "deleted"
    } else if is("expired") {
        "expired"
    } else {
        "visible"
    };
    let expires = version["expires"].as_u64().map(utc::show).unwrap_or_default();
    vec![
        text(version, "dot"),
        text(&version["stamp"], "time"),
        state.to_owned(),
        expires,
        if is("tombstone") { String::new() } else { text(version, "bytes") },
        value(version),
        names(version, "heldBy"),
    ]
}

fn value(version: &Value) -> String {
    /// Characters of a value in a column.
    const SHOWN: usize = 32;
    let Some(bytes) = Bytes::of(version, "value") else { return String::new() };
    let line = bytes.in_one_line();
    let short: String = line.chars().take(SHOWN).collect();
    let cut = version["cut"] == true || short.len() < line.len();
    format!("{short}{}", if cut { "…" } else { "" })
}

fn hints(of: &Value) -> String {
    let waiting = elements(&of["hints"], "waiting");
    let row = |hint: &Value| vec![text(hint, "on"), text(hint, "for"), text(&hint["newest"], "time")];
    let rows: Vec<Vec<String>> = waiting.iter().map(row).collect();
    let mut lines = if rows.is_empty() {
        "no hint is waiting for it\n".to_owned()
    } else {
        table::lay_out(&["HINT KEPT ON", "FOR", "NEWEST VERSION (UTC)"], &rows)
    };
    let cut = names(&of["hints"], "notAllLookedAtOn");
    if !cut.is_empty() {
        lines += &format!("there may be more: {cut} keeps too many hints to look at all of them\n");
    }
    lines
}

fn repair(of: &Value) -> String {
    let repair = &of["repair"];
    format!("item: {}; its partition, by hashes: {}\n", text(repair, "item"), text(repair, "partition"))
}

fn answers(of: &Value) -> String {
    let answers = &of["answers"];
    let mut rows: Vec<Vec<String>> = elements(answers, "one")
        .iter()
        .map(|answer| vec![format!("one, at {}", text(answer, "at")), outcome(of, answer)])
        .collect();
    for level in ["quorum", "all"] {
        for (at, answer) in elements(answers, level).iter().enumerate() {
            let label = if at == 0 { level.to_owned() } else { "   or, if others answer first".to_owned() };
            rows.push(vec![label, outcome(of, answer)]);
        }
    }
    table::lay_out(&["A READ NOW AT LEVEL", "WOULD ANSWER"], &rows)
}

fn outcome(of: &Value, answer: &Value) -> String {
    if let (Some(needed), Some(got)) = (answer["refused"]["needed"].as_u64(), answer["refused"]["got"].as_u64()) {
        return format!("unavailable: {needed} must answer, {got} can");
    }
    if answer["impossible"] == true {
        return "refused: there are too few replicas".to_owned();
    }
    if answer["unclear"] == true {
        return "that depends: the replicas differ in too many ways".to_owned();
    }
    if answer["undecided"] == true {
        return "not decided: no majority holds the same, and a read settles it first".to_owned();
    }
    if answer["found"] != true {
        return "not found".to_owned();
    }
    let named = elements(answer, "versions");
    let all = elements(of, "versions");
    let shown = |dot: &Value| all.iter().find(|version| version["dot"] == *dot).map(value).unwrap_or_default();
    let values: Vec<String> =
        named.iter().map(|dot| format!("\"{}\" ({})", shown(dot), dot.as_str().unwrap_or_default())).collect();
    values.join(" and ")
}

fn names(object: &Value, name: &str) -> String {
    let names: Vec<String> = elements(object, name).iter().filter_map(Value::as_str).map(str::to_owned).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::show;
    use serde_json::json;

    #[test]
    fn an_explanation_is_laid_out() {
        let text = show(&json!({
            "key": "k", "bucket": { "name": "default", "rule": "lww", "n": 3 }, "token": "ab", "partition": 7, "by": "Ted",
            "time": "2026-01-01 00:00:00.000",
            "views": [{ "epoch": 4, "reads": true, "writes": true, "replicas": ["Ted", "Ana"] }],
            "nodes": [
                { "name": "Ted", "replica": true, "condition": "up", "answered": "yes", "epoch": 4, "holds": "record",
                  "versions": ["Ted.1:2"], "visible": ["Ted.1:2"], "behind": false },
                { "name": "Ana", "replica": true, "condition": "down", "answered": "not asked, it looks down" },
                { "name": "Eva", "replica": false, "condition": "up", "answered": "yes", "holds": "nothing" },
            ],
            "versions": [{ "dot": "Ted.1:2", "stamp": { "time": "2026-01-01 00:00:00.000" }, "tombstone": false,
                "expired": false, "bytes": 2, "value": "hi", "heldBy": ["Ted"] }],
            "hints": { "waiting": [{ "on": "Ted", "for": "Ana", "newest": { "time": "now" } }], "notAllLookedAtOn": [] },
            "repair": { "item": "same on all that answered", "partition": "not known yet" },
            "answers": { "one": [{ "at": "Ted", "found": true, "versions": ["Ted.1:2"] }],
                "quorum": [{ "refused": { "needed": 2, "got": 1 } }], "all": [{ "found": false }] },
        }));
        for line in [
            "Ted   yes      up     4      1 version                            same",
            "Ana   yes      down          no answer: not asked, it looks down",
            "Ted.1:2  2026-01-01 00:00:00.000  visible                     2  hi     Ted",
            "Ted           Ana  now",
            "one, at Ted          \"hi\" (Ted.1:2)",
            "quorum               unavailable: 2 must answer, 1 can",
            "all                  not found",
        ] {
            assert!(text.lines().any(|shown| shown == line), "no line\n{line}\nin\n{text}");
        }
        assert!(!text.contains("Eva") && !text.contains("THE RING IS CHANGING"), "{text}");
    }
}
