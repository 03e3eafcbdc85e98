//! Which path leads where, and what all handlers share.
//!
//! Invariant: every answer that is not a success is a problem+json, those for unknown paths and wrong methods too.

use crate::access::{Gate, Guarded, Whence, Who, audited};
use crate::body::Bodies;
use crate::bucket_names::BucketNames;
use crate::database::Database;
use crate::fields::excerpt;
use crate::problem::{Kind, Problem};
use crate::watch::Hub;
use crate::{Options, refusal, routes, sql};
use axum::Router;
use axum::extract::Request;
use proto::Act;
use serde_json::json;
use server::Deed;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::Semaphore;

/// What handlers share.
pub(crate) struct Api {
    /// The node, as whoever asks may use it.
    pub(crate) database: Arc<dyn Database>,
    /// Who that is.
    pub(crate) who: Who,
    shared: Arc<Shared>,
}

/// What handlers share, whoever asks.
pub(crate) struct Shared {
    /// The node without a guard.
    pub(crate) open: Arc<dyn Database>,
    pub(crate) gate: Arc<Gate>,
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
    pub(crate) fn new(open: Arc<dyn Database>, options: Options) -> Api {
        let gate = Arc::new(Gate::new(&*open));
        let database = Arc::new(Guarded::new(&open, &gate, Who::Anyone, Whence::default()));
        let shared = Shared {
            hub: Hub::new(Arc::clone(&open)),
            open,
            gate,
            bodies: Bodies::new(&options),
            buckets: BucketNames::default(),
            queries: sql::Queries::new(&options),
            listeners: Arc::new(Semaphore::new((options.connections_max / 4).max(1))),
            options,
        };
        Api { database, who: Who::Anyone, shared: Arc::new(shared) }
    }

    /// The same for one who is known. An operation of its rate was taken when the request came in.
    pub(crate) fn of(&self, who: Who, whence: Whence) -> Api {
        let guarded = Guarded::new(&self.shared.open, &self.shared.gate, who.clone(), whence);
        guarded.paid.store(true, Ordering::Relaxed);
        Api { database: Arc::new(guarded), who, shared: Arc::clone(&self.shared) }
    }

    /// Refuses whoever may not do this in a bucket, or, without one, everywhere.
    pub(crate) fn demand(&self, act: Act, bucket: Option<&str>) -> Result<(), Problem> {
        self.database.may(act, bucket).map_err(|refusal| {
            let problem = refusal::problem(refusal);
            if act == Act::Admin {
                let deed = Deed::new("administration", json!({ "bucket": bucket }));
                audited::turned_away(&*self.database, deed, problem.detail());
            }
            problem
        })
    }

    /// The node.
    pub(crate) fn database(&self) -> &dyn Database {
        &*self.database
    }
}

impl Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
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
