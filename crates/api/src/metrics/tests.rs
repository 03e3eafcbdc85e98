//! The text of `/metrics`, and what is built on its names.

use crate::fake::{self, Fake};
use crate::tests::ask;
use axum::http::Method;
use proto::{Admin, RepairStatus, Request, Response};
use std::collections::BTreeSet;
use std::sync::Arc;

fn node() -> Arc<Fake> {
    Arc::new(Fake::new(|request| match request {
        Request::Admin(Admin::RepairStatus { .. }) => Response::Repair(Box::<RepairStatus>::default()),
        _ => Response::Status(Box::new(fake::status(&["Ted", "Greta"]))),
    }))
}

async fn scrape() -> String {
    let reply = ask(&node(), Method::GET, "/metrics", "").await;
    assert!(reply.headers["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    String::from_utf8(reply.body).unwrap()
}

/// Each family: its name, its type, what it is.
fn families(text: &str) -> Vec<(String, String, String)> {
    let mut helps = text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' '));
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types
        .map(|(name, kind)| {
            let (other, help) = helps.next().unwrap();
            assert_eq!(name, other);
            (name.to_owned(), kind.to_owned(), help.to_owned())
        })
        .collect()
}

#[tokio::test]
async fn the_documentation_lists_all() {
    let row = |(name, kind, help): &(String, String, String)| {
        let suffix = if kind == "counter" { "_total" } else { "" };
        format!("| `{name}{suffix}` | {kind} | {} |\n", help.trim_end_matches('.'))
    };
    let table: String = families(&scrape().await).iter().map(row).collect();
    let page = include_str!("../../../../docs/metrics.md");
    let is: String = page.split_inclusive('\n').filter(|line| line.starts_with("| `")).collect();
    assert_eq!(is, table, "the table in docs/metrics.md must be the one on the right");
}

#[tokio::test]
async fn names_are_conventional() {
    for (name, kind, help) in families(&scrape().await) {
        assert!(name.starts_with("alianza_") || name.starts_with("process_"), "{name}");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        assert!(!name.ends_with("_total") && !name.ends_with("_count"), "{name} {kind}");
        assert!(help.len() > 10, "{name}");
    }
}

#[tokio::test]
async fn prometheus_finds_its_text() {
    let text = scrape().await;
    assert!(text.ends_with("# EOF\n"), "{text}");
    for line in [
        "# TYPE alianza_operation_duration_seconds histogram",
        "# TYPE alianza_operation_failures counter",
        "# UNIT alianza_storage_bytes bytes",
        "alianza_storage_bytes 12345.0",
        "alianza_peer_up{peer=\"Greta\"} 1.0",
        "alianza_peer_sent_bytes_total 0.0",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is missing in {text}");
    }
}

/// Names that samples of a family have.
fn sample_names(text: &str) -> BTreeSet<String> {
    let names = families(text).into_iter().flat_map(|(name, kind, _)| match kind.as_str() {
        "histogram" => ["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}")).to_vec(),
        "counter" => vec![format!("{name}_total")],
        _ => vec![name],
    });
    names.collect()
}

/// Words of an expression that look like metrics, each with what stands in the braces behind it.
fn metrics_in(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for prefix in ["alianza_", "process_"] {
        for (at, _) in text.match_indices(prefix).filter(|(at, _)| !text[..*at].ends_with(is_word)) {
            let behind = &text[at..];
            let (name, rest) = behind.split_at(behind.find(|c| !is_word(c)).unwrap_or(behind.len()));
            let selector =
                rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(inside, _)| inside);
            found.push((name, selector));
        }
    }
    found
}

/// Labels that Prometheus adds, and every label that we export with its values, where there are few.
fn check_selector(selector: &str) {
    let kinds: Vec<&str> = server::Kind::ALL.iter().map(|kind| kind.name()).collect();
    let levels: Vec<&str> = server::Level::ALL.iter().map(|level| level.name()).collect();
    let reasons: Vec<&str> = server::Reason::ALL.iter().map(|reason| reason.name()).collect();
    let states = ["identical", "differing", "not compared"];
    for matcher in selector.split(',').filter(|matcher| !matcher.is_empty()) {
        let (label, value) = matcher.split_once('=').unwrap();
        let values: Vec<&str> = value.trim_matches(['~', '"', '\\']).split('|').collect();
        let known: &[&str] = match label.trim_end_matches('!') {
            "job" | "instance" | "peer" => continue,
            "operation" => &kinds,
            "level" => &levels,
            "reason" => &reasons,
            "state" => &states,
            "protocol" => &["http", "redis"],
            other => panic!("no metric has the label {other}"),
        };
        for value in values {
            assert!(known.contains(&value), "{label} is never {value:?}");
        }
    }
}

#[tokio::test]
async fn dashboard_and_alerts_use_names_that_are_exported() {
    let exported = sample_names(&scrape().await);
    let dashboard = include_str!("../../../../deploy/grafana/alianza.json");
    let alerts = include_str!("../../../../deploy/prometheus/alerts.yml");
    let dashboard: serde_json::Value = serde_json::from_str(dashboard).unwrap();
    let mut expressions: Vec<String> = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let targets = panel["targets"].as_array().map_or(&[][..], Vec::as_slice);
        expressions.extend(targets.iter().map(|target| target["expr"].as_str().unwrap().to_owned()));
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        expressions.extend(variable["query"].as_str().map(str::to_owned));
    }
    expressions.extend(alerts.lines().map(str::to_owned));
    let mut used = 0;
    for (name, selector) in expressions.iter().flat_map(|text| metrics_in(text)) {
        assert!(exported.contains(name), "{name} is not exported");
        check_selector(selector);
        used += 1;
    }
    assert!(used > 50, "only {used} names were found; the pattern is wrong");
}

#[tokio::test]
async fn labels_that_are_grouped_by_exist() {
    let known = ["instance", "job", "le", "operation", "level", "reason", "peer", "protocol", "state"];
    let dashboard = include_str!("../../../../deploy/grafana/alianza.json");
    let alerts = include_str!("../../../../deploy/prometheus/alerts.yml");
    for text in [dashboard, alerts] {
        for part in text.split("by (").skip(1) {
            for label in part.split_once(')').unwrap().0.split(',') {
                assert!(known.contains(&label.trim()), "nothing has the label {label}");
            }
        }
    }
}
