//! Least connections: whoever has the fewest requests of ours to answer.
//!
//! Invariant: nobody with fewer outstanding requests was passed over; among equals it is everybody's turn. A slow node keeps
//! its requests longer and so gets fewer.

use super::{Ask, Candidate, Policy, RoundRobin};
use stdx::Prng;

/// Chooses the node with the fewest outstanding requests.
#[derive(Clone, Default, Debug)]
pub struct LeastConnections {
    turns: RoundRobin,
}

impl Policy for LeastConnections {
    fn choose(&mut self, _: &Ask<'_>, of: &[Candidate], _: &mut Prng) -> usize {
        let fewest = of.iter().map(|candidate| candidate.outstanding).min().unwrap_or(0);
        self.turns.next(of, |candidate| candidate.outstanding == fewest)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{idle, with};
    use super::super::{Ask, Policy as _};
    use super::LeastConnections;
    use proptest::prelude::*;
    use stdx::Prng;

    proptest! {
        #[test]
        fn nobody_with_less_to_do_is_passed_over(outstanding in proptest::collection::vec(0_u32..9, 1..9)) {
            let of: Vec<_> = (0..).zip(&outstanding).map(|(node, count)| with(node, *count, 0)).collect();
            let at = LeastConnections::default().choose(&Ask::default(), &of, &mut Prng::new(1));
            prop_assert_eq!(of[at].outstanding, *outstanding.iter().min().unwrap());
        }

        /// Requests begin and end in any order; what is under way is spread as evenly as their ends allow: a node gets one
        /// only while it has no more than anybody.
        #[test]
        fn what_is_under_way_is_spread(ends in proptest::collection::vec(any::<Option<u8>>(), 1..200)) {
            let (mut policy, mut of) = (LeastConnections::default(), idle(4));
            for end in ends {
                match end {
                    Some(at) => of[usize::from(at) % 4].outstanding = of[usize::from(at) % 4].outstanding.saturating_sub(1),
                    None => {
                        let at = policy.choose(&Ask::default(), &of, &mut Prng::new(1));
                        of[at].outstanding += 1;
                        prop_assert!(of.iter().all(|other| of[at].outstanding <= other.outstanding + 1));
                    }
                }
            }
        }
    }

    #[test]
    fn equals_take_turns() {
        let (mut policy, of) = (LeastConnections::default(), idle(3));
        let chosen: Vec<_> = (0..6).map(|_| policy.choose(&Ask::default(), &of, &mut Prng::new(1))).collect();
        assert_eq!(chosen, [0, 1, 2, 0, 1, 2]);
    }
}
