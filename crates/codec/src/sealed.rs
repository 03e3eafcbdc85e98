//! The envelope of every stored value: a format byte in front, a checksum behind.
//!
//! Invariant: the checksum is the last four bytes in every format there will ever be, and covers the storage key, the
//! format byte and the body. So damage is told from a newer format, and a value under a wrong key is damage.
//! Refuses to know what the body means.

use crate::error::{DecodeError, Fault};
use bytes::Bytes;
use prost::Message;

/// The format this version writes, and the only one it reads.
pub const DISK_FORMAT: u8 = 1;

const TRAILER_BYTES: usize = 4;

pub(crate) fn seal(storage_key: &[u8], body: &impl Message) -> Bytes {
    seal_with(storage_key, body.encoded_len(), |value| body.encode_raw(value))
}

/// The same of a body that is so long and is appended by `put`.
pub(crate) fn seal_with(storage_key: &[u8], len: usize, put: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut value = Vec::with_capacity(1 + len + TRAILER_BYTES);
    value.push(DISK_FORMAT);
    put(&mut value);
    let checksum = checksum(storage_key, &value);
    value.extend_from_slice(&checksum.to_le_bytes());
    value.into()
}

/// The body of a value, not copied.
pub(crate) fn open(storage_key: &[u8], value: &Bytes, what: &'static str) -> Result<Bytes, DecodeError> {
    let body_end = value.len().checked_sub(TRAILER_BYTES).filter(|end| *end >= 1);
    let body_end = body_end.ok_or(DecodeError::new(what, Fault::Truncated))?;
    let expected = value[body_end..].try_into().map(u32::from_le_bytes);
    let expected = expected.map_err(|_| DecodeError::new(what, Fault::Truncated))?;
    let got = checksum(storage_key, &value[..body_end]);
    if got != expected {
        return Err(DecodeError::new(what, Fault::Checksum { got, expected }));
    }
    match value[0] {
        DISK_FORMAT => Ok(value.slice(1..body_end)),
        format => Err(DecodeError::new(what, Fault::Format(format))),
    }
}

fn checksum(storage_key: &[u8], value: &[u8]) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    hash.update(storage_key);
    hash.update(value);
    hash.finalize()
}
