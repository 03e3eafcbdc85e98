//! What the history of a run tells about the items of a linearizable bucket.
//!
//! A page of a list is a read of every item that it covers, those that it leaves out among them; no two at the same moment.
//! Refuses to judge.

use super::{Deed, Event, Since};
use crate::checker::ranges::is_covered;
use crate::history::{Operation, Outcome};
use crate::locks::is_lock;
use crate::time::Time;
use bytes::Bytes;
use causal::Stamp;
use node::proto::{Cas, ChangeId, Current, ItemKey, Page, Record, Refusal, Request, Response, Scan};
use ring::Grid;
use std::collections::BTreeMap;

/// The operations on each item of a bucket, from the history of a run. `restored` is the stamp of the restore of the bucket, if there was
/// one.
pub(crate) fn by_item(
    history: &[Operation],
    bucket: &str,
    grid: Grid,
    restored: Option<Stamp>,
) -> BTreeMap<ItemKey, Vec<Event>> {
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
        let Some(event) = event(operation, restored) else { continue };
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
                let (version, value) = shown(record)?;
                Some((key.clone(), (version, Some(value))))
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
        let since = Since::Unknown;
        events.push(Event { started: operation.started, ended: Some(operation.ended), deed, since });
    }
}

fn id_of(operation: &Operation) -> Option<ChangeId> {
    match &operation.request {
        Request::Cas(cas) => cas.id,
        _ => None,
    }
}

impl Event {
    /// What is there at the end, read by nobody in particular.
    pub(crate) fn at_the_end(now: Time, record: Option<&Record>) -> Event {
        let shown = record.and_then(shown);
        let (version, value) = shown.map_or((0, None), |(version, value)| (version, Some(value)));
        Event { started: now, ended: Some(now), deed: Deed::Read(version, value), since: Since::Unknown }
    }
}

/// Version and value of a record, if it has one.
fn shown(record: &Record) -> Option<(u64, Bytes)> {
    let Record::Register(register) = record else { return None };
    let cell = register.cell()?;
    Some((cell.number, cell.value.as_ref()?.value.as_ref()?.bytes.clone()))
}

/// What an operation tells; nothing, if it was certainly not done and saw nothing.
fn event(operation: &Operation, restored: Option<Stamp>) -> Option<Event> {
    let (started, ended) = (operation.started, Some(operation.ended));
    let known = |deed: Deed, current: &Current| {
        let since = match (current.stamp, restored) {
            (Some(stamp), Some(restored)) if stamp >= restored => Since::Yes,
            (Some(_), Some(_)) => Since::No,
            _ => Since::Unknown,
        };
        Some(Event { started, ended, deed, since })
    };
    let unknown = match &operation.request {
        Request::Cas(Cas { expect, edit, .. }) => {
            let deed = Deed::Changed(expect.clone(), edit.clone(), None, None);
            Some(Event { started, ended: None, deed, since: Since::Unknown })
        }
        _ => None,
    };
    let response = match &operation.outcome {
        Outcome::Answered(response) => response.as_ref(),
        Outcome::Lost | Outcome::Pending => return unknown,
        Outcome::NotTaken => return None,
    };
    let value = |current: &Current| current.value.as_ref().map(|value| value.bytes.clone());
    match (&operation.request, response) {
        (Request::Get(_), Response::Current(current)) => known(Deed::Read(current.version, value(current)), current),
        (Request::Cas(cas), Response::Swapped(current)) => {
            let (expect, edit) = (cas.expect.clone(), cas.edit.clone());
            known(Deed::Changed(expect, edit, Some(current.version), value(current)), current)
        }
        (Request::Cas(cas), Response::Refused(Refusal::ConditionFailed(current))) => {
            known(Deed::Refused(cas.expect.clone(), current.version), current)
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
