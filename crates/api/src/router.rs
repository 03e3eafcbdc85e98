//! Which path leads where, and what all handlers share.
//!
//! Invariant: every answer that is not a success is a problem+json, those for unknown paths and wrong methods too.

use crate::body::Bodies;
use crate::bucket_names::BucketNames;
use crate::database::Database;
use crate::fields::excerpt;
use crate::problem::{Kind, Problem};
use crate::watch::Hub;
use crate::{Options, routes, sql};
use axum::Router;
use axum::extract::Request;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What handlers share.
pub(crate) struct Api {
    pub(crate) database: Arc<dyn Database>,
    pub(crate) options: Options,
    pub(crate) bodies: Bodies,
    pub(crate) buckets: BucketNames,
    pub(crate) queries: sql::Queries,
    /// Replicas that are followed for those who watch.
    pub(crate) hub: Arc<Hub>,
    /// Event streams that may still be opened.
    pub(crate) listeners: Arc<Semaphore>,
}

impl Api {
    /// For a node.
    pub(crate) fn new(database: Arc<dyn Database>, options: Options) -> Api {
        Api {
            hub: Hub::new(Arc::clone(&database)),
            database,
            bodies: Bodies::new(&options),
            buckets: BucketNames::default(),
            queries: sql::Queries::new(&options),
            listeners: Arc::new(Semaphore::new((options.connections_max / 4).max(1))),
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
    routes::add(Router::new()).fallback(unknown_path).method_not_allowed_fallback(wrong_method).with_state(api)
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
