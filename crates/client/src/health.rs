//! How a node did lately: what waits for it, how long it takes, and whether it is left alone because it keeps failing.
//!
//! Invariant: every request that was let through is ended once, by its outcome. A latency that is long ago counts for less and
//! less, so that a node which was slow once is tried again. Time is an argument.

use crate::policy::{Candidate, NodeNumber};
use liveness::Breaker;
use stdx::{Mono, Prng, Span};

/// The latency of a node counts half as much after so long without a request.
const FORGETTING: Span = Span::secs(5);

/// The bounds of leaving a node alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BreakerSettings {
    /// Failures in a row after which a node is left alone.
    pub failures: u32,
    /// For how long, at first; each time the trial after that fails, twice as long.
    pub base: Span,
    /// No longer than this.
    pub max: Span,
}

impl Default for BreakerSettings {
    fn default() -> BreakerSettings {
        BreakerSettings { failures: 3, base: Span::millis(500), max: Span::secs(30) }
    }
}

/// What became of a request, as far as the node is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// It answered, be it with a refusal, after so long.
    Answered(Span),
    /// It did not, or says that it is not fit to.
    Failed,
    /// Whoever asked went away.
    Abandoned,
}

/// One node's state.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    breaker: Breaker,
    outstanding: u32,
    latency: Span,
    measured: Mono,
}

impl Health {
    /// Of a node that was not asked yet.
    pub(crate) fn new(settings: &BreakerSettings) -> Health {
        let breaker = Breaker::new(settings.failures.max(1), settings.base, settings.max);
        Health { breaker, outstanding: 0, latency: Span::ZERO, measured: Mono::default() }
    }

    /// Whether a request may go there now, without one being made.
    pub(crate) fn is_usable(&self, now: Mono) -> bool {
        // `allow` of a closed or ripe breaker is what changes it, so a copy is asked.
        self.breaker.clone().allow(now)
    }

    /// A request goes there.
    pub(crate) fn begin(&mut self, now: Mono) {
        self.breaker.allow(now);
        self.outstanding += 1;
    }

    /// A request is over.
    pub(crate) fn end(&mut self, outcome: Outcome, now: Mono, prng: &mut Prng) {
        self.outstanding = self.outstanding.saturating_sub(1);
        match outcome {
            Outcome::Answered(after) => {
                self.breaker.on_success();
                let before = self.latency(now);
                self.latency = if before == Span::ZERO { after } else { Span((before.0 * 7 + after.0) / 8) };
                self.measured = now;
            }
            Outcome::Failed => self.breaker.on_failure(now, prng),
            Outcome::Abandoned => {}
        }
    }

    /// As a policy sees it.
    pub(crate) fn candidate(&self, node: NodeNumber, now: Mono) -> Candidate {
        Candidate { node, outstanding: self.outstanding, latency: self.latency(now) }
    }

    fn latency(&self, now: Mono) -> Span {
        let halvings = now.since(self.measured).0 / FORGETTING.0;
        Span(self.latency.0.checked_shr(u32::try_from(halvings).unwrap_or(u32::MAX)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::{BreakerSettings, FORGETTING, Health, Outcome};
    use crate::policy::NodeNumber;
    use stdx::{Mono, Prng, Span};

    const SETTINGS: BreakerSettings = BreakerSettings { failures: 2, base: Span::millis(100), max: Span::millis(400) };

    fn failed(times: u32) -> Health {
        let mut health = Health::new(&SETTINGS);
        for _ in 0..times {
            health.begin(Mono(0));
            health.end(Outcome::Failed, Mono(0), &mut Prng::new(1));
        }
        health
    }

    #[test]
    fn a_node_that_keeps_failing_is_left_alone_and_tried_by_one() {
        assert!(failed(1).is_usable(Mono(0)));
        let mut health = failed(2);
        assert!(!health.is_usable(Mono(0)));
        let later = Mono(0) + SETTINGS.base;
        assert!(health.is_usable(later) && health.is_usable(later), "looking changes nothing");
        health.begin(later);
        assert!(!health.is_usable(later), "one trial at a time");
        health.end(Outcome::Answered(Span::millis(1)), later, &mut Prng::new(1));
        assert!(health.is_usable(later));
    }

    #[test]
    fn the_latency_follows_slowly_and_is_forgotten() {
        let mut health = Health::new(&SETTINGS);
        let latency = |health: &Health, now| health.candidate(NodeNumber(1), now).latency;
        for (after, expected) in [(8, 8_000), (16, 9_000), (1, 8_000)] {
            health.begin(Mono(0));
            assert_eq!(health.candidate(NodeNumber(1), Mono(0)).outstanding, 1);
            health.end(Outcome::Answered(Span::millis(after)), Mono(0), &mut Prng::new(1));
            assert_eq!(latency(&health, Mono(0)), Span(expected));
        }
        assert_eq!(latency(&health, Mono(0) + FORGETTING), Span(4_000));
        assert_eq!(latency(&health, Mono(0) + FORGETTING.times(100)), Span::ZERO);
        assert_eq!(health.candidate(NodeNumber(1), Mono(0)).outstanding, 0);
    }
}
