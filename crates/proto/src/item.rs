//! What names an item, and where that puts it: the key a client gives, and the slot it has on the ring.
//!
//! Invariant: a slot's token and partition follow from its partition key alone, so all items of one partition key
//! live together.

use crate::ids::BucketId;
use bytes::Bytes;
use ring::{Grid, PartitionId, Token};

/// The first byte of the sort keys of *elements*: fields of hashes, members of sets and whatever else is a part of
/// something. Their versions stand side by side in every eventual bucket ([`ItemKey::is_element`]).
pub const ELEMENT: u8 = 0;

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

    /// True if the item is a part of something: its sort key begins with [`ELEMENT`]. In eventual buckets elements keep
    /// siblings whatever the bucket's rule, so a removal takes away what its client has seen and nothing else, and an
    /// addition wins over a removal beside it.
    pub fn is_element(&self) -> bool {
        self.sort_key.as_ref().is_some_and(|sort| sort.first() == Some(&ELEMENT))
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

#[cfg(test)]
mod tests {
    use super::{ELEMENT, ItemKey};
    use crate::bucket::Bucket;
    use crate::record::Rule;

    #[test]
    fn elements_keep_siblings_and_other_items_follow_their_bucket() {
        let default = Bucket::default_bucket(3);
        for element in [ItemKey::sorted("k", vec![ELEMENT]), ItemKey::sorted("k", vec![ELEMENT, 1])] {
            assert!(element.is_element());
            assert_eq!(default.rule_for(&element), Rule::Siblings);
        }
        for plain in [ItemKey::plain(vec![ELEMENT]), ItemKey::sorted("k", ""), ItemKey::sorted("k", vec![1, ELEMENT])] {
            assert!(!plain.is_element());
            assert_eq!(default.rule_for(&plain), Rule::LastWriterWins);
            assert_eq!(Bucket { rule: Rule::Siblings, ..default.clone() }.rule_for(&plain), Rule::Siblings);
        }
    }
}
