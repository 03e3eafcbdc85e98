//! An element that is counted with: the values that were written, side by side, and what was added by whom, beside them.
//! So increments on any number of nodes at once all count, a removal or a new value takes away exactly the increments it
//! has seen, and those that are made beside it stay (`docs/adr/0016-counters-in-fields.md` has the argument).
//!
//! Invariant: [`Counted::join`] is idempotent, commutative and associative. A chain is made by one actor, each increment on
//! top of the actor's own newest state of the slot; so of one chain the state with the higher counter holds the other, and
//! what was taken of it is a state that it once had.
//! Refuses to read a clock: what has ended at a time is the same for everybody who asks for that time.

use crate::amended::{End, Mark};
use crate::decimal::Decimal;
use crate::element;
use crate::record::{Record, Value, Version};
use causal::{Dot, DvvSet, Stamp};
use std::collections::BTreeMap;
use stdx::Wall;
use stdx::bugs::planted;

/// What one actor has added, since its first increment that nothing came before.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Chain {
    /// Counter of the dot of its newest increment.
    pub counter: u64,
    /// The sum of all of them.
    pub sum: Decimal,
    /// When the newest was made.
    pub stamp: Stamp,
    /// Up to this counter it was taken away, by removals or new values; 0: nothing was.
    pub gone: u64,
    /// The sum up to there.
    pub taken: Decimal,
}

impl Chain {
    fn is_gone(&self) -> bool {
        self.gone >= self.counter
    }

    fn left(&self) -> Decimal {
        Decimal::from_units(self.sum.units().saturating_sub(self.taken.units()))
    }

    fn take(&mut self) {
        (self.gone, self.taken) = (self.counter, self.sum);
    }

    fn join(&mut self, other: &Chain) {
        if planted("chains are added when they are merged") && other.counter != self.counter {
            self.sum = self.sum.plus_at_most(other.sum);
            self.counter = self.counter.max(other.counter);
        } else if other.counter > self.counter {
            (self.counter, self.sum, self.stamp) = (other.counter, other.sum, other.stamp);
        }
        if other.gone > self.gone && !planted("what was taken of a chain comes back") {
            (self.gone, self.taken) = (other.gone, other.taken);
        }
    }
}

/// What such a record consists of.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct Counted {
    /// The values that were written.
    pub set: DvvSet<Version>,
    /// What was added, by the name of the first increment.
    pub chains: BTreeMap<Dot, Chain>,
    /// When what was added ends; the newest change of that.
    pub end: Option<End>,
}

impl Counted {
    /// What a record of an element consists of; nothing of another kind of record.
    pub fn of(record: Option<&Record>) -> Counted {
        match record {
            Some(Record::Siblings(set)) => Counted { set: set.clone(), ..Counted::default() },
            Some(Record::Counted(counted)) => (**counted).clone(),
            Some(Record::Latest { .. } | Record::Amended(_) | Record::Register(_)) | None => Counted::default(),
        }
    }

    /// The record of it; none if there is nothing.
    pub fn record(self) -> Option<Record> {
        match self.chains.is_empty() {
            true if self.set.is_empty() => None,
            true => Some(Record::Siblings(self.set)),
            false => Some(Record::Counted(Box::new(self))),
        }
    }

    /// Both together.
    #[must_use]
    pub fn join(mut self, other: &Counted) -> Counted {
        self.set.sync(&other.set);
        for (first, theirs) in &other.chains {
            self.chains.entry(*first).or_insert(*theirs).join(theirs);
        }
        if other.end.as_ref().map(End::mark) > self.end.as_ref().map(End::mark) {
            self.end = other.end;
        }
        self
    }

    /// True if what was added has ended by then.
    fn has_ended(&self, wall: Wall) -> bool {
        self.end.and_then(|end| end.expires).is_some_and(|end| end <= wall)
    }

    /// What was added and not taken away, and the name and time of the newest increment; none if nothing is left at that time.
    fn left(&self, wall: Wall) -> Option<(Decimal, Dot, Stamp)> {
        let there = || self.chains.iter().filter(|(_, chain)| !chain.is_gone());
        let (first, newest) = there().max_by_key(|(first, chain)| (chain.stamp, **first))?;
        let sum = there().fold(Decimal::ZERO, |sum, (_, chain)| sum.plus_at_most(chain.left()));
        (!self.has_ended(wall)).then_some((sum, Dot { counter: newest.counter, ..*first }, newest.stamp))
    }

    /// What was added and not taken away, as a version beside those that were written.
    pub fn added(&self, wall: Wall) -> Option<(Dot, Version)> {
        let (sum, dot, stamp) = self.left(wall)?;
        let expires = self.end.and_then(|end| end.expires);
        Some((dot, Version { stamp, expires, value: Some(element::sum(sum)) }))
    }

    /// The versions that were written and are visible at a time.
    fn written(&self, wall: Wall) -> impl Iterator<Item = (Dot, &Version)> {
        self.set.values().filter(move |(_, version)| version.visible(wall).is_some())
    }

    /// What a reader sees at a time.
    pub fn shown(&self, wall: Wall) -> Option<bytes::Bytes> {
        let added = self.added(wall);
        element::shown(self.written(wall).chain(added.as_ref().map(|(dot, version)| (*dot, version))))
    }

    /// When what is shown ends: the value if there is one, else what was added.
    pub fn expires(&self, wall: Wall) -> Option<Wall> {
        self.newest_written(wall).map_or(self.end.and_then(|end| end.expires), |version| version.expires)
    }

    fn newest_written(&self, wall: Wall) -> Option<&Version> {
        self.written(wall).max_by_key(|(dot, version)| (version.stamp, *dot)).map(|(_, version)| version)
    }

    /// True if a reader sees anything at a time.
    pub fn is_there(&self, wall: Wall) -> bool {
        self.written(wall).next().is_some() || self.left(wall).is_some()
    }

    /// The highest stamp of all parts.
    pub fn highest_stamp(&self) -> Option<Stamp> {
        let values = self.set.values().map(|(_, version)| version.stamp);
        let chains = self.chains.values().map(|chain| chain.stamp);
        values.chain(chains).chain(self.end.map(|end| end.stamp)).max()
    }

    /// Adds to it. What has ended by then is taken away first. What begins anew ends with the value that is written here; where
    /// there is none, it gets this end.
    pub(crate) fn add(&mut self, made: Mark, by: Decimal, wall: Wall, first_end: Option<Wall>) -> bool {
        if self.has_ended(wall) && !planted("what has ended in a field is counted on") {
            self.take_all();
        }
        if self.chains.values().all(Chain::is_gone) || !self.is_there(wall) {
            let expires = self.newest_written(wall).map_or(first_end, |version| version.expires);
            // An end that is there belongs to what was taken away.
            if expires.is_some() || self.end.is_some() {
                self.end = Some(End { of: None, dot: made.dot, stamp: made.stamp, expires });
            }
        }
        let Dot { actor, counter } = made.dot;
        // The newest chain of this actor goes on, taken away or not: so what is taken of it is always a state of it.
        let own = self.chains.range_mut(Dot { actor, counter: 0 }..=Dot { actor, counter: u64::MAX }).next_back();
        match own {
            Some((_, chain)) => {
                let before = if planted("a chain forgets what it held") { Decimal::ZERO } else { chain.sum };
                let Some(sum) = before.plus(by) else { return false };
                (chain.counter, chain.sum, chain.stamp) = (counter, sum, made.stamp);
            }
            None => {
                let chain = Chain { counter, sum: by, stamp: made.stamp, gone: 0, taken: Decimal::ZERO };
                self.chains.insert(made.dot, chain);
            }
        }
        true
    }

    /// The counter of the newest increment of the maker of a dot.
    pub(crate) fn newest_of(&self, dot: Dot) -> u64 {
        let own = Dot { counter: 0, ..dot }..=Dot { counter: u64::MAX, ..dot };
        self.chains.range(own).next_back().map_or(0, |(_, chain)| chain.counter)
    }

    /// Takes all away that was added.
    fn take_all(&mut self) {
        self.chains.values_mut().for_each(Chain::take);
    }

    /// Puts a value in the place of everything that is here, or removes it.
    pub(crate) fn put(&mut self, made: Mark, value: Option<Value>, expires: Option<Wall>) {
        if !planted("a new value leaves what was added") {
            self.take_all();
        }
        let version = Version { stamp: made.stamp, expires: expires.filter(|_| value.is_some()), value };
        self.set.update(&self.set.context(), made.dot, version);
    }

    /// Gives what was added another end.
    pub(crate) fn end(&mut self, made: Mark, expires: Option<Wall>) {
        self.end = Some(End { of: None, dot: made.dot, stamp: made.stamp, expires });
    }

    /// What stays when nobody sees anything of it any more: first everybody holds that all is taken away, then nothing. What
    /// comes back from one that has not let go must not have an end that a later change could put off.
    pub(crate) fn without_ended(&self) -> Option<Counted> {
        if self.chains.values().all(Chain::is_gone) {
            return None;
        }
        let mut left = self.clone();
        left.chains.values_mut().for_each(Chain::take);
        Some(left)
    }
}
