//! What names an item, and where that puts it: the key a client gives, and the slot it has on the ring.
//!
//! Invariant: a slot's token and partition follow from its partition key alone, so all items of one partition key
//! live together.

use crate::ids::BucketId;
use bytes::Bytes;
use ring::{Grid, PartitionId, Token};

/// The key of an item: a partition key, which decides where it lives, and an optional sort key, which orders the items
/// of one partition key. Arbitrary bytes; an empty sort key is not the same as none.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ItemKey {
    /// Decides the token.
    pub partition_key: Bytes,
    /// Orders the items that share the partition key. Items without one come first.
    pub sort_key: Option<Bytes>,
}

impl ItemKey {
    /// The key of a plain key-value item.
    pub fn plain(key: impl Into<Bytes>) -> ItemKey {
        ItemKey { partition_key: key.into(), sort_key: None }
    }

    /// The key of one of several items under a partition key.
    pub fn sorted(partition_key: impl Into<Bytes>, sort_key: impl Into<Bytes>) -> ItemKey {
        ItemKey { partition_key: partition_key.into(), sort_key: Some(sort_key.into()) }
    }

    /// Bytes in both parts together.
    pub fn len(&self) -> usize {
        self.partition_key.len() + self.sort_key.as_ref().map_or(0, Bytes::len)
    }

    /// True if both parts are empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An item's place: bucket, key, and the token and partition that follow from the key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Slot {
    /// Partition of the token.
    pub partition: PartitionId,
    /// SHA-1 of the partition key.
    pub token: Token,
    /// The bucket the item is in.
    pub bucket: BucketId,
    /// The item's key.
    pub key: ItemKey,
}

impl Slot {
    /// Finds the place of `key` on the grid.
    pub fn new(grid: Grid, bucket: BucketId, key: ItemKey) -> Slot {
        let token = Token::of(&key.partition_key);
        Slot { partition: grid.partition_of(&token), token, bucket, key }
    }
}

/// A contiguous run of items inside one partition, in storage order (token, bucket, partition key, sort key).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Range {
    /// Items of one partition key whose sort keys lie in `from..to`, starting after `after` if given. Items without
    /// a sort key are in the range only if `from` is `None`.
    SortKeys {
        /// The bucket.
        bucket: BucketId,
        /// The one partition key.
        partition_key: Bytes,
        /// First sort key, inclusive.
        from: Option<Bytes>,
        /// End of the sort keys, exclusive.
        to: Option<Bytes>,
        /// Continue behind this item of an earlier page.
        after: Option<ItemKey>,
    },
    /// Every item of one partition, of one bucket or of all, starting after `after` if given.
    Partition {
        /// The partition.
        partition: PartitionId,
        /// Only this bucket.
        bucket: Option<BucketId>,
        /// Continue behind this item of an earlier page.
        after: Option<(BucketId, ItemKey)>,
    },
}

impl Range {
    /// The partition the range lies in.
    pub fn partition(&self, grid: Grid) -> PartitionId {
        match self {
            Range::SortKeys { partition_key, .. } => grid.partition_of(&Token::of(partition_key)),
            Range::Partition { partition, .. } => *partition,
        }
    }
}
