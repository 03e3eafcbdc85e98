//! Operations on items: what is asked of the node for one, and what became of it, apart from how that is told; and `POST /`,
//! the reference interface and its extensions, which tells it as JSON.

use crate::access::Asker;
use crate::context;
use crate::fields::excerpt;
use crate::json;
use crate::operation::{Action, Change, Operation, Write};
use crate::problem::{Kind, Problem};
use crate::refusal;
use crate::render;
use crate::router::Api;
use crate::scan;
use axum::extract;
use axum::http::StatusCode;
use axum::response::Response;
use proto::{
    Amending, Amendment, BucketId, Cas, Current, Decimal, Durability, Edit, Ends, Get, ItemKey, Mode, Outcome, Put,
    Request, Rule, Sibling, Tried,
};

/// `POST /`: carries out one operation.
pub(crate) async fn operate(Asker(api): Asker, request: extract::Request) -> Result<Response, Problem> {
    let body = api.bodies.read(request, &api.options).await?;
    let operation = Operation::read(&body.bytes, &api.options)?;
    Ok(json::answer(StatusCode::OK, perform(&api, &operation).await?))
}

/// Carries out an operation and tells what became of it as JSON.
pub(crate) async fn perform(api: &Api, operation: &Operation) -> Result<Vec<u8>, Problem> {
    let scope = Scope::of(api, operation).await?;
    match &operation.action {
        Action::Get(key) => {
            let found = read(api, &scope, key).await?;
            Ok(found.json(key))
        }
        Action::Put(write) => Ok(put(api, &scope, write).await?.json(&write.key)),
        Action::Add(key, by) => Ok(add(api, &scope, key, *by).await?.json(key)),
        Action::Change(wanted) => Ok(change(api, &scope, wanted).await?.json(&wanted.key)),
        Action::Scan(run) => scan::scan(api, operation, (scope.rule, scope.mode), run).await,
    }
}

/// An operation, and the bucket that it is about.
pub(crate) struct Scope<'a> {
    bucket: BucketId,
    pub(crate) rule: Rule,
    mode: Mode,
    operation: &'a Operation,
}

impl<'a> Scope<'a> {
    /// Finds the bucket.
    pub(crate) async fn of(api: &Api, operation: &'a Operation) -> Result<Scope<'a>, Problem> {
        let (bucket, rule, mode) = api.buckets.whole(api.database(), &operation.bucket).await?;
        Ok(Scope { bucket, rule, mode, operation })
    }

    /// The sealed context for the client; none where writes do not need it.
    fn seal(&self, api: &Api, key: &ItemKey, seen: &causal::Context) -> Option<String> {
        let wanted = self.rule.of_key(key) == Rule::Siblings;
        wanted.then(|| context::seal(&api.database().context_key(), self.bucket, key, seen))
    }
}

/// What a read found: at least one value.
pub(crate) enum Read {
    /// In an eventual bucket. With a context where siblings are kept.
    Found {
        /// The live values.
        siblings: Vec<Sibling>,
        /// What a write that follows supersedes.
        context: Option<String>,
    },
    /// In a linearizable bucket.
    Current(Current),
}

impl Read {
    /// As JSON.
    pub(crate) fn json(&self, key: &ItemKey) -> Vec<u8> {
        match self {
            Read::Found { siblings, context } => render::found(key, siblings, context.as_deref()),
            Read::Current(current) => render::current(key, current),
        }
    }
}

/// What a write did.
pub(crate) enum Done {
    /// In an eventual bucket.
    Written {
        /// Replicas that acknowledged.
        acknowledged: u8,
        /// What a write that follows supersedes, where siblings are kept.
        context: Option<String>,
    },
    /// Added in an eventual bucket.
    Added(Outcome),
    /// In a linearizable bucket; the value is left out of it.
    Changed(u64),
    /// Added in a linearizable bucket.
    Sum(Current),
}

impl Done {
    /// As JSON.
    pub(crate) fn json(&self, key: &ItemKey) -> Vec<u8> {
        match self {
            Done::Written { acknowledged, context } => render::written(key, *acknowledged, context.as_deref()),
            Done::Added(outcome) => render::amended(key, outcome),
            Done::Changed(version) => render::changed(key, *version),
            Done::Sum(current) => render::current(key, current),
        }
    }
}

/// Reads one item.
pub(crate) async fn read(api: &Api, scope: &Scope<'_>, key: &ItemKey) -> Result<Read, Problem> {
    let get = Get { bucket: scope.operation.bucket.clone(), key: key.clone(), level: scope.operation.level };
    let request = Request::Get(get);
    let response = match api.database().read(&request) {
        Some(response) => response,
        None => api.database().call(request, scope.operation.within).await,
    };
    let found = match response {
        proto::Response::Found(found) => found,
        proto::Response::Current(current) if current.value.is_some() => return Ok(Read::Current(current)),
        proto::Response::Current(_) => return Err(not_found(&scope.operation.bucket, key, None)),
        other => return Err(refusal::unexpected(other)),
    };
    let context = scope.seal(api, key, &found.context);
    if found.siblings.is_empty() {
        return Err(not_found(&scope.operation.bucket, key, context));
    }
    Ok(Read::Found { siblings: found.siblings, context })
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

/// Writes one item, or deletes it.
pub(crate) async fn put(api: &Api, scope: &Scope<'_>, write: &Write) -> Result<Done, Problem> {
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
            Ok(Done::Written { acknowledged: written.acknowledged, context })
        }
        // The bucket is linearizable.
        proto::Response::Swapped(current) => Ok(Done::Changed(current.version)),
        other => Err(refusal::unexpected(other)),
    }
}

/// Adds to the number that an item is.
async fn add(api: &Api, scope: &Scope<'_>, key: &ItemKey, by: i64) -> Result<Done, Problem> {
    let amending = Amending {
        bucket: scope.operation.bucket.clone(),
        key: key.clone(),
        amendment: Amendment::Add { by: Decimal::whole(by), whole: true },
        ends: None,
        level: scope.operation.level,
        durability: Durability::Fsync,
    };
    match api.database().call(Request::Amend(amending), scope.operation.within).await {
        proto::Response::Amended(outcome) => Ok(Done::Added(outcome)),
        // The bucket is linearizable.
        proto::Response::Swapped(current) => Ok(Done::Sum(current)),
        other => Err(refusal::unexpected(other)),
    }
}

/// A change of an item of a linearizable bucket.
pub(crate) async fn change(api: &Api, scope: &Scope<'_>, wanted: &Change) -> Result<Done, Problem> {
    let Change { key, expect, edit, ttl, name } = wanted.clone();
    let ends = ttl.map_or(Ends::Never, Ends::After);
    let is_sum = matches!(edit, Edit::Add(_));
    let bucket = scope.operation.bucket.clone();
    let tried = if name.again { Tried::Before } else { Tried::No };
    let cas = Cas { bucket, key: key.clone(), expect, edit, ends, id: name.id, tried };
    match api.database().call(Request::Cas(cas), scope.operation.within).await {
        proto::Response::Swapped(current) if is_sum => Ok(Done::Sum(current)),
        proto::Response::Swapped(current) => Ok(Done::Changed(current.version)),
        other => Err(refusal::unexpected(other)),
    }
}
