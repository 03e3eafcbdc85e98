//! Messages by which replicas agree on what is collected.

use super::item::WireKey;
use super::{all, list, need};
use crate::error::DecodeError;
use proto::{BucketId, Epoch, Message, SessionId, Spent};
use stdx::Wall;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireSpentOf {
    #[prost(uint64, tag = "1")]
    session: u64,
    #[prost(uint64, tag = "2")]
    epoch: u64,
    #[prost(uint64, tag = "3")]
    round: u64,
    #[prost(message, repeated, tag = "4")]
    items: Vec<WireSpent>,
    #[prost(uint64, tag = "5")]
    wall: u64,
}

impl WireSpentOf {
    pub(crate) fn new(session: SessionId, epoch: Epoch, round: u64, wall: Wall, items: &[Spent]) -> WireSpentOf {
        WireSpentOf { session: session.0, epoch: epoch.0, round, items: list(items), wall: wall.0 }
    }

    pub(crate) fn parts(self) -> Result<(SessionId, Epoch, u64, Wall, Vec<Spent>), DecodeError> {
        Ok((SessionId(self.session), Epoch(self.epoch), self.round, Wall(self.wall), all(self.items)?))
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireSpent {
    #[prost(uint32, tag = "1")]
    bucket: u32,
    #[prost(message, optional, tag = "2")]
    key: Option<WireKey>,
    #[prost(fixed64, tag = "3")]
    hash: u64,
    #[prost(fixed64, tag = "4")]
    left: u64,
}

impl From<&Spent> for WireSpent {
    fn from(spent: &Spent) -> WireSpent {
        let Spent { bucket, key, hash, left } = spent;
        WireSpent { bucket: bucket.0, key: Some(key.into()), hash: *hash, left: *left }
    }
}

impl TryFrom<WireSpent> for Spent {
    type Error = DecodeError;

    fn try_from(wire: WireSpent) -> Result<Spent, DecodeError> {
        let WireSpent { bucket, key, hash, left } = wire;
        Ok(Spent { bucket: BucketId(bucket), key: need(key, "a key")?, hash, left })
    }
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct WireAgreed {
    #[prost(uint64, tag = "1")]
    session: u64,
    #[prost(uint64, tag = "2")]
    round: u64,
    #[prost(uint32, repeated, tag = "3")]
    items: Vec<u32>,
    #[prost(uint64, tag = "4")]
    wall: u64,
}

impl WireAgreed {
    pub(crate) fn new(session: SessionId, round: u64, wall: Wall, items: &[u32]) -> WireAgreed {
        WireAgreed { session: session.0, round, items: items.to_vec(), wall: wall.0 }
    }
}

impl From<WireAgreed> for Message {
    fn from(wire: WireAgreed) -> Message {
        let (session, wall) = (SessionId(wire.session), Wall(wire.wall));
        Message::Agreed { session, round: wire.round, wall, items: wire.items }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct WireCollected {
    #[prost(uint64, tag = "1")]
    pub(crate) session: u64,
    #[prost(bool, tag = "2")]
    pub(crate) ok: bool,
}

impl From<WireCollected> for Message {
    fn from(wire: WireCollected) -> Message {
        Message::Collected { session: SessionId(wire.session), ok: wire.ok }
    }
}
