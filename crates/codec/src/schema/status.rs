//! What a node knows of its cluster, for people who ask another node.

use super::bucket::WireBucket;
use super::gossip::WireProgress;
use super::node::{WireId, WireMember, ids, wire_ids};
use super::{all, list, need};
use crate::error::DecodeError;
use liveness::Condition;
use proto::{Epoch, HintsWaiting, MemberStatus, Status};
use stdx::Span;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireStatus {
    #[prost(message, required, tag = "1")]
    node: WireId,
    #[prost(message, required, tag = "2")]
    cluster: WireId,
    #[prost(uint64, tag = "3")]
    epoch: u64,
    #[prost(uint64, tag = "4")]
    stable: u64,
    #[prost(uint64, tag = "5")]
    reading: u64,
    #[prost(uint32, tag = "6")]
    partitions: u32,
    #[prost(message, repeated, tag = "7")]
    members: Vec<WireMemberStatus>,
    #[prost(message, repeated, tag = "8")]
    buckets: Vec<WireBucket>,
    #[prost(message, repeated, tag = "9")]
    voters: Vec<WireId>,
    #[prost(uint32, tag = "10")]
    moving: u32,
    #[prost(message, repeated, tag = "11")]
    hints: Vec<WireHintsWaiting>,
    #[prost(string, repeated, tag = "12")]
    blocked: Vec<String>,
    #[prost(bool, tag = "13")]
    leaving: bool,
    #[prost(string, repeated, tag = "14")]
    steps: Vec<String>,
    #[prost(uint64, tag = "15")]
    bytes_left: u64,
    #[prost(uint64, tag = "16")]
    seconds_left: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireHintsWaiting {
    #[prost(message, required, tag = "1")]
    node: WireId,
    #[prost(uint64, tag = "2")]
    waiting: u64,
    #[prost(bool, tag = "3")]
    more: bool,
    #[prost(bool, tag = "4")]
    full: bool,
}

impl From<&HintsWaiting> for WireHintsWaiting {
    fn from(hints: &HintsWaiting) -> WireHintsWaiting {
        let HintsWaiting { node, waiting, more, full } = *hints;
        WireHintsWaiting { node: WireId::from(&node), waiting, more, full }
    }
}

impl From<WireHintsWaiting> for HintsWaiting {
    fn from(wire: WireHintsWaiting) -> HintsWaiting {
        let WireHintsWaiting { node, waiting, more, full } = wire;
        HintsWaiting { node: node.into(), waiting, more, full }
    }
}

impl From<&Status> for WireStatus {
    fn from(status: &Status) -> WireStatus {
        WireStatus {
            node: WireId::from(&status.node),
            cluster: WireId::from(status.cluster),
            epoch: status.epoch.0,
            stable: status.stable.0,
            reading: status.reading.0,
            partitions: status.partitions,
            members: list(&status.members),
            buckets: list(&status.buckets),
            voters: wire_ids(&status.voters),
            moving: status.moving,
            hints: list(&status.hints),
            blocked: status.blocked.clone(),
            leaving: status.leaving,
            steps: status.steps.clone(),
            bytes_left: status.left.0,
            seconds_left: status.left.1,
        }
    }
}

impl TryFrom<WireStatus> for Status {
    type Error = DecodeError;

    fn try_from(wire: WireStatus) -> Result<Status, DecodeError> {
        Ok(Status {
            node: wire.node.into(),
            cluster: wire.cluster.into(),
            epoch: Epoch(wire.epoch),
            stable: Epoch(wire.stable),
            reading: Epoch(wire.reading),
            partitions: wire.partitions,
            members: all(wire.members)?,
            buckets: all(wire.buckets)?,
            voters: ids(wire.voters),
            moving: wire.moving,
            hints: wire.hints.into_iter().map(HintsWaiting::from).collect(),
            steps: wire.steps,
            left: (wire.bytes_left, wire.seconds_left),
            blocked: wire.blocked,
            leaving: wire.leaving,
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireMemberStatus {
    #[prost(message, optional, tag = "1")]
    member: Option<WireMember>,
    #[prost(bool, tag = "2")]
    leaving: bool,
    #[prost(bool, tag = "3")]
    seed: bool,
    #[prost(uint32, tag = "4")]
    condition: u32,
    #[prost(message, required, tag = "5")]
    progress: WireProgress,
    #[prost(uint32, tag = "6")]
    copies: u32,
    #[prost(bool, tag = "60")]
    reached_by_others: bool,
    #[prost(uint64, optional, tag = "61")]
    round_trip_micros: Option<u64>,
    #[prost(uint32, tag = "62")]
    phi: u32,
}

impl From<&MemberStatus> for WireMemberStatus {
    fn from(status: &MemberStatus) -> WireMemberStatus {
        WireMemberStatus {
            member: Some((&status.member).into()),
            leaving: status.leaving,
            seed: status.seed,
            condition: wire_condition(status.condition),
            progress: WireProgress::from(&status.progress),
            copies: status.copies,
            reached_by_others: status.reached_by_others,
            round_trip_micros: status.round_trip.map(Span::as_micros),
            phi: status.phi,
        }
    }
}

impl TryFrom<WireMemberStatus> for MemberStatus {
    type Error = DecodeError;

    fn try_from(wire: WireMemberStatus) -> Result<MemberStatus, DecodeError> {
        Ok(MemberStatus {
            member: need(wire.member, "a member")?,
            leaving: wire.leaving,
            seed: wire.seed,
            condition: condition(wire.condition)?,
            progress: wire.progress.into(),
            copies: wire.copies,
            reached_by_others: wire.reached_by_others,
            round_trip: wire.round_trip_micros.map(Span::micros),
            phi: wire.phi,
        })
    }
}

pub(super) fn wire_condition(condition: Condition) -> u32 {
    match condition {
        Condition::Unknown => 1,
        Condition::Up => 2,
        Condition::Suspect => 3,
        Condition::Down => 4,
    }
}

pub(super) fn condition(wire: u32) -> Result<Condition, DecodeError> {
    match wire {
        1 => Ok(Condition::Unknown),
        2 => Ok(Condition::Up),
        3 => Ok(Condition::Suspect),
        4 => Ok(Condition::Down),
        _ => Err(DecodeError::newer("the condition of a member")),
    }
}
