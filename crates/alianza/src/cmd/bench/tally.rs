//! What happened: latencies, failures, and reads that did not agree with what was acknowledged.

use std::collections::BTreeMap;
use workload::{Act, Latencies, Verdict};

/// Different errors that are told apart; further ones are counted together.
const ERRORS_MAX: usize = 20;
/// Longest error text that is kept.
const ERROR_BYTES_MAX: usize = 200;
/// Examples of wrong reads that are kept.
const EXAMPLES_MAX: usize = 10;

/// One kind of operation.
#[derive(Default)]
pub(super) struct Kind {
    /// From when it was to begin until it was answered.
    pub(super) latencies: Latencies,
    /// How many failed.
    pub(super) failed: u64,
}

/// One second.
#[derive(Clone, Copy, Default)]
pub(super) struct Second {
    /// Operations answered in it.
    pub(super) operations: u64,
    /// The longest latency among them, in nanoseconds.
    pub(super) longest: u64,
}

/// Counts of a phase.
#[derive(Default)]
pub(super) struct Tally {
    /// In the order of [`Act::ALL`].
    pub(super) kinds: [Kind; 5],
    /// From when a request was sent; only where that may be later than when it was to begin.
    pub(super) service: Option<Latencies>,
    /// Reads that found nothing.
    pub(super) missing: u64,
    /// Failures by what was said.
    pub(super) errors: BTreeMap<String, u64>,
    /// Reads that were compared with the acknowledged writes.
    pub(super) judged: u64,
    /// Reads that found nothing of an acknowledged write.
    pub(super) lost: u64,
    /// Reads that found an older write than an acknowledged one.
    pub(super) stale: u64,
    /// Reads that found a value that was never written there.
    pub(super) foreign: u64,
    /// Reads of damaged values.
    pub(super) damaged: u64,
    /// The first wrong reads, in words.
    pub(super) examples: Vec<String>,
    /// Written keys that could not be read again at the end.
    pub(super) unread: u64,
    /// Operations that were due before the end and could not be sent.
    pub(super) unsent: u64,
    /// Second by second.
    pub(super) seconds: Vec<Second>,
    /// How long it took, in seconds.
    pub(super) elapsed: f64,
    /// Processor time of this process, in seconds.
    pub(super) processor: f64,
}

impl Tally {
    /// An operation was answered: `now`, when it was to begin, and when it was sent.
    pub(super) fn answered(&mut self, act: Act, now: u64, intended: u64, sent: u64) {
        let latency = now.saturating_sub(intended);
        self.kinds[act.index()].latencies.record(latency);
        if let Some(service) = &mut self.service {
            service.record(now.saturating_sub(sent));
        }
        let at = (now / 1_000_000_000) as usize;
        if at >= self.seconds.len() {
            self.seconds.resize(at + 1, Second::default());
        }
        let second = &mut self.seconds[at];
        second.operations += 1;
        second.longest = second.longest.max(latency);
    }

    /// An operation failed.
    pub(super) fn failed_with(&mut self, act: Act, error: &str) {
        self.kinds[act.index()].failed += 1;
        self.error(error);
    }

    /// Something failed that is no operation.
    pub(super) fn error(&mut self, error: &str) {
        let error = &error[..error.floor_char_boundary(ERROR_BYTES_MAX)];
        let known = self.errors.contains_key(error) || self.errors.len() < ERRORS_MAX;
        *self.errors.entry(if known { error } else { "others" }.to_owned()).or_default() += 1;
    }

    /// A read was compared with the acknowledged writes.
    pub(super) fn judged(&mut self, key: u64, verdict: Verdict) {
        self.judged += 1;
        let what = match verdict {
            Verdict::Fine => return,
            Verdict::Lost { acknowledged } => {
                self.lost += 1;
                format!("key {key} is gone; its write {acknowledged} was acknowledged")
            }
            Verdict::Stale { acknowledged, found } => {
                self.stale += 1;
                format!("key {key} has its write {found}; its write {acknowledged} was acknowledged")
            }
            Verdict::Foreign => {
                self.foreign += 1;
                format!("key {key} has a value that was not written to it")
            }
            Verdict::Damaged => {
                self.damaged += 1;
                format!("key {key} has a value with other bytes than were written")
            }
        };
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(what);
        }
    }

    /// Takes what was found when all keys that were written, so many, were read again.
    pub(super) fn looked_again(&mut self, other: Tally, written: u64) {
        self.judged += other.judged;
        self.lost += other.lost;
        self.stale += other.stale;
        self.foreign += other.foreign;
        self.damaged += other.damaged;
        self.unread += written.saturating_sub(other.judged);
        let free = EXAMPLES_MAX - self.examples.len();
        self.examples.extend(other.examples.into_iter().take(free));
        for (error, count) in other.errors {
            *self.errors.entry(error).or_default() += count;
        }
    }

    /// Written keys that could not be read again at the end.
    pub(super) fn unread(&self) -> u64 {
        self.unread
    }

    /// Wrong reads of any kind.
    pub(super) fn wrong(&self) -> u64 {
        self.lost + self.stale + self.foreign + self.damaged
    }

    /// Operations that were answered as they should.
    pub(super) fn succeeded(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.latencies.count()).sum()
    }

    /// Operations that failed.
    pub(super) fn failed(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.failed).sum()
    }

    /// What was said most often of those that failed.
    pub(super) fn commonest_error(&self) -> Option<&str> {
        self.errors.iter().max_by_key(|(_, count)| **count).map(|(error, _)| error.as_str())
    }

    /// Latencies of all kinds together.
    pub(super) fn latencies(&self) -> Latencies {
        let mut all = Latencies::default();
        self.kinds.iter().for_each(|kind| all.add(&kind.latencies));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;
    use workload::{Act, Verdict};

    #[test]
    fn keys_that_nobody_could_read_again_are_counted() {
        let mut tally = Tally::default();
        // All servers went away before the first of them was read.
        tally.looked_again(Tally::default(), 7);
        assert_eq!(tally.unread(), 7);
    }

    #[test]
    fn seconds_errors_and_verdicts_are_counted() {
        let mut tally = Tally::default();
        tally.answered(Act::Read, 500_000_000, 499_000_000, 499_500_000);
        tally.answered(Act::Update, 2_500_000_000, 1_000_000_000, 2_400_000_000);
        let seconds: Vec<(u64, u64)> = tally.seconds.iter().map(|s| (s.operations, s.longest)).collect();
        assert_eq!(seconds, [(1, 1_000_000), (0, 0), (1, 1_500_000_000)]);
        (0..30).for_each(|at| tally.failed_with(Act::Read, &format!("error {at}")));
        assert_eq!((tally.errors.len(), tally.errors["others"], tally.failed()), (21, 10, 30));
        tally.judged(7, Verdict::Fine);
        tally.judged(8, Verdict::Lost { acknowledged: 2 });
        assert_eq!((tally.judged, tally.wrong(), tally.examples.len()), (2, 1, 1));
    }
}
