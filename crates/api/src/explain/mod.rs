//! `/v1/explain`: everything that is known of one key. GET with the key in the query, POST for keys that do not fit there.
//!
//! Invariant: looking changes nothing, and is answered even if most replicas are away.

mod render;

use crate::access::Asker;
use crate::fields::{Fields, missing};
use crate::json;
use crate::problem::Problem;
use crate::query::Query;
use crate::refusal;
use crate::router::Api;
use axum::extract::{self, RawQuery};
use axum::response::Response;
use proto::explain::Explain;
use proto::{ItemKey, Request};
use stdx::Span;

const FIELDS: &[&str] = &["key", "sort", "bucket", "timeout"];

/// `GET /v1/explain?key=…`.
pub(crate) async fn by_query(Asker(api): Asker, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let mut query = Query::read(query.as_deref())?;
    let partition_key = query.bytes("key").ok_or_else(|| missing("key"))?;
    let key = ItemKey { partition_key, sort_key: query.bytes("sort") };
    let bucket = query.text("bucket")?;
    query.finish(&["key", "sort", "bucket"])?;
    explain(&api, bucket, key, None).await
}

/// `POST /v1/explain`.
pub(crate) async fn by_body(Asker(api): Asker, request: extract::Request) -> Result<Response, Problem> {
    let body = api.bodies.read(request, &api.options).await?;
    let mut fields = Fields::read(&body.bytes)?;
    let partition_key = fields.bytes("key")?.ok_or_else(|| missing("key"))?;
    let key = ItemKey { partition_key, sort_key: fields.bytes("sort")? };
    let bucket = fields.text("bucket")?.map(String::from);
    let within = fields.span("timeout")?;
    fields.finish("an explain", FIELDS)?;
    explain(&api, bucket, key, within).await
}

async fn explain(api: &Api, bucket: Option<String>, key: ItemKey, within: Option<Span>) -> Result<Response, Problem> {
    let bucket = bucket.unwrap_or_else(|| "default".to_owned());
    match api.database().call(Request::Explain(Explain { bucket, key }), within).await {
        proto::Response::Explained(explanation) => Ok(json::ok(&render::explanation(&explanation))),
        other => Err(refusal::unexpected(other)),
    }
}
