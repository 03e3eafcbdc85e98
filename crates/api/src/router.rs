//! Which path leads where, and what all handlers share.
//!
//! Invariant: every answer that is not a success is a problem+json, those for unknown paths and wrong methods too.

use crate::body::Bodies;
use crate::bucket_names::BucketNames;
use crate::database::Database;
use crate::fields::excerpt;
use crate::problem::{Kind, Problem};
use crate::{
    Options, batch, buckets, cluster, console, events, explain, health, history, item, items, leave, listing, metrics,
    repair, ring_view, sql, stats, transfer, welcome,
};
use axum::Router;
use axum::extract::Request;
use axum::routing::{get, post, put};
use std::sync::Arc;

/// What handlers share.
pub(crate) struct Api {
    pub(crate) database: Arc<dyn Database>,
    pub(crate) options: Options,
    pub(crate) bodies: Bodies,
    pub(crate) buckets: BucketNames,
    pub(crate) queries: sql::Queries,
}

impl Api {
    /// For a node.
    pub(crate) fn new(database: Arc<dyn Database>, options: Options) -> Api {
        Api {
            database,
            bodies: Bodies::new(&options),
            buckets: BucketNames::default(),
            queries: sql::Queries::new(&options),
            options,
        }
    }

    /// The node.
    pub(crate) fn database(&self) -> &dyn Database {
        &*self.database
    }
}

/// All paths.
pub(crate) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/", get(welcome::welcome).post(items::operate))
        .route("/events", get(events::events))
        .route("/shutdown", post(leave::shutdown))
        .route("/v1/cluster", get(cluster::status))
        .route("/v1/cluster/plan", post(cluster::plan))
        .route("/v1/cluster/apply", post(cluster::apply))
        .route("/v1/repair", get(repair::status).post(repair::run))
        .route("/v1/cluster/abort", post(cluster::abort))
        .route("/v1/ring", get(ring_view::view))
        .route("/v1/buckets", get(buckets::list))
        .route("/v1/buckets/{bucket}", put(buckets::set))
        .route("/v1/buckets/{bucket}/items/{key}", get(item::get).put(item::put).delete(item::delete))
        .route("/v1/buckets/{bucket}/items/{key}/{sort}", get(item::get).put(item::put).delete(item::delete))
        .route("/v1/buckets/{bucket}/items", get(listing::list))
        .route("/v1/batch", post(batch::batch))
        .route("/v1/buckets/{bucket}/item", get(item::get).put(item::put).delete(item::delete))
        .route("/v1/explain", get(explain::by_query).post(explain::by_body))
        .route("/v1/history", get(history::list))
        .route("/v1/stats", get(stats::stats))
        .route("/metrics", get(metrics::metrics))
        .route("/v1/export", post(transfer::export))
        .route("/v1/import", post(transfer::import))
        .route("/v1/backup/page", post(transfer::page))
        .route("/v1/restore", post(transfer::begin))
        .route("/v1/restore/items", post(transfer::items))
        .route("/console", get(console::page))
        .route("/console/sql", post(sql::query))
        .route("/console/{file}", get(console::file))
        .route("/problems", get(welcome::problems))
        .route("/problems/{slug}", get(welcome::problem))
        .route("/healthz", get(health::health))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(api)
}

async fn unknown_path(request: Request) -> Problem {
    let path = excerpt(request.uri().path().as_bytes());
    Problem::new(Kind::UnknownPath, format!("There is nothing under {path}; GET / lists the paths."))
}

async fn wrong_method(request: Request) -> Problem {
    let (method, path) = (request.method(), excerpt(request.uri().path().as_bytes()));
    let detail = format!("{path} does not take {method}; the Allow header of this answer lists what it takes.");
    Problem::new(Kind::WrongMethod, detail)
}
