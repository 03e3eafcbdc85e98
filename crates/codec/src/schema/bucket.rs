//! Buckets and levels as numbers.
//!
//! A level is one number: 0 to 255 is a count of replicas, 256 and up are the named ones. In modes and rules zero
//! stands for nothing, so that a value of a newer version is never taken for the default.

use super::narrow;
use crate::error::DecodeError;
use proto::{Bucket, BucketId, Durability, Level, Mode, Rule};
use stdx::Span;

const ANY: u32 = 256;
const ONE: u32 = 257;
const QUORUM: u32 = 258;
const ALL: u32 = 259;

pub(crate) fn wire_level(level: Level) -> u32 {
    match level {
        Level::Count(count) => u32::from(count),
        Level::Any => ANY,
        Level::One => ONE,
        Level::Quorum => QUORUM,
        Level::All => ALL,
    }
}

pub(crate) fn level(wire: u32) -> Result<Level, DecodeError> {
    match wire {
        ANY => Ok(Level::Any),
        ONE => Ok(Level::One),
        QUORUM => Ok(Level::Quorum),
        ALL => Ok(Level::All),
        count => u8::try_from(count).map(Level::Count).map_err(|_| DecodeError::newer("a level")),
    }
}

pub(crate) fn wire_durability(durability: Durability) -> u32 {
    match durability {
        Durability::Memory => 1,
        Durability::Fsync => 2,
    }
}

pub(crate) fn durability(wire: u32) -> Result<Durability, DecodeError> {
    match wire {
        1 => Ok(Durability::Memory),
        2 => Ok(Durability::Fsync),
        _ => Err(DecodeError::newer("a durability")),
    }
}

fn wire_mode(mode: Mode) -> u32 {
    match mode {
        Mode::Eventual => 1,
        Mode::Linearizable => 2,
    }
}

fn mode(wire: u32) -> Result<Mode, DecodeError> {
    match wire {
        1 => Ok(Mode::Eventual),
        2 => Ok(Mode::Linearizable),
        _ => Err(DecodeError::newer("the mode of a bucket")),
    }
}

fn wire_rule(rule: Rule) -> u32 {
    match rule {
        Rule::LastWriterWins => 1,
        Rule::Siblings => 2,
    }
}

fn rule(wire: u32) -> Result<Rule, DecodeError> {
    match wire {
        1 => Ok(Rule::LastWriterWins),
        2 => Ok(Rule::Siblings),
        _ => Err(DecodeError::newer("the rule of a bucket")),
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireBucket {
    #[prost(uint32, tag = "1")]
    id: u32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(uint32, tag = "3")]
    n: u32,
    #[prost(uint32, tag = "4")]
    r: u32,
    #[prost(uint32, tag = "5")]
    w: u32,
    #[prost(uint32, tag = "6")]
    mode: u32,
    #[prost(uint32, tag = "7")]
    rule: u32,
    #[prost(uint64, optional, tag = "8")]
    ttl_micros: Option<u64>,
}

impl From<&Bucket> for WireBucket {
    fn from(bucket: &Bucket) -> WireBucket {
        WireBucket {
            id: bucket.id.0,
            name: bucket.name.clone(),
            n: u32::from(bucket.n),
            r: wire_level(bucket.r),
            w: wire_level(bucket.w),
            mode: wire_mode(bucket.mode),
            rule: wire_rule(bucket.rule),
            ttl_micros: bucket.ttl.map(Span::as_micros),
        }
    }
}

impl TryFrom<WireBucket> for Bucket {
    type Error = DecodeError;

    fn try_from(wire: WireBucket) -> Result<Bucket, DecodeError> {
        Ok(Bucket {
            id: BucketId(wire.id),
            name: wire.name,
            n: narrow(wire.n, "the number of copies")?,
            r: level(wire.r)?,
            w: level(wire.w)?,
            mode: mode(wire.mode)?,
            rule: rule(wire.rule)?,
            ttl: wire.ttl_micros.map(Span::micros),
        })
    }
}
