//! What a replica holds for one slot, and the only two ways it changes: an [`Update`] by a coordinator, and a merge
//! with another replica's record (and, for registers, the asks of proposers). Replication, read repair, hand-off and hints all end in [`Record::merge`].
//!
//! Amended versions ([`crate::amended`]) change by an [`crate::amendment::Amend`] instead of an update.
//!
//! Invariant: merging is idempotent, commutative and associative; an update's version wins over everything the
//! updating replica held and, in sibling buckets, everything its context covers.
//!
//! Sources: dotted version vector sets (Preguiça et al. 2012; Almeida et al. 2014), last writer wins by hybrid logical
//! clock (Kulkarni et al. 2014).

use crate::amended::{Amended, Parts, Tally, deletion};
use crate::counted::{Chain, Counted};
use crate::item::ItemKey;
use crate::paxos::register::{Floor, Register};
use bytes::Bytes;
use causal::{Actor, Context, Dot, DvvSet, Stamp};
use std::borrow::Cow;
use std::mem;
use stdx::bugs::planted;
use stdx::{Span, Wall};

/// Nothing is collected whose stamp is further ahead of a replica's clock: every node gives later stamps than what was
/// collected, and one wrong clock must not drag all others along.
pub const STAMP_AHEAD_MAX: Span = Span::secs(60);

/// How concurrent writes of one bucket are settled. Fixed when the bucket is made.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub enum Rule {
    /// The version with the highest stamp stays; the others are gone.
    #[default]
    LastWriterWins,
    /// Concurrent versions stay side by side until a write names them in its context.
    Siblings,
}

impl Rule {
    /// The rule for one item of a bucket that has this rule: elements keep siblings everywhere.
    pub fn of_key(self, key: &ItemKey) -> Rule {
        if key.is_element() { Rule::Siblings } else { self }
    }
}

/// A value as the client gave it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Value {
    /// The bytes.
    pub bytes: Bytes,
    /// The media type the client named, if any.
    pub content_type: Option<String>,
}

impl Value {
    /// A value without a media type.
    pub fn plain(bytes: impl Into<Bytes>) -> Value {
        Value { bytes: bytes.into(), content_type: None }
    }
}

/// One version of an item.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Version {
    /// When it was written, by the hybrid logical clock of its coordinator.
    pub stamp: Stamp,
    /// From when on it counts as deleted.
    pub expires: Option<Wall>,
    /// The value, or `None` for a tombstone.
    pub value: Option<Value>,
}

impl Version {
    /// The value a reader at `wall` sees: none if deleted or expired.
    pub fn visible(&self, wall: Wall) -> Option<&Value> {
        match self.expires {
            Some(end) if end <= wall && !planted("expired versions are shown") => None,
            _ => self.value.as_ref(),
        }
    }
}

/// What a coordinator writes: one new version, and what its client had seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Update {
    /// Names the new version; never used before.
    pub dot: Dot,
    /// What the client had read. Ignored by last-writer-wins buckets.
    pub context: Context,
    /// The new version. Its stamp is raised above everything the record holds.
    pub version: Version,
}

/// Everything a replica knows of one slot.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Record {
    /// Of a last-writer-wins bucket: the winner.
    Latest {
        /// Names the version.
        dot: Dot,
        /// The version itself.
        version: Version,
    },
    /// Of a last-writer-wins item: the winner, and what was added to it or changed about its end.
    Amended(Box<Amended>),
    /// Of a sibling bucket: every version that no other has superseded, and what has been seen.
    Siblings(DvvSet<Version>),
    /// Of an element that is counted with: its versions, and what was added beside them.
    Counted(Box<Counted>),
    /// Of a linearizable bucket: what this replica has promised and accepted. Changes by the asks of proposers
    /// ([`Register::on_ask`]), never by an [`Update`].
    Register(Register<Version>),
}

impl Record {
    /// True if the record has seen this dot. A dot is handed out once, so for a new one this means that another copy of
    /// this node's data was, or is, at work.
    pub fn has_seen(&self, dot: &Dot) -> bool {
        match self {
            Record::Latest { .. } | Record::Amended(_) | Record::Register(_) => false,
            Record::Siblings(set) => set.covers(dot),
            Record::Counted(counted) => counted.set.covers(dot) || counted.newest_of(*dot) >= dot.counter,
        }
    }

    /// Applies an update to what a replica holds and returns what it holds from now on. The dot must be new to it.
    pub fn updated(current: Option<Record>, rule: Rule, update: Update) -> Record {
        let Update { dot, context, mut version } = update;
        if let Some(highest) = current.as_ref().and_then(Record::highest_stamp)
            && !planted("a stamp below what is held")
        {
            version.stamp = version.stamp.max(highest.next());
        }
        match rule {
            Rule::LastWriterWins => Record::Latest { dot, version },
            Rule::Siblings => {
                let mut counted = match current {
                    Some(Record::Siblings(set)) => Counted { set, ..Counted::default() },
                    Some(Record::Counted(counted)) => *counted,
                    _ => Counted::default(),
                };
                let all = planted("a write supersedes what it has not seen");
                let context = if all { counted.set.context() } else { context };
                counted.set.update(&context, dot, version);
                counted.record().expect("something was written")
            }
        }
    }

    /// Takes in what another replica holds of the same slot. Returns whether this record changed.
    pub fn merge(&mut self, other: &Record) -> bool {
        match (&mut *self, other) {
            (Record::Latest { dot, version }, Record::Latest { dot: other_dot, version: other_version }) => {
                if (other_version.stamp, *other_dot) <= (version.stamp, *dot) {
                    return false;
                }
                *self = other.clone();
                true
            }
            (Record::Latest { .. } | Record::Amended(_), Record::Latest { .. } | Record::Amended(_)) => {
                let joined = Parts::of(Some(self)).join(&Parts::of(Some(other))).record();
                let joined = joined.filter(|joined| joined != self);
                joined.map(|joined| *self = joined).is_some()
            }
            (Record::Siblings(set), Record::Siblings(other_set)) => {
                if planted("merging drops a sibling") && set.has_values() {
                    set.discard(&other_set.context());
                    return false;
                }
                set.sync(other_set)
            }
            (Record::Siblings(_) | Record::Counted(_), Record::Siblings(_) | Record::Counted(_)) => {
                let joined = Counted::of(Some(self)).join(&Counted::of(Some(other))).record();
                let joined = joined.filter(|joined| joined != self);
                joined.map(|joined| *self = joined).is_some()
            }
            (Record::Register(register), Record::Register(other)) => register.merge(other),
            // A bucket's rule and mode are fixed when it is made and ids are not reused, so this is a damaged or hostile
            // peer.
            (_, _) => false,
        }
    }

    /// Merges two optional records; `None` is "nothing known", the bottom of the lattice.
    pub fn merged(current: Option<Record>, other: Option<&Record>) -> Option<Record> {
        match (current, other) {
            (Some(mut record), Some(other)) => {
                record.merge(other);
                Some(record)
            }
            (Some(record), None) => Some(record),
            (None, other) => other.map(Record::received),
        }
    }

    /// What a replica that holds nothing holds after a merge with this.
    pub fn received(&self) -> Record {
        match self {
            Record::Latest { .. } | Record::Amended(_) | Record::Siblings(_) | Record::Counted(_) => self.clone(),
            // Which votes are its own is a replica's own affair.
            Record::Register(theirs) => {
                let mut own = Register::default();
                own.merge(theirs);
                Record::Register(own)
            }
        }
    }

    /// True if this record already knows everything `other` does.
    pub fn covers(&self, other: &Record) -> bool {
        !self.clone().merge(other)
    }

    /// Everything the record has seen, as a context for the client.
    pub fn context(&self) -> Context {
        match self {
            Record::Latest { dot, .. } => [(dot.actor, dot.counter)].into_iter().collect(),
            Record::Amended(amended) => {
                amended.parts().dots().into_iter().map(|dot| (dot.actor, dot.counter)).collect()
            }
            Record::Siblings(set) => set.context(),
            Record::Counted(counted) => counted.set.context(),
            Record::Register(_) => Context::default(),
        }
    }

    /// Versions held, tombstones among them; what amended ones amount to while nothing of them has ended. Not what was added
    /// to elements, which is no version.
    pub fn versions(&self) -> Vec<(Dot, &Version)> {
        self.each_version().collect()
    }

    /// The same, one after the other.
    pub fn each_version(&self) -> impl Iterator<Item = (Dot, &Version)> {
        let (only, set) = match self {
            Record::Latest { dot, version } => (Some((*dot, version)), None),
            Record::Amended(amended) => (Some(amended.shown()), None),
            Record::Siblings(set) => (None, Some(set)),
            Record::Counted(counted) => (None, Some(&counted.set)),
            Record::Register(register) => (accepted(register), None),
        };
        only.into_iter().chain(set.into_iter().flat_map(DvvSet::values))
    }

    /// Values that a reader at `wall` sees, with their versions. More than one only in a sibling bucket.
    pub fn visible(&self, wall: Wall) -> Vec<(Dot, Cow<'_, Version>)> {
        let shown = |(dot, version)| (dot, Cow::Borrowed(version));
        let is_visible = |(_, version): &(Dot, Cow<'_, Version>)| version.visible(wall).is_some();
        match self {
            Record::Amended(amended) if !planted("expired versions are shown") => {
                let left = amended.parts().clone().at(wall).record();
                let left = left.and_then(|left| {
                    left.versions().into_iter().next().map(|(dot, version)| (dot, Cow::Owned(version.clone())))
                });
                left.into_iter().filter(is_visible).collect()
            }
            Record::Counted(counted) => {
                let added = counted.added(wall).map(|(dot, version)| (dot, Cow::Owned(version)));
                self.versions().into_iter().map(shown).filter(is_visible).chain(added).collect()
            }
            _ => self.versions().into_iter().map(shown).filter(is_visible).collect(),
        }
    }

    /// What stays of this record when nothing older than it can come any more, if that is less than it is: nothing, if no
    /// version of it can be seen at `wall`; else the versions that can, without the actors of which it holds none, if they
    /// are more than `idle_max` or a version went. Nothing goes whose stamp is more than [`STAMP_AHEAD_MAX`] ahead of `wall`.
    /// With the highest stamp of the versions that go.
    pub fn spent(&self, wall: Wall, idle_max: usize) -> Option<(Option<Record>, Stamp)> {
        let is_dead = |version: &Version| version.visible(wall).is_none();
        let highest = match self {
            Record::Amended(amended) => {
                let left = amended.parts().clone().at(wall);
                if left.value().is_some() {
                    return None;
                }
                left.highest_stamp()
            }
            Record::Counted(counted) if counted.is_there(wall) => return None,
            Record::Counted(counted) => {
                let ends = counted.end.and_then(|end| end.expires).map(|end| Stamp::new(end.0, 0));
                counted.highest_stamp().max(ends)
            }
            _ => {
                let dead = self.versions().into_iter().filter(|(_, version)| is_dead(version));
                dead.map(|(dot, version)| ended_at(dot, version)).max()
            }
        };
        if highest.is_some_and(|stamp| stamp.millis() > wall.plus(STAMP_AHEAD_MAX).0) {
            return None;
        }
        match self {
            // What has ended is deleted first, by a change.
            Record::Register(register) => {
                let there = register.cell().and_then(|cell| cell.value.as_ref()).and_then(|held| held.value.as_ref());
                there.is_none().then(|| (None, highest.unwrap_or_default()))
            }
            Record::Latest { .. } => highest.map(|stamp| (None, stamp)),
            // First everybody holds the deletion: what comes back from one that has not let go must not have an end that a
            // later change could put off.
            Record::Amended(amended) => {
                let left = Parts { base: amended.parts().clone().at(wall).base, ..Parts::default() };
                highest.map(|stamp| (left.record(), stamp))
            }
            Record::Counted(counted) => {
                let left = counted.without_ended().and_then(Counted::record);
                highest.map(|stamp| (left, stamp))
            }
            Record::Siblings(set) => {
                let is_live = |(_, version): &(u64, Version)| !is_dead(version);
                let live = set.entries().filter(|(_, _, values)| values.iter().any(is_live));
                let entries: Vec<_> = live
                    .map(|(actor, seen, values)| {
                        (actor, seen, values.iter().filter(|one| is_live(one)).cloned().collect())
                    })
                    .collect();
                let idle = set.entries().count() - entries.len();
                if highest.is_none() && idle <= idle_max && !entries.is_empty() {
                    return None;
                }
                let left = DvvSet::from_entries(entries).expect("a part of a set is one");
                let left = left.has_values().then_some(Record::Siblings(left));
                Some((left, highest.unwrap_or_default()))
            }
        }
    }

    /// The number of what a register holds, if that is a value that has ended by `wall`.
    pub fn ended(&self, wall: Wall) -> Option<u64> {
        let Record::Register(register) = self else { return None };
        let cell = register.cell()?;
        let version = cell.value.as_ref()?;
        (version.value.is_some() && version.visible(wall).is_none()).then_some(cell.number)
    }

    /// Above what a register begins anew in the place of this one.
    pub fn floor(&self) -> Floor {
        let Record::Register(register) = self else { return Floor::default() };
        let number = register.cell().map_or(0, |cell| cell.number);
        Floor { ballot: register.state.promised.counter, number }
    }

    /// The highest stamp of the versions held.
    pub fn highest_stamp(&self) -> Option<Stamp> {
        match self {
            Record::Amended(amended) => amended.parts().highest_stamp(),
            Record::Counted(counted) => counted.highest_stamp(),
            _ => self.each_version().map(|(_, version)| version.stamp).max(),
        }
    }

    /// About how many bytes the record takes in memory or on the wire.
    pub fn weight(&self) -> usize {
        let versions: usize = self
            .each_version()
            .map(|(_, v)| mem::size_of::<Version>() + v.value.as_ref().map_or(0, |value| value.bytes.len()))
            .sum();
        let more = match self {
            Record::Register(register) => register.cell().map_or(0, |cell| cell.recent.len()) * mem::size_of::<u64>(),
            Record::Amended(amended) => versions + amended.parts().tallies.len() * mem::size_of::<(Actor, Tally)>(),
            Record::Counted(counted) => counted.chains.len() * mem::size_of::<(Dot, Chain)>(),
            Record::Latest { .. } | Record::Siblings(_) => 0,
        };
        versions + more + 32
    }
}

/// The stamp that a version which is gone is below: its own, or that of its end.
fn ended_at(dot: Dot, version: &Version) -> Stamp {
    version.expires.map_or(version.stamp, |expires| deletion(expires, version.stamp, dot).stamp)
}

/// The value a register holds, under the name of the ballot that brought it.
fn accepted(register: &Register<Version>) -> Option<(Dot, &Version)> {
    let (ballot, cell) = register.state.accepted.as_ref()?;
    let actor = Actor { node: ballot.node.0, incarnation: ballot.incarnation };
    Some((Dot { actor, counter: ballot.counter }, cell.value.as_ref()?))
}

#[cfg(test)]
mod tests {
    use super::{Record, STAMP_AHEAD_MAX, Value, Version};
    use causal::{Actor, Context, Dot, DvvSet, Stamp};
    use stdx::Wall;

    const NOW: Wall = Wall(1_000_000_000);

    fn dot(node: u128, counter: u64) -> Dot {
        Dot { actor: Actor { node, incarnation: 1 }, counter }
    }

    fn version(millis: u64, value: Option<&'static str>, expires: Option<u64>) -> Version {
        Version { stamp: Stamp::new(millis, 0), expires: expires.map(Wall), value: value.map(Value::plain) }
    }

    fn latest(version: Version) -> Record {
        Record::Latest { dot: dot(1, 1), version }
    }

    #[test]
    fn what_nobody_can_see_is_spent_unless_it_was_written_in_the_far_future() {
        let spent = |version: Version| latest(version).spent(NOW, 0).map(|(left, _)| left);
        assert_eq!(spent(version(5, None, None)), Some(None));
        assert_eq!(spent(version(5, Some("v"), Some(NOW.0))), Some(None));
        assert_eq!(spent(version(5, Some("v"), Some(NOW.0 + 1))), None);
        assert_eq!(spent(version(5, Some("v"), None)), None);
        let ahead = NOW.plus(STAMP_AHEAD_MAX).0;
        assert_eq!(spent(version(ahead, None, None)), Some(None));
        assert_eq!(spent(version(ahead + 1, None, None)), None);
    }

    #[test]
    fn live_siblings_stay_without_the_dead_ones_and_without_idle_actors() {
        let mut set = DvvSet::new();
        set.update(&Context::default(), dot(1, 1), version(5, Some("old"), None));
        set.update(&set.context(), dot(2, 1), version(6, Some("new"), None));
        let record = Record::Siblings(set.clone());
        assert_eq!(record.spent(NOW, 1), None, "one idle actor may stay");
        let Some((Some(left), stamp)) = record.spent(NOW, 0) else { panic!("an idle actor is spent") };
        assert_eq!(
            (left.context(), left.versions().len(), stamp),
            ([(dot(2, 1).actor, 1)].into_iter().collect(), 1, Stamp::MIN)
        );
        assert!(left.covers(&left) && record.covers(&left) && !left.covers(&record), "who has let go joins it back");
        set.update(&Context::default(), dot(3, 4), version(7, None, None));
        let Some((Some(left), stamp)) = Record::Siblings(set.clone()).spent(NOW, 9) else {
            panic!("a tombstone is spent")
        };
        assert_eq!((left.versions().len(), stamp), (1, Stamp::new(7, 0)));
        assert_eq!(left.spent(NOW, 0), None);
        set.update(&set.context(), dot(3, 5), version(8, None, None));
        assert_eq!(Record::Siblings(set).spent(NOW, 9), Some((None, Stamp::new(8, 0))));
    }
}
