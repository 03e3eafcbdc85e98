//! What this replica has taken in, for those who follow it: the last changes of the buckets and partitions that somebody is
//! interested in, in order.
//!
//! Invariant: numbers rise by one with each change that is kept, and what is kept has no holes between the oldest and the newest: of an
//! interest, everything since it was first asked for. An interest that nobody asks for while as many changes are kept as there is room for is
//! forgotten, so that nothing is kept where nobody watches.
//! One answer looks at a bounded number of changes, at each in a time that is logarithmic in what is asked for.
//! Refuses to keep values, and to read a clock.

use proto::watch::{Changed, Followed, Interest, Position};
use proto::{Record, Slot};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use stdx::Wall;
use stdx::bugs::planted;
use storage::Seq;

/// Changes that are kept.
const CHANGES_MAX: usize = 65_536;
/// Bytes of keys that are kept, about.
const BYTES_MAX: usize = 16 << 20;
/// Interests at a time; whoever comes beyond is told of gaps.
const INTERESTS_MAX: usize = 65_536;
/// Bytes of one answer, about.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Changes that are looked at for one answer: the node does nothing else meanwhile.
const LOOKED_AT_MAX: usize = 10_000;
/// Bytes of a change beside its key.
const WEIGHT: usize = 128;

/// Since when something is followed, and how far its followers were when they last asked.
struct Interested {
    since: u64,
    asked: u64,
}

/// The last changes.
pub(crate) struct Changes {
    at: Position,
    interests: BTreeMap<Interest, Interested>,
    /// With the batch that a reader of it waits for.
    recent: VecDeque<(Changed, Seq)>,
    bytes: usize,
}

impl Changes {
    pub(crate) fn new(life: u64) -> Changes {
        let life = if planted("changes of a new life go on from the old") { 1 } else { life };
        let at = Position { life, seq: 0 };
        Changes { at, interests: BTreeMap::new(), recent: VecDeque::new(), bytes: 0 }
    }

    /// A partition was let go of: what comes of it from now on is not all that there is.
    pub(crate) fn begin_anew(&mut self) {
        let life = self.at.life.wrapping_add(1);
        *self = Changes { at: Position { life, ..self.at }, ..Changes::new(life) };
    }

    /// Whether somebody is interested in this slot.
    pub(crate) fn is_kept(&mut self, slot: &Slot) -> bool {
        if self.interests.is_empty() {
            return false;
        }
        let whole = Interest { bucket: slot.bucket, partition: None };
        let part = Interest { partition: Some(slot.partition), ..whole };
        let mut wanted = false;
        for interest in [whole, part] {
            let Some(followed) = self.interests.get(&interest) else { continue };
            if self.at.seq - followed.asked >= CHANGES_MAX as u64 {
                self.interests.remove(&interest);
            } else {
                wanted = true;
            }
        }
        wanted
    }

    /// The slot holds this from now on; a reader waits for that batch.
    pub(crate) fn keep(&mut self, slot: &Slot, record: &Record, seq: Seq) {
        self.at.seq += 1;
        let change = changed(self.at.seq, slot, record);
        self.bytes += weight(&change);
        self.recent.push_back((change, seq));
        while self.recent.len() > CHANGES_MAX || self.bytes > BYTES_MAX {
            self.bytes -= self.recent.pop_front().map_or(0, |(change, _)| weight(&change));
        }
    }

    /// What was taken in of these since a position, and the batch that an answer waits for. There may be more though nothing is told.
    pub(crate) fn follow(&mut self, interests: &[Interest], after: Option<Position>, limit: usize) -> (Seq, Followed) {
        let now = self.at.seq;
        let since = interests.iter().map(|interest| self.ask(*interest)).collect();
        let oldest = now - self.recent.len() as u64;
        // Of another life nothing is known, and whoever sees the life in the answer knows that.
        let after = after.filter(|after| after.life == self.at.life).map_or(now, |after| after.seq.clamp(oldest, now));
        let (mut changes, mut fence, mut bytes, mut at) = (Vec::new(), Seq(0), 0, now);
        let interests: BTreeSet<&Interest> = interests.iter().collect();
        let is_wanted = |change: &Changed| {
            let whole = Interest { bucket: change.bucket, partition: None };
            let part = Interest { partition: Some(change.partition), ..whole };
            interests.contains(&whole) || interests.contains(&part)
        };
        let behind = self.recent.iter().skip((after - oldest) as usize);
        for (looked_at, (change, seq)) in behind.enumerate() {
            let is_wanted = is_wanted(change);
            let is_full = is_wanted && (changes.len() >= limit.max(1) || bytes >= ANSWER_BYTES_MAX);
            if is_full || looked_at == LOOKED_AT_MAX {
                at = if planted("a page of changes ends with the newest") { now } else { change.seq - 1 };
                break;
            }
            if !is_wanted {
                continue;
            }
            bytes += weight(change);
            fence = fence.max(*seq);
            changes.push(change.clone());
        }
        let at = Position { seq: at, ..self.at };
        (fence, Followed { at, oldest, since, changes, more: at.seq < now })
    }

    /// Somebody is interested in this; since when it is followed.
    fn ask(&mut self, interest: Interest) -> u64 {
        let now = self.at.seq;
        if let Some(followed) = self.interests.get_mut(&interest) {
            followed.asked = now;
            return followed.since;
        }
        if self.interests.len() < INTERESTS_MAX {
            self.interests.insert(interest, Interested { since: now, asked: now });
            return now;
        }
        u64::MAX
    }
}

fn changed(seq: u64, slot: &Slot, record: &Record) -> Changed {
    // Whether it has ended by now is for readers, who have a clock.
    let visible = record.visible(Wall(0));
    let expires = if let [(_, only)] = visible.as_slice() { only.expires } else { None };
    let key = proto::ItemKey {
        // A part of a frame would keep the whole of it.
        partition_key: bytes::Bytes::copy_from_slice(&slot.key.partition_key),
        sort_key: slot.key.sort_key.as_ref().map(|sort| bytes::Bytes::copy_from_slice(sort)),
    };
    let (bucket, partition) = (slot.bucket, slot.partition);
    Changed { seq, bucket, partition, key, stamp: record.highest_stamp(), expires, gone: visible.is_empty() }
}

fn weight(change: &Changed) -> usize {
    WEIGHT + change.key.len()
}

#[cfg(test)]
mod tests {
    use super::{CHANGES_MAX, Changes, LOOKED_AT_MAX};
    use causal::{Actor, Dot, Stamp};
    use proto::watch::{Followed, Interest, Position};
    use proto::{BucketId, ItemKey, Record, Slot, Value, Version};
    use ring::Grid;
    use storage::Seq;

    impl Changes {
        fn write(&mut self, key: &str, value: Option<&'static str>, seq: u64) {
            let slot = slot(key);
            if self.is_kept(&slot) {
                self.keep(&slot, &record(value), Seq(seq));
            }
        }
    }

    fn slot(key: &str) -> Slot {
        Slot::new(Grid::new(16).unwrap(), BucketId::DEFAULT, ItemKey::plain(key.to_owned()))
    }

    fn record(value: Option<&'static str>) -> Record {
        let dot = Dot { actor: Actor { node: 1, incarnation: 1 }, counter: 1 };
        let version = Version { stamp: Stamp::new(5, 0), expires: None, value: value.map(Value::plain) };
        Record::Latest { dot, version }
    }

    const ALL: Interest = Interest { bucket: BucketId::DEFAULT, partition: None };

    fn keys(followed: &Followed) -> Vec<String> {
        let key = |key: &ItemKey| String::from_utf8_lossy(&key.partition_key).into_owned();
        followed.changes.iter().map(|change| key(&change.key)).collect()
    }

    #[test]
    fn what_is_followed_is_told_in_order_from_any_position() {
        let mut changes = Changes::new(7);
        changes.write("before", Some("v"), 1);
        let (fence, first) = changes.follow(&[ALL], None, 10);
        assert_eq!((fence, first.at, first.since.as_slice()), (Seq(0), Position { life: 7, seq: 0 }, &[0][..]));
        changes.write("a", Some("v"), 2);
        changes.write("b", None, 3);
        let (fence, all) = changes.follow(&[ALL], Some(first.at), 10);
        assert_eq!((fence, keys(&all), all.more), (Seq(3), vec!["a".to_owned(), "b".to_owned()], false));
        assert_eq!(all.changes.iter().map(|change| change.gone).collect::<Vec<_>>(), [false, true]);
        let (fence, one) = changes.follow(&[ALL], Some(first.at), 1);
        assert_eq!((fence, keys(&one), one.more, one.at.seq), (Seq(2), vec!["a".to_owned()], true, 1));
        let (_, rest) = changes.follow(&[ALL], Some(one.at), 1);
        assert_eq!((keys(&rest), rest.at.seq), (vec!["b".to_owned()], 2));
        let part = Interest { partition: Some(slot("a").partition), ..ALL };
        let (_, part) = changes.follow(&[part], Some(first.at), 10);
        assert_eq!((keys(&part), part.since, part.at.seq), (vec!["a".to_owned()], vec![2], 2), "it says since when");
    }

    #[test]
    fn another_life_and_what_is_overwritten_are_seen() {
        let mut changes = Changes::new(7);
        changes.follow(&[ALL], None, 10);
        for _ in 0..CHANGES_MAX + 10 {
            let at = changes.follow(&[ALL], None, 10).1.at;
            assert_eq!(at.life, 7);
            changes.write("a", Some("v"), 2);
        }
        let (_, late) = changes.follow(&[ALL], Some(Position { life: 7, seq: 3 }), 10);
        assert_eq!((late.oldest, late.changes.first().map(|change| change.seq)), (10, Some(11)));
        let (_, other) = changes.follow(&[ALL], Some(Position { life: 6, seq: 3 }), 10);
        assert!(other.changes.is_empty() && other.at.life == 7);
        changes.begin_anew();
        let (_, anew) = changes.follow(&[ALL], Some(late.at), 10);
        assert!(anew.changes.is_empty() && anew.at.life == 8 && anew.since == [anew.at.seq]);
    }

    #[test]
    fn one_answer_looks_at_no_more_than_it_may() {
        let mut changes = Changes::new(7);
        let (other, wanted) = (slot("other"), slot("wanted"));
        assert_ne!(other.partition, wanted.partition);
        let part = Interest { partition: Some(wanted.partition), ..ALL };
        let begin = changes.follow(&[ALL, part], None, 10).1.at;
        for _ in 0..2 * LOOKED_AT_MAX {
            changes.write("other", Some("v"), 2);
        }
        changes.write("wanted", Some("v"), 3);
        let (mut at, mut answers) = (begin, Vec::new());
        loop {
            let (fence, page) = changes.follow(&[part], Some(at), 10);
            answers.push((fence, keys(&page), page.at.seq, page.more));
            at = page.at;
            if !page.more {
                break;
            }
        }
        let page = LOOKED_AT_MAX as u64;
        let (nothing, last) = (Vec::new(), vec!["wanted".to_owned()]);
        let expected = [
            (Seq(0), nothing.clone(), page, true),
            (Seq(0), nothing, 2 * page, true),
            (Seq(3), last, 2 * page + 1, false),
        ];
        assert_eq!(answers, expected, "it goes on behind what was looked at, though nothing of it was wanted");
    }

    #[test]
    fn nothing_is_kept_where_nobody_asks() {
        let mut changes = Changes::new(7);
        changes.follow(&[ALL], None, 10);
        for _ in 0..CHANGES_MAX + 1 {
            changes.write("a", Some("v"), 2);
        }
        assert!(changes.interests.is_empty());
        let at = changes.at;
        changes.write("a", Some("v"), 2);
        assert_eq!(changes.at, at);
    }
}
