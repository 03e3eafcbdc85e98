//! The hash trees of this node, in memory, and how they come to be: changed in the same step as the write, before it is
//! acknowledged; after a start, and on a schedule, computed from what is on disk, a few records at a time.
//!
//! Invariant: a tree that is known is exactly that of what the engine shows. While one is computed, every write up to where
//! the scan has come changes the new tree as well, and every write behind that is still to be read: none is lost and none
//! counted twice. A tree that is being computed for the first time is unknown, and unknown is never compared.
//! `docs/adr/0010-hash-trees-in-memory.md` says why they are not on disk.

mod buckets;
mod leaves;

use buckets::Buckets;
use leaves::Leaves;
use proto::BucketId;
use proto::tree::{Place, Tree, TreePart};
use ring::PartitionId;

#[derive(Default)]
struct Partition {
    known: Option<Buckets>,
    /// The tree being computed, and the last storage key that is in it.
    building: Option<(Vec<u8>, Buckets)>,
}

/// What came of computing a tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Built {
    /// For the first time.
    New,
    /// Again, and it is the same.
    Same,
    /// Again, and it differs from what was written: the disk has lost or changed something.
    Other,
}

/// The trees of all partitions this node holds.
#[derive(Default)]
pub(crate) struct Trees {
    /// By partition; every write looks one up.
    partitions: Vec<Option<Box<Partition>>>,
}

impl Trees {
    /// True if the partition's trees are known.
    pub(crate) fn knows(&self, partition: PartitionId) -> bool {
        self.get(partition).is_some_and(|partition| partition.known.is_some())
    }

    /// A slot changed: its version hash before (0 for nothing) and now.
    pub(crate) fn change(
        &mut self,
        storage_key: &[u8],
        tree: Tree,
        place: impl FnOnce() -> Place,
        before: u64,
        now: u64,
    ) {
        let Some(partition) = self.get_mut(tree.partition) else { return };
        let place = place();
        if let Some(known) = &mut partition.known {
            known.of(tree.bucket).change(place, before ^ now);
        }
        if let Some((upto, building)) = &mut partition.building
            && storage_key <= upto.as_slice()
        {
            building.of(tree.bucket).change(place, before ^ now);
        }
    }

    /// Begins to compute a partition's trees, or goes on: the storage key behind which to read on, if anything was read.
    pub(crate) fn build(&mut self, partition: PartitionId) -> Option<Vec<u8>> {
        let building = &mut self.entry(partition).building;
        let (upto, _) = building.get_or_insert_default();
        (!upto.is_empty()).then(|| upto.clone())
    }

    /// The computation has come to this record.
    pub(crate) fn read(&mut self, partition: PartitionId, storage_key: &[u8], slot: Option<(BucketId, Place, u64)>) {
        let building = self.get_mut(partition).and_then(|partition| partition.building.as_mut());
        let Some((upto, building)) = building else { return };
        storage_key.clone_into(upto);
        if let Some((bucket, place, hash)) = slot {
            building.of(bucket).change(place, hash);
        }
    }

    /// The computation has come to the end of the partition.
    pub(crate) fn built(&mut self, partition: PartitionId) -> Built {
        let Some(partition) = self.get_mut(partition) else { return Built::New };
        let Some((_, new)) = partition.building.take() else { return Built::New };
        let old = partition.known.replace(new);
        let Some(old) = old else { return Built::New };
        let same = partition.known.as_ref().is_some_and(|new| new.roots().eq(old.roots()));
        if same { Built::Same } else { Built::Other }
    }

    /// The partition's trees must be computed from the beginning.
    pub(crate) fn forget(&mut self, partition: PartitionId) {
        if let Some(partition) = self.partitions.get_mut(usize::from(partition.0)) {
            *partition = None;
        }
    }

    /// Every record of these buckets is gone.
    pub(crate) fn drop_buckets(&mut self, partition: PartitionId, buckets: &[BucketId]) {
        let Some(partition) = self.get_mut(partition) else { return };
        let building = partition.building.as_mut().map(|(_, building)| building);
        for kept in partition.known.as_mut().into_iter().chain(building) {
            buckets.iter().for_each(|bucket| kept.remove(*bucket));
        }
    }

    /// The hashes of a part of a tree: one for a root, else one for each branch or leaf. None if the tree is unknown.
    pub(crate) fn hashes(&self, part: TreePart) -> Option<Vec<u64>> {
        let tree = match part {
            TreePart::Root(tree) | TreePart::Branches(tree) | TreePart::Leaves(tree, _) => tree,
        };
        let known = self.get(tree.partition)?.known.as_ref()?;
        let empty = Leaves::default();
        let leaves = known.get(tree.bucket).unwrap_or(&empty);
        Some(match part {
            TreePart::Root(_) => vec![leaves.root()],
            TreePart::Branches(_) => leaves.branches(),
            TreePart::Leaves(_, branch) => leaves.of_branch(branch),
        })
    }

    fn get(&self, partition: PartitionId) -> Option<&Partition> {
        self.partitions.get(usize::from(partition.0))?.as_deref()
    }

    fn get_mut(&mut self, partition: PartitionId) -> Option<&mut Partition> {
        self.partitions.get_mut(usize::from(partition.0))?.as_deref_mut()
    }

    fn entry(&mut self, partition: PartitionId) -> &mut Partition {
        let at = usize::from(partition.0);
        if self.partitions.len() <= at {
            self.partitions.resize_with(at + 1, || None);
        }
        self.partitions[at].get_or_insert_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{Built, Trees};
    use proto::BucketId;
    use proto::tree::{Place, Tree, TreePart};
    use ring::PartitionId;
    use std::collections::BTreeMap;
    use stdx::Prng;

    const PARTITION: PartitionId = PartitionId(5);
    const TREE: Tree = Tree { partition: PARTITION, bucket: BucketId(2) };

    fn place(key: u8) -> Place {
        Place { branch: key % 32, leaf: key / 32 }
    }

    /// A store of one-byte keys, written to while its tree is computed.
    fn step(trees: &mut Trees, store: &BTreeMap<u8, u64>) -> Option<Built> {
        let after = trees.build(PARTITION).map_or(0, |upto| usize::from(upto[0]) + 1);
        let next = store.range(u8::try_from(after).ok()?..).next();
        match next.filter(|_| after < 256) {
            Some((key, hash)) => {
                trees.read(PARTITION, &[*key], Some((TREE.bucket, place(*key), *hash)));
                None
            }
            None => Some(trees.built(PARTITION)),
        }
    }

    #[test]
    fn writes_during_the_computation_are_neither_lost_nor_counted_twice() {
        for seed in 0..50 {
            let mut prng = Prng::keyed(seed, "trees", &[]);
            let (mut trees, mut store) = (Trees::default(), BTreeMap::new());
            let mut built = 0;
            while built < 3 {
                let (key, hash) = (prng.below(200) as u8, prng.below(1_000));
                let before = store.insert(key, hash).unwrap_or(0);
                trees.change(&[key], TREE, || place(key), before, hash);
                assert!(built > 0 || trees.hashes(TreePart::Root(TREE)).is_none(), "a new tree is unknown");
                if let Some(outcome) = step(&mut trees, &store) {
                    assert_eq!(outcome, if built == 0 { Built::New } else { Built::Same });
                    built += 1;
                    let root = store.values().fold(0, |root, hash| root ^ hash);
                    assert_eq!(trees.hashes(TreePart::Root(TREE)), Some(vec![root]));
                }
            }
        }
    }

    #[test]
    fn what_the_disk_lost_silently_is_noticed() {
        let mut trees = Trees::default();
        let mut store: BTreeMap<u8, u64> = [(1, 10), (2, 20)].into();
        while step(&mut trees, &store).is_none() {}
        store.remove(&2);
        assert_eq!(trees.hashes(TreePart::Root(TREE)), Some(vec![30]));
        let outcome = std::iter::repeat_with(|| step(&mut trees, &store)).flatten().next();
        assert_eq!(outcome, Some(Built::Other));
        assert_eq!(trees.hashes(TreePart::Root(TREE)), Some(vec![10]));
    }

    #[test]
    fn dropped_buckets_are_out_of_both_trees() {
        let mut trees = Trees::default();
        let store: BTreeMap<u8, u64> = [(1, 10), (2, 20)].into();
        while step(&mut trees, &store).is_none() {}
        step(&mut trees, &store);
        trees.drop_buckets(PARTITION, &[TREE.bucket]);
        assert_eq!(trees.hashes(TreePart::Root(TREE)), Some(vec![0]));
        assert_eq!(step(&mut trees, &BTreeMap::new()), Some(Built::Same));
    }
}
