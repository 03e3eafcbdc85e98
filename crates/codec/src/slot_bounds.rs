//! Ranges of items as bounds of storage keys.
//!
//! Invariant: the start is never behind the end, whatever a peer asks for; a range that makes no sense is empty.
//! A `Range::Partition` of one bucket is bounded by its partition: buckets alternate below the tokens, so whoever reads
//! it leaves the others out.
//! Refuses to know how an engine scans.

use crate::slot_key::{items_prefix, put_sort_key, slot_key};
use proto::tree::branch_tokens;
use proto::{Range, Slot};
use ring::{Grid, PartitionId, Token};

/// First storage key of a range, and the first one behind it; `None` means to the end of the space.
pub type Bounds = (Vec<u8>, Option<Vec<u8>>);

/// The bounds of a range.
pub fn range_bounds(grid: Grid, range: &Range) -> Bounds {
    let bounds = match range {
        Range::Partition { partition, .. } => partition_bounds(*partition),
        Range::SortKeys { .. } => sort_key_bounds(grid, range),
    };
    match after(grid, range) {
        Some(last) => starting_behind(bounds, last),
        None => not_reversed(bounds),
    }
}

/// The bounds of all items of a partition.
pub fn partition_bounds(partition: PartitionId) -> Bounds {
    let end = partition.0.checked_add(1).map(|next| next.to_be_bytes().to_vec());
    (partition.0.to_be_bytes().to_vec(), end)
}

/// The bounds of one branch of a partition's trees.
pub fn branch_bounds(grid: Grid, partition: PartitionId, branch: u8) -> (Vec<u8>, Vec<u8>) {
    let (low, high) = branch_tokens(grid, partition, branch);
    let place = |token: &Token| [&partition.0.to_be_bytes(), token.as_bytes().as_slice()].concat();
    let (start, mut end) = (place(&low), place(&high));
    // Behind every bucket and key of the last token.
    end.extend_from_slice(&[0xff; 8]);
    (start, end)
}

fn sort_key_bounds(grid: Grid, range: &Range) -> Bounds {
    let Range::SortKeys { bucket, partition_key, from, to, .. } = range else {
        return partition_bounds(range.partition(grid));
    };
    let token = Token::of(partition_key);
    let prefix = items_prefix(grid.partition_of(&token), &token, *bucket, partition_key);
    let mut start = prefix.clone();
    let mut end = prefix;
    if let Some(from) = from {
        put_sort_key(&mut start, from);
    }
    match to {
        Some(to) => put_sort_key(&mut end, to),
        // Behind both kinds of sort key, and before every other partition key.
        None => end.push(0xff),
    }
    (start, Some(end))
}

/// The storage key that the range continues behind.
fn after(grid: Grid, range: &Range) -> Option<Vec<u8>> {
    let (bucket, key) = match range {
        Range::SortKeys { bucket, after, .. } => (*bucket, after.clone()?),
        Range::Partition { after, .. } => after.clone()?,
    };
    Some(slot_key(&Slot::new(grid, bucket, key)))
}

fn starting_behind((start, end): Bounds, mut last: Vec<u8>) -> Bounds {
    // No key lies between a key and the same one with a zero behind it.
    last.push(0);
    not_reversed((start.max(last), end))
}

fn not_reversed((start, end): Bounds) -> Bounds {
    match end {
        Some(end) if start > end => (end.clone(), Some(end)),
        end => (start, end),
    }
}
