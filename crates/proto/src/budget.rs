//! How much the streams of this node may do, in bytes, so that moving data does not crowd out clients. An item costs more than
//! its bytes: it is read, named, compared and written ([`ITEM_COST`]).
//!
//! Invariant: over any time, not more is spent than the rate allows for it, but for one page of each stream; and while clients
//! wait longer than usual (`waits`), or many wait, less: half at [`HALF_AT`] waiting requests, a third at twice as many, and
//! so on. It is never nothing, so a change always ends. Refuses to know streams and pages.

use stdx::{Mono, Span};

/// What an item costs beside its bytes.
pub(crate) const ITEM_COST: usize = 512;
/// With so many requests of clients waiting, streams get half of the rate.
const HALF_AT: u64 = 16;
/// What is not used is saved for no longer than this.
const SAVED_FOR: Span = Span::millis(25);

/// What streams may still push. Below zero, it is what they have pushed too much.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Budget {
    /// In millionths of a byte, which is what a microsecond earns at a byte per second: nothing is lost by rounding, however
    /// often it is counted.
    left: i128,
    counted_at: Mono,
}

impl Budget {
    /// Counts what time has earned. `rate` is in bytes per second, `waiting` the requests of clients that wait.
    pub(crate) fn earn(&mut self, now: Mono, rate: u64, waiting: usize) {
        let rate = rate_now(rate, waiting);
        let earned = earned_in(now.since(self.counted_at), rate);
        self.counted_at = now;
        self.left = (self.left + earned).min(earned_in(SAVED_FOR, rate));
    }

    /// So much is pushed.
    pub(crate) fn spend(&mut self, bytes: usize) {
        self.left -= i128::try_from(bytes).unwrap_or(i128::from(u64::MAX)) * 1_000_000;
    }

    /// Whether another page may be begun.
    pub(crate) const fn is_left(&self) -> bool {
        self.left >= 0
    }

    /// When another page may be begun, if as many clients go on waiting; to look again, in a minute at the latest.
    pub(crate) fn left_at(&self, rate: u64, waiting: usize) -> Mono {
        let micros = self.left.min(0).unsigned_abs().div_ceil(u128::from(rate_now(rate, waiting)));
        self.counted_at + Span::micros(u64::try_from(micros).unwrap_or(u64::MAX).clamp(1, 60_000_000))
    }
}

fn rate_now(rate: u64, waiting: usize) -> u64 {
    (rate.saturating_mul(HALF_AT) / (HALF_AT + waiting as u64)).max(1)
}

fn earned_in(time: Span, rate: u64) -> i128 {
    i128::from(time.as_micros()) * i128::from(rate)
}

#[cfg(test)]
mod tests {
    use super::{Budget, HALF_AT};
    use stdx::{Mono, Span};

    const RATE: u64 = 1_000_000;

    /// Bytes pushed in ten seconds in pages of 10,000.
    fn pushed(waiting: usize) -> u64 {
        let (mut budget, mut now, mut pushed) = (Budget::default(), Mono(0), 0);
        while now < Mono(0) + Span::secs(10) {
            budget.earn(now, RATE, waiting);
            if budget.is_left() {
                budget.spend(10_000);
                pushed += 10_000;
            } else {
                let next = budget.left_at(RATE, waiting);
                assert!(next > now, "time goes on");
                now = next;
            }
        }
        pushed
    }

    #[test]
    fn the_rate_is_kept_and_used() {
        assert!((9_900_000..=10_200_000).contains(&pushed(0)), "{}", pushed(0));
    }

    #[test]
    fn waiting_clients_go_first_and_streams_still_go_on() {
        let half = pushed(HALF_AT as usize);
        assert!((4_900_000..=5_200_000).contains(&half), "{half}");
        assert!(pushed(4_096) > 10_000);
    }

    #[test]
    fn a_long_rest_is_not_saved_up() {
        let mut budget = Budget::default();
        budget.earn(Mono(0) + Span::secs(3_600), RATE, 0);
        budget.spend(100_001);
        assert!(!budget.is_left());
    }

    #[test]
    fn counting_often_loses_nothing() {
        let mut budget = Budget::default();
        budget.spend(1_000);
        let owed_until = budget.left_at(1_000, 0);
        (0..owed_until.0 / 10).for_each(|i| budget.earn(Mono(i * 10), 1_000, 0));
        assert!(!budget.is_left());
        budget.earn(owed_until, 1_000, 0);
        assert!(budget.is_left());
    }

    #[test]
    fn a_rate_of_nothing_still_ends() {
        let mut budget = Budget::default();
        budget.spend(1 << 30);
        assert!(budget.left_at(0, 9) <= Mono(0) + Span::secs(61));
    }
}
