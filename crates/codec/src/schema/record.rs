//! What a replica holds of a slot.

use super::amended::WireAmended;
use super::causal::WireDot;
use super::counted::WireChains;
use super::register::WireRegister;
use super::{all, may, need};
use crate::error::DecodeError;
use bytes::Bytes;
use causal::{Dot, DvvSet, Stamp};

use proto::amended::{End, Parts};
use proto::counted::{Chain, Counted};
use proto::{Record, Value, Version};
use std::collections::BTreeMap;
use stdx::Wall;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireValue {
    #[prost(bytes = "bytes", tag = "1")]
    bytes: Bytes,
    #[prost(string, optional, tag = "2")]
    content_type: Option<String>,
}

impl From<&Value> for WireValue {
    fn from(value: &Value) -> WireValue {
        WireValue { bytes: value.bytes.clone(), content_type: value.content_type.clone() }
    }
}

impl TryFrom<WireValue> for Value {
    type Error = DecodeError;

    fn try_from(wire: WireValue) -> Result<Value, DecodeError> {
        Ok(Value { bytes: wire.bytes, content_type: wire.content_type })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireVersion {
    #[prost(fixed64, tag = "1")]
    stamp: u64,
    #[prost(uint64, optional, tag = "2")]
    expires: Option<u64>,
    /// Left out for a tombstone.
    #[prost(message, optional, tag = "3")]
    value: Option<WireValue>,
}

impl From<&Version> for WireVersion {
    fn from(version: &Version) -> WireVersion {
        WireVersion {
            stamp: version.stamp.as_u64(),
            expires: version.expires.map(|wall| wall.0),
            value: version.value.as_ref().map(WireValue::from),
        }
    }
}

impl TryFrom<WireVersion> for Version {
    type Error = DecodeError;

    fn try_from(wire: WireVersion) -> Result<Version, DecodeError> {
        Ok(Version { stamp: Stamp::from_u64(wire.stamp), expires: wire.expires.map(Wall), value: may(wire.value)? })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireRecord {
    #[prost(oneof = "WireRule", tags = "1, 2, 3, 4, 5")]
    rule: Option<WireRule>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireRule {
    #[prost(message, tag = "1")]
    Latest(WireLatest),
    #[prost(message, tag = "2")]
    Siblings(WireSiblings),
    #[prost(message, tag = "3")]
    Register(WireRegister),
    #[prost(message, boxed, tag = "4")]
    Amended(Box<WireAmended>),
    #[prost(message, boxed, tag = "5")]
    Counted(Box<WireCountedElement>),
}

/// An element that is counted with.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireCountedElement {
    #[prost(message, optional, tag = "1")]
    set: Option<WireSiblings>,
    #[prost(message, optional, tag = "2")]
    added: Option<WireChains>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireLatest {
    #[prost(message, optional, tag = "1")]
    pub(super) dot: Option<WireDot>,
    #[prost(message, optional, tag = "2")]
    pub(super) version: Option<WireVersion>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireSiblings {
    #[prost(message, repeated, tag = "1")]
    entries: Vec<WireEntry>,
}

/// What is known of one actor.
#[derive(Clone, PartialEq, prost::Message)]
struct WireEntry {
    /// The actor, and the highest counter seen of it.
    #[prost(message, required, tag = "1")]
    seen: WireDot,
    #[prost(message, repeated, tag = "2")]
    values: Vec<WireCounted>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireCounted {
    #[prost(uint64, tag = "1")]
    counter: u64,
    #[prost(message, optional, tag = "2")]
    version: Option<WireVersion>,
}

impl TryFrom<WireCounted> for (u64, Version) {
    type Error = DecodeError;

    fn try_from(wire: WireCounted) -> Result<(u64, Version), DecodeError> {
        Ok((wire.counter, need(wire.version, "a version")?))
    }
}

impl From<&Record> for WireRecord {
    fn from(record: &Record) -> WireRecord {
        let rule = match record {
            Record::Latest { dot, version } => {
                WireRule::Latest(WireLatest { dot: Some(dot.into()), version: Some(version.into()) })
            }
            Record::Amended(amended) => WireRule::Amended(Box::new(amended.parts().into())),
            Record::Register(register) => WireRule::Register(register.into()),
            Record::Siblings(set) => WireRule::Siblings(set.into()),
            Record::Counted(counted) => WireRule::Counted(Box::new(WireCountedElement {
                set: Some((&counted.set).into()),
                added: Some((&**counted).into()),
            })),
        };
        WireRecord { rule: Some(rule) }
    }
}

impl From<&DvvSet<Version>> for WireSiblings {
    fn from(set: &DvvSet<Version>) -> WireSiblings {
        WireSiblings { entries: set.entries().map(entry).collect() }
    }
}

fn entry((actor, seen, values): (causal::Actor, u64, &[(u64, Version)])) -> WireEntry {
    let values =
        values.iter().map(|(counter, version)| WireCounted { counter: *counter, version: Some(version.into()) });
    WireEntry { seen: WireDot::new(actor, seen), values: values.collect() }
}

impl TryFrom<WireRecord> for Record {
    type Error = DecodeError;

    fn try_from(wire: WireRecord) -> Result<Record, DecodeError> {
        match wire.rule.ok_or(DecodeError::newer("a record"))? {
            WireRule::Latest(latest) => {
                Ok(Record::Latest { dot: need(latest.dot, "a dot")?, version: need(latest.version, "a version")? })
            }
            WireRule::Siblings(siblings) => set(siblings).map(Record::Siblings),
            WireRule::Amended(amended) => {
                let parts = Parts::try_from(*amended)?;
                parts.record().ok_or(DecodeError::malformed("an amended version"))
            }
            WireRule::Counted(counted) => {
                let (chains, end): (BTreeMap<Dot, Chain>, Option<End>) = need(counted.added, "what was added")?;
                let counted = Counted { set: set(counted.set.unwrap_or_default())?, chains, end };
                counted.record().ok_or(DecodeError::malformed("an element"))
            }
            WireRule::Register(register) => register.try_into().map(Record::Register),
        }
    }
}

fn set(wire: WireSiblings) -> Result<DvvSet<Version>, DecodeError> {
    let entries = wire.entries.into_iter().map(|entry| {
        let values = all(entry.values)?;
        Ok((entry.seen.actor(), entry.seen.counter(), values))
    });
    let entries: Vec<_> = entries.collect::<Result<_, DecodeError>>()?;
    DvvSet::from_entries(entries).map_err(|_| DecodeError::malformed("a set of siblings"))
}
