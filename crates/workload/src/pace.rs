//! When operations are to begin at a given rate, whatever the server does: the open loop.
//!
//! Latencies are counted from these moments, not from when a request could be sent, so a server that stands still shows in
//! as many operations as would have come meanwhile ("coordinated omission", G. Tene).

/// The moments of operations 0, 1, 2 … at an even rate.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    rate: f64,
}

impl Pace {
    /// So many operations per second, more than 0.
    pub fn new(rate: f64) -> Pace {
        assert!(rate > 0.0 && rate.is_finite(), "a rate of {rate} per second");
        Pace { rate }
    }

    /// When operation `number` is to begin, in nanoseconds from the start.
    pub fn moment(&self, number: u64) -> u64 {
        (number as f64 * 1e9 / self.rate) as u64
    }

    /// How many operations are to have begun by then.
    pub fn due(&self, nanoseconds: u64) -> u64 {
        let mut due = (nanoseconds as f64 * self.rate / 1e9) as u64;
        // Rounding may miss the one that begins at this very moment.
        while self.moment(due) <= nanoseconds {
            due += 1;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;

    #[test]
    fn moments_and_counts_are_one() {
        for rate in [0.5, 1.0, 3.0, 999.0, 1_000_000.0] {
            let pace = Pace::new(rate);
            for number in [0, 1, 2, 17, 1_000, 123_456] {
                let moment = pace.moment(number);
                assert_eq!(pace.due(moment), number + 1, "{rate} {number}");
                assert!(number == 0 || pace.due(moment - 1) == number, "{rate} {number}");
            }
        }
    }
}
