//! Events of the membership history.
//!
//! Invariant: what one of these decodes to hashes as it did where it was made. So a kind of change never gets a new
//! field; a new kind does, and a node that does not know it says so instead of leaving it out of its history.

use super::access::WireApiToken;
use super::bucket::WireBucket;
use super::node::{WireId, WireMember, digest, tokens, wire_digest, wire_token};
use super::{fixed, narrow, need};
use crate::error::{DecodeError, Fault};
use bytes::Bytes;
use causal::Stamp;
use proto::{Change, Epoch, Event, Genesis, Restored, TokenId};
use ring::Grid;
use stdx::Wall;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireEvent {
    #[prost(uint64, tag = "1")]
    epoch: u64,
    #[prost(bytes = "bytes", tag = "2")]
    previous: Bytes,
    #[prost(uint64, tag = "3")]
    at: u64,
    #[prost(fixed64, tag = "4")]
    nonce: u64,
    #[prost(oneof = "WireChange", tags = "16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27")]
    change: Option<WireChange>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireChange {
    #[prost(message, tag = "16")]
    Create(WireGenesis),
    #[prost(message, tag = "17")]
    Add(WireAdd),
    #[prost(message, tag = "18")]
    Remove(WireMember),
    #[prost(message, tag = "19")]
    Readdress(WireReaddress),
    #[prost(message, tag = "20")]
    Bucket(WireBucket),
    #[prost(message, tag = "21")]
    Restored(WireRestored),
    #[prost(message, tag = "22")]
    Eject(WireMember),
    #[prost(message, tag = "23")]
    Replace(WireReplacement),
    #[prost(message, tag = "24")]
    Reweigh(WireNewWeight),
    #[prost(message, tag = "25")]
    Abort(Box<WireAbort>),
    #[prost(message, tag = "26")]
    Grant(WireApiToken),
    #[prost(fixed64, tag = "27")]
    Revoke(u64),
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireReplacement {
    #[prost(message, required, tag = "1")]
    old: WireId,
    #[prost(message, optional, tag = "2")]
    member: Option<WireMember>,
    #[prost(bool, tag = "3")]
    seed: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireNewWeight {
    #[prost(message, required, tag = "1")]
    node: WireId,
    #[prost(uint32, tag = "2")]
    weight: u32,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    tokens: Vec<Bytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireAbort {
    #[prost(uint64, tag = "1")]
    of: u64,
    #[prost(oneof = "WireChange", tags = "16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27")]
    undo: Option<WireChange>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireGenesis {
    #[prost(message, required, tag = "1")]
    cluster: WireId,
    #[prost(uint32, tag = "2")]
    grid_bits: u32,
    #[prost(uint32, tag = "3")]
    n: u32,
    #[prost(bytes = "bytes", tag = "4")]
    context_key: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireAdd {
    #[prost(message, optional, tag = "1")]
    member: Option<WireMember>,
    #[prost(bool, tag = "2")]
    seed: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireReaddress {
    #[prost(message, required, tag = "1")]
    node: WireId,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    uri: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireRestored {
    #[prost(bytes = "bytes", tag = "1")]
    backup: Bytes,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, repeated, tag = "3")]
    buckets: Vec<String>,
    #[prost(bool, tag = "4")]
    overwrite: bool,
    #[prost(fixed64, tag = "5")]
    stamp: u64,
}

impl From<&Restored> for WireRestored {
    fn from(restored: &Restored) -> WireRestored {
        WireRestored {
            backup: wire_digest(&restored.backup),
            name: restored.name.clone(),
            buckets: restored.buckets.clone(),
            overwrite: restored.overwrite,
            stamp: restored.stamp.as_u64(),
        }
    }
}

impl TryFrom<WireRestored> for Restored {
    type Error = DecodeError;

    fn try_from(wire: WireRestored) -> Result<Restored, DecodeError> {
        let WireRestored { backup, name, buckets, overwrite, stamp } = wire;
        Ok(Restored { backup: digest(&backup)?, name, buckets, overwrite, stamp: Stamp::from_u64(stamp) })
    }
}

impl From<&Event> for WireEvent {
    fn from(event: &Event) -> WireEvent {
        WireEvent {
            epoch: event.epoch.0,
            previous: wire_digest(&event.previous),
            at: event.at.0,
            nonce: event.nonce,
            change: Some(WireChange::from(&event.change)),
        }
    }
}

impl TryFrom<WireEvent> for Event {
    type Error = DecodeError;

    fn try_from(wire: WireEvent) -> Result<Event, DecodeError> {
        let epoch = Epoch(wire.epoch);
        let change = wire.change.ok_or(DecodeError::newer("an event")).and_then(Change::try_from);
        Ok(Event {
            epoch,
            previous: digest(&wire.previous)?,
            at: Wall(wire.at),
            nonce: wire.nonce,
            change: change.map_err(|error| too_new(error, epoch))?,
        })
    }
}

fn too_new(error: DecodeError, epoch: Epoch) -> DecodeError {
    if error.is_newer() { DecodeError::new("an event", Fault::EventTooNew(epoch)) } else { error }
}

impl From<&Change> for WireChange {
    fn from(change: &Change) -> WireChange {
        match change {
            Change::Create(genesis) => WireChange::Create(genesis.into()),
            Change::Add { member, seed } => WireChange::Add(WireAdd { member: Some(member.into()), seed: *seed }),
            Change::Remove { member } => WireChange::Remove(member.into()),
            Change::Readdress { node, name, uri } => {
                WireChange::Readdress(WireReaddress { node: node.into(), name: name.clone(), uri: uri.clone() })
            }
            Change::Bucket(bucket) => WireChange::Bucket(bucket.into()),
            Change::Restored(restored) => WireChange::Restored(restored.into()),
            Change::Eject { member } => WireChange::Eject(member.into()),
            Change::Replace { old, member, seed } => {
                let member = Some(member.into());
                WireChange::Replace(WireReplacement { old: old.into(), member, seed: *seed })
            }
            Change::Reweigh { node, weight, tokens } => {
                let tokens = tokens.iter().map(wire_token).collect();
                WireChange::Reweigh(WireNewWeight { node: node.into(), weight: *weight, tokens })
            }
            Change::Grant(token) => WireChange::Grant(token.into()),
            Change::Revoke { token } => WireChange::Revoke(token.0),
            Change::Abort { of, undo } => {
                WireChange::Abort(Box::new(WireAbort { of: of.0, undo: Some(undo.as_ref().into()) }))
            }
        }
    }
}

impl TryFrom<WireChange> for Change {
    type Error = DecodeError;

    fn try_from(wire: WireChange) -> Result<Change, DecodeError> {
        match wire {
            WireChange::Create(genesis) => genesis.try_into().map(Change::Create),
            WireChange::Add(add) => Ok(Change::Add { member: need(add.member, "a member")?, seed: add.seed }),
            WireChange::Remove(member) => Ok(Change::Remove { member: member.try_into()? }),
            WireChange::Readdress(WireReaddress { node, name, uri }) => {
                Ok(Change::Readdress { node: node.into(), name, uri })
            }
            WireChange::Bucket(bucket) => bucket.try_into().map(Change::Bucket),
            WireChange::Restored(restored) => restored.try_into().map(Change::Restored),
            WireChange::Eject(member) => Ok(Change::Eject { member: member.try_into()? }),
            WireChange::Replace(WireReplacement { old, member, seed }) => {
                Ok(Change::Replace { old: old.into(), member: need(member, "a member")?, seed })
            }
            WireChange::Reweigh(WireNewWeight { node, weight, tokens: wire }) => {
                Ok(Change::Reweigh { node: node.into(), weight, tokens: tokens(&wire)? })
            }
            WireChange::Grant(token) => token.try_into().map(Change::Grant),
            WireChange::Revoke(token) => Ok(Change::Revoke { token: TokenId(token) }),
            WireChange::Abort(abort) => {
                let undo = abort.undo.ok_or(DecodeError::newer("an event"))?;
                Ok(Change::Abort { of: Epoch(abort.of), undo: Box::new(undo.try_into()?) })
            }
        }
    }
}

impl From<&Genesis> for WireGenesis {
    fn from(genesis: &Genesis) -> WireGenesis {
        WireGenesis {
            cluster: genesis.cluster.into(),
            grid_bits: u32::from(genesis.grid.bits()),
            n: u32::from(genesis.n),
            context_key: Bytes::copy_from_slice(&genesis.context_key),
        }
    }
}

impl TryFrom<WireGenesis> for Genesis {
    type Error = DecodeError;

    fn try_from(wire: WireGenesis) -> Result<Genesis, DecodeError> {
        let what = "the number of partitions";
        let bits = narrow(wire.grid_bits, what)?;
        Ok(Genesis {
            cluster: wire.cluster.into(),
            grid: Grid::new(bits).ok_or(DecodeError::new(what, Fault::OutOfRange))?,
            n: narrow(wire.n, "the number of copies")?,
            context_key: fixed(&wire.context_key, "the context key")?,
        })
    }
}
