//! The one copy that an item of a linearizable bucket behaves like, and what each deed makes of it.
//!
//! A restore changes what is older than its event and leaves what came since: of a copy it is known or not on which side it is. Stamps
//! of the changes of an item rise, so who is since stays since.
//! Refuses to know when anything happened.

use super::{Deed, Event};
use bytes::Bytes;
use node::proto::{Edit, Expect};

/// The one copy.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Copy {
    changes: Changes,
    value: Option<Bytes>,
    /// Nothing that is older than the restore of the bucket; unknown after a change that did not say its stamp.
    since: Since,
}

/// Whether a copy was made by the restore of its bucket or came after it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Since {
    #[default]
    No,
    Yes,
    Unknown,
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

impl Copy {
    /// The copy, if it can have this version; there is none where nothing is.
    fn known(&self, version: u64) -> Option<Copy> {
        match self.value {
            None => (version == 0).then(|| self.clone()),
            Some(_) => Some(Copy { changes: self.changes.known(version)?, ..self.clone() }),
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

    /// What the copy may be after an event, if that can happen to this one.
    pub(super) fn after(&self, event: &Event) -> impl Iterator<Item = Copy> {
        let nexts = match &event.deed {
            Deed::Read(version, value) => [self.known(*version).filter(|copy| copy.value == *value), None],
            Deed::Refused(expect, version) => {
                [self.known(*version).filter(|copy| copy.meeting(expect).is_none()), None]
            }
            Deed::Changed(expect, edit, version, value) => {
                let nexts = self.meeting(expect).map_or([None, None], |copy| copy.edited(edit));
                nexts.map(|next| next?.answered(*version, value.as_ref()))
            }
        };
        let since = event.since;
        nexts.into_iter().flatten().filter_map(move |next| next.told(since))
    }

    /// The copy, if a change may have said this of it.
    fn answered(self, version: Option<u64>, value: Option<&Bytes>) -> Option<Copy> {
        if value.is_some() && value != self.value.as_ref() {
            return None;
        }
        match version {
            None => Some(self),
            Some(0) if self.value.is_none() => Some(self),
            // A change that was overtaken by others before it was answered knows the number it made, also of a deletion.
            Some(version) => Some(Copy { changes: self.changes.known(version)?, ..self }),
        }
    }

    /// The copy, if it can be from before or since the restore, as its stamp says.
    fn told(self, since: Since) -> Option<Copy> {
        match (self.since, since) {
            (_, Since::Unknown) => Some(self),
            (Since::Unknown, told) => Some(Copy { since: told, ..self }),
            (is, told) => (is == told).then_some(self),
        }
    }

    /// What an edit makes of it, in the one way or the other.
    fn edited(&self, edit: &Edit) -> [Option<Copy>; 2] {
        if let Edit::Restore { version, overwrite } = edit {
            return self.restored(version.value.as_ref().map(|value| value.bytes.clone()), *overwrite);
        }
        [self.changed(edit), None]
    }

    /// After a restore: this one, if it has come since or is not to be replaced, or what is restored.
    fn restored(&self, value: Option<Bytes>, overwrite: bool) -> [Option<Copy>; 2] {
        if self.value.is_some() && !overwrite {
            return [Some(self.clone()), None];
        }
        let kept = Copy { since: Since::Yes, ..self.clone() };
        let made = Copy { changes: self.changes.after_one_more(self.value.is_none()), value, since: Since::Yes };
        [(self.since != Since::No).then_some(kept), (self.since != Since::Yes).then_some(made)]
    }

    fn changed(&self, edit: &Edit) -> Option<Copy> {
        let value = match edit {
            // The plans give no ends to items whose order is looked for.
            Edit::End { .. } | Edit::Restore { .. } => return Some(self.clone()),
            Edit::Delete if self.value.is_none() => return Some(self.clone()),
            Edit::Delete => None,
            Edit::Put(value) => Some(value.bytes.clone()),
            Edit::Add(by) => {
                let number = self.value.as_ref().map_or(Some(0), |bytes| std::str::from_utf8(bytes).ok()?.parse().ok());
                Some(Bytes::from(number.and_then(|number: i64| number.checked_add(*by))?.to_string()))
            }
        };
        let since = if self.since == Since::Yes { Since::Yes } else { Since::Unknown };
        Some(Copy { changes: self.changes.after_one_more(self.value.is_none()), value, since })
    }
}
