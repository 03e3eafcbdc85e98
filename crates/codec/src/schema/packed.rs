//! Lists of items that travel packed: keys, node ids and values of neighbours are much alike.
//!
//! Invariant: what is unpacked is at most [`RATIO_MAX`] times as long as it was packed, so that a frame's cost in memory
//! stays bounded by its length, and it has at most [`ITEMS_MAX`] items. A list that would gain nothing, or too much, travels as it is.

use super::item::WireItem;
use super::{all, list, parse};
use crate::error::DecodeError;
use bytes::Bytes;
use prost::Message as _;
use proto::{BucketId, ItemKey, Record};

/// Lists shorter than this are left as they are; bytes.
const PACK_FROM: usize = 512;
/// Longer ones are left as they are, too: they are few large values, and packing would hold up everything else; bytes.
const PACK_TO: usize = 1 << 20;
/// A receiver makes at most so many bytes out of one.
const RATIO_MAX: usize = 32;
/// No list of more items is packed: each takes much more memory than its fewest bytes.
const ITEMS_MAX: usize = 4_096;

#[derive(Clone, PartialEq, prost::Message)]
struct WireItems {
    #[prost(message, repeated, tag = "1")]
    items: Vec<WireItem>,
}

/// A list of items, packed (LZ4, one block).
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WirePacked {
    /// Length before packing; bytes.
    #[prost(uint32, tag = "1")]
    len: u32,
    #[prost(bytes = "bytes", tag = "2")]
    block: Bytes,
}

impl WirePacked {
    /// The items packed, or as they were.
    pub(super) fn new(items: &[(BucketId, ItemKey, Record)]) -> Result<WirePacked, Vec<WireItem>> {
        let items = WireItems { items: list(items) };
        if items.items.len() > ITEMS_MAX {
            return Err(items.items);
        }
        let len = items.encoded_len();
        if !(PACK_FROM..=PACK_TO).contains(&len) {
            return Err(items.items);
        }
        let block = lz4_flex::block::compress(&items.encode_to_vec());
        if block.len() > len - len / 8 || block.len() < len.div_ceil(RATIO_MAX) {
            return Err(items.items);
        }
        Ok(WirePacked { len: len as u32, block: block.into() })
    }

    /// How long it says to be before packing; bytes.
    pub(super) fn unpacked_len(&self) -> usize {
        self.len as usize
    }

    /// The items.
    pub(super) fn unpack(self) -> Result<Vec<(BucketId, ItemKey, Record)>, DecodeError> {
        const WHAT: &str = "packed items";
        let len = self.len as usize;
        if len > PACK_TO || len > self.block.len().saturating_mul(RATIO_MAX) {
            return Err(DecodeError::malformed(WHAT));
        }
        let bytes = lz4_flex::block::decompress(&self.block, len).map_err(|_| DecodeError::malformed(WHAT))?;
        if !is_short(&bytes) {
            return Err(DecodeError::malformed(WHAT));
        }
        all(parse::<WireItems>(Bytes::from(bytes), WHAT)?.items)
    }
}

/// True if so few fields follow one another, as items of a list do, that making them costs little.
fn is_short(mut bytes: &[u8]) -> bool {
    let mut fields = 0;
    while let [_tag, rest @ ..] = bytes {
        bytes = rest;
        let len = prost::decode_length_delimiter(&mut bytes).ok();
        let Some(rest) = len.and_then(|len| bytes.get(len..)) else { return false };
        (bytes, fields) = (rest, fields + 1);
    }
    fields <= ITEMS_MAX
}

#[cfg(test)]
mod tests {
    use super::{ITEMS_MAX, RATIO_MAX, WirePacked, is_short};
    use bytes::Bytes;
    use causal::{Actor, Dot, Stamp};
    use proto::{BucketId, ItemKey, Record, Value, Version};

    fn items(count: u64, value: impl Fn(u64) -> Vec<u8>) -> Vec<(BucketId, ItemKey, Record)> {
        let item = |number: u64| {
            let dot = Dot { actor: Actor { node: 7 << 90 | 12_345, incarnation: 3 }, counter: number };
            let value = Some(Value::plain(value(number)));
            let version = Version { stamp: Stamp::from_u64(1 << 50 | number), expires: None, value };
            (BucketId::DEFAULT, ItemKey::plain(format!("key_{number}")), Record::Latest { dot, version })
        };
        (1..=count).map(item).collect()
    }

    #[test]
    fn neighbours_are_packed_and_come_out_as_they_were() {
        let items = items(60, |number| format!("{{\"name\":\"Ann\",\"visits\":{number}}}").into_bytes());
        let raw: usize = items.iter().map(|(_, key, record)| key.len() + record.weight()).sum();
        let packed = WirePacked::new(&items).expect("they are alike");
        assert!(packed.block.len() < raw, "{} bytes for {raw}", packed.block.len());
        assert_eq!(packed.unpack(), Ok(items));
    }

    #[test]
    fn what_would_gain_nothing_or_too_much_is_left_as_it_is() {
        assert!(WirePacked::new(&items(1, |_| vec![1; 20])).is_err(), "too short");
        assert!(WirePacked::new(&items(2, |_| vec![1; 1 << 20])).is_err(), "too long");
        assert!(WirePacked::new(&items(10, |_| vec![0; 10_000])).is_err(), "too much would come out of it");
        let mut prng = stdx::Prng::new(1);
        let random: Vec<Vec<u8>> = (0..10).map(|_| (0..1_000).map(|_| prng.below(256) as u8).collect()).collect();
        assert!(WirePacked::new(&items(10, |number| random[number as usize - 1].clone())).is_err(), "nothing to gain");
    }

    #[test]
    fn a_list_of_very_many_items_is_not_made() {
        let noise = (0..1_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8);
        let list = [[0x0a, 0].repeat(ITEMS_MAX * 2), vec![0x0a, 0xe8, 7], noise.collect()].concat();
        let packed = WirePacked { len: list.len() as u32, block: lz4_flex::block::compress(&list).into() };
        assert!(packed.unpacked_len() <= packed.block.len() * RATIO_MAX, "it is not refused for its length");
        assert!(packed.unpack().is_err());
        assert!(is_short(&[0x0a, 0].repeat(ITEMS_MAX)) && !is_short(&[0x0a, 0].repeat(ITEMS_MAX + 1)));
        assert!(!is_short(&[0x0a, 5, 1]), "a field that ends early");
    }

    #[test]
    fn a_small_message_does_not_grow_without_bounds() {
        let bomb = lz4_flex::block::compress(&vec![0; 1 << 20]);
        assert!(bomb.len() * RATIO_MAX < 1 << 20);
        let packed = WirePacked { len: 1 << 20, block: Bytes::from(bomb) };
        assert!(packed.unpack().is_err());
        // A length that is not true.
        let honest = lz4_flex::block::compress(&[7; 300]);
        for len in [0, 10, 299, 301, 400] {
            assert!(WirePacked { len, block: Bytes::from(honest.clone()) }.unpack().is_err(), "{len}");
        }
    }
}
