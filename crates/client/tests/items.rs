//! Contexts, merges, scans and batches, against scripted nodes that keep what they are given.

#![allow(clippy::unwrap_used, reason = "clippy does not see that this file's functions serve tests only")]

mod support;

use client::{Done, Edit, Error, Key, Value};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use support::{Act, Asked, cluster, quick, refused, written};

/// A linearizable bucket: versions count up, and a condition that does not hold is refused.
fn register(interfere: bool) -> impl Fn(&Asked) -> Act + Clone + Send + Sync {
    let held = Arc::new(Mutex::new((0_u64, String::new(), interfere)));
    move |asked| {
        let (version, value, interferes) = &mut *held.lock().unwrap();
        match asked.body["type"].as_str() {
            Some("GET") if *version == 0 => refused(404, "not-found", false),
            Some("GET") => {
                let answer = json!({ "key": "k", "value": value.clone(), "version": *version });
                if std::mem::take(interferes) {
                    *version += 1;
                    value.push('!');
                }
                Act::Answer(200, answer)
            }
            _ if asked.body["ifVersion"].as_u64().is_some_and(|wanted| wanted != *version) => {
                refused(412, "condition-failed", false)
            }
            _ => {
                *version += 1;
                *value = asked.body["value"].as_str().unwrap().to_owned();
                Act::Answer(200, json!({ "key": "k", "version": *version }))
            }
        }
    }
}

fn no_merge(_: Vec<Value>) -> Value {
    panic!("there is nothing to merge")
}

fn appended(value: Option<Value>, more: &str) -> Edit {
    let mut bytes = value.map(|value| value.bytes.to_vec()).unwrap_or_default();
    bytes.extend(more.as_bytes());
    Edit::Put(bytes.into())
}

#[tokio::test]
async fn an_update_begins_anew_when_somebody_was_quicker() {
    let nodes = cluster(1, 1, register(true)).await;
    let bucket = quick(&nodes).build().unwrap().bucket("locks");
    bucket.update("k", no_merge, |value| appended(value, "a")).await.unwrap();
    bucket.update("k", no_merge, |value| appended(value, "b")).await.unwrap();
    assert_eq!(bucket.value("k").await.unwrap().unwrap(), "a!b");
    let versions: Vec<_> = nodes[0].asked().iter().filter_map(|asked| asked.body["ifVersion"].as_u64()).collect();
    assert_eq!(versions, [0, 1, 2]);
}

#[tokio::test]
async fn an_update_merges_siblings_and_supersedes_what_it_saw() {
    let nodes = cluster(1, 1, |asked| match asked.body["type"].as_str() {
        Some("GET") => {
            Act::Answer(200, json!({ "key": "k", "values": [{ "value": "a" }, { "value": "b" }], "context": "seen" }))
        }
        _ => Act::Answer(200, json!({ "key": "k", "acknowledged": 1, "context": "next" })),
    })
    .await;
    let bucket = quick(&nodes).build().unwrap().bucket("carts");
    assert!(matches!(bucket.value("k").await, Err(Error::SeveralValues { count: 2 })));
    let join =
        |values: Vec<Value>| Value::plain(values.iter().flat_map(|value| value.bytes.to_vec()).collect::<Vec<_>>());
    bucket.update("k", join, |value| appended(value, "c")).await.unwrap();
    let put = nodes[0].asked().pop().unwrap().body;
    assert_eq!((put["value"].as_str(), put["context"].as_str()), (Some("abc"), Some("seen")));
    let item = bucket.settle("k", join).await.unwrap();
    assert_eq!(item.value().unwrap().unwrap(), &Value::plain("ab"));
    // A session goes on from what it has seen and written, and says so by itself.
    let session = bucket.session();
    session.put("k", "new").await.unwrap();
    session.get("k").await.unwrap();
    session.put("k", "newer").await.unwrap();
    session.delete("k").await.unwrap();
    let contexts: Vec<_> = nodes[0].asked().iter().skip(2).map(|asked| asked.body["context"].clone()).collect();
    assert_eq!(contexts, [Json::Null, Json::Null, json!("seen"), json!("next")]);
}

#[tokio::test]
async fn an_update_where_the_last_writer_wins_is_refused() {
    let nodes = cluster(1, 1, |_| written()).await;
    let error =
        quick(&nodes).build().unwrap().bucket("default").update("k", no_merge, |_| Edit::Keep).await.unwrap_err();
    assert!(error.to_string().contains("the last writer wins"), "{error}");
    assert!(nodes[0].asked().is_empty());
}

#[tokio::test]
async fn a_scan_reads_page_by_page_and_goes_on_where_it_was() {
    let nodes = cluster(2, 1, |asked| {
        let page = asked.body["cursor"].as_str().map_or(0, |cursor| cursor.parse().unwrap());
        let item = |at: u64| json!({ "key": "k", "sort": format!("{at}"), "value": "v" });
        let mut answer = json!({ "items": [item(2 * page), item(2 * page + 1)] });
        if page < 2 {
            answer["cursor"] = format!("{}", page + 1).into();
        }
        Act::Answer(200, answer)
    })
    .await;
    let bucket = quick(&nodes).build().unwrap().bucket("default");
    let mut scan = bucket.range("k").from("0").to("9").page(2);
    let mut sorts = Vec::new();
    while let Some(item) = scan.next().await.unwrap() {
        sorts.push(item.key.sort.unwrap()[0] - b'0');
        if sorts.len() == 3 {
            break;
        }
    }
    // In the middle of the second page, whose beginning is kept.
    let cursor = scan.cursor().unwrap().to_owned();
    assert_eq!((sorts, cursor.as_str()), (vec![0, 1, 2], "1"));
    let asked: Vec<_> = nodes.iter().flat_map(|node| node.asked()).map(|asked| asked.body).collect();
    assert_eq!((asked.len(), asked[0]["from"].as_str(), asked[0]["limit"].as_u64()), (2, Some("0"), Some(2)));
    let mut rest = bucket.range("k").page(2).resume(cursor);
    let mut count = 0;
    while let Some(item) = next(&mut rest).await {
        item.unwrap();
        count += 1;
    }
    assert_eq!(count, 4);
    assert_eq!(rest.cursor(), None);
}

/// As the crates of streams do it.
async fn next<S: futures_core::Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    std::future::poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}

#[tokio::test]
async fn a_batch_is_divided_among_owners_and_answered_in_order() {
    let nodes = cluster(4, 2, |asked| {
        let line = |operation: &Json| match operation["type"].as_str() {
            Some("GET") if operation["key"] == "key_7" => {
                json!({ "status": 404, "body": { "type": "/problems/not-found", "detail": "No." } })
            }
            Some("GET") => json!({ "status": 200, "body": { "key": operation["key"], "value": "v" } }),
            Some("ADD") => json!({ "status": 503, "body": { "type": "/problems/quorum-unmet", "detail": "No.", "mayHaveBeenApplied": true } }),
            _ => json!({ "status": 200, "body": { "key": operation["key"], "acknowledged": 2 } }),
        };
        Act::Lines(asked.lines.iter().map(line).collect())
    })
    .await;
    let client = quick(&nodes).build().unwrap();
    let bucket = client.bucket("default");
    let mut batch = client.batch();
    batch.push(bucket.put("key_2", "a")).push(bucket.get("key_20")).push(bucket.get("key_2"));
    batch.push(bucket.get("key_7")).push(bucket.add("key_3", 1));
    let done = batch.run().await.unwrap();
    assert!(matches!(&done[0], Ok(Done::Written(written)) if written.acknowledged == 2), "{done:?}");
    assert!(matches!(&done[1], Ok(Done::Item(item)) if item.key == Key::from("key_20")), "{done:?}");
    assert!(matches!(&done[2], Ok(Done::Item(item)) if item.values.len() == 1), "{done:?}");
    assert!(matches!(&done[3], Ok(Done::Item(item)) if item.values.is_empty()), "{done:?}");
    assert!(done[4].as_ref().unwrap_err().may_have_been_applied());
    let lines: BTreeMap<usize, usize> =
        nodes.iter().map(|node| node.asked().iter().map(|asked| asked.lines.len()).sum()).enumerate().collect();
    assert_eq!(lines, BTreeMap::from([(0, 3), (1, 0), (2, 2), (3, 0)]));
}
