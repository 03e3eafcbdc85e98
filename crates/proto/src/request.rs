//! What a client may ask of a node, and what it gets back. Every interface (reference HTTP, CLI, later RESP and
//! JSON-RPC) speaks in these.
//!
//! Invariant: every request gets exactly one response, at the latest when its deadline has passed.

use crate::access::{ApiToken, TokenId};
use crate::amendment::{Amendment, Unchanged, When};
use crate::bucket::{Bucket, Durability, Level};
use crate::event::Event;
use crate::explain::{Explain, Explanation};
use crate::ids::{BucketId, Digest, Epoch};
use crate::item::{ItemKey, Range};
use crate::message::Progress;
use crate::paxos::register::ChangeId;
use crate::record::{Record, Value, Version};
use crate::watch::{Watch, Watched};
use causal::{Context, Dot, Stamp};
use ring::{Member, NodeId, PartitionId, Token};
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
    /// It may have been asked for before, and that attempt may still be under way.
    pub tried: bool,
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

/// The answer to a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Response {
    /// To a get: what the replicas hold.
    Found(Found),
    /// To a put: it is written as asked.
    Written(Written),
    /// To an amendment: it is made as asked.
    Amended(Outcome),
    /// To a get in a linearizable bucket: what is decided.
    Current(Current),
    /// To a change in a linearizable bucket: it is decided. The value is left out if it is not known any more what exactly
    /// the change made, because others have changed the item since.
    Swapped(Current),
    /// To a scan.
    Page(Page),
    /// To a dump.
    Records(Records),
    /// To an explain.
    Explained(Box<Explanation>),
    /// To [`Admin::Status`].
    Status(Box<Status>),
    /// To [`Admin::History`].
    History(Vec<Event>),
    /// To a decided change: the history up to it and what is known of the others' progress.
    Changed {
        /// The whole history, the decided event last or before last.
        history: Vec<Event>,
        /// The node the change is about.
        node: Option<NodeId>,
        /// How far each node is.
        progress: Vec<(NodeId, Progress)>,
    },
    /// To [`Admin::Plan`].
    Plan(Plan),
    /// To [`Admin::RepairStatus`] and [`Admin::RepairRun`].
    Repair(Box<RepairStatus>),
    /// To [`Request::Watch`].
    Watched(Box<Watched>),
    /// It was not done.
    Refused(Refusal),
}

/// One version that a read found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sibling {
    /// Its name.
    pub dot: Dot,
    /// The version; never a tombstone, never expired.
    pub version: Version,
}

/// What a read found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Live values; none if there is no such item, more than one only in sibling buckets.
    pub siblings: Vec<Sibling>,
    /// To be given back with the write that follows. Covers tombstones too.
    pub context: Context,
    /// Newest stamp of all versions, tombstones and expired ones among them; none if nothing is known of the item.
    pub newest: Option<Stamp>,
    /// Replicas that answered before this did.
    pub answered: u8,
}

/// What a write did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// What a client that made this write has seen.
    pub context: Context,
    /// Replicas that acknowledged before this answer.
    pub acknowledged: u8,
}

/// What an amendment led to, where it was made: what was done elsewhere at the same time is added later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// What the item is now.
    pub value: bytes::Bytes,
    /// When it ends.
    pub expires: Option<Wall>,
    /// Replicas that acknowledged before this answer.
    pub acknowledged: u8,
}

/// An item of a linearizable bucket.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Current {
    /// How many changes led to it; 0 if there is no such item. Never goes back, also over a deletion.
    pub version: u64,
    /// The value; none if there is no such item, or it has ended.
    pub value: Option<Value>,
    /// When it ends.
    pub expires: Option<Wall>,
    /// When the change was asked for, by the clock of the node that carried it out.
    pub stamp: Option<causal::Stamp>,
}

/// One page of a scan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// Live items in storage order.
    pub items: Vec<(ItemKey, Vec<Sibling>)>,
    /// Where the next page starts, if there may be more.
    pub next: Option<ItemKey>,
}

/// One page of a dump.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Records {
    /// What a quorum holds of each item, merged, in storage order.
    pub items: Vec<(ItemKey, Record)>,
    /// Where the next page starts, if there may be more.
    pub next: Option<ItemKey>,
}

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

/// Why a request was not done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// There is no bucket of this name.
    UnknownBucket(String),
    /// The level asks for more replicas than there are, or for none.
    LevelImpossible {
        /// What was asked.
        level: Level,
        /// Replicas there are.
        replicas: u8,
    },
    /// Too few replicas answered in time. A write may have been applied all the same.
    QuorumUnmet {
        /// Answers needed.
        needed: u8,
        /// Answers had.
        got: u8,
        /// It was a write.
        write: bool,
    },
    /// The node that was to coordinate did not answer in time. A write may have been applied all the same.
    NoAnswer {
        /// It was a write.
        write: bool,
    },
    /// The node has not come in yet, or is leaving.
    NotReady(String),
    /// Too much work is waiting here.
    Overloaded,
    /// The item has too many siblings; read it and write with its context.
    TooManySiblings {
        /// How many there are.
        count: u32,
    },
    /// The context claims versions that this cluster never made.
    ContextUnknown,
    /// The bucket is linearizable, and this is not served for such buckets.
    ModeUnsupported(String),
    /// The condition of a change does not hold; this is what is there. The change is not made and never will be.
    ConditionFailed(Box<Current>),
    /// An amendment does not apply to what is there. Nothing was changed.
    Unchanged(Unchanged),
    /// A change that was tried before may have been made; too many others have been made since to tell.
    OutcomeUnknown,
    /// This node's disk is full; reads go on.
    DiskFull,
    /// This node's storage failed.
    StorageFailed(String),
    /// A membership change is impossible; the sentence says why and what to do.
    ChangeRefused(String),
    /// A majority of the voters could not be reached.
    NoMajority {
        /// Voters there are.
        voters: u8,
        /// Voters that answered.
        reached: u8,
    },
    /// The plan is no longer the one that would be carried out.
    PlanChanged,
    /// A part of the request is out of bounds; the sentence says which.
    Invalid(String),
    /// Whoever asks may not do this; the sentence says what it takes. Said by the interfaces, before the node is asked.
    NotAllowed(String),
    /// Whoever asks does so faster than agreed. Said by the interfaces, before the node is asked.
    TooFast {
        /// When to ask again.
        wait: Span,
    },
}
