//! A version and what was done on top of it without replacing it: increments, and changes of its end. So increments on any
//! number of replicas at once all count, and neither they nor a new end overwrite each other
//! (`docs/adr/0015-counters.md` has the argument).
//!
//! Invariant: [`Parts::join`] is idempotent, commutative and associative. Of each actor the entry with the highest counter
//! stays, which holds all its earlier ones; so an actor adds only on top of its own newest state of the slot. An entry is
//! dropped only below a base that is newer than the one it was made on.
//! Refuses to read a clock: what has ended at a time is the same for everybody who asks for that time.

use crate::decimal::Decimal;
use crate::record::{Record, Value, Version};
use causal::{Actor, Dot, Stamp};
use std::collections::BTreeMap;
use stdx::Wall;
use stdx::bugs::planted;

/// The place of a version in the order of last writers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Mark {
    /// Its stamp.
    pub stamp: Stamp,
    /// Its name.
    pub dot: Dot,
}

/// What one actor has added.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tally {
    /// Counter of the dot of its newest increment.
    pub counter: u64,
    /// The base it adds to; where nothing was there, its own first increment. It counts on every base that is not newer.
    pub after: Mark,
    /// When the newest increment was made.
    pub stamp: Stamp,
    /// The sum of all of them.
    pub sum: Decimal,
}

/// A new end for what is there, or none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct End {
    /// The base whose own end it replaces.
    pub of: Option<Mark>,
    /// Names the change.
    pub dot: Dot,
    /// When it was made.
    pub stamp: Stamp,
    /// From when on the item counts as deleted.
    pub expires: Option<Wall>,
}

impl End {
    pub(crate) fn mark(&self) -> Mark {
        Mark { stamp: self.stamp, dot: self.dot }
    }
}

/// What such a record consists of.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct Parts {
    /// The newest version that was written, or a deletion; none if nothing is known.
    pub base: Option<(Dot, Version)>,
    /// What was added, by whom.
    pub tallies: BTreeMap<Actor, Tally>,
    /// The newest change of the end.
    pub end: Option<End>,
}

/// Parts that are more than one version, and the version that they amount to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Amended {
    parts: Parts,
    shown: (Dot, Version),
}

impl Amended {
    /// What it consists of.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// What it amounts to, as long as nothing of it has ended.
    pub fn shown(&self) -> (Dot, &Version) {
        (self.shown.0, &self.shown.1)
    }
}

impl Parts {
    /// What a record of a last-writer-wins item consists of; nothing of another kind of record.
    pub fn of(record: Option<&Record>) -> Parts {
        match record {
            Some(Record::Latest { dot, version }) => Parts { base: Some((*dot, version.clone())), ..Parts::default() },
            Some(Record::Amended(amended)) => amended.parts.clone(),
            Some(Record::Siblings(_) | Record::Counted(_) | Record::Register(_)) | None => Parts::default(),
        }
    }

    /// The record of these parts; none if there is nothing.
    pub fn record(self) -> Option<Record> {
        if self.tallies.is_empty() && (self.end.is_none() || self.base.is_none()) {
            return self.base.map(|(dot, version)| Record::Latest { dot, version });
        }
        let shown = self.shown()?;
        Some(Record::Amended(Box::new(Amended { parts: self, shown })))
    }

    /// Place of the base.
    pub fn mark(&self) -> Option<Mark> {
        self.base.as_ref().map(|(dot, version)| Mark { stamp: version.stamp, dot: *dot })
    }

    /// Both together.
    #[must_use]
    pub fn join(mut self, other: &Parts) -> Parts {
        if other.mark() > self.mark() {
            self.base.clone_from(&other.base);
        }
        for (actor, theirs) in &other.tallies {
            let ours = self.tallies.entry(*actor).or_insert(*theirs);
            if planted("tallies are added when they are merged") && ours != theirs {
                ours.sum = ours.sum.plus_at_most(theirs.sum);
                ours.counter = ours.counter.max(theirs.counter);
            } else if theirs.counter > ours.counter {
                *ours = *theirs;
            }
        }
        if other.end.as_ref().map(End::mark) > self.end.as_ref().map(End::mark) {
            self.end = other.end;
        }
        self.settled()
    }

    /// Without what a newer base has replaced.
    fn settled(mut self) -> Parts {
        let mark = self.mark();
        self.tallies.retain(|_, tally| Some(tally.after) >= mark);
        self.end = self.end.filter(|end| Some(end.mark()) > mark);
        self
    }

    /// What is left at a time: what has ended by then is a deletion, which everybody derives alike.
    #[must_use]
    pub fn at(self, wall: Wall) -> Parts {
        let ended = |expires: Option<Wall>| expires.filter(|end| *end <= wall);
        let base = self.base.as_ref().filter(|_| !self.is_lifted());
        let of_base = base.and_then(|(dot, version)| Some((ended(version.expires)?, version.stamp, *dot)));
        let of_end = self.end.as_ref().and_then(|end| Some((ended(end.expires)?, end.stamp, end.dot)));
        if planted("what has ended is counted on") {
            return self;
        }
        let newest = of_base.into_iter().chain(of_end).map(|(expires, stamp, dot)| deletion(expires, stamp, dot)).max();
        match newest {
            Some(Mark { stamp, dot }) => {
                let gone = Version { stamp, expires: None, value: None };
                self.join(&Parts { base: Some((dot, gone)), ..Parts::default() })
            }
            None => self,
        }
    }

    /// True if a change has replaced the base's own end.
    fn is_lifted(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.of == self.mark())
    }

    /// When it ends, if nothing changes that.
    fn expires(&self) -> Option<Wall> {
        let own = self.base.as_ref().filter(|_| !self.is_lifted()).and_then(|(_, version)| version.expires);
        let changed = self.end.as_ref().and_then(|end| end.expires);
        own.into_iter().chain(changed).min()
    }

    /// The version that it all amounts to; none if there is nothing. A text that is no number stays as it is, as if it had
    /// been written after what was added.
    fn shown(&self) -> Option<(Dot, Version)> {
        let expires = self.expires();
        let newest = self.tallies.iter().max_by_key(|(actor, tally)| (tally.stamp, **actor));
        let base = self.base.as_ref();
        let value = base.and_then(|(_, version)| version.value.as_ref());
        let number = value.map_or(Some(Decimal::ZERO), |value| Decimal::parse(&value.bytes));
        if let (Some((actor, tally)), Some(number)) = (newest, number) {
            let sum = self.tallies.values().fold(number, |sum, tally| sum.plus_at_most(tally.sum));
            let content_type = value.and_then(|value| value.content_type.clone());
            let value = Some(Value { bytes: sum.to_string().into(), content_type });
            let stamp = base.map_or(tally.stamp, |(_, version)| version.stamp.max(tally.stamp));
            return Some((Dot { actor: *actor, counter: tally.counter }, Version { stamp, expires, value }));
        }
        base.map(|(dot, version)| (*dot, Version { expires, ..version.clone() }))
    }

    /// The value a reader sees, if nothing has ended ([`Parts::at`]).
    pub fn value(&self) -> Option<Version> {
        self.shown().map(|(_, version)| version).filter(|version| version.value.is_some())
    }

    /// The highest stamp of all parts.
    pub fn highest_stamp(&self) -> Option<Stamp> {
        let base = self.mark().map(|mark| mark.stamp);
        let tallies = self.tallies.values().map(|tally| tally.stamp.max(tally.after.stamp));
        let end = self.end.as_ref().map(|end| end.stamp);
        base.into_iter().chain(tallies).chain(end).max()
    }

    /// The names of all parts.
    pub fn dots(&self) -> Vec<Dot> {
        let tallies = self.tallies.iter().map(|(actor, tally)| Dot { actor: *actor, counter: tally.counter });
        let base = self.base.as_ref().map(|(dot, _)| *dot);
        base.into_iter().chain(tallies).chain(self.end.as_ref().map(|end| end.dot)).collect()
    }
}

/// The deletion that the end of a version, or of a change of its end, is: above both, and the same for everybody.
pub fn deletion(expires: Wall, stamp: Stamp, dot: Dot) -> Mark {
    let mut hash = blake3::Hasher::new();
    hash.update(b"alianza ended 1");
    hash.update(&dot.actor.node.to_be_bytes());
    hash.update(&dot.actor.incarnation.to_be_bytes());
    hash.update(&dot.counter.to_be_bytes());
    let node = hash.finalize().as_bytes()[..16].iter().fold(0, |node, byte| node << 8 | u128::from(*byte));
    let actor = Actor { node, incarnation: 0 };
    Mark { stamp: Stamp::new(expires.0.saturating_add(1), 0).max(stamp.next()), dot: Dot { actor, counter: 1 } }
}
