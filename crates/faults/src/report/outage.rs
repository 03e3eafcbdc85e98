//! What clients noticed of the faults: requests that failed although a quorum was there, waiting times, gaps.

use crate::load::record::{self, Recorded};
use crate::session::Act;
use serde_json::{Value, json};
use sim::Time;
use sim::outside::Outcome;

/// How long after a fault clients may still notice it.
const AFTER: u64 = 3_000_000;

/// Waiting times of requests that were done, in milliseconds.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Spread {
    /// How many requests.
    pub count: usize,
    /// Half of them took at most this.
    pub p50: f64,
    /// 99 of 100 took at most this.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// What clients noticed.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Outage {
    /// Requests under way at a node's fault that failed or are unknown.
    pub in_flight: usize,
    /// Requests that began after a fault that leaves a quorum, and failed or are unknown.
    pub beyond: usize,
    /// The first few of those, in words.
    pub beyond_lines: Vec<String>,
    /// Requests that were asked again at another node.
    pub retried: usize,
    /// The longest time, in milliseconds, in which no request at all was done although a quorum was there.
    pub longest_gap: f64,
    /// Waiting times while no fault was on.
    pub quiet: Spread,
    /// While one was on that leaves a quorum, and a little after.
    pub during: Spread,
    /// From a fault's end until all nodes took requests.
    pub ready: Spread,
    /// From a fault's end until the cluster was at rest.
    pub rest: Spread,
}

impl Outage {
    pub(super) fn measure(all: &[Recorded], acts: &[Act]) -> Outage {
        let mut outage = Outage { retried: all.iter().filter(|r| r.retries > 0).count(), ..Outage::default() };
        let failed = |r: &&Recorded| !record::is_ok(&r.entry);
        for recorded in all.iter().filter(failed) {
            let Some(act) = acts.iter().rev().find(|act| act.begun <= recorded.entry.ended) else { continue };
            if !act.quorum_stays || is_reader(recorded) {
                continue;
            }
            let entry = &recorded.entry;
            if entry.begun < act.struck {
                outage.in_flight += 1;
            } else {
                outage.beyond += 1;
                outage.beyond_lines.push(format!("{} {}: {}", act.kind, act.detail, say(recorded)));
            }
        }
        outage.beyond_lines.truncate(20);
        let on = |act: &&Act, at: Time| act.begun <= at && at.0 <= act.ready.unwrap_or(act.lifted).0 + AFTER;
        let (mut quiet, mut during) = (Vec::new(), Vec::new());
        for recorded in all.iter().filter(|r| record::is_ok(&r.entry) && !is_reader(r)) {
            let entry = &recorded.entry;
            match acts.iter().find(|act| on(act, entry.begun)) {
                None => quiet.push(millis(entry.begun, entry.ended)),
                Some(act) if act.quorum_stays => during.push(millis(entry.begun, entry.ended)),
                Some(_) => {}
            }
        }
        outage.longest_gap = longest_gap(all, acts);
        (outage.quiet, outage.during) = (Spread::of(quiet), Spread::of(during));
        outage.ready = Spread::of(acts.iter().filter_map(|a| a.ready.map(|at| millis(a.lifted, at))).collect());
        outage.rest = Spread::of(acts.iter().filter_map(|a| a.rest.map(|at| millis(a.lifted, at))).collect());
        outage
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "failed in flight": self.in_flight,
            "failed beyond those in flight": self.beyond,
            "those": self.beyond_lines,
            "asked again elsewhere": self.retried,
            "longest gap ms": self.longest_gap,
            "quiet ms": self.quiet.json(),
            "during faults ms": self.during.json(),
            "ready again after ms": self.ready.json(),
            "at rest again after ms": self.rest.json(),
        })
    }
}

impl Spread {
    pub(crate) fn of(mut millis: Vec<f64>) -> Spread {
        millis.sort_by(f64::total_cmp);
        let at = |share: f64| millis.get(((millis.len() as f64 * share) as usize).min(millis.len().max(1) - 1));
        let at = |share: f64| at(share).copied().unwrap_or(0.0);
        Spread { count: millis.len(), p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "count": self.count, "p50": self.p50, "p99": self.p99, "max": self.max })
    }
}

fn say(recorded: &Recorded) -> String {
    let mut why = recorded.why.clone();
    why.truncate(why.char_indices().nth(200).map_or(why.len(), |(at, _)| at));
    let kind = if recorded.entry.outcome == Outcome::Unknown { "unknown" } else { "failed" };
    format!("{kind} after {} tries: {} ({why})", recorded.retries + 1, recorded.entry.describe())
}

/// Reading back at the end is not a client's.
fn is_reader(recorded: &Recorded) -> bool {
    recorded.entry.client >= 1 << 40
}

fn millis(from: Time, to: Time) -> f64 {
    to.since(from).as_micros() as f64 / 1e3
}

/// Between two requests that were done one after the other, leaving out faults that take the quorum away.
fn longest_gap(all: &[Recorded], acts: &[Act]) -> f64 {
    let mut ends: Vec<Time> = all.iter().filter(|r| record::is_ok(&r.entry)).map(|r| r.entry.ended).collect();
    ends.sort_unstable();
    let spared = |from: Time, to: Time| {
        let overlaps = |act: &&Act| act.begun <= to && from <= act.ready.unwrap_or(act.lifted);
        acts.iter().filter(|act| !act.quorum_stays).any(|act| overlaps(&act))
    };
    let gaps = ends.windows(2).filter(|pair| !spared(pair[0], pair[1])).map(|pair| millis(pair[0], pair[1]));
    gaps.fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn a_spread_names_values_that_were_there() {
        let spread = Spread::of((1..=200).map(f64::from).collect());
        assert_eq!((spread.count, spread.p50, spread.p99, spread.max), (200, 101.0, 199.0, 200.0));
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }
}
