//! `POST /rpc`: JSON-RPC 2.0 over the operations on items and whatever can be looked at without changing the cluster.
//!
//! Invariant: a method is an operation or a page of the HTTP interface, never a second way to do something; its errors carry the
//! problem that HTTP would answer with.

mod discover;
mod methods;
mod protocol;
mod request;

use crate::access::Asker;
use crate::json;
use crate::problem::Problem;
use axum::extract;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use std::sync::Arc;

/// Answers one request or one batch.
pub(crate) async fn call(Asker(api): Asker, request: extract::Request) -> Result<Response, Problem> {
    let body = api.bodies.read(request, &api.options).await?;
    let answer = protocol::answer(&body.bytes, api.options.value_bytes_max, |name, params| {
        let api = Arc::clone(&api);
        Box::pin(async move { methods::call(&api, &name, params).await })
    });
    Ok(match answer.await {
        Some(answer) => json::answer(StatusCode::OK, answer),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

#[cfg(test)]
mod tests;
