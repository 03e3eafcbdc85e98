//! The audit log of this node: `GET /v1/audit`, lines of JSON that come as they are read, and `audit.read`, a page of them.
//!
//! Invariant: lines come as they were written, byte for byte, so that whoever reads them can follow their chain of hashes. A stream that
//! is whole ends with the line `{"end":true,"cursor":"…"}`; whoever does not see it goes on from the last cursor.

use crate::access::Asker;
use crate::fields::invalid;
use crate::json;
use crate::lines::{self, Lines};
use crate::problem::{Kind, Problem};
use crate::query::Query;
use crate::redis::time::now;
use crate::router::Api;
use crate::span;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::Response;
use proto::Act;
use serde_json::json as value;
use server::{Audit, AuditPage};
use std::sync::Arc;
use stdx::Wall;

/// Answers with a stream.
pub(crate) async fn list(Asker(api): Asker, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let (audit, after, since) = asked(&api, query.as_deref())?;
    let first = page(&audit, after, since).await?;
    let (lines, answer) = lines::answer(lines::NDJSON);
    tokio::spawn(write(audit, since, first, lines));
    Ok(answer)
}

/// Answers with one page: the lines, where to go on, and whether more is there.
pub(crate) async fn read(Asker(api): Asker, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let (audit, after, since) = asked(&api, query.as_deref())?;
    let page = page(&audit, after, since).await?;
    let lines: Vec<&[u8]> = page.lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let mut body = b"{\"lines\":[".to_vec();
    body.extend(lines.join(&b','));
    body.extend(format!("],\"cursor\":\"{}\",\"more\":{}}}", page.last, page.more).as_bytes());
    Ok(json::answer(StatusCode::OK, body))
}

/// The log, behind which of its lines to begin, and how old lines may be.
fn asked(api: &Api, query: Option<&str>) -> Result<(Arc<Audit>, u64, Wall), Problem> {
    api.demand(Act::Admin, None)?;
    let mut query = Query::read(query)?;
    let since = query.text("since")?.map(|text| since(&text)).transpose()?.unwrap_or_default();
    let after = query.text("cursor")?.map(|text| text.parse());
    let wrong = |_| Problem::new(Kind::InvalidCursor, "The cursor is not one of the audit log; start without one.");
    let after: u64 = after.transpose().map_err(wrong)?.unwrap_or(0);
    query.finish(&["since", "cursor"])?;
    let audit = api.database().audit().ok_or_else(|| crate::cluster::nothing_of("audit log"))?;
    Ok((audit, after, since))
}

/// So long ago.
fn since(text: &str) -> Result<Wall, Problem> {
    let ago = span::parse(text).ok_or_else(|| invalid("since", "must be a span of time back from now, like 24h"))?;
    Ok(Wall(now().0.saturating_sub(ago.as_micros() / 1_000)))
}

/// Reads files, where that holds nobody up.
async fn page(audit: &Arc<Audit>, after: u64, since: Wall) -> Result<AuditPage, Problem> {
    let audit = Arc::clone(audit);
    let page = tokio::task::spawn_blocking(move || audit.read(after, since)).await;
    page.map_err(std::io::Error::other).flatten().map_err(|error| {
        let detail = format!("The audit log cannot be read ({error}); look at the folder audit of the node's data.");
        Problem::new(Kind::StorageFailed, detail)
    })
}

async fn write(audit: Arc<Audit>, since: Wall, mut read: AuditPage, mut lines: Lines) {
    loop {
        let cursor = read.last.to_string();
        let end = if read.more { value!({ "cursor": cursor }) } else { value!({ "end": true, "cursor": cursor }) };
        let mut out = read.lines;
        out.extend(format!("{end}\n").as_bytes());
        if !lines.send(out).await || !read.more {
            return;
        }
        read = match page(&audit, read.last, since).await {
            Ok(read) => read,
            Err(problem) => {
                // If it cannot be told any more, the missing end tells.
                lines.send(format!("{}\n", value!({ "problem": problem.to_json() })).into()).await;
                return;
            }
        };
    }
}
