//! `GET /`: the console for browsers, a short way in for programs; and `/problems`, the list of what can go wrong.

use crate::console;
use crate::json;
use crate::problem::{Kind, Problem};
use crate::segment::Segment;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde_json::{Value, json};

/// `GET /`.
pub(crate) async fn welcome(headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accept.contains("text/html") { console::page(headers).await } else { json::ok(&directory()) }
}

fn directory() -> Value {
    json!({
        "name": "alianza",
        "version": env!("CARGO_PKG_VERSION"),
        "console": "/console",
        "paths": {
            "POST /": "read and write items: {\"type\":\"GET\",\"key\":\"9\"}; also PUT, DELETE and SCAN",
            "GET, PUT, DELETE /v1/buckets/{bucket}/items/{key}": "an item as bytes with its media type; also …/{key}/{sort}, and …/item?key=",
            "GET /v1/buckets/{bucket}/items": "the items of a bucket as a stream of JSON lines",
            "POST /v1/batch": "operations as lines of JSON",
            "GET /events": "the membership history, oldest first",
            "POST /shutdown": "this node leaves the cluster and ends",
            "GET /v1/cluster": "members, buckets, what is moving",
            "GET /v1/repair": "whether the replicas of what this node holds are identical; ?partition=N for one",
            "POST /v1/repair": "compare them all now",
            "GET /v1/ring": "who owns what",
            "POST /v1/cluster/plan": "what would move: {\"leave\":\"<name or id>\"}, or remove, replace, reweigh, bucket",
            "POST /v1/cluster/apply": "do it: {\"plan\":\"<id>\",\"leave\":\"<name or id>\"}",
            "POST /v1/cluster/abort": "take the newest change back, if reads do not follow it yet",
            "GET /v1/buckets": "buckets and their settings",
            "PUT /v1/buckets/{name}": "make or change a bucket: {\"n\":3,\"r\":\"quorum\",\"w\":\"quorum\",\"rule\":\"lww\",\"ttl\":null}",
            "GET /v1/stats": "what this node has done and how it stands, in numbers; GET /metrics for Prometheus",
            "GET /v1/explain?key=9": "everything that is known of a key; POST it as JSON if it does not fit",
            "POST /console/sql": "SQL over the items of this node: {\"sql\":\"SELECT * FROM item\"}",
            "GET /v1/openapi.json": "this interface for programs (OpenAPI 3.1)",
            "POST /rpc": "JSON-RPC 2.0; rpc.discover describes it",
            "GET /problems": "every kind of error",
            "GET /healthz, /livez, /readyz": "health checks",
        },
    })
}

/// `GET /problems`.
pub(crate) async fn problems() -> Response {
    json::ok(&json!({ "problems": Kind::ALL.iter().map(|kind| describe(*kind)).collect::<Vec<_>>() }))
}

/// `GET /problems/{slug}`.
pub(crate) async fn problem(Segment(slug): Segment) -> Result<Response, Problem> {
    let kind = Kind::ALL.iter().find(|kind| kind.slug() == slug);
    match kind {
        Some(kind) => Ok(json::ok(&describe(*kind))),
        None => Err(Problem::new(Kind::UnknownPath, "There is no such kind of problem; /problems lists all.")),
    }
}

fn describe(kind: Kind) -> Value {
    json!({ "type": format!("/problems/{}", kind.slug()), "title": kind.title(), "status": kind.status() })
}
