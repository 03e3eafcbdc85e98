//! Which key: uniform, zipfian with the popular ones scattered, or zipfian from the newest back.
//!
//! Invariant: every number below the count can be chosen, no other one ever is, and the same seed chooses the same.

use stdx::Prng;

/// Skew of the zipfian choices, as in YCSB (Cooper et al., SoCC 2010).
pub const SKEW: f64 = 0.99;

/// How keys are chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// All alike.
    Uniform,
    /// Few often, most seldom; the popular ones are scattered over all.
    Zipfian,
    /// Few often, most seldom; the newest are the popular ones.
    Latest,
}

/// Chooses among a fixed count of keys.
#[derive(Clone, Debug)]
pub struct Chooser {
    choice: Choice,
    count: u64,
    ranks: Ranks,
    scatter: Scatter,
}

impl Chooser {
    /// Chooses among `count` keys, at least one.
    pub fn new(choice: Choice, count: u64) -> Chooser {
        assert!(count > 0, "a choice among no keys");
        Chooser { choice, count, ranks: Ranks::new(count, SKEW), scatter: Scatter::new(count) }
    }

    /// A key's number. `newest` is the number behind the newest key, at least the count; only [`Choice::Latest`]
    /// chooses numbers from the count on.
    pub fn next(&self, prng: &mut Prng, newest: u64) -> u64 {
        match self.choice {
            Choice::Uniform => prng.below(self.count),
            Choice::Zipfian => self.scatter.of(self.ranks.next(prng)),
            Choice::Latest => newest - 1 - self.ranks.next(prng),
        }
    }
}

/// Ranks from 0, each `(rank + 1)^-skew` times as likely as rank 0. By rejection-inversion (Hörmann and Derflinger 1996),
/// which needs no sum over all ranks beforehand.
#[derive(Clone, Debug)]
struct Ranks {
    skew: f64,
    low: f64,
    high: f64,
    near: f64,
    count: u64,
}

impl Ranks {
    fn new(count: u64, skew: f64) -> Ranks {
        let mut ranks = Ranks { skew, low: 0.0, high: 0.0, near: 0.0, count };
        ranks.low = ranks.integral(1.5) - 1.0;
        ranks.high = ranks.integral(count as f64 + 0.5);
        ranks.near = 2.0 - ranks.inverse(ranks.integral(2.5) - ranks.weight(2.0));
        ranks
    }

    fn next(&self, prng: &mut Prng) -> u64 {
        loop {
            let u = self.high + unit(prng) * (self.low - self.high);
            let x = self.inverse(u);
            let rank = ((x + 0.5) as u64).clamp(1, self.count);
            let k = rank as f64;
            if k - x <= self.near || u >= self.integral(k + 0.5) - self.weight(k) {
                return rank - 1;
            }
        }
    }

    fn weight(&self, x: f64) -> f64 {
        (-self.skew * x.ln()).exp()
    }

    /// The integral of the weight, up to a constant: `(x^(1-skew) - 1) / (1 - skew)`, also near a skew of 1.
    fn integral(&self, x: f64) -> f64 {
        let t = (1.0 - self.skew) * x.ln();
        let factor = if t.abs() < 1e-8 { 1.0 + t / 2.0 } else { t.exp_m1() / t };
        factor * x.ln()
    }

    fn inverse(&self, y: f64) -> f64 {
        let t = (y * (1.0 - self.skew)).max(-1.0);
        let factor = if t.abs() < 1e-8 { 1.0 - t / 2.0 } else { t.ln_1p() / t };
        (factor * y).exp()
    }
}

/// A number from 0 to below 1.
fn unit(prng: &mut Prng) -> f64 {
    (prng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// A fixed permutation of the numbers below a count: a mixing of the next power of two, walked until it falls inside.
#[derive(Clone, Debug)]
struct Scatter {
    count: u64,
    mask: u64,
    shift: u32,
}

impl Scatter {
    fn new(count: u64) -> Scatter {
        let mask = count.next_power_of_two() - 1;
        Scatter { count, mask, shift: mask.count_ones() / 2 + 1 }
    }

    fn of(&self, mut number: u64) -> u64 {
        loop {
            // Each step can be undone within the mask, so all of them together are a permutation.
            for odd in [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb_u64] {
                number = number.wrapping_mul(odd).wrapping_add(odd >> 7) & self.mask;
                number ^= number >> self.shift;
            }
            if number < self.count {
                return number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Choice, Chooser, Ranks, SKEW, Scatter};
    use stdx::Prng;

    #[test]
    fn scattering_loses_no_key() {
        for count in [1, 2, 3, 7, 64, 1_000, 4_097] {
            let scatter = Scatter::new(count);
            let mut seen: Vec<u64> = (0..count).map(|number| scatter.of(number)).collect();
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..count), "{count}");
        }
    }

    #[test]
    fn ranks_come_as_often_as_their_weights_say() {
        let (count, draws) = (1_000u64, 400_000);
        for skew in [SKEW, 1.0, 0.5] {
            let (ranks, mut prng) = (Ranks::new(count, skew), Prng::new(1));
            let mut seen = vec![0u64; count as usize];
            (0..draws).for_each(|_| seen[ranks.next(&mut prng) as usize] += 1);
            let total: f64 = (1..=count).map(|k| (k as f64).powf(-skew)).sum();
            for rank in [0usize, 1, 2, 9, 99] {
                let expected = f64::from(draws) * ((rank + 1) as f64).powf(-skew) / total;
                let off = (seen[rank] as f64 - expected).abs() / expected.sqrt();
                assert!(off < 6.0, "skew {skew}, rank {rank}: {} times, expected {expected:.0}", seen[rank]);
            }
        }
    }

    #[test]
    fn every_choice_stays_among_its_keys_and_reaches_the_ends() {
        for choice in [Choice::Uniform, Choice::Zipfian, Choice::Latest] {
            let (chooser, mut prng) = (Chooser::new(choice, 10), Prng::new(2));
            let mut seen = [false; 15];
            for _ in 0..10_000 {
                seen[chooser.next(&mut prng, 15) as usize] = true;
            }
            let expected: Vec<bool> = (0..15).map(|key| (choice == Choice::Latest) == (key >= 5)).collect();
            match choice {
                Choice::Latest => assert_eq!(seen.to_vec(), expected),
                _ => assert_eq!(seen[..10], [true; 10]),
            }
            assert!(choice == Choice::Latest || seen[10..].iter().all(|seen| !seen), "{choice:?}");
        }
    }

    #[test]
    fn the_newest_is_the_most_popular_of_the_latest() {
        let (chooser, mut prng) = (Chooser::new(Choice::Latest, 100), Prng::new(3));
        let newest = (0..1_000).filter(|_| chooser.next(&mut prng, 500) == 499).count();
        assert!((130..260).contains(&newest), "{newest} of 1,000, about 193 expected");
    }
}
