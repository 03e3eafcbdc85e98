//! New tokens for a member whose weight changes, moving as little as a better balance allows.
//!
//! The number of tokens follows the weight. Tokens that stay do not move: those that are too many go one at a time, each
//! time the one whose going leaves loads most even, and new ones are placed as a newcomer's are.
//!
//! Invariant: the tokens kept are a subset of the member's, or all of them; equal rings give equal answers.
//! Refuses to know how lists come about; that is the draft's.

use super::Newcomer;
use super::draft::Draft;
use super::even::{self, Search};
use crate::preference_list::Zones;
use crate::{Member, NodeId, PartitionId, Ring, RingError, Token};

/// The tokens that `member` should have at another weight, sorted, in a cluster that keeps `n` copies. Refuses an
/// identity that is not a member's.
pub fn reweigh(ring: &Ring, id: NodeId, weight: u32, n: usize) -> Result<Vec<Token>, RingError> {
    let Some(member) = ring.member(&id) else { return Err(RingError::UnknownMember { id }) };
    let others = ring.without(&id);
    let grid = ring.grid();
    let free = grid.count() as usize - others.vnodes().len();
    let count = scaled(member, weight).min(free).max(1);
    let newcomer = Newcomer { weight, zone: member.zone.clone(), count };
    let zones = Zones::number(others.members().map(|m| m.zone.as_deref()).chain([newcomer.zone.as_deref()]));
    let ends: Vec<PartitionId> = member.tokens.iter().filter_map(|token| grid.partition_ending_at(token)).collect();
    let chosen = match even::effective_copies(&others, &zones, n.max(1)) {
        // There is nobody to share with.
        0 => ends,
        copies => Search::new(&others, &newcomer, &zones, copies).adjust(&ends, count),
    };
    let mut tokens: Vec<Token> = chosen.into_iter().map(|partition| grid.boundary(partition)).collect();
    tokens.sort_unstable();
    Ok(tokens)
}

fn scaled(member: &Member, weight: u32) -> usize {
    let (old, new) = (u64::from(member.weight.max(1)), u64::from(weight.max(1)));
    let count = (member.tokens.len() as u64 * new * 2 + old) / (old * 2);
    usize::try_from(count).unwrap_or(usize::MAX)
}

impl Search {
    /// Puts the member's tokens back where they were, then takes away or adds until there are `count`.
    fn adjust(mut self, ends: &[PartitionId], count: usize) -> Vec<PartitionId> {
        for end in ends {
            let (slot, into) = self.draft.place_of(u32::from(end.0)).expect("nobody else has the boundary");
            let token = self.draft.insert(slot, into);
            self.tokens.push(token);
        }
        while self.tokens.len() > count {
            let worst = (0..self.tokens.len()).min_by(|a, b| self.without(*a).total_cmp(&self.without(*b)));
            let token = self.tokens.remove(worst.expect("there is more than one token"));
            self.draft.remove(token);
        }
        let wanted = count.saturating_sub(self.tokens.len());
        for placed in 0..wanted {
            self.refresh((wanted - placed) as f64 / count as f64);
            let Some(place) = self.best(1.0 / count as f64) else { break };
            let token = self.draft.insert(place.slot, place.into);
            self.tokens.push(token);
        }
        self.tokens.iter().map(|token| self.end(*token)).collect()
    }

    /// How uneven loads would be without one of the tokens. The draft is as before afterwards.
    fn without(&self, at: usize) -> f64 {
        let mut draft: Draft = self.draft.clone();
        draft.remove(self.tokens[at]);
        let off = |(member, load): (usize, &i64)| {
            let excess = *load as f64 - self.fair[member];
            excess * excess * self.ease[member]
        };
        draft.loads().iter().enumerate().map(off).sum()
    }
}

#[cfg(test)]
mod tests {
    use stdx::Prng;

    use super::reweigh;
    use crate::{Allocation, Grid, Member, Newcomer, NodeId, Ring, allocate};

    fn ring(nodes: u128) -> Ring {
        let mut prng = Prng::new(3);
        let mut ring = Ring::empty(Grid::new(10).unwrap());
        for id in 1..=nodes {
            let newcomer = Newcomer { weight: 100, zone: None, count: 16 };
            let tokens = allocate(&ring, &newcomer, 3, Allocation::Even, &mut prng).unwrap();
            let (name, uri) = (id.to_string(), String::new());
            ring = ring.with(Member { id: NodeId(id), name, uri, tokens, weight: 100, zone: None }).unwrap();
        }
        ring
    }

    fn at_weight(ring: &Ring, weight: u32) -> (Vec<crate::Token>, f64) {
        let id = NodeId(2);
        let tokens = reweigh(ring, id, weight, 3).unwrap();
        let member = Member { tokens: tokens.clone(), weight, ..ring.member(&id).unwrap().clone() };
        let changed = ring.with_changed(member).unwrap();
        (tokens, f64::from(changed.shares(3)[&id]) / f64::from(ring.shares(3)[&id]))
    }

    #[test]
    fn load_follows_weight_and_the_other_tokens_stay() {
        let ring = ring(8);
        let before = ring.member(&NodeId(2)).unwrap().tokens.clone();
        let (half, share) = at_weight(&ring, 50);
        assert!(half.len() == 8 && half.iter().all(|token| before.contains(token)));
        assert!((0.4..0.65).contains(&share), "{share}");
        let (double, share) = at_weight(&ring, 200);
        assert!(double.len() == 32 && before.iter().all(|token| double.contains(token)));
        assert!((1.5..2.1).contains(&share), "{share}");
        assert_eq!(at_weight(&ring, 100).0, before);
    }

    #[test]
    fn the_only_node_keeps_its_tokens() {
        let ring = ring(1);
        let tokens = &ring.member(&NodeId(1)).unwrap().tokens;
        assert_eq!(&reweigh(&ring, NodeId(1), 300, 3).unwrap(), tokens);
        assert!(reweigh(&ring, NodeId(2), 300, 3).is_err());
    }
}
