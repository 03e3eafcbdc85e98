//! Counters in eventual buckets: what was acknowledged is in the sum once, what was refused is not, and what nobody knows is
//! in it once or not at all.
//!
//! Judged per key from requests and answers alone. A value tells the write that it stands on ([`BASE`]); the rest of it is
//! what was added since. Increments that began when that write was acknowledged must be there, those that ended before it
//! was asked for must not. Of a counter that ends, an increment must be there that began after every end that was ever
//! asked for and acknowledged, and must not that ended before an acknowledged change of an end, when all ends are over.
//!
//! Fields of hashes are judged by what their writes take away (`fields`).

pub(crate) mod deed;
mod fields;

use super::dots::Dots;
use crate::counting::{BASE, Kind, kind};
use crate::describe;
use crate::history::Operation;
use crate::time::Time;
use deed::{
    Deed, Fate, added_by, counter_of, end, fate, held_value, is_put, is_weak, put, put_number, shown_value, wall,
};
use node::proto::{ItemKey, Record, Request};
use std::collections::{BTreeMap, BTreeSet};
use stdx::{Span, Wall};

/// Everything asked of each counter.
pub(crate) struct Counters<'a> {
    deeds: BTreeMap<ItemKey, Vec<Deed<'a>>>,
    /// Reads at a quorum, in the order in which they ended.
    reads: BTreeMap<ItemKey, Vec<(&'a Operation, i64)>>,
    dots: &'a Dots,
    clocks_apart: Span,
}

impl<'a> Counters<'a> {
    /// Sorts a history. `owed` tells if a durable write must still be there.
    pub(crate) fn new(
        history: &'a [Operation],
        dots: &'a Dots,
        clocks_apart: Span,
        owed: impl Fn(&Operation) -> bool,
    ) -> Counters<'a> {
        let mut counters = Counters { deeds: BTreeMap::new(), reads: BTreeMap::new(), dots, clocks_apart };
        for operation in history {
            let Some(key) = counter_of(operation) else { continue };
            // An answer to a change shows what a quorum knew, too.
            if let Some(value) = shown_value(operation).filter(|_| !is_weak(operation)) {
                counters.reads.entry(key.clone()).or_default().push((operation, value));
            }
            if matches!(operation.request, Request::Get(_)) {
                continue;
            }
            let fate = match fate(operation) {
                Fate::Made if !owed(operation) => Fate::Unknown,
                fate => fate,
            };
            counters.deeds.entry(key.clone()).or_default().push(Deed { operation, fate });
        }
        counters.reads.values_mut().for_each(|reads| reads.sort_by_key(|(operation, _)| operation.ended));
        counters
    }

    /// What is wrong with what was read, and with what the cluster holds at the end.
    pub(crate) fn wrong<'r>(&self, now: Time, finally: impl Fn(&ItemKey) -> Option<&'r Record>) -> Vec<String> {
        let mut wrong = Vec::new();
        for (key, deeds) in &self.deeds {
            for (read, value) in self.reads.get(key).into_iter().flatten() {
                let what = self.explain(key, deeds, *value, read.started, read.ended, true);
                wrong.extend(what.map(|what| format!("a read that began at {} of {what}", read.started)));
                if kind(key) == Some(Kind::Steady) {
                    let earlier = self.reads[key].iter().filter(|(other, _)| other.ended <= read.started);
                    let highest = earlier.map(|(_, value)| *value).max().unwrap_or(0);
                    if *value < highest {
                        let name = describe::key(key);
                        wrong.push(format!("{name} was {value} at {} after it had been {highest}", read.started));
                    }
                }
            }
            let value = held_value(key, finally(key), Wall(wall(now)));
            match value {
                None => wrong.push(format!("{} is no number at the end", describe::key(key))),
                Some(value) => {
                    wrong.extend(
                        self.explain(key, deeds, value, now, now, false).map(|what| format!("at the end {what}")),
                    );
                }
            }
        }
        wrong
    }

    /// Why this value cannot be, read between two moments.
    fn explain(
        &self,
        key: &ItemKey,
        deeds: &[Deed<'_>],
        value: i64,
        from: Time,
        to: Time,
        is_read: bool,
    ) -> Option<String> {
        let (base, added) = (value / BASE, value % BASE);
        let written = deeds.iter().find(|deed| base > 0 && put_number(deed.operation) == Some(base * BASE));
        let name = describe::key(key);
        if base > 0 && written.is_none() {
            return Some(format!("{name}: {value} stands on a write that nobody made"));
        }
        let (mut sure, mut perhaps) = (0, Vec::new());
        for deed in deeds.iter().filter(|deed| deed.operation.started < to) {
            let Some(by) = added_by(deed.operation) else { continue };
            if deed.fate == Fate::Not {
                continue;
            }
            let is_known = deed.fate == Fate::Made && deed.operation.ended <= from;
            match self.counts(key, deeds, deed, written, from, is_known, is_read) {
                Counts::Surely => sure += by,
                Counts::Perhaps => perhaps.push(by),
                Counts::Not => {}
            }
        }
        let rest = added - sure;
        let is_possible = rest >= 0 && sums(&perhaps, rest).contains(&rest);
        (!is_possible).then(|| {
            format!(
                "{name}: {value}, but {sure} must have been added since that write, and perhaps some of {perhaps:?}"
            )
        })
    }

    /// A write that came to its coordinator twice, or to two of them, may have been made again after it was acknowledged.
    fn is_made_once(&self, write: &Operation) -> bool {
        put(write).flatten().is_some_and(|value| self.dots.of_value(&value.bytes).len() == 1)
    }

    fn counts(
        &self,
        key: &ItemKey,
        deeds: &[Deed<'_>],
        deed: &Deed<'_>,
        written: Option<&Deed<'_>>,
        from: Time,
        is_known: bool,
        is_read: bool,
    ) -> Counts {
        let add = deed.operation;
        // At the end everything acknowledged is there; a read meets what enough replicas have acknowledged.
        let is_met = is_known && (!is_read || !is_weak(add));
        let sure = |is_sure: bool| if is_sure { Counts::Surely } else { Counts::Perhaps };
        let kind = kind(key).unwrap_or(Kind::Steady);
        match kind {
            Kind::Steady => sure(is_met),
            Kind::Written if key.is_element() => self.counts_in_field(deeds, deed, written, from, is_met),
            Kind::Written => {
                let is_after = |write: &Operation| write.ended <= add.started;
                let stands = match written {
                    // On nothing, or on a deletion: then perhaps not on the one before.
                    None => !deeds.iter().any(|deed| is_put(deed) && deed.fate != Fate::Not),
                    Some(write) => {
                        let is_strong = write.fate == Fate::Made && !is_weak(write.operation);
                        is_strong && is_after(write.operation) && self.is_made_once(write.operation)
                    }
                };
                let is_over = |write: &Deed<'_>| {
                    let apart = Span(self.clocks_apart.0 + 1_000);
                    deed.fate == Fate::Made && !is_weak(add) && add.ended.after(apart) <= write.operation.started
                };
                if written.is_some_and(is_over) {
                    return Counts::Not;
                }
                sure(is_met && stands && !is_weak(add))
            }
            Kind::Ending => {
                let ends = || deeds.iter().filter_map(|deed| Some((deed, end(deed.operation)?)));
                let apart = self.clocks_apart.as_millis() + 1;
                let asked = || ends().filter(|(deed, _)| deed.fate != Fate::Not);
                // One that is carried out late, behind its own end, ends whatever is there then; and so does one that a
                // single replica knew, when the others hear of it.
                let is_done = |end: &Deed<'_>| {
                    end.fate == Fate::Made && end.operation.ended <= add.started && !is_weak(end.operation)
                };
                let is_later = asked().all(|(deed, end)| is_done(deed) && end + apart < wall(add.started));
                let all_over = asked().all(|(_, end)| end + apart < wall(from));
                let is_ended = |(end, _): (&Deed<'_>, u64)| {
                    let is_sure = end.fate == Fate::Made && deed.fate == Fate::Made;
                    let are_strong = !is_weak(end.operation) && !is_weak(add);
                    let is_done = end.operation.ended <= from;
                    let is_before = add.ended <= end.operation.started;
                    is_sure && are_strong && is_done && is_before && !fields::may_have_begun_anew(key, deeds, end)
                };
                if all_over && ends().any(is_ended) {
                    return Counts::Not;
                }
                sure(is_met && is_later && !is_weak(add))
            }
        }
    }
}

/// Whether an increment is in a sum.
enum Counts {
    Surely,
    Perhaps,
    Not,
}

/// Every sum of some of these, up to `most`.
fn sums(of: &[i64], most: i64) -> BTreeSet<i64> {
    let mut sums = BTreeSet::from([0]);
    for by in of {
        let more: Vec<i64> = sums.iter().map(|sum| sum + by).filter(|sum| *sum <= most).collect();
        sums.extend(more);
    }
    sums
}
