//! What watchers ask, and what they are told.

use super::item::{WireKey, partition};
use super::node::WireId;
use super::{all, list, may, need};
use crate::error::DecodeError;
use bytes::Bytes;
use causal::Stamp;
use proto::watch::{Changed, Followed, Interest, Places, Position, Watch, Watched};
use proto::{BucketId, Epoch};
use ring::{NodeId, PartitionId};
use stdx::Wall;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireWatch {
    #[prost(oneof = "WireAsked", tags = "1, 2")]
    asked: Option<WireAsked>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireAsked {
    #[prost(message, tag = "1")]
    Places(WirePlacesAsk),
    #[prost(message, tag = "2")]
    Follow(WireFollow),
}

#[derive(Clone, PartialEq, prost::Message)]
struct WirePlacesAsk {
    #[prost(string, optional, tag = "1")]
    bucket: Option<String>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    partition_key: Option<Bytes>,
    #[prost(message, repeated, tag = "3")]
    prefer: Vec<WireId>,
    #[prost(message, optional, tag = "4")]
    avoid: Option<WireId>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireFollow {
    #[prost(message, required, tag = "1")]
    node: WireId,
    #[prost(message, repeated, tag = "2")]
    interests: Vec<WireInterest>,
    #[prost(message, optional, tag = "3")]
    after: Option<WirePosition>,
    #[prost(uint32, tag = "4")]
    limit: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireInterest {
    #[prost(uint32, tag = "1")]
    bucket: u32,
    #[prost(uint32, optional, tag = "2")]
    partition: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WirePosition {
    #[prost(fixed64, tag = "1")]
    life: u64,
    #[prost(uint64, tag = "2")]
    seq: u64,
}

impl From<&Interest> for WireInterest {
    fn from(interest: &Interest) -> WireInterest {
        let partition = interest.partition.map(|partition| u32::from(partition.0));
        WireInterest { bucket: interest.bucket.0, partition }
    }
}

impl TryFrom<WireInterest> for Interest {
    type Error = DecodeError;

    fn try_from(wire: WireInterest) -> Result<Interest, DecodeError> {
        Ok(Interest { bucket: BucketId(wire.bucket), partition: wire.partition.map(partition).transpose()? })
    }
}

impl From<&Position> for WirePosition {
    fn from(position: &Position) -> WirePosition {
        WirePosition { life: position.life, seq: position.seq }
    }
}

impl TryFrom<WirePosition> for Position {
    type Error = DecodeError;

    fn try_from(wire: WirePosition) -> Result<Position, DecodeError> {
        Ok(Position { life: wire.life, seq: wire.seq })
    }
}

impl From<&Watch> for WireWatch {
    fn from(watch: &Watch) -> WireWatch {
        let asked = match watch {
            Watch::Places { bucket, partition_key, prefer, avoid } => WireAsked::Places(WirePlacesAsk {
                bucket: bucket.clone(),
                partition_key: partition_key.clone(),
                prefer: prefer.iter().map(WireId::from).collect(),
                avoid: avoid.as_ref().map(WireId::from),
            }),
            Watch::Follow { node, interests, after, limit } => WireAsked::Follow(WireFollow {
                node: WireId::from(node),
                interests: list(interests),
                after: after.as_ref().map(WirePosition::from),
                limit: *limit,
            }),
        };
        WireWatch { asked: Some(asked) }
    }
}

impl TryFrom<WireWatch> for Watch {
    type Error = DecodeError;

    fn try_from(wire: WireWatch) -> Result<Watch, DecodeError> {
        Ok(match wire.asked.ok_or(DecodeError::newer("a question of a watcher"))? {
            WireAsked::Places(places) => Watch::Places {
                bucket: places.bucket,
                partition_key: places.partition_key,
                prefer: places.prefer.into_iter().map(NodeId::from).collect(),
                avoid: places.avoid.map(NodeId::from),
            },
            WireAsked::Follow(follow) => Watch::Follow {
                node: follow.node.into(),
                interests: all(follow.interests)?,
                after: may(follow.after)?,
                limit: follow.limit,
            },
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireWatched {
    #[prost(oneof = "WireTold", tags = "1, 2")]
    told: Option<WireTold>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireTold {
    #[prost(message, tag = "1")]
    Places(WirePlaces),
    #[prost(message, tag = "2")]
    Followed(WireFollowed),
}

#[derive(Clone, PartialEq, prost::Message)]
struct WirePlaces {
    #[prost(uint32, optional, tag = "1")]
    bucket: Option<u32>,
    /// The newest event, the view that reads use, the oldest in use.
    #[prost(uint64, tag = "2")]
    epoch: u64,
    #[prost(uint64, tag = "3")]
    reading: u64,
    #[prost(uint64, tag = "4")]
    stable: u64,
    #[prost(message, repeated, tag = "5")]
    of: Vec<WirePlacesOf>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WirePlacesOf {
    #[prost(message, required, tag = "1")]
    node: WireId,
    #[prost(uint32, repeated, tag = "2")]
    partitions: Vec<u32>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireFollowed {
    #[prost(message, required, tag = "1")]
    at: WirePosition,
    #[prost(uint64, tag = "2")]
    oldest: u64,
    #[prost(uint64, repeated, tag = "3")]
    since: Vec<u64>,
    #[prost(message, repeated, tag = "4")]
    changes: Vec<WireChangedItem>,
    #[prost(bool, tag = "5")]
    more: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireChangedItem {
    #[prost(uint64, tag = "1")]
    seq: u64,
    #[prost(uint32, tag = "2")]
    bucket: u32,
    #[prost(uint32, tag = "3")]
    partition: u32,
    #[prost(message, optional, tag = "4")]
    key: Option<WireKey>,
    #[prost(fixed64, optional, tag = "5")]
    stamp: Option<u64>,
    #[prost(uint64, optional, tag = "6")]
    expires: Option<u64>,
    #[prost(bool, tag = "7")]
    gone: bool,
}

impl From<&Changed> for WireChangedItem {
    fn from(changed: &Changed) -> WireChangedItem {
        WireChangedItem {
            seq: changed.seq,
            bucket: changed.bucket.0,
            partition: u32::from(changed.partition.0),
            key: Some((&changed.key).into()),
            stamp: changed.stamp.map(Stamp::as_u64),
            expires: changed.expires.map(|wall| wall.0),
            gone: changed.gone,
        }
    }
}

impl TryFrom<WireChangedItem> for Changed {
    type Error = DecodeError;

    fn try_from(wire: WireChangedItem) -> Result<Changed, DecodeError> {
        Ok(Changed {
            seq: wire.seq,
            bucket: BucketId(wire.bucket),
            partition: partition(wire.partition)?,
            key: need(wire.key, "a key")?,
            stamp: wire.stamp.map(Stamp::from_u64),
            expires: wire.expires.map(Wall),
            gone: wire.gone,
        })
    }
}

impl From<&Watched> for WireWatched {
    fn from(watched: &Watched) -> WireWatched {
        let told = match watched {
            Watched::Places(Places { bucket, views: (epoch, reading, stable), of }) => {
                let of = of.iter().map(|(node, partitions)| WirePlacesOf {
                    node: WireId::from(node),
                    partitions: partitions.iter().map(|partition| u32::from(partition.0)).collect(),
                });
                WireTold::Places(WirePlaces {
                    bucket: bucket.map(|bucket| bucket.0),
                    epoch: epoch.0,
                    reading: reading.0,
                    stable: stable.0,
                    of: of.collect(),
                })
            }
            Watched::Followed(followed) => WireTold::Followed(WireFollowed {
                at: (&followed.at).into(),
                oldest: followed.oldest,
                since: followed.since.clone(),
                changes: list(&followed.changes),
                more: followed.more,
            }),
        };
        WireWatched { told: Some(told) }
    }
}

impl TryFrom<WireWatched> for Watched {
    type Error = DecodeError;

    fn try_from(wire: WireWatched) -> Result<Watched, DecodeError> {
        Ok(match wire.told.ok_or(DecodeError::newer("an answer to a watcher"))? {
            WireTold::Places(places) => {
                let of = places.of.into_iter().map(|of| {
                    let partitions: Result<Vec<PartitionId>, DecodeError> =
                        of.partitions.into_iter().map(partition).collect();
                    Ok((NodeId::from(of.node), partitions?))
                });
                Watched::Places(Places {
                    bucket: places.bucket.map(BucketId),
                    views: (Epoch(places.epoch), Epoch(places.reading), Epoch(places.stable)),
                    of: of.collect::<Result<_, DecodeError>>()?,
                })
            }
            WireTold::Followed(followed) => Watched::Followed(Followed {
                at: followed.at.try_into()?,
                oldest: followed.oldest,
                since: followed.since,
                changes: all(followed.changes)?,
                more: followed.more,
            }),
        })
    }
}
