//! What a restored item becomes: new versions with new dots, all with the stamp of the restore. Pure.
//!
//! Invariant: the same item of the same restore always becomes the same record, dots and all, so doing it twice is doing
//! it once. A record is never made of deleted or expired versions alone.

use crate::element::plain;
use crate::event::Restored;
use crate::ids::{Digest, Epoch};
use crate::record::{Record, Rule, Version};
use bytes::Bytes;
use causal::{Actor, Context, Dot, DvvSet, Stamp};
use std::borrow::Cow;
use stdx::Wall;
use stdx::bugs::planted;

/// One restore, as the history has it.
pub struct Restoring {
    /// Its event.
    pub epoch: Epoch,
    /// What the event says.
    pub event: Restored,
}

/// What a quorum knows of an item.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct There {
    /// Every version it has ever had, as far as they are known.
    pub context: Context,
    /// Of the newest of them, be it a deletion.
    pub newest: Option<Stamp>,
    /// There is a value that a reader sees.
    pub live: bool,
}

/// What is to be done with one item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Merge this.
    Write(Record),
    /// It is there, from an earlier try; a client may have changed or deleted it since.
    Done,
    /// Something else is there, which stays.
    Kept,
}

impl Restoring {
    /// Versions that are worth restoring, with their new dots and the stamp of the restore.
    pub fn versions(&self, storage_key: &[u8], record: &Record, now: Wall) -> Vec<(Dot, Version)> {
        // A number that was counted is restored as what it amounted to.
        if let Record::Counted(counted) = record {
            let newest = record.visible(now).into_iter().map(|(dot, version)| (version.stamp, dot)).max();
            let shown = newest.and_then(|(_, dot)| Some((dot, counted.shown(now)?)));
            let version = |value: Bytes| {
                let version = Version { stamp: Stamp::MIN, expires: counted.expires(now), value: Some(plain(&value)) };
                Version { stamp: self.stamp(&version), ..version }
            };
            return shown.map(|(dot, value)| (self.dot(storage_key, dot), version(value))).into_iter().collect();
        }
        let live = record.visible(now).into_iter();
        let new = |(dot, version): (Dot, Cow<'_, Version>)| {
            (self.dot(storage_key, dot), Version { stamp: self.stamp(&version), ..version.into_owned() })
        };
        live.map(new).collect()
    }

    /// Of every restored version: above what was there before the event, below what was written since.
    fn stamp(&self, version: &Version) -> Stamp {
        if planted("a restore keeps old stamps") { version.stamp } else { self.event.stamp }
    }

    /// A dot that names this version of this restore and nothing else. Its actor is used for this dot alone, so that
    /// nobody takes it to have seen others.
    fn dot(&self, storage_key: &[u8], old: Dot) -> Dot {
        let mut hash = blake3::Hasher::new();
        hash.update(b"alianza restored version 1");
        hash.update(&self.event.backup.0);
        hash.update(&self.epoch.0.to_be_bytes());
        hash.update(&self.event.stamp.as_u64().to_be_bytes());
        hash.update(&(storage_key.len() as u64).to_be_bytes());
        hash.update(storage_key);
        hash.update(&old.actor.node.to_be_bytes());
        hash.update(&old.actor.incarnation.to_be_bytes());
        hash.update(&old.counter.to_be_bytes());
        let Digest(hash) = Digest(*hash.finalize().as_bytes());
        let node = hash[..16].iter().fold(0, |node, byte| node << 8 | u128::from(*byte));
        Dot { actor: Actor { node, incarnation: 0 }, counter: 1 }
    }

    /// What to do with an item of which a quorum knows this.
    pub fn verdict(&self, rule: Rule, versions: Vec<(Dot, Version)>, there: &There) -> Verdict {
        let There { context, newest, live } = there;
        if versions.iter().all(|(dot, _)| context.covers(dot)) {
            return Verdict::Done;
        }
        // Last writers win by themselves; siblings would be superseded, or come back beside their tombstone.
        let newer = newest.is_some_and(|stamp| stamp > self.event.stamp);
        let live = &(*live && !planted("a restore looks at nothing that is there"));
        if newer || *live && !self.event.overwrite {
            return Verdict::Kept;
        }
        match rule {
            Rule::LastWriterWins => {
                let one = versions.into_iter().next();
                one.map_or(Verdict::Kept, |(dot, version)| Verdict::Write(Record::Latest { dot, version }))
            }
            Rule::Siblings => {
                let mut set = DvvSet::new();
                set.discard(context);
                for (dot, version) in versions {
                    if !set.covers(&dot) {
                        set.update(&Context::default(), dot, version);
                    }
                }
                Verdict::Write(Record::Siblings(set))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Restoring, There, Verdict};
    use crate::event::Restored;
    use crate::ids::{Digest, Epoch};
    use crate::record::{Record, Rule, Value, Version};
    use causal::{Actor, Context, Dot, DvvSet, Stamp};
    use stdx::Wall;

    const NOW: Wall = Wall(1_000);

    fn restoring(overwrite: bool) -> Restoring {
        let (name, buckets) = (String::new(), Vec::new());
        let event = Restored { backup: Digest([1; 32]), name, buckets, overwrite, stamp: Stamp::new(900, 0) };
        Restoring { epoch: Epoch(5), event }
    }

    fn dot(node: u128, counter: u64) -> Dot {
        Dot { actor: Actor { node, incarnation: 1 }, counter }
    }

    fn version(millis: u64, value: Option<&'static str>) -> Version {
        Version { stamp: Stamp::new(millis, 0), expires: None, value: value.map(Value::plain) }
    }

    fn there(record: Option<&Record>) -> There {
        record.map_or_else(There::default, |record| {
            let live = !record.visible(NOW).is_empty();
            There { context: record.context(), newest: record.highest_stamp(), live }
        })
    }

    fn siblings() -> Record {
        let mut set = DvvSet::new();
        set.update(&Context::default(), dot(1, 4), version(10, Some("a")));
        set.update(&Context::default(), dot(2, 7), version(11, Some("b")));
        set.update(&Context::default(), dot(3, 1), version(12, None));
        Record::Siblings(set)
    }

    #[test]
    fn restored_twice_is_restored_once_and_siblings_stay_siblings() {
        let restoring = restoring(false);
        let versions = restoring.versions(b"key", &siblings(), NOW);
        assert_eq!(versions.len(), 2, "the tombstone is not restored");
        let deleted = Dot { actor: Actor { node: 9, incarnation: 1 }, counter: 3 };
        let mut set = DvvSet::new();
        set.update(&Context::default(), deleted, version(5, None));
        let mut held = Record::Siblings(set);
        let verdict = restoring.verdict(Rule::Siblings, versions.clone(), &there(Some(&held)));
        let Verdict::Write(record) = verdict else { panic!("{verdict:?}") };
        assert_eq!(record.visible(NOW).len(), 2);
        assert!(held.merge(&record) && !held.merge(&record));
        assert_eq!(held.versions().len(), 2, "the tombstone that was read is superseded");
        let again = restoring.versions(b"key", &siblings(), NOW);
        assert_eq!(again, versions);
        assert_eq!(restoring.verdict(Rule::Siblings, again, &there(Some(&held))), Verdict::Done);
        assert_ne!(restoring.versions(b"other", &siblings(), NOW), versions);
    }

    #[test]
    fn siblings_that_came_or_went_after_the_restore_began_stay_as_they_are() {
        let known = |millis, value| {
            let mut set = DvvSet::new();
            set.update(&Context::default(), dot(9, 3), version(millis, value));
            Record::Siblings(set)
        };
        let verdict = |overwrite, held: &Record| {
            let restoring = restoring(overwrite);
            restoring.verdict(Rule::Siblings, restoring.versions(b"key", &siblings(), NOW), &there(Some(held)))
        };
        assert_eq!(verdict(false, &known(950, None)), Verdict::Kept);
        assert_eq!(verdict(true, &known(950, None)), Verdict::Kept);
        assert_eq!(verdict(true, &known(950, Some("new"))), Verdict::Kept);
        assert!(matches!(verdict(false, &known(500, None)), Verdict::Write(_)));
        assert!(matches!(verdict(true, &known(500, Some("old"))), Verdict::Write(_)));
    }

    #[test]
    fn what_is_there_is_kept_unless_told_otherwise_and_what_is_newer_always_is() {
        let old = Record::Latest { dot: dot(1, 1), version: version(10, Some("old")) };
        let known = |millis, value| Record::Latest { dot: dot(2, 2), version: version(millis, value) };
        let verdict = |overwrite, held: Option<&Record>| {
            let restoring = restoring(overwrite);
            let versions = restoring.versions(b"key", &old, NOW);
            restoring.verdict(Rule::LastWriterWins, versions, &there(held))
        };
        assert!(matches!(verdict(false, None), Verdict::Write(_)));
        assert_eq!(verdict(false, Some(&known(500, Some("there")))), Verdict::Kept);
        assert_eq!(verdict(true, Some(&known(950, Some("there")))), Verdict::Kept);
        assert_eq!(verdict(false, Some(&known(950, None))), Verdict::Kept, "it was deleted after the restore began");
        assert!(matches!(verdict(false, Some(&known(500, None))), Verdict::Write(_)));
        let Verdict::Write(Record::Latest { version: restored, .. }) = verdict(true, Some(&known(500, Some("there"))))
        else {
            panic!()
        };
        assert_eq!(restored, Version { stamp: Stamp::new(900, 0), ..version(10, Some("old")) });
    }

    #[test]
    fn the_dead_are_not_restored() {
        let gone = Record::Latest { dot: dot(1, 1), version: version(10, None) };
        assert!(restoring(true).versions(b"key", &gone, NOW).is_empty());
        let expired = Version { expires: Some(Wall(999)), ..version(10, Some("v")) };
        let expired = Record::Latest { dot: dot(1, 1), version: expired };
        assert!(restoring(true).versions(b"key", &expired, NOW).is_empty());
    }
}
