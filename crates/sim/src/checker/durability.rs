//! No acknowledged write is lost: when all is calm again, each item holds the write's own version or one that
//! superseded it.
//!
//! In a last-writer-wins bucket a version is superseded by a higher stamp. In a sibling bucket it is superseded by a
//! write whose client had been *shown* it; that the write's context covers it is not enough, because a context that
//! covers more than its client saw is exactly the bug that loses writes (riak_kv 679). From the versions an item holds
//! at the end, the checker walks back along "was shown to the client that wrote this"; what it does not reach is lost.
//! Tombstones and versions with a time to live are never shown, so for those the context has to do.

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
            let (Some(put), Some(dot)) = (operation.put(), self.dots.of_write(operation)) else { continue };
            let Some((id, rule)) = bucket(&put.bucket) else { continue };
            let item = (id, put.key.clone());
            let survives = match rule {
                Rule::LastWriterWins => self.latest_covers(&item, dot),
                Rule::Siblings => {
                    let reached = reached.entry(item.clone()).or_insert_with(|| self.reached(&item));
                    reached.contains(&dot)
                }
            };
            if !survives {
                lost.push(format!(
                    "write {number} of {} ({}, level {:?}, dot {}, acknowledged at {} by {}) is gone; the cluster holds {}",
                    describe::key(&item.1),
                    put.value.as_ref().map_or("a delete".to_owned(), |value| describe::text(&value.bytes)),
                    put.level,
                    describe::dot(dot),
                    operation.ended,
                    operation.host,
                    self.finally.get(&item).map_or("nothing".to_owned(), describe::record),
                ));
            }
        }
        lost
    }

    fn latest_covers(&self, item: &Item, dot: Dot) -> bool {
        let Some(Record::Latest { dot: winner, version }) = self.finally.get(item) else { return false };
        // A version that no store ever got has no stamp that could be compared.
        self.dots.stamp(&dot).is_some_and(|stamp| (version.stamp, *winner) >= (stamp, dot))
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
