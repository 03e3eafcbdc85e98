//! Items of linearizable buckets behave like one copy that is touched by one client at a time: there is an order of the
//! operations on each item that agrees with real time and with every answer (Herlihy and Wing 1990).
//!
//! A page of a list is a read of every item that it covers, those that it leaves out among them; no two at the same moment.
//!
//! The search is that of Wing and Gong, with Lowe's memory of states that were tried. An operation whose outcome nobody
//! knows may take effect at any time after its start, or never. Items are checked apart: linearizability is local.

use super::ranges::is_covered;
use crate::history::{Operation, Outcome};
use crate::locks::is_lock;
use crate::time::Time;
use bytes::Bytes;
use node::proto::{Cas, ChangeId, Current, Edit, Expect, ItemKey, Page, Record, Refusal, Request, Response, Scan};
use ring::Grid;
use std::collections::{BTreeMap, BTreeSet};

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

/// The one copy.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Copy {
    changes: Changes,
    value: Option<Bytes>,
}

/// How many changes led to a copy. Where nothing is, as many as one likes may have been: an item that was collected begins
/// anew above every number that any item had (`docs/adr/0021-collection-of-registers.md`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Changes {
    Exactly(u64),
    /// What was put there when nothing was, by a change that nobody knows the number of.
    AtLeast(u64),
}

impl Default for Changes {
    fn default() -> Changes {
        Changes::Exactly(0)
    }
}

impl Changes {
    /// These, if they can be so many.
    fn known(self, number: u64) -> Option<Changes> {
        let can_be = match self {
            Changes::Exactly(changes) => changes == number,
            Changes::AtLeast(least) => least <= number,
        };
        can_be.then_some(Changes::Exactly(number))
    }

    fn after_one_more(self, is_anew: bool) -> Changes {
        match self {
            Changes::Exactly(changes) if !is_anew => Changes::Exactly(changes + 1),
            Changes::Exactly(changes) | Changes::AtLeast(changes) => Changes::AtLeast(changes + 1),
        }
    }
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

impl Copy {
    /// The copy, if it can have this version; there is none where nothing is.
    fn known(&self, version: u64) -> Option<Copy> {
        match self.value {
            None => (version == 0).then(|| self.clone()),
            Some(_) => Some(Copy { changes: self.changes.known(version)?, value: self.value.clone() }),
        }
    }

    /// The copy, if it can meet a condition.
    fn meeting(&self, expect: &Expect) -> Option<Copy> {
        let meets = match expect {
            Expect::Any => true,
            Expect::Absent => self.value.is_none(),
            Expect::Version(version) => return self.known(*version),
            Expect::Value(bytes) => self.value.as_ref() == Some(bytes),
        };
        meets.then(|| self.clone())
    }

    /// The copy after a deed, if the deed can be done to this one.
    fn after(&self, deed: &Deed) -> Option<Copy> {
        match deed {
            Deed::Read(version, value) => self.known(*version).filter(|copy| copy.value == *value),
            Deed::Refused(expect, version) => self.known(*version).filter(|copy| copy.meeting(expect).is_none()),
            Deed::Changed(expect, edit, version, value) => {
                let next = self.meeting(expect)?.edited(edit)?;
                if value.is_some() && *value != next.value {
                    return None;
                }
                match version {
                    None | Some(0) if next.value.is_none() => Some(next),
                    None => Some(next),
                    // A change that was overtaken by others before it was answered knows the number it made, also of a
                    // deletion.
                    Some(version) => Some(Copy { changes: next.changes.known(*version)?, ..next }),
                }
            }
        }
    }

    fn edited(&self, edit: &Edit) -> Option<Copy> {
        let value = match edit {
            // The plans give no ends to items whose order is looked for, and restore none of them.
            Edit::End { .. } | Edit::Restore { .. } => return Some(self.clone()),
            Edit::Delete if self.value.is_none() => return Some(self.clone()),
            Edit::Delete => None,
            Edit::Put(value) => Some(value.bytes.clone()),
            Edit::Add(by) => {
                let number = self.value.as_ref().map_or(Some(0), |bytes| std::str::from_utf8(bytes).ok()?.parse().ok());
                Some(Bytes::from(number.and_then(|number: i64| number.checked_add(*by))?.to_string()))
            }
        };
        Some(Copy { changes: self.changes.after_one_more(self.value.is_none()), value })
    }
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
            if let Some(next) = copy.after(&event.deed) {
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

/// The operations on each item of a bucket, from the history of a run.
pub(crate) fn by_item(history: &[Operation], bucket: &str, grid: Grid) -> BTreeMap<ItemKey, Vec<Event>> {
    let mut items: BTreeMap<ItemKey, Vec<Event>> = BTreeMap::new();
    // A change that was asked for again, under the same id, is one operation with the outcome of its last attempt.
    let mut named: BTreeMap<ChangeId, usize> = BTreeMap::new();
    for operation in history {
        let key = match &operation.request {
            Request::Get(get) if get.bucket == bucket && get.level.is_none() => &get.key,
            Request::Cas(cas) if cas.bucket == bucket => &cas.key,
            _ => continue,
        };
        // Those have ends: `locks` judges them.
        if is_lock(key) {
            continue;
        }
        let Some(event) = event(operation) else { continue };
        let events = items.entry(key.clone()).or_default();
        match id_of(operation).and_then(|id| named.insert(id, events.len()).map(|at| (id, at))) {
            Some((id, at)) => {
                named.insert(id, at);
                events[at] = Event { started: events[at].started, ..event };
            }
            None => events.push(event),
        }
    }
    for operation in history {
        if let Some((scan, shown, next)) = listed(operation).filter(|(scan, ..)| scan.bucket == bucket) {
            add_list(&mut items, operation, scan, &shown, next, grid);
        }
    }
    items
}

/// Version and value of the items on a page.
type Listed = BTreeMap<ItemKey, (u64, Option<Bytes>)>;

/// What a list or a dump gave, and where it ended.
fn listed(operation: &Operation) -> Option<(&Scan, Listed, Option<ItemKey>)> {
    let Outcome::Answered(response) = &operation.outcome else { return None };
    match (&operation.request, response.as_ref()) {
        (Request::Scan(scan), Response::Page(page)) => {
            let shown = |(key, values): &(ItemKey, Vec<node::proto::Sibling>)| {
                let only = values.first()?;
                let value = only.version.value.as_ref().map(|value| value.bytes.clone());
                Some((key.clone(), (only.dot.counter, value)))
            };
            Some((scan, page.items.iter().filter_map(shown).collect(), page.next.clone()))
        }
        (Request::Dump(scan), Response::Records(records)) => {
            let shown = |(key, record): &(ItemKey, Record)| {
                let Record::Register(register) = record else { return None };
                let cell = register.cell()?;
                let value = cell.value.as_ref()?.value.as_ref()?.bytes.clone();
                Some((key.clone(), (cell.number, Some(value))))
            };
            Some((scan, records.items.iter().filter_map(shown).collect(), records.next.clone()))
        }
        _ => None,
    }
}

/// A page is a read of every item that it covers.
fn add_list(
    items: &mut BTreeMap<ItemKey, Vec<Event>>,
    operation: &Operation,
    scan: &Scan,
    shown: &Listed,
    next: Option<ItemKey>,
    grid: Grid,
) {
    for key in shown.keys().filter(|key| !is_lock(key)) {
        items.entry(key.clone()).or_default();
    }
    let page = Page { items: Vec::new(), next };
    for (key, events) in items.iter_mut().filter(|(key, _)| is_covered(key, scan, &page, grid)) {
        let (version, value) = shown.get(key).cloned().unwrap_or_default();
        stdx::marks::hit(if value.is_some() { "sim.register_listed" } else { "sim.register_left_out_of_a_list" });
        let deed = Deed::Read(version, value);
        events.push(Event { started: operation.started, ended: Some(operation.ended), deed });
    }
}

fn id_of(operation: &Operation) -> Option<ChangeId> {
    match &operation.request {
        Request::Cas(cas) => cas.id,
        _ => None,
    }
}

/// What an operation tells; nothing, if it was certainly not done and saw nothing.
fn event(operation: &Operation) -> Option<Event> {
    let known = |deed: Deed| Some(Event { started: operation.started, ended: Some(operation.ended), deed });
    let unknown = match &operation.request {
        Request::Cas(Cas { expect, edit, .. }) => Some(Event {
            started: operation.started,
            ended: None,
            deed: Deed::Changed(expect.clone(), edit.clone(), None, None),
        }),
        _ => None,
    };
    let response = match &operation.outcome {
        Outcome::Answered(response) => response.as_ref(),
        Outcome::Lost | Outcome::Pending => return unknown,
        Outcome::NotTaken => return None,
    };
    match (&operation.request, response) {
        (Request::Get(_), Response::Current(Current { version, value, .. })) => {
            known(Deed::Read(*version, value.as_ref().map(|value| value.bytes.clone())))
        }
        (Request::Cas(cas), Response::Swapped(current)) => {
            let value = current.value.as_ref().map(|value| value.bytes.clone());
            known(Deed::Changed(cas.expect.clone(), cas.edit.clone(), Some(current.version), value))
        }
        (Request::Cas(cas), Response::Refused(Refusal::ConditionFailed(current))) => {
            known(Deed::Refused(cas.expect.clone(), current.version))
        }
        (_, Response::Refused(refusal)) if may_be_done(refusal) => unknown,
        _ => None,
    }
}

/// True if a change that was answered like this may have been made.
pub(crate) fn may_be_done(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::QuorumUnmet { write: true, .. } | Refusal::NoAnswer { write: true } | Refusal::OutcomeUnknown
    )
}

/// True if nobody knows whether a change with this outcome was made.
pub(crate) fn is_unknown(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Answered(response) => {
            matches!(response.as_ref(), Response::Refused(refusal) if may_be_done(refusal))
        }
        Outcome::Lost => true,
        Outcome::NotTaken | Outcome::Pending => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Copy, Deed, Event, Verdict, check};
    use crate::time::Time;
    use bytes::Bytes;
    use node::proto::{Edit, Expect, Value};
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
            if let Some(next) = copy.after(&events[at].deed) {
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
        let edit = match prng.below(3) {
            0 => Edit::Delete,
            1 => Edit::Add(1),
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

    #[test]
    fn it_says_the_same_as_trying_every_order() {
        let mut verdicts = [0, 0];
        for seed in 0..30_000 {
            let mut prng = Prng::new(seed);
            let events: Vec<Event> = (0..prng.between(1, 6))
                .map(|_| {
                    let started = prng.below(12);
                    let ended = (prng.below(6) > 0).then(|| Time(started + prng.below(6)));
                    Event { started: Time(started), ended, deed: deed(&mut prng) }
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
        let event = |started, ended, deed| Event { started: Time(started), ended: Some(Time(ended)), deed };
        let write = event(1, 2, Deed::Changed(Expect::Any, put("a"), Some(1), None));
        let stale = event(3, 4, Deed::Read(0, None));
        assert_eq!(check(&[write.clone(), stale]), Verdict::Not);
        let once = |ended| event(1, ended, Deed::Changed(Expect::Absent, put("b"), Some(1), None));
        assert_eq!(check(&[once(2), once(3)]), Verdict::Not);
        let unknown = Event { ended: None, ..write };
        assert_eq!(check(&[unknown.clone(), event(3, 4, Deed::Read(0, None))]), Verdict::Linearizable);
        assert_eq!(check(&[unknown, event(3, 4, Deed::Read(1, Some("a".into())))]), Verdict::Linearizable);
    }
}
