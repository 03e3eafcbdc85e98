//! Many seeds, one per thread at a time, nothing shared, and what they say together.
//!
//! Invariant: a run that panics is a failed run, not the end of the sweep.

use crate::checker::Failure;
use crate::plan::Plan;
use crate::run::{Report, run};
use crate::time::Time;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;

/// What many runs came to.
#[derive(Default, Debug)]
pub struct Sweep {
    /// How many runs.
    pub runs: u64,
    /// Simulated microseconds.
    pub micros: u64,
    /// Events.
    pub events: u64,
    /// Requests that were done, refused, and whose outcome nobody knows.
    pub requests: [u64; 3],
    /// Reads that were checked against something.
    pub reads_checked: u64,
    /// Faults by class.
    pub faults: BTreeMap<&'static str, u64>,
    /// Coverage marks.
    pub marks: BTreeMap<&'static str, u64>,
    /// The largest sizes seen, by what they are of.
    pub peaks: BTreeMap<&'static str, u64>,
    /// Batches that crashes took back.
    pub lost_batches: u64,
    /// The failed runs.
    pub failed: Vec<Report>,
}

impl Sweep {
    /// Runs every seed on `threads` threads. `tell` hears of each failed run as it comes.
    pub fn over(seeds: impl Iterator<Item = u64> + Send, threads: usize, tell: impl Fn(&Report) + Sync) -> Sweep {
        let queue = Mutex::new(seeds);
        let next = || queue.lock().ok().and_then(|mut seeds| seeds.next());
        let work = || {
            let mut sweep = Sweep::default();
            while let Some(seed) = next() {
                let report = run_safely(Plan::of_seed(seed));
                if !report.is_ok() {
                    tell(&report);
                }
                sweep.add(report);
            }
            sweep
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
            let parts = workers.into_iter().filter_map(|worker| worker.join().ok());
            parts.fold(Sweep::default(), Sweep::merged)
        })
    }

    fn add(&mut self, report: Report) {
        self.runs += 1;
        self.micros += report.time.0;
        self.events += report.events;
        self.reads_checked += report.checked[0];
        self.lost_batches += report.counts.lost_batches;
        for (all, one) in self.requests.iter_mut().zip(report.counts.requests) {
            *all += one;
        }
        raise_all(&mut self.peaks, &report.counts.peaks);
        add_all(&mut self.faults, &report.counts.faults);
        add_all(&mut self.marks, &report.marks);
        if !report.is_ok() {
            self.failed.push(report);
        }
    }

    fn merged(mut self, other: Sweep) -> Sweep {
        self.runs += other.runs;
        self.micros += other.micros;
        self.events += other.events;
        self.reads_checked += other.reads_checked;
        self.lost_batches += other.lost_batches;
        for (all, one) in self.requests.iter_mut().zip(other.requests) {
            *all += one;
        }
        raise_all(&mut self.peaks, &other.peaks);
        add_all(&mut self.faults, &other.faults);
        add_all(&mut self.marks, &other.marks);
        self.failed.extend(other.failed);
        self.failed.sort_by_key(|report| report.seed);
        self
    }

    /// Simulated hours for each minute of processor time, in hundredths.
    pub fn hours_per_core_minute(&self, core_millis: u64) -> u64 {
        let simulated_millis = self.micros / 1_000;
        // Hours per minute is a sixtieth of the plain ratio.
        simulated_millis.saturating_mul(100) / core_millis.max(1) / 60
    }
}

fn add_all(all: &mut BTreeMap<&'static str, u64>, some: &BTreeMap<&'static str, u64>) {
    for (name, count) in some {
        *all.entry(name).or_insert(0) += count;
    }
}

fn raise_all(all: &mut BTreeMap<&'static str, u64>, some: &BTreeMap<&'static str, u64>) {
    for (name, size) in some {
        let most = all.entry(name).or_insert(0);
        *most = (*size).max(*most);
    }
}

/// Runs a plan; a panic becomes a failure.
pub fn run_safely(plan: Plan) -> Report {
    let seed = plan.seed;
    catch_unwind(AssertUnwindSafe(|| run(plan))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let marks = stdx::marks::stop();
        Report {
            seed,
            failures: vec![Failure { at: Time(0), property: "no panic", what: text.unwrap_or_default() }],
            time: Time(0),
            events: 0,
            hash: 0,
            counts: Default::default(),
            marks,
            checked: [0; 3],
        }
    })
}

impl fmt::Display for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [done, refused, unknown] = self.requests;
        let seconds = self.micros / 1_000_000;
        write!(
            f,
            "{} seeds, {}.{:02} simulated hours, {} events, requests {done} ok {refused} refused {unknown} unknown, \
             {} reads checked, {} batches lost in crashes, {} failed",
            self.runs,
            seconds / 3_600,
            seconds % 3_600 / 36,
            self.events,
            self.reads_checked,
            self.lost_batches,
            self.failed.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Sweep;

    #[test]
    fn hours_per_core_minute_are_hundredths() {
        let sweep = Sweep { micros: 7_200 * 1_000_000, ..Sweep::default() };
        assert_eq!(sweep.hours_per_core_minute(60_000), 200);
    }
}
