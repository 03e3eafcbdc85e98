//! How the values of elements are laid out: fields of hashes and members of sets (docs/adr/0014, 0016).
//!
//! ```text
//! 0x00 │ bytes                    as it was written
//! 0x01 │ stamp, 8 bytes │ bytes   written again for another end; the stamp is that of the original write
//! 0x02 │ units, 16 bytes          a sum of increments, in units of 10^-17; shown, never written
//! ```
//!
//! Invariant: of several values that stand side by side the one with the highest stamp counts, and a sum is added to it.
//! Refuses to know what an element is called.

use crate::decimal::Decimal;
use crate::record::{Value, Version};
use bytes::{BufMut as _, Bytes, BytesMut};
use causal::{Dot, Stamp};

/// As it was written.
const PLAIN: u8 = 0;
/// Written again.
const AGAIN: u8 = 1;
/// A sum.
const SUM: u8 = 2;

/// The value of bytes that are written.
pub fn plain(bytes: &[u8]) -> Value {
    let mut value = BytesMut::with_capacity(1 + bytes.len());
    value.put_u8(PLAIN);
    value.put_slice(bytes);
    Value::plain(value.freeze())
}

/// The value of bytes that were written at that time and are written again.
pub fn again(stamp: Stamp, bytes: &[u8]) -> Value {
    let mut value = BytesMut::with_capacity(9 + bytes.len());
    value.put_u8(AGAIN);
    value.put_u64(stamp.as_u64());
    value.put_slice(bytes);
    Value::plain(value.freeze())
}

/// The value that shows a sum.
pub fn sum(sum: Decimal) -> Value {
    let mut value = BytesMut::with_capacity(17);
    value.put_u8(SUM);
    value.put_i128(sum.units());
    Value::plain(value.freeze())
}

/// What such a value is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shown {
    /// Bytes, and when they were written.
    Bytes(Stamp, Bytes),
    /// A sum.
    Sum(Decimal),
}

/// Reads a version's value; none if it is a tombstone, or nothing of ours.
pub fn read(version: &Version) -> Option<Shown> {
    let bytes = &version.value.as_ref()?.bytes;
    match bytes.split_first()? {
        (&PLAIN, _) => Some(Shown::Bytes(version.stamp, bytes.slice(1..))),
        (&AGAIN, rest) => {
            let (original, _) = rest.split_first_chunk::<8>()?;
            Some(Shown::Bytes(Stamp::from_u64(u64::from_be_bytes(*original)), bytes.slice(9..)))
        }
        (&SUM, rest) => Some(Shown::Sum(Decimal::from_units(i128::from_be_bytes(rest.try_into().ok()?)))),
        _ => None,
    }
}

/// What a reader sees of versions side by side: the newest bytes, and every sum added to them. A text that is no number stays
/// as it is, as if it had been written after what was added.
pub fn shown<'v>(versions: impl IntoIterator<Item = (Dot, &'v Version)>) -> Option<Bytes> {
    let (mut newest, mut sum): (Option<(Stamp, Dot, Bytes)>, Option<Decimal>) = (None, None);
    for (dot, version) in versions {
        match read(version) {
            Some(Shown::Bytes(stamp, bytes)) => newest = newest.max(Some((stamp, dot, bytes))),
            Some(Shown::Sum(more)) => sum = Some(sum.unwrap_or_default().plus_at_most(more)),
            None => {}
        }
    }
    let bytes = newest.map(|(_, _, bytes)| bytes);
    let Some(sum) = sum else { return bytes };
    match bytes.as_deref().map_or(Some(Decimal::ZERO), Decimal::parse) {
        Some(number) => Some(number.plus_at_most(sum).to_string().into()),
        None => bytes,
    }
}
