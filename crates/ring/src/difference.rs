//! The difference between two rings: which partitions get other replicas, and who gains and loses.
//!
//! Invariant: exactly the partitions whose *set* of replicas changes are named, in order. A change of order within
//! the same set moves no data and is not a difference.
//! Refuses to know how data is moved.

use std::sync::Arc;

use crate::{NodeId, PartitionId, Ring};

/// A partition whose set of replicas changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gain {
    /// The partition.
    pub partition: PartitionId,
    /// Its preference list in the old ring.
    pub before: Arc<[NodeId]>,
    /// Its preference list in the new ring.
    pub after: Arc<[NodeId]>,
}

impl Gain {
    /// The nodes that hold the partition only after the change, in the order of the new list.
    pub fn gained(&self) -> Vec<NodeId> {
        missing(&self.after, &self.before)
    }

    /// The nodes that hold the partition only before the change, in the order of the old list.
    pub fn lost(&self) -> Vec<NodeId> {
        missing(&self.before, &self.after)
    }
}

/// The partitions whose set of replicas differs between two rings of one grid, when there are to be `n` copies.
pub fn difference(old: &Ring, new: &Ring, n: usize) -> Vec<Gain> {
    assert_eq!(old.grid(), new.grid(), "rings of different grids cannot be compared");
    let changed = |partition| {
        let (before, after) = (old.preference_list(partition, n), new.preference_list(partition, n));
        (!same_set(&before, &after)).then_some(Gain { partition, before, after })
    };
    old.grid().partitions().filter_map(changed).collect()
}

fn missing(from: &[NodeId], other: &[NodeId]) -> Vec<NodeId> {
    from.iter().filter(|id| !other.contains(id)).copied().collect()
}

/// Neither list has a node twice.
fn same_set(a: &[NodeId], b: &[NodeId]) -> bool {
    a.len() == b.len() && (a == b || a.iter().all(|id| b.contains(id)))
}

#[cfg(test)]
mod tests {
    use super::difference;
    use crate::{Grid, Member, NodeId, PartitionId, Ring};

    fn with(ring: &Ring, id: u128, partition: u16) -> Ring {
        let tokens = vec![ring.grid().boundary(PartitionId(partition))];
        let name = id.to_string();
        ring.with(Member { id: NodeId(id), name, uri: String::new(), tokens, weight: 100, zone: None }).unwrap()
    }

    #[test]
    fn a_join_touches_only_its_neighbours() {
        let old = [(1, 1), (2, 3), (3, 5), (4, 7)]
            .into_iter()
            .fold(Ring::empty(Grid::new(3).unwrap()), |r, (id, p)| with(&r, id, p));
        let new = with(&old, 5, 4);
        let gains = difference(&old, &new, 2);
        assert_eq!(gains.iter().map(|g| g.partition.0).collect::<Vec<_>>(), [2, 3, 4]);
        assert!(gains.iter().all(|g| g.gained() == [NodeId(5)]));
        assert_eq!(gains[0].lost(), [NodeId(3)]);
        assert_eq!(gains[2].lost(), [NodeId(4)]);
        assert_eq!(difference(&new, &old, 2).len(), 3);
        assert_eq!(difference(&old, &old, 2), []);
    }

    #[test]
    fn a_new_order_of_the_same_set_is_no_difference() {
        let old = with(&with(&Ring::empty(Grid::new(3).unwrap()), 1, 1), 2, 5);
        let new = with(&with(&Ring::empty(Grid::new(3).unwrap()), 2, 1), 1, 5);
        assert_eq!(difference(&old, &new, 2), []);
        assert_eq!(difference(&old, &new, 1).len(), 8);
    }
}
