//! A bound on operations per second: a bucket of as many operations as may come at once, filled at the rate (token bucket).
//!
//! Invariant: over any time, no more pass than the burst and what the rate fills in that time.

use proto::Rate;
use std::sync::{Mutex, PoisonError};
use stdx::Span;
use tokio::time::Instant;

/// The operations of one token at this node.
#[derive(Debug)]
pub(crate) struct Limiter {
    rate: Rate,
    left: Mutex<(f64, Instant)>,
}

impl Limiter {
    pub(crate) fn new(rate: Rate) -> Limiter {
        Limiter { rate, left: Mutex::new((f64::from(rate.burst), Instant::now())) }
    }

    /// Takes one operation, or says when there is one.
    pub(crate) fn take(&self) -> Result<(), Span> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let (per_second, now) = (f64::from(self.rate.per_second), Instant::now());
        let filled = left.0 + now.saturating_duration_since(left.1).as_secs_f64() * per_second;
        *left = (filled.min(f64::from(self.rate.burst)), now);
        if left.0 >= 1.0 {
            left.0 -= 1.0;
            return Ok(());
        }
        Err(Span::micros(((1.0 - left.0) / per_second * 1e6).ceil() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::Limiter;
    use proto::Rate;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_burst_then_the_rate() {
        let limiter = Limiter::new(Rate { per_second: 10, burst: 3 });
        let passed = || (0..100).filter(|_| limiter.take().is_ok()).count();
        assert_eq!(passed(), 3);
        let wait = limiter.take().unwrap_err();
        assert!((90_000..=101_000).contains(&wait.as_micros()), "{wait:?}");
        tokio::time::advance(Duration::from_millis(1_010)).await;
        assert_eq!(passed(), 3, "no more than the burst at once");
        let mut all = 0;
        for _ in 0..50 {
            tokio::time::advance(Duration::from_millis(100)).await;
            all += passed();
        }
        assert!((49..=51).contains(&all), "{all}");
    }
}
