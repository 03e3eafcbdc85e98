//! Exponential back-off with full jitter (Brooker, *Exponential Backoff and Jitter*, 2015).
//!
//! Invariant: no wait is longer than `max`, and the mean doubles with each one until there. Refuses to know what is
//! tried again, and whether it should be.

use stdx::{Prng, Span};

/// How long to wait before the next try.
#[derive(Clone, Debug)]
pub struct Backoff {
    base: Span,
    max: Span,
    waits: u32,
}

impl Backoff {
    /// The first wait is up to `base`, and none is longer than `max`.
    pub const fn new(base: Span, max: Span) -> Backoff {
        Backoff { base, max, waits: 0 }
    }

    /// The next wait: anything from nothing to a ceiling that doubles each time, so that those who failed together do
    /// not come back together.
    pub fn next(&mut self, prng: &mut Prng) -> Span {
        Span(prng.between(0, self.raise().0))
    }

    /// Starts over, after a success.
    pub fn reset(&mut self) {
        self.waits = 0;
    }

    /// The ceiling of the next wait, counting that wait as taken.
    pub(crate) fn raise(&mut self) -> Span {
        let doubled = 1_u64.checked_shl(self.waits).map_or(self.max, |k| self.base.times(k));
        self.waits = self.waits.saturating_add(1);
        doubled.min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;
    use stdx::{Prng, Span};

    #[test]
    fn the_ceiling_doubles_up_to_the_longest_wait() {
        let mut backoff = Backoff::new(Span::millis(10), Span::millis(65));
        let ceilings: Vec<_> = (0..5).map(|_| backoff.raise().as_millis()).collect();
        assert_eq!(ceilings, [10, 20, 40, 65, 65]);
        backoff.reset();
        assert_eq!(backoff.raise(), Span::millis(10));
    }

    #[test]
    fn waits_are_spread_below_the_ceiling_for_ever() {
        let mut prng = Prng::new(1);
        let mut backoff = Backoff::new(Span(1), Span::secs(1));
        let waits: Vec<_> = (0..200).map(|_| backoff.next(&mut prng)).collect();
        assert!(waits.iter().all(|wait| *wait <= Span::secs(1)));
        assert!(waits[100..].iter().any(|wait| *wait < Span::millis(200)));
        assert!(waits[100..].iter().any(|wait| *wait > Span::millis(800)));
    }
}
