//! Reads never go backwards: a read that begins after a write was acknowledged, or after another read has ended, sees at
//! least what that one wrote or saw, wherever the replicas of both must have one in common ([`Reach`]).
//!
//! In a last-writer-wins bucket "at least" is the order of stamps (the winner may be another write); in a sibling bucket
//! the read's context covers every version that is neither superseded nor deleted. What may be collected once everybody
//! has it (tombstones, expired versions) may be missing as long as nothing older takes its place. What single items show
//! is judged by `visible`, pages by `ranges`.

use super::dots::Item;
use super::ranges;
use super::visible::{Evidence, Shown};
use crate::counting;
use crate::describe;
use crate::history::{Operation, Outcome, Reach};
use crate::time::Time;
use causal::{Context, Dot, Stamp};
use node::proto::{BucketId, Request, Response, Rule};
use ring::Grid;
use std::collections::BTreeMap;

/// What a read of an item must see at least.
#[derive(Clone, Debug, Default)]
struct Floor {
    latest: Option<(Stamp, Dot)>,
    seen: Context,
}

/// The floors of every item over time.
#[derive(Default)]
pub(crate) struct Reads {
    /// By item and by who must see it: from which moment on, what. Ascending; each floor holds the one before.
    floors: BTreeMap<(Item, Reach), Vec<(Time, Floor)>>,
    checked: u64,
}

impl Reads {
    /// A request has ended. `bucket` tells the bucket of a name, and its rule.
    pub(crate) fn ended(
        &mut self,
        operation: &Operation,
        evidence: &Evidence<'_>,
        grid: Grid,
        bucket: impl Fn(&str) -> Option<(BucketId, Rule)>,
    ) -> Result<(), String> {
        let Outcome::Answered(response) = &operation.outcome else { return Ok(()) };
        if operation.is_apart(evidence.atlas) {
            return Ok(());
        }
        match (&operation.request, response.as_ref()) {
            (Request::Put(put), Response::Written(_)) if operation.is_durable_write() => {
                let Some((id, rule)) = bucket(&put.bucket) else { return Ok(()) };
                let rule = rule.of_key(&put.key);
                let Some(dot) = evidence.dots.of_write(operation) else { return Ok(()) };
                let own = [(dot.actor, dot.counter)].into_iter().collect();
                let item = (id, put.key.clone());
                if rule == Rule::LastWriterWins {
                    self.check_stamp(&item, operation, dot, evidence)?;
                }
                // Its replica may be put out, and with it what it held below this version, acknowledged or not.
                if operation.needs_nobody_else() && evidence.atlas.puts_out() {
                    return Ok(());
                }
                for reach in Reach::of_write(put.level) {
                    self.raise((item.clone(), *reach), operation.ended, rule, &own, evidence);
                }
                Ok(())
            }
            (Request::Get(get), Response::Found(found)) => {
                let Some((id, rule)) = bucket(&get.bucket) else { return Ok(()) };
                let rule = rule.of_key(&get.key);
                let item = (id, get.key.clone());
                let reach = Reach::of_read(get.level);
                let shown = Shown {
                    named: &(get.bucket.clone(), get.key.clone()),
                    item: &item,
                    keeps_siblings: rule == Rule::Siblings,
                    reach,
                    started: operation.started,
                    ended: operation.ended,
                    siblings: &found.siblings,
                    context: Some(&found.context),
                };
                evidence.check(&shown)?;
                self.check(&item, (&get.bucket, rule), reach, operation.started, &found.context, evidence)?;
                for later in reach.after_read() {
                    self.raise((item.clone(), *later), operation.ended, rule, &found.context, evidence);
                }
                Ok(())
            }
            (Request::Scan(scan), Response::Page(page)) => match bucket(&scan.bucket) {
                Some((id, rule)) => {
                    ranges::check(operation, scan, page, grid, (id, rule), evidence)?;
                    self.check_page(operation, (id, rule), page, evidence)
                }
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// How many reads had something to be checked against.
    pub(crate) fn checked(&self) -> u64 {
        self.checked
    }

    fn floor(&self, item: &Item, reach: Reach, at: Time) -> Option<&Floor> {
        let floors = self.floors.get(&(item.clone(), reach))?;
        let behind = floors.partition_point(|(since, _)| *since <= at);
        floors.get(behind.checked_sub(1)?).map(|(_, floor)| floor)
    }

    fn check(
        &mut self,
        item: &Item,
        (bucket, rule): (&str, Rule),
        reach: Reach,
        at: Time,
        seen: &Context,
        evidence: &Evidence<'_>,
    ) -> Result<(), String> {
        let Some(floor) = self.floor(item, reach, at) else { return Ok(()) };
        let missing = match rule {
            Rule::LastWriterWins => floor
                .latest
                .filter(|(_, dot)| !is_volatile(dot, evidence))
                .filter(|floor| falls_behind(item, *floor, seen, evidence))
                .map(|(_, dot)| dot),
            Rule::Siblings => missed(item, bucket, &floor.seen, seen, evidence),
        };
        if let Some(dot) = missing {
            return Err(format!(
                "a read of {} ({reach:?}) that began at {at} saw [{}] and misses {}, which was seen before",
                describe::key(&item.1),
                describe::context(seen),
                describe::dot(dot),
            ));
        }
        self.checked += 1;
        Ok(())
    }

    fn raise(&mut self, of: (Item, Reach), at: Time, rule: Rule, seen: &Context, evidence: &Evidence<'_>) {
        let floors = self.floors.entry(of).or_default();
        let mut floor = floors.last().map(|(_, floor)| floor.clone()).unwrap_or_default();
        match rule {
            Rule::Siblings => floor.seen.merge(seen),
            Rule::LastWriterWins => {
                let seen = latest(seen, evidence).filter(|(_, dot)| !is_volatile(dot, evidence));
                floor.latest = floor.latest.max(seen);
            }
        }
        floors.push((at, floor));
    }

    /// A coordinator stamps above everything that its own replica holds: a write that began after one that every replica
    /// has was acknowledged is later than that one, whatever the clocks say.
    fn check_stamp(&self, item: &Item, operation: &Operation, dot: Dot, evidence: &Evidence<'_>) -> Result<(), String> {
        let floor = self.floor(item, Reach::One, operation.started).and_then(|floor| floor.latest);
        // A coordinator that keeps no record of the item knows nothing of what replicas hold. At level any, one that is to
        // take it over and has nothing yet may coordinate, too, if it reaches nobody.
        let any = operation.put().is_some_and(|put| put.level == Some(node::proto::Level::Any));
        let is_replica = dot.actor.incarnation > 0 && !any;
        let own = evidence.dots.stamp(&dot).map(|stamp| (stamp, dot));
        let floor = floor.filter(|(_, dot)| !is_volatile(dot, evidence));
        if is_replica && own < floor {
            return Err(format!(
                "the write {} of {} is stamped below {floor:?}, which every replica had before",
                describe::dot(dot),
                describe::key(&item.1)
            ));
        }
        Ok(())
    }

    /// Items of a last-writer-wins bucket on a page are not older than they may be; later reads see what the page shows.
    fn check_page(
        &mut self,
        operation: &Operation,
        (bucket, rule): (BucketId, Rule),
        page: &node::proto::Page,
        evidence: &Evidence<'_>,
    ) -> Result<(), String> {
        let Request::Scan(scan) = &operation.request else { return Ok(()) };
        for (key, siblings) in page.items.iter().filter(|(key, _)| counting::kind(key).is_none()) {
            let (item, rule) = ((bucket, key.clone()), rule.of_key(key));
            let seen = siblings.iter().map(|sibling| (sibling.dot.actor, sibling.dot.counter)).collect();
            for later in Reach::of_read(scan.level).after_read() {
                self.raise((item.clone(), *later), operation.ended, rule, &seen, evidence);
            }
            if rule == Rule::Siblings {
                continue;
            }
            let floor = self.floor(&item, Reach::of_read(scan.level), operation.started);
            let floor = floor.and_then(|floor| floor.latest).filter(|(_, dot)| !is_volatile(dot, evidence));
            let Some(floor) = floor else { continue };
            let found = siblings.iter().map(|sibling| (sibling.version.stamp, sibling.dot)).max();
            if found < Some(floor) {
                return Err(format!(
                    "a scan that began at {} saw {found:?} under {}, but before it {floor:?} had been seen",
                    operation.started,
                    describe::key(key)
                ));
            }
            self.checked += 1;
        }
        Ok(())
    }
}

/// True if a read that saw `seen` went behind `floor`. One that saw nothing at all may have come after a tombstone or an
/// expired version that was collected.
fn falls_behind(item: &Item, floor: (Stamp, Dot), seen: &Context, evidence: &Evidence<'_>) -> bool {
    let is_collectable = |dot: &&Dot| {
        let version = evidence.dots.fact(dot).map(|fact| &fact.version);
        version.is_some_and(|version| version.value.is_none() || version.expires.is_some())
    };
    match latest(seen, evidence) {
        Some(seen) => seen < floor,
        None if !seen.is_empty() => true,
        None => {
            let ends = evidence.dots.of_item(item).iter().filter(is_collectable);
            !ends.into_iter().any(|end| evidence.dots.stamp(end).is_some_and(|stamp| (stamp, *end) >= floor))
        }
    }
}

/// A version that was seen, that lives on, and that a later read knows nothing of.
fn missed(item: &Item, bucket: &str, floor: &Context, seen: &Context, evidence: &Evidence<'_>) -> Option<Dot> {
    if seen.descends_from(floor) {
        return None;
    }
    let superseding = evidence.past_of(item, bucket);
    let lives = |dot: &&Dot| {
        let Some(fact) = evidence.dots.fact(dot) else { return false };
        let is_plain = fact.version.value.is_some() && fact.version.expires.is_none();
        is_plain && !is_volatile(dot, evidence) && superseding.is_none_or(|past| !past.superseding.covers(dot))
    };
    let unseen = evidence.dots.of_item(item).iter().filter(|dot| floor.covers(dot) && !seen.covers(dot));
    unseen.filter(lives).copied().next()
}

fn is_volatile(dot: &Dot, evidence: &Evidence<'_>) -> bool {
    let value = evidence.dots.fact(dot).and_then(|fact| fact.version.value.as_ref());
    value.is_some_and(|value| evidence.may_be_lost(&value.bytes))
}

/// The version that the context of a last-writer-wins item names.
fn latest(seen: &Context, evidence: &Evidence<'_>) -> Option<(Stamp, Dot)> {
    let named = seen.iter().map(|(actor, counter)| Dot { actor, counter });
    named.filter_map(|dot| evidence.dots.stamp(&dot).map(|stamp| (stamp, dot))).max()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{BUCKET, Story};
    use super::Reads;
    use crate::history::Operation;
    use node::proto::{Level, Rule};
    use ring::Grid;

    fn told(reads: &mut Reads, story: &Story, rule: Rule, operation: &Operation) -> Result<(), String> {
        reads.ended(operation, &story.evidence(), Grid::default(), |_| Some((BUCKET, rule)))
    }

    #[test]
    fn a_read_goes_not_behind_an_earlier_one() {
        for rule in [Rule::LastWriterWins, Rule::Siblings] {
            let mut story = Story::default();
            // Nobody acknowledged the second one for good, but a read has shown it.
            story.wrote(1, Some("one"), 0, Level::Quorum).wrote(2, Some("two"), 1, Level::Any);
            let mut reads = Reads::default();
            for write in &story.history {
                assert_eq!(told(&mut reads, &story, rule, write), Ok(()));
            }
            assert_eq!(told(&mut reads, &story, rule, &story.get(25, Level::Quorum, &[1], 1)), Ok(()), "{rule:?}");
            assert_eq!(told(&mut reads, &story, rule, &story.get(30, Level::Quorum, &[2], 2)), Ok(()));
            assert!(told(&mut reads, &story, rule, &story.get(35, Level::Quorum, &[1], 1)).is_err(), "{rule:?}");
            assert_eq!(told(&mut reads, &story, rule, &story.get(35, Level::One, &[1], 1)), Ok(()), "{rule:?}");
        }
    }

    #[test]
    fn a_collected_tombstone_may_be_missing_and_nothing_older_may_be_there() {
        let mut story = Story::default();
        story.wrote(1, Some("one"), 0, Level::Quorum).wrote(2, None, 1, Level::Quorum);
        let mut reads = Reads::default();
        for write in &story.history {
            assert_eq!(told(&mut reads, &story, Rule::LastWriterWins, write), Ok(()));
        }
        assert_eq!(told(&mut reads, &story, Rule::LastWriterWins, &story.get(25, Level::Quorum, &[], 0)), Ok(()));
        assert!(told(&mut reads, &story, Rule::LastWriterWins, &story.get(25, Level::Quorum, &[1], 1)).is_err());
    }

    #[test]
    fn a_write_is_stamped_above_what_every_replica_has() {
        let mut story = Story::default();
        story.wrote(1, Some("one"), 0, Level::All);
        let late = super::super::testing::version(0, Some("two"));
        story.wrote_version(2, late, None, 1, Level::All);
        let mut reads = Reads::default();
        let results: Vec<_> =
            story.history.iter().map(|write| told(&mut reads, &story, Rule::LastWriterWins, write).is_ok()).collect();
        assert_eq!(results, [true, false]);
    }
}
