//! Values of items on disk: the record, and the full key where the storage key holds only a digest of it.
//!
//! Invariant: a value decodes only under the storage key it was encoded for. Decoded values are slices of the input.
//! Refuses to know engines and other spaces.

use crate::error::DecodeError;
use crate::plain::{self, Plain};
use crate::schema::item::WireKey;
use crate::schema::record::WireRecord;
use crate::schema::{may, need, parse};
use crate::sealed::{open, seal, seal_with};
use crate::slot_key::{is_long, parse_slot_key};
use bytes::Bytes;
use proto::{BucketId, ItemKey, Record, Slot};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireStored {
    #[prost(message, optional, tag = "1")]
    record: Option<WireRecord>,
    /// Only if the storage key does not hold it.
    #[prost(message, optional, tag = "2")]
    key: Option<WireKey>,
}

impl WireStored {
    pub(crate) fn new(record: &Record, key: Option<WireKey>) -> WireStored {
        WireStored { record: Some(record.into()), key }
    }
}

/// The value of a slot. `storage_key` is [`crate::slot_key`] of the slot.
pub fn encode_stored(storage_key: &[u8], slot: &Slot, record: &Record) -> Bytes {
    if is_long(&slot.key) {
        return seal(storage_key, &WireStored::new(record, Some(WireKey::from(&slot.key))));
    }
    match Plain::of(record) {
        Some(plain) => seal_with(storage_key, plain.stored_len(), |out| plain.put_stored(out)),
        None => seal(storage_key, &WireStored::new(record, None)),
    }
}

/// What a slot holds, whose storage key is known to be one.
pub fn decode_record(storage_key: &[u8], value: &Bytes) -> Result<Record, DecodeError> {
    let body = open(storage_key, value, "a stored item")?;
    if let Some(record) = plain::stored(&body) {
        return Ok(record);
    }
    let wire: WireStored = parse(body, "a stored item")?;
    need(wire.record, "a record")
}

/// What a slot holds, and of which item.
pub fn decode_stored(storage_key: &[u8], value: &Bytes) -> Result<(BucketId, ItemKey, Record), DecodeError> {
    let slot = parse_slot_key(storage_key)?;
    let body = open(storage_key, value, "a stored item")?;
    let key = match (slot.key, plain::stored(&body)) {
        (Some(key), Some(record)) => return Ok((slot.bucket, key, record)),
        (key, _) => key,
    };
    let wire: WireStored = parse(body, "a stored item")?;
    let key = match key {
        Some(key) => key,
        None => may(wire.key)?.ok_or(DecodeError::missing("the key of a stored item"))?,
    };
    Ok((slot.bucket, key, need(wire.record, "a record")?))
}
