//! What a register holds, and what a change makes of it.
//!
//! Invariant: each change that takes effect raises `number` by one and leaves its id, so whoever does not know whether
//! its change was carried out can ask again and it is not carried out twice.

use std::fmt;
use stdx::bugs::planted;

/// How many changes a register remembers by id.
pub const REMEMBERED: usize = 16;

/// Names one change for ever; random, so that two of the few that a register remembers never share one.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ChangeId(pub u64);

impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A value, or none, and how it came to be. A deletion is a change like any other.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Cell<V> {
    /// The value; none before the first change. A deletion is whatever a change makes of it: none, or a value that says so.
    pub value: Option<V>,
    /// How many changes led to it.
    pub number: u64,
    /// Ids of the last changes, oldest first; the last one made `number`.
    pub recent: Vec<ChangeId>,
}

impl<V> Default for Cell<V> {
    fn default() -> Self {
        Cell { value: None, number: 0, recent: Vec::new() }
    }
}

impl<V> Cell<V> {
    /// The cell after change `id` made `value` of this one.
    pub fn after(&self, id: ChangeId, value: Option<V>) -> Cell<V> {
        let forgotten = (self.recent.len() + 1).saturating_sub(REMEMBERED);
        let recent = self.recent.iter().skip(forgotten).copied().chain([id]).collect();
        let number =
            if self.value.is_none() && planted("versions begin anew after a deletion") { 0 } else { self.number };
        Cell { value, number: number + 1, recent }
    }

    /// The number that change `id` made, if it is one of the last few.
    pub fn number_of(&self, id: ChangeId) -> Option<u64> {
        let from_the_end = self.recent.iter().rev().position(|recent| *recent == id)?;
        Some(self.number - from_the_end as u64)
    }

    /// True if the change that made `number` is still remembered.
    pub fn remembers(&self, number: u64) -> bool {
        number + self.recent.len() as u64 > self.number
    }
}

/// What a change makes of the current value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict<V> {
    /// A new value, or a deletion.
    Write(Option<V>),
    /// The value is as wished already.
    Keep,
    /// The change does not apply to this value.
    Refuse,
}

/// A change as data: the same input always gets the same verdict.
pub trait Change {
    /// What the register holds.
    type Value: Clone + PartialEq;

    /// What becomes of `current`.
    fn apply(&self, current: &Cell<Self::Value>) -> Verdict<Self::Value>;

    /// The lowest number that the change could make, whatever the cell.
    fn number_at_least(&self) -> u64 {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, ChangeId, REMEMBERED};

    #[test]
    fn a_cell_remembers_its_last_changes_by_number() {
        let mut cell = Cell::default().after(ChangeId(1), Some('a'));
        for id in 2..=REMEMBERED as u64 + 2 {
            cell = cell.after(ChangeId(id), Some('b'));
        }
        assert_eq!(cell.recent.len(), REMEMBERED);
        assert_eq!(cell.number, REMEMBERED as u64 + 2);
        assert_eq!(cell.number_of(ChangeId(2)), None);
        assert_eq!(cell.number_of(ChangeId(3)), Some(3));
        assert_eq!(cell.number_of(ChangeId(cell.number)), Some(cell.number));
        assert!(cell.remembers(3) && !cell.remembers(2));
    }
}
