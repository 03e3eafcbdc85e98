//! `/v1/buckets`: the buckets of the cluster and their settings.
//!
//! Invariant: what a PUT does not name stays as it is, or as a new bucket has it.

use crate::access::Asker;
use crate::bucket_names;
use crate::fields::{Fields, excerpt, invalid};
use crate::json;
use crate::operation::read_level;
use crate::problem::{Kind, Problem};
use crate::refusal;
use crate::segment::Segment;
use crate::span;
use axum::extract;
use axum::http::StatusCode;
use axum::response::Response;
use proto::{Admin, Bucket, BucketId, Change, Event, Mode, Request, Rule, Status};
use serde_json::{Value, json};

const FIELDS: &[&str] = &["n", "r", "w", "mode", "rule", "ttl"];

/// `GET /v1/buckets`.
pub(crate) async fn list(Asker(api): Asker) -> Result<Response, Problem> {
    let status = bucket_names::status(api.database()).await?;
    Ok(json::ok(&json!({ "buckets": status.buckets.iter().map(bucket_json).collect::<Vec<_>>() })))
}

/// `GET /v1/buckets/{name}`.
pub(crate) async fn get(Asker(api): Asker, Segment(name): Segment) -> Result<Response, Problem> {
    let status = bucket_names::status(api.database()).await?;
    let bucket = status.buckets.iter().find(|bucket| bucket.name == name);
    bucket.map(|bucket| json::ok(&bucket_json(bucket))).ok_or_else(|| bucket_names::unknown(&name))
}

/// A bucket as clients see it.
pub(crate) fn bucket_json(bucket: &Bucket) -> Value {
    json!({
        "id": bucket.id.0,
        "name": bucket.name,
        "n": bucket.n,
        "r": bucket.r.to_string(),
        "w": bucket.w.to_string(),
        "mode": match bucket.mode { Mode::Eventual => "eventual", Mode::Linearizable => "linearizable" },
        "rule": match bucket.rule { Rule::LastWriterWins => "lww", Rule::Siblings => "siblings" },
        "ttl": bucket.ttl.map(span::show),
    })
}

/// `PUT /v1/buckets/{name}`.
pub(crate) async fn set(
    Asker(api): Asker,
    Segment(name): Segment,
    request: extract::Request,
) -> Result<Response, Problem> {
    if !Bucket::name_is_valid(&name) {
        let shown = excerpt(name.as_bytes());
        let detail = format!("\"{shown}\" cannot name a bucket; use 1 to 64 of a-z, 0-9, '-', '_' and '.'.");
        return Err(Problem::new(Kind::InvalidField, detail).with("field", "name"));
    }
    let body = api.bodies.read(request, &api.options).await?;
    let status = bucket_names::status(api.database()).await?;
    let existing = status.buckets.iter().find(|bucket| bucket.name == name);
    let (before, code) = match existing {
        Some(bucket) => (bucket.clone(), StatusCode::OK),
        None => (new_bucket(&status, &name), StatusCode::CREATED),
    };
    let bucket = changed(before, Fields::read(&body.bytes)?)?;
    match api.database().call(Request::Admin(Admin::SetBucket(bucket.clone())), None).await {
        proto::Response::Changed { history, .. } => {
            let decided = decided(&history, &name).unwrap_or(bucket);
            Ok(json::answer(code, bucket_json(&decided).to_string()))
        }
        other => Err(refusal::unexpected(other)),
    }
}

/// A new bucket, with as many copies as the default one. Its number is given by the cluster.
fn new_bucket(status: &Status, name: &str) -> Bucket {
    let n = status.buckets.iter().find(|bucket| bucket.id == BucketId::DEFAULT).map_or(3, |bucket| bucket.n);
    Bucket { name: name.to_owned(), ..Bucket::default_bucket(n) }
}

fn changed(mut bucket: Bucket, mut fields: Fields<'_>) -> Result<Bucket, Problem> {
    if let Some(n) = fields.whole("n", 1..=255)? {
        bucket.n = n as u8;
    }
    if let Some(text) = fields.text_or_whole("r")? {
        bucket.r = read_level("r", &text)?;
    }
    if let Some(text) = fields.text_or_whole("w")? {
        bucket.w = read_level("w", &text)?;
    }
    if let Some(text) = fields.text("mode")? {
        bucket.mode = read_mode(&text)?;
    }
    if let Some(text) = fields.text("rule")? {
        bucket.rule = read_rule(&text)?;
    }
    if fields.has("ttl") {
        bucket.ttl = fields.span("ttl")?;
    }
    fields.finish("a bucket", FIELDS)?;
    Ok(bucket)
}

fn read_mode(text: &str) -> Result<Mode, Problem> {
    match text {
        "eventual" => Ok(Mode::Eventual),
        "linearizable" => Ok(Mode::Linearizable),
        _ => Err(invalid("mode", "must be \"eventual\" or \"linearizable\"")),
    }
}

fn read_rule(text: &str) -> Result<Rule, Problem> {
    match text {
        "lww" => Ok(Rule::LastWriterWins),
        "siblings" => Ok(Rule::Siblings),
        _ => Err(invalid("rule", "must be \"lww\" (the last writer wins) or \"siblings\"")),
    }
}

/// The bucket as the cluster agreed on it.
fn decided(history: &[Event], name: &str) -> Option<Bucket> {
    history.iter().rev().find_map(|event| match &event.change {
        Change::Bucket(bucket) if bucket.name == name => Some(bucket.clone()),
        _ => None,
    })
}
