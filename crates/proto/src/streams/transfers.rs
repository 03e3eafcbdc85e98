//! What is to be handed over to whom when the ring changes.
//!
//! Invariant: whatever a quorum may have acknowledged under the oldest view in use reaches every replica set that follows.
//! Refuses to know how it is sent.

use crate::core::Core;
use ring::{NodeId, PartitionId};
use std::collections::BTreeMap;
use stdx::bugs::planted;
use stdx::hash::Mixer;

/// Hand-overs to make: true if the receiver did not hold the partition before.
pub(super) type Transfers = BTreeMap<(PartitionId, NodeId), bool>;

/// The order in which this node hands over: another one for each node, so that those who hold the same seldom send the
/// same at the same time, and find most of it done where others were before them.
pub(super) fn in_order(core: &Core, open: impl Iterator<Item = (PartitionId, NodeId)>) -> Vec<(PartitionId, NodeId)> {
    let place = |open: &(PartitionId, NodeId)| {
        let mut mixer = Mixer::new(u64::from(open.0.0));
        [core.node.0, open.1.0].into_iter().for_each(|node| {
            mixer.number((node >> 64) as u64);
            mixer.number(node as u64);
        });
        mixer.finish()
    };
    let mut order: Vec<(PartitionId, NodeId)> = open.collect();
    order.sort_by_key(|open| (place(open), *open));
    order
}

/// Partitions that this node holds by the oldest view in use (for a bucket that is younger: by the oldest that has it),
/// with those who are to get them: the nodes that a later view adds, and, if that view leaves this node out, all of its replicas. For a write that they missed may be here and
/// on others that go, as many as its level asked for, and on nobody who stays.
pub(super) fn transfers(core: &Core) -> Transfers {
    let mut open = Transfers::new();
    for bucket in core.history.current().buckets.keys() {
        let mut views = core.history.views().skip_while(|view| !view.buckets.contains_key(bucket));
        let Some(oldest) = views.next() else { continue };
        let later: Vec<_> = views.collect();
        for partition in oldest.ring.grid().partitions() {
            let before = oldest.replicas(partition, *bucket);
            if !before.contains(&core.node) {
                continue;
            }
            for view in &later {
                let after = view.replicas(partition, *bucket);
                let stays = after.contains(&core.node) || planted("leavers give to gainers alone");
                // What a dead node shared with one other may be on that one alone, and in a smaller set nobody new gets it.
                let thinned = after.len() < before.len()
                    && !planted("nobody fills a set that lost its dead")
                    && before.iter().any(|node| core.is_banned(*node));
                let gets = |node: &&NodeId| !stays || thinned || !before.contains(node);
                for node in after.iter().filter(gets).filter(|node| !core.is_banned(**node) && **node != core.node) {
                    *open.entry((partition, *node)).or_insert(false) |= !before.contains(node);
                }
            }
        }
    }
    open
}

/// Partitions of which this node is no replica, of some bucket, in any view in use, with all replicas of that.
pub(super) fn late_transfers(core: &Core) -> Transfers {
    let view = core.history.current();
    let mut open = Transfers::new();
    for partition in view.ring.grid().partitions() {
        for bucket in view.buckets.keys().filter(|bucket| !core.is_replica(core.node, partition, **bucket)) {
            open.extend(view.replicas(partition, *bucket).iter().map(|node| ((partition, *node), false)));
        }
    }
    open
}
