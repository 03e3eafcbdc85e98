//! Storage keys of items: partition ‖ token ‖ bucket ‖ partition key ‖ sort key, so that a partition is one slice of
//! the store and the items of one partition key follow each other by sort key.
//!
//! Invariant: different slots have different keys, none is a prefix of another partition key's items, and no key is
//! longer than [`SLOT_KEY_BYTES_MAX`]. Parts too long for that are replaced by a digest; the item's full key is then
//! in the stored value. `docs/disk-format.md` draws it.
//! Refuses to know grids: whether partition, token and partition key belong together is the caller's word.

use crate::error::{DecodeError, Fault};
use bytes::Bytes;
use proto::{BucketId, ItemKey, Slot};
use ring::{PartitionId, Token};

/// A longer partition key is stored as its digest.
pub const PARTITION_KEY_INLINE_MAX: usize = 1 << 10;

/// Of a longer sort key this many bytes are stored, and then its digest.
pub const SORT_KEY_INLINE_MAX: usize = 32 << 10;

/// No storage key of an item is longer.
pub const SLOT_KEY_BYTES_MAX: usize =
    PLACE_BYTES + 2 + PARTITION_KEY_INLINE_MAX + 1 + SORT_KEY_INLINE_MAX + DIGEST_BYTES;

const PLACE_BYTES: usize = 2 + 20 + 4;
const DIGEST_BYTES: usize = 32;

/// Stands where the length of a partition key would, which is at most [`PARTITION_KEY_INLINE_MAX`].
const LONG_PARTITION_KEY: [u8; 2] = [0xff; 2];

const WITHOUT_SORT_KEY: u8 = 0;
const WITH_SORT_KEY: u8 = 1;

/// What a storage key of an item says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParsedSlot {
    /// The partition.
    pub partition: PartitionId,
    /// The token of the partition key.
    pub token: Token,
    /// The bucket.
    pub bucket: BucketId,
    /// The item's key; `None` if it is too long to stand in the storage key, and so is in the value.
    pub key: Option<ItemKey>,
}

/// The storage key of a slot.
pub fn slot_key(slot: &Slot) -> Vec<u8> {
    let sort_key = slot.key.sort_key.as_deref();
    let key_bytes = key_len(&slot.key.partition_key) + sort_key.map_or(1, |key| 1 + sort_len(key));
    let mut out = Vec::with_capacity(PLACE_BYTES + key_bytes);
    put_place(&mut out, slot.partition, &slot.token, slot.bucket);
    put_partition_key(&mut out, &slot.key.partition_key);
    match sort_key {
        None => out.push(WITHOUT_SORT_KEY),
        Some(key) => put_sort_key(&mut out, key),
    }
    out
}

/// True if the item's key does not fit into its storage key.
pub(crate) fn is_long(key: &ItemKey) -> bool {
    key.partition_key.len() > PARTITION_KEY_INLINE_MAX
        || key.sort_key.as_ref().is_some_and(|key| key.len() > SORT_KEY_INLINE_MAX)
}

/// What all items of one partition key begin with.
pub(crate) fn items_prefix(partition: PartitionId, token: &Token, bucket: BucketId, partition_key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(PLACE_BYTES + key_len(partition_key));
    put_place(&mut out, partition, token, bucket);
    put_partition_key(&mut out, partition_key);
    out
}

fn put_place(out: &mut Vec<u8>, partition: PartitionId, token: &Token, bucket: BucketId) {
    out.extend_from_slice(&partition.0.to_be_bytes());
    out.extend_from_slice(token.as_bytes());
    out.extend_from_slice(&bucket.0.to_be_bytes());
}

fn key_len(key: &[u8]) -> usize {
    2 + if key.len() > PARTITION_KEY_INLINE_MAX { DIGEST_BYTES } else { key.len() }
}

fn put_partition_key(out: &mut Vec<u8>, key: &[u8]) {
    match u16::try_from(key.len()) {
        Ok(len) if key.len() <= PARTITION_KEY_INLINE_MAX => {
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(key);
        }
        _ => {
            out.extend_from_slice(&LONG_PARTITION_KEY);
            out.extend_from_slice(blake3::hash(key).as_bytes());
        }
    }
}

fn sort_len(key: &[u8]) -> usize {
    if key.len() > SORT_KEY_INLINE_MAX { SORT_KEY_INLINE_MAX + DIGEST_BYTES } else { key.len() }
}

/// Appends a sort key; also a bound of sort keys, which is encoded like one.
pub(crate) fn put_sort_key(out: &mut Vec<u8>, key: &[u8]) {
    out.push(WITH_SORT_KEY);
    match key.get(..SORT_KEY_INLINE_MAX) {
        Some(head) if key.len() > SORT_KEY_INLINE_MAX => {
            out.extend_from_slice(head);
            out.extend_from_slice(blake3::hash(key).as_bytes());
        }
        _ => out.extend_from_slice(key),
    }
}

/// Reads a storage key of an item.
pub fn parse_slot_key(storage_key: &[u8]) -> Result<ParsedSlot, DecodeError> {
    let mut rest = storage_key;
    let partition = PartitionId(u16::from_be_bytes(take(&mut rest)?));
    let token = Token::from_bytes(take(&mut rest)?);
    let bucket = BucketId(u32::from_be_bytes(take(&mut rest)?));
    let partition_key = take_partition_key(&mut rest)?;
    let sort_key = parse_sort_key(rest)?;
    let key = match (partition_key, sort_key) {
        (Part::Whole(partition_key), Some(Part::Whole(sort_key))) => {
            Some(ItemKey::sorted(copy(partition_key), copy(sort_key)))
        }
        (Part::Whole(partition_key), None) => Some(ItemKey::plain(copy(partition_key))),
        _ => None,
    };
    Ok(ParsedSlot { partition, token, bucket, key })
}

/// A part of a key as it stands in a storage key.
enum Part<'a> {
    Whole(&'a [u8]),
    Digested,
}

fn take_partition_key<'a>(rest: &mut &'a [u8]) -> Result<Part<'a>, DecodeError> {
    let len = take(rest)?;
    if len == LONG_PARTITION_KEY {
        return take::<DIGEST_BYTES>(rest).map(|_| Part::Digested);
    }
    let len = usize::from(u16::from_be_bytes(len));
    if len > PARTITION_KEY_INLINE_MAX {
        return Err(DecodeError::new("the length of a partition key", Fault::OutOfRange));
    }
    let (key, behind) = rest.split_at_checked(len).ok_or(CUT_SHORT)?;
    *rest = behind;
    Ok(Part::Whole(key))
}

fn parse_sort_key(rest: &[u8]) -> Result<Option<Part<'_>>, DecodeError> {
    const LONG: usize = SORT_KEY_INLINE_MAX + DIGEST_BYTES;
    match rest.split_first().ok_or(CUT_SHORT)? {
        (&WITHOUT_SORT_KEY, []) => Ok(None),
        (&WITH_SORT_KEY, key) if key.len() <= SORT_KEY_INLINE_MAX => Ok(Some(Part::Whole(key))),
        (&WITH_SORT_KEY, key) if key.len() == LONG => Ok(Some(Part::Digested)),
        _ => Err(DecodeError::malformed("a storage key")),
    }
}

const CUT_SHORT: DecodeError = DecodeError::new("a storage key", Fault::Truncated);

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    let (head, behind) = rest.split_first_chunk().ok_or(CUT_SHORT)?;
    *rest = behind;
    Ok(*head)
}

fn copy(part: &[u8]) -> Bytes {
    Bytes::copy_from_slice(part)
}
