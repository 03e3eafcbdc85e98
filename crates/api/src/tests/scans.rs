//! Scans of one key and of whole buckets, page by page.

use super::post;
use crate::fake::{self, Fake};
use causal::{Actor, Dot, Stamp};
use proto::{ItemKey, Page, Request, Response, Scope, Sibling, Value, Version};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;

fn sibling() -> Sibling {
    let version = Version { stamp: Stamp::new(1, 0), expires: None, value: Some(Value::plain("v")) };
    Sibling { dot: Dot { actor: Actor { node: 9, incarnation: 1 }, counter: 1 }, version }
}

/// A node with 16 partitions that hold these keys, in order, and give at most `page_max` at a time.
fn cluster(content: BTreeMap<u16, Vec<ItemKey>>, page_max: usize) -> Arc<Fake> {
    Arc::new(Fake::new(move |request| {
        let Request::Scan(scan) = request else { return Response::Status(Box::new(fake::status(&["Ted"]))) };
        let (partition, after) = match &scan.scope {
            Scope::Partition { partition, after } => (partition.0, after),
            Scope::SortKeys { after, .. } => (0, after),
        };
        let all = content.get(&partition).cloned().unwrap_or_default();
        let rest: Vec<_> = all.into_iter().filter(|key| after.as_ref().is_none_or(|after| key > after)).collect();
        let taken: Vec<_> = rest.iter().take(page_max.min(scan.limit as usize)).cloned().collect();
        let next = if taken.len() < rest.len() { taken.last().cloned() } else { None };
        Response::Page(Page { items: taken.into_iter().map(|key| (key, vec![sibling()])).collect(), next })
    }))
}

fn keys(json: &Json) -> Vec<String> {
    json["items"].as_array().unwrap().iter().map(|item| item["key"].as_str().unwrap().to_owned()).collect()
}

/// Reads all pages of a whole bucket.
async fn all(fake: &Arc<Fake>, limit: usize) -> (Vec<String>, usize) {
    let (mut found, mut pages, mut cursor) = (Vec::new(), 0, Json::Null);
    loop {
        let body = json!({ "type": "SCAN", "limit": limit, "cursor": cursor }).to_string();
        let json = post(fake, body).await.json();
        assert!(keys(&json).len() <= limit);
        found.extend(keys(&json));
        pages += 1;
        match json.get("cursor") {
            Some(next) => cursor = next.clone(),
            None => return (found, pages),
        }
    }
}

#[tokio::test]
async fn a_whole_bucket_is_read_in_pages_without_gaps_or_repetitions() {
    let plain = |names: &[&'static str]| names.iter().map(|name| ItemKey::plain(*name)).collect::<Vec<_>>();
    let content = BTreeMap::from([
        (0, plain(&["a", "b", "c", "d", "e"])),
        (3, plain(&["f"])),
        (9, plain(&["g", "h"])),
        (15, plain(&["i", "j", "k"])),
    ]);
    let expected: Vec<String> = "abcdefghijk".chars().map(String::from).collect();
    for page_max in [2, 100] {
        let fake = cluster(content.clone(), page_max);
        for limit in [1, 2, 3, 5, 6, 11, 12, 1_000] {
            assert_eq!(all(&fake, limit).await.0, expected, "limit {limit}, page {page_max}");
        }
    }
    assert_eq!(all(&cluster(content, 100), 1_000).await.1, 1);
    assert_eq!(all(&cluster(BTreeMap::new(), 100), 10).await, (Vec::new(), 1));
}

#[tokio::test]
async fn a_scan_of_one_key_passes_its_bounds_on() {
    let content = BTreeMap::from([(0, ["x", "y", "z"].map(|sort| ItemKey::sorted("k", sort)).to_vec())]);
    let fake = cluster(content, 100);
    let body = r#"{"type":"SCAN","key":"k","from":"a","to":"zz","after":"x","limit":1}"#;
    let json = post(&fake, body).await.json();
    assert_eq!(json["items"], json!([{ "key": "k", "sort": "y", "value": "v" }]));
    let next = json!({ "type": "SCAN", "key": "k", "cursor": json["cursor"] }).to_string();
    assert_eq!(post(&fake, next).await.json()["items"][0]["sort"], "z");
    let asked = fake.asked.lock().unwrap();
    let (Request::Scan(scan), _) = &asked[0] else { panic!("{asked:?}") };
    let expected = Scope::SortKeys {
        partition_key: "k".into(),
        from: Some("a".into()),
        to: Some("zz".into()),
        after: Some(ItemKey::sorted("k", "x")),
    };
    assert_eq!((&scan.scope, scan.limit), (&expected, 1));
}

#[tokio::test]
async fn cursors_of_other_scans_are_refused() {
    let fake = cluster(BTreeMap::from([(0, vec![ItemKey::plain("a"), ItemKey::plain("b")])]), 1);
    let json = post(&fake, r#"{"type":"SCAN","limit":1}"#).await.json();
    let other = json!({ "type": "SCAN", "key": "k", "cursor": json["cursor"] }).to_string();
    assert_eq!(post(&fake, other).await.problem(), "invalid-cursor");
    let beyond = crate::cursor::Cursor { partition: ring::PartitionId(16), after: None }.write();
    let body = json!({ "type": "SCAN", "cursor": beyond }).to_string();
    assert_eq!(post(&fake, body).await.problem(), "invalid-cursor");
}

/// The lines of a listing.
async fn listed(fake: &Arc<Fake>, query: &str) -> Vec<Json> {
    let reply = super::ask(fake, axum::http::Method::GET, &format!("/v1/buckets/default/items{query}"), "").await;
    assert_eq!(reply.headers["content-type"], "application/x-ndjson");
    let text = String::from_utf8(reply.body).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_listing_is_a_stream_of_lines_that_can_be_taken_up_again() {
    let names = |from: u32| (from..from + 130).map(|n| ItemKey::plain(format!("k{n:03}"))).collect::<Vec<_>>();
    let fake = cluster(BTreeMap::from([(0, names(0)), (9, names(500))]), 1_000);
    let keys =
        |lines: &[Json]| lines.iter().filter_map(|line| line["key"].as_str().map(str::to_owned)).collect::<Vec<_>>();
    let whole = listed(&fake, "").await;
    assert_eq!(keys(&whole).len(), 260);
    assert_eq!(whole.last(), Some(&json!({ "end": true })));
    let cursors: Vec<&str> = whole.iter().filter_map(|line| line["cursor"].as_str()).collect();
    assert_eq!(cursors.len(), 2);
    let rest = listed(&fake, &format!("?cursor={}", cursors[0])).await;
    assert_eq!(keys(&rest), keys(&whole)[100..]);
    let some = listed(&fake, "?limit=7").await;
    assert_eq!(keys(&some), keys(&whole)[..7]);
    assert!(some.last().unwrap()["cursor"].is_string());
    let wrong = super::ask(&fake, axum::http::Method::GET, "/v1/buckets/default/items?limit=0", "").await;
    assert_eq!(wrong.problem(), "invalid-field");
}

#[tokio::test]
async fn a_listing_that_breaks_off_says_why() {
    let names = (0..130).map(|n| ItemKey::plain(format!("k{n:03}"))).collect();
    let whole = cluster(BTreeMap::from([(0, names)]), 1_000);
    let broken = Arc::new(Fake::new(move |request| match request {
        Request::Scan(scan) if scan.scope != (Scope::Partition { partition: ring::PartitionId(0), after: None }) => {
            Response::Refused(proto::Refusal::QuorumUnmet { needed: 2, got: 1, write: false })
        }
        other => whole.answer(other),
    }));
    let lines = listed(&broken, "").await;
    assert_eq!(lines.len(), 102);
    assert_eq!(lines[101]["problem"]["type"], "/problems/quorum-unmet");
}
