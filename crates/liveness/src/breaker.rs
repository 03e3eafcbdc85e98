//! A circuit breaker for the calls to one peer (Nygard, *Release It!*, 2007, chapter 5).
//!
//! Invariant: after some failures in a row, calls are held back for a jittered span that doubles with each further
//! failure; then one call at a time may try, and a success lets all through again. Refuses to know what a call is.

use crate::Backoff;
use stdx::{Mono, Prng, Span};

/// Whether calls go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// All calls go through.
    Closed,
    /// None does until then.
    Open {
        /// When one call may try.
        until: Mono,
    },
    /// One call is trying, and the others wait for what becomes of it.
    HalfOpen {
        /// When it is given up, and another may try: a caller that never says what became of its call does not keep
        /// the breaker open for ever.
        until: Mono,
    },
}

/// Holds back calls to a peer that keeps failing.
#[derive(Clone, Debug)]
pub struct Breaker {
    failures_to_open: u32,
    /// Failures in a row while closed.
    failures: u32,
    backoff: Backoff,
    /// For how long it was opened last.
    open_for: Span,
    state: BreakerState,
}

impl Breaker {
    /// A closed breaker that opens after `failures_to_open` failures in a row, which must not be zero, for about `base`
    /// at first and for `max` at most.
    pub fn new(failures_to_open: u32, base: Span, max: Span) -> Breaker {
        assert!(failures_to_open > 0, "a breaker needs a failure to open");
        let backoff = Backoff::new(base, max);
        Breaker { failures_to_open, failures: 0, backoff, open_for: base, state: BreakerState::Closed }
    }

    /// Whether a call may be made now. Whoever was allowed one says what became of it.
    pub fn allow(&mut self, now: Mono) -> bool {
        match self.state {
            BreakerState::Closed => true,
            BreakerState::Open { until } | BreakerState::HalfOpen { until } => {
                let trial = now >= until;
                if trial {
                    self.state = BreakerState::HalfOpen { until: now + self.open_for };
                }
                trial
            }
        }
    }

    /// A call succeeded: the peer answers, and everything goes through.
    pub fn on_success(&mut self) {
        self.failures = 0;
        self.backoff.reset();
        self.state = BreakerState::Closed;
    }

    /// A call failed.
    pub fn on_failure(&mut self, now: Mono, prng: &mut Prng) {
        match self.state {
            BreakerState::Closed => {
                self.failures += 1;
                if self.failures >= self.failures_to_open {
                    self.open(now, prng);
                }
            }
            // A call from before the opening says nothing new.
            BreakerState::Open { .. } => {}
            BreakerState::HalfOpen { .. } => self.open(now, prng),
        }
    }

    /// Whether calls go through.
    pub fn state(&self) -> BreakerState {
        self.state
    }

    fn open(&mut self, now: Mono, prng: &mut Prng) {
        let ceiling = self.backoff.raise().0;
        // Half of the span is certain, or the jitter could open the breaker for no time at all.
        self.open_for = Span(prng.between(ceiling / 2, ceiling));
        self.failures = 0;
        self.state = BreakerState::Open { until: now + self.open_for };
    }
}

#[cfg(test)]
mod tests {
    use super::{Breaker, BreakerState};
    use stdx::{Mono, Prng, Span};

    const BASE: Span = Span::millis(100);
    const MAX: Span = Span::millis(350);

    fn opened(prng: &mut Prng) -> (Breaker, Mono) {
        let mut breaker = Breaker::new(3, BASE, MAX);
        (0..3).for_each(|_| breaker.on_failure(Mono(0), prng));
        let BreakerState::Open { until } = breaker.state() else { panic!("not open: {breaker:?}") };
        (breaker, until)
    }

    #[test]
    fn opens_after_failures_in_a_row_only() {
        let mut prng = Prng::new(1);
        let mut breaker = Breaker::new(3, BASE, MAX);
        for _ in 0..5 {
            breaker.on_failure(Mono(0), &mut prng);
            breaker.on_failure(Mono(0), &mut prng);
            breaker.on_success();
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        let (mut breaker, until) = opened(&mut prng);
        assert!((Mono(0) + Span::millis(50)..=Mono(0) + BASE).contains(&until));
        assert!(!breaker.allow(Mono(until.0 - 1)));
    }

    #[test]
    fn lets_one_through_and_closes_on_its_success() {
        let mut prng = Prng::new(2);
        let (mut breaker, until) = opened(&mut prng);
        assert!(breaker.allow(until));
        assert!(!breaker.allow(until));
        breaker.on_success();
        assert!(breaker.allow(until) && breaker.allow(until));
    }

    #[test]
    fn opens_for_longer_each_time_the_trial_fails() {
        let mut prng = Prng::new(3);
        let (mut breaker, mut now) = opened(&mut prng);
        for ceiling in [200, 350, 350] {
            assert!(breaker.allow(now));
            breaker.on_failure(now, &mut prng);
            let BreakerState::Open { until } = breaker.state() else { panic!("not open: {breaker:?}") };
            assert!((Span::millis(ceiling / 2)..=Span::millis(ceiling)).contains(&(until - now)));
            now = until;
        }
    }

    #[test]
    fn late_failures_do_not_lengthen_the_wait() {
        let mut prng = Prng::new(4);
        let (mut breaker, until) = opened(&mut prng);
        (0..9).for_each(|_| breaker.on_failure(Mono(until.0 - 1), &mut prng));
        assert_eq!(breaker.state(), BreakerState::Open { until });
    }

    #[test]
    fn a_trial_without_outcome_is_given_up() {
        let mut prng = Prng::new(5);
        let (mut breaker, until) = opened(&mut prng);
        assert!(breaker.allow(until));
        assert!(breaker.allow(until + BASE));
        assert!(!breaker.allow(until + BASE));
    }
}
