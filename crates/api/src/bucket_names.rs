//! Which number, rule and mode a bucket of a given name has, remembered because none ever changes.
//!
//! Invariant: what is remembered was in a status of this cluster; a bucket that is not found is asked for again.

use crate::database::Database;
use crate::fields::excerpt;
use crate::problem::{Kind, Problem};
use crate::refusal;
use proto::{Admin, Bucket, BucketId, Mode, Request, Response, Rule, Status};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Number, rule and mode of the buckets seen so far.
#[derive(Default)]
pub(crate) struct BucketNames {
    known: Mutex<BTreeMap<String, (BucketId, Rule, Mode)>>,
}

impl BucketNames {
    /// Number, rule and mode of the bucket `name`.
    pub(crate) async fn whole(&self, database: &dyn Database, name: &str) -> Result<(BucketId, Rule, Mode), Problem> {
        if name == "default" {
            return Ok((BucketId::DEFAULT, Rule::LastWriterWins, Mode::Eventual));
        }
        let known = self.lock().get(name).copied();
        if let Some(bucket) = known {
            return Ok(bucket);
        }
        self.learn(&status(database).await?.buckets);
        self.lock().get(name).copied().ok_or_else(|| unknown(name))
    }

    fn learn(&self, buckets: &[Bucket]) {
        let mut known = self.lock();
        for bucket in buckets {
            known.insert(bucket.name.clone(), (bucket.id, bucket.rule, bucket.mode));
        }
    }

    /// A panic while the lock was held cannot leave a map half inserted.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, (BucketId, Rule, Mode)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the node knows of the cluster.
pub(crate) async fn status(database: &dyn Database) -> Result<Box<Status>, Problem> {
    match database.call(Request::Admin(Admin::Status), None).await {
        Response::Status(status) => Ok(status),
        other => Err(refusal::unexpected(other)),
    }
}

/// There is no bucket of this name.
pub(crate) fn unknown(name: &str) -> Problem {
    let shown = excerpt(name.as_bytes());
    let detail =
        format!("There is no bucket \"{shown}\"; make it with `alianza bucket set {shown}`, or list those there are.");
    Problem::new(Kind::UnknownBucket, detail).with("bucket", shown)
}
