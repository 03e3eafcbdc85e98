//! What clients ask of elements in a bucket where the last writer wins: additions, blind or by who has seen the element,
//! removals of what was seen, reads of one and scans of all.
//!
//! Invariant: drawn from a stream of its own, and nothing is drawn where a plan has no elements. No two additions of a run
//! have the same value, so each is judged like a write of a sibling bucket: it stays until somebody who has seen it
//! removes it or adds it anew.

use crate::atlas::DEFAULT;
use crate::client::seen_in;
use crate::history::{Operation, Seen};
use crate::plan::Plan;
use causal::Dot;
use node::proto::item::ELEMENT;
use node::proto::{Durability, Get, ItemKey, Level, Put, Request, Scan, Scope, Value};
use std::collections::BTreeMap;
use stdx::{Prng, Span};

/// Whole sets.
const SETS: u64 = 2;
/// Elements of each.
const ELEMENTS: u64 = 4;

/// Chooses what one client asks.
pub(crate) struct ElementChooser {
    percent: u64,
    client: usize,
    prng: Prng,
    /// What this client has seen of each element last.
    seen: BTreeMap<ItemKey, Seen>,
}

impl ElementChooser {
    pub(crate) fn new(plan: &Plan, client: usize) -> ElementChooser {
        let prng = Prng::keyed(plan.seed, "elements", &[client as u64]);
        ElementChooser { percent: plan.workload.element_percent, client, prng, seen: BTreeMap::new() }
    }

    /// The next request, if it is to be about elements. `number` is unique in the run.
    pub(crate) fn next(&mut self, number: usize) -> Option<(Request, Seen)> {
        if self.percent == 0 || self.prng.below(100) >= self.percent {
            return None;
        }
        let (bucket, level) = (DEFAULT.to_owned(), self.level());
        let set = format!("elements-{}", self.prng.below(SETS));
        let choice = self.prng.below(10);
        if choice == 0 {
            let scope = Scope::SortKeys { partition_key: set.into(), from: None, to: None, after: None };
            return Some((Request::Scan(Scan { bucket, scope, limit: 20, level }), Seen::default()));
        }
        let key = ItemKey::sorted(set, vec![ELEMENT, b'a' + self.prng.below(ELEMENTS) as u8]);
        if choice < 4 {
            return Some((Request::Get(Get { bucket, key, level }), Seen::default()));
        }
        let adds = choice < 7;
        let seen = self.seen.get(&key).cloned().filter(|_| !adds || self.prng.below(3) > 0);
        let mut ttl = None;
        if adds && self.prng.below(10) == 0 {
            ttl = Some(Span::millis(self.prng.between(50, 10_000)));
        }
        let put = Put {
            bucket,
            key,
            value: adds.then(|| Value::plain(format!("e{number}c{}", self.client).into_bytes())),
            context: seen.clone().map(|seen| seen.context),
            level,
            durability: Durability::Fsync,
            ttl,
        };
        Some((Request::Put(put), seen.unwrap_or_default()))
    }

    fn level(&mut self) -> Option<Level> {
        match self.prng.below(8) {
            0 => Some(Level::One),
            1 => Some(Level::All),
            _ => None,
        }
    }

    /// An answer has come; if it is to a write, with the dots that the write made.
    pub(crate) fn learn(&mut self, operation: &Operation, own: &[Dot]) {
        let key = match &operation.request {
            Request::Get(get) => &get.key,
            Request::Put(put) => &put.key,
            _ => return,
        };
        if let Some(seen) = seen_in(operation, own).filter(|_| key.is_element()) {
            self.seen.insert(key.clone(), seen);
        }
    }
}
