//! What a client wants to become of one item of a linearizable bucket: a condition and an edit, as data.
//!
//! Invariant: an item that was never written, one that was deleted, one that has ended and version 0 are the same to every
//! condition. Whether one has ended is a part of the change: by the time that the change carries.
//! Refuses to know how it gets decided.

use crate::amendment::Unchanged;
use crate::paxos::register::{Cell, Change, Verdict};
use crate::record::{Value, Version};
use crate::request::{Current, Edit, Ends, Expect, Refusal};
use causal::Stamp;
use stdx::bugs::planted;
use stdx::{Span, Wall};

/// A change of one item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Swap {
    /// What must hold.
    pub(super) expect: Expect,
    /// What is to be done.
    pub(super) edit: Edit,
    /// When a value that is put ends.
    pub(super) ends: Ends,
    /// The time it is: what has ended by then is not there.
    pub(super) wall: Wall,
    /// When it was asked for; raised above that of what is there.
    pub(super) stamp: Stamp,
}

impl Change for Swap {
    type Value = Version;

    fn apply(&self, current: &Cell<Version>) -> Verdict<Version> {
        if !self.is_met(current) {
            return Verdict::Refuse;
        }
        let there = live(current, self.wall);
        let stamp = self.stamp_over(current);
        let write =
            |value: Value, expires: Option<Wall>| Verdict::Write(Some(Version { stamp, expires, value: Some(value) }));
        let leaves_nothing = planted("versions begin anew after a deletion");
        let gone = || Verdict::Write((!leaves_nothing).then_some(Version { stamp, expires: None, value: None }));
        let end = there.and_then(|version| version.expires);
        match &self.edit {
            Edit::Put(value) => match self.ends.after(self.wall, end) {
                // It would end as it begins.
                Some(expires) if expires <= self.wall && there.is_none() => Verdict::Keep,
                Some(expires) if expires <= self.wall => gone(),
                expires => write(value.clone(), expires),
            },
            Edit::Delete if there.is_none() => Verdict::Keep,
            Edit::Delete => gone(),
            Edit::Add(by) => match number(there).and_then(|number| number.checked_add(*by)) {
                Some(sum) => write(Value { bytes: sum.to_string().into(), content_type: content_type(there) }, end),
                None => Verdict::Refuse,
            },
            Edit::End { expires, when } => match there {
                Some(version) if when.holds(version.expires, *expires) => match expires {
                    same if *same == version.expires => Verdict::Keep,
                    Some(expires) if *expires <= self.wall => gone(),
                    expires => Verdict::Write(Some(Version { stamp, expires: *expires, ..version.clone() })),
                },
                _ => Verdict::Refuse,
            },
            Edit::Restore { version, overwrite } => {
                let has_come_since = current.value.as_ref().is_some_and(|held| held.stamp >= version.stamp)
                    && !planted("a restore takes back what came since");
                let has_ended = version.visible(self.wall).is_none();
                let stays = there.is_some() && !overwrite && !planted("a restore replaces what is to stay");
                if has_come_since || has_ended || stays { Verdict::Keep } else { Verdict::Write(Some(version.clone())) }
            }
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
    /// Deletes exactly this version, of which somebody's clock has said that it has ended. It comes right after it for a
    /// restore, too.
    pub(super) fn burial(number: u64) -> Swap {
        // By this time it was still there.
        let wall = Wall(0);
        Swap { expect: Expect::Version(number), edit: Edit::Delete, ends: Ends::Never, wall, stamp: Stamp::MIN }
    }

    /// The stamp of what is written in the place of this: above it, so that a restore knows what came after it.
    fn stamp_over(&self, current: &Cell<Version>) -> Stamp {
        current.value.as_ref().map_or(self.stamp, |held| self.stamp.max(held.stamp.next()))
    }

    fn is_met(&self, cell: &Cell<Version>) -> bool {
        let there = live(cell, self.wall);
        match &self.expect {
            Expect::Any => true,
            Expect::Absent => there.is_none() || planted("a lock is had by two"),
            Expect::Version(version) => current(cell, self.wall).version == *version,
            Expect::Value(bytes) => {
                value(there).is_some_and(|value| value.bytes == bytes || planted("a lock is let go by whoever asks"))
            }
        }
    }

    /// Whether the change may apply to this cell, by an earlier clock, or to a later one, although it does not now. Numbers
    /// only rise, so a version that has gone by never comes back; anything else may.
    pub(super) fn may_apply_after(&self, cell: &Cell<Version>) -> bool {
        !matches!(self.expect, Expect::Version(version @ 1..) if version < cell.number)
    }

    /// Why the change does not apply to this.
    pub(super) fn refusal(&self, cell: &Cell<Version>) -> Refusal {
        let there = live(cell, self.wall);
        match &self.edit {
            Edit::Add(by) if self.is_met(cell) && number(there).is_none() => {
                let what = "the item is not a whole number of 64 bits in decimal digits";
                Refusal::Invalid(format!("{what}, so {by} cannot be added to it"))
            }
            Edit::Add(by) if self.is_met(cell) => {
                Refusal::Invalid(format!("adding {by} would leave the range of 64 bits"))
            }
            Edit::End { .. } if self.is_met(cell) => {
                Refusal::Unchanged(if there.is_some() { Unchanged::Condition } else { Unchanged::Absent })
            }
            _ => Refusal::ConditionFailed(Box::new(current(cell, self.wall))),
        }
    }
}

impl Ends {
    /// When a value ends that is put at this time in the place of one that ends then.
    fn after(self, wall: Wall, old: Option<Wall>) -> Option<Wall> {
        match self {
            Ends::Never => None,
            Ends::Kept => old,
            Ends::At(wall) => Some(wall),
            Ends::After(span) if planted("a lock ends at half its time") => Some(wall.plus(Span(span.0 / 2))),
            Ends::After(span) => Some(wall.plus(span)),
        }
    }
}

/// What a client sees of a cell at a time.
pub(super) fn current(cell: &Cell<Version>, wall: Wall) -> Current {
    match live(cell, wall) {
        None => {
            let deleted = cell.value.as_ref().filter(|version| version.value.is_none());
            Current { stamp: deleted.map(|version| version.stamp), ..Current::default() }
        }
        Some(version) => Current {
            version: cell.number,
            value: version.value.clone(),
            expires: version.expires,
            stamp: Some(version.stamp),
        },
    }
}

/// The version that is there at a time.
fn live(cell: &Cell<Version>, wall: Wall) -> Option<&Version> {
    cell.value.as_ref().filter(|version| version.visible(wall).is_some() || planted("a lock never ends"))
}

fn value(version: Option<&Version>) -> Option<&Value> {
    version?.value.as_ref()
}

/// The counter that an item is; one that is not there is 0. It is written as a counter is shown: `+1` and `01` are texts.
fn number(version: Option<&Version>) -> Option<i64> {
    let Some(value) = value(version) else { return Some(0) };
    let number: i64 = std::str::from_utf8(&value.bytes).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == &*value.bytes).then_some(number)
}

fn content_type(version: Option<&Version>) -> Option<String> {
    value(version)?.content_type.clone()
}

#[cfg(test)]
mod tests {
    use super::Swap;
    use crate::amendment::{Unchanged, When};
    use crate::paxos::register::{Cell, Change, ChangeId, Verdict};
    use crate::record::{Value, Version};
    use crate::request::{Current, Edit, Ends, Expect, Refusal};
    use causal::Stamp;
    use stdx::{Span, Wall};

    const NOW: Wall = Wall(1_000);

    fn swap(expect: Expect, edit: Edit) -> Swap {
        Swap { expect, edit, ends: Ends::Never, wall: NOW, stamp: Stamp::MIN }
    }

    fn current(cell: &Cell<Version>) -> Current {
        super::current(cell, NOW)
    }

    fn done(cell: &Cell<Version>, expect: Expect, edit: Edit) -> Option<Cell<Version>> {
        made(cell, swap(expect, edit))
    }

    fn made(cell: &Cell<Version>, swap: Swap) -> Option<Cell<Version>> {
        match swap.apply(cell) {
            Verdict::Write(value) => Some(cell.after(ChangeId(cell.number), value)),
            Verdict::Keep => Some(cell.clone()),
            Verdict::Refuse => None,
        }
    }

    fn put(text: &'static str) -> Edit {
        Edit::Put(Value::plain(text))
    }

    #[test]
    fn only_a_version_that_has_gone_by_never_comes_back() {
        let cell = |number| Cell { number, ..Cell::default() };
        assert!(!swap(Expect::Version(3), put("a")).may_apply_after(&cell(4)));
        assert!(
            swap(Expect::Version(3), put("a")).may_apply_after(&cell(3)),
            "it has ended by this clock, not by another"
        );
        for expect in [Expect::Any, Expect::Absent, Expect::Version(0), Expect::Value("a".into())] {
            assert!(swap(expect, Edit::Delete).may_apply_after(&cell(4)));
        }
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
        for text in ["+1", "01", "-0", " 1"] {
            let cell = done(&one, Expect::Any, put(text)).expect("no condition");
            assert!(done(&cell, Expect::Any, Edit::Add(1)).is_none(), "{text}");
        }
        let word = done(&one, Expect::Any, put("word")).expect("no condition");
        let add = swap(Expect::Any, Edit::Add(1));
        assert_eq!(add.apply(&word), Verdict::Refuse);
        assert!(matches!(add.refusal(&word), Refusal::Invalid(_)));
        assert!(matches!(swap(Expect::Absent, Edit::Add(1)).refusal(&word), Refusal::ConditionFailed(_)));
    }

    fn at(wall: u64, expect: Expect, edit: Edit, ends: Ends) -> Swap {
        Swap { ends, wall: Wall(wall), ..swap(expect, edit) }
    }

    #[test]
    fn a_lock_is_taken_again_when_it_has_ended_and_not_before() {
        let take = |wall, name| at(wall, Expect::Absent, put(name), Ends::After(Span::millis(100)));
        let one = made(&Cell::default(), take(1_000, "one")).expect("it is free");
        assert_eq!(super::current(&one, Wall(1_099)).expires, Some(Wall(1_100)));
        assert_eq!(take(1_099, "two").apply(&one), Verdict::Refuse);
        assert_eq!(super::current(&one, Wall(1_100)), Current::default(), "it has ended");
        let two = made(&one, take(1_100, "two")).expect("it has ended");
        assert_eq!(super::current(&two, Wall(1_150)).version, 2, "the number goes on");
        // Whoever had it before lets nothing go, and puts nothing off.
        let release = |wall, name: &'static str| at(wall, Expect::Value(name.into()), Edit::Delete, Ends::Never);
        assert_eq!(release(1_150, "one").apply(&two), Verdict::Refuse);
        assert_eq!(release(1_250, "two").apply(&two), Verdict::Refuse, "that has ended by itself");
        let Verdict::Write(Some(gone)) = release(1_150, "two").apply(&two) else { panic!("it is its own") };
        assert_eq!((gone.value, gone.expires), (None, None));
        let longer = Edit::End { expires: Some(Wall(2_000)), when: When::There };
        let extend = |wall, version| at(wall, Expect::Version(version), longer.clone(), Ends::Never);
        assert_eq!(extend(1_150, 1).apply(&two), Verdict::Refuse);
        let extended = made(&two, extend(1_150, 2)).expect("it is there");
        assert_eq!(super::current(&extended, Wall(1_999)).expires, Some(Wall(2_000)));
        let late = extend(2_000, 0);
        assert_eq!(
            (late.apply(&extended), late.refusal(&extended)),
            (Verdict::Refuse, Refusal::Unchanged(Unchanged::Absent))
        );
    }

    #[test]
    fn what_has_ended_is_buried_if_nothing_has_come_since() {
        let put = at(1_000, Expect::Any, put("1"), Ends::At(Wall(1_500)));
        let ended = made(&Cell::default(), Swap { stamp: Stamp::new(900, 0), ..put }).expect("no condition");
        let Verdict::Write(Some(gone)) = Swap::burial(1).apply(&ended) else { panic!("it is that version") };
        assert_eq!((gone.value, gone.expires), (None, None));
        let restore = Version { stamp: Stamp::new(901, 0), expires: None, value: Some(Value::plain("saved")) };
        assert!(gone.stamp < restore.stamp, "a restore that began since restores it");
        let longer = Edit::End { expires: Some(Wall(2_000)), when: When::There };
        let put_off = made(&ended, at(1_200, Expect::Any, longer, Ends::Never)).expect("it is there");
        assert_eq!(Swap::burial(1).apply(&put_off), Verdict::Refuse);
        let deleted = made(&ended, at(1_200, Expect::Any, Edit::Delete, Ends::Never)).expect("it is there");
        assert_eq!(Swap::burial(1).apply(&deleted), Verdict::Refuse);
    }

    #[test]
    fn ends_are_kept_given_and_taken_as_asked() {
        let cell =
            made(&Cell::default(), at(1_000, Expect::Any, put("1"), Ends::At(Wall(1_500)))).expect("no condition");
        let end = |cell: &Cell<Version>| super::current(cell, Wall(1_000)).expires;
        assert_eq!(end(&cell), Some(Wall(1_500)));
        let kept = made(&cell, at(1_000, Expect::Any, put("2"), Ends::Kept)).expect("no condition");
        assert_eq!(end(&kept), Some(Wall(1_500)));
        let added = made(&kept, at(1_000, Expect::Any, Edit::Add(1), Ends::Never)).expect("a number");
        assert_eq!((end(&added), super::current(&added, NOW).value), (Some(Wall(1_500)), Some(Value::plain("3"))));
        assert_eq!(end(&made(&kept, at(1_000, Expect::Any, put("2"), Ends::Never)).expect("no condition")), None);
        let give = |expires, when| at(1_000, Expect::Any, Edit::End { expires, when }, Ends::Never);
        assert_eq!(give(Some(Wall(9_000)), When::Endless).refusal(&cell), Refusal::Unchanged(Unchanged::Condition));
        assert_eq!(give(Some(Wall(1_500)), When::There).apply(&cell), Verdict::Keep);
        let is_gone = |verdict| matches!(verdict, Verdict::Write(Some(Version { value: None, .. })));
        assert!(is_gone(give(Some(Wall(900)), When::There).apply(&cell)), "it ends at once");
        assert_eq!(end(&made(&cell, give(None, When::Ending)).expect("it has one")), None);
        let past = at(1_000, Expect::Any, put("x"), Ends::At(Wall(1_000)));
        assert_eq!((is_gone(past.apply(&cell)), past.apply(&Cell::default())), (true, Verdict::Keep));
        // What is added to after its end begins anew, and stays.
        let anew = made(&cell, at(1_500, Expect::Any, Edit::Add(4), Ends::Never)).expect("nothing is there");
        assert_eq!(super::current(&anew, Wall(9_000)).value, Some(Value::plain("4")));
    }

    #[test]
    fn a_restore_takes_back_nothing_that_came_after_it_began() {
        let stamped = |millis: u64, cell: &Cell<Version>, edit: Edit| {
            made(cell, Swap { stamp: Stamp::new(millis, 0), ..swap(Expect::Any, edit) }).expect("no condition")
        };
        let version = |value: &'static str| Version {
            stamp: Stamp::new(500, 0),
            expires: None,
            value: Some(Value::plain(value)),
        };
        let restored = |cell: &Cell<Version>, overwrite| {
            let edit = Edit::Restore { version: version("saved"), overwrite };
            current(&made(cell, swap(Expect::Any, edit)).expect("no condition")).value
        };
        let text = |value: &'static str| Some(Value::plain(value));
        let old = stamped(400, &Cell::default(), put("old"));
        assert_eq!(restored(&Cell::default(), false), text("saved"));
        assert_eq!((restored(&old, false), restored(&old, true)), (text("old"), text("saved")));
        let deleted_before = stamped(450, &old, Edit::Delete);
        assert_eq!(restored(&deleted_before, false), text("saved"));
        let deleted_since = stamped(501, &old, Edit::Delete);
        assert_eq!((restored(&deleted_since, false), restored(&deleted_since, true)), (None, None));
        let written_since = stamped(501, &old, put("new"));
        assert_eq!(restored(&written_since, true), text("new"));
        // Restored, and then changed through a node whose clock is behind: it is not restored again.
        let done = made(&old, swap(Expect::Any, Edit::Restore { version: version("saved"), overwrite: true }));
        let done = done.expect("no condition");
        assert_eq!(done.number, 2);
        assert_eq!(restored(&stamped(300, &done, Edit::Delete), true), None);
        assert_eq!(restored(&stamped(300, &done, put("later")), true), text("later"));
        let again = Swap {
            stamp: Stamp::new(600, 0),
            ..swap(Expect::Any, Edit::Restore { version: version("saved"), overwrite: true })
        };
        assert_eq!(again.apply(&done), Verdict::Keep, "twice is once");
        let ended = Version { expires: Some(NOW), ..version("saved") };
        let ended = swap(Expect::Any, Edit::Restore { version: ended, overwrite: true });
        assert_eq!(ended.apply(&old), Verdict::Keep, "what has ended is not restored");
    }
}
