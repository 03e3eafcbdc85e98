//! Token-aware: a request about a key goes to a replica of it, so that the node that is asked need not ask another one. Which
//! replica is for another policy to say.
//!
//! Invariant: as long as a replica is among the candidates, one is chosen; else anybody, for every node can serve every key.

use super::{Ask, Candidate, Policy};
use stdx::Prng;

/// Restricts a policy to the replicas of the key.
#[derive(Clone, Default, Debug)]
pub struct TokenAware<P> {
    among: P,
}

impl<P> TokenAware<P> {
    /// Chooses among replicas by `policy`.
    pub fn over(policy: P) -> TokenAware<P> {
        TokenAware { among: policy }
    }
}

impl<P: Policy> Policy for TokenAware<P> {
    fn choose(&mut self, ask: &Ask<'_>, of: &[Candidate], prng: &mut Prng) -> usize {
        let places: Vec<usize> = ask
            .replicas
            .iter()
            .filter_map(|replica| of.iter().position(|candidate| candidate.node == *replica))
            .collect();
        match places.as_slice() {
            [] => self.among.choose(ask, of, prng),
            [first, ..] if ask.owner_first => *first,
            several => {
                let replicas: Vec<Candidate> = several.iter().map(|at| of[*at]).collect();
                several[self.among.choose(ask, &replicas, prng)]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::idle;
    use super::super::{Ask, LeastConnections, NodeNumber, Policy as _, RoundRobin, TwoChoices};
    use super::TokenAware;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use stdx::Prng;

    const REPLICAS: [NodeNumber; 2] = [NodeNumber(3), NodeNumber(1)];

    proptest! {
        #[test]
        fn a_replica_is_chosen_if_there_is_one(seed in any::<u64>(), there in proptest::collection::btree_set(0_usize..6, 1..6)) {
            let of: Vec<_> = there.iter().map(|at| idle(6)[*at]).collect();
            let ask = Ask { replicas: &REPLICAS, ..Ask::default() };
            let at = TokenAware::over(TwoChoices).choose(&ask, &of, &mut Prng::new(seed));
            let possible = REPLICAS.iter().any(|replica| of.iter().any(|candidate| candidate.node == *replica));
            prop_assert!(REPLICAS.contains(&of[at].node) || !possible);
        }
    }

    #[test]
    fn the_owner_comes_first_where_that_saves_a_message() {
        let ask = Ask { replicas: &REPLICAS, owner_first: true, ..Ask::default() };
        let mut policy = TokenAware::over(LeastConnections::default());
        assert_eq!(policy.choose(&ask, &idle(5), &mut Prng::new(1)), 3);
        assert_eq!(policy.choose(&ask, &idle(3), &mut Prng::new(1)), 1);
    }

    #[test]
    fn the_policy_within_shares_the_replicas() {
        let ask = Ask { replicas: &REPLICAS, ..Ask::default() };
        let mut policy = TokenAware::over(RoundRobin::default());
        let chosen: Vec<_> = (0..4).map(|_| policy.choose(&ask, &idle(5), &mut Prng::new(1))).collect();
        assert_eq!(chosen.iter().copied().collect::<BTreeSet<_>>(), BTreeSet::from([1, 3]));
        assert_eq!(chosen[..2], chosen[2..]);
        let anybody: BTreeSet<_> = (0..3).map(|_| policy.choose(&ask, &idle(1), &mut Prng::new(1))).collect();
        assert_eq!(anybody, BTreeSet::from([0]));
    }
}
