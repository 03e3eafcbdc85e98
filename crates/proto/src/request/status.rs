//! What a node knows of the cluster, of its members and of how equal the replicas are.
//!
//! Refuses to know how it is shown.

use crate::bucket::Bucket;
use crate::ids::Epoch;
use crate::message::Progress;
use ring::{Member, NodeId};
use stdx::{Span, Wall};

/// What a node knows of the cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// The answering node.
    pub node: NodeId,
    /// Names the cluster.
    pub cluster: u128,
    /// The newest event known.
    pub epoch: Epoch,
    /// The oldest epoch still in use; smaller than `epoch` while data moves.
    pub stable: Epoch,
    /// The epoch reads use.
    pub reading: Epoch,
    /// Number of partitions.
    pub partitions: u32,
    /// Members and leavers.
    pub members: Vec<MemberStatus>,
    /// Buckets.
    pub buckets: Vec<Bucket>,
    /// Who decides the next event.
    pub voters: Vec<NodeId>,
    /// Streams still to send from this node: partitions.
    pub moving: u32,
    /// Hints kept here, by the node they are for.
    pub hints: Vec<HintsWaiting>,
    /// How far the changes under way are, oldest first, in words; empty if there are none.
    pub steps: Vec<String>,
    /// Bytes still to send from here, estimated, and the seconds that takes at least.
    pub left: (u64, u64),
    /// Why the current move does not go on, or changes cannot be decided, in words; empty if nothing blocks.
    pub blocked: Vec<String>,
    /// This node is about to end because it has left.
    pub leaving: bool,
}

/// Hints that one node keeps for another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HintsWaiting {
    /// The node they are for.
    pub node: NodeId,
    /// How many were kept since the keeper started and are not delivered yet.
    pub waiting: u64,
    /// There may be more, from before that.
    pub more: bool,
    /// No more are taken; anti-entropy brings what is missing.
    pub full: bool,
}

/// How equal the replicas are of what a node holds.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct RepairStatus {
    /// The answering node.
    pub node: Option<NodeId>,
    /// Trees (one for each partition and bucket) it holds.
    pub trees: u32,
    /// Those that it has seen equal on every replica.
    pub identical: u32,
    /// Those that some replica holds differently.
    pub differing: u32,
    /// When the identical tree that was not looked at for longest was.
    pub oldest: Option<Wall>,
    /// Partitions whose trees are being computed.
    pub building: u32,
    /// Comparisons under way.
    pub comparing: u32,
    /// Trees still to compare in the pass that runs now; 0 if none does.
    pub left_in_pass: u32,
    /// Leaves being repaired.
    pub repairing: u32,
    /// Records that the disk damaged and that the other replicas have not given back yet.
    pub damaged: u32,
    /// Items with a tombstone, an expired version or too many idle actors, of those that this node is to collect, by its
    /// last pass.
    pub spent: u32,
    /// Items it has collected, or parts of them, since it started, whoever drove that.
    pub collected: u64,
    /// Why nothing is collected, in words; empty if nothing is in the way.
    pub uncollected: Vec<String>,
    /// Trees that are not identical, or were not compared with everybody; all trees if one partition was asked for. At
    /// most 1,000.
    pub listed: Vec<TreeStatus>,
}

/// How equal the replicas of one tree are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TreeStatus {
    /// The tree.
    pub tree: crate::tree::Tree,
    /// Since then every replica was seen with the same tree; none if one never was.
    pub identical_at: Option<Wall>,
    /// Replicas that hold something else, and since when.
    pub differing: Vec<(NodeId, Wall)>,
    /// Replicas that were not compared yet.
    pub not_compared: Vec<NodeId>,
}

/// One node as another sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberStatus {
    /// Id, name, address, tokens.
    pub member: Member,
    /// It has given up its tokens and is still handing data over.
    pub leaving: bool,
    /// It is one of the seeds.
    pub seed: bool,
    /// How it looks from here.
    pub condition: liveness::Condition,
    /// It does not answer this node, but others reach it: a link is broken, not the node.
    pub reached_by_others: bool,
    /// How long a probe takes there and back, smoothed; `None` before the first.
    pub round_trip: Option<Span>,
    /// How surprising its silence is, in hundredths of phi (Hayashibara et al. 2004).
    pub phi: u32,
    /// How far it is.
    pub progress: Progress,
    /// Partition copies it is responsible for, in the default bucket.
    pub copies: u32,
}
