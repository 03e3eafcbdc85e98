//! The tables of one space at one moment, and reads of them.
//!
//! Invariant: of several versions of a key the newest is found.
//! Refuses to know how tables come and go, and memory tables.

use std::cmp::Ordering;
use std::sync::Arc;

use bytes::Bytes;
use lsm_tree::table::filter::standard_bloom::Builder as KeyHash;
use lsm_tree::{InternalValue, SeqNo, Table, UserKey};

use super::block_map::BlockMap;
use super::heads::head;
use super::item_cache::ItemCache;
use super::memtable::{Entry, Version};
use super::range::Bounds;
use super::tables::{YOUNG_MAX, translate};
use crate::error::StorageError;

/// The tables at one moment: runs that do not overlap within themselves, newer runs first.
pub(super) struct Runs {
    /// Grows with each change of the list.
    pub(super) id: u64,
    pub(super) runs: Vec<Vec<Mapped>>,
    pub(super) items: Arc<ItemCache>,
    /// Runs of the first level, which reads must all look into.
    pub(super) young: usize,
    /// Of these, those that wait for a merge; others gather for a while.
    pub(super) waiting: usize,
    pub(super) bytes: u64,
}

/// A table, and where its blocks are.
pub(super) struct Mapped {
    table: Table,
    /// The heads of its first key and its last.
    first: u64,
    last: u64,
    map: Option<Arc<BlockMap>>,
}

impl Mapped {
    pub(super) fn new(table: &Table, map: Option<Arc<BlockMap>>) -> Mapped {
        let keys = &table.metadata.key_range;
        Mapped { table: table.clone(), first: head(keys.min()), last: head(keys.max()), map }
    }
}

impl Runs {
    /// True if nothing can be written out before something is merged.
    pub(super) fn is_list_full(&self) -> bool {
        self.young >= YOUNG_MAX
    }

    /// The newest version of `key`, whose hash is `hash`; `None` if no table has one.
    pub(super) fn get(&self, key: &[u8], hash: u64) -> Result<Option<Version>, StorageError> {
        let wanted = head(key);
        let is_before = |place: &Mapped| match place.last.cmp(&wanted) {
            Ordering::Equal => **place.table.metadata.key_range.max() < *key,
            other => other.is_lt(),
        };
        for run in &self.runs {
            let place = run.get(run.partition_point(is_before)).filter(|place| place.first <= wanted);
            let Some(Mapped { table, map, .. }) = place else { continue };
            let found = match map {
                Some(map) => map.get(table, (key, hash), &self.items),
                None => table.get(key, SeqNo::MAX, hash).map(|item| item.map(version)),
            };
            let found = found.map_err(|error| translate("read a table", &table.path, error))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// For each run, newer runs first, its entries in `bounds`, ascending.
    pub(super) fn ranges(&self, bounds: Bounds<'_>) -> Vec<Box<dyn Iterator<Item = Result<Entry, StorageError>> + '_>> {
        let owned = (bounds.0.map(UserKey::from), bounds.1.map(UserKey::from));
        let mut ranges: Vec<Box<dyn Iterator<Item = Result<Entry, StorageError>> + '_>> = Vec::new();
        for run in &self.runs {
            let overlapping = run
                .iter()
                .map(|place| &place.table)
                .filter(move |table| table.metadata.key_range.overlaps_with_bounds(&bounds));
            let tables: Vec<&Table> = overlapping.collect();
            if tables.is_empty() {
                continue;
            }
            let owned = owned.clone();
            ranges.push(Box::new(tables.into_iter().flat_map(move |table| {
                table.range(owned.clone()).map(|item| match item {
                    Ok(item) => Ok(entry(item)),
                    Err(error) => Err(translate("read a table", &table.path, error)),
                })
            })));
        }
        ranges
    }
}

/// The hash by which keys are looked for.
pub(super) fn hash_of(key: &[u8]) -> u64 {
    KeyHash::get_hash(key)
}

fn entry(item: InternalValue) -> Entry {
    (Bytes::from(item.key.user_key.clone()), version(item))
}

/// What lsm-tree has under a key.
pub(super) fn version(item: InternalValue) -> Version {
    let is_deletion = item.is_tombstone();
    Version { lsn: item.key.seqno, value: (!is_deletion).then(|| Bytes::from(item.value)) }
}

#[cfg(test)]
mod tests {
    use super::hash_of;
    use crate::Space;
    use crate::disk::memtable::Version;
    use crate::disk::tables::{Shared, Tables};
    use bytes::Bytes;

    /// Tables of keys that eight bytes tell apart, and of keys that they do not, of many blocks each, with and without room for maps.
    #[test]
    fn every_key_is_found_with_a_map_and_without_and_nothing_else_is() {
        for cache_bytes in [0, 1 << 20] {
            let dir = tempfile::tempdir().expect("a directory");
            let shared = Shared::new(cache_bytes);
            Tables::create(dir.path(), Space::Items, &shared).expect("tables");
            let tables = Tables::open(dir.path(), Space::Items, &shared).expect("tables");
            let spread = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().to_vec();
            let alike = |number: u64| [b"the same".as_slice(), &number.to_be_bytes()].concat();
            let short = |number: u64| number.to_be_bytes()[7 - (number % 7) as usize..].to_vec();
            let all = |numbers: std::ops::Range<u64>| -> Vec<Vec<u8>> {
                numbers.flat_map(|number| [spread(number), alike(number), short(number)]).collect()
            };
            let mut keys = all(0..3_000);
            keys.sort_unstable();
            keys.dedup();
            for (lsn, part) in [keys[..].iter().step_by(2), keys[1..].iter().step_by(3)].into_iter().enumerate() {
                let entry = |key: &Vec<u8>| {
                    let value = (!key.len().is_multiple_of(5)).then(|| Bytes::from(vec![lsn as u8; 100]));
                    Ok((Bytes::from(key.clone()), Version { lsn: lsn as u64 + 1, value }))
                };
                tables.add(part.map(entry)).expect("a table");
            }
            let runs = tables.runs();
            assert_eq!(runs.runs.iter().flatten().all(|place| place.map.is_some()), cache_bytes > 0);
            for (at, key) in keys.iter().enumerate() {
                let lsn = if at % 3 == 1 { Some(2) } else { (at % 2 == 0).then_some(1) };
                for _ in 0..3 {
                    let found = runs.get(key, hash_of(key)).expect("tables can be read");
                    assert_eq!(found.as_ref().map(|found| found.lsn), lsn, "{key:?}");
                    let value = found.and_then(|found| found.value);
                    let expected = lsn.filter(|_| !key.len().is_multiple_of(5)).map(|lsn| vec![lsn as u8 - 1; 100]);
                    assert_eq!(value.as_deref(), expected.as_deref());
                }
            }
            for key in all(3_000..6_000).iter().filter(|key| keys.binary_search(key).is_err()) {
                assert!(runs.get(key, hash_of(key)).expect("tables can be read").is_none(), "{key:?}");
            }
        }
    }
}
