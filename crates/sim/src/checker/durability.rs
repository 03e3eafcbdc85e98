//! No acknowledged write is lost: when all is calm again, each item holds the write's own version or one that
//! superseded it.
//!
//! In a last-writer-wins bucket a version is superseded by a higher stamp. In a sibling bucket it is superseded by a
//! write whose client had been *shown* it; that the write's context covers it is not enough, because a context that
//! covers more than its client saw is exactly the bug that loses writes (riak_kv 679). From the versions an item holds
//! at the end, the checker walks back along "was shown to the client that wrote this"; what it does not reach is lost.
//! Tombstones and versions with a time to live are never shown, so for those the context has to do; and they may be
//! collected, so the walk begins at them, too.
//!
//! And no resurrection: what an acknowledged write had seen and superseded is not there at the end.

use super::dots::{Dots, Fact, Item};
use crate::describe;
use crate::history::Operation;
use causal::{Context, Dot};
use node::proto::{BucketId, Record, Rule};
use std::collections::{BTreeMap, BTreeSet};

/// What the cluster holds of each item at the end.
pub(crate) type Finally = BTreeMap<Item, Record>;

/// Everything the checker needs to know.
pub(crate) struct Evidence<'a> {
    pub(crate) history: &'a [Operation],
    pub(crate) dots: &'a Dots,
    pub(crate) finally: &'a Finally,
}

/// A write of a sibling bucket, as far as anybody saw it.
struct Write<'a> {
    context: &'a Context,
    shown: &'a [Dot],
}

impl Evidence<'_> {
    /// The acknowledged writes that are lost. `bucket` tells the bucket of a name and its rule.
    pub(crate) fn lost(&self, bucket: impl Fn(&str) -> Option<(BucketId, Rule)>) -> Vec<String> {
        let mut lost = Vec::new();
        let mut reached: BTreeMap<Item, BTreeSet<Dot>> = BTreeMap::new();
        for (number, operation) in self.history.iter().enumerate().filter(|(_, o)| o.is_durable_write()) {
            let Some(put) = operation.put() else { continue };
            let Some((id, rule)) = bucket(&put.bucket) else { continue };
            let item = (id, put.key.clone());
            let dots = match &put.value {
                Some(value) => self.dots.of_value(&value.bytes).to_vec(),
                // Of a delete whose dot cannot be told, nothing can be said.
                None => match self.dots.of_write(operation) {
                    Some(dot) => vec![dot],
                    None => continue,
                },
            };
            let survives = match rule.of_key(&put.key) {
                Rule::LastWriterWins => dots.iter().any(|dot| self.latest_covers(&item, *dot)),
                Rule::Siblings => {
                    let reached = reached.entry(item.clone()).or_insert_with(|| self.reached(&item));
                    dots.iter().any(|dot| reached.contains(dot))
                }
            };
            if !survives {
                let names: Vec<String> = dots.into_iter().map(describe::dot).collect();
                lost.push(format!(
                    "write {number} of {} ({}, level {:?}, dot {}, acknowledged at {} by {}) is gone; the cluster holds {}",
                    describe::key(&item.1),
                    put.value.as_ref().map_or("a delete".to_owned(), |value| describe::text(&value.bytes)),
                    put.level,
                    if names.is_empty() { "never seen".to_owned() } else { names.join(" ") },
                    operation.ended,
                    operation.host,
                    self.finally.get(&item).map_or("nothing".to_owned(), describe::record),
                ));
            }
        }
        lost
    }

    /// Values that are there although a durable acknowledged write had seen and superseded them.
    pub(crate) fn risen(&self, bucket: impl Fn(&str) -> Option<(BucketId, Rule)>) -> Vec<String> {
        let mut risen = Vec::new();
        for (number, operation) in self.history.iter().enumerate().filter(|(_, o)| o.is_durable_write()) {
            let Some(put) = operation.put() else { continue };
            let Some((id, rule)) = bucket(&put.bucket) else { continue };
            if rule.of_key(&put.key) == Rule::LastWriterWins {
                continue;
            }
            let held = self.finally.get(&(id, put.key.clone())).map(Record::versions).unwrap_or_default();
            for (dot, _) in held.iter().filter(|(dot, _)| operation.seen.context.covers(dot)) {
                risen.push(format!(
                    "{} of {} is back; write {number}, acknowledged at {}, had seen it",
                    describe::dot(*dot),
                    describe::key(&put.key),
                    operation.ended
                ));
            }
        }
        risen
    }

    /// True if what is held is the version of `dot` or a later one. An item that is gone altogether may have ended with a
    /// tombstone or an expired version that was collected.
    fn latest_covers(&self, item: &Item, dot: Dot) -> bool {
        // A version that no store ever got has no stamp that could be compared.
        let Some(stamp) = self.dots.stamp(&dot) else { return false };
        match self.finally.get(item) {
            Some(Record::Latest { dot: winner, version }) => (version.stamp, *winner) >= (stamp, dot),
            Some(Record::Amended(amended)) => {
                amended.parts().mark().is_some_and(|mark| (mark.stamp, mark.dot) >= (stamp, dot))
            }
            Some(Record::Siblings(_) | Record::Counted(_) | Record::Register(_)) => false,
            None => self.collectable(item).any(|end| self.dots.stamp(&end).is_some_and(|at| (at, end) >= (stamp, dot))),
        }
    }

    /// Tombstones and versions with a time to live: they may have been collected.
    fn collectable<'s>(&'s self, item: &Item) -> impl Iterator<Item = Dot> + use<'s> {
        let dots = self.dots.of_item(item).to_vec();
        dots.into_iter().filter(|dot| {
            let version = self.fact(dot).map(|fact| &fact.version);
            version.is_some_and(|version| version.value.is_none() || version.expires.is_some())
        })
    }

    /// Versions that the item holds, or that led to one it holds.
    fn reached(&self, item: &Item) -> BTreeSet<Dot> {
        let writes = self.writes(item);
        let unshown = self.unshown(item);
        let mut reached = BTreeSet::new();
        let mut todo: Vec<Dot> = match self.finally.get(item) {
            Some(record) => record.versions().into_iter().map(|(dot, _)| dot).collect(),
            None => Vec::new(),
        };
        todo.extend(self.collectable(item));
        while let Some(dot) = todo.pop() {
            if !reached.insert(dot) {
                continue;
            }
            for write in writes.get(&dot).into_iter().flatten() {
                todo.extend(write.shown);
                todo.extend(unshown.iter().filter(|of| write.context.covers(of)));
            }
        }
        reached
    }

    /// The writes of an item by the dots they made or may have made.
    fn writes(&self, item: &Item) -> BTreeMap<Dot, Vec<Write<'_>>> {
        let mut writes: BTreeMap<Dot, Vec<Write<'_>>> = BTreeMap::new();
        for operation in self.history {
            let Some(put) = operation.put().filter(|put| put.key == item.1) else { continue };
            let write = || Write { context: &operation.seen.context, shown: &operation.seen.dots };
            let dots: Vec<Dot> = match (self.dots.of_write(operation), &put.value) {
                (_, Some(value)) => self.dots.of_value(&value.bytes).to_vec(),
                (Some(dot), None) => vec![dot],
                // A delete that nobody acknowledged: any tombstone that came up later may be its.
                (None, None) => {
                    let later = |dot: &&Dot| self.fact(dot).is_some_and(|fact| fact.first_seen >= operation.started);
                    self.dots.tombstones(item).iter().filter(later).copied().collect()
                }
            };
            for dot in dots {
                writes.entry(dot).or_default().push(write());
            }
        }
        writes
    }

    /// Versions of an item that a read may cover without showing them.
    fn unshown(&self, item: &Item) -> Vec<Dot> {
        let mut dots = self.dots.tombstones(item).to_vec();
        let puts = self.history.iter().filter_map(Operation::put).filter(|put| put.key == item.1);
        for value in puts.filter(|put| put.ttl.is_some()).filter_map(|put| put.value.as_ref()) {
            dots.extend(self.dots.of_value(&value.bytes));
        }
        dots
    }

    fn fact(&self, dot: &Dot) -> Option<&Fact> {
        self.dots.fact(dot)
    }
}

#[cfg(test)]
mod tests {
    use super::{Evidence, Finally};
    use crate::checker::dots::Dots;
    use crate::fault::HostId;
    use crate::history::{Asker, Operation, Outcome, Seen};
    use crate::time::Time;
    use causal::{Actor, Context, Dot, DvvSet, Stamp};
    use node::proto::{BucketId, Durability, ItemKey, Put, Record, Request, Response, Rule, Value, Version, Written};
    use stdx::Span;

    const BUCKET: BucketId = BucketId(1);

    fn dot(counter: u64) -> Dot {
        Dot { actor: Actor { node: 1, incarnation: 1 }, counter }
    }

    fn context(counter: u64) -> Context {
        [(dot(1).actor, counter)].into_iter().collect()
    }

    fn version(value: &'static str) -> Version {
        Version { stamp: Stamp::new(1, 0), expires: None, value: Some(Value::plain(value)) }
    }

    fn write(value: &'static str, at: u64, seen: Seen) -> Operation {
        let written = Written { context: context(at), acknowledged: 2 };
        let put = Put {
            bucket: "siblings".to_owned(),
            key: ItemKey::plain("k"),
            value: Some(Value::plain(value)),
            context: Some(seen.context.clone()),
            level: None,
            durability: Durability::Fsync,
            ttl: None,
        };
        Operation {
            asker: Asker::Client(0),
            host: HostId(0),
            life: 1,
            request: Request::Put(put),
            seen,
            within: None,
            started: Time(at),
            ended: Time(at),
            outcome: Outcome::Answered(Box::new(Response::Written(written))),
            replied: true,
            paused_before: Span::ZERO,
            after_restore: false,
            is_left_behind: false,
        }
    }

    /// Two writes; the second one's context covers the first, which its client was or was not shown.
    fn lost(shown: bool) -> usize {
        let seen = Seen { context: context(1), dots: if shown { [dot(1)].into() } else { [].into() } };
        let history = [write("one", 1, Seen::default()), write("two", 2, seen)];
        let mut set = DvvSet::new();
        set.update(&Context::default(), dot(1), version("one"));
        let mut dots = Dots::default();
        let key = ItemKey::plain("k");
        dots.see(Time(1), BUCKET, &key, &Record::Siblings(set.clone())).unwrap();
        set.update(&context(1), dot(2), version("two"));
        dots.see(Time(2), BUCKET, &key, &Record::Siblings(set.clone())).unwrap();
        let finally: Finally = [((BUCKET, key), Record::Siblings(set))].into();
        Evidence { history: &history, dots: &dots, finally: &finally }.lost(|_| Some((BUCKET, Rule::Siblings))).len()
    }

    #[test]
    fn a_write_may_vanish_only_behind_one_whose_client_saw_it() {
        assert_eq!((lost(true), lost(false)), (0, 1));
    }
}
