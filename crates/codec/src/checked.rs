//! A length, a checksum and a payload: how frames and handshakes are delimited on a connection.
//!
//! Invariant: nothing is looked at before its checksum fits. That goes for the length, too, which has a checksum of its own:
//! whoever waits for as many bytes as a damaged length says waits for a long time, and swallows what comes meanwhile. No
//! length beyond the bound is waited for.
//! Refuses to know what a payload means.

use crate::error::DecodeError;
use bytes::{Buf, Bytes, BytesMut};
use std::fmt;

/// Length of the payload, its checksum, and the checksum of these two; all little-endian.
pub(crate) const HEADER_BYTES: usize = 12;

/// What the header's own checksum is over.
const CHECKED_BYTES: usize = 8;

/// Why a frame can not be read. Nothing that follows on the connection can be either.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameError {
    /// It says it is longer than is allowed here.
    TooLong {
        /// Length of the payload, as announced.
        len: usize,
        /// Longest payload allowed.
        max: usize,
    },
    /// It was damaged on the way.
    Checksum {
        /// The checksum of the bytes as they are.
        got: u32,
        /// The checksum that was sent with them.
        expected: u32,
    },
    /// It is whole, and means nothing here.
    Malformed(DecodeError),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::TooLong { len, max } => write!(f, "a frame of {len} bytes is too long; {max} are allowed"),
            FrameError::Checksum { got, expected } => {
                write!(f, "a frame is damaged: its checksum is {got:08x} and was {expected:08x}")
            }
            FrameError::Malformed(error) => write!(f, "a frame makes no sense: {error}"),
        }
    }
}

impl std::error::Error for FrameError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            FrameError::Malformed(error) => Some(error),
            FrameError::TooLong { .. } | FrameError::Checksum { .. } => None,
        }
    }
}

/// The header of a payload that is not longer than `u32::MAX`.
pub(crate) fn header(payload: &[u8]) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    header[4..CHECKED_BYTES].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    let sum = crc32fast::hash(&header[..CHECKED_BYTES]);
    header[CHECKED_BYTES..].copy_from_slice(&sum.to_le_bytes());
    header
}

/// Takes a payload off the front of `buffer`, once all of it is there. `skip` bytes go before the header.
pub(crate) fn take(buffer: &mut BytesMut, skip: usize, max: usize) -> Result<Option<Bytes>, FrameError> {
    let Some(mut header) = buffer.get(skip..skip + HEADER_BYTES) else { return Ok(None) };
    let got = crc32fast::hash(&header[..CHECKED_BYTES]);
    let len = header.get_u32_le() as usize;
    let expected_of_payload = header.get_u32_le();
    let expected = header.get_u32_le();
    if got != expected {
        return Err(FrameError::Checksum { got, expected });
    }
    if len > max {
        return Err(FrameError::TooLong { len, max });
    }
    let start = skip + HEADER_BYTES;
    if buffer.len() - start < len {
        return Ok(None);
    }
    let mut whole = buffer.split_to(start + len).freeze();
    let payload = whole.split_off(start);
    let (got, expected) = (crc32fast::hash(&payload), expected_of_payload);
    if got == expected { Ok(Some(payload)) } else { Err(FrameError::Checksum { got, expected }) }
}
