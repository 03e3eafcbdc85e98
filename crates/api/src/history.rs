//! `GET /v1/history`: every event of the membership history, oldest first; `/events` shows only those the reference knows.
//!
//! Invariant: the ring of every epoch can be rebuilt from it alone, so events carry the tokens they gave.

use crate::access::Asker;
use crate::buckets::bucket_json;
use crate::json;
use crate::problem::Problem;
use crate::refusal;
use crate::utc;
use axum::response::Response;
use proto::{Admin, Change, Event, Request};
use ring::{Member, Token};
use serde_json::{Value, json};

/// The history.
pub(crate) async fn list(Asker(api): Asker) -> Result<Response, Problem> {
    match api.database().call(Request::Admin(Admin::History), None).await {
        proto::Response::History(history) => {
            Ok(json::ok(&json!({ "events": history.iter().map(event).collect::<Vec<_>>() })))
        }
        other => Err(refusal::unexpected(other)),
    }
}

/// The kind of an event, and all of it.
pub(crate) fn told_whole(whole: &Event) -> (&'static str, Value) {
    (told(&whole.change).0, event(whole))
}

fn event(event: &Event) -> Value {
    let (kind, about) = told(&event.change);
    json!({ "epoch": event.epoch.0, "timestamp": event.at.0, "time": utc::show(event.at.0), "type": kind, "about": about })
}

fn told(change: &Change) -> (&'static str, Value) {
    match change {
        Change::Create(genesis) => ("CREATE", json!({ "partitions": genesis.grid.count(), "n": genesis.n })),
        Change::Add { member, .. } => ("ADD", admitted(member)),
        Change::Remove { member } => ("REMOVE", json!({ "nodeId": member.id.to_string(), "name": member.name })),
        Change::Readdress { node, name, uri } => {
            ("READDRESS", json!({ "nodeId": node.to_string(), "name": name, "uri": uri }))
        }
        Change::Bucket(bucket) => ("BUCKET", bucket_json(bucket)),
        Change::Restored(restored) => (
            "RESTORE",
            json!({
                "backup": restored.backup.to_string(),
                "name": restored.name,
                "buckets": restored.buckets,
                "mode": if restored.overwrite { "overwrite" } else { "only-missing" },
            }),
        ),
        Change::Grant(token) => (
            "TOKEN",
            json!({
                "id": token.id.to_string(),
                "name": token.name,
                "scopes": token.scopes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            }),
        ),
        Change::Revoke { token } => ("REVOKE", json!({ "id": token.to_string() })),
        Change::Eject { member } => ("EJECT", json!({ "nodeId": member.id.to_string(), "name": member.name })),
        Change::Replace { old, member, .. } => {
            let mut about = admitted(member);
            about["old"] = old.to_string().into();
            ("REPLACE", about)
        }
        Change::Reweigh { node, weight, tokens } => {
            ("REWEIGH", json!({ "nodeId": node.to_string(), "weight": weight, "tokens": in_hex(tokens) }))
        }
        Change::Abort { of, undo } => {
            let (kind, about) = told(undo);
            ("ABORT", json!({ "of": of.0, "by": { "type": kind, "about": about } }))
        }
    }
}

/// A member as it came in, with what the ring is made of.
fn admitted(member: &Member) -> Value {
    json!({
        "nodeId": member.id.to_string(),
        "name": member.name,
        "uri": member.uri,
        "zone": member.zone,
        "weight": member.weight,
        "tokens": in_hex(&member.tokens),
    })
}

fn in_hex(tokens: &[Token]) -> Vec<String> {
    tokens.iter().map(ToString::to_string).collect()
}
