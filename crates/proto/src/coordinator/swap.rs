//! What a client wants to become of one item of a linearizable bucket: a condition and an edit, as data.
//!
//! Invariant: an item that was never written, one that was deleted, and version 0 are the same to every condition.
//! Refuses to know how it gets decided.

use crate::paxos::register::{Cell, Change, Verdict};
use crate::record::{Value, Version};
use crate::request::{Current, Edit, Expect, Refusal};
use causal::Stamp;

/// A change of one item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Swap {
    /// What must hold.
    pub(super) expect: Expect,
    /// What is to be done.
    pub(super) edit: Edit,
    /// When it was asked for; for people only.
    pub(super) stamp: Stamp,
}

impl Change for Swap {
    type Value = Version;

    fn apply(&self, current: &Cell<Version>) -> Verdict<Version> {
        if !self.is_met(current) {
            return Verdict::Refuse;
        }
        let write =
            |value: Value| Verdict::Write(Some(Version { stamp: self.stamp, expires: None, value: Some(value) }));
        match &self.edit {
            Edit::Put(value) => write(value.clone()),
            Edit::Delete if current.value.is_none() => Verdict::Keep,
            Edit::Delete => Verdict::Write(None),
            Edit::Add(by) => match number(current).and_then(|number| number.checked_add(*by)) {
                Some(sum) => write(Value { bytes: sum.to_string().into(), content_type: content_type(current) }),
                None => Verdict::Refuse,
            },
        }
    }

    fn number_at_least(&self) -> u64 {
        match self.expect {
            // The version of an item that is there is the number of its cell.
            Expect::Version(version) => version.saturating_add(1),
            Expect::Any | Expect::Absent | Expect::Value(_) => 1,
        }
    }
}

impl Swap {
    fn is_met(&self, cell: &Cell<Version>) -> bool {
        match &self.expect {
            Expect::Any => true,
            Expect::Absent => cell.value.is_none(),
            Expect::Version(version) => current(cell).version == *version,
            Expect::Value(bytes) => value(cell).is_some_and(|value| value.bytes == bytes),
        }
    }

    /// Why the change does not apply to this.
    pub(super) fn refusal(&self, cell: &Cell<Version>) -> Refusal {
        match &self.edit {
            Edit::Add(by) if self.is_met(cell) && number(cell).is_none() => {
                let what = "the item is not a whole number of 64 bits in decimal digits";
                Refusal::Invalid(format!("{what}, so {by} cannot be added to it"))
            }
            Edit::Add(by) if self.is_met(cell) => {
                Refusal::Invalid(format!("adding {by} would leave the range of 64 bits"))
            }
            _ => Refusal::ConditionFailed(Box::new(current(cell))),
        }
    }
}

/// What a client sees of a cell.
pub(super) fn current(cell: &Cell<Version>) -> Current {
    match &cell.value {
        None => Current::default(),
        Some(version) => Current { version: cell.number, value: version.value.clone(), stamp: Some(version.stamp) },
    }
}

fn value(cell: &Cell<Version>) -> Option<&Value> {
    cell.value.as_ref()?.value.as_ref()
}

/// The counter that an item is; one that is not there is 0.
fn number(cell: &Cell<Version>) -> Option<i64> {
    match value(cell) {
        None => Some(0),
        Some(value) => std::str::from_utf8(&value.bytes).ok()?.parse().ok(),
    }
}

fn content_type(cell: &Cell<Version>) -> Option<String> {
    value(cell)?.content_type.clone()
}

#[cfg(test)]
mod tests {
    use super::{Swap, current};
    use crate::paxos::register::{Cell, Change, ChangeId, Verdict};
    use crate::record::{Value, Version};
    use crate::request::{Edit, Expect, Refusal};
    use causal::Stamp;

    fn swap(expect: Expect, edit: Edit) -> Swap {
        Swap { expect, edit, stamp: Stamp::MIN }
    }

    fn done(cell: &Cell<Version>, expect: Expect, edit: Edit) -> Option<Cell<Version>> {
        match swap(expect, edit).apply(cell) {
            Verdict::Write(value) => Some(cell.after(ChangeId(cell.number), value)),
            Verdict::Keep => Some(cell.clone()),
            Verdict::Refuse => None,
        }
    }

    fn put(text: &'static str) -> Edit {
        Edit::Put(Value::plain(text))
    }

    #[test]
    fn what_was_deleted_is_as_absent_as_what_never_was() {
        let never = Cell::default();
        let there = done(&never, Expect::Absent, put("a")).expect("it is absent");
        let deleted = done(&there, Expect::Version(1), Edit::Delete).expect("it has version 1");
        for absent in [&never, &deleted] {
            assert_eq!(current(absent).version, 0);
            assert!(done(absent, Expect::Absent, put("b")).is_some());
            assert!(done(absent, Expect::Version(0), put("b")).is_some());
            assert!(done(absent, Expect::Value("a".into()), put("b")).is_none());
            assert_eq!(done(absent, Expect::Any, Edit::Delete), Some(absent.clone()), "nothing to delete");
        }
        assert!(done(&there, Expect::Absent, put("b")).is_none());
        let again = done(&deleted, Expect::Any, put("a")).expect("no condition");
        assert_eq!(current(&again).version, 3, "a version of an earlier life never comes back");
    }

    #[test]
    fn only_numbers_are_added_to_and_only_within_their_range() {
        let one = done(&Cell::default(), Expect::Any, Edit::Add(1)).expect("absent counts as 0");
        let text = |cell: &Cell<Version>| current(cell).value.map(|value| value.bytes);
        assert_eq!(text(&done(&one, Expect::Any, Edit::Add(-3)).expect("a number")), Some("-2".into()));
        assert!(done(&one, Expect::Any, Edit::Add(i64::MAX)).is_none());
        let word = done(&one, Expect::Any, put("word")).expect("no condition");
        let add = swap(Expect::Any, Edit::Add(1));
        assert_eq!(add.apply(&word), Verdict::Refuse);
        assert!(matches!(add.refusal(&word), Refusal::Invalid(_)));
        assert!(matches!(swap(Expect::Absent, Edit::Add(1)).refusal(&word), Refusal::ConditionFailed(_)));
    }
}
