//! Coming in at the console: a token is shown once, and a cookie is known for a while.
//!
//! Invariant: no script of a page can read the cookie, no other site's page sends it, and a change is made only for a page of this
//! node itself (`access::Gate`).

use crate::access::{Asker, LIFE, Who, audited, session_cookie, wrong_token};
use crate::body::read_short;
use crate::fields::Fields;
use crate::json;
use crate::problem::{Kind, Problem};
use crate::router::Api;
use axum::extract;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use serde_json::json;
use server::Deed;
use std::time::Duration;

/// Bytes of a login; a token is some 80 of them. Whoever sends one is a stranger yet.
const BYTES_MAX: usize = 4 << 10;
/// How long one may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// `GET /console/session`: who the console is used by.
pub(crate) async fn session(Asker(api): Asker) -> Response {
    let identity = if let Who::Token(identity) = &api.who { Some(identity) } else { None };
    let scopes = identity.map(|identity| identity.token.scopes.iter().map(ToString::to_string).collect::<Vec<_>>());
    json::ok(
        &json!({ "guarded": !api.gate.is_open(), "name": identity.map(|identity| identity.name()), "scopes": scopes }),
    )
}

/// `POST /console/login`.
pub(crate) async fn login(Asker(api): Asker, request: extract::Request) -> Result<Response, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    // Forms of other sites cannot send this.
    if !kind.starts_with(b"application/json") {
        let detail = "A login is sent as application/json; use the console's page.";
        return Err(Problem::new(Kind::CrossSite, detail));
    }
    let body = read_short(request, BYTES_MAX, PATIENCE).await?;
    let mut fields = Fields::read(&body)?;
    let token = fields.text_needed("token")?;
    let Some(identity) = api.gate.by_text(token.as_bytes()) else {
        let problem = wrong_token();
        audited::turned_away(api.database(), Deed::new("login", json!({})), problem.detail());
        return Err(problem);
    };
    fields.finish("a login", &["token"])?;
    let secret = api.gate.sessions.begin(identity.token.id).map_err(|error| {
        Problem::new(
            Kind::Internal,
            format!("The system gave no random bytes ({error}); look at the log of this node."),
        )
    })?;
    let about = json!({ "token": identity.token.id.to_string(), "name": identity.name() });
    audited::done(api.database(), Deed::new("login", about)).await;
    Ok(with_cookie(&api, json!({ "name": identity.name() }), &secret, LIFE.as_secs()))
}

/// `POST /console/logout`.
pub(crate) async fn logout(Asker(api): Asker, headers: HeaderMap) -> Response {
    if let Some(secret) = session_cookie(&headers, api.database().node_id()) {
        api.gate.sessions.end(secret);
    }
    with_cookie(&api, json!({}), "", 0)
}

fn with_cookie(api: &Api, body: serde_json::Value, secret: &str, seconds: u64) -> Response {
    let name = crate::access::cookie_name(api.database().node_id());
    let secure = if api.database().tls().is_some() { "; Secure" } else { "" };
    let cookie = format!("{name}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    let mut response = json::ok(&body);
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
