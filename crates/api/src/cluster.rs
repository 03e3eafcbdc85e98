//! `/v1/cluster`: what this node knows of the cluster, and changes that are planned, looked at, and then applied.
//!
//! Invariant: a change is applied only by naming the plan that was shown; if it would do something else by now, it is
//! refused.

use crate::bucket_names;
use crate::buckets;
use crate::fields::{Fields, invalid};
use crate::json;
use crate::node_name;
use crate::problem::{Kind, Problem};
use crate::refusal;
use crate::router::Api;
use axum::extract::{self, State};
use axum::http::StatusCode;
use axum::response::Response;
use liveness::Condition;
use proto::{Admin, Digest, MemberStatus, Plan, Request, Status};
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// `GET /v1/cluster`.
pub(crate) async fn status(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
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
        "hints": status.hints,
        "blocked": status.blocked,
        "leaving": status.leaving,
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
pub(crate) async fn plan(State(api): State<Arc<Api>>, request: extract::Request) -> Result<Response, Problem> {
    let body = api.bodies.read(request, &api.options).await?;
    let mut fields = Fields::read(&body.bytes)?;
    let leave = fields.text_needed("leave")?;
    fields.finish("a plan", &["leave"])?;
    let status = bucket_names::status(api.database()).await?;
    let node = node_name::find(&status, &leave)?.member.id;
    match api.database().call(Request::Admin(Admin::PlanLeave { node }), None).await {
        proto::Response::Plan(plan) => Ok(json::ok(&plan_json(&plan, &status))),
        other => Err(refusal::unexpected(other)),
    }
}

fn plan_json(plan: &Plan, status: &Status) -> Value {
    let gain = |(node, copies): &(ring::NodeId, u32)| json!({ "nodeId": node.to_string(), "name": node_name::of(status, *node), "copies": copies });
    json!({
        "plan": plan.id.to_string(),
        "epoch": plan.epoch.0,
        "leave": { "nodeId": plan.node.to_string(), "name": node_name::of(status, plan.node) },
        "partitions": plan.partitions,
        "bytes": plan.bytes,
        "atRisk": plan.at_risk,
        "gains": plan.gains.iter().map(gain).collect::<Vec<_>>(),
    })
}

/// `POST /v1/cluster/apply`.
pub(crate) async fn apply(State(api): State<Arc<Api>>, request: extract::Request) -> Result<Response, Problem> {
    let body = api.bodies.read(request, &api.options).await?;
    let mut fields = Fields::read(&body.bytes)?;
    let plan = fields.text_needed("plan")?;
    let plan = read_digest(&plan).ok_or_else(|| invalid("plan", "must be the 64 hex digits that the plan showed"))?;
    let leave = fields.text_needed("leave")?;
    fields.finish("an apply", &["plan", "leave"])?;
    let status = bucket_names::status(api.database()).await?;
    let member = &node_name::find(&status, &leave)?.member;
    let change = Request::Admin(Admin::Leave { node: member.id, plan: Some(plan) });
    match api.database().call(change, None).await {
        proto::Response::Changed { history, .. } => {
            let epoch = history.last().map_or(status.epoch.0, |event| event.epoch.0);
            let body = json!({ "epoch": epoch, "leaving": { "nodeId": member.id.to_string(), "name": member.name } });
            Ok(json::answer(StatusCode::ACCEPTED, body.to_string()))
        }
        other => Err(refusal::unexpected(other)),
    }
}

/// Reads 64 hex digits.
pub(crate) fn read_digest(text: &str) -> Option<Digest> {
    let digits = text.as_bytes();
    let mut digest = [0; 32];
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(Digest(digest))
}

/// What a node that has nothing to say of `what` answers.
pub(crate) fn nothing_of(what: &str) -> Problem {
    Problem::new(Kind::Internal, format!("The node knows no {what}; look at its log."))
}

#[cfg(test)]
mod tests {
    use super::read_digest;
    use proto::Digest;

    #[test]
    fn digests_read_back_what_they_print() {
        let digest = Digest(std::array::from_fn(|at| at as u8 * 7));
        assert_eq!(read_digest(&digest.to_string()), Some(digest));
        for text in ["", "00", &"g".repeat(64), &"+1".repeat(32)] {
            assert_eq!(read_digest(text), None, "{text}");
        }
    }
}
