//! What a read shows is what it must, and nothing else:
//! - nobody invents values: each was written, to this item, before the read ended;
//! - *causality*: siblings are concurrent (no shown version was seen by the writer of another shown one), and what the
//!   read's context has seen is shown, unless a write that claims to have seen it supersedes it;
//! - *no acknowledged write is missing* where the replicas of write and read meet, unless superseded in the same way;
//! - *no resurrection*: what an acknowledged write superseded or deleted before the read began is not shown;
//! - *time to live*: nothing is shown after its time, and nothing is missing before it, as far as clocks agree.
//!
//! The order of versions in last-writer-wins buckets is checked by `reads`.

use super::dots::{Dots, Item};
use super::past::{ItemPast, Named, Past};
use crate::atlas::Atlas;
use crate::clock::WALL_AT_START_MS;
use crate::describe;
use crate::history::{Operation, Reach};
use crate::time::Time;
use bytes::Bytes;
use causal::{Context, Dot};
use node::proto::{Durability, Put, Sibling, Version};
use stdx::Span;

/// Everything that is known when a read ends.
pub(crate) struct Evidence<'a> {
    pub(crate) history: &'a [Operation],
    pub(crate) past: &'a Past,
    pub(crate) dots: &'a Dots,
    /// What was destroyed.
    pub(crate) atlas: &'a Atlas,
    /// How far two wall clocks may be apart.
    pub(crate) clocks_apart: Span,
}

/// What a read showed of one item.
pub(crate) struct Shown<'a> {
    pub(crate) named: &'a Named,
    pub(crate) item: &'a Item,
    pub(crate) keeps_siblings: bool,
    pub(crate) reach: Reach,
    pub(crate) started: Time,
    pub(crate) ended: Time,
    pub(crate) siblings: &'a [Sibling],
    /// None on a page, where items come without.
    pub(crate) context: Option<&'a Context>,
}

impl Evidence<'_> {
    /// Judges what a read showed of one item. The error says what is wrong.
    pub(crate) fn check(&self, shown: &Shown<'_>) -> Result<(), String> {
        shown.siblings.iter().try_for_each(|sibling| self.is_written(shown, sibling))?;
        let nothing = ItemPast::default();
        let past = self.past.item(shown.named).unwrap_or(&nothing);
        self.are_concurrent(shown)?;
        self.context_is_shown(shown, past)?;
        self.acknowledged_are_shown(shown, past)?;
        self.buried_are_not_shown(shown, past)
    }

    /// What was asked so far of an item.
    pub(crate) fn past_of(&self, item: &Item, bucket: &str) -> Option<&ItemPast> {
        self.past.item(&(bucket.to_owned(), item.1.clone()))
    }

    fn puts<'s>(&'s self, value: &Bytes) -> impl Iterator<Item = (&'s Operation, &'s Put)> + use<'s> {
        let numbers = self.past.of_value(value).to_vec();
        numbers.into_iter().filter_map(|number| {
            let operation = self.history.get(number)?;
            Some((operation, operation.put()?))
        })
    }

    fn is_written(&self, shown: &Shown<'_>, sibling: &Sibling) -> Result<(), String> {
        let name = describe::key(&shown.item.1);
        let Some(value) = &sibling.version.value else { return Err(format!("{name} shows a tombstone")) };
        let of = describe::text(&value.bytes);
        let mut writes =
            self.puts(&value.bytes).filter(|(_, put)| put.bucket == shown.named.0 && put.key == shown.named.1);
        let Some((write, put)) = writes.next() else {
            return Err(format!("{name} shows {of}, which nobody wrote there"));
        };
        if put.ttl.is_some() != sibling.version.expires.is_some() {
            return Err(format!(
                "{of} of {name} was written with time to live {:?} and has {:?}",
                put.ttl, sibling.version.expires
            ));
        }
        if let (Some(ttl), Some(end)) = (put.ttl, sibling.version.expires) {
            // A write that was asked for again may have begun its life later.
            let earliest = wall(write.started) + ttl.as_millis();
            if end.0 + self.clocks_apart.as_millis() < earliest {
                return Err(format!("{of} of {name} ends {} ms before its time to live {ttl:?}", earliest - end.0));
            }
            if end.0 + self.clocks_apart.as_millis() < wall(shown.started) {
                return Err(format!("{of} of {name} is shown {} ms after its end", wall(shown.started) - end.0));
            }
        }
        Ok(())
    }

    fn are_concurrent(&self, shown: &Shown<'_>) -> Result<(), String> {
        if !shown.keeps_siblings && shown.siblings.len() > 1 {
            return Err(format!("{} has {} values", describe::key(&shown.item.1), shown.siblings.len()));
        }
        for newer in shown.siblings.iter().filter(|_| shown.siblings.len() > 1) {
            let Some(value) = &newer.version.value else { continue };
            for (write, _) in self.puts(&value.bytes) {
                let older =
                    shown.siblings.iter().find(|older| older.dot != newer.dot && write.seen.context.covers(&older.dot));
                if let Some(older) = older {
                    return Err(format!(
                        "{} shows {} beside {}, whose writer had seen it",
                        describe::key(&shown.item.1),
                        describe::dot(older.dot),
                        describe::dot(newer.dot)
                    ));
                }
            }
        }
        Ok(())
    }

    /// Live versions that the context names are there.
    fn context_is_shown(&self, shown: &Shown<'_>, past: &ItemPast) -> Result<(), String> {
        let Some(context) = shown.context else { return Ok(()) };
        if let Some(sibling) = shown.siblings.iter().find(|sibling| !context.covers(&sibling.dot)) {
            return Err(format!("the context does not cover {}, which is shown", describe::dot(sibling.dot)));
        }
        for dot in self.dots.of_item(shown.item).iter().filter(|dot| context.covers(dot)) {
            let named = shown.keeps_siblings || context.get(&dot.actor) == dot.counter;
            let is_shown = shown.siblings.iter().any(|sibling| sibling.dot == *dot);
            let superseded = shown.keeps_siblings && past.superseding.covers(dot);
            let Some(fact) = self.dots.fact(dot) else { continue };
            if named && !is_shown && !superseded && self.is_alive(&fact.version, shown.ended) {
                return Err(format!(
                    "the context of {} has seen {}, which is not shown and nobody superseded",
                    describe::key(&shown.item.1),
                    describe::dot(*dot)
                ));
            }
        }
        Ok(())
    }

    /// Acknowledged writes that the read must have met are there.
    fn acknowledged_are_shown(&self, shown: &Shown<'_>, past: &ItemPast) -> Result<(), String> {
        for number in &past.acknowledged {
            let Some(write) =
                self.history.get(*number).filter(|write| write.ended <= shown.started && self.atlas.recoverable(write))
            else {
                continue;
            };
            let Some(put) = write.put().filter(|put| Reach::of_write(put.level).contains(&shown.reach)) else {
                continue;
            };
            let Some(value) = &put.value else { continue };
            let is_shown = |sibling: &Sibling| sibling.version.value.as_ref() == Some(value);
            let missing = if shown.keeps_siblings {
                let dots = self.dots.of_value(&value.bytes);
                let alive = |dot: &Dot| {
                    self.dots.fact(dot).is_none_or(|fact| self.is_alive(&fact.version, shown.ended))
                        && !past.superseding.covers(dot)
                };
                dots.iter().all(alive) && !shown.siblings.iter().any(is_shown)
            } else {
                shown.siblings.is_empty() && !past.is_fickle
            };
            if missing {
                return Err(format!(
                    "a read of {} ({:?}) that began at {} misses {} (write {number} at {:?}), acknowledged at {}",
                    describe::key(&shown.item.1),
                    shown.reach,
                    shown.started,
                    describe::text(&value.bytes),
                    put.level,
                    write.ended
                ));
            }
        }
        Ok(())
    }

    fn buried_are_not_shown(&self, shown: &Shown<'_>, past: &ItemPast) -> Result<(), String> {
        if !shown.keeps_siblings {
            return Ok(());
        }
        let burials = past.burials(shown.reach, shown.started).filter_map(|number| self.history.get(number));
        // What one replica alone had taken went with it if that was put out, a delete like a value.
        let owed: Vec<&Operation> = burials.filter(|write| self.atlas.recoverable(write)).collect();
        let is_buried = |sibling: &&Sibling| owed.iter().any(|write| write.seen.context.covers(&sibling.dot));
        match shown.siblings.iter().find(is_buried) {
            None => Ok(()),
            Some(risen) => Err(format!(
                "{} of {} is back: a write that had seen it was acknowledged before {}",
                describe::dot(risen.dot),
                describe::key(&shown.item.1),
                shown.started
            )),
        }
    }

    /// True if a loss of power, or what was destroyed, may have taken the write of this value back.
    pub(crate) fn may_be_lost(&self, value: &Bytes) -> bool {
        self.puts(value).any(|(write, put)| put.durability == Durability::Memory || !self.atlas.recoverable(write))
    }

    /// A value that every reader sees at `at`, whatever its clock, and whatever end the version names.
    fn is_alive(&self, version: &Version, at: Time) -> bool {
        let Some(value) = &version.value else { return false };
        let now = wall(at) + self.clocks_apart.as_millis();
        let in_time =
            |(write, put): (&Operation, &Put)| put.ttl.is_none_or(|ttl| wall(write.started) + ttl.as_millis() > now);
        self.puts(&value.bytes).all(in_time)
    }
}

/// What wall clocks that are right show, in milliseconds.
fn wall(at: Time) -> u64 {
    WALL_AT_START_MS + at.0 / 1_000
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Story, version};
    use crate::fault::HostId;
    use crate::history::Reach;
    use crate::operator::SIBLINGS;
    use node::proto::{Level, Rule};
    use stdx::{Span, Wall};

    fn said(result: Result<(), String>) -> String {
        result.err().unwrap_or_default()
    }

    #[test]
    fn an_acknowledged_write_is_missed_only_behind_one_that_had_seen_it() {
        let mut story = Story::default();
        story.wrote(1, Some("one"), 0, Level::Quorum).wrote(2, Some("two"), 0, Level::Quorum);
        assert_eq!(story.read(Rule::Siblings, Reach::Quorum, 25, &[1, 2], 2), Ok(()));
        assert!(said(story.read(Rule::Siblings, Reach::Quorum, 25, &[1], 1)).contains("misses two"));
        assert_eq!(story.read(Rule::Siblings, Reach::Quorum, 15, &[1], 1), Ok(()), "two came later");
        assert_eq!(story.read(Rule::Siblings, Reach::One, 25, &[1], 1), Ok(()), "one replica need not know");
        story.wrote(3, Some("three"), 2, Level::Quorum);
        assert_eq!(story.read(Rule::Siblings, Reach::Quorum, 35, &[3], 3), Ok(()));
    }

    #[test]
    fn every_level_is_met_where_it_must_be() {
        let mut story = Story::default();
        story.wrote(1, Some("all"), 0, Level::All).wrote(2, Some("one"), 0, Level::One).wrote(
            3,
            Some("any"),
            0,
            Level::Any,
        );
        assert!(said(story.read(Rule::Siblings, Reach::One, 45, &[], 0)).contains("misses all"));
        assert!(said(story.read(Rule::Siblings, Reach::All, 45, &[1], 1)).contains("misses one"));
        assert_eq!(story.read(Rule::Siblings, Reach::All, 45, &[1, 2], 2), Ok(()));
    }

    #[test]
    fn what_was_superseded_does_not_come_back() {
        let mut story = Story::default();
        story.wrote(1, Some("one"), 0, Level::Quorum).wrote(2, None, 1, Level::Quorum);
        assert!(said(story.read(Rule::Siblings, Reach::Quorum, 25, &[1], 1)).contains("is back"));
        assert_eq!(story.read(Rule::Siblings, Reach::Quorum, 15, &[1], 1), Ok(()));
        assert_eq!(story.read(Rule::Siblings, Reach::Quorum, 25, &[], 2), Ok(()));
    }

    /// Seed 13629647996830839901: a delete at level one, whose only replica was put out.
    #[test]
    fn what_went_with_its_only_replica_buries_nothing() {
        let mut story = Story::default();
        story.wrote(1, Some("one"), 0, Level::Quorum).wrote(2, None, 1, Level::One);
        assert!(said(story.read(Rule::Siblings, Reach::All, 25, &[1], 1)).contains("is back"));
        story.atlas.copies(SIBLINGS, 3);
        story.atlas.ban(HostId(0));
        assert_eq!(story.read(Rule::Siblings, Reach::All, 25, &[1], 1), Ok(()));
        story.wrote(3, None, 1, Level::Quorum);
        assert!(said(story.read(Rule::Siblings, Reach::All, 35, &[1], 1)).contains("is back"));
    }

    #[test]
    fn siblings_are_concurrent_and_contexts_show_what_they_have_seen() {
        let mut story = Story::default();
        story.wrote(1, Some("one"), 0, Level::One).wrote(2, Some("two"), 1, Level::One);
        assert!(said(story.read(Rule::Siblings, Reach::One, 25, &[1, 2], 2)).contains("had seen it"));
        let mut story = Story::default();
        story.wrote(1, Some("one"), 0, Level::One).wrote(2, Some("two"), 0, Level::One);
        assert!(said(story.read(Rule::Siblings, Reach::One, 25, &[2], 2)).contains("not shown"));
        assert!(said(story.read(Rule::Siblings, Reach::One, 25, &[1, 2], 1)).contains("does not cover"));
        assert!(said(story.read(Rule::LastWriterWins, Reach::One, 25, &[1, 2], 2)).contains("2 values"));
        assert!(said(story.read(Rule::LastWriterWins, Reach::One, 25, &[], 2)).contains("not shown"));
    }

    #[test]
    fn nobody_invents_a_value() {
        let mut story = Story::default();
        story.wrote(1, Some("one"), 0, Level::One);
        story.past = super::Past::default();
        assert!(said(story.read(Rule::Siblings, Reach::One, 25, &[1], 1)).contains("nobody wrote"));
    }

    #[test]
    fn values_live_as_long_as_they_should() {
        let ttl = Span::secs(10);
        let story = |end: u64| {
            let mut story = Story::default();
            let mut version = version(1, Some("one"));
            version.expires = Some(Wall(crate::clock::WALL_AT_START_MS + end));
            story.wrote_version(1, version, Some(ttl), 0, Level::Quorum);
            story
        };
        let right = story(10_000);
        assert_eq!(right.read(Rule::Siblings, Reach::Quorum, 9_000_000, &[1], 1), Ok(()));
        assert_eq!(right.read(Rule::Siblings, Reach::Quorum, 10_000_000, &[], 1), Ok(()), "clocks are a little apart");
        assert!(said(right.read(Rule::Siblings, Reach::Quorum, 9_000_000, &[], 1)).contains("not shown"));
        assert!(said(right.read(Rule::Siblings, Reach::Quorum, 11_000_000, &[1], 1)).contains("after its end"));
        assert!(said(story(5_000).read(Rule::Siblings, Reach::Quorum, 1_000_000, &[1], 1)).contains("before its time"));
        assert!(said(story(0).read(Rule::Siblings, Reach::Quorum, 1_000_000, &[], 1)).contains("not shown"));
    }
}
