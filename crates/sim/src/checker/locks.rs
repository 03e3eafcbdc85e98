//! Locks that end: nobody else has one while its holder may count on it, and every later holder has a higher version.
//!
//! Judged per lock from requests and answers alone. How far clocks may be apart is the plan's: whoever takes a lock for some
//! time has it for that time less the difference, from when it asked, unless it let go (`docs/guarantees.md`). Versions rise
//! whatever the clocks do.

mod tenure;

use crate::clock::WALL_AT_START_MS;
use crate::describe;
use crate::history::Operation;
use crate::time::Time;
use bytes::Bytes;
use node::proto::ItemKey;
use std::collections::BTreeMap;
use stdx::Span;
use tenure::{Act, Deed, Fate, acts};

/// Everything asked of each lock.
pub(crate) struct Locks {
    acts: BTreeMap<ItemKey, Vec<Act>>,
    /// Milliseconds.
    apart: u64,
}

impl Locks {
    /// Sorts a history of requests to a bucket.
    pub(crate) fn new(history: &[Operation], bucket: &str, clocks_apart: Span) -> Locks {
        Locks { acts: acts(history, bucket), apart: clocks_apart.as_millis() + 1 }
    }

    /// Acts that were judged.
    pub(crate) fn checked(&self) -> u64 {
        self.acts.values().map(|acts| acts.len() as u64).sum()
    }

    /// What is wrong.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (key, acts) in &self.acts {
            let mut say = |what: String| wrong.push(format!("{}: {what}", describe::key(key)));
            self.versions(acts).into_iter().for_each(&mut say);
            acts.iter().filter_map(|act| self.unjust(acts, act)).for_each(&mut say);
            self.let_go_twice(acts).into_iter().for_each(&mut say);
        }
        wrong
    }

    /// Versions that went back, or were given twice.
    fn versions(&self, acts: &[Act]) -> Vec<String> {
        let mut wrong = Vec::new();
        for (at, later) in acts.iter().enumerate() {
            let Some(version) = later.version else { continue };
            for (other, earlier) in acts.iter().enumerate() {
                let Some(before) = earlier.version.filter(|_| other != at) else { continue };
                let (follows, takes) = (earlier.ended <= later.started, later.takes() && earlier.takes());
                if follows && (before > version || takes && before == version) {
                    wrong.push(format!("version {version} at {} after {before} at {}", later.started, earlier.ended));
                }
                if takes && before == version && at < other {
                    wrong.push(format!("version {version} was given twice, at {} and {}", later.ended, earlier.ended));
                }
            }
        }
        wrong
    }

    /// Why an act could not be answered as it was.
    fn unjust(&self, acts: &[Act], act: &Act) -> Option<String> {
        if act.fate != Fate::Made {
            return None;
        }
        match (&act.deed, &act.shown) {
            (Deed::Take(_) | Deed::Look, None) => {
                let holder = acts.iter().find(|other| self.must_be_held(acts, other, act))?;
                let (name, at) = (holder.name(), holder.ended);
                Some(format!("{} found it free at {}, and {name} had it since {at}", act.name(), act.ended))
            }
            (Deed::Take(_) | Deed::Look, Some(name)) => self.cannot_be(acts, name, act),
            (Deed::Release(name) | Deed::PutOff(name, _), _) => self.cannot_be(acts, name, act),
            (Deed::Other, _) => None,
        }
    }

    /// True if somebody's lock must still have been held while another act found none.
    fn must_be_held(&self, acts: &[Act], holder: &Act, act: &Act) -> bool {
        let Deed::Take((name, _)) = &holder.deed else { return false };
        let is_held = holder.fate == Fate::Made && holder.shown.is_none() && holder.asked != act.asked;
        let is_before = match (holder.version, act.version.filter(|_| act.takes())) {
            (Some(before), Some(version)) => before < version,
            _ => holder.ended <= act.started,
        };
        let may_let_go = |other: &Act| other.deed == Deed::Release(name.clone()) && other.started < act.ended;
        if !is_held || !is_before || acts.iter().any(may_let_go) {
            return false;
        }
        // The end that it was given last may be any that no later one was sure to replace.
        let gives = |other: &&Act| other.gives_end(name) && other.started < act.ended;
        let is_replaced = |given: &Act| {
            let later =
                |other: &Act| other.fate == Fate::Made && other.started >= given.ended && other.ended <= act.started;
            given.fate == Fate::Made && acts.iter().filter(gives).any(later)
        };
        let ends = acts.iter().filter(gives).filter(|given| !is_replaced(given)).filter_map(Act::earliest_end);
        ends.min().is_some_and(|end| wall(act.ended) + self.apart < end)
    }

    /// Why nobody of this name can have had the lock while an act found it there.
    fn cannot_be(&self, acts: &[Act], name: &Bytes, act: &Act) -> Option<String> {
        let text = describe::text(name);
        let taken = |other: &&Act| matches!(&other.deed, Deed::Take((taken, _)) if taken == name);
        let mut takers = acts.iter().filter(taken).filter(|other| other.asked != act.asked);
        let Some(taker) = takers.find(|other| other.started < act.ended) else {
            return Some(format!("{text} was found at {}, which nobody of that name had taken", act.ended));
        };
        let let_go = |other: &&Act| {
            other.fate == Fate::Made && other.deed == Deed::Release(name.clone()) && other.ended <= act.started
        };
        if let Some(gone) = acts.iter().find(let_go) {
            return Some(format!("{text} was found at {}, and had let go at {}", act.ended, gone.ended));
        }
        let gives = |other: &&Act| other.gives_end(name) && other.started < act.ended && other.asked != act.asked;
        let latest: Option<u64> =
            acts.iter().filter(gives).map(Act::latest_end).try_fold(0, |most, end| Some(most.max(end?)));
        let is_over = taker.fate == Fate::Made && latest.is_some_and(|end| wall(act.started) > end + self.apart);
        is_over.then(|| format!("{text} was found at {}, and its time was over", act.ended))
    }

    /// Those whose lock was let go more than once.
    fn let_go_twice(&self, acts: &[Act]) -> Vec<String> {
        let mut released: BTreeMap<&Bytes, u32> = BTreeMap::new();
        for act in acts.iter().filter(|act| act.fate == Fate::Made) {
            if let Deed::Release(name) = &act.deed {
                *released.entry(name).or_default() += 1;
            }
        }
        let twice = released.into_iter().filter(|(_, times)| *times > 1);
        twice.map(|(name, times)| format!("{} let go {times} times", describe::text(name))).collect()
    }
}

fn wall(at: Time) -> u64 {
    WALL_AT_START_MS + at.0 / 1_000
}

#[cfg(test)]
mod tests;
