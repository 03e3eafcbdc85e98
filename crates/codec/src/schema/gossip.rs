//! What spreads by gossip: how far nodes are with the changes of the ring, and the events they lack.

use super::event::WireEvent;
use super::node::{WireId, digest, wire_digest};
use super::{all, list};
use crate::error::DecodeError;
use bytes::Bytes;
use causal::Stamp;
use proto::paxos::register::Floor;
use proto::{Digest, Epoch, Message, Progress, Pulse};
use ring::NodeId;

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct WireProgress {
    #[prost(uint64, tag = "1")]
    acked: u64,
    #[prost(uint64, tag = "2")]
    synced: u64,
    #[prost(uint64, tag = "3")]
    switched: u64,
    #[prost(uint64, tag = "4")]
    settled: u64,
    #[prost(message, optional, tag = "5")]
    pulse: Option<WirePulse>,
    #[prost(uint64, tag = "6")]
    clear: u64,
    #[prost(fixed64, tag = "7")]
    collected: u64,
    /// Left out by nodes that know of no floor.
    #[prost(message, optional, tag = "8")]
    floor: Option<WireFloor>,
}

/// Where registers begin anew.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct WireFloor {
    #[prost(uint64, tag = "1")]
    ballot: u64,
    #[prost(uint64, tag = "2")]
    number: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct WirePulse {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(fixed64, tag = "2")]
    life: u64,
    #[prost(uint64, tag = "3")]
    batches: u64,
}

impl From<Pulse> for WirePulse {
    fn from(pulse: Pulse) -> WirePulse {
        WirePulse { number: pulse.number, life: pulse.life, batches: pulse.batches }
    }
}

impl From<WirePulse> for Pulse {
    fn from(wire: WirePulse) -> Pulse {
        Pulse { number: wire.number, life: wire.life, batches: wire.batches }
    }
}

/// The pulse of one node.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct WireNodePulse {
    #[prost(message, required, tag = "1")]
    node: WireId,
    #[prost(message, required, tag = "2")]
    pulse: WirePulse,
}

impl From<&(NodeId, Pulse)> for WireNodePulse {
    fn from((node, pulse): &(NodeId, Pulse)) -> WireNodePulse {
        WireNodePulse { node: node.into(), pulse: (*pulse).into() }
    }
}

impl TryFrom<WireNodePulse> for (NodeId, Pulse) {
    type Error = DecodeError;

    fn try_from(wire: WireNodePulse) -> Result<(NodeId, Pulse), DecodeError> {
        Ok((wire.node.into(), wire.pulse.into()))
    }
}

impl From<&Progress> for WireProgress {
    fn from(progress: &Progress) -> WireProgress {
        WireProgress {
            acked: progress.acked.0,
            synced: progress.synced.0,
            switched: progress.switched.0,
            settled: progress.settled.0,
            pulse: (progress.pulse != Pulse::default()).then(|| progress.pulse.into()),
            clear: progress.clear,
            collected: progress.collected.as_u64(),
            floor: progress.floor.map(|Floor { ballot, number }| WireFloor { ballot, number }),
        }
    }
}

impl From<WireProgress> for Progress {
    fn from(wire: WireProgress) -> Progress {
        Progress {
            acked: Epoch(wire.acked),
            synced: Epoch(wire.synced),
            switched: Epoch(wire.switched),
            settled: Epoch(wire.settled),
            pulse: wire.pulse.map(Pulse::from).unwrap_or_default(),
            clear: wire.clear,
            collected: Stamp::from_u64(wire.collected),
            floor: wire.floor.map(|WireFloor { ballot, number }| Floor { ballot, number }),
        }
    }
}

/// The progress of one node.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct WireNodeProgress {
    #[prost(message, required, tag = "1")]
    node: WireId,
    #[prost(message, required, tag = "2")]
    progress: WireProgress,
}

impl From<&(NodeId, Progress)> for WireNodeProgress {
    fn from((node, progress): &(NodeId, Progress)) -> WireNodeProgress {
        WireNodeProgress { node: node.into(), progress: progress.into() }
    }
}

impl TryFrom<WireNodeProgress> for (NodeId, Progress) {
    type Error = DecodeError;

    fn try_from(wire: WireNodeProgress) -> Result<(NodeId, Progress), DecodeError> {
        Ok((wire.node.into(), wire.progress.into()))
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireGossip {
    #[prost(uint64, tag = "1")]
    epoch: u64,
    #[prost(bytes = "bytes", tag = "2")]
    head: Bytes,
    #[prost(message, repeated, tag = "3")]
    progress: Vec<WireNodeProgress>,
    #[prost(bool, tag = "4")]
    answer: bool,
}

impl WireGossip {
    pub(crate) fn new(epoch: Epoch, head: &Digest, progress: &[(NodeId, Progress)], answer: bool) -> WireGossip {
        WireGossip { epoch: epoch.0, head: wire_digest(head), progress: list(progress), answer }
    }
}

impl TryFrom<WireGossip> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireGossip) -> Result<Message, DecodeError> {
        Ok(Message::Gossip {
            epoch: Epoch(wire.epoch),
            head: digest(&wire.head)?,
            progress: all(wire.progress)?,
            answer: wire.answer,
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct WirePullEvents {
    #[prost(uint64, tag = "1")]
    pub(crate) from: u64,
}

impl From<WirePullEvents> for Message {
    fn from(wire: WirePullEvents) -> Message {
        Message::PullEvents { from: Epoch(wire.from) }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireEvents {
    #[prost(message, repeated, tag = "1")]
    pub(crate) events: Vec<WireEvent>,
}

impl TryFrom<WireEvents> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireEvents) -> Result<Message, DecodeError> {
        Ok(Message::Events { events: all(wire.events)? })
    }
}
