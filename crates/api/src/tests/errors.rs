//! Everything that goes wrong, with its status, its type, and what comes with it.

use super::{Reply, ask, post, send};
use crate::fake::{self, Fake};
use axum::body::{Body, HttpBody};
use axum::http::{Method, Request as HttpRequest};
use bytes::Bytes;
use hyper::body::Frame;
use proto::{Level, Refusal, Request, Response};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

fn any() -> Arc<Fake> {
    Arc::new(Fake::new(|_| Response::Status(Box::new(fake::status(&["Ted"])))))
}

async fn refused(refusal: Refusal, body: &'static str) -> Reply {
    post(&Arc::new(Fake::refusing(refusal)), body).await
}

const GET: &str = r#"{"type":"GET","key":"9"}"#;
const PUT: &str = r#"{"type":"PUT","key":"9","value":"x"}"#;

#[tokio::test]
async fn bad_bodies_are_400_with_one_kind_each() {
    let cases: [(&[u8], &str); 14] = [
        (b"", "invalid-json"),
        (b"{", "invalid-json"),
        (b"key=9", "invalid-json"),
        (b"\xff\xfe{}", "not-utf8"),
        (b"{\"type\":\"PUT\",\"key\":\"9\",\"value\":\"\xff\"}", "not-utf8"),
        (br#"{"type":"PUT","key":"9","value":"\ud800"}"#, "invalid-json"),
        (b"[]", "invalid-field"),
        (br#"{"key":"9"}"#, "unknown-type"),
        (br#"{"type":"get","key":"9"}"#, "unknown-type"),
        (br#"{"type":"GET"}"#, "missing-field"),
        (br#"{"type":"PUT","key":"9"}"#, "missing-field"),
        (br#"{"type":"PUT","key":"9","value":{"a":1}}"#, "invalid-field"),
        (br#"{"type":"GET","key":"9","flavour":"sweet"}"#, "unknown-field"),
        (br#"{"type":"GET","key":"9","key":"8"}"#, "invalid-field"),
    ];
    for (body, kind) in cases {
        let reply = post(&any(), body.to_vec()).await;
        let shown = String::from_utf8_lossy(body);
        assert_eq!(reply.status, 400, "{shown}");
        assert_eq!(reply.problem(), kind, "{shown}");
    }
}

#[tokio::test]
async fn a_field_that_is_wrong_is_named() {
    let json = post(&any(), r#"{"type":"PUT","key":"9","value":7}"#).await.json();
    assert_eq!(json["field"], "value");
    assert!(json["detail"].as_str().unwrap().contains("must be a JSON string"));
    assert_eq!(post(&any(), r#"{"type":"GET","key":"9","flavour":1}"#).await.json()["field"], "flavour");
}

#[tokio::test]
async fn elements_are_read_here_and_written_elsewhere() {
    for kind in ["PUT", "DELETE", "ADD"] {
        let value = if kind == "PUT" { r#","value":"x""# } else { "" };
        let body = format!(r#"{{"type":"{kind}","key":"9","sort":"\u0000m"{value}}}"#);
        let json = post(&any(), body).await.json();
        assert_eq!((&json["field"], &json["status"]), (&"sort".into(), &400.into()), "{json}");
        assert!(json["detail"].as_str().unwrap().contains("elements of sets and hashes"));
    }
}

#[tokio::test]
async fn oversized_requests_are_413() {
    let long = "v".repeat((1 << 20) + 1);
    let value = post(&any(), format!(r#"{{"type":"PUT","key":"9","value":"{long}"}}"#)).await;
    assert_eq!((value.status.as_u16(), value.problem().as_str()), (413, "too-large"));
    let key = post(&any(), format!(r#"{{"type":"GET","key":"{long}"}}"#)).await;
    assert_eq!((key.status.as_u16(), key.problem().as_str()), (413, "too-large"));
    let body = post(&any(), vec![b' '; 5 << 20]).await;
    assert_eq!((body.status.as_u16(), body.problem().as_str()), (413, "too-large"));
    assert_eq!(post(&any(), Body::new(Unannounced(6))).await.problem(), "too-large");
}

#[tokio::test]
async fn a_body_in_pieces_is_one() {
    let reply = post(&any(), Body::new(Unannounced(3))).await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (400, "invalid-json"));
}

/// So many pieces of a MiB of blanks, whose length nobody announces.
struct Unannounced(u8);

impl HttpBody for Unannounced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0 = match self.0.checked_sub(1) {
            Some(left) => left,
            None => return Poll::Ready(None),
        };
        Poll::Ready(Some(Ok(Frame::data(vec![b' '; 1 << 20].into()))))
    }
}

#[tokio::test]
async fn refusals_of_the_node_have_their_status() {
    let quorum = Refusal::QuorumUnmet { needed: 2, got: 1, write: true };
    let cases = [
        (Refusal::UnknownBucket("b".into()), 404, "unknown-bucket"),
        (Refusal::LevelImpossible { level: Level::Count(9), replicas: 3 }, 400, "level-impossible"),
        (quorum, 503, "quorum-unmet"),
        (Refusal::NoAnswer { write: true }, 503, "no-answer"),
        (Refusal::NotReady("joining".into()), 503, "not-ready"),
        (Refusal::Overloaded, 503, "overloaded"),
        (Refusal::TooManySiblings { count: 100 }, 409, "too-many-siblings"),
        (Refusal::ContextUnknown, 400, "invalid-context"),
        (Refusal::ModeUnsupported("b".into()), 501, "mode-unsupported"),
        (Refusal::ConditionFailed(Box::default()), 412, "condition-failed"),
        (Refusal::OutcomeUnknown, 503, "outcome-unknown"),
        (Refusal::DiskFull, 507, "disk-full"),
        (Refusal::StorageFailed("fsync".into()), 500, "storage-failed"),
        (Refusal::Invalid("the key is empty".into()), 400, "invalid-field"),
    ];
    for (refusal, status, kind) in cases {
        let reply = refused(refusal, PUT).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (status, kind));
    }
}

#[tokio::test]
async fn an_unmet_quorum_says_when_to_try_again_and_what_may_have_happened() {
    let write = refused(Refusal::QuorumUnmet { needed: 2, got: 1, write: true }, PUT).await;
    assert_eq!(write.headers["retry-after"], "1");
    let json = write.json();
    assert_eq!((&json["needed"], &json["got"]), (&2.into(), &1.into()));
    assert_eq!(json["mayHaveBeenApplied"], true);
    assert!(json["detail"].as_str().unwrap().contains("may have been applied"));
    let read = refused(Refusal::QuorumUnmet { needed: 2, got: 0, write: false }, GET).await.json();
    assert_eq!(read["mayHaveBeenApplied"], false);
    assert!(!read["detail"].as_str().unwrap().contains("applied"));
}

#[tokio::test]
async fn an_unknown_bucket_is_404_and_says_how_to_make_it() {
    let reply = post(&any(), r#"{"type":"GET","key":"9","bucket":"nope"}"#).await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (404, "unknown-bucket"));
    assert!(reply.json()["detail"].as_str().unwrap().contains("alianza bucket set nope"));
}

#[tokio::test]
async fn a_response_that_does_not_fit_is_a_fault_of_ours() {
    let reply = post(&any(), GET).await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (500, "internal"));
}

#[tokio::test]
async fn unknown_paths_are_404_and_wrong_methods_405_with_allow() {
    let reply = ask(&any(), Method::GET, "/nowhere", "").await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (404, "unknown-path"));
    for (method, path, allowed) in [
        (Method::DELETE, "/", "POST"),
        (Method::PUT, "/", "GET"),
        (Method::POST, "/events", "GET"),
        (Method::GET, "/shutdown", "POST"),
        (Method::GET, "/console/sql", "POST"),
        (Method::DELETE, "/v1/buckets/b", "PUT"),
    ] {
        let reply = ask(&any(), method, path, "").await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (405, "wrong-method"), "{path}");
        assert!(reply.headers["allow"].to_str().unwrap().contains(allowed), "{path}: {:?}", reply.headers);
    }
}

#[tokio::test]
async fn pages_of_other_sites_are_refused() {
    for (name, value) in [("origin", "http://evil.example"), ("sec-fetch-site", "cross-site"), ("origin", "null")] {
        for path in ["/", "/shutdown", "/console/sql", "/v1/cluster/apply"] {
            let request = HttpRequest::post(path).header("host", "localhost:8080").header(name, value);
            let reply = send(&any(), request.body(Body::from(GET)).unwrap()).await;
            assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (403, "cross-site"), "{path} {name}");
        }
    }
    let fake = any();
    let request = HttpRequest::get("/events").header("origin", "http://evil.example");
    send(&fake, request.body(Body::empty()).unwrap()).await;
    assert!(matches!(fake.asked.lock().unwrap()[..], [(Request::Admin(_), _)]));
}

#[tokio::test]
async fn on_loopback_a_foreign_name_reads_nothing_and_writes_nothing() {
    let fake = any();
    for (method, path) in [
        (Method::GET, "/v1/buckets/default/items"),
        (Method::GET, "/v1/buckets/default/items/9"),
        (Method::HEAD, "/v1/buckets/default/items/9"),
        (Method::GET, "/v1/events"),
        (Method::GET, "/"),
        (Method::POST, "/"),
    ] {
        for host in ["evil.example", "evil.example:8080", "localhost.evil.example"] {
            let request = HttpRequest::builder().method(&method).uri(path).header("host", host);
            let reply = send(&fake, request.body(Body::from(GET)).unwrap()).await;
            assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (403, "cross-site"), "{method} {path}");
        }
    }
    assert!(fake.asked.lock().unwrap().is_empty());
    for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "console.localhost"] {
        let request = HttpRequest::get("/v1/cluster").header("host", host);
        assert_eq!(send(&fake, request.body(Body::empty()).unwrap()).await.status.as_u16(), 200, "{host}");
    }
}

#[tokio::test]
async fn every_kind_of_problem_can_be_looked_up() {
    let list = ask(&any(), Method::GET, "/problems", "").await.json();
    assert_eq!(list["problems"].as_array().unwrap().len(), crate::Kind::ALL.len());
    let one = ask(&any(), Method::GET, "/problems/quorum-unmet", "").await.json();
    assert_eq!(one["status"], 503);
    assert_eq!(ask(&any(), Method::GET, "/problems/nope", "").await.problem(), "unknown-path");
}
