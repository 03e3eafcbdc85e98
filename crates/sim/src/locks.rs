//! What clients ask of locks that end, in the linearizable bucket: to have one if nobody has it, to keep it longer, to let it go
//! if it is theirs, and who has it.
//!
//! Invariant: drawn from a stream of its own, and nothing is drawn where a plan has no locks. Whoever asks for a lock writes a
//! name there that nobody else writes. A client sometimes lets go, late, what is not its own any more.

use crate::checker::linearizable::is_unknown;
use crate::clock::WALL_AT_START_MS;
use crate::history::{Operation, Outcome};
use crate::plan::Plan;
use crate::registers::REGISTERS;
use crate::time::Time;
use bytes::Bytes;
use node::proto::{Cas, ChangeId, Edit, Ends, Expect, Get, ItemKey, Request, Response, Tried, Value, When};
use stdx::{Prng, Span, Wall};

/// Requests of the run while a lock is asked for.
const AGE: usize = 150;
/// Locks at a time.
const LOCKS: u64 = 2;

/// True if the key is a lock's.
pub(crate) fn is_lock(key: &ItemKey) -> bool {
    key.partition_key.starts_with(b"lock-")
}

/// A lock that a client has, or had.
#[derive(Clone)]
struct Hold {
    key: ItemKey,
    name: Bytes,
}

/// Chooses what one client asks.
pub(crate) struct LockChooser {
    percent: u64,
    client: usize,
    prng: Prng,
    held: Option<Hold>,
    /// What it had last.
    past: Option<Hold>,
    /// To be asked for again.
    again: Option<Cas>,
}

impl LockChooser {
    pub(crate) fn new(plan: &Plan, client: usize) -> LockChooser {
        let prng = Prng::keyed(plan.seed, "locks", &[client as u64]);
        LockChooser { percent: plan.workload.lock_percent, client, prng, held: None, past: None, again: None }
    }

    /// The next request, if it is to be about a lock. `number` is unique in the run.
    pub(crate) fn next(&mut self, number: usize, now: Time) -> Option<Request> {
        if self.percent == 0 || self.prng.below(100) >= self.percent {
            return None;
        }
        if let Some(cas) = self.again.take() {
            return Some(Request::Cas(cas));
        }
        let key = ItemKey::plain(format!("lock-{}-{}", number / AGE, self.prng.below(LOCKS)));
        let choice = self.prng.below(10);
        if choice < 2 {
            return Some(Request::Get(Get { bucket: REGISTERS.to_owned(), key, level: None }));
        }
        let ttl = Span::millis(self.prng.between(100, 4_000));
        match (self.held.clone(), self.past.clone()) {
            (Some(hold), _) if choice < 5 => Some(self.change(hold, Edit::Delete, Ends::Never)),
            (Some(hold), _) if choice < 7 => Some(self.put_off(hold, ttl, now)),
            (_, Some(past)) if choice == 7 => Some(self.change(past, Edit::Delete, Ends::Never)),
            _ => {
                let value = Value::plain(format!("l{number}c{}", self.client));
                let (edit, ends) = (Edit::Put(value), Ends::After(ttl));
                Some(self.cas(key, Expect::Absent, edit, ends))
            }
        }
    }

    /// Two ways: another end, or the same name with a new one.
    fn put_off(&mut self, hold: Hold, ttl: Span, now: Time) -> Request {
        if self.prng.below(2) == 0 {
            let value = Value::plain(hold.name.clone());
            return self.change(hold, Edit::Put(value), Ends::After(ttl));
        }
        let expires = Some(Wall(WALL_AT_START_MS + now.0 / 1_000).plus(ttl));
        self.change(hold, Edit::End { expires, when: When::There }, Ends::Never)
    }

    /// A change of a lock that is still the client's own.
    fn change(&mut self, hold: Hold, edit: Edit, ends: Ends) -> Request {
        self.cas(hold.key, Expect::Value(hold.name), edit, ends)
    }

    fn cas(&mut self, key: ItemKey, expect: Expect, edit: Edit, ends: Ends) -> Request {
        let id = Some(ChangeId(self.prng.next_u64()));
        Request::Cas(Cas { bucket: REGISTERS.to_owned(), key, expect, edit, ends, id, tried: Tried::No })
    }

    /// An answer has come, or will not.
    pub(crate) fn learn(&mut self, operation: &Operation) {
        let Request::Cas(cas) = &operation.request else { return };
        if !is_lock(&cas.key) {
            return;
        }
        if is_unknown(&operation.outcome) {
            if self.prng.below(2) == 0 {
                self.again = Some(Cas { tried: Tried::Before, ..cas.clone() });
            }
            return;
        }
        let is_made = matches!(&operation.outcome, Outcome::Answered(response)
            if matches!(response.as_ref(), Response::Swapped(_)));
        match (&cas.expect, &cas.edit) {
            (Expect::Absent, Edit::Put(value)) if is_made => {
                self.past = self.held.replace(Hold { key: cas.key.clone(), name: value.bytes.clone() });
            }
            (Expect::Value(name), edit)
                if (!is_made || *edit == Edit::Delete) && self.held.as_ref().is_some_and(|hold| hold.name == *name) =>
            {
                self.past = self.held.take();
            }
            _ => {}
        }
    }
}
