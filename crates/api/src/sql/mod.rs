//! `POST /console/sql`: SQL over the items of this node, read-only, through SQLite with a virtual table `item`.
//!
//! Columns `hash`, `key`, `value`, and on request `bucket` and `sort`. Invariant: a statement reads and nothing else,
//! and is bounded in time, memory and rows. Refuses to know other nodes: this is a look at what is stored here.

mod feed;
mod rows;
mod statement;
mod table;

use crate::Options;
use crate::bucket_names;
use crate::fields::Fields;
use crate::json;
use crate::problem::{Kind, Problem};
use crate::router::Api;
use axum::extract::{self, State};
use axum::http::StatusCode;
use axum::response::Response;
use proto::BucketId;
use statement::Bounds;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use stdx::Wall;
use table::Source;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Statements that run at once.
const AT_ONCE: usize = 2;
/// How long a statement waits for its turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// The statements that are running.
pub(crate) struct Queries {
    turns: Arc<Semaphore>,
    bounds: Bounds,
}

impl Queries {
    /// None yet.
    pub(crate) fn new(options: &Options) -> Queries {
        Queries {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            bounds: Bounds { rows: options.sql_rows_max, time: options.sql_time_max.into() },
        }
    }
}

/// Runs one statement.
pub(crate) async fn query(State(api): State<Arc<Api>>, request: extract::Request) -> Result<Response, Problem> {
    let body = api.bodies.read(request, &api.options).await?;
    let mut fields = Fields::read(&body.bytes)?;
    let sql = fields.text_needed("sql")?.into_owned();
    fields.finish("a query", &["sql"])?;
    let status = bucket_names::status(api.database()).await?;
    let buckets = status.buckets.into_iter().map(|bucket| (bucket.id, bucket.name)).collect();
    let turn = tokio::time::timeout(PATIENCE, Arc::clone(&api.queries.turns).acquire_owned()).await;
    let Ok(Ok(turn)) = turn else { return Err(crowded()) };
    let (bounds, source) = (api.queries.bounds, source(&api, buckets, api.queries.bounds));
    let task = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        statement::run(&sql, source, bounds)
    });
    let rows = task
        .await
        .map_err(|_| Problem::new(Kind::Internal, "The statement was broken off; please report this as a bug."))??;
    Ok(json::answer(StatusCode::OK, rows))
}

fn source(api: &Api, buckets: BTreeMap<BucketId, String>, bounds: Bounds) -> Source {
    let (database, runtime) = (Arc::clone(&api.database), Handle::current());
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Source {
        // Called on a blocking thread only, where waiting for the runtime is allowed.
        items: Box::new(move || runtime.block_on(database.items())),
        wall: Wall(since_epoch.as_millis() as u64),
        buckets,
        deadline: Instant::now() + bounds.time,
    }
}

fn crowded() -> Problem {
    let detail = "Other statements are running on this node; try again in a moment.";
    Problem::new(Kind::TooManyRequests, detail).retry_after(1)
}

#[cfg(test)]
mod tests;
