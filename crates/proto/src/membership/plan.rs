//! What a change of the ring would move, without doing it.
//!
//! Invariant: equal states give equal plans, and a plan's id changes whenever what it would do does.

use crate::core::Core;
use crate::history::View;
use crate::ids::Digest;
use crate::request::Plan;
use ring::NodeId;
use std::collections::BTreeMap;

/// What moves if `node` leaves; `None` if it is no member.
pub(crate) fn leave_plan(core: &Core, view: &View, node: NodeId) -> Option<Plan> {
    view.ring.member(&node)?;
    let after = view.ring.without(&node);
    let mut gains: BTreeMap<NodeId, u32> = BTreeMap::new();
    let mut partitions = std::collections::BTreeSet::new();
    let mut at_risk = 0;
    for bucket in view.buckets.values() {
        let n = usize::from(bucket.n);
        for gain in ring::difference(&view.ring, &after, n) {
            partitions.insert(gain.partition);
            at_risk += u32::from(gain.after.len() < n);
            for gaining in gain.gained() {
                *gains.entry(gaining).or_insert(0) += 1;
            }
        }
    }
    let gains: Vec<(NodeId, u32)> = gains.into_iter().collect();
    let id = plan_id(view, node, &gains);
    let partitions = partitions.len() as u32;
    Some(Plan { id, epoch: view.epoch, node, gains, partitions, bytes: core.disk_bytes, at_risk })
}

fn plan_id(view: &View, node: NodeId, gains: &[(NodeId, u32)]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"leave");
    hasher.update(&view.epoch.0.to_be_bytes());
    hasher.update(&node.0.to_be_bytes());
    for (gaining, count) in gains {
        hasher.update(&gaining.0.to_be_bytes());
        hasher.update(&count.to_be_bytes());
    }
    Digest(*hasher.finalize().as_bytes())
}
