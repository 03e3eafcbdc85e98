//! Requests through the whole router to a scripted node: every path, every error text that reaches a client.

mod admin;
mod batch;
mod errors;
mod events;
mod item;
mod reference;
mod scans;

use crate::fake::Fake;
use crate::{Options, Service};
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use serde_json::Value;
use std::sync::Arc;

/// One answer.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("an answer in JSON")
    }

    /// The slug of the problem, after checking that it is a whole one.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16());
        assert!(json["detail"].as_str().is_some_and(|detail| detail.ends_with('.')), "{json}");
        assert!(json["title"].is_string());
        json["type"].as_str().and_then(|kind| kind.strip_prefix("/problems/")).expect("a type").to_owned()
    }
}

/// Sends one request to a router over `fake`.
pub(crate) async fn send(fake: &Arc<Fake>, request: Request<Body>) -> Reply {
    let options = Options { value_bytes_max: 1 << 20, key_bytes_max: 1 << 20, ..Options::default() };
    let response = Service::new(Arc::<Fake>::clone(fake), options).call(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Reply { status: parts.status, headers: parts.headers, body }
}

/// Sends a request without headers.
pub(crate) async fn ask(fake: &Arc<Fake>, method: Method, path: &str, body: impl Into<Body>) -> Reply {
    send(fake, Request::builder().method(method).uri(path).body(body.into()).unwrap()).await
}

/// `POST /`, as a client of the reference does it.
pub(crate) async fn post(fake: &Arc<Fake>, body: impl Into<Body>) -> Reply {
    ask(fake, Method::POST, "/", body).await
}
