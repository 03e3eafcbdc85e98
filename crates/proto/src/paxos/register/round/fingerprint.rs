//! What a search through all schedules needs of a round: hashes that do not depend on which replica has which name.
//!
//! Invariant: rounds over the same views that differ in names of interchangeable replicas only have the same common part, and
//! the same parts of single replicas in another order.

use super::{Change, Phase, Round};
use ring::NodeId;
use std::hash::{Hash, Hasher};

impl<C: Change + Hash> Round<C>
where
    C::Value: Hash,
{
    /// Hashes all but what it knows of single replicas, and who they are.
    pub fn hash_common<H: Hasher>(&self, hasher: &mut H) {
        (&self.work, self.highest, self.sent, self.floor, self.groups.len()).hash(hasher);
        self.cache.as_ref().map(|cache| (cache.ballot, &cache.cell)).hash(hasher);
        std::mem::discriminant(&self.phase).hash(hasher);
        match &self.phase {
            Phase::Preparing { ballot, next, .. } => (ballot, next).hash(hasher),
            Phase::Accepting { ballot, next, cell, keeps, end, .. } => (ballot, next, cell, keeps, end).hash(hasher),
            Phase::Idle | Phase::Reading { .. } | Phase::Over => {}
        }
    }

    /// Hashes what it knows of one replica.
    pub fn hash_of<H: Hasher>(&self, replica: NodeId, hasher: &mut H) {
        self.lost.contains(&replica).hash(hasher);
        match &self.phase {
            Phase::Reading { held } | Phase::Preparing { held, .. } => held.get(&replica).hash(hasher),
            Phase::Accepting { accepted, .. } => accepted.has(replica).hash(hasher),
            Phase::Idle | Phase::Over => {}
        }
    }
}
