//! The node's own records: who it is, which life this is, the history, its promises as an acceptor, how far it is.
//!
//! Keys are a kind byte, and for events and acceptors the epoch in big-endian order, so that a scan gives the history
//! in order. Invariant: a record decodes only under its own key.
//! Refuses to know which of them must be there and what they mean together.

use crate::error::{DecodeError, Fault};
use crate::schema::event::WireEvent;
use crate::schema::gossip::{WireNodeProgress, WireNodePulse, WireProgress};
use crate::schema::node::WireId;
use crate::schema::paxos::WireAcceptor;
use crate::schema::{all, list, parse};
use crate::sealed::{open, seal};
use bytes::Bytes;
use proto::paxos::AcceptorState;
use proto::{Epoch, Event, Progress, Pulse};
use ring::NodeId;

const NODE: u8 = 1;
const INCARNATION: u8 = 2;
const EVENT: u8 = 3;
const ACCEPTOR: u8 = 4;
const PROGRESS: u8 = 5;
const PEERS: u8 = 6;
const PULSES: u8 = 7;

/// One record about the node itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MetaRecord {
    /// Who this node is.
    Node(NodeId),
    /// Which life of it this is.
    Incarnation(u64),
    /// One event of the history.
    Event(Event),
    /// What the acceptor must not forget about event number `epoch`.
    Acceptor {
        /// Number of the event.
        epoch: Epoch,
        /// The acceptor's state.
        state: AcceptorState<Event>,
    },
    /// How far this node is.
    Progress {
        /// How far.
        progress: Progress,
        /// The oldest epoch it still uses.
        stable: Epoch,
    },
    /// How far the others were when this node came in.
    Peers(Vec<(NodeId, Progress)>),
    /// The last pulse of this node, and the highest heard of others.
    Pulses(Vec<(NodeId, Pulse)>),
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireIncarnation {
    #[prost(uint64, tag = "1")]
    incarnation: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireOwnProgress {
    #[prost(message, required, tag = "1")]
    progress: WireProgress,
    #[prost(uint64, tag = "2")]
    stable: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WirePeers {
    #[prost(message, repeated, tag = "1")]
    peers: Vec<WireNodeProgress>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WirePulses {
    #[prost(message, repeated, tag = "1")]
    pulses: Vec<WireNodePulse>,
}

/// The storage key of a record.
pub fn meta_key(record: &MetaRecord) -> Vec<u8> {
    match record {
        MetaRecord::Node(_) => node_key(),
        MetaRecord::Incarnation(_) => incarnation_key(),
        MetaRecord::Event(event) => event_key(event.epoch),
        MetaRecord::Acceptor { epoch, .. } => acceptor_key(*epoch),
        MetaRecord::Progress { .. } => progress_key(),
        MetaRecord::Peers(_) => peers_key(),
        MetaRecord::Pulses(_) => pulses_key(),
    }
}

/// Where [`MetaRecord::Node`] is.
pub fn node_key() -> Vec<u8> {
    vec![NODE]
}

/// Where [`MetaRecord::Incarnation`] is.
pub fn incarnation_key() -> Vec<u8> {
    vec![INCARNATION]
}

/// Where the event of this number is.
pub fn event_key(epoch: Epoch) -> Vec<u8> {
    numbered(EVENT, epoch)
}

/// Where the acceptor's state for the event of this number is.
pub fn acceptor_key(epoch: Epoch) -> Vec<u8> {
    numbered(ACCEPTOR, epoch)
}

/// Where [`MetaRecord::Progress`] is.
pub fn progress_key() -> Vec<u8> {
    vec![PROGRESS]
}

/// Where [`MetaRecord::Peers`] is.
pub fn peers_key() -> Vec<u8> {
    vec![PEERS]
}

/// Where [`MetaRecord::Pulses`] is.
pub fn pulses_key() -> Vec<u8> {
    vec![PULSES]
}

/// First key and end of the whole history, in order.
pub fn event_range() -> (Vec<u8>, Vec<u8>) {
    (vec![EVENT], vec![EVENT + 1])
}

/// First key and end of the acceptor's states for events below `below`.
pub fn acceptor_range(below: Epoch) -> (Vec<u8>, Vec<u8>) {
    (vec![ACCEPTOR], acceptor_key(below))
}

fn numbered(kind: u8, epoch: Epoch) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(&epoch.0.to_be_bytes());
    key
}

/// A record as key and value.
pub fn encode_meta(record: &MetaRecord) -> (Vec<u8>, Bytes) {
    let key = meta_key(record);
    let value = match record {
        MetaRecord::Node(node) => seal(&key, &WireId::from(node)),
        MetaRecord::Incarnation(incarnation) => seal(&key, &WireIncarnation { incarnation: *incarnation }),
        MetaRecord::Event(event) => seal(&key, &WireEvent::from(event)),
        MetaRecord::Acceptor { state, .. } => seal(&key, &WireAcceptor::from(state)),
        MetaRecord::Progress { progress, stable } => {
            seal(&key, &WireOwnProgress { progress: progress.into(), stable: stable.0 })
        }
        MetaRecord::Peers(peers) => seal(&key, &WirePeers { peers: list(peers) }),
        MetaRecord::Pulses(pulses) => seal(&key, &WirePulses { pulses: list(pulses) }),
    };
    (key, value)
}

/// The record under a key.
pub fn decode_meta(key: &[u8], value: &Bytes) -> Result<MetaRecord, DecodeError> {
    const WHAT: &str = "a record of the node";
    let (kind, rest) = key.split_first().ok_or(DecodeError::new(WHAT, Fault::Truncated))?;
    let body = open(key, value, WHAT)?;
    match (*kind, rest) {
        (NODE, []) => parse::<WireId>(body, WHAT).map(|id| MetaRecord::Node(id.into())),
        (INCARNATION, []) => parse::<WireIncarnation>(body, WHAT).map(|wire| MetaRecord::Incarnation(wire.incarnation)),
        (EVENT, rest) => event(epoch(rest)?, body),
        (ACCEPTOR, rest) => {
            let state = parse::<WireAcceptor>(body, WHAT)?.try_into()?;
            Ok(MetaRecord::Acceptor { epoch: epoch(rest)?, state })
        }
        (PROGRESS, []) => parse::<WireOwnProgress>(body, WHAT)
            .map(|wire| MetaRecord::Progress { progress: wire.progress.into(), stable: Epoch(wire.stable) }),
        (PEERS, []) => all(parse::<WirePeers>(body, WHAT)?.peers).map(MetaRecord::Peers),
        (PULSES, []) => all(parse::<WirePulses>(body, WHAT)?.pulses).map(MetaRecord::Pulses),
        _ => Err(DecodeError::newer(WHAT)),
    }
}

fn event(epoch: Epoch, body: Bytes) -> Result<MetaRecord, DecodeError> {
    let event: Event = parse::<WireEvent>(body, "an event")?.try_into()?;
    if event.epoch != epoch {
        return Err(DecodeError::malformed("the key of an event"));
    }
    Ok(MetaRecord::Event(event))
}

fn epoch(rest: &[u8]) -> Result<Epoch, DecodeError> {
    let bytes = rest.try_into().map_err(|_| DecodeError::malformed("the key of an event"))?;
    Ok(Epoch(u64::from_be_bytes(bytes)))
}
