//! `/v1/cluster`: what this node knows of the cluster, and changes that are planned, looked at, and then applied.
//!
//! Invariant: a change is applied only by naming the plan that was shown; if it would do something else by now, it is
//! refused.

use crate::access::Asker;
use crate::bucket_names;
use crate::buckets;
use crate::change::{self, Wish};
use crate::fields::{Fields, invalid};
use crate::json;
use crate::node_name;
use crate::problem::{Kind, Problem};
use crate::refusal;
use crate::router::Api;
use axum::extract;
use axum::http::StatusCode;
use axum::response::Response;
use liveness::Condition;
use proto::{Admin, Digest, Epoch, HintsWaiting, MemberStatus, Plan, Request, Status};
use serde_json::{Value, json};
use uuid::Uuid;

/// `GET /v1/cluster`.
pub(crate) async fn status(Asker(api): Asker) -> Result<Response, Problem> {
    Ok(json::ok(&status_json(&*bucket_names::status(api.database()).await?)))
}

fn status_json(status: &Status) -> Value {
    json!({
        "cluster": Uuid::from_u128(status.cluster).to_string(),
        "nodeId": status.node.to_string(),
        "name": node_name::of(status, status.node),
        "epoch": status.epoch.0,
        "stable": status.stable.0,
        "reading": status.reading.0,
        "partitions": status.partitions,
        "members": status.members.iter().map(|member| member_json(status, member)).collect::<Vec<_>>(),
        "buckets": status.buckets.iter().map(buckets::bucket_json).collect::<Vec<_>>(),
        "voters": status.voters.iter().map(|voter| node_name::of(status, *voter)).collect::<Vec<_>>(),
        "moving": status.moving,
        "hints": status.hints.iter().map(|hints| hints_json(hints, status)).collect::<Vec<_>>(),
        "steps": status.steps,
        "bytesLeft": status.left.0,
        "secondsLeft": status.left.1,
        "blocked": status.blocked,
        "leaving": status.leaving,
    })
}

fn hints_json(hints: &HintsWaiting, status: &Status) -> Value {
    json!({
        "nodeId": hints.node.to_string(),
        "name": node_name::of(status, hints.node),
        "waiting": hints.waiting,
        "more": hints.more,
        "full": hints.full,
    })
}

fn member_json(status: &Status, member: &MemberStatus) -> Value {
    json!({
        "nodeId": member.member.id.to_string(),
        "name": member.member.name,
        "uri": member.member.uri,
        "self": member.member.id == status.node,
        "state": if member.leaving { "leaving" } else { "active" },
        "condition": condition(member, status),
        "reachedByOthers": member.reached_by_others,
        "roundTripMs": member.round_trip.map(|span| span.as_micros() as f64 / 1e3),
        "phi": f64::from(member.phi) / 1e2,
        "seed": member.seed,
        "zone": member.member.zone,
        "weight": member.member.weight,
        "tokens": member.member.tokens.len(),
        "copies": member.copies,
        "progress": {
            "acked": member.progress.acked.0,
            "synced": member.progress.synced.0,
            "switched": member.progress.switched.0,
        },
    })
}

fn condition(member: &MemberStatus, status: &Status) -> &'static str {
    match member.condition {
        _ if member.member.id == status.node => "up",
        Condition::Down if member.reached_by_others => "down, but others reach it",
        condition => condition_text(condition),
    }
}

/// How a node looks, in a word.
pub(crate) fn condition_text(condition: Condition) -> &'static str {
    match condition {
        Condition::Unknown => "unknown",
        Condition::Up => "up",
        Condition::Suspect => "suspect",
        Condition::Down => "down",
    }
}

/// `POST /v1/cluster/plan`.
pub(crate) async fn plan(Asker(api): Asker, request: extract::Request) -> Result<Response, Problem> {
    let body = api.bodies.read(request, &api.options).await?;
    let mut fields = Fields::read(&body.bytes)?;
    let status = bucket_names::status(api.database()).await?;
    let wish = Wish::read(&mut fields, &status)?;
    fields.finish("a plan", change::FIELDS)?;
    match api.database().call(Request::Admin(Admin::Plan(Box::new(wish.admin.clone()))), None).await {
        proto::Response::Plan(plan) => Ok(json::ok(&plan_json(&plan, &wish, &status))),
        other => Err(refusal::unexpected(other)),
    }
}

fn plan_json(plan: &Plan, wish: &Wish, status: &Status) -> Value {
    let gain = |(node, copies): &(ring::NodeId, u32)| json!({ "nodeId": node.to_string(), "name": wish.name_of(status, *node), "copies": copies });
    let mut body = json!({
        "plan": plan.id.to_string(),
        "epoch": plan.epoch.0,
        "change": wish.kind,
        "partitions": plan.partitions,
        "bytes": plan.bytes,
        "seconds": plan.seconds,
        "atRisk": plan.risk.at_risk,
        "lost": plan.risk.lost,
        "single": plan.risk.single,
        "tooFewCopies": plan.risk.thin,
        "gains": plan.gains.iter().map(gain).collect::<Vec<_>>(),
    });
    wish.describe(&mut body);
    body
}

/// `POST /v1/cluster/apply`.
pub(crate) async fn apply(Asker(api): Asker, request: extract::Request) -> Result<Response, Problem> {
    let body = api.bodies.read(request, &api.options).await?;
    let mut fields = Fields::read(&body.bytes)?;
    let plan = fields.text_needed("plan")?;
    let plan = plan.parse::<Digest>().map_err(|_| invalid("plan", "must be the 64 hex digits that the plan showed"))?;
    let status = bucket_names::status(api.database()).await?;
    let wish = Wish::read(&mut fields, &status)?;
    fields.finish("an apply", &[&["plan"], change::FIELDS].concat())?;
    let change = Box::new(wish.admin.clone());
    let mut answer = decided(&api, Admin::Apply { change, plan }, status.epoch).await?;
    answer["change"] = wish.kind.into();
    wish.describe(&mut answer);
    Ok(json::answer(StatusCode::ACCEPTED, answer.to_string()))
}

/// `POST /v1/cluster/abort`.
pub(crate) async fn abort(Asker(api): Asker) -> Result<Response, Problem> {
    let answer = decided(&api, Admin::Abort, Epoch::default()).await?;
    Ok(json::answer(StatusCode::ACCEPTED, answer.to_string()))
}

/// Gets a change decided, and says in which epoch it is.
async fn decided(api: &Api, change: Admin, before: Epoch) -> Result<Value, Problem> {
    match api.database().call(Request::Admin(change), None).await {
        proto::Response::Changed { history, .. } => {
            Ok(json!({ "epoch": history.last().map_or(before.0, |event| event.epoch.0) }))
        }
        other => Err(refusal::unexpected(other)),
    }
}

/// What a node that has nothing to say of `what` answers.
pub(crate) fn nothing_of(what: &str) -> Problem {
    Problem::new(Kind::Internal, format!("The node knows no {what}; look at its log."))
}
