//! A batch as the journal keeps it.
//!
//! ```text
//! put           0s │ key length 2 │ value length 4 │ key │ value
//! delete        1s │ key length 2 │ key
//! delete range  2s │ start length 4 │ end length 4, ffffffff for none │ start │ end
//! ```
//!
//! One change after the other, lengths little-endian; `s` is the space: 0 items, 1 meta, 2 hints.
//!
//! Invariant: decoding gives the changes that were encoded, or an error; the journal's checksum has been checked before.
//! Refuses to know what the changes do.

use bytes::Bytes;

use crate::batch::Change;
use crate::space::Space;

const PUT: u8 = 0;
const DELETE: u8 = 1;
const DELETE_RANGE: u8 = 2;
const NO_END: u32 = u32::MAX;

/// Adds the changes to `into`.
pub(super) fn encode(changes: &[Change], into: &mut Vec<u8>) {
    for change in changes {
        match change {
            Change::Put { space, key, value } => {
                into.push(tag(PUT, *space));
                into.extend_from_slice(&(key.len() as u16).to_le_bytes());
                into.extend_from_slice(&(value.len() as u32).to_le_bytes());
                into.extend_from_slice(key);
                into.extend_from_slice(value);
            }
            Change::Delete { space, key } => {
                into.push(tag(DELETE, *space));
                into.extend_from_slice(&(key.len() as u16).to_le_bytes());
                into.extend_from_slice(key);
            }
            Change::DeleteRange { space, start, end } => {
                into.push(tag(DELETE_RANGE, *space));
                into.extend_from_slice(&(start.len() as u32).to_le_bytes());
                into.extend_from_slice(&end.as_ref().map_or(NO_END, |end| end.len() as u32).to_le_bytes());
                into.extend_from_slice(start);
                into.extend_from_slice(end.as_deref().unwrap_or_default());
            }
        }
    }
}

/// The changes of a payload; `None` if it is none.
pub(super) fn decode(payload: &[u8]) -> Option<Vec<Change>> {
    let mut rest = Rest(payload);
    let mut changes = Vec::new();
    while !rest.0.is_empty() {
        changes.push(rest.change()?);
    }
    Some(changes)
}

fn tag(kind: u8, space: Space) -> u8 {
    kind << 4 | space.index() as u8
}

/// What is not decoded yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<usize> {
        Some(u16::from_le_bytes(*self.take(2)?.first_chunk()?).into())
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(*self.take(4)?.first_chunk()?))
    }

    fn change(&mut self) -> Option<Change> {
        let tag = *self.take(1)?.first()?;
        let space = *Space::ALL.get(usize::from(tag & 0x0F))?;
        match tag >> 4 {
            PUT => {
                let (key, value) = (self.u16()?, self.u32()?);
                let key = self.take(key).filter(|key| !key.is_empty())?.to_vec();
                Some(Change::Put { space, key, value: Bytes::copy_from_slice(self.take(value as usize)?) })
            }
            DELETE => {
                let key = self.u16()?;
                Some(Change::Delete { space, key: self.take(key).filter(|key| !key.is_empty())?.to_vec() })
            }
            DELETE_RANGE => {
                let (start, end) = (self.u32()?, self.u32()?);
                let start = self.take(start as usize)?.to_vec();
                let end = if end == NO_END { None } else { Some(self.take(end as usize)?.to_vec()) };
                Some(Change::DeleteRange { space, start, end })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};
    use crate::batch::Batch;
    use crate::space::Space;

    #[test]
    fn every_change_comes_back_and_nothing_shorter_is_taken_for_it() {
        let mut batch = Batch::new();
        batch.put(Space::Items, *b"key", "value");
        batch.delete(Space::Hints, *b"other");
        batch.delete_range(Space::Meta, *b"", None);
        batch.delete_range(Space::Meta, *b"a", Some(b"b".to_vec()));
        let mut bytes = Vec::new();
        encode(batch.changes(), &mut bytes);
        assert_eq!(decode(&bytes).as_deref(), Some(batch.changes()));
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_none_or(|changes| changes.len() < 4), "{len}");
        }
        assert_eq!(decode(&[0x07, 0, 0]), None, "there is no such space");
        assert_eq!(decode(&[0x10, 0, 0]), None, "a key has at least one byte");
    }
}
