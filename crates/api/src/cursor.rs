//! Where a page of a scan ended, as an opaque text for the client to give back.
//!
//! Invariant: what [`Cursor::write`] writes, [`Cursor::read`] reads; anything else is refused. A cursor holds nothing
//! secret and grants nothing: a made-up one only starts the scan somewhere else.

use crate::problem::{Kind, Problem};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use proto::ItemKey;
use ring::PartitionId;

const VERSION: u8 = 1;

/// Where to go on: in which partition, and behind which item of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cursor {
    /// The partition; meaningless if the scan is of one partition key.
    pub(crate) partition: PartitionId,
    /// The last item that was read.
    pub(crate) after: Option<ItemKey>,
}

impl Cursor {
    /// The text of it.
    pub(crate) fn write(&self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(self.partition.0.to_be_bytes());
        if let Some(key) = &self.after {
            bytes.push(u8::from(key.sort_key.is_some()));
            bytes.extend((key.partition_key.len() as u32).to_be_bytes());
            bytes.extend(&key.partition_key);
            bytes.extend(key.sort_key.as_deref().unwrap_or_default());
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads the text of one.
    pub(crate) fn read(text: &str) -> Result<Cursor, Problem> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().map(Bytes::from);
        bytes.and_then(Cursor::decode).ok_or_else(|| {
            let detail = "The cursor is not one that a scan gave; start without one, or repeat the last one as it was.";
            Problem::new(Kind::InvalidCursor, detail).with("field", "cursor")
        })
    }

    fn decode(mut bytes: Bytes) -> Option<Cursor> {
        let head: [u8; 3] = take(&mut bytes, 3)?.as_ref().try_into().ok()?;
        let [VERSION, high, low] = head else { return None };
        let partition = PartitionId(u16::from_be_bytes([high, low]));
        let after = if bytes.is_empty() { None } else { Some(decode_key(bytes)?) };
        Some(Cursor { partition, after })
    }
}

fn decode_key(mut bytes: Bytes) -> Option<ItemKey> {
    let sorted = take(&mut bytes, 1)?[0];
    let len = u32::from_be_bytes(take(&mut bytes, 4)?.as_ref().try_into().ok()?);
    let partition_key = take(&mut bytes, len as usize)?;
    match sorted {
        0 if bytes.is_empty() => Some(ItemKey { partition_key, sort_key: None }),
        1 => Some(ItemKey { partition_key, sort_key: Some(bytes) }),
        _ => None,
    }
}

fn take(bytes: &mut Bytes, len: usize) -> Option<Bytes> {
    (bytes.len() >= len).then(|| bytes.split_to(len))
}

#[cfg(test)]
mod tests {
    use super::Cursor;
    use proto::ItemKey;
    use ring::PartitionId;

    #[test]
    fn cursors_read_back_what_they_print() {
        for after in [
            None,
            Some(ItemKey::plain("")),
            Some(ItemKey::plain("k")),
            Some(ItemKey::sorted("k", "")),
            Some(ItemKey::sorted(&b"\0\xff"[..], "s")),
        ] {
            let cursor = Cursor { partition: PartitionId(4_095), after };
            assert_eq!(Cursor::read(&cursor.write()), Ok(cursor));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let good = Cursor { partition: PartitionId(1), after: Some(ItemKey::plain("key")) }.write();
        for text in ["", "AA", "!", "AgAA", &good[..good.len() - 2], &format!("{good}AAAA")] {
            assert!(Cursor::read(text).is_err(), "{text}");
        }
    }
}
