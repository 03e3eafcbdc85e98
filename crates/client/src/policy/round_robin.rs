//! Round robin: everybody in turn.
//!
//! Invariant: over the same candidates, after any number of requests no node had two more than another. The turn is kept by
//! node, not by position, so that it stays fair when candidates come and go, as they do under [`TokenAware`](super::TokenAware).

use super::{Ask, Candidate, NodeNumber, Policy};
use std::collections::BTreeMap;
use stdx::Prng;

/// Chooses whoever waited longest for a request.
#[derive(Clone, Default, Debug)]
pub struct RoundRobin {
    turn: u64,
    last: BTreeMap<NodeNumber, u64>,
}

impl RoundRobin {
    /// The one among `of`, those for which `may` holds, whose last turn is longest ago.
    pub(super) fn next(&mut self, of: &[Candidate], may: impl Fn(&Candidate) -> bool) -> usize {
        let waited = |at: &usize| (self.last.get(&of[*at].node).copied().unwrap_or(0), *at);
        let at = (0..of.len()).filter(|at| may(&of[*at])).min_by_key(waited).unwrap_or(0);
        self.turn += 1;
        self.last.insert(of[at].node, self.turn);
        at
    }
}

impl Policy for RoundRobin {
    fn choose(&mut self, _: &Ask<'_>, of: &[Candidate], _: &mut Prng) -> usize {
        self.next(of, |_| true)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::idle;
    use super::super::{Ask, Policy as _};
    use super::RoundRobin;
    use proptest::prelude::*;
    use stdx::Prng;

    proptest! {
        #[test]
        fn nobody_gets_two_more_than_another(nodes in 1_u64..12, requests in 0_usize..100) {
            let (mut policy, of, mut counts) = (RoundRobin::default(), idle(nodes), vec![0; nodes as usize]);
            for _ in 0..requests {
                counts[policy.choose(&Ask::default(), &of, &mut Prng::new(1))] += 1;
            }
            prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1);
        }

        /// Overlapping sets of two, as replicas of keys are: each pair is shared evenly, so the whole is.
        #[test]
        fn it_stays_fair_when_candidates_change(seed in any::<u64>()) {
            let (mut policy, of, mut prng) = (RoundRobin::default(), idle(3), Prng::new(seed));
            let mut counts = [0_u64; 3];
            for _ in 0..3_000 {
                let without = prng.below(3) as usize;
                let pair: Vec<_> = (0..3).filter(|at| *at != without).map(|at| of[at]).collect();
                let at = policy.choose(&Ask::default(), &pair, &mut prng);
                counts[pair[at].node.0 as usize] += 1;
            }
            prop_assert!(counts.iter().all(|count| (900..=1_100).contains(count)), "{counts:?}");
        }
    }
}
