//! Versions with what was done on top of them, and the requests that do it.

use super::bucket::{durability, level, wire_durability, wire_level};
use super::causal::WireDot;
use super::item::WireKey;
use super::record::{WireLatest, WireValue};
use super::{all, may, need};
use crate::error::{DecodeError, Fault};
use bytes::Bytes;
use causal::{Actor, Dot, Stamp};
use proto::amended::{End, Mark, Parts, Tally};
use proto::{Amending, Amendment, Decimal, Outcome, Unchanged, When};
use stdx::Wall;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireAmended {
    /// The newest version that was written, if one is known.
    #[prost(message, optional, tag = "1")]
    base: Option<WireLatest>,
    #[prost(message, repeated, tag = "2")]
    tallies: Vec<WireTally>,
    #[prost(message, optional, tag = "3")]
    end: Option<WireEnd>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireMark {
    #[prost(fixed64, tag = "1")]
    stamp: u64,
    #[prost(message, optional, tag = "2")]
    dot: Option<WireDot>,
}

/// A number in units of 10^-17, in two halves.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(super) struct WireDecimal {
    #[prost(sfixed64, tag = "1")]
    high: i64,
    #[prost(fixed64, tag = "2")]
    low: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireTally {
    /// The actor, and the counter of its newest increment.
    #[prost(message, optional, tag = "1")]
    newest: Option<WireDot>,
    #[prost(message, optional, tag = "2")]
    after: Option<WireMark>,
    #[prost(fixed64, tag = "3")]
    stamp: u64,
    #[prost(message, optional, tag = "4")]
    sum: Option<WireDecimal>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireEnd {
    #[prost(message, optional, tag = "1")]
    of: Option<WireMark>,
    #[prost(message, optional, tag = "2")]
    made: Option<WireMark>,
    #[prost(uint64, optional, tag = "3")]
    expires: Option<u64>,
}

impl From<&Mark> for WireMark {
    fn from(mark: &Mark) -> WireMark {
        WireMark { stamp: mark.stamp.as_u64(), dot: Some((&mark.dot).into()) }
    }
}

impl TryFrom<WireMark> for Mark {
    type Error = DecodeError;

    fn try_from(wire: WireMark) -> Result<Mark, DecodeError> {
        Ok(Mark { stamp: Stamp::from_u64(wire.stamp), dot: need(wire.dot, "a dot")? })
    }
}

impl From<Decimal> for WireDecimal {
    fn from(number: Decimal) -> WireDecimal {
        WireDecimal { high: (number.units() >> 64) as i64, low: number.units() as u64 }
    }
}

impl TryFrom<WireDecimal> for Decimal {
    type Error = DecodeError;

    fn try_from(wire: WireDecimal) -> Result<Decimal, DecodeError> {
        Ok(Decimal::from_units(i128::from(wire.high) << 64 | i128::from(wire.low)))
    }
}

impl From<&Parts> for WireAmended {
    fn from(parts: &Parts) -> WireAmended {
        let base = |(dot, version): &(Dot, proto::Version)| WireLatest {
            dot: Some(dot.into()),
            version: Some(version.into()),
        };
        let tally = |(actor, tally): (&Actor, &Tally)| WireTally {
            newest: Some(WireDot::new(*actor, tally.counter)),
            after: Some((&tally.after).into()),
            stamp: tally.stamp.as_u64(),
            sum: Some(tally.sum.into()),
        };
        WireAmended {
            base: parts.base.as_ref().map(base),
            tallies: parts.tallies.iter().map(tally).collect(),
            end: parts.end.as_ref().map(WireEnd::from),
        }
    }
}

impl From<&End> for WireEnd {
    fn from(end: &End) -> WireEnd {
        WireEnd {
            of: end.of.as_ref().map(WireMark::from),
            made: Some((&Mark { stamp: end.stamp, dot: end.dot }).into()),
            expires: end.expires.map(|wall| wall.0),
        }
    }
}

impl TryFrom<WireAmended> for Parts {
    type Error = DecodeError;

    fn try_from(wire: WireAmended) -> Result<Parts, DecodeError> {
        let base = match wire.base {
            Some(base) => Some((need(base.dot, "a dot")?, need(base.version, "a version")?)),
            None => None,
        };
        let tallies: Vec<(Actor, Tally)> = all(wire.tallies)?;
        let parts = Parts { base, tallies: tallies.into_iter().collect(), end: may(wire.end)? };
        // Without what a newer base has replaced, which nobody sends.
        Ok(parts.join(&Parts::default()))
    }
}

impl TryFrom<WireTally> for (Actor, Tally) {
    type Error = DecodeError;

    fn try_from(wire: WireTally) -> Result<(Actor, Tally), DecodeError> {
        let Dot { actor, counter } = need(wire.newest, "a dot")?;
        let (after, sum) = (need(wire.after, "a mark")?, need(wire.sum, "a sum")?);
        Ok((actor, Tally { counter, after, stamp: Stamp::from_u64(wire.stamp), sum }))
    }
}

impl TryFrom<WireEnd> for End {
    type Error = DecodeError;

    fn try_from(wire: WireEnd) -> Result<End, DecodeError> {
        let Mark { stamp, dot } = need(wire.made, "a mark")?;
        Ok(End { of: may(wire.of)?, dot, stamp, expires: wire.expires.map(Wall) })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireAmending {
    #[prost(string, tag = "1")]
    bucket: String,
    #[prost(message, optional, tag = "2")]
    key: Option<WireKey>,
    #[prost(uint32, optional, tag = "3")]
    level: Option<u32>,
    #[prost(uint32, tag = "4")]
    durability: u32,
    #[prost(oneof = "WireAmendment", tags = "5, 6, 7")]
    amendment: Option<WireAmendment>,
    #[prost(uint64, optional, tag = "8")]
    ends: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireAmendment {
    #[prost(message, tag = "5")]
    Add(WireAdd),
    #[prost(message, tag = "6")]
    End(WireNewEnd),
    #[prost(message, tag = "7")]
    Put(WireElement),
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireElement {
    /// Left out to remove it.
    #[prost(message, optional, tag = "1")]
    value: Option<WireValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireAdd {
    #[prost(message, optional, tag = "1")]
    by: Option<WireDecimal>,
    #[prost(bool, tag = "2")]
    whole: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(super) struct WireNewEnd {
    #[prost(uint64, optional, tag = "1")]
    expires: Option<u64>,
    /// 1 if it is there, 2 if it has no end, 3 if it has one, 4 if that is earlier, 5 if there is none or a later one.
    #[prost(uint32, tag = "2")]
    when: u32,
}

const WHENS: [When; 5] = [When::There, When::Endless, When::Ending, When::Later, When::Earlier];

impl WireNewEnd {
    pub(super) fn new(expires: Option<Wall>, when: When) -> WireNewEnd {
        let when = (1..).zip(WHENS).find_map(|(number, one)| (one == when).then_some(number)).unwrap_or(0);
        WireNewEnd { expires: expires.map(|wall| wall.0), when }
    }

    pub(super) fn read(self) -> Result<(Option<Wall>, When), DecodeError> {
        let when = (self.when as usize).checked_sub(1).and_then(|at| WHENS.get(at));
        Ok((self.expires.map(Wall), *when.ok_or(DecodeError::newer("a condition"))?))
    }
}

impl From<&Amending> for WireAmending {
    fn from(amending: &Amending) -> WireAmending {
        let amendment = match &amending.amendment {
            &Amendment::Add { by, whole } => WireAmendment::Add(WireAdd { by: Some(by.into()), whole }),
            &Amendment::End { expires, when } => WireAmendment::End(WireNewEnd::new(expires, when)),
            Amendment::Put(value) => WireAmendment::Put(WireElement { value: value.as_ref().map(WireValue::from) }),
        };
        WireAmending {
            bucket: amending.bucket.clone(),
            key: Some((&amending.key).into()),
            level: amending.level.map(wire_level),
            durability: wire_durability(amending.durability),
            amendment: Some(amendment),
            ends: amending.ends.map(|wall| wall.0),
        }
    }
}

impl TryFrom<WireAmending> for Amending {
    type Error = DecodeError;

    fn try_from(wire: WireAmending) -> Result<Amending, DecodeError> {
        let amendment = match wire.amendment.ok_or(DecodeError::newer("an amendment"))? {
            WireAmendment::Add(add) => Amendment::Add { by: need(add.by, "a number")?, whole: add.whole },
            WireAmendment::End(end) => {
                let (expires, when) = end.read()?;
                Amendment::End { expires, when }
            }
            WireAmendment::Put(put) => Amendment::Put(may(put.value)?),
        };
        Ok(Amending {
            bucket: wire.bucket,
            key: need(wire.key, "a key")?,
            amendment,
            ends: wire.ends.map(Wall),
            level: wire.level.map(level).transpose()?,
            durability: durability(wire.durability)?,
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireOutcome {
    #[prost(bytes = "bytes", tag = "1")]
    value: Bytes,
    #[prost(uint64, optional, tag = "2")]
    expires: Option<u64>,
    #[prost(uint32, tag = "3")]
    acknowledged: u32,
}

impl From<&Outcome> for WireOutcome {
    fn from(outcome: &Outcome) -> WireOutcome {
        WireOutcome {
            value: outcome.value.clone(),
            expires: outcome.expires.map(|wall| wall.0),
            acknowledged: u32::from(outcome.acknowledged),
        }
    }
}

impl TryFrom<WireOutcome> for Outcome {
    type Error = DecodeError;

    fn try_from(wire: WireOutcome) -> Result<Outcome, DecodeError> {
        let acknowledged = super::narrow(wire.acknowledged, "a number of nodes")?;
        Ok(Outcome { value: wire.value, expires: wire.expires.map(Wall), acknowledged })
    }
}

/// Why an amendment does not apply, as a number.
pub(super) fn wire_unchanged(why: Unchanged) -> u32 {
    match why {
        Unchanged::NotANumber => 1,
        Unchanged::OutOfRange => 2,
        Unchanged::Absent => 3,
        Unchanged::Condition => 4,
        Unchanged::Known => 5,
    }
}

/// The reverse of [`wire_unchanged`].
pub(super) fn unchanged(number: u32) -> Result<Unchanged, DecodeError> {
    Ok(match number {
        1 => Unchanged::NotANumber,
        2 => Unchanged::OutOfRange,
        3 => Unchanged::Absent,
        4 => Unchanged::Condition,
        5 => Unchanged::Known,
        _ => return Err(DecodeError::new("the reason of an amendment", Fault::OutOfRange)),
    })
}
