//! `GET /v1/buckets/{bucket}/items`: the items of a bucket, or of one key, as lines of JSON that come as they are read.
//!
//! Invariant: memory is bounded by a page and what the client has not taken yet. A stream that is whole ends with the line
//! `{"end":true}` or, if the client's limit was reached, with a cursor; whoever sees neither goes on from the last cursor.

use crate::access::Asker;
use crate::cursor::Cursor;
use crate::fields::{Fields, invalid};
use crate::item::Given;
use crate::lines::{self, Lines};
use crate::operation::{Action, Operation, Run};
use crate::problem::Problem;
use crate::render;
use crate::router::Api;
use crate::scalar::Scalar;
use crate::scan::{self, Items};
use axum::extract;
use axum::response::Response;
use bytes::Bytes;
use proto::{Mode, Rule};
use serde_json::json;
use std::sync::Arc;

/// Items of a page: what may come twice if a client goes on from its last cursor.
const PAGE: u64 = 100;

/// Answers with a stream.
pub(crate) async fn list(Asker(api): Asker, request: extract::Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let mut given = Given::read(&parts)?;
    let left = limit(&mut given)?;
    let nothing = Bytes::new();
    let operation = Operation::of("SCAN", Fields::of(&nothing, given.fields)?, &api.options)?;
    let Action::Scan(run) = operation.action.clone() else { return Err(crate::item::unfit()) };
    let (_, rule, mode) = api.buckets.whole(api.database(), &operation.bucket).await?;
    let mut listing = Listing { api, operation, run, of: (rule, mode), left };
    // What is wrong with the request is seen in its first page, while there still is a status to say it with.
    let first = listing.page().await?;
    let (lines, answer) = lines::answer(lines::NDJSON);
    tokio::spawn(listing.write(first, lines));
    Ok(answer)
}

/// How many items the client wants in all.
fn limit(given: &mut Given) -> Result<u64, Problem> {
    let Some(at) = given.fields.iter().position(|(name, _)| name == "limit") else { return Ok(u64::MAX) };
    match given.fields.swap_remove(at).1 {
        Scalar::Whole(limit) if limit > 0 => Ok(limit),
        _ => Err(invalid("limit", "must be a whole number of at least 1; leave it out to read to the end")),
    }
}

struct Listing {
    api: Arc<Api>,
    operation: Operation,
    run: Run,
    of: (Rule, Mode),
    /// Items still to give.
    left: u64,
}

impl Listing {
    async fn page(&mut self) -> Result<(Items, Option<Cursor>), Problem> {
        self.run.limit = self.left.min(PAGE) as u32;
        scan::page(&self.api, &self.operation, &self.run).await
    }

    /// Writes page after page until there is nothing left to give, or nobody to give it to.
    async fn write(mut self, mut page: (Items, Option<Cursor>), mut lines: Lines) {
        loop {
            let (items, cursor) = page;
            self.left = self.left.saturating_sub(items.len() as u64);
            let mut out = Vec::new();
            for (key, siblings) in &items {
                render::item(&mut out, key, siblings, self.of);
                out.push(b'\n');
            }
            let end = match &cursor {
                Some(cursor) => json!({ "cursor": cursor.write() }),
                None => json!({ "end": true }),
            };
            out.extend(format!("{end}\n").as_bytes());
            if !lines.send(out).await || cursor.is_none() || self.left == 0 {
                return;
            }
            self.run.cursor = cursor;
            page = match self.page().await {
                Ok(page) => page,
                Err(problem) => {
                    // If it cannot be told any more, the missing end tells.
                    lines.send(format!("{}\n", json!({ "problem": problem.to_json() })).into()).await;
                    return;
                }
            };
        }
    }
}
