//! What is known of how equal replicas are: for each tree and peer, when it was last found to be the same, and since when
//! it has not been.
//!
//! "Identical on all replicas as of T" means: since T this node has seen each of the others with the same tree as its
//! own. The word of the moment is this node's wall clock, for people.

use super::shared::Shared;
use crate::core::Core;
use crate::request::{RepairStatus, TreeStatus};
use crate::tree::Tree;
use ring::{NodeId, PartitionId};
use std::collections::BTreeMap;
use stdx::Wall;

/// Trees named in one answer.
const LISTED_MAX: usize = 1_000;

#[derive(Clone, Copy, Default)]
struct Seen {
    equal_at: Option<Wall>,
    differs_since: Option<Wall>,
}

/// When each tree was last seen equal to each peer's.
#[derive(Clone, Default)]
pub(crate) struct Knowledge {
    of: BTreeMap<(Tree, NodeId), Seen>,
}

impl Knowledge {
    /// Forgets what is held no longer or by others.
    pub(crate) fn keep(&mut self, shared: &Shared) {
        self.of.retain(|(tree, peer), _| shared.has(*peer, *tree));
    }

    /// The peer had the same tree.
    pub(crate) fn equal(&mut self, tree: Tree, peer: NodeId, at: Wall) {
        self.of.insert((tree, peer), Seen { equal_at: Some(at), differs_since: None });
    }

    /// The peer had another tree, twice.
    pub(crate) fn differs(&mut self, tree: Tree, peer: NodeId, at: Wall) {
        let seen = self.of.entry((tree, peer)).or_default();
        seen.differs_since = seen.differs_since.or(Some(at));
    }

    /// All trees this node holds by the newest view, of one partition or of all.
    pub(crate) fn status(&self, core: &Core, only: Option<PartitionId>) -> RepairStatus {
        let view = core.history.current();
        let mut status = RepairStatus { node: Some(core.node), ..RepairStatus::default() };
        for partition in view.ring.grid().partitions().filter(|partition| only.is_none_or(|only| only == *partition)) {
            for bucket in view.buckets.keys() {
                let replicas = view.replicas(partition, *bucket);
                if replicas.contains(&core.node) {
                    let tree = Tree { partition, bucket: *bucket };
                    self.count(core, tree, &replicas, only.is_some(), &mut status);
                }
            }
        }
        status
    }

    fn count(&self, core: &Core, tree: Tree, replicas: &[NodeId], always: bool, status: &mut RepairStatus) {
        let identical_at = Some(core.now.wall);
        let mut one = TreeStatus { tree, identical_at, differing: Vec::new(), not_compared: Vec::new() };
        for peer in replicas.iter().filter(|node| **node != core.node) {
            let seen = self.of.get(&(tree, *peer)).copied().unwrap_or_default();
            one.identical_at = one.identical_at.min(seen.equal_at);
            match seen.differs_since {
                Some(since) => one.differing.push((*peer, since)),
                None if seen.equal_at.is_none() => one.not_compared.push(*peer),
                None => {}
            }
        }
        status.trees += 1;
        let is_identical = one.differing.is_empty() && one.not_compared.is_empty();
        if is_identical {
            status.identical += 1;
            status.oldest = status.oldest.into_iter().chain(one.identical_at).min();
        }
        status.differing += u32::from(!one.differing.is_empty());
        if (always || !is_identical) && status.listed.len() < LISTED_MAX {
            status.listed.push(one);
        }
    }
}
