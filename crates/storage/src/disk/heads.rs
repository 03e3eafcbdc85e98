//! The beginnings of ascending keys, as numbers, and a rough guess where one is among them.
//!
//! Each step of a binary search through many numbers waits for memory. Keys begin with a hash, as a rule, so where one lies between the
//! first and the last tells nearly where it is: a search takes one look at the guess and one at some neighbouring numbers. Keys that are
//! spread unevenly only make it a binary search again.
//!
//! Refuses to know what lies behind the keys.

/// Numbers for one guess.
const PER_GUESS: usize = 4;

/// Memory that one number takes with its part of the guesses.
pub(super) const BYTES_PER_HEAD: u64 = 9;

/// Ascending numbers.
pub(super) struct Heads {
    heads: Box<[u64]>,
    /// The place of the first number in each of as many equal parts between the first number and the last, and their count.
    guesses: Box<[u32]>,
    /// Parts for each one.
    scale: f64,
}

/// The first eight bytes of a key as a number, in whose order keys are that differ in these.
pub(super) fn head(key: &[u8]) -> u64 {
    let mut head = [0; 8];
    let count = key.len().min(head.len());
    head[..count].copy_from_slice(&key[..count]);
    u64::from_be_bytes(head)
}

impl Heads {
    /// Of numbers that ascend. `None` if there are more than 2³² of them.
    pub(super) fn new(heads: Vec<u64>) -> Option<Heads> {
        debug_assert!(heads.is_sorted());
        let count = u32::try_from(heads.len()).ok()?;
        let parts = heads.len() / PER_GUESS + 1;
        let width = heads.last().zip(heads.first()).map_or(0, |(last, first)| last - first);
        let scale = (parts - 1) as f64 / width.max(1) as f64;
        let mut all = Heads { heads: heads.into_boxed_slice(), guesses: Box::default(), scale };
        let mut guesses = Vec::with_capacity(parts + 1);
        for (at, head) in (0..count).zip(&all.heads) {
            guesses.resize(guesses.len().max(all.part(*head) + 1), at);
        }
        guesses.resize(parts + 1, count);
        all.guesses = guesses.into_boxed_slice();
        Some(all)
    }

    /// The place of the first number that is not below `wanted`, or their count.
    pub(super) fn place(&self, wanted: u64) -> usize {
        let part = self.part(wanted).min(self.guesses.len() - 2);
        let (from, to) = (self.guesses[part] as usize, self.guesses[part + 1] as usize);
        from + self.heads[from..to].partition_point(|head| *head < wanted)
    }

    pub(super) fn get(&self, at: usize) -> Option<u64> {
        self.heads.get(at).copied()
    }

    /// Never descends with `head`, which is what makes guesses right, whatever floating-point numbers leave out.
    fn part(&self, head: u64) -> usize {
        let first = self.heads.first().copied().unwrap_or_default();
        (head.saturating_sub(first) as f64 * self.scale) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::{Heads, head};
    use proptest::prelude::*;

    #[test]
    fn keys_that_differ_at_once_are_in_the_order_of_their_numbers() {
        assert!(head(b"a") < head(b"ab") && head(b"ab") < head(b"b") && head(b"") == 0);
        assert_eq!(head(b"12345678"), head(b"123456789"));
    }

    proptest! {
        #[test]
        fn places_are_those_of_a_binary_search(
            mut heads in prop::collection::vec(prop_oneof![any::<u64>(), 0..20u64, u64::MAX - 20..=u64::MAX], 0..200),
            wanted in prop::collection::vec(prop_oneof![any::<u64>(), 0..25u64, u64::MAX - 25..=u64::MAX], 1..50),
        ) {
            heads.sort_unstable();
            let guessed = Heads::new(heads.clone()).expect("they are few");
            for wanted in wanted.into_iter().chain(heads.clone()) {
                prop_assert_eq!(guessed.place(wanted), heads.partition_point(|head| *head < wanted));
            }
        }
    }
}
