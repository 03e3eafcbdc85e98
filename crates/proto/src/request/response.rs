//! What a client gets back.

use super::{Plan, Refusal, RepairStatus, Status};
use crate::event::Event;
use crate::explain::Explanation;
use crate::item::ItemKey;
use crate::message::Progress;
use crate::record::{Record, Value, Version};
use crate::watch::Watched;
use causal::{Context, Dot, Stamp};
use ring::NodeId;
use stdx::Wall;

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
    /// When the change was asked for, by the clock of the node that carried it out; of a deletion, too.
    pub stamp: Option<causal::Stamp>,
}

/// One page of a scan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// Live items in storage order. In a linearizable bucket each has one value, and the counter of its dot is the version.
    pub items: Vec<(ItemKey, Vec<Sibling>)>,
    /// Where the next page starts, if there may be more.
    pub next: Option<ItemKey>,
}

/// One page of a dump.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Records {
    /// What a quorum holds of each item, merged, in storage order. In a linearizable bucket what is decided of each item that
    /// is there, without ballots.
    pub items: Vec<(ItemKey, Record)>,
    /// Where the next page starts, if there may be more.
    pub next: Option<ItemKey>,
}
