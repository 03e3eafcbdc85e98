//! Which trees this node holds, and with whom. Worked out once for each set of views in use, not at every comparison.
//!
//! Invariant: two nodes that know the same views make the same list for each other.

use crate::core::Core;
use crate::ids::Epoch;
use crate::tree::Tree;
use ring::{NodeId, PartitionId};
use std::collections::BTreeMap;
use stdx::hash::Mixer;

/// The trees that this node has in common with its peers.
#[derive(Clone, Default)]
pub(crate) struct Shared {
    /// The oldest and the newest view in use.
    views: Option<(Epoch, Epoch)>,
    by_peer: BTreeMap<NodeId, Vec<Tree>>,
    held: Vec<PartitionId>,
}

impl Shared {
    /// Follows a change of the views in use; true if there was one.
    pub(crate) fn refresh(&mut self, core: &Core) -> bool {
        let views = Some((core.stable(), core.epoch()));
        if self.views == views {
            return false;
        }
        *self = Shared { views, ..Shared::default() };
        let newest = core.history.current().clone();
        for partition in newest.ring.grid().partitions() {
            let mut is_held = false;
            for bucket in newest.buckets.keys() {
                is_held |= core.is_replica(core.node, partition, *bucket);
                // While one hands over to another they differ, and that is no damage.
                let lists = core.history.views().map(|view| view.replicas(partition, *bucket));
                let lists: Vec<_> = lists.filter(|list| !list.is_empty()).collect();
                let in_all = |node: &NodeId| lists.iter().all(|list| list.contains(node));
                if in_all(&core.node) {
                    for peer in newest.replicas(partition, *bucket).iter().filter(|node| in_all(node)) {
                        self.by_peer.entry(*peer).or_default().push(Tree { partition, bucket: *bucket });
                    }
                }
            }
            if is_held {
                self.held.push(partition);
            }
        }
        self.by_peer.remove(&core.node);
        true
    }

    /// Partitions of which this node holds something in any view in use.
    pub(crate) fn held(&self) -> &[PartitionId] {
        &self.held
    }

    /// Peers with which this node has a tree in common.
    pub(crate) fn peers(&self) -> impl Iterator<Item = NodeId> {
        self.by_peer.keys().copied()
    }

    /// The trees that both hold, in order.
    pub(crate) fn with(&self, peer: NodeId) -> &[Tree] {
        self.by_peer.get(&peer).map_or(&[], Vec::as_slice)
    }

    /// True if both hold this tree.
    pub(crate) fn has(&self, peer: NodeId, tree: Tree) -> bool {
        self.with(peer).binary_search(&tree).is_ok()
    }

    /// The trees that both hold in these partitions, both ends included.
    pub(crate) fn between(&self, peer: NodeId, from: PartitionId, to: PartitionId) -> &[Tree] {
        let trees = self.with(peer);
        let start = trees.partition_point(|tree| tree.partition < from);
        let end = trees.partition_point(|tree| tree.partition <= to);
        trees.get(start..end).unwrap_or(&[])
    }
}

/// A hash of a list of trees: whether two nodes mean the same by a window.
pub(super) fn list_hash(trees: &[Tree]) -> u64 {
    let mut mixer = Mixer::new(0);
    for tree in trees {
        mixer.number(u64::from(tree.partition.0) << 32 | u64::from(tree.bucket.0));
    }
    mixer.finish()
}
