//! The envelope of a message: which kind it is. The number of a kind is never reused.

use super::collect::{WireAgreed, WireCollected, WireSpentOf};
use super::data::{
    WireConfirm, WireConfirmed, WireForward, WireForwarded, WireIntroduce, WireKeepHint, WireRead, WireReadReply,
    WireReplicate, WireReplicated, WireScan, WireScanReply,
};
use super::explain::{WireExplainAsk, WireExplained};
use super::gossip::WirePulse;
use super::gossip::{WireEvents, WireGossip, WirePullEvents};
use super::item::{WireItem, WirePlace};
use super::list;
use super::node::WireId;
use super::paxos::{WireAccept, WireNack, WireOnBallot, WirePromise};
use super::register::{WireRegisterAsk, WireRegisterReply};
use super::stream::{WireOffer, WireOutline, WireOutlined, WirePush, WirePushed, WireWant};
use super::tree::{WireCompare, WireDiffer, WireFetch};
use crate::error::DecodeError;
use proto::{Message, OpId, TraceMark};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireMessage {
    #[prost(
        oneof = "WireKind",
        tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, \
                26, 27, 28, 29, 30, 31, 32, 33, 34, 40, 41, 42, 43, 44, 60, 61, 62, 63"
    )]
    kind: Option<WireKind>,
}

impl WireMessage {
    /// Bytes that come out of what is packed in it.
    pub(crate) fn unpacked_len(&self) -> usize {
        match &self.kind {
            Some(WireKind::Push(push)) => push.unpacked_len(),
            _ => 0,
        }
    }
}

// The numbers up to 15 take one byte; they go to what is sent most.
#[derive(Clone, PartialEq, prost::Oneof)]
enum WireKind {
    #[prost(message, tag = "1")]
    Replicate(WireReplicate),
    #[prost(message, tag = "2")]
    Replicated(WireReplicated),
    #[prost(message, tag = "3")]
    Read(WireRead),
    #[prost(message, tag = "4")]
    ReadReply(WireReadReply),
    #[prost(message, tag = "5")]
    Forward(WireForward),
    #[prost(message, tag = "6")]
    Forwarded(WireForwarded),
    #[prost(message, tag = "7")]
    Scan(WireScan),
    #[prost(message, tag = "8")]
    ScanReply(WireScanReply),
    #[prost(message, tag = "9")]
    KeepHint(WireKeepHint),
    #[prost(message, tag = "10")]
    Offer(WireOffer),
    #[prost(message, tag = "11")]
    Want(WireWant),
    #[prost(message, tag = "12")]
    Push(WirePush),
    #[prost(message, tag = "13")]
    Pushed(WirePushed),
    #[prost(message, tag = "14")]
    Ping(WireNonce),
    #[prost(message, tag = "15")]
    Pong(WireNonce),
    #[prost(message, tag = "16")]
    Compare(WireCompare),
    #[prost(message, tag = "17")]
    Differ(WireDiffer),
    #[prost(message, tag = "18")]
    Gossip(WireGossip),
    #[prost(message, tag = "19")]
    PullEvents(WirePullEvents),
    #[prost(message, tag = "20")]
    Events(WireEvents),
    #[prost(message, tag = "21")]
    Prepare(WireOnBallot),
    #[prost(message, tag = "22")]
    Promise(WirePromise),
    #[prost(message, tag = "23")]
    Accept(WireAccept),
    #[prost(message, tag = "24")]
    Accepted(WireOnBallot),
    #[prost(message, tag = "25")]
    Nack(WireNack),
    #[prost(message, tag = "26")]
    Explain(WireExplainAsk),
    #[prost(message, boxed, tag = "27")]
    Explained(Box<WireExplained>),
    #[prost(message, tag = "40")]
    Fetch(WireFetch),
    #[prost(message, tag = "41")]
    Agree(WireSpentOf),
    #[prost(message, tag = "42")]
    Agreed(WireAgreed),
    #[prost(message, tag = "43")]
    Collect(WireSpentOf),
    #[prost(message, tag = "44")]
    Collected(WireCollected),
    #[prost(message, tag = "60")]
    ProbeFor(WireProbeFor),
    #[prost(message, tag = "61")]
    ProbedFor(WireProbeFor),
    #[prost(message, tag = "62")]
    Traced(WireTraced),
    #[prost(message, tag = "63")]
    Reached(WireReached),
    #[prost(message, tag = "28")]
    Register(WireRegisterAsk),
    #[prost(message, tag = "29")]
    RegisterReply(WireRegisterReply),
    #[prost(message, tag = "30")]
    Introduce(WireIntroduce),
    #[prost(message, tag = "31")]
    Outline(WireOutline),
    #[prost(message, tag = "32")]
    Outlined(WireOutlined),
    #[prost(message, tag = "33")]
    Confirm(WireConfirm),
    #[prost(message, tag = "34")]
    Confirmed(WireConfirmed),
}

impl From<&Message> for WireMessage {
    fn from(message: &Message) -> WireMessage {
        WireMessage { kind: Some(WireKind::from(message)) }
    }
}

impl From<&Message> for WireKind {
    fn from(message: &Message) -> WireKind {
        match message {
            Message::Replicate { op, epoch, bucket, key, record, fsync, round } => {
                let item = WireItem::new(*bucket, key, record);
                WireKind::Replicate(WireReplicate::new(*op, *epoch, item, *fsync, *round))
            }
            Message::Replicated { op, ack, pulse } => WireKind::Replicated(WireReplicated::new(*op, *ack, *pulse)),
            Message::KeepHint { op, target, bucket, key, record, round } => {
                WireKind::KeepHint(WireKeepHint::new(*op, target, WireItem::new(*bucket, key, record), *round))
            }
            Message::Read { op, epoch, bucket, key } => WireKind::Read(WireRead::new(*op, *epoch, *bucket, key)),
            Message::ReadReply { op, answer } => WireKind::ReadReply(WireReadReply::new(*op, answer)),
            Message::Scan { op, epoch, range, limit } => WireKind::Scan(WireScan::new(*op, *epoch, range, *limit)),
            Message::ScanReply { op, answer } => WireKind::ScanReply(WireScanReply::new(*op, answer)),
            Message::Explain { op, bucket, key } => WireKind::Explain(WireExplainAsk::new(*op, *bucket, key)),
            Message::Explained { op, account } => WireKind::Explained(Box::new(WireExplained::new(*op, account))),
            Message::Forward { op, request, within, life, round, confirms } => {
                WireKind::Forward(WireForward::new(*op, request, *within, *life, *round, *confirms))
            }
            Message::Confirm { op, attempt } => WireKind::Confirm(WireConfirm { op: op.0, attempt: attempt.0 }),
            Message::Confirmed { attempt, waits } => {
                WireKind::Confirmed(WireConfirmed { attempt: attempt.0, waits: *waits })
            }
            Message::Introduce { op, life } => WireKind::Introduce(WireIntroduce { op: op.0, life: *life }),
            Message::Forwarded { op, response } => WireKind::Forwarded(WireForwarded::new(*op, response)),
            Message::Outline { session, epoch, outline } => {
                WireKind::Outline(WireOutline::new(*session, *epoch, outline))
            }
            Message::Outlined { session, likeness } => WireKind::Outlined(WireOutlined::new(*session, *likeness)),
            Message::Offer { session, epoch, partition, items } => {
                WireKind::Offer(WireOffer::new(*session, *epoch, *partition, items))
            }
            Message::Want { session, items } => WireKind::Want(WireWant::new(*session, items.as_deref())),
            Message::Push { session, epoch, items, round } => {
                WireKind::Push(WirePush::new(*session, *epoch, items, *round))
            }
            Message::Pushed { session, ok } => WireKind::Pushed(WirePushed { session: session.0, ok: *ok }),
            Message::Compare { session, epoch, spots } => WireKind::Compare(WireCompare::new(*session, *epoch, spots)),
            Message::Differ { session, spots } => WireKind::Differ(WireDiffer::new(*session, spots)),
            Message::Agree { session, epoch, wall, items } => {
                WireKind::Agree(WireSpentOf::new(*session, *epoch, 0, *wall, items))
            }
            Message::Agreed { session, round, wall, items } => {
                WireKind::Agreed(WireAgreed::new(*session, *round, *wall, items))
            }
            Message::Collect { session, epoch, round, wall, items } => {
                WireKind::Collect(WireSpentOf::new(*session, *epoch, *round, *wall, items))
            }
            Message::Collected { session, ok } => WireKind::Collected(WireCollected { session: session.0, ok: *ok }),
            Message::Fetch { epoch, patches } => WireKind::Fetch(WireFetch::new(*epoch, patches)),
            Message::Gossip { epoch, head, progress, answer } => {
                WireKind::Gossip(WireGossip::new(*epoch, head, progress, *answer))
            }
            Message::PullEvents { from } => WireKind::PullEvents(WirePullEvents { from: from.0 }),
            Message::Events { events } => WireKind::Events(WireEvents { events: list(events) }),
            Message::Prepare { epoch, ballot } => WireKind::Prepare(WireOnBallot::new(*epoch, ballot)),
            Message::Promise { epoch, ballot, accepted } => {
                WireKind::Promise(WirePromise::new(*epoch, ballot, accepted.as_ref()))
            }
            Message::Accept { epoch, ballot, event } => WireKind::Accept(WireAccept::new(*epoch, ballot, event)),
            Message::Accepted { epoch, ballot } => WireKind::Accepted(WireOnBallot::new(*epoch, ballot)),
            Message::Nack { epoch, ballot, promised } => WireKind::Nack(WireNack::new(*epoch, ballot, promised)),
            Message::Register { op, epoch, bucket, key, ask, round } => {
                WireKind::Register(WireRegisterAsk::new(*op, *epoch, WirePlace::new(*bucket, key), ask, *round))
            }
            Message::RegisterReply { op, answer } => WireKind::RegisterReply(WireRegisterReply::new(*op, answer)),
            Message::Ping { nonce } => WireKind::Ping(WireNonce { nonce: *nonce }),
            Message::Pong { nonce } => WireKind::Pong(WireNonce { nonce: *nonce }),
            Message::ProbeFor { about, nonce } => {
                WireKind::ProbeFor(WireProbeFor { about: about.into(), nonce: *nonce, reached: false })
            }
            Message::ProbedFor { about, nonce, reached } => {
                WireKind::ProbedFor(WireProbeFor { about: about.into(), nonce: *nonce, reached: *reached })
            }
            Message::Reached { pulse, urgent } => {
                WireKind::Reached(WireReached { pulse: (*pulse).into(), urgent: *urgent })
            }
            Message::Traced { op, mark } => WireKind::Traced(WireTraced {
                op: op.0,
                high: (mark.trace >> 64) as u64,
                low: mark.trace as u64,
                span: mark.span,
            }),
        }
    }
}

impl TryFrom<WireMessage> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireMessage) -> Result<Message, DecodeError> {
        match wire.kind.ok_or(DecodeError::newer("a message"))? {
            WireKind::Replicate(body) => body.try_into(),
            WireKind::Replicated(body) => body.try_into(),
            WireKind::Read(body) => body.try_into(),
            WireKind::ReadReply(body) => body.try_into(),
            WireKind::Forward(body) => body.try_into(),
            WireKind::Forwarded(body) => body.try_into(),
            WireKind::Scan(body) => body.try_into(),
            WireKind::ScanReply(body) => body.try_into(),
            WireKind::Explain(body) => body.try_into(),
            WireKind::Explained(body) => (*body).try_into(),
            WireKind::KeepHint(body) => body.try_into(),
            WireKind::Outline(body) => body.try_into(),
            WireKind::Outlined(body) => body.try_into(),
            WireKind::Offer(body) => body.try_into(),
            WireKind::Want(body) => Ok(body.into()),
            WireKind::Push(body) => body.try_into(),
            WireKind::Pushed(body) => Ok(body.into()),
            WireKind::Ping(WireNonce { nonce }) => Ok(Message::Ping { nonce }),
            WireKind::Pong(WireNonce { nonce }) => Ok(Message::Pong { nonce }),
            WireKind::ProbeFor(WireProbeFor { about, nonce, .. }) => {
                Ok(Message::ProbeFor { about: about.into(), nonce })
            }
            WireKind::ProbedFor(WireProbeFor { about, nonce, reached }) => {
                Ok(Message::ProbedFor { about: about.into(), nonce, reached })
            }
            WireKind::Traced(WireTraced { op, high, low, span }) => {
                let mark = TraceMark { trace: u128::from(high) << 64 | u128::from(low), span };
                Ok(Message::Traced { op: OpId(op), mark })
            }
            WireKind::Reached(WireReached { pulse, urgent }) => Ok(Message::Reached { pulse: pulse.into(), urgent }),
            WireKind::Compare(body) => body.try_into(),
            WireKind::Differ(body) => Ok(body.into()),
            WireKind::Fetch(body) => body.try_into(),
            WireKind::Agree(body) => {
                let (session, epoch, _, wall, items) = body.parts()?;
                Ok(Message::Agree { session, epoch, wall, items })
            }
            WireKind::Agreed(body) => Ok(body.into()),
            WireKind::Collect(body) => {
                let (session, epoch, round, wall, items) = body.parts()?;
                Ok(Message::Collect { session, epoch, round, wall, items })
            }
            WireKind::Collected(body) => Ok(body.into()),
            WireKind::Gossip(body) => body.try_into(),
            WireKind::PullEvents(body) => Ok(body.into()),
            WireKind::Events(body) => body.try_into(),
            WireKind::Prepare(body) => body.parts().map(|(epoch, ballot)| Message::Prepare { epoch, ballot }),
            WireKind::Promise(body) => body.try_into(),
            WireKind::Accept(body) => body.try_into(),
            WireKind::Accepted(body) => body.parts().map(|(epoch, ballot)| Message::Accepted { epoch, ballot }),
            WireKind::Nack(body) => body.try_into(),
            WireKind::Confirm(WireConfirm { op, attempt }) => {
                Ok(Message::Confirm { op: OpId(op), attempt: OpId(attempt) })
            }
            WireKind::Confirmed(WireConfirmed { attempt, waits }) => {
                Ok(Message::Confirmed { attempt: OpId(attempt), waits })
            }
            WireKind::Introduce(WireIntroduce { op, life }) => Ok(Message::Introduce { op: OpId(op), life }),
            WireKind::Register(body) => body.try_into(),
            WireKind::RegisterReply(body) => body.try_into(),
        }
    }
}

/// A probe made for somebody, and what came of it.
#[derive(Clone, PartialEq, prost::Message)]
struct WireProbeFor {
    #[prost(message, required, tag = "1")]
    about: WireId,
    #[prost(fixed64, tag = "2")]
    nonce: u64,
    #[prost(bool, tag = "3")]
    reached: bool,
}

/// What the message that follows belongs to.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireTraced {
    #[prost(uint64, tag = "1")]
    op: u64,
    #[prost(fixed64, tag = "2")]
    high: u64,
    #[prost(fixed64, tag = "3")]
    low: u64,
    #[prost(fixed64, tag = "4")]
    span: u64,
}

/// How many batches of the sender's are durable.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireReached {
    #[prost(message, required, tag = "1")]
    pulse: WirePulse,
    #[prost(bool, tag = "2")]
    urgent: bool,
}

/// What a probe carries, and its answer carries back.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireNonce {
    #[prost(fixed64, tag = "1")]
    nonce: u64,
}
