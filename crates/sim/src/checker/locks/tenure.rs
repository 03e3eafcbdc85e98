//! What was done to a lock: the requests of a history as the few kinds of acts that there are.
//!
//! Invariant: a change that was asked for again, under the same id, is one act.

use super::wall;
use crate::checker::linearizable::is_unknown;
use crate::describe;
use crate::history::{Operation, Outcome};
use crate::locks::is_lock;
use crate::time::Time;
use bytes::Bytes;
use node::proto::{Cas, ChangeId, Current, Edit, Ends, Expect, ItemKey, Refusal, Request, Response};
use std::collections::BTreeMap;

/// What became of an act; those that were certainly not carried out and told nothing are none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// It was carried out, or was told who has the lock.
    Made,
    /// Perhaps.
    Unknown,
}

/// When a lock ends, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Term {
    /// So long after it was asked for.
    For(u64),
    /// Then, by a wall clock.
    Until(u64),
}

/// What somebody wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Deed {
    /// To have it under this name.
    Take((Bytes, Term)),
    /// Another end for the lock of this name.
    PutOff(Bytes, Term),
    /// To let the lock of this name go.
    Release(Bytes),
    /// To know who has it.
    Look,
    /// A change that was refused because of what is there.
    Other,
}

/// One act.
#[derive(Clone, Debug)]
pub(super) struct Act {
    /// Its place in the history.
    pub(super) asked: usize,
    pub(super) started: Time,
    pub(super) ended: Time,
    pub(super) deed: Deed,
    pub(super) fate: Fate,
    /// Whom it was told to have the lock, instead of itself.
    pub(super) shown: Option<Bytes>,
    /// The version it made or was told.
    pub(super) version: Option<u64>,
}

impl Act {
    /// True if it got the lock.
    pub(super) fn takes(&self) -> bool {
        matches!(self.deed, Deed::Take(_)) && self.fate == Fate::Made && self.shown.is_none()
    }

    /// True if the lock of this name has its end from here.
    pub(super) fn gives_end(&self, of: &Bytes) -> bool {
        matches!(&self.deed, Deed::Take((name, _)) | Deed::PutOff(name, _) if name == of && self.shown.is_none())
    }

    /// When the end that it gave comes at the earliest, by a clock that is right.
    pub(super) fn earliest_end(&self) -> Option<u64> {
        match self.deed {
            Deed::Take((_, term)) | Deed::PutOff(_, term) => Some(term.after(wall(self.started))),
            _ => None,
        }
    }

    /// When it comes at the latest; none if nobody knows.
    pub(super) fn latest_end(&self) -> Option<u64> {
        match (&self.deed, self.fate) {
            (Deed::Take((_, term)) | Deed::PutOff(_, term), Fate::Made) => Some(term.after(wall(self.ended))),
            _ => None,
        }
    }

    pub(super) fn name(&self) -> String {
        match &self.deed {
            Deed::Take((name, _)) | Deed::PutOff(name, _) | Deed::Release(name) => describe::text(name),
            Deed::Look | Deed::Other => format!("request {}", self.asked),
        }
    }
}

impl Term {
    fn after(self, asked: u64) -> u64 {
        match self {
            Term::For(span) => asked + span,
            Term::Until(wall) => wall,
        }
    }
}

/// The acts of a history by lock, in the order in which they were first asked for.
pub(super) fn acts(history: &[Operation], bucket: &str) -> BTreeMap<ItemKey, Vec<Act>> {
    let mut locks: BTreeMap<ItemKey, Vec<Act>> = BTreeMap::new();
    let mut named: BTreeMap<ChangeId, usize> = BTreeMap::new();
    for (asked, operation) in history.iter().enumerate() {
        let (key, id) = match &operation.request {
            Request::Get(get) if get.bucket == bucket => (&get.key, None),
            Request::Cas(cas) if cas.bucket == bucket => (&cas.key, cas.id),
            _ => continue,
        };
        if !is_lock(key) {
            continue;
        }
        let Some(act) = act(asked, operation) else { continue };
        let acts = locks.entry(key.clone()).or_default();
        let known = id.and_then(|id| named.get(&id).copied());
        match known.and_then(|at| acts.get_mut(at)) {
            Some(first) => first.again(act),
            None => {
                if let Some(id) = id {
                    named.insert(id, acts.len());
                }
                acts.push(act);
            }
        }
    }
    locks
}

impl Act {
    /// It was asked for again. What was told then is told of the whole.
    fn again(&mut self, act: Act) {
        // A refusal speaks of the second attempt alone: the first one may have been made, and be over.
        if act.fate == Fate::Made && act.deed == self.deed {
            *self = Act { asked: self.asked, started: self.started, ..act };
        }
        self.ended = self.ended.max(act_end(self.fate, self.ended));
    }
}

fn act_end(fate: Fate, ended: Time) -> Time {
    if fate == Fate::Unknown { Time(u64::MAX) } else { ended }
}

/// What an operation was; nothing, if it was not done and saw nothing.
fn act(asked: usize, operation: &Operation) -> Option<Act> {
    let deed = match &operation.request {
        Request::Cas(cas) => deed(cas)?,
        _ => Deed::Look,
    };
    let (started, ended) = (operation.started, operation.ended);
    let of = |deed: Deed, fate: Fate, current: Option<&Current>, shows: bool| {
        let value = current.and_then(|current| current.value.as_ref()).map(|value| value.bytes.clone());
        let version = current.map(|current| current.version).filter(|version| *version > 0);
        Some(Act { asked, started, ended, deed, fate, shown: value.filter(|_| shows), version })
    };
    if is_unknown(&operation.outcome) {
        let act = of(deed, Fate::Unknown, None, false)?;
        return (act.deed != Deed::Look).then_some(Act { ended: Time(u64::MAX), ..act });
    }
    let Outcome::Answered(response) = &operation.outcome else { return None };
    match response.as_ref() {
        Response::Current(current) => of(deed, Fate::Made, Some(current), true),
        Response::Swapped(current) => of(deed, Fate::Made, Some(current), false),
        Response::Refused(Refusal::ConditionFailed(current)) if matches!(deed, Deed::Take(_)) => {
            // It says who has it, like a look; who is refused, and is told that nobody does, was late.
            let shows = current.value.is_some();
            of(if shows { Deed::Look } else { Deed::Other }, Fate::Made, Some(current), true)
        }
        Response::Refused(Refusal::ConditionFailed(current)) => of(Deed::Other, Fate::Made, Some(current), true),
        _ => None,
    }
}

fn deed(cas: &Cas) -> Option<Deed> {
    let term = |ends: Ends| if let Ends::After(span) = ends { Some(Term::For(span.as_millis())) } else { None };
    match (&cas.expect, &cas.edit) {
        (Expect::Absent, Edit::Put(value)) => Some(Deed::Take((value.bytes.clone(), term(cas.ends)?))),
        (Expect::Value(name), Edit::Put(_)) => Some(Deed::PutOff(name.clone(), term(cas.ends)?)),
        (Expect::Value(name), Edit::End { expires, .. }) => {
            Some(Deed::PutOff(name.clone(), Term::Until(expires.as_ref()?.0)))
        }
        (Expect::Value(name), Edit::Delete) => Some(Deed::Release(name.clone())),
        _ => None,
    }
}
