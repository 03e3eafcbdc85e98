//! What clients ask of counters in the default bucket, whole items and fields of hashes: increments, reads, and on some keys
//! writes, deletions and ends.
//!
//! Invariant: drawn from streams of their own, and nothing is drawn where a plan has no counters. A key is asked for during a
//! part of the run. What is added to one key is positive, and less altogether than [`BASE`]; what is written is a multiple
//! of it, another one each time, so that a value tells the write it stands on.

use crate::atlas::DEFAULT;
use crate::clock::WALL_AT_START_MS;
use crate::plan::Plan;
use crate::time::Time;
use node::proto::item::ELEMENT;
use node::proto::{Amending, Amendment, Decimal, Durability, Get, ItemKey, Level, Put, Request, Value, When, element};
use stdx::{Prng, Wall};

/// Requests of the run while a key is asked for.
const AGE: usize = 400;
/// Of this, what is written is a multiple.
pub(crate) const BASE: i64 = 1_000_000;
/// Fields of one hash.
const FIELDS: u64 = 2;
/// Writes of fields that are made as if nobody counted with them, in a hundred.
const PLAIN_PERCENT: u64 = 30;

/// What is counted with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// Whole items.
    Item,
    /// Fields of hashes.
    Field,
}

/// What is done to a counter but adding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    /// It is given ends that are far away, and none again.
    Steady,
    /// It is written.
    Written,
    /// It ends, soon, again and again.
    Ending,
}

/// The kind of a counter; none if the key is no counter's.
pub(crate) fn kind(key: &ItemKey) -> Option<Kind> {
    let shape: &[u8] = if key.is_element() { b"field-" } else { b"count-" };
    match key.partition_key.strip_prefix(shape)?.first()? {
        b's' => Some(Kind::Steady),
        b'w' => Some(Kind::Written),
        _ => Some(Kind::Ending),
    }
}

/// Chooses what one client asks of counters of one shape.
pub(crate) struct CountChooser {
    shape: Shape,
    percent: u64,
    prng: Prng,
}

impl CountChooser {
    pub(crate) fn new(plan: &Plan, shape: Shape, client: usize) -> CountChooser {
        let (stream, percent) = match shape {
            Shape::Item => ("counters", plan.workload.count_percent),
            Shape::Field => ("counted fields", plan.workload.field_percent),
        };
        CountChooser { shape, percent, prng: Prng::keyed(plan.seed, stream, &[client as u64]) }
    }

    /// The next request, if it is to be about a counter. `number` is unique in the run.
    pub(crate) fn next(&mut self, number: usize, now: Time) -> Option<Request> {
        if self.percent == 0 || self.prng.below(100) >= self.percent {
            return None;
        }
        let kind = *self.prng.pick(&[Kind::Steady, Kind::Written, Kind::Ending])?;
        let key = self.key(kind, number / AGE);
        let (bucket, level) = (DEFAULT.to_owned(), self.level());
        let amend = |amendment: Amendment| {
            let (bucket, key, durability) = (bucket.clone(), key.clone(), Durability::Fsync);
            Request::Amend(Amending { bucket, key, amendment, ends: None, level, durability })
        };
        let end = |expires: Option<Wall>, when: When| amend(Amendment::End { expires, when });
        let choice = self.prng.below(10);
        let wall = WALL_AT_START_MS + now.0 / 1_000;
        Some(match (choice, kind) {
            (0..2, _) => Request::Get(Get { bucket, key, level }),
            (2, Kind::Steady) if self.prng.below(2) == 0 => end(None, When::Ending),
            (2, Kind::Steady) => end(Some(Wall(wall + 100_000_000)), When::There),
            (2, Kind::Written) => {
                let value = (self.prng.below(4) > 0).then(|| ((number as i64 + 1) * BASE).to_string());
                let is_plain = self.shape == Shape::Item || (self.prng.below(100) < PLAIN_PERCENT && value.is_some());
                let value = value.map(|text| self.value(text));
                let durability = Durability::Fsync;
                match is_plain {
                    true => Request::Put(Put { bucket, key, value, context: None, level, durability, ttl: None }),
                    false => amend(Amendment::Put(value)),
                }
            }
            (2, Kind::Ending) => {
                let when = *self.prng.pick(&[When::There, When::Endless])?;
                end(Some(Wall(wall + self.prng.between(100, 4_000))), when)
            }
            _ => {
                let by = Decimal::whole(self.prng.between(1, 9) as i64);
                amend(Amendment::Add { by, whole: self.prng.below(4) > 0 })
            }
        })
    }

    fn key(&mut self, kind: Kind, age: usize) -> ItemKey {
        let letter = match kind {
            Kind::Steady => 's',
            Kind::Written => 'w',
            Kind::Ending => 'e',
        };
        match self.shape {
            Shape::Item => ItemKey::plain(format!("count-{letter}-{age}")),
            Shape::Field => {
                let field = vec![ELEMENT, b'a' + self.prng.below(FIELDS) as u8];
                ItemKey::sorted(format!("field-{letter}-{age}"), field)
            }
        }
    }

    fn value(&self, text: String) -> Value {
        match self.shape {
            Shape::Item => Value::plain(text),
            Shape::Field => element::plain(text.as_bytes()),
        }
    }

    fn level(&mut self) -> Option<Level> {
        match self.prng.below(8) {
            0 => Some(Level::One),
            1 => Some(Level::All),
            _ => None,
        }
    }
}
