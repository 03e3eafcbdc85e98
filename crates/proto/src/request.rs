//! What a client may ask of a node, and what it gets back. Every interface (reference HTTP, CLI, later RESP and
//! JSON-RPC) speaks in these.
//!
//! Invariant: every request gets exactly one response, at the latest when its deadline has passed.

mod admin;
mod plan;
mod refusal;
mod response;
mod status;

pub use admin::{Admin, Join};
pub use plan::{Plan, Risk};
pub use refusal::Refusal;
pub use response::{Current, Found, Outcome, Page, Records, Response, Sibling, Written};
pub use status::{HintsWaiting, MemberStatus, RepairStatus, Status, TreeStatus};

use crate::amendment::{Amendment, When};
use crate::bucket::{Durability, Level};
use crate::explain::Explain;
use crate::ids::BucketId;
use crate::item::{ItemKey, Range};
use crate::paxos::register::{ChangeId, Tried};
use crate::record::{Record, Value, Version};
use crate::watch::Watch;
use causal::Context;
use ring::PartitionId;
use stdx::{Span, Wall};

/// A client's request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// Read one item.
    Get(Get),
    /// Write or delete one item.
    Put(Put),
    /// Change one item of a linearizable bucket if a condition holds.
    Cas(Cas),
    /// Add to one item, or change when it ends, on top of what is there. Answered by `Amended`; in a linearizable bucket,
    /// which takes whole numbers to add, by `Swapped`.
    Amend(Amending),
    /// Read a run of items.
    Scan(Scan),
    /// Read records as they are stored, tombstones and all, for a backup. Nothing is repaired.
    Dump(Scan),
    /// Merge a record that a backup gave into its slot.
    Restore(Restore),
    /// Tell everything about one key. Never forwarded.
    Explain(Explain),
    /// Look at or change the cluster itself. Never forwarded.
    Admin(Admin),
    /// Watch for changes.
    Watch(Watch),
}

/// Read one item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Get {
    /// Name of the bucket.
    pub bucket: String,
    /// Key of the item.
    pub key: ItemKey,
    /// Replicas that must agree or be merged; the bucket's `r` if none.
    pub level: Option<Level>,
}

/// Write or delete one item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Put {
    /// Name of the bucket.
    pub bucket: String,
    /// Key of the item.
    pub key: ItemKey,
    /// The new value, or `None` to delete.
    pub value: Option<Value>,
    /// What the client has read and means to supersede. Needed only in sibling buckets.
    pub context: Option<Context>,
    /// Replicas that must hold it before the answer; the bucket's `w` if none.
    pub level: Option<Level>,
    /// When a replica may count as holding it.
    pub durability: Durability,
    /// How long the value lives; the bucket's `ttl` if none.
    pub ttl: Option<Span>,
}

/// Change one item of a linearizable bucket if a condition holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cas {
    /// Name of the bucket.
    pub bucket: String,
    /// Key of the item.
    pub key: ItemKey,
    /// What must hold.
    pub expect: Expect,
    /// What to do.
    pub edit: Edit,
    /// When a value that is put ends.
    pub ends: Ends,
    /// Names this change, so that asking again does not do it again while it is among the key's last few. Made up if
    /// none is given.
    pub id: Option<ChangeId>,
    /// Whether it may have been asked for before, so that that attempt may still be under way.
    pub tried: Tried,
}

/// What must hold of an item for a change to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expect {
    /// Nothing.
    Any,
    /// There is no such item.
    Absent,
    /// It has this version; 0: there is no such item.
    Version(u64),
    /// It has this value.
    Value(bytes::Bytes),
}

/// When a value ends that is put into a linearizable bucket. Whether one has ended is judged, for each change, by the clock of
/// the node that carries it out; for each read, by that of the node that answers.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Ends {
    /// It stays.
    #[default]
    Never,
    /// When the value in whose place it is put would have.
    Kept,
    /// Then.
    At(Wall),
    /// So long after the node that carries the change out has begun with it, by its clock.
    After(Span),
}

/// What to do to an item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Edit {
    /// Give it this value.
    Put(Value),
    /// Delete it.
    Delete,
    /// Add to the whole number that it is, in decimal digits; one that is not there is 0.
    Add(i64),
    /// Change when it ends, if this holds. Refused with [`Refusal::Unchanged`] if not.
    End {
        /// From when on it counts as deleted; none: never.
        expires: Option<Wall>,
        /// On which condition.
        when: When,
    },
    /// Give it back what a backup had, unless it was written or deleted since the restore began, or is there and is not to be
    /// overwritten. Doing it twice is doing it once.
    Restore {
        /// What the backup had, with the stamp of the restore.
        version: Version,
        /// Also over what is there.
        overwrite: bool,
    },
}

/// Change one item on top of what is there: no such change overwrites another, however many nodes make some at once, and
/// only a write or a deletion replaces them. Refused with [`Refusal::Unchanged`] if it does not apply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Amending {
    /// Name of the bucket.
    pub bucket: String,
    /// Key of the item.
    pub key: ItemKey,
    /// The change.
    pub amendment: Amendment,
    /// When an item ends that was not there, or an element that is put; after the bucket's `ttl` if none.
    pub ends: Option<Wall>,
    /// Replicas that must hold it before the answer; the bucket's `w` if none. With `one` (or `any`) it is made on top of what
    /// one replica holds, otherwise on top of what a quorum does.
    pub level: Option<Level>,
    /// When a replica may count as holding it.
    pub durability: Durability,
}

/// Read a run of items, in storage order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scan {
    /// Name of the bucket.
    pub bucket: String,
    /// Which run.
    pub scope: Scope,
    /// Most items to return, at least 1.
    pub limit: u32,
    /// Replicas that must agree or be merged; the bucket's `r` if none.
    pub level: Option<Level>,
}

/// Merge a record into a slot, as replication does: what is newer there stays.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restore {
    /// Name of the bucket.
    pub bucket: String,
    /// Key of the item.
    pub key: ItemKey,
    /// The record, of the kind that the bucket's rule makes. Its dots are new, or name the very same versions.
    pub record: Record,
    /// Replicas that must hold it before the answer, which is `Written`; the bucket's `w` if none.
    pub level: Option<Level>,
}

/// The run of items a scan reads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Items of one partition key, by sort key `from..to`, behind `after`.
    SortKeys {
        /// The partition key.
        partition_key: bytes::Bytes,
        /// First sort key, inclusive.
        from: Option<bytes::Bytes>,
        /// End of the sort keys, exclusive.
        to: Option<bytes::Bytes>,
        /// Continue behind this item.
        after: Option<ItemKey>,
    },
    /// The bucket's items of one partition, behind `after`. A whole bucket is read partition by partition.
    Partition {
        /// The partition.
        partition: PartitionId,
        /// Continue behind this item.
        after: Option<ItemKey>,
    },
}

impl Scope {
    /// The scope as a range of one bucket.
    pub fn range(&self, bucket: BucketId) -> Range {
        match self.clone() {
            Scope::SortKeys { partition_key, from, to, after } => {
                Range::SortKeys { bucket, partition_key, from, to, after }
            }
            Scope::Partition { partition, after } => {
                Range::Partition { partition, bucket: Some(bucket), after: after.map(|key| (bucket, key)) }
            }
        }
    }
}
