//! What a change of the ring would move, and what it would put in danger.

use crate::ids::{Digest, Epoch};
use ring::NodeId;

/// What a change would move.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Names the plan; changes whenever what it would do does.
    pub id: Digest,
    /// The epoch it starts from.
    pub epoch: Epoch,
    /// The node that the change is about, if it is about one.
    pub node: Option<NodeId>,
    /// Partition copies each node gains. A node that is to come in is named by its id.
    pub gains: Vec<(NodeId, u32)>,
    /// Partitions whose replicas change.
    pub partitions: u32,
    /// Bytes that move, estimated from this node's own disk.
    pub bytes: u64,
    /// How long that takes at least at the budget for moving data, in seconds.
    pub seconds: u64,
    /// What of the data is in danger.
    pub risk: Risk,
}

/// Partitions in danger while a change runs or after it, counted over all buckets.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Risk {
    /// So few of the present replicas are left and answer that a quorum may have consisted of the others alone: of the
    /// acknowledged writes some may be lost.
    pub at_risk: u32,
    /// Of these: no present replica is left, the data is lost.
    pub lost: u32,
    /// A single present replica is left that answers.
    pub single: u32,
    /// The change leaves fewer copies than the bucket asks for.
    pub thin: u32,
}
