//! Items of linearizable buckets behave like one copy that is touched by one client at a time: there is an order of the
//! operations on each item that agrees with real time and with every answer (Herlihy and Wing 1990).
//!
//! The search is that of Wing and Gong, with Lowe's memory of states that were tried. An operation whose outcome nobody
//! knows may take effect at any time after its start, or never. Items are checked apart: linearizability is local.

mod copy;
mod history;

use crate::time::Time;
use bytes::Bytes;
use copy::Copy;
pub(crate) use copy::Since;
pub(crate) use history::{by_item, is_unknown, may_be_done};
use node::proto::{Edit, Expect};
use std::collections::BTreeSet;

/// Most operations on one item that are searched; the sets of them are bits of a number.
const OPERATIONS_MAX: usize = 128;
/// States looked at before a search is given up as undecided.
const STATES_MAX: usize = 2_000_000;

/// What an operation did and said, as far as it matters to its item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Event {
    pub(crate) started: Time,
    /// None: nobody knows whether it was done.
    pub(crate) ended: Option<Time>,
    pub(crate) deed: Deed,
    /// Whether the copy after it was made by the restore of its bucket, or since.
    pub(crate) since: Since,
}

/// What an operation did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Deed {
    /// It saw this version and value.
    Read(u64, Option<Bytes>),
    /// It was refused because of this version.
    Refused(Expect, u64),
    /// It was carried out, and made this version, if that is known; and this value, if that was said.
    Changed(Expect, Edit, Option<u64>, Option<Bytes>),
}

/// What came of a check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// There is such an order.
    Linearizable,
    /// There is none.
    Not,
    /// The search became too long.
    Undecided,
}

/// Looks for an order.
pub(crate) fn check(events: &[Event]) -> Verdict {
    if events.len() > OPERATIONS_MAX {
        return Verdict::Undecided;
    }
    let required = bits(events, |event| event.ended.is_some());
    let mut seen: BTreeSet<(u128, Copy)> = BTreeSet::new();
    let mut stack = vec![(0u128, Copy::default())];
    while let Some((done, copy)) = stack.pop() {
        if done & required == required {
            return Verdict::Linearizable;
        }
        if seen.len() > STATES_MAX {
            return Verdict::Undecided;
        }
        // Whatever began after another ended comes after it.
        let first_end = (0..events.len())
            .filter(|at| done >> at & 1 == 0)
            .filter_map(|at| events[at].ended)
            .min()
            .unwrap_or(Time(u64::MAX));
        for (at, event) in events.iter().enumerate() {
            if done >> at & 1 == 1 || event.started > first_end {
                continue;
            }
            for next in copy.after(event) {
                let state = (done | 1 << at, next);
                if seen.insert(state.clone()) {
                    stack.push(state);
                }
            }
        }
    }
    Verdict::Not
}

fn bits(events: &[Event], of: impl Fn(&Event) -> bool) -> u128 {
    events.iter().enumerate().filter(|(_, event)| of(event)).fold(0, |bits, (at, _)| bits | 1 << at)
}

#[cfg(test)]
mod tests {
    use super::{Copy, Deed, Event, Since, Verdict, check};
    use crate::time::Time;
    use bytes::Bytes;
    use causal::Stamp;
    use node::proto::{Edit, Expect, Value, Version};
    use stdx::Prng;

    /// Every order of every subset that holds what must be there.
    fn brute(events: &[Event], used: &mut Vec<bool>, copy: &Copy) -> bool {
        if events.iter().zip(used.iter()).all(|(event, used)| *used || event.ended.is_none()) {
            return true;
        }
        for at in 0..events.len() {
            let blocked = (0..events.len())
                .any(|other| !used[other] && events[other].ended.is_some_and(|end| end < events[at].started));
            if used[at] || blocked {
                continue;
            }
            for next in copy.after(&events[at]) {
                used[at] = true;
                let found = brute(events, used, &next);
                used[at] = false;
                if found {
                    return true;
                }
            }
        }
        false
    }

    fn deed(prng: &mut Prng) -> Deed {
        let value = |prng: &mut Prng| Bytes::from(prng.below(3).to_string());
        let expect = match prng.below(4) {
            0 => Expect::Any,
            1 => Expect::Absent,
            2 => Expect::Version(prng.below(3)),
            _ => Expect::Value(value(prng)),
        };
        let edit = match prng.below(4) {
            0 => Edit::Delete,
            1 => Edit::Add(1),
            2 => restore(value(prng), prng.below(2) == 0),
            _ => Edit::Put(Value::plain(value(prng))),
        };
        let version = prng.below(4);
        match prng.below(4) {
            0 => Deed::Read(version, (version > 0).then(|| value(prng))),
            1 => Deed::Refused(expect, version),
            2 => Deed::Changed(expect, edit, None, None),
            _ => Deed::Changed(expect, edit, Some(version), None),
        }
    }

    fn restore(value: Bytes, overwrite: bool) -> Edit {
        let version = Version { stamp: Stamp::MIN, expires: None, value: Some(Value::plain(value)) };
        Edit::Restore { version, overwrite }
    }

    #[test]
    fn it_says_the_same_as_trying_every_order() {
        let mut verdicts = [0, 0];
        for seed in 0..30_000 {
            let mut prng = Prng::new(seed);
            let events: Vec<Event> = (0..prng.between(1, 6))
                .map(|_| {
                    let started = prng.below(12);
                    let ended = (prng.below(6) > 0).then(|| Time(started + prng.below(6)));
                    let since = [Since::Unknown, Since::No, Since::Yes][prng.below(3) as usize];
                    Event { started: Time(started), ended, deed: deed(&mut prng), since }
                })
                .collect();
            let brute = brute(&events, &mut vec![false; events.len()], &Copy::default());
            verdicts[usize::from(brute)] += 1;
            let expected = if brute { Verdict::Linearizable } else { Verdict::Not };
            assert_eq!(check(&events), expected, "seed {seed}: {events:?}");
        }
        assert!(verdicts.iter().all(|count| *count > 1_500), "{verdicts:?}");
    }

    #[test]
    fn a_stale_read_and_a_lost_update_are_noticed() {
        let put = |text: &'static str| Edit::Put(Value::plain(text));
        let event = |started, ended, deed| Event {
            started: Time(started),
            ended: Some(Time(ended)),
            deed,
            since: Since::Unknown,
        };
        let write = event(1, 2, Deed::Changed(Expect::Any, put("a"), Some(1), None));
        let stale = event(3, 4, Deed::Read(0, None));
        assert_eq!(check(&[write.clone(), stale]), Verdict::Not);
        let once = |ended| event(1, ended, Deed::Changed(Expect::Absent, put("b"), Some(1), None));
        assert_eq!(check(&[once(2), once(3)]), Verdict::Not);
        let unknown = Event { ended: None, ..write };
        assert_eq!(check(&[unknown.clone(), event(3, 4, Deed::Read(0, None))]), Verdict::Linearizable);
        assert_eq!(check(&[unknown, event(3, 4, Deed::Read(1, Some("a".into())))]), Verdict::Linearizable);
    }

    /// An item that was `was` at version 1, made before the restore, since, or nobody knows; then the restore, then what is read.
    fn after_restore(was: Option<&'static str>, since: Since, overwrite: bool, read: (u64, &'static str)) -> Verdict {
        let event = |at: u64, deed, since| Event { started: Time(at), ended: Some(Time(at)), deed, since };
        let put = Edit::Put(Value::plain(was.unwrap_or("x")));
        let mut events = vec![event(1, Deed::Changed(Expect::Any, put, Some(1), None), Since::No)];
        let change = if was.is_some() { Edit::Put(Value::plain("now")) } else { Edit::Delete };
        let version = was.map(|_| 2);
        events.push(event(2, Deed::Changed(Expect::Any, change, version, None), since));
        let restored = Deed::Changed(Expect::Any, restore("saved".into(), overwrite), None, None);
        events.push(event(3, restored, Since::Unknown));
        let (version, value) = read;
        let value = (version > 0).then(|| value.into());
        events.push(event(4, Deed::Read(version, value), Since::Unknown));
        check(&events)
    }

    #[test]
    fn a_restore_changes_what_is_older_and_nothing_else() {
        use Verdict::{Linearizable, Not};
        // What is there, and since when; overwrite; what is read; the verdict.
        let cases = [
            (Some("old"), Since::No, true, (3, "saved"), Linearizable),
            (Some("old"), Since::No, true, (2, "now"), Not),
            (Some("old"), Since::No, false, (3, "saved"), Not),
            (Some("old"), Since::No, false, (2, "now"), Linearizable),
            (Some("old"), Since::Yes, true, (3, "saved"), Not),
            (Some("old"), Since::Yes, true, (2, "now"), Linearizable),
            (Some("old"), Since::Unknown, true, (3, "saved"), Linearizable),
            (Some("old"), Since::Unknown, true, (2, "now"), Linearizable),
            (None, Since::No, false, (3, "saved"), Linearizable),
            (None, Since::No, false, (0, ""), Not),
            (None, Since::Yes, true, (3, "saved"), Not),
            (None, Since::Yes, true, (0, ""), Linearizable),
        ];
        for (was, since, overwrite, read, verdict) in cases {
            assert_eq!(after_restore(was, since, overwrite, read), verdict, "{was:?} {since:?} {overwrite} {read:?}");
        }
    }
}
