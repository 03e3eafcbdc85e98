//! Messages that move many items at once: offers and pushes.

use super::item::{WireItem, WireKey, WirePlace, partition};
use super::packed::WirePacked;
use super::{all, list, need};
use crate::error::DecodeError;
use proto::{BucketId, Epoch, ItemKey, Likeness, Message, Offered, Outline, Record, SessionId};
use ring::PartitionId;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireOutline {
    #[prost(uint64, tag = "1")]
    session: u64,
    #[prost(uint64, tag = "2")]
    epoch: u64,
    #[prost(uint32, tag = "3")]
    partition: u32,
    #[prost(uint32, repeated, tag = "4")]
    buckets: Vec<u32>,
    #[prost(message, optional, tag = "5")]
    first: Option<WirePlace>,
    #[prost(message, optional, tag = "6")]
    last: Option<WirePlace>,
    #[prost(uint32, tag = "7")]
    items: u32,
    #[prost(fixed64, tag = "8")]
    hash: u64,
}

impl WireOutline {
    pub(crate) fn new(session: SessionId, epoch: Epoch, outline: &Outline) -> WireOutline {
        let place = |(bucket, key): &(BucketId, ItemKey)| Some(WirePlace::new(*bucket, key));
        WireOutline {
            session: session.0,
            epoch: epoch.0,
            partition: u32::from(outline.partition.0),
            buckets: outline.buckets.iter().map(|bucket| bucket.0).collect(),
            first: place(&outline.first),
            last: place(&outline.last),
            items: outline.items,
            hash: outline.hash,
        }
    }
}

impl TryFrom<WireOutline> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireOutline) -> Result<Message, DecodeError> {
        let outline = Outline {
            partition: partition(wire.partition)?,
            buckets: wire.buckets.into_iter().map(BucketId).collect(),
            first: need(wire.first, "the first item")?,
            last: need(wire.last, "the last item")?,
            items: wire.items,
            hash: wire.hash,
        };
        Ok(Message::Outline { session: SessionId(wire.session), epoch: Epoch(wire.epoch), outline })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct WireOutlined {
    #[prost(uint64, tag = "1")]
    session: u64,
    /// 0: it cannot be answered; 1: the same; 2: nothing; 3: something else.
    #[prost(uint32, tag = "2")]
    likeness: u32,
}

impl WireOutlined {
    pub(crate) fn new(session: SessionId, likeness: Option<Likeness>) -> WireOutlined {
        let likeness = match likeness {
            None => 0,
            Some(Likeness::Same) => 1,
            Some(Likeness::Nothing) => 2,
            Some(Likeness::Other) => 3,
        };
        WireOutlined { session: session.0, likeness }
    }
}

impl TryFrom<WireOutlined> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireOutlined) -> Result<Message, DecodeError> {
        let likeness = match wire.likeness {
            0 => None,
            1 => Some(Likeness::Same),
            2 => Some(Likeness::Nothing),
            3 => Some(Likeness::Other),
            _ => return Err(DecodeError::newer("an answer to an outline")),
        };
        Ok(Message::Outlined { session: SessionId(wire.session), likeness })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireOffer {
    #[prost(uint64, tag = "1")]
    session: u64,
    #[prost(uint64, tag = "2")]
    epoch: u64,
    #[prost(uint32, tag = "3")]
    partition: u32,
    #[prost(message, repeated, tag = "4")]
    items: Vec<WireOffered>,
}

impl WireOffer {
    pub(crate) fn new(session: SessionId, epoch: Epoch, partition: PartitionId, items: &[Offered]) -> WireOffer {
        WireOffer { session: session.0, epoch: epoch.0, partition: u32::from(partition.0), items: list(items) }
    }
}

impl TryFrom<WireOffer> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireOffer) -> Result<Message, DecodeError> {
        Ok(Message::Offer {
            session: SessionId(wire.session),
            epoch: Epoch(wire.epoch),
            partition: partition(wire.partition)?,
            items: all(wire.items)?,
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireOffered {
    #[prost(uint32, tag = "1")]
    bucket: u32,
    #[prost(message, optional, tag = "2")]
    key: Option<WireKey>,
    #[prost(fixed64, tag = "3")]
    hash: u64,
}

impl From<&Offered> for WireOffered {
    fn from(offered: &Offered) -> WireOffered {
        WireOffered { bucket: offered.bucket.0, key: Some((&offered.key).into()), hash: offered.hash }
    }
}

impl TryFrom<WireOffered> for Offered {
    type Error = DecodeError;

    fn try_from(wire: WireOffered) -> Result<Offered, DecodeError> {
        Ok(Offered { bucket: BucketId(wire.bucket), key: need(wire.key, "a key")?, hash: wire.hash })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireWant {
    #[prost(uint64, tag = "1")]
    session: u64,
    #[prost(uint32, repeated, tag = "2")]
    items: Vec<u32>,
    /// The offer can not be answered; nothing is wanted, and nothing more should be offered.
    #[prost(bool, tag = "3")]
    stop: bool,
}

impl WireWant {
    pub(crate) fn new(session: SessionId, items: Option<&[u32]>) -> WireWant {
        WireWant { session: session.0, items: items.unwrap_or_default().to_vec(), stop: items.is_none() }
    }
}

impl From<WireWant> for Message {
    fn from(wire: WireWant) -> Message {
        Message::Want { session: SessionId(wire.session), items: (!wire.stop).then_some(wire.items) }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WirePush {
    #[prost(uint64, tag = "1")]
    session: u64,
    #[prost(uint64, tag = "2")]
    epoch: u64,
    #[prost(message, repeated, tag = "3")]
    items: Vec<WireItem>,
    #[prost(uint64, tag = "4")]
    round: u64,
    /// In place of `items`.
    #[prost(message, optional, tag = "5")]
    packed: Option<WirePacked>,
}

impl WirePush {
    pub(crate) fn new(session: SessionId, epoch: Epoch, items: &[(BucketId, ItemKey, Record)], round: u64) -> WirePush {
        let (items, packed) = match WirePacked::new(items) {
            Ok(packed) => (Vec::new(), Some(packed)),
            Err(items) => (items, None),
        };
        WirePush { session: session.0, epoch: epoch.0, items, round, packed }
    }

    /// Bytes that come out of what is packed in it.
    pub(super) fn unpacked_len(&self) -> usize {
        self.packed.as_ref().map_or(0, WirePacked::unpacked_len)
    }
}

impl TryFrom<WirePush> for Message {
    type Error = DecodeError;

    fn try_from(wire: WirePush) -> Result<Message, DecodeError> {
        let (session, epoch, round) = (SessionId(wire.session), Epoch(wire.epoch), wire.round);
        let items = match wire.packed {
            Some(packed) => packed.unpack()?,
            None => all(wire.items)?,
        };
        Ok(Message::Push { session, epoch, items, round })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct WirePushed {
    #[prost(uint64, tag = "1")]
    pub(crate) session: u64,
    #[prost(bool, tag = "2")]
    pub(crate) ok: bool,
}

impl From<WirePushed> for Message {
    fn from(wire: WirePushed) -> Message {
        Message::Pushed { session: SessionId(wire.session), ok: wire.ok }
    }
}
