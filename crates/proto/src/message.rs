//! Everything nodes say to each other. `docs/protocol.md` has the table of senders and receivers.
//!
//! Invariant: every message about items carries the sender's epoch; a receiver that has fenced that epoch off refuses
//! and names its own. Delivery is at most once and in any order; every handler tolerates loss and repetition.

mod answer;
mod compared;
mod progress;

pub use answer::{Ack, ReadAnswer, RegisterAnswer, ScanAnswer};
pub use compared::{Differences, Likeness, Offered, Outline, Spent, Spot};
pub use progress::Progress;

use crate::event::Event;
use crate::explain::Account;
use crate::ids::{BucketId, Digest, Epoch, OpId, SessionId};
use crate::item::{ItemKey, Range};
use crate::paxos::Ballot;
use crate::paxos::register::Ask;
use crate::pulse::Pulse;
use crate::record::{Record, Version};
use crate::request::{Request, Response};
use crate::tree::Patch;
use ring::{NodeId, PartitionId};
use stdx::{Span, Wall};

/// Which of a peer's two connections carries a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Lane {
    /// Small and urgent: probes, gossip, agreement. Never waits behind data.
    Control,
    /// Everything with items in it.
    Data,
}

/// What one node says to another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// Merge this record. Sent by coordinators, read repair and hint replay alike.
    Replicate {
        /// Carried back in the answer.
        op: OpId,
        /// The epoch by whose views the sender counts.
        epoch: Epoch,
        /// The bucket.
        bucket: BucketId,
        /// The key.
        key: ItemKey,
        /// Everything the sender holds of the slot.
        record: Record,
        /// Answer only when it is on disk.
        fsync: bool,
        /// The round in which the operation began that found or made the record.
        round: u64,
    },
    /// Answer to `Replicate`.
    Replicated {
        /// As asked.
        op: OpId,
        /// What became of it.
        ack: Ack,
        /// As in `Reached`, if there is anything new to say.
        pulse: Option<Pulse>,
    },
    /// Keep this record for `target`, which is not reachable. Level `any` only.
    KeepHint {
        /// Carried back in the answer, a `Replicated`.
        op: OpId,
        /// Whom it is for.
        target: NodeId,
        /// The bucket.
        bucket: BucketId,
        /// The key.
        key: ItemKey,
        /// The record.
        record: Record,
        /// The round in which the operation began.
        round: u64,
    },
    /// What do you hold of this slot?
    Read {
        /// Carried back in the answer.
        op: OpId,
        /// The view the sender reads by.
        epoch: Epoch,
        /// The bucket.
        bucket: BucketId,
        /// The key.
        key: ItemKey,
    },
    /// Answer to `Read`.
    ReadReply {
        /// As asked.
        op: OpId,
        /// The answer.
        answer: ReadAnswer,
    },
    /// What do you hold of this range?
    Scan {
        /// Carried back in the answer.
        op: OpId,
        /// The view the sender reads by.
        epoch: Epoch,
        /// The range.
        range: Range,
        /// Most records to return.
        limit: u32,
    },
    /// Answer to `Scan`.
    ScanReply {
        /// As asked.
        op: OpId,
        /// The answer.
        answer: ScanAnswer,
    },
    /// A proposer's question about an item of a linearizable bucket. Answered by replicas of the same epoch only.
    Register {
        /// Carried back in the answer; another one for each attempt.
        op: OpId,
        /// The sender's epoch.
        epoch: Epoch,
        /// The bucket.
        bucket: BucketId,
        /// The key.
        key: ItemKey,
        /// The question.
        ask: Ask<Version>,
        /// The round in which the operation began that asks.
        round: u64,
    },
    /// Answer to `Register`.
    RegisterReply {
        /// As asked.
        op: OpId,
        /// The answer.
        answer: RegisterAnswer,
    },
    /// What do you hold of this slot, and which hints do you keep for it? For people; any epoch may ask.
    Explain {
        /// Carried back in the answer.
        op: OpId,
        /// The bucket.
        bucket: BucketId,
        /// The key.
        key: ItemKey,
    },
    /// Answer to `Explain`.
    Explained {
        /// As asked.
        op: OpId,
        /// The answer.
        account: Box<Account>,
    },
    /// Coordinate this client's request; you hold the key and I do not.
    Forward {
        /// Carried back in the answer.
        op: OpId,
        /// The request; never an admin request.
        request: Request,
        /// Time left for it.
        within: Span,
        /// The life of the receiver that it is for, 0 if not known. Changes of linearizable buckets are taken by no other.
        life: u64,
        /// The round in which the sender took it.
        round: u64,
        /// The sender answers `Confirm`; false if it is of an older release.
        confirms: bool,
    },
    /// Does your client still wait for the change that you handed me, and have you handed it to nobody else? Asked when
    /// replicas have promised, before they are asked to accept.
    Confirm {
        /// That of the `Forward`.
        op: OpId,
        /// Carried back in the answer; another one for each attempt.
        attempt: OpId,
    },
    /// Answer to `Confirm`.
    Confirmed {
        /// As asked.
        attempt: OpId,
        /// Yes to both.
        waits: bool,
    },
    /// That change was not taken; this is the life of mine to hand it to.
    Introduce {
        /// As asked.
        op: OpId,
        /// Random for each start.
        life: u64,
    },
    /// Answer to `Forward`.
    Forwarded {
        /// As asked.
        op: OpId,
        /// The response for the client.
        response: Box<Response>,
    },
    /// Do you hold this? Before items are offered by name.
    Outline {
        /// Which stream; carried back in the answer.
        session: SessionId,
        /// The sender's epoch.
        epoch: Epoch,
        /// What the sender holds.
        outline: Outline,
    },
    /// Answer to `Outline`; `None`: it cannot be answered now.
    Outlined {
        /// As asked.
        session: SessionId,
        /// What the receiver holds there.
        likeness: Option<Likeness>,
    },
    /// These items of a partition are mine to give; which do you lack?
    Offer {
        /// The stream.
        session: SessionId,
        /// The sender's epoch.
        epoch: Epoch,
        /// The partition.
        partition: PartitionId,
        /// The items, by name and hash.
        items: Vec<Offered>,
    },
    /// Answer to `Offer`.
    Want {
        /// As offered.
        session: SessionId,
        /// Positions in the offer, ascending. `None`: the epoch is not mine, or storage failed; stop.
        items: Option<Vec<u32>>,
    },
    /// The items you wanted.
    Push {
        /// The stream.
        session: SessionId,
        /// The sender's epoch.
        epoch: Epoch,
        /// The items.
        items: Vec<(BucketId, ItemKey, Record)>,
        /// The round in which they were read.
        round: u64,
    },
    /// They are merged and durable, or `ok` is false.
    Pushed {
        /// The stream.
        session: SessionId,
        /// Whether all of them are.
        ok: bool,
    },
    /// Hashes of parts of trees that we both hold; tell me which differ from yours.
    Compare {
        /// The question.
        session: SessionId,
        /// The sender's epoch.
        epoch: Epoch,
        /// Places in the trees and the sender's hashes there.
        spots: Vec<(Spot, Vec<u64>)>,
    },
    /// Answer to `Compare`.
    Differ {
        /// As asked.
        session: SessionId,
        /// For each spot, in order, what differs.
        spots: Vec<Differences>,
    },
    /// These leaves differed twice; I shall offer you mine, do the same.
    Fetch {
        /// The sender's epoch.
        epoch: Epoch,
        /// The leaves.
        patches: Vec<Patch>,
    },
    /// Do you hold exactly this of these items, and would you let go of the same at that time?
    Agree {
        /// The question.
        session: SessionId,
        /// The sender's epoch, in which no change is under way.
        epoch: Epoch,
        /// What has expired by then is spent; not later than any replica's own clock.
        wall: Wall,
        /// The items.
        items: Vec<Spent>,
    },
    /// Answer to `Agree`.
    Agreed {
        /// As asked.
        session: SessionId,
        /// The round of the sender after it had looked.
        round: u64,
        /// Its clock.
        wall: Wall,
        /// Positions of the items of which it does, durably.
        items: Vec<u32>,
    },
    /// Every replica has agreed, and nothing older is under way any more: let go of these.
    Collect {
        /// The question.
        session: SessionId,
        /// The sender's epoch, in which no change is under way.
        epoch: Epoch,
        /// The highest round of the replicas when they agreed.
        round: u64,
        /// The time they agreed upon.
        wall: Wall,
        /// The items.
        items: Vec<Spent>,
    },
    /// They are gone, durably, or were changed meanwhile; or `ok` is false, and nothing was done.
    Collected {
        /// As asked.
        session: SessionId,
        /// Whether it was done.
        ok: bool,
    },
    /// Every second to one random peer: how far I am and how far I think all are.
    Gossip {
        /// The newest epoch the sender has durably.
        epoch: Epoch,
        /// Hash of that event.
        head: Digest,
        /// How far each node is.
        progress: Vec<(NodeId, Progress)>,
        /// The receiver should answer with its own.
        answer: bool,
    },
    /// Give me the events from `from` on.
    PullEvents {
        /// First epoch wanted.
        from: Epoch,
    },
    /// Events of the history, ascending.
    Events {
        /// The events.
        events: Vec<Event>,
    },
    /// Will you take part in ballot `ballot` for event number `epoch`?
    Prepare {
        /// Number of the event to be decided.
        epoch: Epoch,
        /// The ballot.
        ballot: Ballot,
    },
    /// Yes, and this is what I have accepted so far.
    Promise {
        /// As asked.
        epoch: Epoch,
        /// As asked.
        ballot: Ballot,
        /// The accepted event of the highest ballot, if any.
        accepted: Option<(Ballot, Event)>,
    },
    /// Accept this event.
    Accept {
        /// Number of the event to be decided.
        epoch: Epoch,
        /// The ballot.
        ballot: Ballot,
        /// The event.
        event: Event,
    },
    /// Accepted.
    Accepted {
        /// As asked.
        epoch: Epoch,
        /// As asked.
        ballot: Ballot,
    },
    /// No: I have promised this higher ballot.
    Nack {
        /// As asked.
        epoch: Epoch,
        /// The ballot that was refused.
        ballot: Ballot,
        /// The promised ballot.
        promised: Ballot,
    },
    /// Are you there?
    Ping {
        /// Carried back.
        nonce: u64,
    },
    /// Yes.
    Pong {
        /// As asked.
        nonce: u64,
    },
    /// I do not reach this node: do you?
    ProbeFor {
        /// Whom to ask.
        about: NodeId,
        /// Carried back.
        nonce: u64,
    },
    /// What came of it.
    ProbedFor {
        /// As asked.
        about: NodeId,
        /// As asked.
        nonce: u64,
        /// It has answered.
        reached: bool,
    },
    /// So many batches of the sender's are durable; goes before what its receiver may rely on.
    Reached {
        /// The sender's pulse, with its batches.
        pulse: Pulse,
        /// What follows is said on the connection for what is urgent.
        urgent: bool,
    },
    /// The message with this `op` that follows on the same connection belongs to something that is being traced. Shells tell each
    /// other; the machine neither sends nor heeds it.
    Traced {
        /// Of the message that follows.
        op: OpId,
        /// To what it belongs, for whoever collects traces.
        mark: TraceMark,
    },
}

/// What is being traced, and which part of it is the cause of what follows. Opaque here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TraceMark {
    /// The trace.
    pub trace: u128,
    /// The part of it.
    pub span: u64,
}

impl Message {
    /// Which connection carries it.
    pub fn lane(&self) -> Lane {
        match self {
            Message::Gossip { .. }
            | Message::PullEvents { .. }
            | Message::Events { .. }
            | Message::Prepare { .. }
            | Message::Promise { .. }
            | Message::Accept { .. }
            | Message::Accepted { .. }
            | Message::Nack { .. }
            | Message::Ping { .. }
            | Message::Pong { .. }
            | Message::ProbeFor { .. }
            | Message::Reached { urgent: true, .. }
            | Message::ProbedFor { .. } => Lane::Control,
            _ => Lane::Data,
        }
    }

    /// True if its answer follows from what the receiver holds, or has promised.
    pub fn asks_for_state(&self) -> bool {
        matches!(
            self,
            Message::Read { .. }
                | Message::Scan { .. }
                | Message::Register { .. }
                | Message::Forward { .. }
                | Message::Explain { .. }
                | Message::Prepare { .. }
                | Message::Accept { .. }
        )
    }

    /// True if its receiver may rely on what its sender has on disk: it says, or shows, that something is there.
    pub fn vouches(&self) -> bool {
        matches!(
            self,
            Message::Pushed { .. }
                | Message::Outlined { .. }
                | Message::Agreed { .. }
                | Message::Collected { .. }
                | Message::Promise { .. }
                | Message::Accepted { .. }
        ) || self.is_answer()
    }
}
