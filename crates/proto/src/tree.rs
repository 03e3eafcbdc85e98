//! The shape of the hash trees by which replicas are compared: one tree for each partition and bucket, a root, 32
//! branches, 32 leaves under each. A leaf is the XOR of the version hashes of the slots that fall into it, a branch the
//! XOR of its leaves, the root the XOR of its branches (TicTac trees: Riak, kv_index_tictactree).
//!
//! A branch is a slice of the partition's tokens, so its items are one run on disk; the leaf within it follows from a hash
//! of the key, so that a long run of items under one partition key is still cut in 32.
//!
//! Invariant: the place of a slot in its tree depends on its key and the grid alone, never on a ring or a bucket's
//! settings: no change of the ring ever reshapes a tree.
//! Refuses to know where trees are kept and when they are compared.

use crate::ids::BucketId;
use crate::item::{ItemKey, Slot};
use ring::{Grid, PartitionId, Token};
use stdx::hash::Mixer;

/// Branches of a tree, and leaves of a branch.
pub const FAN: usize = 32;

/// Names a tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Tree {
    /// The partition.
    pub partition: PartitionId,
    /// The bucket.
    pub bucket: BucketId,
}

/// A part of a tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TreePart {
    /// The root: one hash.
    Root(Tree),
    /// All branches: [`FAN`] hashes.
    Branches(Tree),
    /// All leaves of one branch: [`FAN`] hashes.
    Leaves(Tree, u8),
}

/// Some leaves of one branch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Patch {
    /// The tree.
    pub tree: Tree,
    /// The branch, below [`FAN`].
    pub branch: u8,
    /// One bit for each leaf, the lowest for leaf 0.
    pub leaves: u32,
}

impl Patch {
    /// True if this slot's leaf is among them.
    pub fn covers(&self, bucket: BucketId, place: Place) -> bool {
        self.tree.bucket == bucket && self.branch == place.branch && self.leaves & 1 << place.leaf != 0
    }
}

/// Where in its tree a slot is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The branch, below [`FAN`].
    pub branch: u8,
    /// The leaf of that branch, below [`FAN`].
    pub leaf: u8,
}

impl Place {
    /// Where a slot is.
    pub fn of(grid: Grid, slot: &Slot) -> Place {
        Place::at(grid, &slot.token, &slot.key)
    }

    /// Where an item with this key and token is.
    pub fn at(grid: Grid, token: &Token, key: &ItemKey) -> Place {
        let mut mixer = Mixer::new(u64::from(grid.bits()));
        mixer.bytes(&key.partition_key);
        if let Some(sort_key) = &key.sort_key {
            mixer.bytes(sort_key);
        }
        Place { branch: branch_of(grid, token), leaf: (mixer.finish() >> 59) as u8 }
    }
}

/// The slice of its partition in which a token lies. Like a partition, a slice ends with its boundary.
fn branch_of(grid: Grid, token: &Token) -> u8 {
    let (head, tail) = token.as_bytes().split_at(8);
    let head = u64::from_be_bytes(head.try_into().expect("eight bytes"));
    let below = if tail.iter().any(|byte| *byte != 0) { head } else { head.wrapping_sub(1) };
    ((below << grid.bits()) >> 59) as u8
}

/// The tokens of a branch: all of them lie between these two, both included; the first may belong to the branch before.
pub fn branch_tokens(grid: Grid, partition: PartitionId, branch: u8) -> (Token, Token) {
    let first = (u64::from(partition.0) << 5 | u64::from(branch)) << (59 - u32::from(grid.bits()));
    let (mut low, mut high) = ([0; 20], [0; 20]);
    low[..8].copy_from_slice(&first.to_be_bytes());
    match first.checked_add(1 << (59 - u32::from(grid.bits()))) {
        Some(end) => high[..8].copy_from_slice(&end.to_be_bytes()),
        // Token 0 ends the last branch of all. It is not between these two, and nothing has it: no key with that SHA-1
        // is known.
        None => high = [0xff; 20],
    }
    (Token::from_bytes(low), Token::from_bytes(high))
}

#[cfg(test)]
mod tests {
    use super::{FAN, Place, branch_of, branch_tokens};
    use crate::ids::BucketId;
    use crate::item::{ItemKey, Slot};
    use ring::{Grid, PartitionId, Token};
    use std::collections::BTreeMap;

    #[test]
    fn a_token_lies_within_the_bounds_of_its_branch() {
        for bits in [0, 4, 12, 16] {
            let grid = Grid::new(bits).unwrap();
            for number in 0..2_000u32 {
                let token = Token::of(&number.to_be_bytes());
                let (low, high) = branch_tokens(grid, grid.partition_of(&token), branch_of(grid, &token));
                assert!(low <= token && token <= high, "{bits} bits: {token:?} is not in {low:?}..={high:?}");
            }
        }
    }

    #[test]
    fn a_boundary_belongs_to_the_branch_that_it_ends() {
        let grid = Grid::new(4).unwrap();
        let (_, end) = branch_tokens(grid, PartitionId(3), 7);
        assert_eq!((grid.partition_of(&end), branch_of(grid, &end)), (PartitionId(3), 7));
        let (_, end) = branch_tokens(grid, PartitionId(3), 31);
        assert_eq!((grid.partition_of(&end), branch_of(grid, &end)), (PartitionId(3), 31));
        assert_eq!(branch_tokens(grid, PartitionId(15), 31).1, Token::from_bytes([0xff; 20]));
    }

    #[test]
    fn keys_and_long_runs_of_sort_keys_spread_over_the_leaves() {
        let grid = Grid::new(2).unwrap();
        let mut leaves: BTreeMap<Place, u32> = BTreeMap::new();
        for number in 0..40_000u32 {
            let slot = Slot::new(grid, BucketId(1), ItemKey::plain(number.to_string()));
            *leaves.entry(Place::of(grid, &slot)).or_default() += 1;
        }
        assert_eq!(leaves.len(), FAN * FAN);
        let row = |number: u32| ItemKey { partition_key: "row".into(), sort_key: Some(number.to_string().into()) };
        let places = (0..4_000).map(|number| Place::of(grid, &Slot::new(grid, BucketId(1), row(number))));
        let mut of_row: BTreeMap<Place, u32> = BTreeMap::new();
        places.for_each(|place| *of_row.entry(place).or_default() += 1);
        assert_eq!(of_row.len(), FAN);
        assert!(of_row.values().all(|count| (60..250).contains(count)), "{of_row:?}");
    }
}
