//! What was done to a counter, and what an answer shows of it.
//!
//! Knows nothing of what must hold.

use crate::clock::WALL_AT_START_MS;
use crate::counting::kind;
use crate::history::{Operation, Outcome};
use crate::time::Time;
use bytes::Bytes;
use causal::Dot;
use node::proto::{Amendment, Decimal, ItemKey, Level, Record, Refusal, Request, Response, Value, Version, element};
use stdx::Wall;

/// What became of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// It is made.
    Made,
    /// Perhaps.
    Unknown,
    /// It is not, and never will be.
    Not,
}

/// A change of a counter.
pub(super) struct Deed<'a> {
    pub(super) operation: &'a Operation,
    pub(super) fate: Fate,
}

/// True if one replica alone may have acknowledged it, on top of what that one held.
pub(super) fn is_weak(operation: &Operation) -> bool {
    let level = match &operation.request {
        Request::Get(get) => get.level,
        Request::Put(put) => put.level,
        Request::Amend(amending) => amending.level,
        _ => None,
    };
    matches!(level, Some(Level::Any | Level::One | Level::Count(_)))
}

/// The counter that a request is about, if it is about one.
pub(crate) fn counter_of(operation: &Operation) -> Option<&ItemKey> {
    let key = match &operation.request {
        Request::Get(get) => &get.key,
        Request::Put(put) => &put.key,
        Request::Amend(amending) => &amending.key,
        _ => return None,
    };
    kind(key).map(|_| key)
}

pub(super) fn fate(operation: &Operation) -> Fate {
    match &operation.outcome {
        Outcome::NotTaken => Fate::Not,
        Outcome::Lost | Outcome::Pending => Fate::Unknown,
        Outcome::Answered(response) => match response.as_ref() {
            Response::Written(_) | Response::Amended(_) => Fate::Made,
            Response::Refused(Refusal::QuorumUnmet { write, .. } | Refusal::NoAnswer { write }) if !write => Fate::Not,
            Response::Refused(
                Refusal::Unchanged(_)
                | Refusal::OutOfReach { .. }
                | Refusal::NotReady(_)
                | Refusal::Overloaded
                | Refusal::DiskFull
                | Refusal::LevelImpossible { .. },
            ) => Fate::Not,
            _ => Fate::Unknown,
        },
    }
}

/// What the counter was, as far as an answer shows it.
pub(super) fn shown_value(operation: &Operation) -> Option<i64> {
    let Outcome::Answered(response) = &operation.outcome else { return None };
    match response.as_ref() {
        Response::Found(found) if found.siblings.is_empty() => Some(0),
        Response::Found(found) => {
            let versions = found.siblings.iter().map(|sibling| (sibling.dot, &sibling.version));
            number(&shown(counter_of(operation)?, versions)?)
        }
        Response::Amended(outcome) => number(&outcome.value),
        _ => None,
    }
}

/// What a record shows of a counter at a time; none if that is no number.
pub(super) fn held_value(key: &ItemKey, record: Option<&Record>, wall: Wall) -> Option<i64> {
    let visible = record.map(|record| record.visible(wall)).unwrap_or_default();
    if visible.is_empty() {
        return Some(0);
    }
    number(&shown(key, visible.iter().map(|(dot, version)| (*dot, version.as_ref())))?)
}

fn shown<'v>(key: &ItemKey, mut versions: impl Iterator<Item = (Dot, &'v Version)>) -> Option<Bytes> {
    if key.is_element() {
        return element::shown(versions);
    }
    versions.next()?.1.value.as_ref().map(|value| value.bytes.clone())
}

pub(super) fn number(bytes: &[u8]) -> Option<i64> {
    Decimal::parse(bytes)?.as_i64()
}

/// The value that a deed puts there, or none where it deletes; nothing if it does neither.
pub(super) fn put(operation: &Operation) -> Option<Option<&Value>> {
    match &operation.request {
        Request::Put(put) => Some(put.value.as_ref()),
        Request::Amend(amending) => match &amending.amendment {
            Amendment::Put(value) => Some(value.as_ref()),
            Amendment::Add { .. } | Amendment::End { .. } => None,
        },
        _ => None,
    }
}

pub(super) fn is_put(deed: &Deed<'_>) -> bool {
    put(deed.operation).is_some()
}

/// True if it takes away what it has seen of what was added to a field.
pub(super) fn takes(deed: &Deed<'_>) -> bool {
    matches!(&deed.operation.request, Request::Amend(_)) && is_put(deed)
}

pub(super) fn put_number(operation: &Operation) -> Option<i64> {
    let bytes = &put(operation)??.bytes;
    let is_field = counter_of(operation)?.is_element();
    number(if is_field { bytes.get(1..)? } else { bytes })
}

pub(super) fn added_by(operation: &Operation) -> Option<i64> {
    match &operation.request {
        Request::Amend(amending) => match amending.amendment {
            Amendment::Add { by, .. } => by.as_i64(),
            Amendment::End { .. } | Amendment::Put(_) => None,
        },
        _ => None,
    }
}

pub(super) fn end(operation: &Operation) -> Option<u64> {
    match &operation.request {
        Request::Amend(amending) => match amending.amendment {
            Amendment::End { expires, .. } => expires.map(|end| end.0),
            Amendment::Add { .. } | Amendment::Put(_) => None,
        },
        _ => None,
    }
}

pub(super) fn wall(at: Time) -> u64 {
    WALL_AT_START_MS + at.0 / 1_000
}
