//! Quorum reads never go backwards: a quorum read that begins after a quorum write was acknowledged, or after a quorum
//! read has ended, sees at least what that one wrote or saw.
//!
//! In a last-writer-wins bucket "at least" is the order of stamps (the winner may be another write); in a sibling bucket
//! the read's context covers the write's dot, or descends from the earlier read's.

use super::dots::{Dots, Item};
use crate::describe;
use crate::history::{Operation, Outcome, is_quorum};
use crate::time::Time;
use causal::{Context, Dot, Stamp};
use node::proto::{BucketId, Page, Request, Response, Scan, Scope};
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
    /// By item: from which moment on, what. Ascending; each floor holds the one before.
    floors: BTreeMap<Item, Vec<(Time, Floor)>>,
    checked: u64,
}

impl Reads {
    /// A request has ended. `bucket` tells the bucket of a name, and whether it keeps siblings.
    pub(crate) fn ended(
        &mut self,
        operation: &Operation,
        dots: &Dots,
        bucket: impl Fn(&str) -> Option<(BucketId, bool)>,
    ) -> Result<(), String> {
        let Outcome::Answered(response) = &operation.outcome else { return Ok(()) };
        match (&operation.request, response.as_ref()) {
            (Request::Put(put), Response::Written(_)) if operation.is_quorum_write() => {
                let Some((id, siblings)) = bucket(&put.bucket) else { return Ok(()) };
                let Some(dot) = dots.of_write(operation) else { return Ok(()) };
                self.raise(
                    (id, put.key.clone()),
                    operation.ended,
                    siblings,
                    &[dot].map(pair).into_iter().collect(),
                    dots,
                );
                Ok(())
            }
            (Request::Get(get), Response::Found(found)) if is_quorum(get.level) => {
                let Some((id, siblings)) = bucket(&get.bucket) else { return Ok(()) };
                let item = (id, get.key.clone());
                self.check(&item, operation.started, siblings, &found.context, dots)?;
                self.raise(item, operation.ended, siblings, &found.context, dots);
                Ok(())
            }
            (Request::Scan(scan), Response::Page(page)) if is_quorum(scan.level) => match bucket(&scan.bucket) {
                Some((id, false)) => self.check_page(id, operation.started, scan, page),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// How many reads had something to be checked against.
    pub(crate) fn checked(&self) -> u64 {
        self.checked
    }

    fn floor(&self, item: &Item, at: Time) -> Option<&Floor> {
        let floors = self.floors.get(item)?;
        let behind = floors.partition_point(|(since, _)| *since <= at);
        floors.get(behind.checked_sub(1)?).map(|(_, floor)| floor)
    }

    fn check(&mut self, item: &Item, at: Time, siblings: bool, seen: &Context, dots: &Dots) -> Result<(), String> {
        let Some(floor) = self.floor(item, at) else { return Ok(()) };
        let fits = if siblings { seen.descends_from(&floor.seen) } else { latest(seen, dots) >= floor.latest };
        if !fits {
            return Err(format!(
                "a quorum read of {} that began at {at} saw [{}], but before it a quorum had seen {}",
                describe::key(&item.1),
                describe::context(seen),
                if siblings { describe::context(&floor.seen) } else { format!("{:?}", floor.latest) },
            ));
        }
        self.checked += 1;
        Ok(())
    }

    fn raise(&mut self, item: Item, at: Time, siblings: bool, seen: &Context, dots: &Dots) {
        let floors = self.floors.entry(item).or_default();
        let mut floor = floors.last().map(|(_, floor)| floor.clone()).unwrap_or_default();
        if siblings {
            floor.seen.merge(seen);
        } else {
            floor.latest = floor.latest.max(latest(seen, dots));
        }
        floors.push((at, floor));
    }

    /// Items of a last-writer-wins bucket on a page are not older than they may be.
    fn check_page(&mut self, bucket: BucketId, at: Time, scan: &Scan, page: &Page) -> Result<(), String> {
        let Scope::SortKeys { .. } = &scan.scope else { return Ok(()) };
        for (key, siblings) in &page.items {
            let item = (bucket, key.clone());
            let Some(floor) = self.floor(&item, at).and_then(|floor| floor.latest) else { continue };
            let found = siblings.iter().map(|sibling| (sibling.version.stamp, sibling.dot)).max();
            if found < Some(floor) {
                return Err(format!(
                    "a quorum scan that began at {at} saw {found:?} under {}, but before it a quorum had seen {floor:?}",
                    describe::key(key)
                ));
            }
            self.checked += 1;
        }
        Ok(())
    }
}

fn pair(dot: Dot) -> (causal::Actor, u64) {
    (dot.actor, dot.counter)
}

/// The version that the context of a last-writer-wins item names.
fn latest(seen: &Context, dots: &Dots) -> Option<(Stamp, Dot)> {
    let named = seen.iter().map(|(actor, counter)| Dot { actor, counter });
    named.filter_map(|dot| dots.stamp(&dot).map(|stamp| (stamp, dot))).max()
}
