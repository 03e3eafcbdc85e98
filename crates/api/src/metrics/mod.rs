//! `GET /metrics`: what `/v1/stats` tells and some more, in the text that Prometheus reads (OpenMetrics 1.0).
//!
//! Invariant: every family is described in each answer, with or without samples, so that dashboards and alerts can be checked
//! against one answer. Names and units never change meaning.

mod family;
mod table;

use crate::access::Asker;
use crate::problem::{Kind, Problem};
use crate::refusal;
use crate::stats::Snapshot;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use proto::{Admin, RepairStatus, Request};
use server::{Counters, Measures};

/// What the text is.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is shown.
pub(crate) struct Scrape<'a> {
    snapshot: Snapshot,
    repair: Box<RepairStatus>,
    measures: &'a Measures,
    counters: &'a Counters,
}

/// `GET /metrics`.
pub(crate) async fn metrics(Asker(api): Asker) -> Result<Response, Problem> {
    let snapshot = Snapshot::take(&api).await?;
    let database = api.database();
    let repair = match database.call(Request::Admin(Admin::RepairStatus { partition: None }), None).await {
        proto::Response::Repair(repair) => repair,
        other => return Err(refusal::unexpected(other)),
    };
    let scrape = Scrape { snapshot, repair, measures: database.measures(), counters: database.counters() };
    let text = family::write(table::families(&scrape))
        .map_err(|_| Problem::new(Kind::Internal, "The metrics could not be written; please report this as a bug."))?;
    let mut response = text.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(OPEN_METRICS));
    Ok(response)
}

#[cfg(test)]
mod tests;
