//! `POST /v1/export`: the items of a bucket, one per line, page by page; where the next page begins is in a header.

use super::{line, tell};
use crate::access::Asker;
use crate::bucket_names;
use crate::cursor::Cursor;
use crate::fields::Fields;
use crate::operation::{Action, Operation, Run};
use crate::problem::Problem;
use crate::scan;
use axum::extract;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use proto::Level;
use serde_json::json;

/// Where the next page begins.
const CURSOR: &str = "alianza-cursor";
/// Items of a page.
const LIMIT: u32 = 1_000;

/// Answers with a page.
pub(crate) async fn export(Asker(api): Asker, request: extract::Request) -> Result<Response, Problem> {
    let body = api.bodies.read(request, &api.options).await?;
    let mut fields = Fields::read(&body.bytes)?;
    let bucket = fields.text("bucket")?.map_or_else(|| "default".to_owned(), String::from);
    let cursor = fields.text("cursor")?.map(|text| Cursor::read(&text)).transpose()?;
    fields.finish("an export", &["bucket", "cursor"])?;
    if !bucket_names::status(api.database()).await?.buckets.iter().any(|known| known.name == bucket) {
        return Err(bucket_names::unknown(&bucket));
    }
    tell(api.database(), "export", json!({ "bucket": bucket })).await;
    let run = Run { bounds: None, cursor, limit: LIMIT };
    let (level, action) = (Some(Level::Quorum), Action::Scan(run.clone()));
    let operation = Operation { bucket, within: None, level, action };
    let (items, cursor) = scan::whole_bucket(&api, &operation, &run).await?;
    let mut out = Vec::new();
    items.iter().for_each(|(key, siblings)| line::write(&mut out, &operation.bucket, key, siblings));
    let mut response = out.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    if let Some(cursor) = cursor.and_then(|cursor| HeaderValue::from_str(&cursor.write()).ok()) {
        headers.insert(CURSOR, cursor);
    }
    Ok(response)
}
