//! What clients ask of the linearizable bucket: reads, lists, writes, changes on conditions, and counters.
//!
//! Invariant: an item is asked for during a short part of the run, so that its history stays short enough to be checked.
//! A client that does not know what became of a change may ask again, with the same id.

use crate::checker::linearizable::is_unknown;
use crate::history::{Operation, Outcome};
use crate::locks::is_lock;
use crate::plan::Plan;
use bytes::Bytes;
use node::proto::explain::Explain;
use node::proto::{
    Bucket, BucketId, Cas, ChangeId, Edit, Ends, Expect, Get, ItemKey, Level, Mode, Refusal, Request, Response, Rule,
    Scan, Scope, Tried, Value,
};
use ring::{Grid, Token};
use std::collections::BTreeMap;
use stdx::Prng;

/// The linearizable bucket.
pub(crate) const REGISTERS: &str = "registers";
/// A change without an answer is asked for again after so many others.
const AGAIN: u64 = 4;

/// The linearizable bucket with so many copies.
pub(crate) fn bucket(n: u8) -> Bucket {
    Bucket {
        id: BucketId(0),
        name: REGISTERS.to_owned(),
        n,
        r: Level::Quorum,
        w: Level::Quorum,
        mode: Mode::Linearizable,
        rule: Rule::LastWriterWins,
        ttl: None,
    }
}

/// Chooses what one client asks.
pub(crate) struct RegisterChooser {
    percent: u64,
    deletes: u64,
    age: usize,
    grid: Grid,
    prng: Prng,
    /// The version and value that this client has seen last.
    seen: BTreeMap<ItemKey, (u64, Option<Bytes>)>,
    /// To be asked for again.
    again: Option<Cas>,
}

impl RegisterChooser {
    pub(crate) fn new(plan: &Plan, client: usize) -> RegisterChooser {
        let prng = Prng::keyed(plan.seed, "registers", &[client as u64]);
        let grid = Grid::new(plan.grid_bits).unwrap_or_default();
        let (percent, deletes) = (plan.workload.register_percent, plan.workload.register_deletes);
        let age = plan.workload.register_age.max(1);
        RegisterChooser { percent, deletes, age, grid, prng, seen: BTreeMap::new(), again: None }
    }

    /// The next request, if it is to go to the linearizable bucket. `number` is unique in the run.
    pub(crate) fn next(&mut self, number: usize) -> Option<Request> {
        if self.prng.below(100) >= self.percent {
            return None;
        }
        // Not at once: what it made may be deleted and collected by then.
        if self.again.is_some()
            && self.prng.below(AGAIN) == 0
            && let Some(cas) = self.again.take()
        {
            stdx::marks::hit("client_asks_again");
            return Some(Request::Cas(cas));
        }
        let (age, which) = (number / self.age, self.prng.below(3));
        let is_counter = which == 2;
        let key = ItemKey::plain(format!("{}-{age}-{which}", if is_counter { "counter" } else { "register" }));
        let bucket = REGISTERS.to_owned();
        match self.prng.below(100) {
            0..26 => return Some(Request::Get(Get { bucket, key, level: None })),
            26 => return Some(Request::Explain(Explain { bucket, key })),
            27..35 => return Some(self.list(&key)),
            _ => {}
        }
        let (expect, edit) =
            if is_counter { (Expect::Any, Edit::Add(self.prng.between(1, 3) as i64)) } else { self.edit(&key, number) };
        let id = ChangeId(self.prng.next_u64());
        let tried = if self.prng.below(8) == 0 { Tried::Before } else { Tried::No };
        let ends = Ends::Never;
        Some(Request::Cas(Cas { bucket, key, expect, edit, ends, id: Some(id), tried }))
    }

    /// A page of the partition that the item is in.
    fn list(&mut self, beside: &ItemKey) -> Request {
        let partition = self.grid.partition_of(&Token::of(&beside.partition_key));
        let scope = Scope::Partition { partition, after: None };
        let limit = self.prng.between(1, 6) as u32;
        let scan = Scan { bucket: REGISTERS.to_owned(), scope, limit, level: None };
        if self.prng.below(3) == 0 { Request::Dump(scan) } else { Request::Scan(scan) }
    }

    fn edit(&mut self, key: &ItemKey, number: usize) -> (Expect, Edit) {
        let (version, value) = self.seen.get(key).cloned().unwrap_or_default();
        let expect = match self.prng.below(10) {
            0..2 => Expect::Any,
            2..3 => Expect::Absent,
            3..8 => Expect::Version(version),
            _ => value.map_or(Expect::Absent, Expect::Value),
        };
        let delete = self.prng.below(100) < self.deletes;
        let edit = if delete { Edit::Delete } else { Edit::Put(Value::plain(format!("w{number}").into_bytes())) };
        (expect, edit)
    }

    /// An answer has come.
    pub(crate) fn learn(&mut self, operation: &Operation) {
        if let Request::Cas(cas) = &operation.request
            && !is_lock(&cas.key)
            && is_unknown(&operation.outcome)
            && self.prng.below(2) == 0
        {
            self.again = Some(Cas { tried: Tried::Before, ..cas.clone() });
        }
        let Outcome::Answered(response) = &operation.outcome else { return };
        let (key, current) = match (&operation.request, response.as_ref()) {
            (Request::Get(get), Response::Current(current)) => (&get.key, current.clone()),
            (Request::Cas(cas), Response::Swapped(current)) => (&cas.key, current.clone()),
            (Request::Cas(cas), Response::Refused(Refusal::ConditionFailed(current))) => {
                (&cas.key, current.as_ref().clone())
            }
            _ => return,
        };
        if is_lock(key) {
            return;
        }
        self.seen.insert(key.clone(), (current.version, current.value.map(|value| value.bytes)));
        if self.seen.len() > 16 {
            self.seen.pop_first();
        }
    }
}
