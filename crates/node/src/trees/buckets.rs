//! The trees of one partition, one for each bucket that has had items in it: mostly one, so they lie side by side.
//!
//! Invariant: in the order of buckets, each once.

use super::leaves::Leaves;
use proto::BucketId;

/// The trees of one partition.
#[derive(Default)]
pub(super) struct Buckets(Vec<(BucketId, Leaves)>);

impl Buckets {
    /// The tree of a bucket, if it has one.
    pub(super) fn get(&self, bucket: BucketId) -> Option<&Leaves> {
        self.place(bucket).ok().map(|at| &self.0[at].1)
    }

    /// The tree of a bucket, an empty one if it has none.
    pub(super) fn of(&mut self, bucket: BucketId) -> &mut Leaves {
        let at = self.place(bucket).unwrap_or_else(|at| {
            self.0.insert(at, (bucket, Leaves::default()));
            at
        });
        &mut self.0[at].1
    }

    /// Drops the tree of a bucket.
    pub(super) fn remove(&mut self, bucket: BucketId) {
        if let Ok(at) = self.place(bucket) {
            self.0.remove(at);
        }
    }

    /// The roots of trees that are not empty.
    pub(super) fn roots(&self) -> impl Iterator<Item = (BucketId, u64)> {
        self.0.iter().map(|(bucket, leaves)| (*bucket, leaves.root())).filter(|(_, root)| *root != 0)
    }

    fn place(&self, bucket: BucketId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&bucket, |(of, _)| *of)
    }
}

#[cfg(test)]
mod tests {
    use super::Buckets;
    use proto::BucketId;
    use proto::tree::Place;
    use stdx::Prng;

    #[test]
    fn it_is_a_map_of_trees() {
        let (mut prng, mut buckets) = (Prng::new(3), Buckets::default());
        let mut model = std::collections::BTreeMap::new();
        for _ in 0..2_000 {
            let bucket = BucketId(prng.below(6) as u32);
            if prng.below(5) == 0 {
                buckets.remove(bucket);
                model.remove(&bucket);
            } else {
                let by = prng.below(3);
                buckets.of(bucket).change(Place { branch: 1, leaf: 2 }, by);
                *model.entry(bucket).or_insert(0) ^= by;
            }
            assert_eq!(buckets.get(bucket).map(|leaves| leaves.root()), model.get(&bucket).copied());
            let roots = model.iter().map(|(bucket, root)| (*bucket, *root)).filter(|(_, root)| *root != 0);
            assert!(buckets.roots().eq(roots));
        }
    }
}
