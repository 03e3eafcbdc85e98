//! `POST /console/sql`: SQL over the items of this node, or of the whole cluster, read-only, through SQLite with a virtual
//! table `item`.
//!
//! Columns `hash`, `key`, `value`, and on request `bucket` and `sort`. Invariant: a statement reads and nothing else,
//! and is bounded in time, memory and rows. What is missing from an answer over the whole cluster is said in it.

mod everywhere;
mod feed;
mod only;
mod rows;
mod statement;
mod table;

use crate::Options;
use crate::access::Asker;
use crate::bucket_names;
use crate::fields::{Fields, invalid};
use crate::json;
use crate::problem::{Kind, Problem};
use crate::router::Api;
use axum::extract;
use axum::http::StatusCode;
use axum::response::Response;
use everywhere::{Everywhere, Shortfall};
use feed::Origin;
use only::Only;
use proto::{Act, Status};
use statement::Bounds;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use stdx::Wall;
use table::Source;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Statements that run at once.
const AT_ONCE: usize = 2;
/// How long a statement waits for its turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// The part of its time that a statement over the whole cluster may read for.
const READING: f64 = 0.8;

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
pub(crate) async fn query(Asker(api): Asker, request: extract::Request) -> Result<Response, Problem> {
    api.demand(Act::Read, None)?;
    let body = api.bodies.read(request, &api.options).await?;
    let mut fields = Fields::read(&body.bytes)?;
    let sql = fields.text_needed("sql")?.into_owned();
    let everywhere = match fields.text("scope")?.as_deref() {
        None | Some("node") => false,
        Some("cluster") => true,
        Some(_) => return Err(invalid("scope", "must be \"node\" or \"cluster\"")),
    };
    fields.finish("a query", &["sql", "scope"])?;
    let status = bucket_names::status(api.database()).await?;
    let turn = tokio::time::timeout(PATIENCE, Arc::clone(&api.queries.turns).acquire_owned()).await;
    let Ok(Ok(turn)) = turn else { return Err(crowded()) };
    let (bounds, source) = (api.queries.bounds, source(&api, *status, everywhere, api.queries.bounds));
    let task = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        statement::run(&sql, source, bounds)
    });
    let rows = task
        .await
        .map_err(|_| Problem::new(Kind::Internal, "The statement was broken off; please report this as a bug."))??;
    Ok(json::answer(StatusCode::OK, rows))
}

fn source(api: &Api, status: Status, everywhere: bool, bounds: Bounds) -> Source {
    let (database, runtime) = (Arc::clone(&api.database), Handle::current());
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let started = Instant::now();
    let shortfall = Arc::new(Mutex::new(Shortfall::default()));
    let missing = Arc::clone(&shortfall);
    let names = status.buckets.iter().map(|bucket| (bucket.id, bucket.name.clone())).collect();
    // Called on a blocking thread only, where waiting for the runtime is allowed.
    let items = move |only: Only| {
        if !everywhere {
            return runtime.block_on(database.items()).map(Origin::Node);
        }
        let around = (Arc::clone(&database), runtime.clone());
        // The rest of the time is for what SQLite does with the rows.
        let until = started + bounds.time.mul_f64(READING);
        let missing = Arc::clone(&missing);
        Some(Origin::Cluster(Everywhere::new(around, (&status.buckets, status.partitions), only, until, missing)))
    };
    Source {
        items: Box::new(items),
        shortfall,
        wall: Wall(since_epoch.as_millis() as u64),
        buckets: names,
        deadline: started + bounds.time,
    }
}

fn crowded() -> Problem {
    let detail = "Other statements are running on this node; try again in a moment.";
    Problem::new(Kind::TooManyRequests, detail).retry_after(1)
}

#[cfg(test)]
mod tests;
