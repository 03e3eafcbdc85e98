//! Messages about items: replicate, keep a hint, read, scan, forward, and their answers.

use super::fences::WireFences;
use super::gossip::WirePulse;
use super::item::{WireItem, WirePlace, WireRange};
use super::node::WireId;
use super::record::WireRecord;
use super::request::WireRequest;
use super::response::WireResponse;
use super::{all, list, may, need};
use crate::error::DecodeError;
use proto::{Ack, BucketId, Epoch, ItemKey, Message, OpId, Pulse, Range, ReadAnswer, Request, Response, ScanAnswer};
use ring::NodeId;
use stdx::Span;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireReplicate {
    #[prost(uint64, tag = "1")]
    op: u64,
    #[prost(uint64, tag = "2")]
    epoch: u64,
    #[prost(message, optional, tag = "3")]
    item: Option<WireItem>,
    #[prost(bool, tag = "4")]
    fsync: bool,
    #[prost(uint64, tag = "5")]
    round: u64,
}

impl WireReplicate {
    pub(crate) fn new(op: OpId, epoch: Epoch, item: WireItem, fsync: bool, round: u64) -> WireReplicate {
        WireReplicate { op: op.0, epoch: epoch.0, item: Some(item), fsync, round }
    }
}

impl TryFrom<WireReplicate> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireReplicate) -> Result<Message, DecodeError> {
        let (bucket, key, record) = need(wire.item, "an item")?;
        let (op, epoch, fsync, round) = (OpId(wire.op), Epoch(wire.epoch), wire.fsync, wire.round);
        Ok(Message::Replicate { op, epoch, bucket, key, record, fsync, round })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireReplicated {
    #[prost(uint64, tag = "1")]
    op: u64,
    #[prost(oneof = "WireAck", tags = "2, 3, 4, 5")]
    ack: Option<WireAck>,
    #[prost(message, optional, tag = "6")]
    pulse: Option<WirePulse>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireAck {
    #[prost(message, tag = "2")]
    Done(()),
    #[prost(message, tag = "3")]
    Stale(WireFences),
    #[prost(message, tag = "4")]
    Full(()),
    #[prost(message, tag = "5")]
    Failed(()),
}

impl WireReplicated {
    pub(crate) fn new(op: OpId, ack: Ack, pulse: Option<Pulse>) -> WireReplicated {
        let ack = match ack {
            Ack::Done => WireAck::Done(()),
            Ack::Stale(fences) => WireAck::Stale(fences.into()),
            Ack::Full => WireAck::Full(()),
            Ack::Failed => WireAck::Failed(()),
        };
        WireReplicated { op: op.0, ack: Some(ack), pulse: pulse.map(WirePulse::from) }
    }
}

impl TryFrom<WireReplicated> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireReplicated) -> Result<Message, DecodeError> {
        let ack = match wire.ack.ok_or(DecodeError::newer("an acknowledgement"))? {
            WireAck::Done(()) => Ack::Done,
            WireAck::Stale(fences) => Ack::Stale(fences.into()),
            WireAck::Full(()) => Ack::Full,
            WireAck::Failed(()) => Ack::Failed,
        };
        Ok(Message::Replicated { op: OpId(wire.op), ack, pulse: wire.pulse.map(Pulse::from) })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireKeepHint {
    #[prost(uint64, tag = "1")]
    op: u64,
    #[prost(message, required, tag = "2")]
    target: WireId,
    #[prost(message, optional, tag = "3")]
    item: Option<WireItem>,
    #[prost(uint64, tag = "4")]
    round: u64,
}

impl WireKeepHint {
    pub(crate) fn new(op: OpId, target: &NodeId, item: WireItem, round: u64) -> WireKeepHint {
        WireKeepHint { op: op.0, target: target.into(), item: Some(item), round }
    }
}

impl TryFrom<WireKeepHint> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireKeepHint) -> Result<Message, DecodeError> {
        let (bucket, key, record) = need(wire.item, "an item")?;
        let (op, target, round) = (OpId(wire.op), wire.target.into(), wire.round);
        Ok(Message::KeepHint { op, target, bucket, key, record, round })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireRead {
    #[prost(uint64, tag = "1")]
    op: u64,
    #[prost(uint64, tag = "2")]
    epoch: u64,
    #[prost(message, optional, tag = "3")]
    place: Option<WirePlace>,
}

impl WireRead {
    pub(crate) fn new(op: OpId, epoch: Epoch, bucket: BucketId, key: &ItemKey) -> WireRead {
        WireRead { op: op.0, epoch: epoch.0, place: Some(WirePlace::new(bucket, key)) }
    }
}

impl TryFrom<WireRead> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireRead) -> Result<Message, DecodeError> {
        let (bucket, key) = need(wire.place, "a place")?;
        Ok(Message::Read { op: OpId(wire.op), epoch: Epoch(wire.epoch), bucket, key })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireReadReply {
    #[prost(uint64, tag = "1")]
    op: u64,
    #[prost(oneof = "WireReadAnswer", tags = "2, 3, 4, 5")]
    answer: Option<WireReadAnswer>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireReadAnswer {
    #[prost(message, tag = "2")]
    Held(WireHeld),
    #[prost(message, tag = "3")]
    Stale(WireFences),
    #[prost(message, tag = "4")]
    Failed(()),
    #[prost(message, tag = "5")]
    Damaged(()),
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireHeld {
    #[prost(message, optional, tag = "1")]
    record: Option<WireRecord>,
}

impl WireReadReply {
    pub(crate) fn new(op: OpId, answer: &ReadAnswer) -> WireReadReply {
        let answer = match answer {
            ReadAnswer::Held(record) => {
                WireReadAnswer::Held(WireHeld { record: record.as_ref().map(WireRecord::from) })
            }
            ReadAnswer::Stale(fences) => WireReadAnswer::Stale((*fences).into()),
            ReadAnswer::Failed => WireReadAnswer::Failed(()),
            ReadAnswer::Damaged => WireReadAnswer::Damaged(()),
        };
        WireReadReply { op: op.0, answer: Some(answer) }
    }
}

impl TryFrom<WireReadReply> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireReadReply) -> Result<Message, DecodeError> {
        let answer = match wire.answer.ok_or(DecodeError::newer("the answer to a read"))? {
            WireReadAnswer::Held(held) => ReadAnswer::Held(may(held.record)?),
            WireReadAnswer::Stale(fences) => ReadAnswer::Stale(fences.into()),
            WireReadAnswer::Failed(()) => ReadAnswer::Failed,
            WireReadAnswer::Damaged(()) => ReadAnswer::Damaged,
        };
        Ok(Message::ReadReply { op: OpId(wire.op), answer })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireScan {
    #[prost(uint64, tag = "1")]
    op: u64,
    #[prost(uint64, tag = "2")]
    epoch: u64,
    #[prost(message, optional, tag = "3")]
    range: Option<WireRange>,
    #[prost(uint32, tag = "4")]
    limit: u32,
}

impl WireScan {
    pub(crate) fn new(op: OpId, epoch: Epoch, range: &Range, limit: u32) -> WireScan {
        WireScan { op: op.0, epoch: epoch.0, range: Some(range.into()), limit }
    }
}

impl TryFrom<WireScan> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireScan) -> Result<Message, DecodeError> {
        Ok(Message::Scan {
            op: OpId(wire.op),
            epoch: Epoch(wire.epoch),
            range: need(wire.range, "a range")?,
            limit: wire.limit,
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireScanReply {
    #[prost(uint64, tag = "1")]
    op: u64,
    #[prost(oneof = "WireScanAnswer", tags = "2, 3, 4")]
    answer: Option<WireScanAnswer>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireScanAnswer {
    #[prost(message, tag = "2")]
    Held(WireHeldItems),
    #[prost(message, tag = "3")]
    Stale(WireFences),
    #[prost(message, tag = "4")]
    Failed(()),
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireHeldItems {
    #[prost(message, repeated, tag = "1")]
    items: Vec<WireItem>,
    #[prost(bool, tag = "2")]
    more: bool,
}

impl WireScanReply {
    pub(crate) fn new(op: OpId, answer: &ScanAnswer) -> WireScanReply {
        let answer = match answer {
            ScanAnswer::Held { items, more } => WireScanAnswer::Held(WireHeldItems { items: list(items), more: *more }),
            ScanAnswer::Stale(fences) => WireScanAnswer::Stale((*fences).into()),
            ScanAnswer::Failed => WireScanAnswer::Failed(()),
        };
        WireScanReply { op: op.0, answer: Some(answer) }
    }
}

impl TryFrom<WireScanReply> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireScanReply) -> Result<Message, DecodeError> {
        let answer = match wire.answer.ok_or(DecodeError::newer("the answer to a scan"))? {
            WireScanAnswer::Held(held) => ScanAnswer::Held { items: all(held.items)?, more: held.more },
            WireScanAnswer::Stale(fences) => ScanAnswer::Stale(fences.into()),
            WireScanAnswer::Failed(()) => ScanAnswer::Failed,
        };
        Ok(Message::ScanReply { op: OpId(wire.op), answer })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireForward {
    #[prost(uint64, tag = "1")]
    op: u64,
    #[prost(message, optional, tag = "2")]
    request: Option<WireRequest>,
    #[prost(uint64, tag = "3")]
    within_micros: u64,
    #[prost(fixed64, tag = "4")]
    life: u64,
    #[prost(uint64, tag = "5")]
    round: u64,
    #[prost(bool, tag = "6")]
    confirms: bool,
}

impl WireForward {
    pub(crate) fn new(op: OpId, request: &Request, within: Span, life: u64, round: u64, confirms: bool) -> WireForward {
        let within_micros = within.as_micros();
        WireForward { op: op.0, request: Some(request.into()), within_micros, life, round, confirms }
    }
}

impl TryFrom<WireForward> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireForward) -> Result<Message, DecodeError> {
        Ok(Message::Forward {
            op: OpId(wire.op),
            request: need(wire.request, "a request")?,
            within: Span::micros(wire.within_micros),
            life: wire.life,
            round: wire.round,
            confirms: wire.confirms,
        })
    }
}

/// Whether a change that was handed on is still waited for.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct WireConfirm {
    #[prost(uint64, tag = "1")]
    pub(crate) op: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) attempt: u64,
}

/// The answer to that.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct WireConfirmed {
    #[prost(uint64, tag = "1")]
    pub(crate) attempt: u64,
    #[prost(bool, tag = "2")]
    pub(crate) waits: bool,
}

/// The life of a node that changes are to be handed to.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct WireIntroduce {
    #[prost(uint64, tag = "1")]
    pub(crate) op: u64,
    #[prost(fixed64, tag = "2")]
    pub(crate) life: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireForwarded {
    #[prost(uint64, tag = "1")]
    op: u64,
    #[prost(message, optional, tag = "2")]
    response: Option<WireResponse>,
}

impl WireForwarded {
    pub(crate) fn new(op: OpId, response: &Response) -> WireForwarded {
        WireForwarded { op: op.0, response: Some(response.into()) }
    }
}

impl TryFrom<WireForwarded> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireForwarded) -> Result<Message, DecodeError> {
        let response = Box::new(need(wire.response, "a response")?);
        Ok(Message::Forwarded { op: OpId(wire.op), response })
    }
}
