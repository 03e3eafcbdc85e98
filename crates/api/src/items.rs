//! `POST /`: the reference interface and its extensions. Reads the operation, asks the node, writes the answer.

use crate::context;
use crate::fields::excerpt;
use crate::json;
use crate::operation::{Action, Change, Operation, Write};
use crate::problem::{Kind, Problem};
use crate::refusal;
use crate::render;
use crate::router::Api;
use crate::scan;
use axum::extract::{self, State};
use axum::http::StatusCode;
use axum::response::Response;
use proto::{Amending, Amendment, BucketId, Cas, Decimal, Durability, Edit, Get, ItemKey, Put, Request, Rule};
use std::sync::Arc;

/// Carries out one operation.
pub(crate) async fn operate(State(api): State<Arc<Api>>, request: extract::Request) -> Result<Response, Problem> {
    let body = api.bodies.read(request, &api.options).await?;
    let operation = Operation::read(&body.bytes, &api.options)?;
    let (bucket, rule) = api.buckets.find(api.database(), &operation.bucket).await?;
    let scope = Scope { bucket, rule, operation: &operation };
    match &operation.action {
        Action::Get(key) => get(&api, &scope, key).await,
        Action::Put(write) => put(&api, &scope, write).await,
        Action::Add(key, by) => add(&api, &scope, key, *by).await,
        Action::Change(wanted) => change(&api, &scope, wanted).await,
        Action::Scan(run) => scan::scan(&api, &operation, rule, run).await,
    }
}

struct Scope<'a> {
    bucket: BucketId,
    rule: Rule,
    operation: &'a Operation,
}

impl Scope<'_> {
    /// The sealed context for the client; none where writes do not need it.
    fn seal(&self, api: &Api, key: &ItemKey, seen: &causal::Context) -> Option<String> {
        let wanted = self.rule.of_key(key) == Rule::Siblings;
        wanted.then(|| context::seal(&api.database().context_key(), self.bucket, key, seen))
    }
}

async fn get(api: &Api, scope: &Scope<'_>, key: &ItemKey) -> Result<Response, Problem> {
    let get = Get { bucket: scope.operation.bucket.clone(), key: key.clone(), level: scope.operation.level };
    let found = match api.database().call(Request::Get(get), scope.operation.within).await {
        proto::Response::Found(found) => found,
        proto::Response::Current(current) if current.value.is_some() => {
            return Ok(json::answer(StatusCode::OK, render::current(key, &current)));
        }
        proto::Response::Current(_) => return Err(not_found(&scope.operation.bucket, key, None)),
        other => return Err(refusal::unexpected(other)),
    };
    let context = scope.seal(api, key, &found.context);
    if found.siblings.is_empty() {
        return Err(not_found(&scope.operation.bucket, key, context));
    }
    Ok(json::answer(StatusCode::OK, render::found(key, &found.siblings, context.as_deref())))
}

/// There is no such item. A context covers the deletion, so that a write that follows supersedes it.
fn not_found(bucket: &str, key: &ItemKey, context: Option<String>) -> Problem {
    let shown = excerpt(&key.partition_key);
    let sort = key.sort_key.as_ref().map(|sort| format!(", sort key \"{}\"", excerpt(sort))).unwrap_or_default();
    let detail = format!("There is no item under key \"{shown}\"{sort} in bucket \"{bucket}\"; write it with a PUT.");
    let problem = Problem::new(Kind::NotFound, detail);
    match context {
        Some(context) => problem.with("context", context),
        None => problem,
    }
}

async fn put(api: &Api, scope: &Scope<'_>, write: &Write) -> Result<Response, Problem> {
    let key = &write.key;
    let seen = match &write.context {
        Some(token) => Some(context::open(&api.database().context_key(), scope.bucket, key, token)?),
        None => None,
    };
    let put = Put {
        bucket: scope.operation.bucket.clone(),
        key: key.clone(),
        value: write.value.clone(),
        context: seen,
        level: scope.operation.level,
        durability: write.durability,
        ttl: write.ttl,
    };
    match api.database().call(Request::Put(put), scope.operation.within).await {
        proto::Response::Written(written) => {
            let context = scope.seal(api, key, &written.context);
            Ok(json::answer(StatusCode::OK, render::written(key, written.acknowledged, context.as_deref())))
        }
        // The bucket is linearizable.
        proto::Response::Swapped(current) => Ok(json::answer(StatusCode::OK, render::changed(key, current.version))),
        other => Err(refusal::unexpected(other)),
    }
}

/// Adds to the number that an item is.
async fn add(api: &Api, scope: &Scope<'_>, key: &ItemKey, by: i64) -> Result<Response, Problem> {
    let amending = Amending {
        bucket: scope.operation.bucket.clone(),
        key: key.clone(),
        amendment: Amendment::Add { by: Decimal::whole(by), whole: true },
        level: scope.operation.level,
        durability: Durability::Fsync,
    };
    match api.database().call(Request::Amend(amending), scope.operation.within).await {
        proto::Response::Amended(outcome) => Ok(json::answer(StatusCode::OK, render::amended(key, &outcome))),
        // The bucket is linearizable.
        proto::Response::Swapped(current) => Ok(json::answer(StatusCode::OK, render::current(key, &current))),
        other => Err(refusal::unexpected(other)),
    }
}

/// A change of an item of a linearizable bucket.
async fn change(api: &Api, scope: &Scope<'_>, wanted: &Change) -> Result<Response, Problem> {
    let Change { key, expect, edit, name } = wanted.clone();
    let is_sum = matches!(edit, Edit::Add(_));
    let bucket = scope.operation.bucket.clone();
    let cas = Cas { bucket, key: key.clone(), expect, edit, id: name.id, tried: name.again };
    match api.database().call(Request::Cas(cas), scope.operation.within).await {
        proto::Response::Swapped(current) if is_sum => {
            Ok(json::answer(StatusCode::OK, render::current(&key, &current)))
        }
        proto::Response::Swapped(current) => Ok(json::answer(StatusCode::OK, render::changed(&key, current.version))),
        other => Err(refusal::unexpected(other)),
    }
}
