//! What clients ask: reads, writes, deletes and scans of a few hot keys, of many cold ones, of keys that are deleted and
//! made again all the time, and of rows under one partition key; explanations; sets kept in siblings; at all levels; with fresh
//! contexts, stale ones and none; elements, counters and registers in files of their own. A client may ask again for what it
//! got no good answer to, and reads on where a page ended.
//!
//! Invariant: no two writes of a run have the same value, unless a client asks for the same write again. Every third cold
//! key and row is never deleted and never expires. What a client asks next depends on its own stream and on the answers
//! it got, not on other clients.

use crate::atlas::DEFAULT;
use crate::client::seen_in;
use crate::counting::{self, CountChooser, Shape};
use crate::elements::ElementChooser;
use crate::history::{Operation, Outcome, Seen};
use crate::locks::LockChooser;
use crate::operator::SIBLINGS;
use crate::plan::{Plan, WorkloadPlan};
use crate::registers::RegisterChooser;
use crate::time::Time;
use causal::Dot;
use node::proto::explain::Explain;
use node::proto::{Durability, Get, ItemKey, Level, Page, Put, Request, Response, Scan, Scope, Value};
use ring::PartitionId;
use std::collections::{BTreeMap, BTreeSet};
use stdx::{Prng, Span};

/// The partition key of all rows.
const TABLE: &str = "table";
/// Contexts that a client remembers of one item.
const REMEMBERED_MAX: usize = 6;
/// Sets and keys that come and go.
const FEW: u64 = 3;
/// Deletes among the writes of keys that come and go, in a hundred.
const CHURN_DELETES: u64 = 45;
/// Additions to a set that are made without a look at it, in a hundred.
const BLIND_PERCENT: u64 = 15;

/// Chooses what one client asks.
pub(crate) struct Chooser {
    plan: WorkloadPlan,
    partitions: u64,
    client: usize,
    prng: Prng,
    registers: RegisterChooser,
    locks: LockChooser,
    elements: ElementChooser,
    counts: CountChooser,
    fields: CountChooser,
    /// Contexts by bucket and key, oldest first.
    seen: BTreeMap<(String, ItemKey), Vec<Seen>>,
    /// Elements of sets that this client has ever seen or added.
    sets: BTreeMap<ItemKey, BTreeSet<u64>>,
    /// What to ask next, because the last answer said so.
    next: Option<(Request, Seen)>,
}

impl Chooser {
    pub(crate) fn new(plan: &Plan, client: usize) -> Chooser {
        Chooser {
            plan: plan.workload.clone(),
            partitions: 1 << plan.grid_bits,
            client,
            prng: Prng::keyed(plan.seed, "workload", &[client as u64]),
            registers: RegisterChooser::new(plan, client),
            locks: LockChooser::new(plan, client),
            elements: ElementChooser::new(plan, client),
            counts: CountChooser::new(plan, Shape::Item, client),
            fields: CountChooser::new(plan, Shape::Field, client),
            seen: BTreeMap::new(),
            sets: BTreeMap::new(),
            next: None,
        }
    }

    /// The next request, and what the client knows of its item. `number` is unique in the run.
    pub(crate) fn next(&mut self, number: usize, now: Time) -> (Request, Seen) {
        if let Some(next) = self.next.take() {
            return next;
        }
        if let Some(request) = self.registers.next(number) {
            return (request, Seen::default());
        }
        if let Some(request) = self.locks.next(number, now) {
            return (request, Seen::default());
        }
        if let Some(next) = self.elements.next(number) {
            return next;
        }
        if let Some(request) = self.counts.next(number, now).or_else(|| self.fields.next(number, now)) {
            return (request, Seen::default());
        }
        if self.plan.explain_percent > 0 && self.percent(self.plan.explain_percent) {
            let (bucket, key) = self.item();
            return (Request::Explain(Explain { bucket, key }), Seen::default());
        }
        if self.percent(self.plan.set_percent) {
            return self.set(number);
        }
        if self.percent(self.plan.write_percent) {
            self.put(number)
        } else if self.prng.below(10) < 2 {
            (self.scan(), Seen::default())
        } else {
            let (bucket, key) = self.item();
            let level = self.level();
            (Request::Get(Get { bucket, key, level }), Seen::default())
        }
    }

    /// An answer has come, or will not; if it is to a write, with the dots that the write made.
    pub(crate) fn learn(&mut self, operation: &Operation, own: &[Dot]) {
        self.registers.learn(operation);
        self.locks.learn(operation);
        self.elements.learn(operation, own);
        let item = match &operation.request {
            Request::Get(get) if counting::kind(&get.key).is_none() => (get.bucket.clone(), get.key.clone()),
            Request::Put(put) if counting::kind(&put.key).is_none() => {
                if !operation.is_written() && self.percent(self.plan.retry_percent) {
                    self.next = Some((operation.request.clone(), operation.seen.clone()));
                }
                (put.bucket.clone(), put.key.clone())
            }
            Request::Scan(scan) => return self.read_on(scan, &operation.outcome),
            _ => return,
        };
        self.learn_elements(&item.1, operation);
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
        let steady = is_steady(&key);
        let deletes = if is_churned(&key) { CHURN_DELETES } else { self.plan.delete_percent };
        let delete = !steady && self.percent(deletes);
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
            ttl: ttl.filter(|_| !delete && !steady),
        };
        (Request::Put(put), seen.unwrap_or_default())
    }

    /// Reads a set, or adds to it: with a context and everything seen so far, or blindly.
    fn set(&mut self, number: usize) -> (Request, Seen) {
        let (bucket, key) = (SIBLINGS.to_owned(), ItemKey::plain(format!("set-{}", self.prng.below(FEW))));
        let level = self.level();
        if self.prng.below(2) == 0 {
            return (Request::Get(Get { bucket, key, level }), Seen::default());
        }
        let seen = self.context(&bucket, &key).filter(|_| !self.percent(BLIND_PERCENT));
        let known = seen.as_ref().and(self.sets.get(&key)).into_iter().flatten();
        let all: Vec<String> = known.copied().chain([number as u64]).map(|element| element.to_string()).collect();
        let value = format!("v{number}c{}+{}", self.client, all.join(","));
        let put = Put {
            bucket,
            key,
            value: Some(Value::plain(value.into_bytes())),
            context: seen.clone().map(|seen| seen.context),
            level,
            durability: Durability::Fsync,
            ttl: None,
        };
        (Request::Put(put), seen.unwrap_or_default())
    }

    fn learn_elements(&mut self, key: &ItemKey, operation: &Operation) {
        let Outcome::Answered(response) = &operation.outcome else { return };
        let values: Vec<&[u8]> = match (response.as_ref(), operation.put()) {
            (Response::Found(found), _) => {
                let values = found.siblings.iter().filter_map(|sibling| sibling.version.value.as_ref());
                values.map(|value| value.bytes.as_ref()).collect()
            }
            (Response::Written(_), Some(put)) => put.value.iter().map(|value| value.bytes.as_ref()).collect(),
            _ => return,
        };
        let found: Vec<u64> = values.into_iter().filter_map(elements).flatten().collect();
        if !found.is_empty() {
            self.sets.entry(key.clone()).or_default().extend(found);
        }
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
        let bucket = self.bucket();
        if self.percent(self.plan.churn_percent) {
            return (bucket, ItemKey::plain(format!("churn-{}", self.prng.below(FEW))));
        }
        let key = match self.prng.below(10) {
            0..5 => ItemKey::plain(format!("hot-{}", self.prng.below(self.plan.hot_keys.max(1)))),
            5..8 => ItemKey::plain(format!("cold-{}", self.prng.below(self.plan.cold_keys.max(1)))),
            _ => ItemKey::sorted(TABLE, format!("row-{:03}", self.prng.below(self.plan.rows.max(1)))),
        };
        (bucket, key)
    }

    fn bucket(&mut self) -> String {
        let bucket = if self.percent(self.plan.sibling_percent) { SIBLINGS } else { DEFAULT };
        bucket.to_owned()
    }

    fn scan(&mut self) -> Request {
        let bucket = self.bucket();
        let scope = if self.prng.below(2) == 0 {
            let from = (self.prng.below(2) == 0).then(|| "row-002".into());
            let to = (self.prng.below(3) == 0).then(|| "row-009".into());
            Scope::SortKeys { partition_key: TABLE.into(), from, to, after: None }
        } else {
            Scope::Partition { partition: PartitionId(self.prng.below(self.partitions) as u16), after: None }
        };
        let limit = self.prng.between(1, 20) as u32;
        Request::Scan(Scan { bucket, scope, limit, level: self.level() })
    }

    /// Asks for the page behind the one that came, mostly.
    fn read_on(&mut self, scan: &Scan, outcome: &Outcome) {
        let Outcome::Answered(response) = outcome else { return };
        let Response::Page(Page { next: Some(next), .. }) = response.as_ref() else { return };
        if self.percent(80) {
            let mut scan = scan.clone();
            match &mut scan.scope {
                Scope::SortKeys { after, .. } | Scope::Partition { after, .. } => *after = Some(next.clone()),
            }
            self.next = Some((Request::Scan(scan), Seen::default()));
        }
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

/// A key that is never deleted and never expires.
fn is_steady(key: &ItemKey) -> bool {
    let name = key.sort_key.as_ref().unwrap_or(&key.partition_key);
    let number = std::str::from_utf8(name).ok().and_then(|name| name.rsplit_once('-')?.1.parse::<u64>().ok());
    let name = key.sort_key.is_some() || key.partition_key.starts_with(b"cold-");
    name && number.is_some_and(|number| number.is_multiple_of(3))
}

fn is_churned(key: &ItemKey) -> bool {
    key.partition_key.starts_with(b"churn-")
}

/// The elements that a value of a set names, the one that its write added last; none if it is no set's.
pub(crate) fn elements(value: &[u8]) -> Option<Vec<u64>> {
    let (_, list) = std::str::from_utf8(value).ok()?.split_once('+')?;
    list.split(',').map(|element| element.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::{Chooser, elements, is_steady};
    use crate::plan::Plan;
    use crate::time::Time;
    use node::proto::{ItemKey, Request};
    use std::collections::BTreeSet;
    use stdx::Span;

    #[test]
    fn values_are_unique_and_streams_are_the_clients_own() {
        let plan = Plan::calm(1, 3, Span::secs(1));
        let requests = |client: usize| -> Vec<Request> {
            let mut chooser = Chooser::new(&plan, client);
            (0..500).map(|number| chooser.next(number, Time::default()).0).collect()
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

    #[test]
    fn values_of_sets_name_their_elements() {
        assert_eq!(elements(b"v9c1+4,7,9"), Some(vec![4, 7, 9]));
        assert_eq!(elements(b"v9c1+9"), Some(vec![9]));
        assert_eq!((elements(b"v9c1....."), elements(b"v9c1+x")), (None, None));
    }

    #[test]
    fn some_keys_stay() {
        let steady = |key: &ItemKey| is_steady(key);
        assert!(steady(&ItemKey::plain("cold-9")) && steady(&ItemKey::sorted("table", "row-006")));
        assert!(
            !steady(&ItemKey::plain("cold-8"))
                && !steady(&ItemKey::plain("hot-3"))
                && !steady(&ItemKey::plain("churn-0"))
        );
    }
}
