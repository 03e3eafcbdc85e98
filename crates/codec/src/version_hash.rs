//! The hash by which replicas compare what they hold of a slot without showing it.
//!
//! Invariant: it covers the bucket, the key and the versions' names and stamps, never their bytes, and is the same on
//! every node and in every release; it is never zero, so that XORed hashes of a partition tell one item from none.
//! Refuses to know trees, partitions and what to do about a difference.

use proto::{BucketId, ItemKey, Record, Version};
use xxhash_rust::xxh3::xxh3_64;

/// The hash of what a slot holds.
pub fn version_hash(bucket: BucketId, key: &ItemKey, record: &Record) -> u64 {
    let mut text = Text(Vec::with_capacity(96 + key.len()));
    text.0.extend_from_slice(&bucket.0.to_le_bytes());
    text.bytes(&key.partition_key);
    match &key.sort_key {
        None => text.0.push(0),
        Some(sort_key) => {
            text.0.push(1);
            text.bytes(sort_key);
        }
    }
    text.record(record);
    xxh3_64(&text.0).max(1)
}

/// What is hashed: numbers in little-endian order, variable parts behind their length.
struct Text(Vec<u8>);

impl Text {
    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn actor(&mut self, actor: causal::Actor) {
        self.0.extend_from_slice(&actor.node.to_le_bytes());
        self.0.extend_from_slice(&actor.incarnation.to_le_bytes());
    }

    fn version(&mut self, counter: u64, version: &Version) {
        self.number(counter);
        self.number(version.stamp.as_u64());
    }

    fn record(&mut self, record: &Record) {
        match record {
            Record::Latest { dot, version } => {
                self.0.push(1);
                self.actor(dot.actor);
                self.version(dot.counter, version);
            }
            Record::Siblings(set) => {
                self.0.push(2);
                for (actor, seen, values) in set.entries() {
                    self.actor(actor);
                    self.number(seen);
                    self.number(values.len() as u64);
                    values.iter().for_each(|(counter, version)| self.version(*counter, version));
                }
            }
        }
    }
}
