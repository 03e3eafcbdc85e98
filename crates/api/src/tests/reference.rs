//! `POST /` for reads and writes: what is asked of the node, and how its answers look.

use super::post;
use crate::context;
use crate::fake::{self, Fake};
use crate::{Options, Service};
use causal::{Actor, Context, Dot, Stamp};
use hyper::service::Service as _;
use proto::{Bucket, BucketId, Found, ItemKey, Level, Request, Response, Rule, Sibling, Value, Version, Written};
use serde_json::json;
use std::sync::Arc;
use stdx::Span;

fn sibling(counter: u64, bytes: &'static [u8]) -> Sibling {
    let version = Version { stamp: Stamp::new(1, 0), expires: None, value: Some(Value::plain(bytes)) };
    Sibling { dot: Dot { actor: actor(), counter }, version }
}

fn actor() -> Actor {
    Actor { node: 9, incarnation: 1 }
}

fn seen(counter: u64) -> Context {
    [(actor(), counter)].into_iter().collect()
}

/// A cluster with the buckets `default` and `cart`, the latter keeping siblings.
fn cluster(values: Vec<Sibling>) -> Arc<Fake> {
    Arc::new(Fake::new(move |request| match request {
        Request::Get(_) => {
            Response::Found(Found { siblings: values.clone(), context: seen(5), newest: None, answered: 2 })
        }
        Request::Put(_) => Response::Written(Written { context: seen(6), acknowledged: 2 }),
        _ => {
            let mut status = fake::status(&["Ted"]);
            let cart =
                Bucket { id: BucketId(4), name: "cart".into(), rule: Rule::Siblings, ..Bucket::default_bucket(3) };
            status.buckets.push(cart);
            Response::Status(Box::new(status))
        }
    }))
}

#[tokio::test]
async fn a_get_answers_with_key_and_value() {
    let reply = post(&cluster(vec![sibling(1, b"nueve")]), r#"{"type":"GET","key":"9"}"#).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.headers["content-type"], "application/json");
    assert_eq!(reply.json(), json!({ "key": "9", "value": "nueve" }));
}

#[tokio::test]
async fn a_get_of_nothing_is_404() {
    let reply = post(&cluster(Vec::new()), r#"{"type":"GET","key":"9"}"#).await;
    assert_eq!(reply.status, 404);
    assert_eq!(reply.problem(), "not-found");
    assert!(reply.json()["detail"].as_str().unwrap().contains("\"9\""));
    assert!(reply.json().get("context").is_none());
}

#[tokio::test]
async fn a_put_says_how_many_hold_it() {
    let fake = cluster(Vec::new());
    let reply = post(&fake, r#"{"type":"PUT","key":"1","value":"uno","level":"all","timeout":"2s"}"#).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json(), json!({ "key": "1", "acknowledged": 2 }));
    let asked = fake.asked.lock().unwrap();
    let (Request::Put(put), within) = &asked[0] else { panic!("{asked:?}") };
    assert_eq!((put.key.clone(), put.level, *within), (ItemKey::plain("1"), Some(Level::All), Some(Span::secs(2))));
    assert_eq!(put.value, Some(Value::plain("uno")));
}

#[tokio::test]
async fn what_is_added_answers_with_the_sum() {
    let outcome = proto::Outcome { value: "12".into(), expires: None, acknowledged: 2 };
    let fake = Arc::new(Fake::new(move |_| Response::Amended(outcome.clone())));
    let reply = post(&fake, r#"{"type":"ADD","key":"n","by":-3,"level":"one"}"#).await;
    assert_eq!((reply.status.as_u16(), reply.json()), (200, json!({ "key": "n", "value": "12", "acknowledged": 2 })));
    let asked = fake.asked.lock().unwrap();
    let Some((Request::Amend(amending), _)) = asked.last() else { panic!("{asked:?}") };
    let by = proto::Amendment::Add { by: proto::Decimal::whole(-3), whole: true };
    assert_eq!((&amending.amendment, amending.level), (&by, Some(Level::One)));
}

#[tokio::test]
async fn keys_of_a_mebibyte_work() {
    let key = "k".repeat(1 << 20);
    let reply = post(&cluster(vec![sibling(1, b"v")]), json!({ "type": "GET", "key": key }).to_string()).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["key"], key);
}

#[tokio::test]
async fn bytes_that_are_not_text_come_in_base64() {
    let reply = post(&cluster(vec![sibling(1, &[0xff, 0])]), r#"{"type":"GET","key_base64":"/w=="}"#).await;
    assert_eq!(reply.json(), json!({ "key_base64": "/w==", "value_base64": "/wA=" }));
}

#[tokio::test]
async fn a_sibling_bucket_gives_values_and_a_context_that_a_put_takes_back() {
    let fake = cluster(vec![sibling(1, b"milk"), sibling(2, b"bread")]);
    let reply = post(&fake, r#"{"type":"GET","key":"k","bucket":"cart"}"#).await;
    let json = reply.json();
    assert_eq!(json["values"], json!([{ "value": "milk" }, { "value": "bread" }]));
    assert!(json.get("value").is_none());
    let token = json["context"].as_str().unwrap();

    let put = json!({ "type": "PUT", "key": "k", "bucket": "cart", "value": "both", "context": token });
    let reply = post(&fake, put.to_string()).await;
    assert_eq!(reply.status, 200);
    let sealed = reply.json()["context"].as_str().unwrap().to_owned();
    assert_eq!(context::open(&[7; 32], BucketId(4), &ItemKey::plain("k"), &sealed), Ok(seen(6)));
    let asked = fake.asked.lock().unwrap();
    let Some((Request::Put(put), _)) = asked.last() else { panic!("{asked:?}") };
    assert_eq!(put.context, Some(seen(5)));
}

#[tokio::test]
async fn one_value_of_a_sibling_bucket_is_also_a_value() {
    let json = post(&cluster(vec![sibling(1, b"milk")]), r#"{"type":"GET","key":"k","bucket":"cart"}"#).await.json();
    assert_eq!(json["value"], "milk");
    assert_eq!(json["values"], json!([{ "value": "milk" }]));
}

#[tokio::test]
async fn a_deleted_item_of_a_sibling_bucket_still_has_a_context() {
    let reply = post(&cluster(Vec::new()), r#"{"type":"GET","key":"k","bucket":"cart"}"#).await;
    assert_eq!(reply.problem(), "not-found");
    assert!(reply.json()["context"].is_string());
}

#[tokio::test]
async fn a_context_of_another_key_is_refused() {
    let fake = cluster(Vec::new());
    let token = context::seal(&[7; 32], BucketId(4), &ItemKey::plain("other"), &seen(5));
    let put = json!({ "type": "PUT", "key": "k", "bucket": "cart", "value": "x", "context": token });
    assert_eq!(post(&fake, put.to_string()).await.problem(), "invalid-context");
    let put = json!({ "type": "DELETE", "key": "k", "bucket": "cart", "context": "nonsense" });
    assert_eq!(post(&fake, put.to_string()).await.problem(), "invalid-context");
}

#[tokio::test]
async fn the_buckets_are_asked_for_once() {
    let fake = cluster(Vec::new());
    let body = r#"{"type":"PUT","key":"k","bucket":"cart","value":"x"}"#;
    let service = Service::new(Arc::<Fake>::clone(&fake), Options::default());
    for _ in 0..3 {
        let request = axum::http::Request::post("/").body(axum::body::Body::from(body)).unwrap();
        let response = service.call(request).await.unwrap();
        assert_eq!(response.status(), 200);
    }
    let asked = fake.asked.lock().unwrap();
    assert_eq!(asked.iter().filter(|(request, _)| matches!(request, Request::Admin(_))).count(), 1);
}
