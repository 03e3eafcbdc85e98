//! Batches: order, statuses, bounds.

use super::ask;
use crate::fake::{self, Fake};
use crate::{Options, Service};
use axum::body::Body;
use axum::http::{Method, Request as Http};
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use proto::{Found, Refusal, Request, Response, Written};
use serde_json::Value as Json;
use std::sync::Arc;

#[tokio::test]
async fn each_line_has_its_answer_in_its_place() {
    let fake = Arc::new(Fake::new(|request| match request {
        Request::Get(_) => {
            Response::Found(Found { siblings: Vec::new(), context: Default::default(), newest: None, answered: 2 })
        }
        Request::Put(put) if put.key.partition_key == "full" => Response::Refused(Refusal::DiskFull),
        Request::Put(_) => Response::Written(Written { context: Default::default(), acknowledged: 2 }),
        _ => Response::Status(Box::new(fake::status(&["Ted"]))),
    }));
    let body = concat!(
        "{\"type\":\"PUT\",\"key\":\"a\",\"value\":\"1\"}\n",
        "nonsense\n\n",
        "{\"type\":\"GET\",\"key\":\"b\"}\r\n",
        "{\"type\":\"PUT\",\"key\":\"full\",\"value\":\"1\"}\n",
        "{\"type\":\"PUT\",\"key\":\"a\",\"value\":\"2\"}\n",
        "{\"type\":\"DELETE\",\"key\":\"a\"}",
    );
    let reply = ask(&fake, Method::POST, "/v1/batch", body).await;
    let text = String::from_utf8(reply.body).unwrap();
    let lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let statuses: Vec<u64> = lines.iter().map(|line| line["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 400, 404, 507, 200, 200]);
    assert_eq!(lines[0]["body"]["acknowledged"], 2);
    assert_eq!(lines[1]["body"]["type"], "/problems/invalid-json");
    let asked = fake.asked.lock().unwrap();
    let of_a = asked.iter().filter_map(|(request, _)| match request {
        Request::Put(put) if put.key.partition_key == "a" => {
            Some(put.value.as_ref().map_or("deleted".into(), |value| value.bytes.clone()))
        }
        _ => None,
    });
    assert_eq!(of_a.collect::<Vec<_>>(), ["1", "2", "deleted"]);
}

#[tokio::test]
async fn a_batch_is_bounded() {
    let fake = Arc::new(Fake::refusing(Refusal::Overloaded));
    let most = ask(&fake, Method::POST, "/v1/batch", "{}\n".repeat(10_000)).await;
    assert_eq!(most.body.iter().filter(|byte| **byte == b'\n').count(), 10_000);
    let body = "{}\n".repeat(10_001);
    assert_eq!(ask(&fake, Method::POST, "/v1/batch", body).await.problem(), "too-large");
    assert!(ask(&fake, Method::POST, "/v1/batch", "\n").await.body.is_empty());
}

#[tokio::test]
async fn answers_are_sent_one_by_one() {
    let fake = Arc::new(Fake::refusing(Refusal::Overloaded));
    let lines: String = (0..20).map(|key| format!("{{\"type\":\"GET\",\"key\":\"{key}\"}}\n")).collect();
    let request = Http::post("/v1/batch").body(Body::from(lines)).unwrap();
    let service = Service::new(Arc::<Fake>::clone(&fake), Options::default());
    let mut body = service.call(request).await.unwrap().into_body();
    for _ in 0..20 {
        let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(piece.iter().filter(|byte| **byte == b'\n').count(), 1);
    }
    assert!(body.frame().await.is_none());
}
