//! A session: contexts kept for the user, who reads and writes without looking at them.
//!
//! Invariant: a write supersedes what this session last read or wrote of the item, and nothing else. A context that was forgotten
//! because there are too many costs a sibling, never somebody's write.

use crate::bucket::Bucket;
use crate::error::Error;
use crate::item::{Context, Item, Key, Value};
use crate::request::{Writing as _, Written};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Items whose contexts are kept.
const KEPT_MAX: usize = 10_000;

/// Reads and writes of one user, one after the other.
#[derive(Debug)]
pub struct Session {
    bucket: Bucket,
    seen: Mutex<Seen>,
}

#[derive(Default, Debug)]
struct Seen {
    contexts: BTreeMap<Key, Context>,
    order: VecDeque<Key>,
}

impl Seen {
    fn keep(&mut self, key: Key, context: Context) {
        if self.contexts.insert(key.clone(), context).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > KEPT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.contexts.remove(&oldest);
        }
    }
}

impl Session {
    pub(crate) fn new(bucket: Bucket) -> Session {
        Session { bucket, seen: Mutex::default() }
    }

    /// Reads an item and remembers what was seen.
    pub async fn get(&self, key: impl Into<Key>) -> Result<Item, Error> {
        let item = self.bucket.get(key).await?;
        self.seen().keep(item.key.clone(), item.context.clone());
        Ok(item)
    }

    /// Writes an item over what this session has seen of it. In a linearizable bucket another's write since is a refusal,
    /// [`ConditionFailed`](crate::Reason::ConditionFailed).
    pub async fn put(&self, key: impl Into<Key>, value: impl Into<Value>) -> Result<Written, Error> {
        let key = key.into();
        let written = self.bucket.put(key.clone(), value).context(self.context(&key)).await?;
        self.seen().keep(key, written.context.clone());
        Ok(written)
    }

    /// Deletes what this session has seen of an item.
    pub async fn delete(&self, key: impl Into<Key>) -> Result<Written, Error> {
        let key = key.into();
        let written = self.bucket.delete(key.clone()).context(self.context(&key)).await?;
        self.seen().keep(key, written.context.clone());
        Ok(written)
    }

    /// What was seen of an item.
    pub fn context(&self, key: &Key) -> Context {
        self.seen().contexts.get(key).cloned().unwrap_or_default()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT_MAX, Seen};
    use crate::item::{Context, Key};

    #[test]
    fn the_oldest_are_forgotten() {
        let mut seen = Seen::default();
        let key = |at: usize| Key::from(at.to_string());
        (0..=KEPT_MAX).for_each(|at| seen.keep(key(at), Context::Version(at as u64)));
        seen.keep(key(1), Context::Version(0));
        assert_eq!((seen.contexts.len(), seen.order.len()), (KEPT_MAX, KEPT_MAX));
        assert_eq!((seen.contexts.get(&key(0)), seen.contexts.get(&key(1))), (None, Some(&Context::Version(0))));
    }
}
