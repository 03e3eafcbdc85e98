//! Dotted version vector sets: all concurrent values of one key, and what was seen of it (Almeida et al., DAIS 2014,
//! §5; the form with explicit counters is that of K2V, Garage's key-value interface).
//!
//! Invariant, per actor: counters of values rise strictly, are at least 1 and at most `seen`; an entry has seen
//! something. A value whose counter was seen and which is not there was overwritten.
//!
//! Precondition: an actor makes a dot only on top of its own latest state of the key, with [`DvvSet::update`], and
//! whole states are exchanged. Then whoever has seen counter n of an actor knows what became of every earlier dot that
//! the actor made for this key, and gaps are safe: the counters in between went to other keys, and no value under them
//! will ever come. Break it and an acknowledged value reads as overwritten: an actor that writes on an old state, or
//! that lost its state and keeps its incarnation (riak_kv 679), loses writes. `tests/laws.rs` shows both.
//!
//! Refuses to know what a value is, what a tombstone is, and how many siblings are too many.

use std::collections::BTreeMap;
use std::{error, fmt};

use crate::{Actor, Dot, VersionVector};

/// The concurrent values of one key under the dots that made them, and the causal context they stand in.
///
/// The states of one key form a join-semilattice under [`DvvSet::sync`]. Two values under the same dot are taken to
/// be the same value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DvvSet<V> {
    entries: BTreeMap<Actor, Entry<V>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Entry<V> {
    /// Every dot of the actor up to this counter was seen.
    seen: u64,
    /// What is left of them, in rising order of the counter.
    values: Vec<(u64, V)>,
}

impl<V> Entry<V> {
    fn new() -> Entry<V> {
        Entry { seen: 0, values: Vec::new() }
    }

    fn discard(&mut self, counter: u64) {
        let covered = self.values.partition_point(|(c, _)| *c <= counter);
        self.values.drain(..covered);
        self.seen = self.seen.max(counter);
    }

    fn holds(&self, counter: u64) -> bool {
        self.values.binary_search_by_key(&counter, |(c, _)| *c).is_ok()
    }
}

impl<V: Clone> Entry<V> {
    fn join(&mut self, other: &Entry<V>) -> bool {
        let before = self.values.len();
        self.values.retain(|(counter, _)| *counter > other.seen || other.holds(*counter));
        let dropped = self.values.len() < before;
        // What is new here is newer than everything here, so the order stays.
        let unseen = other.values.partition_point(|(counter, _)| *counter <= self.seen);
        self.values.extend(other.values[unseen..].iter().cloned());
        // A value that was added had a counter above `seen`, so `risen` tells of it.
        let risen = other.seen > self.seen;
        self.seen = self.seen.max(other.seen);
        dropped || risen
    }
}

impl<V> DvvSet<V> {
    /// The state of a key that nothing was seen of.
    pub fn new() -> DvvSet<V> {
        DvvSet { entries: BTreeMap::new() }
    }

    /// Whether there are no values and nothing was seen: there is nothing to keep. A set without values that has seen
    /// something is not empty; see [`DvvSet::has_values`].
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many values there are. More than one of them are concurrent.
    pub fn len(&self) -> usize {
        self.entries.values().map(|entry| entry.values.len()).sum()
    }

    /// Whether there is any value.
    pub fn has_values(&self) -> bool {
        self.entries.values().any(|entry| !entry.values.is_empty())
    }

    /// Writes `value` under `dot` in place of everything that `context` covers. What it does not cover stays, as a
    /// concurrent value.
    ///
    /// `context` is the merged [`DvvSet::context`] of states of this key, nothing else: one that claims more than was
    /// ever written silently swallows what is written later. Check what comes from outside before it gets here.
    ///
    /// # Panics
    /// If `dot` is not new, having been seen here or in `context`.
    pub fn update(&mut self, context: &VersionVector, dot: Dot, value: V) {
        self.discard(context);
        let entry = self.entries.entry(dot.actor).or_insert_with(Entry::new);
        assert!(dot.counter > entry.seen, "a dot that was seen before cannot be written: {dot:?}, seen {}", entry.seen);
        entry.seen = dot.counter;
        entry.values.push((dot.counter, value));
    }

    /// Drops everything that `context` covers, and has seen what it has seen from now on. The same care is due to
    /// `context` as in [`DvvSet::update`].
    pub fn discard(&mut self, context: &VersionVector) {
        for (actor, counter) in context.iter() {
            self.entries.entry(actor).or_insert_with(Entry::new).discard(counter);
        }
    }

    /// What was seen: the context to hand to a client that reads this state.
    pub fn context(&self) -> VersionVector {
        self.entries.iter().map(|(actor, entry)| (*actor, entry.seen)).collect()
    }

    /// Whether `dot` was seen, its value being here or overwritten.
    pub fn covers(&self, dot: &Dot) -> bool {
        self.entries.get(&dot.actor).is_some_and(|entry| dot.counter <= entry.seen)
    }

    /// The value written under `dot`, unless it was overwritten or never seen.
    pub fn get(&self, dot: &Dot) -> Option<&V> {
        let values = &self.entries.get(&dot.actor)?.values;
        let at = values.binary_search_by_key(&dot.counter, |(counter, _)| *counter).ok()?;
        values.get(at).map(|(_, value)| value)
    }

    /// The values, in the order of their dots.
    pub fn values(&self) -> impl Iterator<Item = (Dot, &V)> {
        self.entries.iter().flat_map(|(actor, entry)| {
            entry.values.iter().map(|(counter, value)| (Dot { actor: *actor, counter: *counter }, value))
        })
    }

    /// Keeps the values that `keep` says yes to. The others stay seen, so this spreads like an overwrite.
    pub fn retain(&mut self, mut keep: impl FnMut(Dot, &V) -> bool) {
        for (actor, entry) in &mut self.entries {
            entry.values.retain(|(counter, value)| keep(Dot { actor: *actor, counter: *counter }, value));
        }
    }

    /// The same state with other values in it.
    pub fn map<W>(self, mut change: impl FnMut(Dot, V) -> W) -> DvvSet<W> {
        let entries = self.entries.into_iter().map(|(actor, entry)| {
            let values = entry.values.into_iter();
            let values = values.map(|(counter, value)| (counter, change(Dot { actor, counter }, value))).collect();
            (actor, Entry { seen: entry.seen, values })
        });
        DvvSet { entries: entries.collect() }
    }

    /// What the state consists of, in the order of actors: the actor, the highest counter seen of it, and its values
    /// in rising order of their counters.
    pub fn entries(&self) -> impl Iterator<Item = (Actor, u64, &[(u64, V)])> {
        self.entries.iter().map(|(actor, entry)| (*actor, entry.seen, entry.values.as_slice()))
    }

    /// The state that consists of `entries`, which must be as [`DvvSet::entries`] gives them; one state has one form.
    pub fn from_entries(
        entries: impl IntoIterator<Item = (Actor, u64, Vec<(u64, V)>)>,
    ) -> Result<DvvSet<V>, MalformedSet> {
        let mut set = DvvSet::new();
        for (actor, seen, values) in entries {
            if set.entries.last_key_value().is_some_and(|(last, _)| *last >= actor) {
                return Err(MalformedSet::ActorsNotRising { actor });
            }
            check(actor, seen, &values)?;
            set.entries.insert(actor, Entry { seen, values });
        }
        Ok(set)
    }
}

impl<V: Clone> DvvSet<V> {
    /// Joins the state `other` of the same key into this one. Per actor, a value stays if both have it or if it is
    /// newer than what the other has seen. Returns whether anything changed here.
    pub fn sync(&mut self, other: &DvvSet<V>) -> bool {
        let mut changed = false;
        for (actor, theirs) in &other.entries {
            changed |= self.entries.entry(*actor).or_insert_with(Entry::new).join(theirs);
        }
        changed
    }
}

impl<V> Default for DvvSet<V> {
    fn default() -> DvvSet<V> {
        DvvSet::new()
    }
}

fn check<V>(actor: Actor, seen: u64, values: &[(u64, V)]) -> Result<(), MalformedSet> {
    if seen == 0 {
        return Err(MalformedSet::NothingSeen { actor });
    }
    let mut last = 0;
    for (counter, _) in values {
        if *counter <= last {
            return Err(MalformedSet::CountersNotRising { dot: Dot { actor, counter: *counter } });
        }
        last = *counter;
    }
    if last > seen {
        return Err(MalformedSet::BeyondSeen { dot: Dot { actor, counter: last }, seen });
    }
    Ok(())
}

/// Why entries are no state of a [`DvvSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MalformedSet {
    /// Actors do not rise strictly; this one comes too late or twice.
    ActorsNotRising {
        /// The actor out of order.
        actor: Actor,
    },
    /// An entry for an actor of which nothing was seen.
    NothingSeen {
        /// Whose entry it is.
        actor: Actor,
    },
    /// Counters of an actor do not rise strictly from 1; this one comes too late, twice or is zero.
    CountersNotRising {
        /// The dot out of order.
        dot: Dot,
    },
    /// A value is newer than what the entry has seen.
    BeyondSeen {
        /// The dot of the value.
        dot: Dot,
        /// What the entry says it has seen.
        seen: u64,
    },
}

impl fmt::Display for MalformedSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MalformedSet::ActorsNotRising { actor } => write!(f, "the actors of a set are out of order at {actor:?}"),
            MalformedSet::NothingSeen { actor } => write!(f, "a set has an entry without content for {actor:?}"),
            MalformedSet::CountersNotRising { dot } => write!(f, "the counters of a set are out of order at {dot:?}"),
            MalformedSet::BeyondSeen { dot, seen } => {
                write!(f, "a set holds the value {dot:?} but claims to have seen no more than {seen}")
            }
        }
    }
}

impl error::Error for MalformedSet {}

#[cfg(test)]
mod tests {
    use super::{DvvSet, MalformedSet};
    use crate::{Actor, Dot, VersionVector};

    const A: Actor = Actor { node: 1, incarnation: 1 };
    const B: Actor = Actor { node: 2, incarnation: 1 };

    fn dot(actor: Actor, counter: u64) -> Dot {
        Dot { actor, counter }
    }

    fn two_siblings() -> DvvSet<&'static str> {
        let mut set = DvvSet::new();
        set.update(&VersionVector::new(), dot(A, 3), "from a");
        set.update(&VersionVector::new(), dot(B, 7), "from b");
        set
    }

    #[test]
    fn a_write_replaces_what_its_context_covers_and_nothing_else() {
        let mut set = two_siblings();
        let context = [(A, 3)].into_iter().collect();
        set.update(&context, dot(B, 9), "after a");
        assert_eq!(set.values().collect::<Vec<_>>(), [(dot(B, 7), &"from b"), (dot(B, 9), &"after a")]);
        assert_eq!(set.context(), [(A, 3), (B, 9)].into_iter().collect());
    }

    #[test]
    fn a_removal_meets_values_that_come_later() {
        let set = two_siblings();
        let mut empty = DvvSet::new();
        empty.discard(&set.context());
        assert!(!empty.sync(&set));
        assert!(!empty.has_values() && !empty.is_empty());
        assert!(DvvSet::<u8>::default().is_empty());
    }

    #[test]
    #[should_panic(expected = "seen before")]
    fn a_dot_is_written_once() {
        two_siblings().update(&VersionVector::new(), dot(A, 2), "late");
    }

    #[test]
    fn what_is_not_retained_stays_seen() {
        let mut set = two_siblings();
        set.retain(|dot, _| dot.actor == B);
        assert!(set.covers(&dot(A, 3)) && set.get(&dot(A, 3)).is_none());
        assert!(!set.sync(&two_siblings()));
        let lengths = set.clone().map(|_, value| value.len());
        assert_eq!(lengths.values().collect::<Vec<_>>(), [(dot(B, 7), &6)]);
        assert_eq!(lengths.context(), set.context());
    }

    #[test]
    fn malformed_entries_are_refused() {
        type Entries = Vec<(Actor, u64, Vec<(u64, ())>)>;
        let build = |entries: Entries| DvvSet::from_entries(entries).map(|set| set.len());
        assert_eq!(build(vec![(A, 9, vec![(2, ()), (9, ())]), (B, 1, vec![])]), Ok(2));
        assert_eq!(build(vec![(B, 1, vec![]), (A, 1, vec![])]), Err(MalformedSet::ActorsNotRising { actor: A }));
        assert_eq!(build(vec![(A, 1, vec![]), (A, 1, vec![])]), Err(MalformedSet::ActorsNotRising { actor: A }));
        assert_eq!(build(vec![(A, 0, vec![])]), Err(MalformedSet::NothingSeen { actor: A }));
        assert_eq!(build(vec![(A, 2, vec![(0, ())])]), Err(MalformedSet::CountersNotRising { dot: dot(A, 0) }));
        let twice = vec![(A, 2, vec![(2, ()), (2, ())])];
        assert_eq!(build(twice), Err(MalformedSet::CountersNotRising { dot: dot(A, 2) }));
        assert_eq!(build(vec![(A, 2, vec![(3, ())])]), Err(MalformedSet::BeyondSeen { dot: dot(A, 3), seen: 2 }));
    }
}
