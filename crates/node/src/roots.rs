//! One hash for each partition and bucket: the XOR of the hashes of what the slots hold. Kept in memory, changed with
//! every write, computed by a scan when first asked for.
//!
//! Invariant: equal roots mean equal sets of versions (up to a collision of 64-bit hashes). A partition that is not here
//! is unknown, not empty.

use proto::BucketId;
use ring::PartitionId;
use std::collections::BTreeMap;

/// Hashes of the partitions that were asked for.
#[derive(Default)]
pub(crate) struct Roots {
    known: BTreeMap<PartitionId, BTreeMap<BucketId, u64>>,
}

impl Roots {
    /// True if the partition's hashes are known.
    pub(crate) fn knows(&self, partition: PartitionId) -> bool {
        self.known.contains_key(&partition)
    }

    /// A slot changed: its hash before (0 for nothing) and now.
    pub(crate) fn change(&mut self, partition: PartitionId, bucket: BucketId, before: u64, now: u64) {
        if let Some(buckets) = self.known.get_mut(&partition) {
            *buckets.entry(bucket).or_insert(0) ^= before ^ now;
        }
    }

    /// The hashes of a partition, just computed.
    pub(crate) fn learn(&mut self, partition: PartitionId, buckets: BTreeMap<BucketId, u64>) {
        self.known.insert(partition, buckets);
    }

    /// The partition must be computed again.
    pub(crate) fn forget(&mut self, partition: PartitionId) {
        self.known.remove(&partition);
    }

    /// The XOR over the named buckets.
    pub(crate) fn root(&self, partition: PartitionId, of: &[BucketId]) -> u64 {
        let Some(buckets) = self.known.get(&partition) else { return 0 };
        of.iter().filter_map(|bucket| buckets.get(bucket)).fold(0, |root, hash| root ^ hash)
    }
}
