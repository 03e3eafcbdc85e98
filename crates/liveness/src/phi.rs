//! The phi accrual score (Hayashibara, Défago, Yared, Katayama 2004): how surprising a silence is, given the rhythm
//! of answers so far. It is −log10 of the chance that a normally distributed interval lasts longer still.
//!
//! Invariant: integers only, so that every machine reckons the same; longer silence never scores lower. A score to
//! compare peers by, not a verdict: conditions come from missed probes. Refuses to know what gave the rhythm.

use stdx::Span;

/// Intervals remembered.
const WINDOW: usize = 64;

/// A hundred times phi at z standard deviations past the mean, for z = −3.0, −2.5 … 12.0.
const PHI: [u32; 31] = [
    0, 0, 1, 3, 8, 16, 30, 51, 80, 118, 164, 221, 287, 363, 450, 547, 654, 772, 901, 1040, 1189, 1350, 1521, 1702,
    1895, 2098, 2312, 2536, 2772, 3018, 3275,
];
/// Where the table begins, and how far apart its places are, in hundredths of a standard deviation.
const Z_FIRST: i64 = -300;
const Z_STEP: i64 = 50;

/// The rhythm of one peer: its latest intervals between answers.
#[derive(Clone, Debug)]
pub(crate) struct Rhythm {
    intervals: Vec<u64>,
    /// Where the next interval goes once the window is full.
    oldest: usize,
    sum: u64,
    /// Below this no interval is held to deviate, for a steady rhythm would make any hiccup astounding.
    deviation_min: u64,
}

impl Rhythm {
    /// Nothing is known yet, but that answers are expected about every `expected`.
    pub(crate) fn new(expected: Span) -> Rhythm {
        let expected = expected.as_micros().max(1);
        let mut rhythm = Rhythm { intervals: Vec::new(), oldest: 0, sum: 0, deviation_min: expected.div_ceil(5) };
        rhythm.push(Span(expected - expected / 4));
        rhythm.push(Span(expected + expected / 4));
        rhythm
    }

    /// Another interval between two answers.
    pub(crate) fn push(&mut self, interval: Span) {
        // An hour bounds the sums; nobody waits that long for a probe.
        let interval = interval.min(Span::secs(3_600)).as_micros();
        self.sum += interval;
        if self.intervals.len() < WINDOW {
            self.intervals.push(interval);
        } else {
            self.sum -= std::mem::replace(&mut self.intervals[self.oldest], interval);
            self.oldest = (self.oldest + 1) % WINDOW;
        }
    }

    /// A hundred times phi after a silence of `silence`; at most 3275.
    pub(crate) fn score(&self, silence: Span) -> u32 {
        let count = self.intervals.len() as u64;
        let mean = self.sum / count;
        let squares: u128 = self.intervals.iter().map(|i| u128::from(i.abs_diff(mean)).pow(2)).sum();
        let deviation = ((squares / u128::from(count)).isqrt() as u64).max(self.deviation_min);
        let past = i128::from(silence.as_micros()) - i128::from(mean);
        let z = past * 100 / i128::from(deviation);
        look_up(z.clamp(-1_000_000, 1_000_000) as i64)
    }
}

/// The table's value at `z` hundredths of a standard deviation, between its places on a straight line.
fn look_up(z: i64) -> u32 {
    let from_first = z - Z_FIRST;
    if from_first <= 0 {
        return PHI[0];
    }
    let (place, rest) = ((from_first / Z_STEP) as usize, (from_first % Z_STEP) as u32);
    match PHI.get(place..place + 2) {
        Some(&[low, high]) => low + (high - low) * rest / Z_STEP as u32,
        _ => PHI[PHI.len() - 1],
    }
}

#[cfg(test)]
mod tests {
    use super::{PHI, Rhythm, look_up};
    use stdx::Span;

    #[test]
    fn the_table_is_met_at_its_places_and_rises_between_them() {
        assert_eq!([look_up(-900), look_up(-300), look_up(0), look_up(100)], [0, 0, 30, 80]);
        assert_eq!([look_up(1_200), look_up(1_201), look_up(1_000_000)], [3275; 3]);
        assert_eq!(look_up(25), (30 + 51) / 2);
        assert!((-400..1_300).all(|z| look_up(z) <= look_up(z + 1)));
        assert!(PHI.is_sorted());
    }

    #[test]
    fn silence_scores_by_the_rhythm_before_it() {
        let score = |interval: u64, silence: u64| {
            let mut rhythm = Rhythm::new(Span::millis(500));
            (0..200).for_each(|i| rhythm.push(Span::millis(interval + i % 2 * 100)));
            rhythm.score(Span::millis(silence))
        };
        assert!(score(450, 500) < 100);
        assert!(score(450, 2_000) > 800);
        assert!(score(1_500, 2_000) < score(450, 2_000));
    }

    #[test]
    fn longer_silence_never_scores_lower() {
        let rhythm = Rhythm::new(Span::millis(500));
        let scores: Vec<_> = (0..5_000).map(|ms| rhythm.score(Span::millis(ms))).collect();
        assert!(scores.is_sorted());
        assert_eq!(rhythm.score(Span(u64::MAX)), 3275);
    }

    #[test]
    fn old_intervals_are_forgotten() {
        let mut rhythm = Rhythm::new(Span::millis(500));
        (0..100).for_each(|_| rhythm.push(Span::secs(20)));
        assert!(rhythm.score(Span::secs(5)) == 0);
        (0..100).for_each(|_| rhythm.push(Span::millis(500)));
        assert!(rhythm.score(Span::secs(5)) > 3_000);
    }
}
