//! `GET /events`: the membership history as the reference shows it, oldest first.
//!
//! Invariant: only what the reference knows, nodes that come and go, and each as it was recorded then.

use crate::access::Asker;
use crate::json;
use crate::problem::Problem;
use crate::refusal;
use axum::response::Response;
use proto::{Admin, Change, Event, Request};
use ring::Member;
use serde_json::{Value, json};

/// The history.
pub(crate) async fn events(Asker(api): Asker) -> Result<Response, Problem> {
    match api.database().call(Request::Admin(Admin::History), None).await {
        proto::Response::History(history) => {
            let entries = history.iter().flat_map(|event| entries(&history, event, &event.change));
            Ok(json::ok(&entries.collect()))
        }
        other => Err(refusal::unexpected(other)),
    }
}

/// The reference knows only nodes that come and go.
fn entries(history: &[Event], event: &Event, change: &Change) -> Vec<Value> {
    match change {
        Change::Add { member, .. } => vec![entry(event, "ADD", member)],
        Change::Remove { member } | Change::Eject { member } => vec![entry(event, "REMOVE", member)],
        Change::Replace { old, member, .. } => {
            let admitted = history.iter().rev().filter_map(|earlier| earlier.change.admits());
            let gone = admitted.filter(|earlier| earlier.id == *old).map(|old| entry(event, "REMOVE", old)).take(1);
            gone.chain([entry(event, "ADD", member)]).collect()
        }
        Change::Abort { undo, .. } => entries(history, event, undo),
        Change::Create(_)
        | Change::Readdress { .. }
        | Change::Bucket(_)
        | Change::Restored(_)
        | Change::Grant(_)
        | Change::Revoke { .. }
        | Change::Reweigh { .. } => Vec::new(),
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
