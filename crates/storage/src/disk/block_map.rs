//! Where the blocks of one table are: the first eight bytes of each block's last key, as a number, and the table's filter.
//!
//! lsm-tree finds a block through an index of whole keys, five times as large, and copies a key and asks for memory on the way;
//! above a certain size it keeps neither that nor the filter in memory. A map is small enough to be kept for gigabytes of tables.
//!
//! Invariant: a map finds what its table finds, damage included. Where eight bytes do not tell blocks apart, the table is asked.
//! Refuses to know which tables there are.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lsm_tree::table::block::BlockType;
use lsm_tree::table::block::decoder::ParsedItem as _;
use lsm_tree::table::filter::block::FilterBlock;
use lsm_tree::table::{Block, BlockHandle, BlockOffset, DataBlock, IndexBlock};
use lsm_tree::{CompressionType, Error, GlobalTableId, InternalValue, SeqNo, Table, TreeId};

use super::heads::{BYTES_PER_HEAD, Heads, head};
use super::item_cache::ItemCache;
use super::memtable::Version;
use super::runs::version;

/// Memory for one block: its head, and where it begins.
const BYTES_PER_BLOCK: u64 = BYTES_PER_HEAD + 4;

/// The memory that maps may take together.
#[derive(Clone)]
pub(super) struct Room {
    left: Arc<AtomicU64>,
}

impl Room {
    pub(super) fn new(bytes: u64) -> Room {
        Room { left: Arc::new(AtomicU64::new(bytes)) }
    }

    fn take(&self, bytes: u64) -> Option<Taken> {
        let less = |left: u64| left.checked_sub(bytes);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok()?;
        Some(Taken { room: self.clone(), bytes })
    }
}

/// Memory that is given back when this is dropped.
struct Taken {
    room: Room,
    bytes: u64,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.room.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

/// The map of one table.
pub(super) struct BlockMap {
    file: File,
    id: GlobalTableId,
    compression: CompressionType,
    /// Of the last key of each block.
    heads: Heads,
    /// Where each block begins, and behind that where the last one ends.
    starts: Box<[u32]>,
    /// The parts of the filter, each behind the head of the last key in it; none if the table has no filter.
    filters: Box<[(u64, FilterBlock)]>,
    _room: Taken,
}

impl BlockMap {
    /// Reads the map of `table`. `None` if there is no room for it, or it cannot be made: reads of the table will say why.
    pub(super) fn read(table: &Table, tree: TreeId, room: &Room) -> Option<BlockMap> {
        let blocks = table.metadata.data_block_count;
        let taken = room.take(blocks * BYTES_PER_BLOCK + u64::from(table.filter_size()))?;
        let parts = Parts { table, file: File::open(&*table.path).ok()? };
        let count = usize::try_from(blocks).ok()?;
        let (mut heads, mut starts, mut end) = (Vec::with_capacity(count), Vec::with_capacity(count + 1), None);
        for (head, block) in parts.blocks().ok()? {
            let offset = *block.offset();
            if end.is_some_and(|end| end != offset) {
                return None;
            }
            heads.push(head);
            starts.push(u32::try_from(offset).ok()?);
            end = Some(offset + u64::from(block.size()));
        }
        starts.push(u32::try_from(end?).ok()?);
        let filters = parts.filters().ok()?.into_boxed_slice();
        let (id, compression) = ((tree, table.id()).into(), table.metadata.data_block_compression);
        let (file, heads, starts) = (parts.file, Heads::new(heads)?, starts.into_boxed_slice());
        Some(BlockMap { file, id, compression, heads, starts, filters, _room: taken })
    }

    /// The newest version of `key`, whose hash is `hash`, in `table`, of which this is the map.
    pub(super) fn get(
        &self,
        table: &Table,
        (key, hash): (&[u8], u64),
        items: &ItemCache,
    ) -> Result<Option<Version>, Error> {
        let wanted = head(key);
        if !self.may_have(wanted, hash)? {
            return Ok(None);
        }
        if let Some(version) = items.get(self.id, key, hash) {
            return Ok(Some(version));
        }
        let found = self.search(table, wanted, (key, hash))?.map(version);
        if let Some(version) = &found {
            items.was_read(self.id, key, hash, version);
        }
        Ok(found)
    }

    /// False if the table certainly has no such key.
    fn may_have(&self, wanted: u64, hash: u64) -> Result<bool, Error> {
        let first = self.filters.partition_point(|(head, _)| *head < wanted);
        for (head, filter) in &self.filters[first..] {
            if filter.maybe_contains_hash(hash)? {
                return Ok(true);
            }
            if *head > wanted {
                return Ok(false);
            }
        }
        Ok(self.filters.is_empty())
    }

    fn search(&self, table: &Table, wanted: u64, (key, hash): (&[u8], u64)) -> Result<Option<InternalValue>, Error> {
        let mut at = self.heads.place(wanted);
        if self.heads.get(at) == Some(wanted) && self.heads.get(at + 1) == Some(wanted) {
            return table.get(key, SeqNo::MAX, hash);
        }
        while let Some(head) = self.heads.get(at) {
            let found = DataBlock::new(self.block(at)?).point_read(key, SeqNo::MAX);
            if found.is_some() || head > wanted {
                return Ok(found);
            }
            at += 1;
        }
        Ok(None)
    }

    /// Blocks are not kept: the system keeps what it has room for, and items that are read often have a cache of their own.
    fn block(&self, at: usize) -> Result<Block, Error> {
        let offset = BlockOffset(u64::from(self.starts[at]));
        let handle = BlockHandle::new(offset, self.starts[at + 1] - self.starts[at]);
        of_type(Block::from_file(&self.file, handle, self.compression)?, BlockType::Data)
    }
}

/// The parts of a table's file.
struct Parts<'a> {
    table: &'a Table,
    file: File,
}

impl Parts<'_> {
    /// The blocks of data, and the heads of their last keys.
    fn blocks(&self) -> Result<Vec<(u64, BlockHandle)>, Error> {
        let top = self.listed(self.table.regions.tli)?;
        if self.table.regions.index.is_none() {
            return Ok(top);
        }
        let parts: Result<Vec<_>, Error> = top.into_iter().map(|(_, part)| self.listed(part)).collect();
        Ok(parts?.concat())
    }

    fn filters(&self) -> Result<Vec<(u64, FilterBlock)>, Error> {
        let read = |(head, handle)| {
            let block = Block::from_file(&self.file, handle, CompressionType::None)?;
            Ok((head, FilterBlock::new(of_type(block, BlockType::Filter)?)))
        };
        match (&self.table.pinned_filter_block, self.table.regions.filter_tli, self.table.regions.filter) {
            (Some(pinned), ..) => Ok(vec![(u64::MAX, pinned.clone())]),
            (None, Some(list), _) => self.listed(list)?.into_iter().map(read).collect(),
            (None, None, whole) => whole.into_iter().map(|handle| read((u64::MAX, handle))).collect(),
        }
    }

    /// What a block of an index names.
    fn listed(&self, handle: BlockHandle) -> Result<Vec<(u64, BlockHandle)>, Error> {
        let block = Block::from_file(&self.file, handle, self.table.metadata.index_block_compression)?;
        let index = IndexBlock::new(of_type(block, BlockType::Index)?);
        let named = index.iter().map(|item| {
            let handle = item.materialize(index.as_slice());
            (head(handle.end_key()), handle.into_inner())
        });
        Ok(named.collect())
    }
}

fn of_type(block: Block, wanted: BlockType) -> Result<Block, Error> {
    match block.header.block_type {
        found if found == wanted => Ok(block),
        found => Err(Error::InvalidTag(("BlockType", found.into()))),
    }
}
