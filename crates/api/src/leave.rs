//! `POST /shutdown`: this node leaves the cluster, and its process ends when its data has moved.
//!
//! Invariant: a node that could hand its data to nobody keeps it and only stops.

use crate::access::{Asker, audited};
use crate::bucket_names;
use crate::json;
use crate::problem::Problem;
use crate::refusal;
use crate::router::Api;
use axum::http::StatusCode;
use axum::response::Response;
use proto::{Act, Admin, Request, Status};
use serde_json::json;
use server::Deed;

/// Leaves, or stops if there is nobody to leave the data to.
pub(crate) async fn shutdown(Asker(api): Asker) -> Result<Response, Problem> {
    api.demand(Act::Admin, None)?;
    let status = bucket_names::status(api.database()).await?;
    if status.leaving || is_leaving(&status) {
        return Ok(leaving(&api));
    }
    if is_last(&status) {
        audited::done(api.database(), Deed::new("process.stop", json!({}))).await;
        return Ok(stopping(&api));
    }
    let leave = Request::Admin(Admin::Leave { node: status.node });
    match api.database().call(leave, None).await {
        proto::Response::Changed { .. } => Ok(leaving(&api)),
        other => Err(refusal::unexpected(other)),
    }
}

fn is_leaving(status: &Status) -> bool {
    status.members.iter().any(|m| m.member.id == status.node && m.leaving)
}

fn is_last(status: &Status) -> bool {
    !status.members.iter().any(|m| m.member.id != status.node && !m.leaving)
}

fn leaving(api: &Api) -> Response {
    let body = json!({
        "leaving": true,
        "nodeId": api.database().node_id().to_string(),
        "detail": "The node leaves: its data moves to the others, then its process ends.",
    });
    json::answer(StatusCode::ACCEPTED, body.to_string())
}

fn stopping(api: &Api) -> Response {
    api.database().shutdown();
    let body = json!({
        "leaving": false,
        "nodeId": api.database().node_id().to_string(),
        "detail": "This is the last node, so nobody could take its data: the process stops and keeps the data; \
                   start it again with the same data directory.",
    });
    json::ok(&body)
}
