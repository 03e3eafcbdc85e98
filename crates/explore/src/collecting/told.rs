//! What clients were told, and whether numbers put it into one order.
//!
//! Invariant: a number has one value, is made by one change, and none is told after a higher one was told before its operation began;
//! names in lists stand in one order and only once, and whoever finds nothing finds it after a deletion.

use super::proposer::List;
use proto::paxos::register::Cell;
use std::collections::BTreeMap;

/// What was told so far.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub(super) struct Told {
    values: BTreeMap<u64, Option<List>>,
    /// The number that each change made.
    made: BTreeMap<u8, u64>,
    highest: u64,
    /// Deletions that were begun: what they made, if that was told.
    deletions: BTreeMap<u8, Option<u64>>,
}

impl Told {
    /// What an operation that begins now must not be behind.
    pub(super) fn least(&self) -> u64 {
        self.highest
    }

    pub(super) fn deletion_begins(&mut self, name: u8) {
        self.deletions.insert(name, None);
    }

    /// A change is told to have made this number, and that this was known then.
    pub(super) fn changed(&mut self, least: u64, name: u8, number: u64, cell: &Cell<List>) -> Result<(), String> {
        if let Some(deletion) = self.deletions.get_mut(&name) {
            *deletion = Some(number);
        }
        let before = *self.made.entry(name).or_insert(number);
        let other = self.made.iter().find(|(other, made)| **made == number && **other != name);
        if before != number || other.is_some() {
            return Err(format!("change {name} made {number}, and {before}, and {other:?}"));
        }
        self.highest = self.highest.max(number);
        self.seen(least, cell)
    }

    /// This is told to be there.
    pub(super) fn seen(&mut self, least: u64, cell: &Cell<List>) -> Result<(), String> {
        let Some(list) = &cell.value else { return self.nothing(least, cell) };
        self.is_not_behind(least, cell.number)?;
        self.note(cell.number, Some(list.clone()))?;
        let twice = list.iter().enumerate().any(|(at, name)| list[..at].contains(name));
        let lives = |of: &u64| self.values.range(..of).filter(|(_, value)| value.is_none()).count();
        let number_of = |(number, value): (&u64, &Option<List>)| {
            value.as_ref().is_some_and(|other| other.iter().any(|name| list.contains(name))).then_some(*number)
        };
        let life = lives(&cell.number);
        if self.values.iter().filter_map(number_of).any(|number| lives(&number) != life) {
            return Err(format!("a change was made again after a deletion: {list:?}"));
        }
        let apart = self.values.values().flatten().find(|other| {
            let common = list.len().min(other.len());
            list.iter().any(|name| other.contains(name)) && list[..common] != other[..common]
        });
        match apart {
            _ if twice => Err(format!("a change was made twice: {list:?}")),
            Some(other) => Err(format!("a change was made twice: {list:?} and {other:?}")),
            None => Ok(()),
        }
    }

    /// Nothing is told to be there. Of nothing the number is not told, but for whoever deleted it.
    fn nothing(&mut self, least: u64, cell: &Cell<List>) -> Result<(), String> {
        if cell.number > 0 && self.made.values().any(|number| *number == cell.number) {
            self.note(cell.number, None)?;
        }
        let is_there = self.values.get(&least).is_some_and(Option::is_some);
        let may_be_deleted = self.deletions.values().any(|made| made.is_none_or(|number| number > least));
        if is_there && !may_be_deleted {
            return Err(format!("nothing is there after number {least}, and nobody has deleted it"));
        }
        Ok(())
    }

    fn is_not_behind(&mut self, least: u64, number: u64) -> Result<(), String> {
        self.highest = self.highest.max(number);
        if number < least { Err(format!("{number} was told after {least}")) } else { Ok(()) }
    }

    fn note(&mut self, number: u64, value: Option<List>) -> Result<(), String> {
        let known = self.values.entry(number).or_insert_with(|| value.clone());
        if *known == value { Ok(()) } else { Err(format!("number {number} has two values: {known:?} and {value:?}")) }
    }
}
