//! How long something took, as counts by upper bound.
//!
//! Invariant: an observation changes two numbers and takes no lock; a reading made meanwhile may miss it in one of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds in microseconds, inclusive, ascending. What takes longer than the last is counted, too.
pub const BOUNDS: [u64; 18] = [
    20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000,
    2_000_000, 5_000_000, 10_000_000,
];

/// Observed times.
#[derive(Default, Debug)]
pub struct Histogram {
    /// By bound, the last for what is above all of them; not cumulative.
    counts: [AtomicU64; BOUNDS.len() + 1],
    nanos: AtomicU64,
}

/// What a histogram has observed so far.
#[derive(Clone, PartialEq, Debug)]
pub struct Times {
    /// Observations up to each of [`BOUNDS`], cumulative.
    pub up_to: [u64; BOUNDS.len()],
    /// All of them.
    pub count: u64,
    /// Their sum.
    pub sum: Duration,
}

impl Histogram {
    /// Takes one in.
    pub fn observe(&self, time: Duration) {
        let micros = u64::try_from(time.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX);
        let at = BOUNDS.partition_point(|bound| *bound < micros);
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What there is so far.
    pub fn read(&self) -> Times {
        let mut count = 0;
        let up_to = std::array::from_fn(|at| {
            count += self.counts[at].load(Ordering::Relaxed);
            count
        });
        count += self.counts[BOUNDS.len()].load(Ordering::Relaxed);
        Times { up_to, count, sum: Duration::from_nanos(self.nanos.load(Ordering::Relaxed)) }
    }
}

#[cfg(test)]
mod tests {
    use super::{BOUNDS, Histogram};
    use std::time::Duration;

    #[test]
    fn counts_are_cumulative_and_bounds_inclusive() {
        let histogram = Histogram::default();
        for micros in [0, 20, 21, 1_000, 11_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        histogram.observe(Duration::from_nanos(20_001));
        let times = histogram.read();
        assert_eq!(times.up_to[..3], [2, 4, 4]);
        assert_eq!(times.up_to[5], 5);
        assert_eq!((times.up_to[BOUNDS.len() - 1], times.count), (5, 6));
        assert_eq!(times.sum, Duration::from_nanos(11_001_061_001));
    }

    #[test]
    fn bounds_ascend() {
        assert!(BOUNDS.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
