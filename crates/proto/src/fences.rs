//! Which requests a replica refuses because their sender does not know yet how far a change of the ring is, and which
//! nodes a change can do without.
//!
//! A node that has said *acked e* refuses writes under older epochs, and one that has said *switched e* refuses reads by
//! older views, where the replicas of the two differ. So as soon as all but `w − 1` (`r − 1`) of a partition's old
//! replicas have said so, no write (read) by the old view alone can reach its quorum any more, whoever coordinates it
//! and however long it was cut off (protocols note b1: the fence is at the replicas, not at the coordinators).
//!
//! Invariant: a fence is durable before it is told, and never goes back.

use crate::bucket::{Bucket, Mode};
use crate::core::{Core, Least};
use crate::ids::{BucketId, Epoch};
use ring::{NodeId, PartitionId};
use std::collections::BTreeSet;
use stdx::bugs::planted;

/// Where the fences of a replica stand; said to whom it refuses.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct Fences {
    /// The newest epoch it knows.
    pub epoch: Epoch,
    /// It reads by this view, so everybody may.
    pub switched: Epoch,
    /// The oldest view it uses.
    pub stable: Epoch,
}

impl Core {
    /// Where our own fences stand.
    pub(crate) fn fences(&self) -> Fences {
        Fences { epoch: self.epoch(), switched: self.own_progress().switched, stable: self.stable() }
    }

    /// Whether a write under `epoch` may be served here.
    pub(crate) fn serves_write(&self, epoch: Epoch, partition: PartitionId, bucket: BucketId) -> bool {
        self.serves(epoch, self.own_progress().acked, partition, bucket)
    }

    /// Whether a read by the view of `epoch` may be served here.
    pub(crate) fn serves_read(&self, epoch: Epoch, partition: PartitionId, bucket: BucketId) -> bool {
        self.serves(epoch, self.own_progress().switched, partition, bucket)
    }

    /// A sender with a newer epoch may know that we hold the partition by now, but if we do not, what we took would be
    /// dropped at our next change or start, acknowledged or not.
    fn serves(&self, epoch: Epoch, fence: Epoch, partition: PartitionId, bucket: BucketId) -> bool {
        if planted("no fence") {
            return true;
        }
        let fenced = || epoch < fence && self.moves_between(epoch, fence, partition, bucket);
        epoch >= self.stable() && self.is_replica(self.node, partition, bucket) && !fenced()
    }

    /// True if a view after `from`, up to `until`, has other replicas than that of `from`.
    fn moves_between(&self, from: Epoch, until: Epoch, partition: PartitionId, bucket: BucketId) -> bool {
        let before = self.history.view(from).replicas(partition, bucket);
        let between = self.history.views().filter(|view| view.epoch > from && view.epoch <= until);
        between.map(|view| view.replicas(partition, bucket)).any(|after| !same_nodes(&before, &after))
    }

    /// A replica has refused us and says where its fences stand. What it has switched to and let go of follows from what
    /// everybody said durably, so it holds for us, too.
    pub(crate) fn hear_fences(&mut self, fences: Fences) {
        self.heard.switched = self.heard.switched.max(fences.switched);
        self.heard.stable = self.heard.stable.max(fences.stable);
    }

    /// Finds out which participants the change under way can do without.
    pub(crate) fn update_absent(&mut self) {
        let dead = |node: &NodeId| self.is_dead(*node) && self.each_participant().any(|other| other == *node);
        let down: BTreeSet<NodeId> = self.detector.down().copied().filter(|node| dead(node)).collect();
        let views = (self.stable(), self.epoch());
        if self.absent.asked == (views, down.clone()) {
            return;
        }
        let mut absent = BTreeSet::new();
        if !down.is_empty() {
            // If not all at once, then as many as possible: each of them that stays away is one to wait for.
            for node in &down {
                absent.insert(*node);
                if !self.can_do_without(&absent) {
                    absent.remove(node);
                }
            }
        }
        let changes = self.absent.changes + u64::from(self.absent.nodes != absent);
        self.absent = Absent { asked: (views, down), nodes: absent, changes };
    }

    /// Whether every replica set in use has so many members that are not `absent` that each quorum, for a write or a read,
    /// has one of them. Sets that shrink are left out: a write may be on the absent of the old set and on too few of the
    /// new one. (In a set that keeps its size, everybody who leaves is replaced by one who gets everything.) A banned node
    /// never hands over, so it counts as missing from the set as it was, and nobody else may be missing beside it unless
    /// a quorum of that set is met all the same.
    fn can_do_without(&self, absent: &BTreeSet<NodeId>) -> bool {
        let is_gone = |node: &NodeId| self.is_banned(*node) && !planted("a banned node is not missed");
        let is_missing = |node: &NodeId| absent.contains(node) || is_gone(node);
        let missing = |replicas: &[NodeId]| replicas.iter().filter(|node| is_missing(node)).count();
        let enough = |bucket: &Bucket, partition: PartitionId| {
            let sets: Vec<_> = self.history.views().map(|view| view.replicas(partition, bucket.id)).collect();
            let nobody_absent = sets.iter().all(|set| set.iter().all(|node| !absent.contains(node)));
            let shrinks = sets.windows(2).any(|pair| pair[1].len() < pair[0].len());
            nobody_absent
                || !shrinks && sets.iter().all(|set| missing(set) == 0 || missing(set) < weakest(bucket, set.len()))
        };
        let buckets = &self.history.current().buckets;
        let mut partitions = self.history.genesis().grid.partitions();
        partitions.all(|partition| buckets.values().all(|bucket| enough(bucket, partition)))
    }

    /// How far the last of those is whom a change waits for.
    pub(crate) fn least(&self) -> Least {
        let asked = (self.progress.version(), self.stable(), self.epoch(), self.absent.changes);
        self.progress.least(asked, || {
            let present = self.each_participant().filter(|node| !self.absent.nodes.contains(node));
            let standing = |node| self.progress.get(&node).copied().unwrap_or_default();
            let least = present.map(standing).map(Least::from).reduce(Least::min);
            least.unwrap_or_default()
        })
    }
}

/// Nodes that are down and that a change of the ring can do without.
#[derive(Clone, Default)]
pub(crate) struct Absent {
    /// What this was computed for: the oldest and the newest epoch in use, and the nodes that are down.
    asked: ((Epoch, Epoch), BTreeSet<NodeId>),
    nodes: BTreeSet<NodeId>,
    /// How often they have changed.
    changes: u64,
}

impl Absent {
    pub(crate) fn nodes(&self) -> &BTreeSet<NodeId> {
        &self.nodes
    }
}

/// The fewest replicas that a write or a read of the bucket asks for, if its client does not say. In a linearizable bucket
/// a hand-over must meet whatever keeps a quorum from accepting an old ballot, which may be fewer than a quorum.
fn weakest(bucket: &Bucket, replicas: usize) -> usize {
    let quorum = replicas / 2 + 1;
    if bucket.mode == Mode::Linearizable {
        return replicas - quorum + 1;
    }
    let of = |level: crate::bucket::Level| level.needed(replicas).unwrap_or(quorum);
    quorum.min(of(bucket.w)).min(of(bucket.r))
}

fn same_nodes(a: &[NodeId], b: &[NodeId]) -> bool {
    a.len() == b.len() && a.iter().all(|node| b.contains(node))
}
