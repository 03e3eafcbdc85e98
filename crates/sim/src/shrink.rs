//! Makes the plan of a failed run small: faults go one by one, and in halves; settings go back to what they are;
//! clients, hosts and time become fewer; what is left still fails.
//!
//! Each candidate is run. One that does not fail with the same property counts as not failing, also if it cannot be told
//! what it does (it ran into something else first). Randomness is keyed by identity, so taking one fault away leaves
//! what happens to the rest as it was.
//!
//! Invariant: the plan it returns was run and fails; no single step of the list makes it smaller and keeps it failing.

use crate::plan::{Plan, knobs};
use crate::run::Report;
use crate::sweep::run_safely;
use stdx::Span;

/// The smallest plan found, and how many were tried.
#[derive(Debug)]
pub struct Shrunk {
    /// It fails.
    pub plan: Plan,
    /// With this.
    pub report: Report,
    /// Runs it took.
    pub runs: u32,
}

struct Shrinker<'a> {
    plan: Plan,
    report: Report,
    property: &'static str,
    runs: u32,
    runs_max: u32,
    tell: &'a mut dyn FnMut(&str),
}

/// Shrinks a plan, in at most so many runs. Nothing if the plan does not fail. `tell` hears of each step that was made.
pub fn shrink(plan: Plan, runs_max: u32, tell: &mut dyn FnMut(&str)) -> Option<Shrunk> {
    let report = run_safely(plan.clone());
    let property = report.failures.first()?.property;
    let mut shrinker = Shrinker { plan, report, property, runs: 1, runs_max, tell };
    while shrinker.round() {}
    Some(Shrunk { plan: shrinker.plan, report: shrinker.report, runs: shrinker.runs })
}

impl Shrinker<'_> {
    /// Tries everything once. True if anything worked.
    fn round(&mut self) -> bool {
        let before = self.plan.clone();
        self.fewer_faults();
        self.shorter();
        self.fewer_of("clients", |plan| &mut plan.workload.clients);
        self.fewer_hosts();
        self.calmer();
        self.usual_settings();
        self.plan != before
    }

    /// Takes `plan` if it still fails.
    fn try_plan(&mut self, what: &str, plan: Plan) -> bool {
        if plan == self.plan || self.runs >= self.runs_max || plan.check().is_err() {
            return false;
        }
        self.runs += 1;
        let report = run_safely(plan.clone());
        let still_fails = report.failures.first().is_some_and(|failure| failure.property == self.property);
        if still_fails {
            (self.tell)(what);
            self.plan = plan;
            self.report = report;
        }
        still_fails
    }

    fn try_change(&mut self, what: &str, change: impl FnOnce(&mut Plan)) -> bool {
        let mut plan = self.plan.clone();
        change(&mut plan);
        self.try_plan(what, plan)
    }

    /// Halves first, then quarters, at last one by one (delta debugging).
    fn fewer_faults(&mut self) {
        let mut size = self.plan.faults.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < self.plan.faults.len() {
                let end = (at + size).min(self.plan.faults.len());
                let left = self.plan.faults.len() - (end - at);
                if !self.try_change(&format!("{left} faults"), |plan| drop(plan.faults.drain(at..end))) {
                    at = end;
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }

    /// Ends soon after the last fault, or earlier.
    fn shorter(&mut self) {
        let last = self.plan.faults.last().map_or(Span::ZERO, |timed| timed.at);
        let storms = [Span(self.plan.storm.0 / 2), Span(last.0 + 1_000_000), Span(self.plan.storm.0 * 9 / 10)];
        for storm in storms.into_iter().filter(|storm| storm.0 > 10_000) {
            if storm < self.plan.storm {
                self.try_change("a shorter time", |plan| {
                    plan.storm = storm;
                    plan.faults.retain(|timed| timed.at < storm);
                });
            }
        }
    }

    fn fewer_of(&mut self, what: &str, of: fn(&mut Plan) -> &mut usize) {
        loop {
            let has = *of(&mut self.plan.clone());
            if has <= 1 || !self.try_change(&format!("{} {what}", has - 1), |plan| *of(plan) -= 1) {
                return;
            }
        }
    }

    /// Hosts that never join, and founders that nobody needs.
    fn fewer_hosts(&mut self) {
        let last = self.plan.hosts - 1;
        let is_named = self.plan.faults.iter().any(|timed| timed.fault.hosts().iter().any(|host| host.0 == last));
        if !is_named && last > 0 {
            self.try_change("one host less", |plan| {
                plan.hosts = last;
                plan.founders = plan.founders.min(last);
            });
        }
    }

    /// One kind of trouble after the other that is not a fault with a time.
    fn calmer(&mut self) {
        self.try_change("clocks that agree", |plan| plan.clocks.clear());
        self.try_change("no loss", |plan| plan.network.loss_ppm = 0);
        self.try_change("no repetition", |plan| plan.network.duplicate_ppm = 0);
        self.try_change("no damage", |plan| plan.network.damage_ppm = 0);
        self.try_change("wide links", |plan| {
            plan.network.bytes_per_second = 0;
            plan.network.under_way_max = 0;
        });
        self.try_change("no slow fsyncs", |plan| plan.disk.slow_ppm = 0);
        self.try_change("without the codec", |plan| plan.through_codec = false);
        self.try_change("the usual network", |plan| plan.network = Plan::default().network);
        self.try_change("the usual disks", |plan| plan.disk = Plan::default().disk);
        self.try_change("no deletes", |plan| plan.workload.delete_percent = 0);
        self.try_change("no times to live", |plan| plan.workload.ttl_percent = 0);
        self.try_change("default levels", |plan| plan.workload.level_percent = 0);
        self.try_change("no writes to memory", |plan| plan.workload.memory_percent = 0);
        self.try_change("short values", |plan| plan.workload.value_bytes_max = 16);
        self.try_change("few keys", |plan| plan.workload.cold_keys = 1);
        self.try_change("three copies", |plan| (plan.n, plan.sibling_copies) = (3, 3));
        self.try_change("few partitions", |plan| plan.grid_bits = 3);
        self.try_change("one token each", |plan| plan.tokens = 1);
    }

    fn usual_settings(&mut self) {
        for name in knobs::turned(&self.plan.config).into_keys() {
            self.try_change(&format!("the usual {name}"), |plan| plan.config = knobs::turned_back(&plan.config, name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::shrink;
    use crate::fault::{Fault, HostId, Loss};
    use crate::plan::Plan;
    use stdx::Span;

    #[test]
    fn a_plan_that_does_not_fail_is_not_shrunk() {
        assert!(shrink(Plan::calm(1, 3, Span::secs(1)), 10, &mut |_| ()).is_none());
    }

    /// No cluster forms in a network that loses everything; nothing else in the plan matters to that.
    #[test]
    fn what_does_not_matter_goes_and_what_does_stays() {
        let mut plan = Plan::calm(1, 3, Span::secs(2));
        plan.network.loss_ppm = 1_000_000;
        plan.config.streams_max = 2;
        plan = (0..5).fold(plan, |plan, n| {
            let crash = Fault::Crash { host: HostId(n % 3), down: Span::millis(5), loss: Loss::All };
            plan.with(Span::millis(100 * n as u64), crash)
        });
        let mut steps = Vec::new();
        let shrunk = shrink(plan, 200, &mut |step| steps.push(step.to_owned())).map(|shrunk| shrunk.plan);
        let Some(small) = shrunk else { panic!("it did not fail") };
        let usual = node::Config::default().streams_max;
        assert_eq!((small.faults.len(), small.workload.clients, small.config.streams_max), (0, 1, usual), "{steps:?}");
        assert_eq!(small.network.loss_ppm, 1_000_000);
    }
}
