//! Whether what failed is tried again, and when.
//!
//! Three things bound it: the deadline of the operation, the most attempts it may have, and a budget that all operations of a
//! client share, so that a cluster in trouble is not asked many times as much as usual (Beyer et al., *Site Reliability
//! Engineering*, ch. 21). Waits double up to a ceiling, with full jitter (Brooker, 2015).
//!
//! Invariant: what may have been applied and would count twice is never tried again, whatever there is left of everything else.
//! Refuses to know nodes, and reads no clock.

use crate::error::{Error, Why};
use crate::problem::Reason;
use liveness::Backoff;
use stdx::{Mono, Prng, Span};

/// Whether an operation may be carried out twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Idempotence {
    /// Twice is as once: reads; writes that replace; changes that have an id.
    Safe,
    /// Twice is not as once: additions without an id.
    Once,
}

/// The bounds of trying again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetrySettings {
    /// Attempts at one operation, the first one too; 1: nothing is tried again.
    pub attempts_max: u32,
    /// The first wait is up to this long; the longest of each further one is twice that of the one before.
    pub base: Span,
    /// No wait is longer.
    pub max: Span,
    /// How many retries may be ahead of their share.
    pub reserve: u32,
    /// The share: retries per hundred operations.
    pub percent: u32,
}

impl Default for RetrySettings {
    fn default() -> RetrySettings {
        RetrySettings { attempts_max: 6, base: Span::millis(20), max: Span::secs(2), reserve: 50, percent: 20 }
    }
}

/// Retries that a client may still make: each operation adds its share, each retry takes one.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    /// In hundredths of a retry.
    left: u64,
    most: u64,
    percent: u64,
}

impl Budget {
    /// A full budget.
    pub(crate) fn new(settings: &RetrySettings) -> Budget {
        let most = u64::from(settings.reserve) * 100;
        Budget { left: most, most, percent: u64::from(settings.percent) }
    }

    /// An operation begins.
    pub(crate) fn earn(&mut self) {
        self.left = (self.left + self.percent).min(self.most);
    }

    /// Takes a retry, if there is one.
    pub(crate) fn spend(&mut self) -> bool {
        let enough = self.left >= 100;
        if enough {
            self.left -= 100;
        }
        enough
    }
}

/// What to do after a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// Try again at this time.
    At(Mono),
    /// It is over: the failure is what came of the operation.
    Over,
}

/// The attempts at one operation.
#[derive(Clone, Debug)]
pub(crate) struct Attempts {
    idempotence: Idempotence,
    deadline: Mono,
    left: u32,
    backoff: Backoff,
}

impl Attempts {
    /// Before the first one.
    pub(crate) fn new(settings: &RetrySettings, idempotence: Idempotence, deadline: Mono) -> Attempts {
        let backoff = Backoff::new(settings.base, settings.max);
        Attempts { idempotence, deadline, left: settings.attempts_max.max(1), backoff }
    }

    /// An attempt failed. `others` is how many nodes there are that have not been tried: what is wrong with one node is tried
    /// at the next without a wait.
    pub(crate) fn failed(
        &mut self,
        error: &Error,
        others: usize,
        now: Mono,
        budget: &mut Budget,
        prng: &mut Prng,
    ) -> Next {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 || !self.is_worth(error) {
            return Next::Over;
        }
        let at = match trouble(error) {
            Trouble::Final => return Next::Over,
            Trouble::Node if others > 0 => now,
            Trouble::Node | Trouble::Cluster => {
                now + self.backoff.next(prng).max(error.retry_after().unwrap_or_default())
            }
        };
        if at >= self.deadline || !budget.spend() {
            return Next::Over;
        }
        Next::At(at)
    }

    fn is_worth(&self, error: &Error) -> bool {
        self.idempotence == Idempotence::Safe || !error.may_have_been_applied()
    }
}

/// Where the trouble lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trouble {
    /// At this node: another one may do better.
    Node,
    /// With several of them: time may help.
    Cluster,
    /// With the request.
    Final,
}

fn trouble(error: &Error) -> Trouble {
    match error {
        Error::Unreachable { why: Why::Tls(_), .. } => Trouble::Final,
        Error::Unreachable { .. } | Error::Broken { .. } | Error::TimedOut { .. } => Trouble::Node,
        Error::Refused(problem) => match problem.reason {
            Reason::NotReady | Reason::Overloaded | Reason::StorageFailed => Trouble::Node,
            Reason::QuorumUnmet | Reason::NoAnswer | Reason::NoMajority | Reason::SlowBody => Trouble::Cluster,
            // A limit of this client: other nodes are not a way around it.
            Reason::TooManyRequests => Trouble::Cluster,
            _ => Trouble::Final,
        },
        Error::NoneUsable => Trouble::Cluster,
        _ => Trouble::Final,
    }
}

#[cfg(test)]
mod tests {
    use super::{Attempts, Budget, Idempotence, Next, RetrySettings};
    use crate::error::Error;
    use crate::problem::{Problem, Reason};
    use proptest::prelude::*;
    use stdx::{Mono, Prng, Span};

    const SETTINGS: RetrySettings =
        RetrySettings { attempts_max: 5, base: Span::millis(20), max: Span::millis(100), reserve: 3, percent: 50 };

    fn refused(reason: Reason, applied: bool) -> Error {
        let body = serde_json::json!({ "detail": "No.", "mayHaveBeenApplied": applied });
        Error::Refused(Box::new(Problem { reason, ..Problem::read(503, None, body).unwrap() }))
    }

    fn unreachable() -> Error {
        Error::Unreachable { node: "a".into(), why: crate::Why::Refused }
    }

    fn broken() -> Error {
        Error::Broken { node: "a".into(), why: "reset".into(), applied: true }
    }

    fn next(idempotence: Idempotence, error: &Error, others: usize) -> Next {
        let mut attempts = Attempts::new(&SETTINGS, idempotence, Mono(10_000_000));
        attempts.failed(error, others, Mono(5), &mut Budget::new(&SETTINGS), &mut Prng::new(1))
    }

    #[test]
    fn what_may_count_twice_is_not_tried_again() {
        use Idempotence::{Once, Safe};
        let again = |idempotence, error: &Error| next(idempotence, error, 1) != Next::Over;
        assert!(again(Once, &unreachable()) && again(Safe, &unreachable()));
        assert!(!again(Once, &broken()) && again(Safe, &broken()));
        assert!(!again(Once, &refused(Reason::QuorumUnmet, true)));
        assert!(again(Once, &refused(Reason::QuorumUnmet, false)));
        assert!(again(Safe, &refused(Reason::QuorumUnmet, true)));
        for reason in [Reason::NotFound, Reason::ConditionFailed, Reason::OutcomeUnknown, Reason::DiskFull] {
            assert!(!again(Safe, &refused(reason, false)), "{reason:?}");
        }
    }

    #[test]
    fn another_node_is_tried_at_once_and_the_same_one_later() {
        assert_eq!(next(Idempotence::Safe, &broken(), 1), Next::At(Mono(5)));
        let Next::At(at) = next(Idempotence::Safe, &refused(Reason::QuorumUnmet, false), 1) else { panic!() };
        assert!(at > Mono(5) && at <= Mono(5) + SETTINGS.base);
        let mut problem = Problem::read(503, Some(2), serde_json::json!({ "detail": "No." })).unwrap();
        problem.reason = Reason::Overloaded;
        let asked = next(Idempotence::Safe, &Error::Refused(Box::new(problem)), 0);
        assert_eq!(asked, Next::At(Mono(5) + Span::secs(2)));
    }

    proptest! {
        #[test]
        fn waits_are_within_their_ceilings_and_the_deadline(seed in any::<u64>(), patience in 0_u64..400) {
            let deadline = Mono(0) + Span::millis(patience);
            let mut attempts = Attempts::new(&SETTINGS, Idempotence::Safe, deadline);
            let (mut budget, mut prng, mut now, mut made) = (Budget::new(&SETTINGS), Prng::new(seed), Mono(0), 1);
            while let Next::At(at) = attempts.failed(&unreachable(), 0, now, &mut budget, &mut prng) {
                let ceiling = Span(SETTINGS.base.0 << (made - 1)).min(SETTINGS.max);
                prop_assert!(at - now <= ceiling && at < deadline);
                (now, made) = (at, made + 1);
            }
            prop_assert!(made <= SETTINGS.attempts_max.min(SETTINGS.reserve + 1));
        }

        /// However many operations there are and however they fail, retries are the reserve and the share, no more.
        #[test]
        fn retries_are_bounded_by_the_budget(wanted in proptest::collection::vec(0_u32..5, 0..200)) {
            let (mut budget, mut made) = (Budget::new(&SETTINGS), 0);
            for retries in &wanted {
                budget.earn();
                made += (0..*retries).filter(|_| budget.spend()).count();
            }
            prop_assert!(made <= SETTINGS.reserve as usize + wanted.len() * SETTINGS.percent as usize / 100);
        }
    }
}
