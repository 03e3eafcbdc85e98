//! The hashes of one tree, in memory. Most partitions hold few items, so a tree begins as a list of the leaves that are
//! not 0, and becomes an array when that is smaller. In the list the numbers of leaves lie apart from their hashes: every write
//! searches it, and what is searched is short.
//!
//! Invariant: the root is the XOR of all leaves; a leaf that is not there is 0.

use proto::tree::{FAN, Place};

/// With more leaves than this that are not 0, the array is smaller.
const LISTED_MAX: usize = FAN * FAN * 8 / 10;

/// All leaves of one tree.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Leaves {
    root: u64,
    kept: Kept,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Kept {
    /// Leaves that are not 0, in order.
    Few {
        /// Their numbers.
        leaves: Vec<u16>,
        /// Their hashes, in the same order.
        hashes: Vec<u64>,
    },
    Many(Box<[u64]>),
}

impl Default for Kept {
    fn default() -> Kept {
        Kept::Few { leaves: Vec::new(), hashes: Vec::new() }
    }
}

impl Leaves {
    /// The XOR of all leaves.
    pub(crate) fn root(&self) -> u64 {
        self.root
    }

    /// Changes one leaf by XOR.
    pub(crate) fn change(&mut self, place: Place, by: u64) {
        self.root ^= by;
        let at = u16::from(place.branch) * FAN as u16 + u16::from(place.leaf);
        match &mut self.kept {
            Kept::Many(leaves) => leaves[usize::from(at)] ^= by,
            Kept::Few { leaves, hashes } => match leaves.binary_search(&at) {
                Ok(found) => {
                    hashes[found] ^= by;
                    if hashes[found] == 0 {
                        leaves.remove(found);
                        hashes.remove(found);
                    }
                }
                Err(before) if by != 0 => {
                    leaves.insert(before, at);
                    hashes.insert(before, by);
                }
                Err(_) => {}
            },
        }
        self.widen();
    }

    fn widen(&mut self) {
        if let Kept::Few { leaves, hashes } = &self.kept
            && leaves.len() > LISTED_MAX
        {
            let mut many = vec![0; FAN * FAN].into_boxed_slice();
            leaves.iter().zip(hashes).for_each(|(leaf, hash)| many[usize::from(*leaf)] = *hash);
            self.kept = Kept::Many(many);
        }
    }

    /// The XOR of each branch.
    pub(crate) fn branches(&self) -> Vec<u64> {
        let mut branches = vec![0; FAN];
        self.each(|leaf, hash| branches[leaf / FAN] ^= hash);
        branches
    }

    /// The leaves of one branch.
    pub(crate) fn of_branch(&self, branch: u8) -> Vec<u64> {
        let mut leaves = vec![0; FAN];
        let first = usize::from(branch) * FAN;
        self.each(|leaf, hash| {
            if let Some(leaf) = leaf.checked_sub(first).and_then(|leaf| leaves.get_mut(leaf)) {
                *leaf = hash;
            }
        });
        leaves
    }

    fn each(&self, mut visit: impl FnMut(usize, u64)) {
        match &self.kept {
            Kept::Few { leaves, hashes } => {
                leaves.iter().zip(hashes).for_each(|(leaf, hash)| visit(usize::from(*leaf), *hash));
            }
            Kept::Many(leaves) => leaves.iter().enumerate().for_each(|(leaf, hash)| visit(leaf, *hash)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Leaves;
    use proto::tree::{FAN, Place};
    use stdx::Prng;

    #[test]
    fn list_and_array_say_the_same() {
        let mut prng = Prng::keyed(1, "leaves", &[]);
        let (mut leaves, mut plain) = (Leaves::default(), vec![0; FAN * FAN]);
        for _ in 0..5_000 {
            let place = Place { branch: prng.below(FAN as u64) as u8, leaf: prng.below(FAN as u64) as u8 };
            let by = prng.below(4);
            leaves.change(place, by);
            plain[usize::from(place.branch) * FAN + usize::from(place.leaf)] ^= by;
            assert_eq!(leaves.root(), plain.iter().fold(0, |all, hash| all ^ hash));
        }
        for (branch, hash) in leaves.branches().into_iter().enumerate() {
            let expected = &plain[branch * FAN..][..FAN];
            assert_eq!(leaves.of_branch(branch as u8), expected);
            assert_eq!(hash, expected.iter().fold(0, |all, hash| all ^ hash));
        }
    }

    #[test]
    fn what_came_and_went_leaves_nothing() {
        let mut leaves = Leaves::default();
        let place = Place { branch: 3, leaf: 9 };
        leaves.change(place, 77);
        assert_eq!(leaves.of_branch(3)[9], 77);
        leaves.change(place, 77);
        assert_eq!(leaves, Leaves::default());
    }
}
