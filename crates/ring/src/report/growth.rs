//! A cluster that grows one node at a time, and what is measured after each join.
//!
//! Invariant: the run depends on its arguments alone. Refuses to know how results are shown.

use stdx::Prng;

use crate::allocate::fair;
use crate::preference_list::Zones;
use crate::{Allocation, Grid, Member, Newcomer, NodeId, Ring, RingError, allocate, difference};

/// What each next node asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nodes {
    /// Every node has weight 100 and asks for this many tokens.
    Equal(usize),
    /// Weights 100, 200, 400 in turn, with tokens in proportion; the lightest asks for this many.
    Weighted(usize),
    /// As equal nodes, in three zones in turn.
    Zoned(usize),
}

impl Nodes {
    fn newcomer(self, index: usize) -> Newcomer {
        let plain = |count| Newcomer { weight: 100, zone: None, count };
        match self {
            Nodes::Equal(count) => plain(count),
            Nodes::Weighted(count) => {
                let times = [1, 2, 4][index % 3];
                Newcomer { weight: 100 * times as u32, ..plain(count * times) }
            }
            Nodes::Zoned(count) => Newcomer { zone: Some(format!("zone-{}", index % 3)), ..plain(count) },
        }
    }
}

/// What was measured after a join.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The number of nodes after the join.
    pub nodes: usize,
    /// The tokens that the newcomer got.
    pub tokens: usize,
    /// The highest load of a node over its fair load, which for equal nodes is the mean.
    pub most: f64,
    /// The lowest load of a node over its fair load.
    pub least: f64,
    /// The partition replicas that moved, over the newcomer's fair share of all.
    pub moved: f64,
}

/// A growing cluster.
pub struct Growth {
    ring: Ring,
    nodes: Nodes,
    copies: usize,
    how: Allocation,
    prng: Prng,
}

impl Growth {
    /// A cluster without nodes.
    pub fn new(grid: Grid, nodes: Nodes, copies: usize, how: Allocation, seed: u64) -> Growth {
        Growth { ring: Ring::empty(grid), nodes, copies, how, prng: Prng::new(seed) }
    }

    /// The ring as it has become.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The number of copies of each partition.
    pub fn copies(&self) -> usize {
        self.copies
    }

    /// Lets the next node join. An error when no boundary is free.
    pub fn join(&mut self) -> Result<Step, RingError> {
        let index = self.ring.len();
        let newcomer = self.nodes.newcomer(index);
        let tokens = allocate(&self.ring, &newcomer, self.copies, self.how, &mut self.prng)?;
        let count = tokens.len();
        let (id, weight, zone) = (NodeId(index as u128 + 1), newcomer.weight, newcomer.zone);
        let member = Member { id, name: format!("node-{id}"), uri: String::new(), tokens, weight, zone };
        let ring = self.ring.with(member)?;
        let moved = difference(&self.ring, &ring, self.copies).iter().map(|gain| gain.gained().len()).sum::<usize>();
        self.ring = ring;
        let fair = self.fair_loads();
        let (most, least) = self.extremes(&fair);
        Ok(Step { nodes: self.ring.len(), tokens: count, most, least, moved: moved as f64 / fair[index] })
    }

    /// In the order of joining, which is that of the identities.
    fn fair_loads(&self) -> Vec<f64> {
        let weights: Vec<f64> = self.ring.members().map(|member| f64::from(member.weight)).collect();
        let zones = Zones::number(self.ring.members().map(|member| member.zone.as_deref()));
        fair::loads(&weights, &zones, self.copies, self.ring.grid().count())
    }

    /// The highest and the lowest load over the fair load.
    fn extremes(&self, fair: &[f64]) -> (f64, f64) {
        let shares = self.ring.shares(self.copies);
        let ratios = shares.values().zip(fair).map(|(load, fair)| f64::from(*load) / fair);
        ratios.fold((0.0, f64::INFINITY), |(most, least), ratio| (f64::max(most, ratio), f64::min(least, ratio)))
    }
}
