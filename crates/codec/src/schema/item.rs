//! Keys, items and ranges of items.

use super::record::WireRecord;
use super::{may, narrow, need};
use crate::error::DecodeError;
use bytes::Bytes;
use proto::{BucketId, ItemKey, Range, Record};
use ring::PartitionId;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireKey {
    #[prost(bytes = "bytes", tag = "1")]
    partition_key: Bytes,
    #[prost(bytes = "bytes", optional, tag = "2")]
    sort_key: Option<Bytes>,
}

impl From<&ItemKey> for WireKey {
    fn from(key: &ItemKey) -> WireKey {
        WireKey { partition_key: key.partition_key.clone(), sort_key: key.sort_key.clone() }
    }
}

impl TryFrom<WireKey> for ItemKey {
    type Error = DecodeError;

    fn try_from(wire: WireKey) -> Result<ItemKey, DecodeError> {
        Ok(ItemKey { partition_key: wire.partition_key, sort_key: wire.sort_key })
    }
}

/// A key in its bucket.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WirePlace {
    #[prost(uint32, tag = "1")]
    bucket: u32,
    #[prost(message, optional, tag = "2")]
    key: Option<WireKey>,
}

impl WirePlace {
    pub(crate) fn new(bucket: BucketId, key: &ItemKey) -> WirePlace {
        WirePlace { bucket: bucket.0, key: Some(key.into()) }
    }
}

impl TryFrom<WirePlace> for (BucketId, ItemKey) {
    type Error = DecodeError;

    fn try_from(wire: WirePlace) -> Result<(BucketId, ItemKey), DecodeError> {
        Ok((BucketId(wire.bucket), need(wire.key, "a key")?))
    }
}

/// A record in its place.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireItem {
    #[prost(uint32, tag = "1")]
    bucket: u32,
    #[prost(message, optional, tag = "2")]
    key: Option<WireKey>,
    #[prost(message, optional, tag = "3")]
    record: Option<WireRecord>,
}

impl WireItem {
    pub(crate) fn new(bucket: BucketId, key: &ItemKey, record: &Record) -> WireItem {
        WireItem { bucket: bucket.0, key: Some(key.into()), record: Some(record.into()) }
    }
}

impl From<&(BucketId, ItemKey, Record)> for WireItem {
    fn from((bucket, key, record): &(BucketId, ItemKey, Record)) -> WireItem {
        WireItem::new(*bucket, key, record)
    }
}

impl TryFrom<WireItem> for (BucketId, ItemKey, Record) {
    type Error = DecodeError;

    fn try_from(wire: WireItem) -> Result<(BucketId, ItemKey, Record), DecodeError> {
        Ok((BucketId(wire.bucket), need(wire.key, "a key")?, need(wire.record, "a record")?))
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireRange {
    #[prost(oneof = "WireRun", tags = "1, 2")]
    run: Option<WireRun>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireRun {
    #[prost(message, tag = "1")]
    SortKeys(WireSortKeys),
    #[prost(message, tag = "2")]
    Partition(WirePartition),
}

/// A run of sort keys, of a range or of a client's scope; the latter names its bucket elsewhere.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireSortKeys {
    #[prost(uint32, tag = "1")]
    pub(crate) bucket: u32,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) partition_key: Bytes,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub(crate) from: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub(crate) to: Option<Bytes>,
    #[prost(message, optional, tag = "5")]
    pub(crate) after: Option<WireKey>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WirePartition {
    #[prost(uint32, tag = "1")]
    partition: u32,
    #[prost(uint32, optional, tag = "2")]
    bucket: Option<u32>,
    #[prost(message, optional, tag = "3")]
    after: Option<WirePlace>,
}

impl From<&Range> for WireRange {
    fn from(range: &Range) -> WireRange {
        let run = match range {
            Range::SortKeys { bucket, partition_key, from, to, after } => WireRun::SortKeys(WireSortKeys {
                bucket: bucket.0,
                partition_key: partition_key.clone(),
                from: from.clone(),
                to: to.clone(),
                after: after.as_ref().map(WireKey::from),
            }),
            Range::Partition { partition, bucket, after } => WireRun::Partition(WirePartition {
                partition: u32::from(partition.0),
                bucket: bucket.map(|bucket| bucket.0),
                after: after.as_ref().map(|(bucket, key)| WirePlace::new(*bucket, key)),
            }),
        };
        WireRange { run: Some(run) }
    }
}

impl TryFrom<WireRange> for Range {
    type Error = DecodeError;

    fn try_from(wire: WireRange) -> Result<Range, DecodeError> {
        match wire.run.ok_or(DecodeError::newer("a range"))? {
            WireRun::SortKeys(run) => Ok(Range::SortKeys {
                bucket: BucketId(run.bucket),
                partition_key: run.partition_key,
                from: run.from,
                to: run.to,
                after: may(run.after)?,
            }),
            WireRun::Partition(run) => Ok(Range::Partition {
                partition: partition(run.partition)?,
                bucket: run.bucket.map(BucketId),
                after: may(run.after)?,
            }),
        }
    }
}

pub(crate) fn partition(wire: u32) -> Result<PartitionId, DecodeError> {
    narrow(wire, "a partition").map(PartitionId)
}
