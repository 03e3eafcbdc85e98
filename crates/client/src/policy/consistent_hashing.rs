//! Consistent hashing: a key goes to the same node as long as that node is there, so that what the node keeps in memory fits
//! its keys.
//!
//! By highest random weight (Thaler and Ravishankar, *Using Name-Based Mappings to Increase Hit Rates*, 1998): each node's
//! weight for a key is a hash of both, the heaviest gets it. Unlike points on a circle it needs no memory and spreads evenly.
//! With bounded loads (Mirrokni, Thorup and Zadimoghaddam, 2018): a node that has a quarter more to do than the mean is passed
//! over for the next one, so that a hot key does not take it down.
//!
//! Invariant: when a node goes, only its keys move; when one comes, keys move to it alone.

use super::{Ask, Candidate, NodeNumber, Policy};
use stdx::Prng;
use stdx::hash::Mixer;

/// Chooses by the key; requests without one go anywhere.
#[derive(Clone, Copy, Default, Debug)]
pub struct ConsistentHashing;

impl Policy for ConsistentHashing {
    fn choose(&mut self, ask: &Ask<'_>, of: &[Candidate], prng: &mut Prng) -> usize {
        let Some(key) = ask.key else { return prng.index(of.len()).unwrap_or(0) };
        let all: u64 = of.iter().map(|candidate| u64::from(candidate.outstanding)).sum();
        let nodes = of.len() as u64;
        // With the one to come, rounded up: a lone request never finds everybody full.
        let most = ((all + 1) * 5).div_ceil(nodes * 4);
        let fits = |at: &usize| u64::from(of[*at].outstanding) < most;
        (0..of.len()).filter(fits).max_by_key(|at| weight(key, of[*at].node)).unwrap_or(0)
    }
}

fn weight(key: u64, node: NodeNumber) -> u64 {
    let mut hash = Mixer::new(key);
    hash.number(node.0);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::super::testing::idle;
    use super::super::{Ask, Candidate, NodeNumber, Policy as _};
    use super::ConsistentHashing;
    use proptest::prelude::*;
    use stdx::Prng;

    fn choose(key: u64, of: &[Candidate]) -> NodeNumber {
        let ask = Ask { key: Some(key), ..Ask::default() };
        of[ConsistentHashing.choose(&ask, of, &mut Prng::new(1))].node
    }

    proptest! {
        #[test]
        fn only_the_keys_of_a_node_that_goes_are_moved(key in any::<u64>(), nodes in 2_u64..20, gone in any::<u64>()) {
            let all = idle(nodes);
            let gone = NodeNumber(gone % nodes);
            let rest: Vec<_> = all.iter().copied().filter(|candidate| candidate.node != gone).collect();
            let before = choose(key, &all);
            prop_assert!(before == gone || choose(key, &rest) == before);
        }

        #[test]
        fn the_order_of_candidates_does_not_matter(key in any::<u64>(), nodes in 1_u64..20) {
            let mut all = idle(nodes);
            let before = choose(key, &all);
            all.reverse();
            prop_assert_eq!(choose(key, &all), before);
        }

        /// Each has at most a quarter more than its share, rounded up, whatever the keys are.
        #[test]
        fn no_load_is_beyond_the_bound(keys in proptest::collection::vec(0_u64..5, 1..200), nodes in 1_u64..9) {
            let mut of = idle(nodes);
            for (before, key) in keys.iter().enumerate() {
                let node = choose(*key, &of);
                of[node.0 as usize].outstanding += 1;
                let most = ((before as u64 + 1) * 5).div_ceil(nodes * 4);
                prop_assert!(u64::from(of[node.0 as usize].outstanding) <= most);
            }
        }
    }

    #[test]
    fn keys_are_spread_evenly() {
        let (of, mut prng, mut counts) = (idle(5), Prng::new(7), [0; 5]);
        (0..50_000).for_each(|_| counts[choose(prng.next_u64(), &of).0 as usize] += 1);
        assert!(counts.iter().all(|count| (9_500..=10_500).contains(count)), "{counts:?}");
    }
}
