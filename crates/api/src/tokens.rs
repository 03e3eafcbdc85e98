//! `/v1/tokens`: making, listing and revoking API tokens.
//!
//! Invariant: a secret is in one answer, that to the request which made it, and is kept nowhere.

use crate::access::{Asker, draw_token};
use crate::fields::{Fields, excerpt, invalid};
use crate::json;
use crate::problem::{Kind, Problem};
use crate::redis::time::now;
use crate::refusal;
use crate::router::Api;
use crate::segment::Segment;
use axum::extract;
use axum::http::StatusCode;
use axum::response::Response;
use proto::{Act, Admin, ApiToken, Rate, Request, Right};
use serde_json::{Value, json};

const FIELDS: &[&str] = &["name", "scopes", "rate", "burst", "ttl"];

/// `GET /v1/tokens`.
pub(crate) async fn list(Asker(api): Asker) -> Result<Response, Problem> {
    api.demand(Act::Admin, None)?;
    let tokens: Vec<Value> = api.database().tokens().all().values().map(token_json).collect();
    Ok(json::ok(&json!({ "guarded": !api.gate.is_open(), "tokens": tokens })))
}

fn token_json(token: &ApiToken) -> Value {
    json!({
        "id": token.id.to_string(),
        "name": token.name,
        "scopes": token.scopes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "rate": token.rate.map(|rate| rate.per_second),
        "burst": token.rate.map(|rate| rate.burst),
        "expires": token.expires.map(|at| at.0),
    })
}

/// `POST /v1/tokens`.
pub(crate) async fn create(Asker(api): Asker, request: extract::Request) -> Result<Response, Problem> {
    api.demand(Act::Admin, None)?;
    let body = api.bodies.read(request, &api.options).await?;
    let mut fields = Fields::read(&body.bytes)?;
    let name = fields.text_needed("name")?.into_owned();
    let scopes = scopes(&fields.text_needed("scopes")?)?;
    let per_second = fields.whole("rate", 1..=u64::from(u32::MAX))?;
    let burst = fields.whole("burst", 1..=u64::from(u32::MAX))?;
    let expires = fields.span("ttl")?.map(|ttl| now().plus(ttl));
    fields.finish("a token", FIELDS)?;
    let rate = match (per_second, burst) {
        (None, None) => None,
        (Some(rate), burst) => Some(Rate { per_second: rate as u32, burst: burst.unwrap_or(rate) as u32 }),
        (None, Some(_)) => return Err(invalid("burst", "goes with \"rate\"; give both")),
    };
    let (text, id, digest) = draw_token().map_err(|error| no_entropy(&error))?;
    let token = ApiToken { id, name, digest, scopes, rate, expires };
    decide(&api, Admin::Grant(token.clone())).await?;
    let mut answer = token_json(&token);
    answer["token"] = text.into();
    Ok(json::answer(StatusCode::CREATED, answer.to_string()))
}

/// Scopes as one text, separated by commas.
fn scopes(text: &str) -> Result<Vec<Right>, Problem> {
    let read = |part: &str| {
        Right::parse(part.trim()).ok_or_else(|| {
            let part = excerpt(part.as_bytes());
            invalid("scopes", format!("must be like \"read,write:carts,admin\" or \"monitor\", not \"{part}\""))
        })
    };
    let mut scopes = text.split(',').map(read).collect::<Result<Vec<Right>, Problem>>()?;
    scopes.sort_unstable();
    scopes.dedup();
    Ok(scopes)
}

/// `DELETE /v1/tokens/{token}`: by number or by name.
pub(crate) async fn revoke(Asker(api): Asker, Segment(wanted): Segment) -> Result<Response, Problem> {
    api.demand(Act::Admin, None)?;
    let all = api.database().tokens().all();
    let found = all.values().find(|token| token.id.to_string() == wanted || token.name == wanted);
    let token = found.ok_or_else(|| {
        let wanted = excerpt(wanted.as_bytes());
        Problem::new(Kind::UnknownToken, format!("There is no token \"{wanted}\"; list those there are."))
    })?;
    decide(&api, Admin::Revoke { token: token.id }).await?;
    Ok(json::ok(&token_json(token)))
}

async fn decide(api: &Api, admin: Admin) -> Result<(), Problem> {
    match api.database().call(Request::Admin(admin), None).await {
        proto::Response::Changed { .. } => Ok(()),
        other => Err(refusal::unexpected(other)),
    }
}

fn no_entropy(error: &std::io::Error) -> Problem {
    Problem::new(Kind::Internal, format!("The system gave no random bytes ({error}); look at the log of this node."))
}
