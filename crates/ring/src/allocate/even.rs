//! The even allocator: tokens that bring every node's replicated load close to its fair share.
//!
//! It minimises the sum over all nodes of (load − fair load)² / weight, plus a small part of the sum of squared gap
//! lengths. Without that second part it is short-sighted: it pays off now to put a token right beside another, but a
//! ring of clusters and wide gaps leaves later newcomers nothing good to choose, and some node can no longer be
//! relieved (at 300 nodes of 16 tokens the most loaded had 1.18 times the mean; with it, 1.02).
//!
//! Taking a boundary inside a gap costs a few nodes a fixed number of partitions and one node as many as the boundary
//! lies inside the gap, so the best boundary of each gap has a closed form. One token after the other goes to the best
//! gap of the whole ring; then each is taken back and placed anew while that helps.
//!
//! Differs from Cassandra's ReplicationAwareTokenAllocator in looking at every gap and in repairing its own choices.
//! Refuses to know how lists come about; that is the draft's.

use stdx::Prng;

use super::draft::{Draft, NOBODY, Slot};
use super::{Newcomer, fair};
use crate::preference_list::Zones;
use crate::{Member, PartitionId, Ring};

/// How often at most each token is placed anew.
const ROUNDS: usize = 2;

/// The part of squared gap lengths in the objective for one copy. Loads grow with the number of copies, so for n
/// copies it is n² times this. Found by measuring: from 2/16 to 4/16 all is well, below some nodes get stuck, above
/// loads are less even.
const TIDINESS: f64 = 3.0 / 16.0;

/// Where a token could go, and by how much that would change the objective.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) slot: u32,
    pub(super) into: u32,
    change: f64,
}

/// Chooses `count` free boundaries for a newcomer; there must be as many.
pub(crate) fn choose(ring: &Ring, newcomer: &Newcomer, count: usize, n: usize, prng: &mut Prng) -> Vec<PartitionId> {
    let zones = Zones::number(ring.members().map(|m| m.zone.as_deref()).chain([newcomer.zone.as_deref()]));
    match effective_copies(ring, &zones, n) {
        0 => spaced(ring, count, prng),
        copies => Search::new(ring, newcomer, &zones, copies).run(count),
    }
}

/// While there are so few nodes or zones that the newcomer will hold everything, all choices are equally even. Then
/// the tokens are chosen as for as many copies as there are others, which spreads them well for those who come later.
pub(super) fn effective_copies(ring: &Ring, zones: &Zones, n: usize) -> usize {
    let others = zones.clone().without_counting_last();
    let brings_a_zone = others.count() < zones.count();
    if brings_a_zone { n.min(others.count()) } else { n.min(ring.len()) }
}

/// Evenly spaced boundaries of an empty ring.
fn spaced(ring: &Ring, count: usize, prng: &mut Prng) -> Vec<PartitionId> {
    let partitions = u64::from(ring.grid().count());
    let start = prng.below(partitions);
    (0..count as u64).map(|i| PartitionId(((start + i * partitions / count as u64) % partitions) as u16)).collect()
}

pub(super) struct Search {
    pub(super) draft: Draft,
    /// By member, the newcomer last.
    pub(super) fair: Vec<f64>,
    /// By member: 1 / weight.
    pub(super) ease: Vec<f64>,
    /// By member: load − fair load. For the newcomer, its tokens yet to come count as if placed.
    excess: Vec<f64>,
    /// The part of squared gap lengths in the objective.
    tidiness: f64,
    pub(super) tokens: Vec<u32>,
}

impl Search {
    pub(super) fn new(ring: &Ring, newcomer: &Newcomer, zones: &Zones, copies: usize) -> Search {
        let weight = |weight: u32| f64::from(weight.max(1));
        let mut weights: Vec<f64> = ring.members().map(|Member { weight: w, .. }| weight(*w)).collect();
        weights.push(weight(newcomer.weight));
        let fair = fair::loads(&weights, zones, copies, ring.grid().count());
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        let tidiness = (copies * copies) as f64 * TIDINESS;
        let ease = weights.iter().map(|w| mean / w).collect();
        Search {
            draft: Draft::new(ring, zones, copies),
            excess: fair.clone(),
            fair,
            ease,
            tidiness,
            tokens: Vec::new(),
        }
    }

    fn run(mut self, count: usize) -> Vec<PartitionId> {
        for placed in 0..count {
            let missing = (count - placed) as f64 / count as f64;
            self.refresh(missing);
            // The place itself brings the newcomer one token's share.
            let Some(place) = self.best(1.0 / count as f64) else { break };
            self.tokens.push(self.draft.insert(place.slot, place.into));
        }
        for _ in 0..ROUNDS {
            if !self.improve() {
                break;
            }
        }
        self.tokens.iter().map(|token| self.end(*token)).collect()
    }

    /// Places each token anew; true if any moved.
    fn improve(&mut self) -> bool {
        let mut moved = false;
        for at in 0..self.tokens.len() {
            let old = self.end(self.tokens[at]);
            self.draft.remove(self.tokens[at]);
            self.refresh(0.0);
            let place = self.best(0.0).expect("the boundary just left is free");
            self.tokens[at] = self.draft.insert(place.slot, place.into);
            moved |= self.end(self.tokens[at]) != old;
        }
        moved
    }

    pub(super) fn refresh(&mut self, missing: f64) {
        for (member, load) in self.draft.loads().iter().enumerate() {
            self.excess[member] = *load as f64 - self.fair[member];
        }
        let newcomer = self.fair.len() - 1;
        self.excess[newcomer] += missing * self.fair[newcomer];
    }

    /// The partition that a token of the newcomer ends.
    pub(super) fn end(&self, token: u32) -> PartitionId {
        PartitionId(self.draft.slots()[token as usize].end as u16)
    }

    /// The best place for one token, whose expected share of the newcomer's load is `share`.
    pub(super) fn best(&self, share: f64) -> Option<Place> {
        let newcomer = self.fair.len() - 1;
        let start = self.excess[newcomer] - share * self.fair[newcomer];
        let mut best: Option<Place> = None;
        for (at, slot) in (0..).zip(self.draft.slots()).filter(|(_, slot)| slot.length > 1) {
            let (into, change) = self.weigh(slot, start);
            if best.is_none_or(|best| change < best.change) {
                best = Some(Place { slot: at, into, change });
            }
        }
        best
    }

    /// The best boundary inside a gap and its change of the objective, for a newcomer with this excess.
    fn weigh(&self, slot: &Slot, start: f64) -> (u32, f64) {
        let newcomer_ease = self.ease[self.ease.len() - 1];
        let mut gained = 0.0;
        let mut change = 0.0;
        let mut partial_loss = 0.0;
        for loss in self.draft.losses(slot) {
            let (member, lost) = (loss.member as usize, f64::from(loss.partitions));
            gained += lost;
            change += lost * (lost - 2.0 * self.excess[member]) * self.ease[member];
            if loss.member == slot.partial {
                partial_loss = lost;
            }
        }
        let excess = start + gained;
        if slot.partial == NOBODY {
            return (slot.length / 2, change + (excess * excess - start * start) * newcomer_ease);
        }
        let ease = self.ease[slot.partial as usize];
        let left = self.excess[slot.partial as usize] - partial_loss;
        let length = f64::from(slot.length);
        // Where the derivative of the change below is zero.
        let ideal = (left * ease - excess * newcomer_ease + self.tidiness * length)
            / (ease + newcomer_ease + 2.0 * self.tidiness);
        let into = ideal.round().clamp(1.0, f64::from(slot.length - 1));
        change += into * (into - 2.0 * left) * ease;
        change += 2.0 * self.tidiness * into * (into - length);
        change += ((excess + into) * (excess + into) - start * start) * newcomer_ease;
        (into as u32, change)
    }
}
