//! Whole buckets going out and coming in: pages of records for backups, records of backups coming back, and items as lines
//! of JSON.
//!
//! Invariant: memory is bounded by a page, however large the cluster; what comes in goes through the same merge as
//! everything else.

mod dump;
mod export;
mod import;
mod line;
mod restore;

pub(crate) use dump::page;
pub(crate) use export::export;
pub(crate) use import::import;
pub use line::rewrite_line;
pub(crate) use restore::{begin, items};

use crate::access::audited;
use proto::{Refusal, Request, Response};
use server::Deed;
use std::time::Duration;

/// Times that a request which found too few replicas, or too busy ones, is made again.
const TRIES: u32 = 4;

/// Tells the audit log that a page of something goes out or comes in: the first of many pages is a line, the others are counted.
async fn tell(database: &dyn crate::Database, what: &'static str, about: serde_json::Value) {
    audited::part(database, Deed::new(what, about)).await;
}

/// Asks the node, again if it is worth while. The wait grows, so that a ring that changes or a node that starts has time.
async fn ask(database: &dyn crate::Database, request: Request) -> Response {
    for tries in 1.. {
        let response = database.call(request.clone(), None).await;
        let passing = matches!(
            response,
            Response::Refused(
                Refusal::QuorumUnmet { .. }
                    | Refusal::OutOfReach { .. }
                    | Refusal::NoAnswer { .. }
                    | Refusal::Overloaded
                    | Refusal::NotReady(_)
            )
        );
        if !passing || tries == TRIES {
            return response;
        }
        tokio::time::sleep(Duration::from_millis(100 << tries)).await;
    }
    unreachable!("the last try returns")
}
