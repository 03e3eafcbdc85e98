//! Read, change, write: until nobody was quicker.
//!
//! Invariant: what another one wrote between our read and our write is never lost: in a linearizable bucket our write is refused
//! and everything begins anew; where siblings are kept, the other write stands beside ours.

use crate::bucket::Bucket;
use crate::error::Error;
use crate::item::{Context, Item, Key, Value};
use crate::map::Rule;
use crate::problem::Reason;
use crate::request::{Writing as _, Written};
use liveness::Backoff;
use std::time::Duration;
use stdx::{Prng, Span};
use tokio::time::sleep;

/// Times that others may be quicker.
const ROUNDS: usize = 50;
const BASE: Span = Span::millis(2);
const MAX: Span = Span::millis(200);

/// What becomes of an item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Edit {
    /// It gets this value.
    Put(Value),
    /// It is deleted.
    Delete,
    /// It stays.
    Keep,
}

pub(crate) async fn run(
    bucket: &Bucket,
    key: Key,
    mut merge: impl FnMut(Vec<Value>) -> Value,
    mut change: impl FnMut(Option<Value>) -> Edit,
) -> Result<Written, Error> {
    if bucket.rule().await? == Some(Rule::LastWriterWins) {
        return Err(unsafe_there(bucket.name()));
    }
    let mut backoff = Backoff::new(BASE, MAX);
    let mut prng = Prng::new(bucket.client().chance());
    let mut round = 0;
    loop {
        let Item { mut values, context, .. } = bucket.get(key.clone()).await?;
        let value = if values.len() > 1 { Some(merge(values)) } else { values.pop() };
        let has_value = value.is_some();
        let edit = change(value);
        if context == Context::None && has_value {
            return Err(unsafe_there(bucket.name()));
        }
        let written = match edit {
            Edit::Put(value) => bucket.put(key.clone(), value).context(context).await,
            Edit::Delete => bucket.delete(key.clone()).context(context).await,
            Edit::Keep => return Ok(Written { acknowledged: 0, context }),
        };
        round += 1;
        match written {
            Err(Error::Refused(problem)) if problem.reason == Reason::ConditionFailed && round < ROUNDS => {
                sleep(Duration::from(backoff.next(&mut prng))).await;
            }
            over => return over,
        }
    }
}

fn unsafe_there(bucket: &str) -> Error {
    Error::Usage(format!(
        "in bucket \"{bucket}\" the last writer wins, so a change of what was read could undo another's; add to a counter, or use a \
         bucket that keeps siblings or is linearizable"
    ))
}
