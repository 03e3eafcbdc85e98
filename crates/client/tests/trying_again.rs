//! What is tried again after which failure, and what is said if it is not.

mod support;

use client::{Error, Reason, RetrySettings, Writing as _};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::{Act, Asked, cluster, quick, refused, written};

/// Fails so often, by `failing`, before it is well.
fn after(
    times: usize,
    failing: impl Fn() -> Act + Clone + Send + Sync,
) -> impl Fn(&Asked) -> Act + Clone + Send + Sync {
    let left = Arc::new(AtomicUsize::new(times));
    move |_| {
        let fails = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if fails { failing() } else { Act::Answer(200, json!({ "key": "k", "value": "5", "acknowledged": 2 })) }
    }
}

#[tokio::test]
async fn reads_and_plain_writes_survive_failures() {
    for failing in [|| Act::Break, || refused(503, "quorum-unmet", true), || refused(503, "not-ready", false)] {
        let nodes = cluster(2, 2, after(2, failing)).await;
        let bucket = quick(&nodes).build().unwrap().bucket("default");
        assert_eq!(bucket.value("k").await.unwrap().unwrap(), "5");
        let nodes = cluster(2, 2, after(2, failing)).await;
        let bucket = quick(&nodes).build().unwrap().bucket("default");
        assert_eq!(bucket.put("k", "v").await.unwrap().acknowledged, 2);
    }
}

#[tokio::test]
async fn what_would_count_twice_is_tried_again_only_if_it_was_not_done() {
    let nodes = cluster(2, 2, after(1, || refused(503, "overloaded", false))).await;
    let bucket = quick(&nodes).build().unwrap().bucket("default");
    assert_eq!(bucket.count("k", 1).await.unwrap(), Some(5));
    for failing in [|| Act::Break, || refused(503, "quorum-unmet", true)] {
        let nodes = cluster(2, 2, after(1, failing)).await;
        let bucket = quick(&nodes).build().unwrap().bucket("default");
        let error = bucket.add("k", 1).await.unwrap_err();
        assert!(error.may_have_been_applied(), "{error:?}");
        assert_eq!(nodes.iter().map(|node| node.asked().len()).sum::<usize>(), 1);
        // Two writes of one value are two siblings.
        let nodes = cluster(2, 2, after(1, failing)).await;
        let bucket = quick(&nodes).build().unwrap().bucket("carts");
        assert!(bucket.put("k", "v").await.unwrap_err().may_have_been_applied());
        let nodes = cluster(2, 2, after(1, failing)).await;
        let bucket = quick(&nodes).build().unwrap().bucket("default");
        assert!(bucket.put("k", "v").once().await.unwrap_err().may_have_been_applied());
    }
}

#[tokio::test]
async fn a_linearizable_change_is_asked_for_again_by_its_name() {
    let nodes = cluster(2, 2, after(2, || Act::Break)).await;
    let bucket = quick(&nodes).build().unwrap().bucket("locks");
    bucket.add("k", 1).await.unwrap();
    let mut asked: Vec<_> = nodes.iter().flat_map(|node| node.asked()).map(|asked| asked.body).collect();
    asked.sort_by_key(|body| body["id"].is_null());
    assert_eq!(asked.len(), 3);
    let id = asked[0]["id"].as_str().unwrap();
    assert!(id.len() == 16 && asked[1]["again"] == id && asked[2]["again"] == id, "{asked:?}");
}

#[tokio::test]
async fn a_node_that_hangs_is_given_up_for_another() {
    let nodes = cluster(2, 2, |_| written()).await;
    nodes[1].script(|_| Act::Hang);
    let client = quick(&nodes).attempt(Duration::from_millis(300)).build().unwrap();
    for _ in 0..4 {
        client.bucket("default").put("k", "v").await.unwrap();
    }
    let timeout = nodes[0].asked()[0].body["timeout"].as_f64().unwrap();
    assert!(timeout <= 0.3, "the node is told how long it is waited for: {timeout}");
}

#[tokio::test]
async fn what_is_wrong_with_the_request_is_not_tried_again() {
    let nodes = cluster(2, 2, |_| refused(400, "invalid-field", false)).await;
    let error = quick(&nodes).build().unwrap().bucket("default").put("k", "v").await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::InvalidField));
    assert_eq!(nodes.iter().map(|node| node.asked().len()).sum::<usize>(), 1);
    let nodes = cluster(2, 2, |_| refused(412, "condition-failed", false)).await;
    let error = quick(&nodes).build().unwrap().bucket("locks").put("k", "v").if_absent().await.unwrap_err();
    assert_eq!((error.reason(), error.may_have_been_applied()), (Some(Reason::ConditionFailed), false));
}

#[tokio::test]
async fn a_cluster_in_trouble_is_not_asked_many_times_as_much() {
    let nodes = cluster(1, 1, |_| refused(503, "quorum-unmet", false)).await;
    let retries =
        RetrySettings { reserve: 5, percent: 10, base: client::Span(1), max: client::Span(1), ..Default::default() };
    let client = quick(&nodes).retries(retries).build().unwrap();
    for _ in 0..100 {
        assert!(client.bucket("default").get("k").await.is_err());
    }
    let asked = nodes[0].asked().len();
    assert!((100..=115).contains(&asked), "{asked}");
}

#[tokio::test]
async fn what_is_no_node_is_not_taken_for_one() {
    let nodes = cluster(1, 1, |_| Act::Answer(200, json!(["what?"]))).await;
    let error = quick(&nodes).build().unwrap().bucket("default").get("k").await.unwrap_err();
    assert!(matches!(error, Error::Usage(_)), "{error:?}");
    nodes[0].script(|_| Act::Answer(502, json!({ "error": "bad gateway" })));
    let error = quick(&nodes).build().unwrap().bucket("default").get("k").await.unwrap_err();
    assert!(matches!(error, Error::Strange { status: 502, .. }), "{error:?}");
}
