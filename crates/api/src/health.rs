//! Health checks: `/livez` (the process answers), `/readyz` (send requests here), `/healthz` (both, in words).
//!
//! Invariant: being alive never depends on other nodes; being ready means to be a member that is not on its way out.

use crate::access::Asker;
use crate::json;
use crate::node_name;
use crate::problem::{Kind, Problem};
use crate::refusal;
use crate::router::Api;
use axum::response::Response;
use proto::{Admin, Request, Status};
use serde_json::{Value, json};
use stdx::Span;

/// A node that needs longer to say how it is, is not well.
const PATIENCE: Span = Span::secs(1);

/// `GET /livez`.
pub(crate) async fn live() -> Response {
    json::ok(&json!({ "status": "live" }))
}

/// `GET /readyz`.
pub(crate) async fn ready(Asker(api): Asker) -> Result<Response, Problem> {
    let status = ask(&api).await?;
    match obstacle(&status) {
        None => Ok(json::ok(&describe(&status, "ready"))),
        Some(why) => Err(Problem::new(Kind::NotReady, why).retry_after(1)),
    }
}

/// `GET /healthz`.
pub(crate) async fn health(Asker(api): Asker) -> Result<Response, Problem> {
    let status = ask(&api).await?;
    let word = match obstacle(&status) {
        Some(_) => "leaving or joining",
        None if status.blocked.is_empty() => "ok",
        None => "blocked",
    };
    Ok(json::ok(&describe(&status, word)))
}

async fn ask(api: &Api) -> Result<Box<Status>, Problem> {
    match api.database().call(Request::Admin(Admin::Status), Some(PATIENCE)).await {
        proto::Response::Status(status) => Ok(status),
        other => Err(refusal::unexpected(other)),
    }
}

fn obstacle(status: &Status) -> Option<&'static str> {
    let me = status.members.iter().find(|m| m.member.id == status.node);
    match me {
        None => Some("The node is not a member yet; wait until it has joined."),
        Some(me) if me.leaving || status.leaving => Some("The node is leaving; send requests to another one."),
        Some(_) => None,
    }
}

fn describe(status: &Status, word: &str) -> Value {
    json!({
        "status": word,
        "nodeId": status.node.to_string(),
        "name": node_name::of(status, status.node),
        "epoch": status.epoch.0,
        "members": status.members.len(),
        "moving": status.moving,
        "blocked": status.blocked,
    })
}
