//! What clients ask: reads, writes, deletes and scans of a few hot keys, of many cold ones, and of rows under one
//! partition key; at all levels; with fresh contexts, stale ones and none.
//!
//! Invariant: no two writes of a run have the same value. What a client asks next depends on its own stream and on the
//! answers it got, not on other clients.

use crate::client::seen_in;
use crate::history::{Operation, Seen};
use crate::operator::SIBLINGS;
use crate::plan::{Plan, WorkloadPlan};
use causal::Dot;
use node::proto::{Durability, Get, ItemKey, Level, Put, Request, Scan, Scope, Value};
use ring::PartitionId;
use std::collections::BTreeMap;
use stdx::{Prng, Span};

/// The partition key of all rows.
const TABLE: &str = "table";
/// Contexts that a client remembers of one item.
const REMEMBERED_MAX: usize = 6;

/// Chooses what one client asks.
pub(crate) struct Chooser {
    plan: WorkloadPlan,
    partitions: u64,
    client: usize,
    prng: Prng,
    /// Contexts by bucket and key, oldest first.
    seen: BTreeMap<(String, ItemKey), Vec<Seen>>,
}

impl Chooser {
    pub(crate) fn new(plan: &Plan, client: usize) -> Chooser {
        Chooser {
            plan: plan.workload.clone(),
            partitions: 1 << plan.grid_bits,
            client,
            prng: Prng::keyed(plan.seed, "workload", &[client as u64]),
            seen: BTreeMap::new(),
        }
    }

    /// The next request, and what the client knows of its item. `number` is unique in the run.
    pub(crate) fn next(&mut self, number: usize) -> (Request, Seen) {
        if self.percent(self.plan.write_percent) {
            self.put(number)
        } else if self.prng.below(10) == 0 {
            (self.scan(), Seen::default())
        } else {
            let (bucket, key) = self.item();
            let level = self.level();
            (Request::Get(Get { bucket, key, level }), Seen::default())
        }
    }

    /// An answer has come; if it is to a write, with the write's own dot.
    pub(crate) fn learn(&mut self, operation: &Operation, own: Option<Dot>) {
        let item = match &operation.request {
            Request::Get(get) => (get.bucket.clone(), get.key.clone()),
            Request::Put(put) => (put.bucket.clone(), put.key.clone()),
            _ => return,
        };
        if let Some(seen) = seen_in(operation, own) {
            let known = self.seen.entry(item).or_default();
            known.push(seen);
            if known.len() > REMEMBERED_MAX {
                known.remove(0);
            }
        }
    }

    fn put(&mut self, number: usize) -> (Request, Seen) {
        let (bucket, key) = self.item();
        let seen = self.context(&bucket, &key);
        let delete = self.percent(self.plan.delete_percent);
        let value = (!delete).then(|| self.value(number));
        let ttl = self.percent(self.plan.ttl_percent).then(|| Span::millis(self.prng.between(10, 20_000)));
        let memory = self.percent(self.plan.memory_percent);
        let put = Put {
            bucket,
            key,
            value,
            context: seen.clone().map(|seen| seen.context),
            level: self.level(),
            durability: if memory { Durability::Memory } else { Durability::Fsync },
            ttl: ttl.filter(|_| !delete),
        };
        (Request::Put(put), seen.unwrap_or_default())
    }

    /// A fresh context, a stale one, or none.
    fn context(&mut self, bucket: &str, key: &ItemKey) -> Option<Seen> {
        let choice = self.prng.below(4);
        let known = self.seen.get(&(bucket.to_owned(), key.clone()))?;
        match choice {
            0 => None,
            1 => self.prng.pick(known).cloned(),
            _ => known.last().cloned(),
        }
    }

    fn value(&mut self, number: usize) -> Value {
        let mut text = format!("v{number}c{}", self.client);
        let len = self.prng.between(8, self.plan.value_bytes_max.max(8)) as usize;
        while text.len() < len {
            text.push('.');
        }
        Value::plain(text.into_bytes())
    }

    fn item(&mut self) -> (String, ItemKey) {
        let bucket = if self.percent(self.plan.sibling_percent) { SIBLINGS } else { "default" };
        let key = match self.prng.below(10) {
            0..5 => ItemKey::plain(format!("hot-{}", self.prng.below(self.plan.hot_keys.max(1)))),
            5..8 => ItemKey::plain(format!("cold-{}", self.prng.below(self.plan.cold_keys.max(1)))),
            _ => ItemKey::sorted(TABLE, format!("row-{:03}", self.prng.below(self.plan.rows.max(1)))),
        };
        (bucket.to_owned(), key)
    }

    fn scan(&mut self) -> Request {
        let bucket = if self.percent(self.plan.sibling_percent) { SIBLINGS } else { "default" };
        let scope = if self.prng.below(2) == 0 {
            let from = (self.prng.below(2) == 0).then(|| "row-002".into());
            Scope::SortKeys { partition_key: TABLE.into(), from, to: None, after: None }
        } else {
            Scope::Partition { partition: PartitionId(self.prng.below(self.partitions) as u16), after: None }
        };
        let limit = self.prng.between(1, 20) as u32;
        Request::Scan(Scan { bucket: bucket.to_owned(), scope, limit, level: self.level() })
    }

    /// Mostly the bucket's own.
    fn level(&mut self) -> Option<Level> {
        if !self.percent(self.plan.level_percent) {
            return None;
        }
        self.prng.pick(&[Level::Any, Level::One, Level::Quorum, Level::All]).copied()
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.prng.below(100) < percent
    }
}

#[cfg(test)]
mod tests {
    use super::Chooser;
    use crate::plan::Plan;
    use node::proto::Request;
    use std::collections::BTreeSet;
    use stdx::Span;

    #[test]
    fn values_are_unique_and_streams_are_the_clients_own() {
        let plan = Plan::calm(1, 3, Span::secs(1));
        let requests = |client: usize| -> Vec<Request> {
            let mut chooser = Chooser::new(&plan, client);
            (0..500).map(|number| chooser.next(number).0).collect()
        };
        assert_eq!(requests(0), requests(0));
        assert_ne!(requests(0), requests(1));
        let values: Vec<_> = requests(0)
            .into_iter()
            .filter_map(|request| if let Request::Put(put) = request { put.value } else { None })
            .map(|value| value.bytes)
            .collect();
        assert!(values.len() > 100);
        assert_eq!(values.iter().collect::<BTreeSet<_>>().len(), values.len());
    }
}
