//! A small seeded pseudo-random generator (xoshiro256**, Blackman and Vigna 2018, seeded by SplitMix64).
//!
//! Every random choice of a machine or of the simulator comes from one of these, handed in with a seed, so that the
//! same seed gives the same run. Not for secrets.

/// A deterministic stream of pseudo-random numbers.
#[derive(Clone, Debug)]
pub struct Prng {
    state: [u64; 4],
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Prng {
    /// A stream that depends on `seed` alone.
    pub fn new(seed: u64) -> Prng {
        let mut s = seed;
        Prng { state: std::array::from_fn(|_| split_mix(&mut s)) }
    }

    /// A stream that depends on `seed` and on the identity of what it is for, so that removing one consumer of
    /// randomness does not reshuffle the others.
    pub fn keyed(seed: u64, domain: &str, ids: &[u64]) -> Prng {
        let mut s = seed;
        for byte in domain.bytes() {
            s = split_mix(&mut s) ^ u64::from(byte);
        }
        for id in ids {
            s = split_mix(&mut s) ^ id;
        }
        Prng::new(split_mix(&mut s))
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let [s0, s1, s2, s3] = self.state;
        let result = s1.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let (mut n0, mut n1, mut n2, mut n3) = (s0, s1, s2 ^ s0, s3 ^ s1);
        n1 ^= n2;
        n0 ^= n3;
        n2 ^= s1 << 17;
        n3 = n3.rotate_left(45);
        self.state = [n0, n1, n2, n3];
        result
    }

    /// The next 128 random bits.
    pub fn next_u128(&mut self) -> u128 {
        (u128::from(self.next_u64()) << 64) | u128::from(self.next_u64())
    }

    /// A number below `bound`, which must not be zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a random number below zero was asked for");
        // Multiply-shift (Lemire 2019); the bias is below 2^-32 for the bounds in use.
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// An index into something of `len` elements, or `None` if it is empty.
    pub fn index(&mut self, len: usize) -> Option<usize> {
        (len > 0).then(|| self.below(len as u64) as usize)
    }

    /// A number in `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        assert!(low <= high, "an empty range");
        low + if high - low == u64::MAX { self.next_u64() } else { self.below(high - low + 1) }
    }

    /// True in `per_million` of a million cases.
    pub fn chance(&mut self, per_million: u64) -> bool {
        self.below(1_000_000) < per_million
    }

    /// One element of a slice, or `None` if it is empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        self.index(items.len()).and_then(|i| items.get(i))
    }

    /// Puts a slice in random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Prng;

    #[test]
    fn the_same_seed_gives_the_same_stream() {
        let (mut a, mut b, mut c) = (Prng::new(7), Prng::new(7), Prng::new(8));
        let (x, y, z): (Vec<_>, Vec<_>, Vec<_>) = (
            (0..8).map(|_| a.next_u64()).collect(),
            (0..8).map(|_| b.next_u64()).collect(),
            (0..8).map(|_| c.next_u64()).collect(),
        );
        assert_eq!(x, y);
        assert_ne!(x, z);
    }

    #[test]
    fn bounds_hold_and_every_value_comes() {
        let mut prng = Prng::new(1);
        let mut seen = [false; 10];
        for _ in 0..1_000 {
            seen[prng.below(10) as usize] = true;
            assert!((3..=5).contains(&prng.between(3, 5)));
        }
        assert!(seen.iter().all(|s| *s));
        assert_eq!(prng.index(0), None);
    }

    #[test]
    fn a_shuffle_is_a_permutation() {
        let mut items: Vec<u32> = (0..100).collect();
        Prng::new(3).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn keyed_streams_differ_by_identity() {
        assert_ne!(Prng::keyed(1, "link", &[1, 2]).next_u64(), Prng::keyed(1, "link", &[2, 1]).next_u64());
        assert_eq!(Prng::keyed(1, "link", &[1, 2]).next_u64(), Prng::keyed(1, "link", &[1, 2]).next_u64());
    }
}
