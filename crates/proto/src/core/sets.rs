//! Who takes part by the views in use: participants, sets of replicas for reads and writes, the epoch that reads follow.
//!
//! Refuses to know who can be reached.

use super::Core;
use crate::ids::{BucketId, Epoch};
use crate::message::Progress;
use crate::quorum::{Group, Need};
use ring::{Member, NodeId, PartitionId};
use std::collections::BTreeSet;
use std::sync::Arc;
use stdx::bugs::planted;

impl Core {
    /// Nodes that hold or take over data in any view in use, ourselves among them.
    pub(crate) fn participants(&self) -> BTreeSet<NodeId> {
        self.each_participant().collect()
    }

    /// The participants, some of them more than once. Asked for with every input while the ring changes.
    pub(crate) fn each_participant(&self) -> impl Iterator<Item = NodeId> {
        let current = self.history.current();
        let members = self.history.views().flat_map(|view| view.ring.members().map(|member| member.id));
        members.filter(|node| current.banned(*node).is_none()).chain([self.node])
    }

    /// The newest epoch that somebody says has settled: everybody it was to wait for has switched to it, so everything
    /// is with its replicas.
    pub(crate) fn told(&self) -> Epoch {
        self.progress.most().settled.max(self.heard.stable).min(self.epoch())
    }

    /// The epoch reads use: everything older than it has been handed over to its replicas.
    pub(crate) fn reading(&self) -> Epoch {
        if self.stable() == self.epoch() {
            return self.epoch();
        }
        if planted("reads switch without a barrier") {
            return self.own_progress().synced.max(self.stable()).min(self.epoch());
        }
        let synced = self.least().synced.min(self.epoch());
        let synced = if self.is_passed_over(synced) { self.stable() } else { synced };
        // Whoever the others do not wait for any more may never hear how far those were who have gone meanwhile.
        let switched = self.own_progress().switched.max(self.heard.switched).min(self.epoch());
        self.stable().max(switched).max(synced).max(self.told())
    }

    /// True if somebody has handed over to a newer view what it held before this epoch, and so not what it would hold by the
    /// view of this epoch alone: reads never follow that one.
    pub(crate) fn is_passed_over(&self, epoch: Epoch) -> bool {
        let passed = |progress: &Progress| progress.settled < epoch && progress.synced > epoch;
        epoch > self.stable()
            && self.progress.most().synced > epoch
            && self.each_participant().filter_map(|node| self.progress.get(&node)).any(passed)
            && !planted("views are passed over")
    }

    /// The distinct replica sets that a write must reach, oldest view first.
    pub(crate) fn write_sets(&self, partition: PartitionId, bucket: BucketId) -> Vec<Arc<[NodeId]>> {
        let mut sets: Vec<Arc<[NodeId]>> = Vec::with_capacity(1);
        for view in self.history.views() {
            if planted("writes go to the newest replicas alone") && view.epoch < self.epoch() {
                continue;
            }
            let replicas = view.replicas(partition, bucket);
            let same = |set: &Arc<[NodeId]>| set.len() == replicas.len() && replicas.iter().all(|r| set.contains(r));
            if !replicas.is_empty() && !sets.iter().any(same) {
                sets.push(replicas);
            }
        }
        sets
    }

    /// The replicas that reads ask.
    pub(crate) fn read_set(&self, partition: PartitionId, bucket: BucketId) -> Arc<[NodeId]> {
        self.read_set_by(self.reading(), partition, bucket)
    }

    /// The same while reads use a view that the caller has asked for, once for many partitions.
    pub(crate) fn read_set_by(&self, reading: Epoch, partition: PartitionId, bucket: BucketId) -> Arc<[NodeId]> {
        let reading = self.history.view(reading).epoch;
        // A bucket that is younger than the reading view is with the replicas it had first.
        let mut views = self.history.views().filter(|view| view.epoch >= reading);
        let replicas = views.find_map(|view| Some(view.replicas(partition, bucket)).filter(|list| !list.is_empty()));
        replicas.unwrap_or_else(|| Arc::from([]))
    }

    /// True if this node holds or takes over the bucket's part of the partition in any view in use.
    pub(crate) fn is_replica(&self, node: NodeId, partition: PartitionId, bucket: BucketId) -> bool {
        self.history.views().any(|view| view.replicas(partition, bucket).contains(&node))
    }

    /// Groups for an operation that needs so much of every replica set in use, as many as there are at most.
    pub(crate) fn groups(&self, partition: PartitionId, bucket: BucketId, need: Need) -> Vec<Group> {
        let sets = self.write_sets(partition, bucket);
        let needed = |replicas: usize| match need {
            Need::Level(level) => level.needed(replicas).unwrap_or(replicas),
            Need::Copies(copies) => copies.min(replicas),
            Need::Hinted(_) => replicas,
        };
        match (need, sets.as_slice()) {
            // While the ring changes, the target may have handed the partition over already, and what it is given now
            // would go when it drops the partition.
            (Need::Hinted(target), [only, ..])
                if only.contains(&target) && (sets.len() == 1 || planted("a hint goes to its target alone")) =>
            {
                vec![Group { replicas: Arc::from([target]), needed: 1 }]
            }
            _ => sets.into_iter().map(|replicas| Group { needed: needed(replicas.len()), replicas }).collect(),
        }
    }

    /// Nodes that left with their consent and were not given up, and whether they are known to give nothing back any more.
    pub(crate) fn leavers(&self) -> impl Iterator<Item = (&Member, bool)> {
        let left = self.history.events().iter().filter_map(|event| Some((event.change.lets_go()?, event.epoch)));
        let view = self.history.current();
        let gone = left.filter(|(member, _)| view.ring.member(&member.id).is_none() && !self.is_banned(member.id));
        gone.map(|(member, epoch)| {
            (member, self.progress.get(&member.id).is_some_and(|progress| progress.settled >= epoch))
        })
    }

    /// Leavers that may still give something back.
    pub(crate) fn unsettled_leavers(&self) -> impl Iterator<Item = &Member> {
        self.leavers().filter(|(_, is_settled)| !is_settled).map(|(member, _)| member)
    }
}
