//! What a client wants done on top of what is there: add to a number, or change when it ends.
//!
//! Elements are amended as [`crate::counted`] says, other items as [`crate::amended`] does.
//!
//! Invariant: an actor's entry grows only on top of what its own replica holds, which contains all its earlier ones. Nothing
//! is changed that is refused.

use crate::amended::{End, Mark, Parts, Tally};
use crate::counted::Counted;
use crate::decimal::Decimal;
use crate::record::{Record, Value, Version};
use causal::{Dot, Stamp};
use stdx::Wall;
use stdx::bugs::planted;

/// A change on top of what is there.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Amendment {
    /// Add to the number that the item is; one that is not there is 0.
    Add {
        /// How much.
        by: Decimal,
        /// Both must be whole numbers of 64 bits, and so must the sum.
        whole: bool,
    },
    /// Change when the item ends.
    End {
        /// From when on it counts as deleted; none: never.
        expires: Option<Wall>,
        /// Only then.
        when: When,
    },
    /// Put this in the place of what is there, or nothing. Of elements only: what is added at the same time stays.
    Put(Option<Value>),
}

/// On which condition an item gets a new end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum When {
    /// If it is there.
    There,
    /// If it has no end.
    Endless,
    /// If it has one.
    Ending,
    /// If it has one, which is earlier.
    Later,
    /// If it has none, or a later one.
    Earlier,
}

/// Why nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Unchanged {
    /// The item is no number, or no whole one, as was asked for.
    NotANumber,
    /// The sum would leave the range.
    OutOfRange,
    /// There is no such item.
    Absent,
    /// The condition does not hold.
    Condition,
    /// The change has the name of one that was made before.
    Known,
}

/// One change by one coordinator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Amend {
    /// What to do.
    pub amendment: Amendment,
    /// Names it; never used before.
    pub dot: Dot,
    /// When it is made. Raised above everything that is there.
    pub stamp: Stamp,
    /// The time it is: what has ended by then is not there.
    pub wall: Wall,
    /// What other replicas hold, to be merged first.
    pub seen: Option<Record>,
    /// When an item ends that was not there, or that is put.
    pub first_end: Option<Wall>,
    /// It is of an element.
    pub element: bool,
}

impl Amend {
    /// What a replica that held `current` holds from now on.
    pub fn apply(self, current: Option<Record>) -> Result<Record, Unchanged> {
        if self.element {
            return self.apply_to_element(current);
        }
        let seen = self.seen.filter(|_| !planted("an increment is put on an old base"));
        let parts = Parts::of(current.as_ref()).join(&Parts::of(seen.as_ref())).at(self.wall);
        let highest = parts.highest_stamp().map(Stamp::next);
        let made = Mark { stamp: highest.map_or(self.stamp, |highest| highest.max(self.stamp)), dot: self.dot };
        let there = parts.value();
        let parts = match self.amendment {
            Amendment::Add { by, whole } => {
                let parts = add(parts, there.as_ref(), made, by, whole)?;
                // What begins anew does not end when what was deleted would have.
                let is_new = there.is_none() && (self.first_end.is_some() || parts.end.is_some());
                let first = End { of: parts.mark(), dot: made.dot, stamp: made.stamp, expires: self.first_end };
                Parts { end: if is_new { Some(first) } else { parts.end }, ..parts }
            }
            Amendment::End { expires, when } => {
                let there = there.ok_or(Unchanged::Absent)?;
                if !when.holds(there.expires, expires) {
                    return Err(Unchanged::Condition);
                }
                let of = parts.mark();
                Parts { end: Some(End { of, dot: made.dot, stamp: made.stamp, expires }), ..parts }
            }
            // Whoever asks is told before that only elements are put this way.
            Amendment::Put(_) => return Err(Unchanged::Condition),
        };
        Ok(parts.record().expect("something was put on it"))
    }

    fn apply_to_element(self, current: Option<Record>) -> Result<Record, Unchanged> {
        let seen = self.seen.filter(|_| !planted("a field is changed as one replica holds it"));
        let mut counted = Counted::of(current.as_ref()).join(&Counted::of(seen.as_ref()));
        if counted.set.covers(&self.dot) || counted.newest_of(self.dot) >= self.dot.counter {
            return Err(Unchanged::Known);
        }
        let highest = counted.highest_stamp().map(Stamp::next);
        let made = Mark { stamp: highest.map_or(self.stamp, |highest| highest.max(self.stamp)), dot: self.dot };
        match self.amendment {
            Amendment::Add { by, whole } => {
                let text = counted.shown(self.wall).unwrap_or_else(|| "0".into());
                check_sum(&text, by, whole)?;
                if !counted.add(made, by, self.wall, self.first_end) {
                    return Err(Unchanged::OutOfRange);
                }
            }
            Amendment::End { expires, when } => {
                let (_, there) = counted.added(self.wall).ok_or(Unchanged::Absent)?;
                if !when.holds(there.expires, expires) {
                    return Err(Unchanged::Condition);
                }
                counted.end(made, expires);
            }
            Amendment::Put(value) => counted.put(made, value, self.first_end),
        }
        Ok(counted.record().expect("something was put on it"))
    }
}

/// Refuses to add to what is no number, or would leave the range.
fn check_sum(text: &[u8], by: Decimal, whole: bool) -> Result<(), Unchanged> {
    let number = Decimal::parse(text).ok_or(Unchanged::NotANumber)?;
    if whole && number.as_i64().is_none_or(|number| number.to_string().as_bytes() != text) {
        return Err(Unchanged::NotANumber);
    }
    number.plus(by).filter(|sum| !whole || sum.as_i64().is_some()).map(|_| ()).ok_or(Unchanged::OutOfRange)
}

fn add(mut parts: Parts, there: Option<&Version>, made: Mark, by: Decimal, whole: bool) -> Result<Parts, Unchanged> {
    let text = there.and_then(|version| version.value.as_ref()).map_or(&b"0"[..], |value| value.bytes.as_ref());
    check_sum(text, by, whole)?;
    let own = parts.tallies.get(&made.dot.actor).filter(|_| !planted("a tally forgets what it held"));
    if own.is_some_and(|own| own.counter >= made.dot.counter) {
        return Err(Unchanged::Known);
    }
    // Where nothing is there, the first increment stands for itself, above whatever was collected, and whoever has seen others
    // stands where they do: an end that was set on top of one takes all of them away together.
    let lowest = || parts.tallies.values().map(|tally| tally.after).min();
    let after = own.map(|own| own.after).or_else(|| parts.mark()).or_else(lowest).unwrap_or(made);
    let sum = own.map_or(Some(by), |own| own.sum.plus(by)).ok_or(Unchanged::OutOfRange)?;
    parts.tallies.insert(made.dot.actor, Tally { counter: made.dot.counter, after, stamp: made.stamp, sum });
    Ok(parts)
}

impl When {
    /// True if an item that has this end gets the wanted one.
    pub(crate) fn holds(self, now: Option<Wall>, wanted: Option<Wall>) -> bool {
        let later = |end: Option<Wall>| end.map_or(u64::MAX, |end| end.0);
        match self {
            When::There => true,
            When::Endless => now.is_none(),
            When::Ending => now.is_some(),
            When::Later => later(wanted) > later(now),
            When::Earlier => later(wanted) < later(now),
        }
    }
}
