//! Watching: what was acknowledged at a quorum since a watcher was ready is told to it, unless it was told of a gap since, and
//! what it is told was written (`docs/guarantees.md`).
//!
//! Judged when all is over, for the time since the last gap.

use super::dots::{Dots, Item};
use crate::atlas::Atlas;
use crate::counting::kind;
use crate::describe;
use crate::fault::HostId;
use crate::history::{Operation, Outcome, Reach};
use crate::time::Time;
use causal::Stamp;
use node::proto::{BucketId, Durability, ItemKey, Request, Response, Rule};
use std::collections::BTreeMap;

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) at: Time,
    pub(crate) seq: u64,
    pub(crate) node: HostId,
    pub(crate) stamp: Option<Stamp>,
    pub(crate) gone: bool,
}

/// What a watcher was told since it was ready.
#[derive(Default)]
pub(crate) struct Stretch {
    began: Time,
    pub(crate) told: BTreeMap<ItemKey, Vec<Told>>,
}

impl Stretch {
    pub(crate) fn new(began: Time) -> Stretch {
        Stretch { began, told: BTreeMap::new() }
    }

    /// What is wrong with it, at the end.
    pub(crate) fn wrong(
        &self,
        history: &[Operation],
        dots: &Dots,
        atlas: &Atlas,
        (name, bucket, rule): (&str, BucketId, Rule),
    ) -> Vec<String> {
        let owed = |operation: &&Operation| {
            let key = written(operation, name)?;
            let is_owed = operation.started >= self.began && is_acknowledged(operation) && atlas.recoverable(operation);
            is_owed.then_some(())?;
            stdx::marks::hit("watch.a_change_was_owed");
            let item = (bucket, key.clone());
            let stamp = dots.all_of_write(operation).iter().filter_map(|dot| dots.stamp(dot)).min();
            let told = self.told.get(key).into_iter().flatten();
            let is_told = told.filter(|told| told.at >= operation.started).any(|told| told.stamp >= stamp);
            (!is_told && !is_overruled(dots, &item, operation, stamp, rule.of_key(key))).then(|| {
                let (key, ended) = (describe::key(key), operation.ended);
                format!("{key} was written at {ended} and nobody was told, watching since {}", self.began)
            })
        };
        let missed = history.iter().filter_map(|operation| owed(&operation));
        missed.chain(self.never_written(dots, bucket)).collect()
    }

    /// Events of what nobody wrote, or out of order.
    fn never_written(&self, dots: &Dots, bucket: BucketId) -> Vec<String> {
        let mut wrong = Vec::new();
        for (key, told) in &self.told {
            let item = (bucket, key.clone());
            for one in told {
                let is_known = |dot: &causal::Dot| {
                    dots.fact(dot).is_some_and(|fact| {
                        let is_it = Some(fact.version.stamp) == one.stamp;
                        is_it
                            && fact.first_seen <= one.at
                            && (one.gone || !rule_of_one(&item) || fact.version.value.is_some())
                    })
                };
                // Sums and ends have stamps of their own and no dots.
                if kind(key).is_none() && !dots.of_item(&item).iter().any(is_known) {
                    wrong.push(format!(
                        "{} was told at {}: {one:?}, and nobody wrote that",
                        describe::key(key),
                        one.at
                    ));
                }
            }
            let goes_back = |pair: &&[Told]| pair[0].node == pair[1].node && pair[0].seq >= pair[1].seq;
            if let Some([first, second]) = told.windows(2).find(goes_back) {
                wrong.push(format!("{} was told {second:?} after {first:?}", describe::key(key)));
            }
        }
        wrong
    }
}

/// True if of such an item the newest version is all that there is.
fn rule_of_one((bucket, key): &Item) -> bool {
    *bucket == BucketId::DEFAULT && !key.is_element()
}

/// The item that an operation writes in this bucket.
fn written<'o>(operation: &'o Operation, bucket: &str) -> Option<&'o ItemKey> {
    match &operation.request {
        Request::Put(put) if put.bucket == bucket && put.durability == Durability::Fsync => Some(&put.key),
        Request::Amend(amending) if amending.bucket == bucket => Some(&amending.key),
        _ => None,
    }
}

/// True if a quorum has acknowledged it.
fn is_acknowledged(operation: &Operation) -> bool {
    let Outcome::Answered(response) = &operation.outcome else { return false };
    let is_made = matches!(response.as_ref(), Response::Written(_) | Response::Amended(_));
    let level = operation.written_at().and_then(|(_, level)| level);
    is_made && Reach::of_write(level).contains(&Reach::Quorum)
}

/// True if the write changed nothing at a replica that had heard of a version with a higher stamp.
fn is_overruled(dots: &Dots, item: &Item, operation: &Operation, stamp: Option<Stamp>, rule: Rule) -> bool {
    let is_above = |dot: &causal::Dot| {
        dots.fact(dot).is_some_and(|fact| Some(fact.version.stamp) > stamp && fact.first_seen <= operation.ended)
    };
    rule == Rule::LastWriterWins && dots.of_item(item).iter().any(is_above)
}

#[cfg(test)]
mod tests {
    use super::{Stretch, Told};
    use crate::checker::testing::{BUCKET, Story, dot};
    use crate::fault::HostId;
    use crate::time::Time;
    use node::proto::{Level, Rule};

    /// Two writes, at 10 and 20.
    fn story(level: Level) -> Story {
        let mut story = Story::default();
        story.wrote(1, Some("one"), 0, level).wrote(2, Some("two"), 1, level);
        story
    }

    fn told(story: &Story, counter: u64, seq: u64) -> Told {
        let stamp = story.dots.stamp(&dot(counter));
        Told { at: Time(50 + seq), seq, node: HostId(0), stamp, gone: false }
    }

    fn wrong(story: &Story, began: u64, told: Vec<Told>) -> Vec<String> {
        let mut stretch = Stretch::new(Time(began));
        let (bucket, key) = Story::named();
        stretch.told.insert(key, told);
        stretch.wrong(&story.history, &story.dots, &story.atlas, (&bucket, BUCKET, Rule::Siblings))
    }

    #[test]
    fn whatever_was_acknowledged_is_told() {
        let story = story(Level::Quorum);
        assert_eq!(wrong(&story, 0, vec![told(&story, 1, 1), told(&story, 2, 2)]), Vec::<String>::new());
        assert_eq!(wrong(&story, 0, vec![told(&story, 2, 2)]), Vec::<String>::new(), "the later one tells of both");
        assert_eq!(wrong(&story, 0, vec![told(&story, 1, 1)]).len(), 1, "the second is missing");
        assert_eq!(wrong(&story, 0, Vec::new()).len(), 2);
        assert_eq!(wrong(&story, 15, Vec::new()).len(), 1, "the first was before it watched");
    }

    #[test]
    fn a_single_copy_is_owed_to_nobody() {
        assert_eq!(wrong(&story(Level::One), 0, Vec::new()), Vec::<String>::new());
    }

    #[test]
    fn what_nobody_wrote_is_told_by_nobody() {
        let story = story(Level::Quorum);
        let mut made_up = told(&story, 2, 3);
        made_up.stamp = Some(causal::Stamp::new(77, 0));
        let all = vec![told(&story, 1, 1), told(&story, 2, 2), made_up];
        assert!(wrong(&story, 0, all).iter().any(|what| what.contains("nobody wrote that")));
        let mut early = told(&story, 2, 2);
        early.at = Time(15);
        assert!(
            wrong(&story, 0, vec![told(&story, 1, 1), early]).iter().any(|what| what.contains("nobody wrote that"))
        );
    }

    #[test]
    fn events_of_one_node_come_in_order() {
        let story = story(Level::Quorum);
        let back = wrong(&story, 0, vec![told(&story, 1, 5), told(&story, 2, 4)]);
        assert!(back.iter().any(|what| what.contains("after")), "{back:?}");
        let elsewhere = Told { node: HostId(1), ..told(&story, 2, 4) };
        assert_eq!(wrong(&story, 0, vec![told(&story, 1, 5), elsewhere]), Vec::<String>::new());
    }
}
