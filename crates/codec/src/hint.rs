//! Writes kept for other nodes. Keys are target ‖ id, both big-endian, so that the hints for one node are one slice,
//! oldest first.
//!
//! Invariant: a hint decodes only under its own key.
//! Refuses to know when a hint is delivered, and whether ids of an earlier life of the node may come again.

use crate::error::{DecodeError, Fault};
use crate::schema::item::WireItem;
use crate::schema::parse;
use crate::sealed::{open, seal};
use crate::slot_bounds::Bounds;
use bytes::Bytes;
use proto::{Hint, HintId};
use ring::NodeId;

/// The storage key of a hint.
pub fn hint_key(target: NodeId, id: HintId) -> Vec<u8> {
    let mut key = Vec::with_capacity(24);
    key.extend_from_slice(&target.0.to_be_bytes());
    key.extend_from_slice(&id.0.to_be_bytes());
    key
}

/// Whom a hint is for, and its name.
pub fn parse_hint_key(key: &[u8]) -> Result<(NodeId, HintId), DecodeError> {
    let (target, rest) = key.split_first_chunk().ok_or(MALFORMED_KEY)?;
    let id = rest.try_into().map_err(|_| MALFORMED_KEY)?;
    Ok((NodeId(u128::from_be_bytes(*target)), HintId(u64::from_be_bytes(id))))
}

const MALFORMED_KEY: DecodeError = DecodeError::new("the key of a hint", Fault::Malformed);

/// A hint as key and value.
pub fn encode_hint(hint: &Hint) -> (Vec<u8>, Bytes) {
    let key = hint_key(hint.target, hint.id);
    let value = seal(&key, &WireItem::new(hint.bucket, &hint.key, &hint.record));
    (key, value)
}

/// The hint under a key. Its value is a slice of the input.
pub fn decode_hint(storage_key: &[u8], value: &Bytes) -> Result<Hint, DecodeError> {
    let (target, id) = parse_hint_key(storage_key)?;
    let body = open(storage_key, value, "a hint")?;
    let (bucket, key, record) = parse::<WireItem>(body, "a hint")?.try_into()?;
    Ok(Hint { id, target, bucket, key, record })
}

/// First key and end of the hints for one node.
pub fn hint_bounds(target: NodeId) -> Bounds {
    let end = target.0.checked_add(1).map(|next| next.to_be_bytes().to_vec());
    (target.0.to_be_bytes().to_vec(), end)
}
