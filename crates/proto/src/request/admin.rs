//! What operators may ask about the cluster itself.
//!
//! Invariant: none of it is ever forwarded: the node that is asked answers.

use crate::access::{ApiToken, TokenId};
use crate::bucket::Bucket;
use crate::ids::Digest;
use ring::{NodeId, PartitionId, Token};

/// Look at or change the cluster itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Admin {
    /// What this node knows of the cluster.
    Status,
    /// The history, oldest first.
    History,
    /// Take a node in. Sent by the newcomer to a seed; answered when the event is decided.
    Join(Join),
    /// Let a node go: its data moves to the others. Answered when the event is decided.
    Leave {
        /// The node.
        node: NodeId,
    },
    /// Put a dead node out: it is banned, and what it held is made anew from the replicas that remain. Refused while
    /// the node answers, and, without a plan that showed it, if partitions would be at risk.
    Remove {
        /// The node.
        node: NodeId,
    },
    /// How equal replicas are, as far as this node knows.
    RepairStatus {
        /// Of one partition only, and then of every bucket.
        partition: Option<PartitionId>,
    },
    /// Compare everything this node holds with everybody now.
    RepairRun,
    /// Take a new node in, in the place of a dead one, which is banned. Sent by the newcomer to a seed; answered when
    /// the event is decided. Refused like `Remove`.
    Replace {
        /// The dead node: its name or its id in text.
        old: String,
        /// The newcomer. Its tokens, weight and zone are the dead node's.
        join: Join,
    },
    /// Let a member bear another share of the load.
    Reweigh {
        /// The node.
        node: NodeId,
        /// Its new share, 100 is normal.
        weight: u32,
    },
    /// Take the newest change of the ring back, if reads do not follow it yet.
    Abort,
    /// What a change would move, without doing it. Answered by a plan.
    Plan(Box<Admin>),
    /// Carry out a change if it still does what a plan showed.
    Apply {
        /// The change.
        change: Box<Admin>,
        /// The plan that the operator saw.
        plan: Digest,
    },
    /// Make a bucket, or change its changeable settings. The id is given by the cluster.
    SetBucket(Bucket),
    /// Make an API token. From the first on, every client needs one.
    Grant(ApiToken),
    /// Make a token worthless.
    Revoke {
        /// Which.
        token: TokenId,
    },
    /// Put into the history that a backup is being restored. Answered when the event is decided.
    Restored {
        /// The backup.
        backup: Digest,
        /// Its name.
        name: String,
        /// Names of the buckets.
        buckets: Vec<String>,
        /// Also over items that are there.
        overwrite: bool,
    },
    /// Tell the others that this node is now called and reached like this.
    Readdress {
        /// New name.
        name: String,
        /// New address.
        uri: String,
    },
}

/// A node that wants to come in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Join {
    /// Its id, made by itself, never used before.
    pub node: NodeId,
    /// Its name; another is found if it is taken and `name_is_fixed` is false.
    pub name: String,
    /// The operator chose the name.
    pub name_is_fixed: bool,
    /// How it is reached.
    pub uri: String,
    /// Explicit tokens; rounded up to boundaries. Empty: choose `token_count` of them.
    pub tokens: Vec<Token>,
    /// How many tokens to choose.
    pub token_count: u16,
    /// Choose tokens at random, as the reference does, instead of evenly.
    pub random_tokens: bool,
    /// Share of the load, 100 is normal.
    pub weight: u32,
    /// Where it stands.
    pub zone: Option<String>,
    /// It is one of the seeds.
    pub seed: bool,
}
