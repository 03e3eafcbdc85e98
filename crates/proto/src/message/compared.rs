//! How nodes name what they hold, to find out in what they differ: offers and outlines of streams, spots of hash trees,
//! spent items.

use crate::ids::BucketId;
use crate::item::ItemKey;
use crate::tree::Tree;
use ring::PartitionId;

/// One item of an offer: what the sender holds, by name and by hash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offered {
    /// The bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: ItemKey,
    /// Hash of the record's versions, not of its values.
    pub hash: u64,
}

/// A stretch of a partition as the sender holds it: from where to where, and one hash over all of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outline {
    /// The partition.
    pub partition: PartitionId,
    /// Only items of these buckets are meant.
    pub buckets: Vec<BucketId>,
    /// The first item, by storage order.
    pub first: (BucketId, ItemKey),
    /// The last one, included.
    pub last: (BucketId, ItemKey),
    /// How many there are.
    pub items: u32,
    /// [`crate::hash::list_hash`] over the hashes of the items.
    pub hash: u64,
}

/// What a replica holds of a stretch, beside what another one described.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Likeness {
    /// The same, durably.
    Same,
    /// Nothing at all.
    Nothing,
    /// Something else.
    Other,
}

/// An item of which something is spent: versions that nobody can see any more, or actors of which it holds none.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Spent {
    /// The bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: ItemKey,
    /// Hash of what is held.
    pub hash: u64,
    /// Hash of what stays of it; 0 for nothing.
    pub left: u64,
}

/// A place in hash trees at which two nodes compare, and the order of the hashes there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Spot {
    /// All trees that both hold in a run of partitions: one hash, the XOR of their roots.
    Window {
        /// The first partition.
        from: PartitionId,
        /// The last one, included.
        to: PartitionId,
        /// Hash of the list of trees that the sender means; a receiver that would mean others knows none.
        list: u64,
    },
    /// The roots of these trees.
    Roots(Vec<Tree>),
    /// The branches of a tree.
    Branches(Tree),
    /// The leaves of a branch.
    Leaves(Tree, u8),
}

/// What differs at a spot, by position among its hashes.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Differences {
    /// These differ.
    pub differ: Vec<u32>,
    /// These the answering node cannot tell; 0 stands for all of them where one tree or one window was asked for.
    pub unknown: Vec<u32>,
}
