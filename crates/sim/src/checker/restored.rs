//! *restore*: in a bucket that one client fills, backs up, restores and changes all the while, nothing that was written or
//! deleted is undone by the restore unless the restore may: what was acknowledged stays unless a later stamp took its place; a
//! restored item has the stamp of the restore's event; what was written or deleted when everybody knew of that event is later
//! than it; and without `overwrite`, what was there stays.

use super::dots::Dots;
use super::durability::Finally;
use crate::atlas::Atlas;
use crate::describe;
use crate::history::{Asker, Operation, Outcome};
use causal::Stamp;
use node::proto::restoring::Restoring;
use node::proto::{BucketId, ItemKey, Put, Record, Request, Response};

/// Everything the checker needs to know.
pub(crate) struct Evidence<'a> {
    pub(crate) history: &'a [Operation],
    pub(crate) dots: &'a Dots,
    pub(crate) atlas: &'a Atlas,
    pub(crate) finally: &'a Finally,
    pub(crate) bucket: BucketId,
    pub(crate) restoring: Option<&'a Restoring>,
}

impl Evidence<'_> {
    /// What is wrong.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let mut keys: Vec<ItemKey> = self.puts().map(|(_, put)| put.key.clone()).collect();
        keys.sort();
        keys.dedup();
        keys.iter().flat_map(|key| self.wrong_with(key)).collect()
    }

    fn puts(&self) -> impl Iterator<Item = (&Operation, &Put)> {
        let own = self.history.iter().filter(|operation| operation.asker == Asker::Keeper);
        own.filter_map(|operation| Some((operation, operation.put()?)))
    }

    fn event(&self) -> Option<Stamp> {
        self.restoring.map(|restoring| restoring.event.stamp)
    }

    /// The stamp of an acknowledged change, if it can be told: the lowest, if its request came twice and was carried out twice,
    /// for only one of the versions was acknowledged.
    fn stamp_of(&self, operation: &Operation, put: &Put) -> Option<Stamp> {
        let dot = match &put.value {
            Some(value) => {
                let made = self.dots.of_value(&value.bytes).iter().filter(|dot| self.dots.stamp(dot) != self.event());
                made.min_by_key(|dot| self.dots.stamp(dot)).copied()
            }
            None => self.dots.of_write(operation),
        };
        dot.and_then(|dot| self.dots.stamp(&dot))
    }

    fn wrong_with(&self, key: &ItemKey) -> Vec<String> {
        let item = (self.bucket, key.clone());
        let held = self.finally.get(&item).and_then(Record::highest_stamp);
        let collected = self.dots.tombstones(&item).iter().filter_map(|dot| self.dots.stamp(dot)).max();
        // Nothing at all may be a tombstone that was collected.
        let finally = held.or(collected);
        let what = || self.finally.get(&item).map_or("nothing".to_owned(), describe::record);
        let mut wrong = Vec::new();
        for (operation, put) in self.puts().filter(|(operation, put)| put.key == *key && operation.is_durable_write()) {
            let Some(stamp) = self.stamp_of(operation, put).filter(|_| self.atlas.recoverable(operation)) else {
                continue;
            };
            let name = put.value.as_ref().map_or("a delete".to_owned(), |value| describe::text(&value.bytes));
            if finally < Some(stamp) {
                wrong.push(format!(
                    "{name} of {}, acknowledged at {}, is gone for {}",
                    describe::key(key),
                    operation.ended,
                    what()
                ));
            }
            if operation.after_restore && Some(stamp) < self.event() {
                wrong.push(format!("{name} of {} was written after the restore and is below it", describe::key(key)));
            }
        }
        let restored = self.history.iter().any(|operation| self.is_restored(operation, key));
        if restored && finally < self.event() {
            wrong.push(format!("{} was restored, and is {}", describe::key(key), what()));
        }
        wrong.extend(self.overwritten(key).map(|was| format!("{} was {was} and is {}", describe::key(key), what())));
        wrong
    }

    /// True if it is an acknowledged write of a restored item.
    fn is_restored(&self, operation: &Operation, key: &ItemKey) -> bool {
        let Request::Restore(restore) = &operation.request else { return false };
        let Outcome::Answered(response) = &operation.outcome else { return false };
        restore.key == *key && matches!(response.as_ref(), Response::Written(_)) && self.atlas.recoverable(operation)
    }

    /// What was there before a restore that leaves such items alone, and was overwritten by it.
    fn overwritten(&self, key: &ItemKey) -> Option<String> {
        let restoring = self.restoring.filter(|restoring| !restoring.event.overwrite)?;
        // A write may have got the very stamp of the event from a clock that counts on behind it; its dot is its node's.
        let is_restored = self.finally.get(&(self.bucket, key.clone())).is_some_and(|record| {
            let versions = record.versions();
            versions.iter().any(|(dot, one)| dot.actor.incarnation == 0 && one.stamp == restoring.event.stamp)
        });
        let puts: Vec<(&Operation, &Put)> = self.puts().filter(|(_, put)| put.key == *key).collect();
        // Where the outcome of one is not known, or one deleted the item, it may have been away for a while.
        let is_plain = |(operation, put): &(&Operation, &Put)| {
            operation.is_durable_write() && put.value.is_some() && self.atlas.recoverable(operation)
        };
        let (_, was) = puts.first().filter(|_| is_restored && puts.iter().all(is_plain))?;
        was.value.as_ref().map(|value| describe::text(&value.bytes))
    }
}
