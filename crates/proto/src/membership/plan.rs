//! What a change of the ring would move and what it puts at risk, without doing it.
//!
//! Invariant: equal states give equal plans, and a plan's id changes whenever what it would do does, or what it would
//! risk.
//! Refuses to know how a change becomes an event; it compares what is with what would be.

use crate::bucket::Bucket;
use crate::core::Core;
use crate::event::Change;
use crate::history::View;
use crate::ids::{BucketId, Digest};
use crate::request::{Plan, Risk};
use ring::{NodeId, PartitionId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a change that leads to the view `after` would move.
pub(crate) fn plan_of(core: &Core, change: &Change, after: &View) -> Plan {
    let before = core.history.current();
    let mut gains: BTreeMap<NodeId, u32> = BTreeMap::new();
    let mut changed: BTreeSet<PartitionId> = BTreeSet::new();
    let mut risk = Risk::default();
    for bucket in after.buckets.values() {
        for partition in after.ring.grid().partitions() {
            let (old, new) = (before.replicas(partition, bucket.id), after.replicas(partition, bucket.id));
            let gained = new.iter().filter(|node| !old.contains(node));
            for node in gained.clone() {
                *gains.entry(*node).or_insert(0) += 1;
            }
            if !old.is_empty() && (gained.count() > 0 || old.len() != new.len()) {
                changed.insert(partition);
            }
            add_risk(&mut risk, core, after, partition, bucket);
        }
    }
    let gains: Vec<(NodeId, u32)> = gains.into_iter().collect();
    let copies = gains.iter().map(|(_, copies)| u64::from(*copies)).sum();
    let bytes = estimated_bytes(core, copies);
    Plan {
        id: plan_id(core, change, &gains, risk),
        epoch: before.epoch,
        node: subject(change),
        gains,
        partitions: changed.len() as u32,
        bytes,
        seconds: estimated_seconds(core, bytes, before.ring.len()),
        risk,
    }
}

/// Bytes of this many partition copies, if all are as full as ours.
pub(crate) fn estimated_bytes(core: &Core, copies: u64) -> u64 {
    let reading = core.reading();
    let held = |bucket: &BucketId| {
        let grid = core.history.genesis().grid;
        let holds = |partition: &PartitionId| core.read_set_by(reading, *partition, *bucket).contains(&core.node);
        grid.partitions().filter(holds).count() as u64
    };
    let own: u64 = core.history.current().buckets.keys().map(held).sum();
    core.disk_bytes.saturating_mul(copies).checked_div(own).unwrap_or(0)
}

/// How many seconds `senders` take to send so many bytes at least.
pub(crate) fn estimated_seconds(core: &Core, bytes: u64, senders: usize) -> u64 {
    let per_second = core.config.move_bytes_per_second.saturating_mul(senders.max(1) as u64);
    bytes.div_ceil(per_second.max(1))
}

/// Counts a partition of a bucket if it is in danger: of every replica set in use so many must be left that they meet
/// every quorum of it, or a write that was acknowledged by the others alone is lost.
fn add_risk(risk: &mut Risk, core: &Core, after: &View, partition: PartitionId, bucket: &Bucket) {
    let sets = core.write_sets(partition, bucket.id);
    let standing =
        |set: &Arc<[NodeId]>| set.iter().filter(|node| after.banned(**node).is_none() && !core.is_down(**node)).count();
    let few = |set: &Arc<[NodeId]>| standing(set) < set.len().div_ceil(2);
    risk.at_risk += u32::from(sets.iter().any(few));
    let left = sets.iter().map(standing).min();
    risk.lost += u32::from(left == Some(0));
    risk.single += u32::from(left == Some(1));
    risk.thin += u32::from(after.replicas(partition, bucket.id).len() < usize::from(bucket.n));
}

/// The node that a change is about.
fn subject(change: &Change) -> Option<NodeId> {
    match change {
        Change::Add { member, .. } | Change::Remove { member } | Change::Eject { member } => Some(member.id),
        Change::Readdress { node, .. } | Change::Reweigh { node, .. } => Some(*node),
        Change::Replace { old, .. } => Some(*old),
        Change::Abort { undo, .. } => subject(undo),
        Change::Create(_) | Change::Bucket(_) | Change::Restored(_) | Change::Grant(_) | Change::Revoke { .. } => None,
    }
}

/// The newcomer of a replacement does not count: the plan is made before it is there.
fn plan_id(core: &Core, change: &Change, gains: &[(NodeId, u32)], risk: Risk) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&core.history.head().0);
    let newcomer = match change {
        Change::Replace { old, member, .. } => {
            hasher.update(&old.0.to_be_bytes());
            Some(member.id)
        }
        other => {
            hasher.update(&other.digest().0);
            None
        }
    };
    for (node, copies) in gains {
        let node = if Some(*node) == newcomer { NodeId(0) } else { *node };
        hasher.update(&node.0.to_be_bytes());
        hasher.update(&copies.to_be_bytes());
    }
    for count in [risk.at_risk, risk.lost, risk.single, risk.thin] {
        hasher.update(&count.to_be_bytes());
    }
    Digest(*hasher.finalize().as_bytes())
}
