//! The text of `/metrics`, and what is built on its names.

use crate::fake::{self, Fake};
use crate::tests::ask;
use axum::http::Method;
use proto::{Admin, RepairStatus, Request, Response};
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
