//! Why a request was not done.

use super::amended::{unchanged, wire_unchanged};
use super::bucket::{level, wire_level};
use super::register::WireCurrent;
use super::{narrow, need};
use crate::error::DecodeError;
use proto::Refusal;
use stdx::Span;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireRefusal {
    #[prost(oneof = "WireReason", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21")]
    reason: Option<WireReason>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireReason {
    #[prost(string, tag = "1")]
    UnknownBucket(String),
    #[prost(message, tag = "2")]
    LevelImpossible(WireLevelImpossible),
    #[prost(message, tag = "3")]
    QuorumUnmet(WireQuorumUnmet),
    #[prost(bool, tag = "4")]
    NoAnswer(bool),
    #[prost(string, tag = "5")]
    NotReady(String),
    #[prost(message, tag = "6")]
    Overloaded(()),
    #[prost(uint32, tag = "7")]
    TooManySiblings(u32),
    #[prost(message, tag = "8")]
    ContextUnknown(()),
    #[prost(string, tag = "9")]
    ModeUnsupported(String),
    #[prost(message, tag = "10")]
    DiskFull(()),
    #[prost(string, tag = "11")]
    StorageFailed(String),
    #[prost(string, tag = "12")]
    ChangeRefused(String),
    #[prost(message, tag = "13")]
    NoMajority(WireNoMajority),
    #[prost(message, tag = "14")]
    PlanChanged(()),
    #[prost(string, tag = "15")]
    Invalid(String),
    #[prost(message, tag = "16")]
    ConditionFailed(WireCurrent),
    #[prost(message, tag = "17")]
    OutcomeUnknown(()),
    #[prost(uint32, tag = "18")]
    Unchanged(u32),
    #[prost(string, tag = "19")]
    NotAllowed(String),
    #[prost(uint64, tag = "20")]
    TooFast(u64),
    #[prost(message, tag = "21")]
    OutOfReach(WireOutOfReach),
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireLevelImpossible {
    #[prost(uint32, tag = "1")]
    level: u32,
    #[prost(uint32, tag = "2")]
    replicas: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireQuorumUnmet {
    #[prost(uint32, tag = "1")]
    needed: u32,
    #[prost(uint32, tag = "2")]
    got: u32,
    #[prost(bool, tag = "3")]
    write: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireOutOfReach {
    #[prost(uint32, tag = "1")]
    needed: u32,
    #[prost(uint32, tag = "2")]
    reachable: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireNoMajority {
    #[prost(uint32, tag = "1")]
    voters: u32,
    #[prost(uint32, tag = "2")]
    reached: u32,
}

impl From<&Refusal> for WireRefusal {
    fn from(refusal: &Refusal) -> WireRefusal {
        let reason = match refusal {
            Refusal::UnknownBucket(name) => WireReason::UnknownBucket(name.clone()),
            Refusal::LevelImpossible { level, replicas } => WireReason::LevelImpossible(WireLevelImpossible {
                level: wire_level(*level),
                replicas: u32::from(*replicas),
            }),
            Refusal::QuorumUnmet { needed, got, write } => WireReason::QuorumUnmet(WireQuorumUnmet {
                needed: u32::from(*needed),
                got: u32::from(*got),
                write: *write,
            }),
            Refusal::OutOfReach { needed, reachable } => {
                WireReason::OutOfReach(WireOutOfReach { needed: u32::from(*needed), reachable: u32::from(*reachable) })
            }
            Refusal::NoAnswer { write } => WireReason::NoAnswer(*write),
            Refusal::NotReady(why) => WireReason::NotReady(why.clone()),
            Refusal::Overloaded => WireReason::Overloaded(()),
            Refusal::TooManySiblings { count } => WireReason::TooManySiblings(*count),
            Refusal::ContextUnknown => WireReason::ContextUnknown(()),
            Refusal::ModeUnsupported(name) => WireReason::ModeUnsupported(name.clone()),
            Refusal::ConditionFailed(current) => WireReason::ConditionFailed(current.as_ref().into()),
            Refusal::Unchanged(why) => WireReason::Unchanged(wire_unchanged(*why)),
            Refusal::OutcomeUnknown => WireReason::OutcomeUnknown(()),
            Refusal::DiskFull => WireReason::DiskFull(()),
            Refusal::StorageFailed(why) => WireReason::StorageFailed(why.clone()),
            Refusal::ChangeRefused(why) => WireReason::ChangeRefused(why.clone()),
            Refusal::NoMajority { voters, reached } => {
                WireReason::NoMajority(WireNoMajority { voters: u32::from(*voters), reached: u32::from(*reached) })
            }
            Refusal::PlanChanged => WireReason::PlanChanged(()),
            Refusal::Invalid(what) => WireReason::Invalid(what.clone()),
            Refusal::NotAllowed(why) => WireReason::NotAllowed(why.clone()),
            Refusal::TooFast { wait } => WireReason::TooFast(wait.as_micros()),
        };
        WireRefusal { reason: Some(reason) }
    }
}

impl TryFrom<WireRefusal> for Refusal {
    type Error = DecodeError;

    fn try_from(wire: WireRefusal) -> Result<Refusal, DecodeError> {
        Ok(match wire.reason.ok_or(DecodeError::newer("a refusal"))? {
            WireReason::UnknownBucket(name) => Refusal::UnknownBucket(name),
            WireReason::LevelImpossible(reason) => {
                Refusal::LevelImpossible { level: level(reason.level)?, replicas: count(reason.replicas)? }
            }
            WireReason::QuorumUnmet(reason) => {
                Refusal::QuorumUnmet { needed: count(reason.needed)?, got: count(reason.got)?, write: reason.write }
            }
            WireReason::OutOfReach(reason) => {
                Refusal::OutOfReach { needed: count(reason.needed)?, reachable: count(reason.reachable)? }
            }
            WireReason::NoAnswer(write) => Refusal::NoAnswer { write },
            WireReason::NotReady(why) => Refusal::NotReady(why),
            WireReason::Overloaded(()) => Refusal::Overloaded,
            WireReason::TooManySiblings(count) => Refusal::TooManySiblings { count },
            WireReason::ContextUnknown(()) => Refusal::ContextUnknown,
            WireReason::ModeUnsupported(name) => Refusal::ModeUnsupported(name),
            WireReason::ConditionFailed(current) => Refusal::ConditionFailed(Box::new(need(Some(current), "an item")?)),
            WireReason::Unchanged(why) => Refusal::Unchanged(unchanged(why)?),
            WireReason::OutcomeUnknown(()) => Refusal::OutcomeUnknown,
            WireReason::DiskFull(()) => Refusal::DiskFull,
            WireReason::StorageFailed(why) => Refusal::StorageFailed(why),
            WireReason::ChangeRefused(why) => Refusal::ChangeRefused(why),
            WireReason::NoMajority(reason) => {
                Refusal::NoMajority { voters: count(reason.voters)?, reached: count(reason.reached)? }
            }
            WireReason::PlanChanged(()) => Refusal::PlanChanged,
            WireReason::Invalid(what) => Refusal::Invalid(what),
            WireReason::NotAllowed(why) => Refusal::NotAllowed(why),
            WireReason::TooFast(wait) => Refusal::TooFast { wait: Span::micros(wait) },
        })
    }
}

fn count(wire: u32) -> Result<u8, DecodeError> {
    narrow(wire, "a number of nodes")
}
