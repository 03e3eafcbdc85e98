//! `POST /v1/import`: items, one per line. Each is written as a client would write it, unless it is there already.
//!
//! Invariant: importing twice is importing once; a wrong line is named and harms no other.

use super::line::{self, Line, Live};
use super::restore::{found_of, wall};
use super::{ask, tell};
use crate::access::Asker;
use crate::fields::excerpt;
use crate::json;
use crate::problem::Problem;
use crate::refusal;
use crate::router::Api;
use axum::extract;
use axum::response::Response;
use bytes::Bytes;
use proto::{Durability, Found, Get, Level, Mode, Put, Request, Rule};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Lines worked on at the same time, for one request.
const AT_ONCE: usize = 64;
/// A time to live is written as what is left of it, and comes out as about the same end.
const EXPIRY_NEAR_MS: u64 = 5_000;

enum Came {
    Written,
    Same,
    Expired,
}

/// Takes lines in.
pub(crate) async fn import(Asker(api): Asker, request: extract::Request) -> Result<Response, Problem> {
    let body = api.bodies.read(request, &api.options).await?;
    let lines = lines(&body.bytes);
    tell(api.database(), "import", json!({ "bytes": body.bytes.len() })).await;
    let (mut written, mut same, mut expired) = (0, 0, 0);
    let mut wrong: Vec<(u64, String)> = Vec::new();
    let mut tasks = JoinSet::new();
    let mut busy = BTreeSet::new();
    let mut left = lines.into_iter().peekable();
    while left.peek().is_some() || !tasks.is_empty() {
        while tasks.len() < AT_ONCE
            && let Some((number, text)) = left.peek().cloned()
        {
            let line = match line::read(&text) {
                Ok(line) => line,
                Err(what) => {
                    wrong.push((number, what));
                    left.next();
                    continue;
                }
            };
            // Two lines for one item go one after the other.
            let name = (line.bucket.clone(), line.key.clone());
            if !busy.insert(name.clone()) {
                break;
            }
            left.next();
            let api = Arc::clone(&api);
            tasks.spawn(async move { (number, name, take_in(&api, line).await) });
        }
        match tasks.join_next().await {
            Some(Ok((number, name, came))) => {
                busy.remove(&name);
                match came {
                    Ok(Came::Written) => written += 1,
                    Ok(Came::Same) => same += 1,
                    Ok(Came::Expired) => expired += 1,
                    Err(problem) => wrong.push((number, problem.detail().trim_end_matches('.').to_owned())),
                }
            }
            Some(Err(_)) => return Err(crate::cluster::nothing_of("outcome of a line")),
            None => {}
        }
    }
    wrong.sort_unstable();
    let wrong: Vec<_> = wrong.into_iter().map(|(number, what)| json!({ "line": number, "detail": what })).collect();
    Ok(json::ok(&json!({ "written": written, "same": same, "expired": expired, "errors": wrong })))
}

/// The lines that are not empty, numbered from 1.
fn lines(body: &Bytes) -> Vec<(u64, Bytes)> {
    let parts = body.split(|byte| *byte == b'\n');
    let numbered = (1..).zip(parts).map(|(number, part)| (number, body.slice_ref(part)));
    numbered.filter(|(_, part)| !part.trim_ascii().is_empty()).collect()
}

async fn take_in(api: &Api, line: Line) -> Result<Came, Problem> {
    let (_, rule, mode) = api.buckets.whole(api.database(), &line.bucket).await?;
    let rule = if mode == Mode::Linearizable { Rule::LastWriterWins } else { rule.of_key(&line.key) };
    if rule == Rule::LastWriterWins && line.values.len() > 1 {
        let bucket = excerpt(line.bucket.as_bytes());
        return Err(crate::fields::invalid("values", format!("has several values, and bucket {bucket} keeps one")));
    }
    let now = wall();
    let live: Vec<Live> = line.values.into_iter().filter(|live| live.expires.is_none_or(|end| end > now)).collect();
    if live.is_empty() {
        return Ok(Came::Expired);
    }
    let get = Get { bucket: line.bucket.clone(), key: line.key.clone(), level: Some(Level::Quorum) };
    let found = match ask(api.database(), Request::Get(get)).await {
        proto::Response::Found(found) => found,
        proto::Response::Current(current) => found_of(current),
        other => return Err(refusal::unexpected(other)),
    };
    if is_same(&live, &found) {
        return Ok(Came::Same);
    }
    for Live { value, expires } in live {
        let put = Put {
            bucket: line.bucket.clone(),
            key: line.key.clone(),
            value: Some(value),
            // All with what was there before, so that they stand side by side.
            context: (rule == Rule::Siblings).then(|| found.context.clone()),
            level: Some(Level::Quorum),
            durability: Durability::Fsync,
            ttl: expires.map(|end| stdx::Span::millis(end.0.saturating_sub(now.0).max(1))),
        };
        match ask(api.database(), Request::Put(put)).await {
            proto::Response::Written(_) | proto::Response::Swapped(_) => {}
            other => return Err(refusal::unexpected(other)),
        }
    }
    Ok(Came::Written)
}

/// Whether what was found is, value by value, what the line says.
fn is_same(live: &[Live], found: &Found) -> bool {
    let near = |a: Option<stdx::Wall>, b: Option<stdx::Wall>| match (a, b) {
        (Some(a), Some(b)) => a.0.abs_diff(b.0) <= EXPIRY_NEAR_MS,
        (a, b) => a == b,
    };
    let equals = |live: &Live, version: &proto::Version| {
        version.value.as_ref() == Some(&live.value) && near(version.expires, live.expires)
    };
    let all_there = live.iter().all(|live| found.siblings.iter().any(|s| equals(live, &s.version)));
    all_there && found.siblings.iter().all(|s| live.iter().any(|live| equals(live, &s.version)))
}
