//! Power of two choices (Mitzenmacher, 2001): two nodes by chance, and of these the one that will be done sooner. Nearly as even
//! as looking at all of them, and many clients that see the same numbers do not all run to the same node.
//!
//! Invariant: the worst of several nodes is never chosen, unless it is alone or all are equal. The cost of a node is what waits
//! there, with the new request, times how long it took lately; a node that nobody knows is tried.

use super::{Ask, Candidate, Policy};
use stdx::Prng;

/// Chooses the better of two.
#[derive(Clone, Copy, Default, Debug)]
pub struct TwoChoices;

impl Policy for TwoChoices {
    fn choose(&mut self, _: &Ask<'_>, of: &[Candidate], prng: &mut Prng) -> usize {
        if of.len() < 2 {
            return 0;
        }
        let first = prng.below(of.len() as u64) as usize;
        // One of the others.
        let second = (first + 1 + prng.below(of.len() as u64 - 1) as usize) % of.len();
        if cost(&of[second]) < cost(&of[first]) { second } else { first }
    }
}

fn cost(candidate: &Candidate) -> (u64, u32) {
    let waits = u64::from(candidate.outstanding) + 1;
    (candidate.latency.as_micros().saturating_mul(waits), candidate.outstanding)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{idle, with};
    use super::super::{Ask, Policy as _};
    use super::TwoChoices;
    use proptest::prelude::*;
    use stdx::Prng;

    proptest! {
        #[test]
        fn the_worst_is_never_chosen(seed in any::<u64>(), waits in proptest::collection::vec(0_u32..9, 2..9)) {
            let mut of: Vec<_> = (0..).zip(&waits).map(|(node, waits)| with(node, *waits, 5)).collect();
            of.push(with(99, 10, 5));
            let at = TwoChoices.choose(&Ask::default(), &of, &mut Prng::new(seed));
            prop_assert_ne!(of[at].node.0, 99);
        }
    }

    /// The gap between the fullest node and the mean is what one choice by chance is bad at: for 1,000 balls in 100 bins
    /// about 10, and for two choices about 2.
    #[test]
    fn loads_are_much_more_even_than_by_chance() {
        let (mut of, mut by_chance, mut prng) = (idle(100), vec![0; 100], Prng::new(3));
        for _ in 0..1_000 {
            let at = TwoChoices.choose(&Ask::default(), &of, &mut prng);
            of[at].outstanding += 1;
            by_chance[prng.below(100) as usize] += 1;
        }
        let most = of.iter().map(|candidate| candidate.outstanding).max().unwrap();
        assert!(most <= 13, "{most}");
        assert!(by_chance.iter().max().unwrap() > &16, "{by_chance:?}");
    }

    #[test]
    fn a_fast_node_gets_more_and_an_unknown_one_is_tried() {
        let choose = |of: &[_], seed| TwoChoices.choose(&Ask::default(), of, &mut Prng::new(seed));
        let of = [with(0, 3, 2), with(1, 0, 20)];
        assert!((0..50).all(|seed| choose(&of, seed) == 0));
        let of = [with(0, 0, 2), with(1, 0, 0)];
        assert!((0..50).all(|seed| choose(&of, seed) == 1));
        assert_eq!(choose(&[with(0, 9, 9)], 1), 0);
    }
}
