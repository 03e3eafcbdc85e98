//! Which item a client asks for next. Busy items are laid aside after a number of requests, because judging one takes
//! longer the more requests it had; new ones take their places.

use super::Plan;
use std::sync::{Mutex, PoisonError};
use stdx::Prng;

/// The bucket that keeps siblings; the other one is `default`.
pub const SIBLINGS: &str = "sets";

/// What an item is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Written, deleted and read by all clients; the last write wins.
    Register,
    /// Concurrent writes stay side by side.
    Set,
    /// Written once.
    Entry,
    /// Written before the run, only read in it.
    Preloaded,
}

/// An item.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// Its key.
    pub key: String,
}

impl Item {
    /// Its bucket.
    pub fn bucket(&self) -> &'static str {
        if self.kind == Kind::Set { SIBLINGS } else { "default" }
    }
}

/// The items of a run.
#[derive(Debug)]
pub(super) struct Items {
    plan: Plan,
    busy: Mutex<Busy>,
}

#[derive(Debug)]
struct Busy {
    /// By place: how many items came before, and how many requests this one had.
    registers: Vec<(u32, u32)>,
    sets: Vec<(u32, u32)>,
    entries: u64,
}

impl Items {
    pub(super) fn new(plan: &Plan) -> Items {
        let busy = Busy { registers: vec![(0, 0); plan.registers], sets: vec![(0, 0); plan.sets], entries: 0 };
        Items { plan: plan.clone(), busy: Mutex::new(busy) }
    }

    /// The next item for a client.
    pub(super) fn next(&self, prng: &mut Prng) -> Item {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let draw = prng.below(10);
        if let Some((prefix, count)) = self.plan.preloaded.as_ref().filter(|_| draw < 6) {
            return Item { kind: Kind::Preloaded, key: format!("{prefix}{}", prng.below(*count)) };
        }
        match draw {
            0..4 if !self.plan.plain => {
                let key = take(&mut busy.registers, "r", self.plan.requests_per_item, prng);
                Item { kind: Kind::Register, key }
            }
            4..7 if !self.plan.plain => {
                Item { kind: Kind::Set, key: take(&mut busy.sets, "s", self.plan.requests_per_item, prng) }
            }
            _ => {
                busy.entries += 1;
                Item { kind: Kind::Entry, key: format!("e-{}", busy.entries) }
            }
        }
    }
}

fn take(places: &mut [(u32, u32)], name: &str, requests_max: u32, prng: &mut Prng) -> String {
    let at = prng.index(places.len()).unwrap_or_default();
    let (generation, requests) = &mut places[at];
    if *requests >= requests_max {
        (*generation, *requests) = (*generation + 1, 0);
    }
    *requests += 1;
    format!("{name}-{at}-{generation}")
}
