//! Latencies: counted in a histogram that keeps three digits (HdrHistogram, G. Tene).

use hdrhistogram::Histogram;

/// Longest latency that is told apart from longer ones, in nanoseconds: ten minutes.
const LONGEST: u64 = 600_000_000_000;

/// Latencies of one kind of operation, in nanoseconds.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Latencies {
        Latencies(Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are sound"))
    }
}

impl Latencies {
    /// Counts one.
    pub fn record(&mut self, nanoseconds: u64) {
        self.0.saturating_record(nanoseconds);
    }

    /// Adds those of another.
    pub fn add(&mut self, other: &Latencies) {
        self.0.add(&other.0).expect("all have the same bounds");
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency that this share of operations did not exceed, from 0 to 1; 0 if none was counted.
    pub fn quantile(&self, share: f64) -> u64 {
        self.0.value_at_quantile(share)
    }

    /// The longest; 0 if none was counted.
    pub fn max(&self) -> u64 {
        self.0.max()
    }

    /// The mean; 0 if none was counted.
    pub fn mean(&self) -> f64 {
        self.0.mean()
    }
}

#[cfg(test)]
mod tests {
    use super::Latencies;

    #[test]
    fn quantiles_keep_three_digits() {
        let mut latencies = Latencies::default();
        assert_eq!((latencies.count(), latencies.quantile(0.5), latencies.max()), (0, 0, 0));
        (1..=1_000u64).for_each(|at| latencies.record(at * 1_000_000));
        let near = |share: f64, expected: f64| {
            let off = (latencies.quantile(share) as f64 / expected - 1.0).abs();
            assert!(off < 0.002, "{share}: {}", latencies.quantile(share));
        };
        near(0.5, 500e6);
        near(0.99, 990e6);
        near(1.0, 1_000e6);
        let mut more = Latencies::default();
        more.record(u64::MAX);
        latencies.add(&more);
        assert_eq!(latencies.count(), 1_001);
    }
}
