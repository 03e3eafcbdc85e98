//! The tables of one space: a tree of the crate `lsm-tree`, used without its memory tables and its snapshots.
//!
//! The tree holds a lock during the fsyncs that a new list of tables costs. So reads never go through the tree: they use
//! `Runs`, a copy of the list that is taken after each change.
//!
//! Invariant: lsm-tree's types end here, in `runs` and in `block_map`, and an error names the file it is about. Tables given to `add` are durable, as
//! is the list with them, when it returns.
//! Refuses to know memory tables, the journal and when to compact.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};
use std::{fs, io};

use bytes::Bytes;
use lsm_tree::compaction::Leveled;
use lsm_tree::config::{
    BlockSizePolicy, BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry, PartitioningPolicy,
    RestartIntervalPolicy,
};
use lsm_tree::{
    AbstractTree, AnyTree, Cache, CompressionType, Config, DescriptorTable, InternalValue, SeqNo,
    SequenceNumberCounter, Table, TableId, ValueType,
};

use super::block_map::{BlockMap, Room};
use super::guard::{lock, read};
use super::item_cache::ItemCache;
use super::journal::Lsn;
use super::list;
use super::memtable::{Entry, Version};
use super::pace::{Pace, PacedMerges, Pieces};
use super::patience::{self, Gathering, Patience};
use super::runs::{Mapped, Runs};
use super::trash::Trash;
use super::trickle;
use crate::error::StorageError;
use crate::space::Space;

/// Where the tree keeps tables, each under its number.
const TABLES: &str = "tables";

/// Runs in the first level at most. lsm-tree writes their number into one byte of its list, unchecked: with 256 of them the
/// list could not be read again.
pub(super) const YOUNG_MAX: usize = 200;

/// What the level that young tables are merged into may hold, if many of them gather. lsm-tree knows only their number and the size
/// of tables, whose product this is.
const FIRST_LEVEL_BYTES: u64 = 640 << 20;

/// What a table may take.
const TABLE_BYTES_MAX: u64 = 64 << 20;

/// Memory and handles shared by the trees of one opening.
#[derive(Clone)]
pub(super) struct Shared {
    /// Single items that are read often.
    items: Arc<ItemCache>,
    /// For where the blocks of tables are.
    room: Room,
    /// Of memory tables that are written out, and of merges.
    pub(super) writing_out: Arc<Pace>,
    pub(super) merging: Arc<Pace>,
    /// Blocks that scans read, and indexes and filters of tables for whose maps there is no room.
    cache: Arc<Cache>,
    descriptors: Arc<DescriptorTable>,
}

impl Shared {
    pub(super) fn new(cache_bytes: u64) -> Shared {
        let items = Arc::new(ItemCache::new(cache_bytes / 4));
        let room = Room::new(cache_bytes / 4);
        let cache = Arc::new(Cache::with_capacity_bytes(cache_bytes / 2));
        let (writing_out, merging) = (Arc::default(), Arc::default());
        Shared { items, room, writing_out, merging, cache, descriptors: Arc::new(DescriptorTable::new(256)) }
    }
}

/// The tables of one space.
pub(super) struct Tables {
    tree: AnyTree,
    path: PathBuf,
    /// Held for reading by whoever writes tables, and for writing by whoever removes unfinished ones.
    building: RwLock<()>,
    /// Numbers of tables that a failure has left, some of which another thread may still be writing.
    unfinished: Mutex<BTreeSet<u64>>,
    /// Of the tables as they were when this was last asked for.
    maps: Mutex<BTreeMap<TableId, Arc<BlockMap>>>,
    trash: Trash,
    gathering: Gathering,
    pub(super) shared: Shared,
}

impl Tables {
    /// Makes the empty tree of `space` in `folder`, durable when this returns.
    pub(super) fn create(folder: &Path, space: Space, shared: &Shared) -> Result<(), StorageError> {
        let path = folder.join(space.name());
        let created = config(&path, shared).open();
        created.map(drop).map_err(|error| translate("create tables", &path, error))
    }

    /// Opens the tree of `space` in `folder`.
    pub(super) fn open(folder: &Path, space: Space, shared: &Shared) -> Result<Tables, StorageError> {
        let path = folder.join(space.name());
        list::check(&path)?;
        let tree = config(&path, shared).open().map_err(|error| translate("open tables", &path, error))?;
        let (building, unfinished, maps) = (RwLock::default(), Mutex::default(), Mutex::default());
        let (trash, gathering) = (Trash::open(&path), Gathering::new());
        Ok(Tables { tree, path, building, unfinished, maps, trash, gathering, shared: shared.clone() })
    }

    /// The highest number of a batch that something in the tables comes from.
    pub(super) fn highest(&self) -> Lsn {
        self.tree.get_highest_persisted_seqno().unwrap_or(0)
    }

    /// The tables as they are now. Waits while a changed list is being made durable.
    pub(super) fn runs(&self) -> Runs {
        let version = self.tree.current_version();
        let mut known = lock(&self.maps);
        let before = std::mem::take(&mut *known);
        let mut mapped = |table: &Table| {
            let map = before.get(&table.id()).cloned();
            let map = map.or_else(|| BlockMap::read(table, self.tree.id(), &self.shared.room).map(Arc::new));
            known.extend(map.clone().map(|map| (table.id(), map)));
            Mapped::new(table, map)
        };
        let runs = version.iter_levels().flat_map(|level| level.iter());
        let runs = runs.map(|run| run.iter().map(&mut mapped).collect()).collect();
        let (items, bytes) = (Arc::clone(&self.shared.items), self.tree.disk_space());
        let young = version.l0().run_count();
        let waiting = patience::waiting(young, young_and_below(&self.tree));
        Runs { id: version.id(), runs, items, young, waiting, bytes }
    }

    /// Writes `entries`, ascending by key, one for each, as the newest tables. `Full` if there are so many that some must be
    /// merged first.
    pub(super) fn add(&self, entries: impl Iterator<Item = Result<Entry, StorageError>>) -> Result<(), StorageError> {
        if self.tree.current_version().l0().run_count() >= YOUNG_MAX {
            return Err(StorageError::Full { path: self.path.clone() });
        }
        let failure = Cell::new(None);
        let folder = self.path.join(TABLES);
        let mut pieces = Pieces::of_tables(&self.shared.writing_out, folder, self.tree.next_table_id());
        let items = entries.map_while(|entry| match entry {
            Ok((key, version)) => {
                pieces.wrote(key.len() + version.value.as_ref().map_or(0, Bytes::len));
                Some(Ok(item(key, version)))
            }
            Err(error) => {
                failure.set(Some(error));
                None
            }
        });
        self.build(|| {
            let tables = self.tree.flush_to_tables(items);
            if let Some(error) = failure.take() {
                return Err(error);
            }
            let tables = tables.map_err(|error| translate("write a table", &self.path, error))?;
            match tables.map_or(Vec::new(), |(tables, _)| tables) {
                none if none.is_empty() => Ok(()),
                tables => {
                    let registered = self.tree.register_tables(&tables, None, None, &[], SeqNo::MAX);
                    registered.map_err(|error| translate("write the list of tables", &self.path, error))
                }
            }
        })
    }

    /// Merges some tables, if that is due. True if the list changed, so that there may be more to do.
    pub(super) fn compact(&self, patience: Patience) -> Result<bool, StorageError> {
        // No table of this list is removed as long as it is here.
        let before = self.tree.current_version();
        let due = self.gathering.due(patience, young_and_below(&self.tree));
        let table_bytes = (FIRST_LEVEL_BYTES / u64::from(due)).min(TABLE_BYTES_MAX);
        let leveled = Leveled::default().with_l0_threshold(due).with_table_target_size(table_bytes);
        let tables = self.path.join(TABLES);
        self.build(|| {
            let merge = || self.tree.compact(Arc::new(leveled), SeqNo::MAX);
            let compacted = trickle::alongside(&tables, self.tree.next_table_id(), || self.tree.next_table_id(), merge);
            compacted.map_err(|error| translate("merge tables", &self.path, error))
        })?;
        let now = self.tree.current_version();
        let stays: BTreeSet<TableId> = now.iter_tables().map(Table::id).collect();
        self.trash.keep(&tables, before.iter_tables().map(Table::id).filter(|id| !stays.contains(id)));
        let changed = now.id() != before.id();
        if changed {
            self.gathering.renew();
        }
        Ok(changed)
    }

    /// Gives back the room of tables that were merged away and are not read any more, as long as `goes_on` says so. Returns how
    /// many are left.
    pub(super) fn empty_trash(&self, goes_on: impl Fn() -> bool) -> usize {
        self.trash.empty(goes_on)
    }

    /// Runs `build`, which writes tables. If it fails, gives back the room that its unfinished tables take. A list on
    /// disk that is not the one in memory may name them: nothing is removed then, and the failure is final.
    fn build<T>(&self, build: impl FnOnce() -> Result<T, StorageError>) -> Result<T, StorageError> {
        let (built, first) = {
            let _building = read(&self.building);
            self.forget_finished();
            let first = self.tree.next_table_id();
            (build(), first)
        };
        if let Err(error) = &built {
            if list::current_id(&self.path) != Some(self.tree.current_version().id()) {
                let (what, path) = ("put the list of tables in place", self.path.clone());
                return Err(StorageError::Io { what, path, kind: io::ErrorKind::Other, message: error.to_string() });
            }
            lock(&self.unfinished).extend(first..self.tree.next_table_id());
        }
        self.forget_finished();
        self.remove_unfinished();
        built
    }

    /// Takes note of tables that another thread has finished since. They may be in use after they leave the list.
    fn forget_finished(&self) {
        let mut unfinished = lock(&self.unfinished);
        if !unfinished.is_empty() {
            self.tree.current_version().iter_tables().for_each(|table| {
                unfinished.remove(&table.id());
            });
        }
    }

    /// Removes tables that nobody will finish, unless another thread writes tables now: nobody waits for that. What
    /// cannot be removed goes when the tree is opened.
    fn remove_unfinished(&self) {
        if lock(&self.unfinished).is_empty() {
            return;
        }
        let Ok(_nobody_builds) = self.building.try_write() else { return };
        self.forget_finished();
        for id in std::mem::take(&mut *lock(&self.unfinished)) {
            let _ = fs::remove_file(self.path.join(TABLES).join(id.to_string()));
        }
    }
}

/// Tables say themselves how they were written, so this may change from version to version.
///
/// The newest tables and the next level hold small blocks, not packed, for nearly all that a read costs depends on how much it reads. What
/// is below them is packed, for it is most of what there is on disk.
fn config(path: &Path, shared: &Shared) -> Config {
    let counter = SequenceNumberCounter::default;
    Config::new(path, counter(), counter())
        .use_cache(Arc::clone(&shared.cache))
        .use_descriptor_table(Some(Arc::clone(&shared.descriptors)))
        .data_block_size_policy(BlockSizePolicy::new([2_048, 2_048, 4_096]))
        .data_block_restart_interval_policy(RestartIntervalPolicy::new([10, 16]))
        // Reads of single keys have maps. In large pieces the rest would push out everything else there is in the cache.
        .index_block_partitioning_policy(PartitioningPolicy::new([false, true]))
        .filter_block_partitioning_policy(PartitioningPolicy::new([false, true]))
        .filter_policy(FilterPolicy::new([
            FilterPolicyEntry::Bloom(BloomConstructionPolicy::FalsePositiveRate(0.0001)),
            FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(10.0)),
        ]))
        .data_block_compression_policy(CompressionPolicy::new([
            CompressionType::None,
            CompressionType::None,
            CompressionType::Lz4,
        ]))
        .with_compaction_filter_factory(Some(Arc::new(PacedMerges(Arc::clone(&shared.merging)))))
}

/// Bytes of young tables, and of the level that they are merged into.
fn young_and_below(tree: &AnyTree) -> (u64, u64) {
    let version = tree.current_version();
    let mut bytes = version.iter_levels().map(|level| {
        let tables = level.iter().flat_map(|run| run.iter());
        tables.map(|table| table.metadata.file_size).sum::<u64>()
    });
    (bytes.next().unwrap_or(0), bytes.find(|bytes| *bytes > 0).unwrap_or(0))
}

fn item(key: Bytes, version: Version) -> InternalValue {
    match version.value {
        Some(value) => InternalValue::from_components(key, value, version.lsn, ValueType::Value),
        None => InternalValue::new_tombstone(key, version.lsn),
    }
}

/// What an error of lsm-tree means. Anything but a failed operation of the system is damage: nothing else is left.
pub(super) fn translate(what: &'static str, path: &Path, error: lsm_tree::Error) -> StorageError {
    let damage = |expected: &str, got: String| StorageError::Corrupt {
        what: path.display().to_string(),
        expected: expected.to_owned(),
        got,
    };
    match error {
        // Tables are never cut short by this program.
        lsm_tree::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            damage("a longer file", error.to_string())
        }
        lsm_tree::Error::Io(error) if error.kind() == io::ErrorKind::NotFound => damage("a file", error.to_string()),
        lsm_tree::Error::Io(error) => StorageError::io(what, path, &error),
        lsm_tree::Error::ChecksumMismatch { got, expected } => {
            damage(&format!("checksum {:032x}", expected.into_u128()), format!("{:032x}", got.into_u128()))
        }
        other => damage("a file as it was written", format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Shared, Tables, YOUNG_MAX};
    use crate::disk::memtable::Version;
    use crate::disk::patience::Patience;
    use crate::disk::runs::hash_of;
    use crate::{Space, StorageError};
    use bytes::Bytes;

    fn add(tables: &Tables, lsn: u64) -> Result<(), StorageError> {
        let version = Version { lsn, value: Some(Bytes::copy_from_slice(&lsn.to_le_bytes())) };
        tables.add([Ok((Bytes::from_static(b"key"), version))].into_iter())
    }

    #[test]
    fn young_tables_gather_while_much_is_written_and_are_merged_when_it_is_quiet() {
        let dir = tempfile::tempdir().expect("a directory");
        let shared = Shared::new(1 << 20);
        Tables::create(dir.path(), Space::Items, &shared).expect("tables");
        let tables = Tables::open(dir.path(), Space::Items, &shared).expect("tables");
        let merge = |patience| while tables.compact(patience).expect("a merge") {};
        (1..=6).for_each(|lsn| add(&tables, lsn).expect("a table"));
        merge(Patience::Busy);
        assert_eq!(tables.runs().young, 6);
        merge(Patience::Quiet);
        assert_eq!(tables.runs().young, 0);
        (7..=18).for_each(|lsn| add(&tables, lsn).expect("a table"));
        merge(Patience::Busy);
        assert_eq!(tables.runs().young, 0, "they were twelve");
    }

    #[test]
    fn a_list_that_is_not_merged_stays_readable() {
        let dir = tempfile::tempdir().expect("a directory");
        let shared = Shared::new(1 << 20);
        Tables::create(dir.path(), Space::Meta, &shared).expect("tables");
        let tables = Tables::open(dir.path(), Space::Meta, &shared).expect("tables");
        let taken = (1..300).take_while(|lsn| add(&tables, *lsn).is_ok()).count();
        assert_eq!(taken, YOUNG_MAX);
        assert!(matches!(add(&tables, 400), Err(StorageError::Full { .. })));
        drop(tables);
        let tables = Tables::open(dir.path(), Space::Meta, &shared).expect("the list can be read");
        let found = tables.runs().get(b"key", hash_of(b"key")).expect("tables can be read").expect("it is there");
        assert_eq!(found.lsn, YOUNG_MAX as u64, "the newest");
        assert!(tables.compact(Patience::Quiet).expect("a merge"), "and merging makes room");
        add(&tables, 401).expect("room");
    }
}
