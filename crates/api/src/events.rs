//! `GET /events`: the membership history as the reference shows it, oldest first.
//!
//! Invariant: only what the reference knows, nodes that come and go, and each as it was recorded then.

use crate::json;
use crate::problem::Problem;
use crate::refusal;
use crate::router::Api;
use axum::extract::State;
use axum::response::Response;
use proto::{Admin, Change, Event, Request};
use ring::Member;
use serde_json::{Value, json};
use std::sync::Arc;

/// The history.
pub(crate) async fn events(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    match api.database().call(Request::Admin(Admin::History), None).await {
        proto::Response::History(history) => Ok(json::ok(&history.iter().filter_map(event).collect())),
        other => Err(refusal::unexpected(other)),
    }
}

fn event(event: &Event) -> Option<Value> {
    match &event.change {
        Change::Add { member, .. } => Some(entry(event, "ADD", member)),
        Change::Remove { member } => Some(entry(event, "REMOVE", member)),
        Change::Create(_) | Change::Readdress { .. } | Change::Bucket(_) | Change::Restored(_) => None,
    }
}

fn entry(event: &Event, kind: &str, member: &Member) -> Value {
    json!({
        "timestamp": event.at.0,
        "type": kind,
        "nodeId": member.id.to_string(),
        "name": member.name,
        "uri": member.uri,
        "tokens": member.tokens.iter().map(|token| json!({ "value": token.to_string() })).collect::<Vec<_>>(),
    })
}
