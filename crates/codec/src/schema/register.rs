//! Items of linearizable buckets: what replicas hold, what proposers ask, what clients ask and get.

use super::amended::WireNewEnd;
use super::fences::WireFences;
use super::item::{WireKey, WirePlace};
use super::paxos::WireBallot;
use super::record::{WireValue, WireVersion};
use super::{may, need};
use crate::error::DecodeError;
use bytes::Bytes;
use causal::Stamp;
use proto::paxos::register::{Answer, Ask, Cell, Held, Register};
use proto::paxos::{AcceptorState, Ballot};
use proto::{Cas, ChangeId, Current, Edit, Ends, Epoch, Expect, Message, OpId, RegisterAnswer, Tried, Version};
use stdx::{Span, Wall};

#[derive(Clone, PartialEq, prost::Message)]
struct WireCell {
    /// Left out before the first change.
    #[prost(message, optional, tag = "1")]
    value: Option<WireVersion>,
    #[prost(uint64, tag = "2")]
    number: u64,
    #[prost(fixed64, repeated, tag = "3")]
    recent: Vec<u64>,
}

impl From<&Cell<Version>> for WireCell {
    fn from(cell: &Cell<Version>) -> WireCell {
        WireCell {
            value: cell.value.as_ref().map(WireVersion::from),
            number: cell.number,
            recent: cell.recent.iter().map(|id| id.0).collect(),
        }
    }
}

impl TryFrom<WireCell> for Cell<Version> {
    type Error = DecodeError;

    fn try_from(wire: WireCell) -> Result<Cell<Version>, DecodeError> {
        // Each remembered change made a number of its own.
        if wire.recent.len() as u64 > wire.number {
            return Err(DecodeError::malformed("a register"));
        }
        let recent = wire.recent.into_iter().map(ChangeId).collect();
        Ok(Cell { value: may(wire.value)?, number: wire.number, recent })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireRegister {
    #[prost(message, optional, tag = "1")]
    promised: Option<WireBallot>,
    #[prost(message, optional, tag = "2")]
    accepted: Option<WireBallot>,
    #[prost(message, optional, tag = "3")]
    cell: Option<WireCell>,
    #[prost(bool, tag = "4")]
    learned: bool,
}

impl From<&Register<Version>> for WireRegister {
    fn from(register: &Register<Version>) -> WireRegister {
        let accepted = register.state.accepted.as_ref();
        WireRegister {
            promised: Some(WireBallot::from(&register.state.promised)),
            accepted: accepted.map(|(ballot, _)| WireBallot::from(ballot)),
            cell: accepted.map(|(_, cell)| WireCell::from(cell)),
            learned: register.learned,
        }
    }
}

impl TryFrom<WireRegister> for Register<Version> {
    type Error = DecodeError;

    fn try_from(wire: WireRegister) -> Result<Register<Version>, DecodeError> {
        let promised: Ballot = need(wire.promised, "a ballot")?;
        let accepted = pair(wire.accepted, wire.cell)?;
        if accepted.as_ref().is_some_and(|(ballot, _)| *ballot > promised) {
            return Err(DecodeError::malformed("a register"));
        }
        Ok(Register { state: AcceptorState { promised, accepted }, learned: wire.learned })
    }
}

type Accepted = Option<(Ballot, Cell<Version>)>;

/// A ballot and what was accepted under it come together.
fn pair(ballot: Option<WireBallot>, cell: Option<WireCell>) -> Result<Accepted, DecodeError> {
    match (ballot, cell) {
        (None, None) => Ok(None),
        (Some(ballot), Some(cell)) => Ok(Some((ballot.try_into()?, cell.try_into()?))),
        _ => Err(DecodeError::malformed("an accepted cell")),
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireRegisterAsk {
    #[prost(uint64, tag = "1")]
    op: u64,
    #[prost(uint64, tag = "2")]
    epoch: u64,
    #[prost(message, optional, tag = "3")]
    place: Option<WirePlace>,
    #[prost(oneof = "WireAsk", tags = "4, 5, 6")]
    ask: Option<WireAsk>,
    /// 0 from a node that knows of no floor.
    #[prost(uint64, tag = "7")]
    round: u64,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireAsk {
    #[prost(message, tag = "4")]
    Read(()),
    #[prost(message, tag = "5")]
    Prepare(WireBallot),
    #[prost(message, tag = "6")]
    Accept(WireAcceptCell),
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireAcceptCell {
    #[prost(message, optional, tag = "1")]
    ballot: Option<WireBallot>,
    #[prost(message, optional, tag = "2")]
    cell: Option<WireCell>,
    #[prost(message, optional, tag = "3")]
    next: Option<WireBallot>,
}

impl WireRegisterAsk {
    pub(crate) fn new(op: OpId, epoch: Epoch, place: WirePlace, ask: &Ask<Version>, round: u64) -> WireRegisterAsk {
        let ask = match ask {
            Ask::Read => WireAsk::Read(()),
            Ask::Prepare(ballot) => WireAsk::Prepare(ballot.into()),
            Ask::Accept { ballot, cell, next } => WireAsk::Accept(WireAcceptCell {
                ballot: Some(ballot.into()),
                cell: Some(cell.into()),
                next: Some(next.into()),
            }),
        };
        WireRegisterAsk { op: op.0, epoch: epoch.0, place: Some(place), ask: Some(ask), round }
    }
}

impl TryFrom<WireRegisterAsk> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireRegisterAsk) -> Result<Message, DecodeError> {
        let (bucket, key) = need(wire.place, "a key")?;
        let ask = match wire.ask.ok_or(DecodeError::newer("a question to a register"))? {
            WireAsk::Read(()) => Ask::Read,
            WireAsk::Prepare(ballot) => Ask::Prepare(ballot.try_into()?),
            WireAsk::Accept(accept) => Ask::Accept {
                ballot: need(accept.ballot, "a ballot")?,
                cell: need(accept.cell, "a cell")?,
                next: need(accept.next, "a ballot")?,
            },
        };
        Ok(Message::Register { op: OpId(wire.op), epoch: Epoch(wire.epoch), bucket, key, ask, round: wire.round })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireRegisterReply {
    #[prost(uint64, tag = "1")]
    op: u64,
    #[prost(oneof = "WireSaid", tags = "2, 3, 4, 5, 6, 7")]
    said: Option<WireSaid>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireSaid {
    #[prost(message, tag = "2")]
    Held(WireHeld),
    #[prost(message, tag = "3")]
    Promised(WirePromised),
    #[prost(message, tag = "4")]
    Accepted(WireAcceptedCell),
    #[prost(message, tag = "5")]
    Nack(WireHigher),
    #[prost(message, tag = "6")]
    Stale(WireFences),
    #[prost(message, tag = "7")]
    Failed(()),
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireHeld {
    #[prost(message, optional, tag = "1")]
    accepted: Option<WireBallot>,
    #[prost(message, optional, tag = "2")]
    cell: Option<WireCell>,
    #[prost(bool, tag = "3")]
    voted: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WirePromised {
    #[prost(message, optional, tag = "1")]
    ballot: Option<WireBallot>,
    #[prost(message, optional, tag = "2")]
    held: Option<WireHeld>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireAcceptedCell {
    #[prost(message, optional, tag = "1")]
    ballot: Option<WireBallot>,
    #[prost(bool, tag = "2")]
    next: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireHigher {
    #[prost(message, optional, tag = "1")]
    ballot: Option<WireBallot>,
    #[prost(message, optional, tag = "2")]
    promised: Option<WireBallot>,
}

impl From<&Held<Version>> for WireHeld {
    fn from(held: &Held<Version>) -> WireHeld {
        let accepted = held.accepted.as_ref();
        WireHeld {
            accepted: accepted.map(|(ballot, _)| WireBallot::from(ballot)),
            cell: accepted.map(|(_, cell)| WireCell::from(cell)),
            voted: held.voted,
        }
    }
}

impl TryFrom<WireHeld> for Held<Version> {
    type Error = DecodeError;

    fn try_from(wire: WireHeld) -> Result<Held<Version>, DecodeError> {
        Ok(Held { accepted: pair(wire.accepted, wire.cell)?, voted: wire.voted })
    }
}

impl WireRegisterReply {
    pub(crate) fn new(op: OpId, answer: &RegisterAnswer) -> WireRegisterReply {
        let said = match answer {
            RegisterAnswer::Said(Answer::Held(held)) => WireSaid::Held(held.into()),
            RegisterAnswer::Said(Answer::Promised(ballot, held)) => {
                WireSaid::Promised(WirePromised { ballot: Some(ballot.into()), held: Some(held.into()) })
            }
            RegisterAnswer::Said(Answer::Accepted { ballot, next }) => {
                WireSaid::Accepted(WireAcceptedCell { ballot: Some(ballot.into()), next: *next })
            }
            RegisterAnswer::Said(Answer::Nack { ballot, promised }) => {
                WireSaid::Nack(WireHigher { ballot: Some(ballot.into()), promised: Some(promised.into()) })
            }
            RegisterAnswer::Stale(fences) => WireSaid::Stale((*fences).into()),
            RegisterAnswer::Failed => WireSaid::Failed(()),
        };
        WireRegisterReply { op: op.0, said: Some(said) }
    }
}

impl TryFrom<WireRegisterReply> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireRegisterReply) -> Result<Message, DecodeError> {
        let answer = match wire.said.ok_or(DecodeError::newer("the answer of a register"))? {
            WireSaid::Held(held) => RegisterAnswer::Said(Answer::Held(held.try_into()?)),
            WireSaid::Promised(promised) => RegisterAnswer::Said(Answer::Promised(
                need(promised.ballot, "a ballot")?,
                need(promised.held, "what is held")?,
            )),
            WireSaid::Accepted(accepted) => RegisterAnswer::Said(Answer::Accepted {
                ballot: need(accepted.ballot, "a ballot")?,
                next: accepted.next,
            }),
            WireSaid::Nack(nack) => RegisterAnswer::Said(Answer::Nack {
                ballot: need(nack.ballot, "a ballot")?,
                promised: need(nack.promised, "a ballot")?,
            }),
            WireSaid::Stale(fences) => RegisterAnswer::Stale(fences.into()),
            WireSaid::Failed(()) => RegisterAnswer::Failed,
        };
        Ok(Message::RegisterReply { op: OpId(wire.op), answer })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireCas {
    #[prost(string, tag = "1")]
    bucket: String,
    #[prost(message, optional, tag = "2")]
    key: Option<WireKey>,
    #[prost(oneof = "WireExpect", tags = "3, 4, 5, 6")]
    expect: Option<WireExpect>,
    #[prost(oneof = "WireEdit", tags = "7, 8, 9, 12, 16")]
    edit: Option<WireEdit>,
    #[prost(fixed64, optional, tag = "10")]
    id: Option<u64>,
    #[prost(bool, tag = "11")]
    tried: bool,
    /// When a value that is put ends.
    #[prost(oneof = "WireEnds", tags = "13, 14, 15")]
    ends: Option<WireEnds>,
    /// If it was tried: only so long ago that what it led to is not collected.
    #[prost(bool, tag = "17")]
    lately: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Oneof)]
enum WireEnds {
    #[prost(message, tag = "13")]
    Kept(()),
    /// Milliseconds since 1970.
    #[prost(uint64, tag = "14")]
    At(u64),
    /// Microseconds after the change was begun with.
    #[prost(uint64, tag = "15")]
    After(u64),
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireExpect {
    #[prost(message, tag = "3")]
    Any(()),
    #[prost(message, tag = "4")]
    Absent(()),
    #[prost(uint64, tag = "5")]
    Version(u64),
    #[prost(bytes = "bytes", tag = "6")]
    Value(Bytes),
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireEdit {
    #[prost(message, tag = "7")]
    Put(WireValue),
    #[prost(message, tag = "8")]
    Delete(()),
    #[prost(sint64, tag = "9")]
    Add(i64),
    #[prost(message, tag = "12")]
    End(WireNewEnd),
    #[prost(message, tag = "16")]
    Restore(WireRestoredVersion),
}

/// What a backup had of an item.
#[derive(Clone, PartialEq, prost::Message)]
struct WireRestoredVersion {
    #[prost(message, optional, tag = "1")]
    version: Option<WireVersion>,
    #[prost(bool, tag = "2")]
    overwrite: bool,
}

impl From<&Cas> for WireCas {
    fn from(cas: &Cas) -> WireCas {
        let expect = match &cas.expect {
            Expect::Any => WireExpect::Any(()),
            Expect::Absent => WireExpect::Absent(()),
            Expect::Version(version) => WireExpect::Version(*version),
            Expect::Value(bytes) => WireExpect::Value(bytes.clone()),
        };
        let edit = match &cas.edit {
            Edit::Put(value) => WireEdit::Put(value.into()),
            Edit::Delete => WireEdit::Delete(()),
            Edit::Add(by) => WireEdit::Add(*by),
            Edit::End { expires, when } => WireEdit::End(WireNewEnd::new(*expires, *when)),
            Edit::Restore { version, overwrite } => {
                WireEdit::Restore(WireRestoredVersion { version: Some(version.into()), overwrite: *overwrite })
            }
        };
        let ends = match cas.ends {
            Ends::Never => None,
            Ends::Kept => Some(WireEnds::Kept(())),
            Ends::At(wall) => Some(WireEnds::At(wall.0)),
            Ends::After(span) => Some(WireEnds::After(span.0)),
        };
        WireCas {
            bucket: cas.bucket.clone(),
            key: Some((&cas.key).into()),
            expect: Some(expect),
            edit: Some(edit),
            id: cas.id.map(|id| id.0),
            tried: cas.tried != Tried::No,
            ends,
            lately: cas.tried == Tried::Lately,
        }
    }
}

impl TryFrom<WireCas> for Cas {
    type Error = DecodeError;

    fn try_from(wire: WireCas) -> Result<Cas, DecodeError> {
        let expect = match wire.expect.ok_or(DecodeError::newer("a condition"))? {
            WireExpect::Any(()) => Expect::Any,
            WireExpect::Absent(()) => Expect::Absent,
            WireExpect::Version(version) => Expect::Version(version),
            WireExpect::Value(bytes) => Expect::Value(bytes),
        };
        let edit = match wire.edit.ok_or(DecodeError::newer("a change"))? {
            WireEdit::Put(value) => Edit::Put(value.try_into()?),
            WireEdit::Delete(()) => Edit::Delete,
            WireEdit::Add(by) => Edit::Add(by),
            WireEdit::End(end) => {
                let (expires, when) = end.read()?;
                Edit::End { expires, when }
            }
            WireEdit::Restore(WireRestoredVersion { version, overwrite }) => {
                Edit::Restore { version: need(version, "a version")?, overwrite }
            }
        };
        let ends = match wire.ends {
            None => Ends::Never,
            Some(WireEnds::Kept(())) => Ends::Kept,
            Some(WireEnds::At(wall)) => Ends::At(Wall(wall)),
            Some(WireEnds::After(span)) => Ends::After(Span(span)),
        };
        let tried = match (wire.tried, wire.lately) {
            (false, _) => Tried::No,
            (true, true) => Tried::Lately,
            (true, false) => Tried::Before,
        };
        let (key, id) = (need(wire.key, "a key")?, wire.id.map(ChangeId));
        Ok(Cas { bucket: wire.bucket, key, expect, edit, ends, id, tried })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireCurrent {
    #[prost(uint64, tag = "1")]
    version: u64,
    #[prost(message, optional, tag = "2")]
    value: Option<WireValue>,
    #[prost(fixed64, optional, tag = "3")]
    stamp: Option<u64>,
    #[prost(uint64, optional, tag = "4")]
    expires: Option<u64>,
}

impl From<&Current> for WireCurrent {
    fn from(current: &Current) -> WireCurrent {
        WireCurrent {
            version: current.version,
            value: current.value.as_ref().map(WireValue::from),
            stamp: current.stamp.map(Stamp::as_u64),
            expires: current.expires.map(|wall| wall.0),
        }
    }
}

impl TryFrom<WireCurrent> for Current {
    type Error = DecodeError;

    fn try_from(wire: WireCurrent) -> Result<Current, DecodeError> {
        let (expires, stamp) = (wire.expires.map(Wall), wire.stamp.map(Stamp::from_u64));
        Ok(Current { version: wire.version, value: may(wire.value)?, expires, stamp })
    }
}
