//! Items of tables that are read again and again, kept in memory one by one.
//!
//! Keys are spread by a hash, so an item that is read often lies between items that are not: a cache of blocks would keep all of them. And
//! what is read once is not kept at all, for that costs as much as reading it from the system's own cache, and pushes out what is read
//! often. An item is kept when it is read for the second time within about as many reads as the cache has room for items.
//!
//! Invariant: an item is found only under the table it was read from, and tables never change, so nothing in here is ever wrong.
//! Refuses to know what an item holds.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU16, Ordering};

use bytes::BytesMut;
use lsm_tree::GlobalTableId;
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::memtable::{Entry, Version};

/// What an item takes beside the bytes of its key and its value.
const ITEM_OVERHEAD: u64 = 192;

/// An item of usual size, for estimates.
const ITEM_BYTES: u64 = 512;

/// Marks are two bytes each; more would not fit a processor's cache.
const MARKS_MAX: u64 = 1 << 20;

/// Items, by the table they are in and their keys.
pub(super) struct ItemCache {
    items: Cache<u64, Item, Weigh, BuildHasherDefault<Hashed>, DefaultLifecycle<u64, Item>>,
    /// What was read of late: a part of a key's hash, at a place that another part of it names.
    marks: Box<[AtomicU16]>,
}

#[derive(Clone)]
struct Item {
    table: GlobalTableId,
    entry: Entry,
}

impl ItemCache {
    /// Takes about so many bytes when it is full.
    pub(super) fn new(bytes: u64) -> ItemCache {
        let items = (bytes / ITEM_BYTES).max(1);
        let marks = items.next_power_of_two().clamp(1 << 10, MARKS_MAX);
        let estimated = usize::try_from(items).unwrap_or(usize::MAX);
        let items = Cache::with(estimated, bytes, Weigh, BuildHasherDefault::default(), DefaultLifecycle::default());
        ItemCache { items, marks: (0..marks).map(|_| AtomicU16::new(0)).collect() }
    }

    /// The item of `table` under `key`, whose hash is `hash`, if it is kept.
    pub(super) fn get(&self, table: GlobalTableId, key: &[u8], hash: u64) -> Option<Version> {
        let item = self.items.get(&name(table, hash))?;
        (item.table == table && item.entry.0 == key).then_some(item.entry.1)
    }

    /// An item was read from `table`. It is copied if it is kept, for it holds on to the whole block that it came with.
    pub(super) fn was_read(&self, table: GlobalTableId, key: &[u8], hash: u64, version: &Version) {
        let place = &self.marks[hash as usize & (self.marks.len() - 1)];
        let mark = (hash >> 48) as u16 | 1;
        if place.swap(mark, Ordering::Relaxed) != mark {
            return;
        }
        let value = version.value.as_deref();
        let mut bytes = BytesMut::with_capacity(key.len() + value.map_or(0, <[u8]>::len));
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value.unwrap_or_default());
        let mut behind = bytes.freeze();
        let key = behind.split_to(key.len());
        let version = Version { lsn: version.lsn, value: value.map(|_| behind) };
        self.items.insert(name(table, hash), Item { table, entry: (key, version) });
    }
}

/// Two items of one name only displace each other.
fn name(table: GlobalTableId, hash: u64) -> u64 {
    hash ^ table.table_id().wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[derive(Clone)]
struct Weigh;

impl Weighter<u64, Item> for Weigh {
    fn weight(&self, _: &u64, item: &Item) -> u64 {
        let (key, version) = &item.entry;
        ITEM_OVERHEAD + key.len() as u64 + version.value.as_ref().map_or(0, |value| value.len() as u64)
    }
}

/// Names are hashes already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, name: u64) {
        self.0 = name;
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }
}

#[cfg(test)]
mod tests {
    use super::{ItemCache, Version};
    use bytes::Bytes;

    fn version(lsn: u64) -> Version {
        Version { lsn, value: (lsn > 0).then(|| Bytes::copy_from_slice(&lsn.to_le_bytes())) }
    }

    #[test]
    fn what_is_read_twice_is_kept_for_its_own_table_only() {
        let cache = ItemCache::new(1 << 20);
        let (table, other) = ((0, 1).into(), (0, 2).into());
        cache.was_read(table, b"key", 77, &version(5));
        assert!(cache.get(table, b"key", 77).is_none(), "once is not often");
        cache.was_read(table, b"key", 77, &version(5));
        let kept = cache.get(table, b"key", 77).expect("it is kept");
        assert_eq!((kept.lsn, kept.value), (5, version(5).value));
        assert!(cache.get(other, b"key", 77).is_none() && cache.get(table, b"kez", 77).is_none());
    }

    #[test]
    fn deletions_are_items_too_and_what_is_too_much_goes() {
        let cache = ItemCache::new(1 << 16);
        let table = (0, 1).into();
        for number in 0..10_000u64 {
            let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let item = version(number % 2);
            cache.was_read(table, &number.to_le_bytes(), hash, &item);
            cache.was_read(table, &number.to_le_bytes(), hash, &item);
            let kept = cache.get(table, &number.to_le_bytes(), hash).map(|version| version.value);
            assert_eq!(kept, Some(item.value), "the newest is kept");
        }
        assert!(cache.items.weight() <= 1 << 16 && cache.items.len() > 100, "{}", cache.items.weight());
    }
}
