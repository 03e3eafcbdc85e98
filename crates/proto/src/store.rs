//! What the machine asks of storage, and what storage answers. The machine never touches bytes: it names typed
//! operations, `node` carries them out.
//!
//! Invariant: a ticket comes back exactly once with a final outcome, after the durability the operation asked for;
//! `Applied` may come once before it. A read never shows what a crash could still take back, unless it was written
//! with `fsync: false`.

use crate::amendment::{Amend, Unchanged};
use crate::anti_entropy::Asked;
use crate::coordinator::Asker;
use crate::event::Event;
use crate::explain::Inspected;
use crate::ids::{BucketId, Epoch, HintId, OpId, SessionId};
use crate::item::{ItemKey, Range, Slot};
use crate::message::{Likeness, Offered, Outline, Progress, Spent};
use crate::paxos::register::{Answer, Ask, Floor};
use crate::paxos::{AcceptorState, Ballot};
use crate::pulse::Pulse;
use crate::record::{Record, Rule, Update, Version};
use crate::tree::{Patch, TreePart};
use crate::watch::{Followed, Interest, Position};
use causal::Stamp;
use ring::{NodeId, PartitionId};
use stdx::Wall;

/// Whom an outcome is for. Opaque outside this crate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ticket(pub(crate) Purpose);

/// What the machine will do with an outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// The local replica of an operation coordinated here.
    Local(OpId),
    /// A hint kept by an operation coordinated here, for that node.
    LocalHint(OpId, NodeId),
    /// Answer a peer's `Replicate`.
    AnswerWrite { to: NodeId, op: OpId },
    /// Answer a peer's `KeepHint`, and replay the hint when its target is back.
    KeptFor { to: NodeId, op: OpId, target: NodeId },
    /// Answer a peer's `Read`.
    AnswerRead { to: NodeId, op: OpId },
    /// Answer a peer's `Register`.
    AnswerRegister { to: NodeId, op: OpId },
    /// Answer a peer's `Scan`.
    AnswerScan { to: NodeId, op: OpId },
    /// Answer somebody who follows this replica.
    Followed { asker: Asker },
    /// Answer a peer's `Explain`.
    AnswerExplain { to: NodeId, op: OpId, slot: Box<Slot> },
    /// Answer a peer's `Outline`.
    AnswerOutline { to: NodeId, session: SessionId },
    /// Answer a peer's `Offer`.
    AnswerOffer { to: NodeId, session: SessionId },
    /// Answer a peer's `Push`.
    AnswerPush { to: NodeId, session: SessionId },
    /// Answer a peer's `Compare`: for each spot, how many parts of trees were looked up.
    AnswerCompare { to: NodeId, session: SessionId, asked: Asked },
    /// Our own hashes for a comparison that this node drives.
    Compare(SessionId),
    /// A damaged slot has been overwritten.
    Healed(OpId),
    /// A page of a repair.
    RepairPage(SessionId),
    /// Trees have been computed.
    Built { again: bool },
    /// The next items that are spent.
    Swept,
    /// Answer an `Agree`, perhaps our own.
    AnswerAgree { to: NodeId, session: SessionId },
    /// Answer a `Collect`, perhaps our own.
    AnswerCollect { to: NodeId, session: SessionId },
    /// What is no longer ours has been dropped.
    Dropped,
    /// A page of an outgoing stream.
    StreamPage(SessionId),
    /// Hints to be replayed to that node.
    HintPage(NodeId),
    /// Events of the history are durable.
    History { events: Vec<Event>, incarnation: Option<u64> },
    /// Our progress is durable.
    Progress(Progress),
    /// A pulse is durable.
    Pulse(Pulse),
    /// This start's incarnation is durable.
    Incarnation(u64),
    /// The acceptor's promise is durable.
    Promised { to: NodeId, epoch: Epoch, ballot: Ballot },
    /// The acceptor's acceptance is durable.
    Accepted { to: NodeId, epoch: Epoch, ballot: Ballot },
    /// What others said of themselves is durable.
    Remembered,
    /// Nobody waits.
    Forget,
}

/// A change of what the node keeps about itself and the cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Meta {
    /// Append an event to the history.
    Event(Event),
    /// From now on this node's dots carry this incarnation.
    Incarnation(u64),
    /// What the acceptor promised and accepted for event number `epoch`.
    Acceptor {
        /// Number of the event.
        epoch: Epoch,
        /// The acceptor's state.
        state: AcceptorState<Event>,
    },
    /// Acceptor states below this epoch are decided and may go.
    ForgetAcceptors {
        /// The first epoch to keep.
        below: Epoch,
    },
    /// How far this node is.
    Progress(Progress),
    /// The pulses of all nodes that are known, our own among them.
    Pulses(Vec<(NodeId, Pulse)>),
    /// How far others are, those among them that have left.
    Peers(Vec<(NodeId, Progress)>),
}

/// A hint as it is stored.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Hint {
    /// Names it.
    pub id: HintId,
    /// Whom it is for.
    pub target: NodeId,
    /// The bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: ItemKey,
    /// The record.
    pub record: Record,
}

/// Where a long read of storage stopped. Its bytes mean something to `node` only.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Bookmark(pub Vec<u8>);

/// An operation on storage.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreOp {
    /// Make a new version: read, [`Record::updated`], write. Answers `Applied` with the record at once, then `Done`.
    /// Answers `Failed(TooManySiblings)` and changes nothing if the record would have more than `sibling_limit`.
    Update {
        /// The place.
        slot: Slot,
        /// The bucket's rule.
        rule: Rule,
        /// The new version.
        update: Update,
        /// Refuse if more versions than this would stand side by side.
        sibling_limit: u32,
        /// `Done` only when it is on disk.
        fsync: bool,
    },
    /// Change what is there: read, [`Amend::apply`], write. Answers `Applied` with the record at once, then `Done`; or
    /// `Unchanged`.
    Amend {
        /// The place.
        slot: Slot,
        /// The change.
        amend: Box<Amend>,
        /// `Done` only when it is on disk.
        fsync: bool,
    },
    /// Put a question to a register: read, [`crate::paxos::register::Register::on_ask`], write if it changed. Answers
    /// `Register`, after everything the answer rests on is on disk.
    Register {
        /// The place.
        slot: Slot,
        /// The question.
        ask: Ask<Version>,
    },
    /// Merge a record: read, [`Record::merge`], write. Answers `Done`.
    Merge {
        /// The place.
        slot: Slot,
        /// The other replica's record.
        record: Record,
        /// `Done` only when it is on disk.
        fsync: bool,
    },
    /// If the slot is damaged, put this in the place of what it held, or nothing; otherwise merge. Answers `Done` when
    /// it is on disk.
    Heal {
        /// The place.
        slot: Slot,
        /// What the other replicas hold.
        record: Option<Record>,
    },
    /// Merge many records as one durable batch. Answers `Done`.
    MergeAll {
        /// Places and records.
        items: Vec<(Slot, Record)>,
    },
    /// Read a slot. Answers `Held`.
    Read {
        /// The place.
        slot: Slot,
    },
    /// Look at a slot and at the hints kept for it, for people. Answers `Inspected`.
    Inspect {
        /// The place.
        slot: Slot,
    },
    /// What has been written of these since then. Answers `Followed`.
    Follow {
        /// Of what.
        interests: Vec<Interest>,
        /// Since then; from now on if none.
        after: Option<Position>,
        /// Most changes.
        limit: u32,
    },
    /// Read a range, at least one record if there is one. Answers `Page`.
    Scan {
        /// The range.
        range: Range,
        /// Most records.
        items_max: u32,
        /// Stop after about this many bytes.
        bytes_max: usize,
    },
    /// Is this what is here? Answers `Outlined`.
    Outline(Outline),
    /// Which of the offered items are missing here or differ? Answers `Wanted`.
    Lacking {
        /// The offer.
        items: Vec<Offered>,
    },
    /// Hashes of parts of trees, over [`crate::hash::version_hash`] of all records. Answers `Hashes`.
    Hashes {
        /// The parts.
        of: Vec<TreePart>,
    },
    /// Compute the trees of these partitions from what is stored, in order, or go on with it. Answers `Built`.
    BuildTrees {
        /// The partitions.
        partitions: Vec<PartitionId>,
        /// Those that are known already, too.
        again: bool,
        /// Stop after about this many records.
        records_max: u32,
    },
    /// Read the items of these patches, or as many as the bounds allow. Answers `Patches`.
    ReadPatches {
        /// The patches.
        patches: Vec<Patch>,
        /// Where to go on in the first.
        after: Option<Bookmark>,
        /// Most records.
        items_max: u32,
        /// Stop after about this many bytes.
        bytes_max: usize,
    },
    /// Look for items that are spent ([`Record::spent`]). Answers `Swept`.
    Sweep {
        /// Where to go on.
        after: Option<Bookmark>,
        /// Stop after about this many records.
        records_max: u32,
        /// The time it is.
        wall: Wall,
        /// So many actors without a version may stay.
        idle_max: u32,
    },
    /// Which of these items are held exactly so, and would leave exactly that? Answers `Wanted` when what was looked at is
    /// on disk.
    Agree {
        /// The items.
        items: Vec<Spent>,
        /// The time it is.
        wall: Wall,
        /// So many actors without a version may stay.
        idle_max: u32,
    },
    /// Let go of what is spent of these items, of those that are held exactly so. Answers `Collected` when that is on disk.
    Collect {
        /// The items.
        items: Vec<Spent>,
        /// The time it is.
        wall: Wall,
        /// So many actors without a version may stay.
        idle_max: u32,
    },
    /// Drop a partition's records of these buckets. Answers `Done`.
    Drop {
        /// The partition.
        partition: PartitionId,
        /// The buckets.
        buckets: Vec<BucketId>,
    },
    /// Store a hint. Answers `Done` when it is on disk.
    PutHint(Hint),
    /// Read hints for a node, oldest first. Answers `Hints`.
    ReadHints {
        /// Whom they are for.
        target: NodeId,
        /// Most hints.
        limit: u32,
    },
    /// Delete hints that were delivered. Answers `Done`.
    DropHints {
        /// Whom they were for.
        target: NodeId,
        /// Which.
        ids: Vec<HintId>,
    },
    /// Write these together. Answers `Done` when they are on disk.
    Meta(Vec<Meta>),
}

impl StoreOp {
    /// True if it changes what a node must not lose.
    pub(crate) fn writes(&self) -> bool {
        match self {
            StoreOp::Update { .. }
            | StoreOp::Amend { .. }
            | StoreOp::Register { .. }
            | StoreOp::Merge { .. }
            | StoreOp::Heal { .. }
            | StoreOp::MergeAll { .. }
            | StoreOp::PutHint(_)
            | StoreOp::Collect { .. }
            | StoreOp::Meta(_) => true,
            StoreOp::Read { .. }
            | StoreOp::Inspect { .. }
            | StoreOp::Follow { .. }
            | StoreOp::Scan { .. }
            | StoreOp::Outline(_)
            | StoreOp::Lacking { .. }
            | StoreOp::Hashes { .. }
            | StoreOp::BuildTrees { .. }
            | StoreOp::ReadPatches { .. }
            | StoreOp::Drop { .. }
            | StoreOp::Sweep { .. }
            | StoreOp::Agree { .. }
            | StoreOp::ReadHints { .. }
            | StoreOp::DropHints { .. } => false,
        }
    }
}

/// The highest of what goes when an item is collected: nothing that is made later may be named like it or come before it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct Highest {
    /// The stamp of a version.
    pub stamp: Stamp,
    /// Where a register in its place begins anew.
    pub floor: Floor,
}

/// What became of an operation on storage.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreOutcome {
    /// The update is visible but not yet durable; this is the whole record.
    Applied(Record),
    /// An amendment does not apply.
    Unchanged(Unchanged),
    /// Done, with the durability asked for.
    Done,
    /// What the slot holds.
    Held(Option<Record>),
    /// What there is of a slot.
    Inspected(Box<Inspected>),
    /// What has been written.
    Followed(Box<Followed>),
    /// What the register answers.
    Register(Answer<Version>),
    /// Records in storage order.
    Page {
        /// The records.
        items: Vec<(BucketId, ItemKey, Record)>,
        /// The range goes on behind the last one.
        more: bool,
        /// Damaged records that the other replicas can be asked for were left out.
        damaged: bool,
    },
    /// What is here of the stretch that was described.
    Outlined(Likeness),
    /// Positions of the offered items that are missing or differ.
    Wanted(Vec<u32>),
    /// For each part that was asked for, one hash for a root, or one for each branch or leaf; none if the tree is not
    /// known.
    Hashes(Vec<Vec<u64>>),
    /// Trees were computed.
    Built {
        /// So many of the partitions, from the first, are done.
        done: u32,
        /// These were known, and came out different: the disk lost or changed something.
        changed: Vec<PartitionId>,
    },
    /// Items of patches.
    Patches {
        /// The records.
        items: Vec<(BucketId, ItemKey, Record)>,
        /// Patches that were not read to their end.
        rest: Vec<Patch>,
        /// Where to go on in the first of them.
        after: Option<Bookmark>,
    },
    /// Items that are spent.
    Swept {
        /// The items, with what is highest of what would go.
        items: Vec<(Spent, Highest)>,
        /// Registers of which the value has ended, with its number.
        ended: Vec<(BucketId, ItemKey, u64)>,
        /// Where to go on; none at the end.
        after: Option<Bookmark>,
    },
    /// So many items were collected, or parts of them.
    Collected(u32),
    /// Hints, oldest first.
    Hints(Vec<Hint>),
    /// It failed; nothing of it is durable, some of it may be visible.
    Failed(StoreFailure),
}

/// Why an operation on storage failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreFailure {
    /// No space left.
    Full,
    /// Stored bytes do not match their checksum.
    Corrupt(String),
    /// A write or fsync failed; the engine takes no more writes.
    Poisoned(String),
    /// The record would have this many versions side by side.
    TooManySiblings(u32),
}

impl std::fmt::Display for StoreFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StoreFailure::Full => f.write_str("the disk is full"),
            StoreFailure::Corrupt(what) => write!(f, "stored bytes are damaged: {what}"),
            StoreFailure::Poisoned(why) => write!(f, "storage takes no more writes: {why}"),
            StoreFailure::TooManySiblings(count) => write!(f, "the item would have {count} siblings"),
        }
    }
}
