//! Which bucket a database stands for, and which promise that bucket gives.
//!
//! Invariant: a bucket's mode and rule never change, so they are asked for once. A bucket whose concurrent writes stay side
//! by side is refused: a Redis client could not name what its write supersedes.

use super::fault::Fault;
use super::several::Sizes;
use crate::bucket_names;
use crate::database::Database;
use proto::{Admin, Mode, Request, Response, Rule};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// The databases there are.
pub(crate) struct Places(BTreeMap<u32, Arc<Place>>);

/// A database.
#[derive(Debug)]
pub(crate) struct Place {
    /// Its bucket.
    pub(crate) bucket: String,
    /// How large its values are.
    pub(crate) sizes: Sizes,
    mode: OnceLock<Mode>,
}

impl Places {
    /// Database 0 is the bucket `default` if nobody says anything else.
    pub(crate) fn new(databases: &[(u32, String)]) -> Places {
        let mut all = BTreeMap::from([(0, "default".to_owned())]);
        all.extend(databases.iter().cloned());
        let place = |bucket| Arc::new(Place { bucket, sizes: Sizes::default(), mode: OnceLock::new() });
        Places(all.into_iter().map(|(number, bucket)| (number, place(bucket))).collect())
    }

    /// The database of a number.
    pub(crate) fn get(&self, number: u32) -> Option<Arc<Place>> {
        self.0.get(&number).cloned()
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, &Place)> {
        self.0.iter().map(|(number, place)| (*number, &**place))
    }

    /// One more than the highest number.
    pub(crate) fn count(&self) -> u32 {
        self.0.last_key_value().map_or(1, |(number, _)| number.saturating_add(1))
    }
}

impl Place {
    /// The promise of its bucket.
    pub(crate) async fn mode(&self, database: &dyn Database) -> Result<Mode, Fault> {
        match self.mode.get() {
            Some(mode) => Ok(*mode),
            None => self.learn(database).await,
        }
    }

    async fn learn(&self, database: &dyn Database) -> Result<Mode, Fault> {
        let status = match database.call(Request::Admin(Admin::Status), None).await {
            Response::Status(status) => status,
            other => return Err(Fault::unexpected(other)),
        };
        let Some(bucket) = status.buckets.iter().find(|bucket| bucket.name == self.bucket) else {
            return Err(Fault::new(format!("ERR {}", bucket_names::unknown(&self.bucket).detail())));
        };
        if bucket.mode == Mode::Eventual && bucket.rule == Rule::Siblings {
            return Err(Fault::new(format!(
                "ERR Bucket \"{}\" has the rule \"siblings\", which Redis clients cannot use; let this database stand for \
                 another bucket.",
                self.bucket
            )));
        }
        Ok(*self.mode.get_or_init(|| bucket.mode))
    }
}
