//! Storage keys of items: order, bounds, and that every key fits.

#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use bytes::Bytes;
use codec::{SLOT_KEY_BYTES_MAX, SORT_KEY_INLINE_MAX, parse_slot_key, partition_bounds, range_bounds, slot_key};
use proptest::prelude::*;
use proto::{BucketId, ItemKey, Range, Slot};
use ring::{Grid, PartitionId, Token};
use std::ops::Bound;

fn slot(bucket: u32, key: ItemKey) -> Slot {
    Slot::new(Grid::default(), BucketId(bucket), key)
}

fn key_of(bucket: u32, key: ItemKey) -> Vec<u8> {
    slot_key(&slot(bucket, key))
}

fn within(grid: Grid, range: &Range, storage_key: &Vec<u8>) -> bool {
    let (start, end) = range_bounds(grid, range);
    assert!(end.as_ref().is_none_or(|end| start <= *end), "reversed bounds of {range:?}");
    *storage_key >= start && end.is_none_or(|end| *storage_key < end)
}

fn part() -> impl Strategy<Value = Bytes> {
    let special = prop_oneof![Just(0_u8), Just(1), Just(0xff), any::<u8>()];
    prop_oneof![
        8 => prop::collection::vec(special, 0..6).prop_map(Bytes::from),
        1 => (any::<u8>(), 1_020_usize..1_030).prop_map(|(byte, len)| Bytes::from(vec![byte; len])),
        1 => (0_u8..2, 0_usize..4).prop_map(|(byte, more)| Bytes::from(vec![byte; SORT_KEY_INLINE_MAX - 1 + more])),
    ]
}

fn item_key() -> impl Strategy<Value = ItemKey> {
    (part(), prop::option::of(part())).prop_map(|(partition_key, sort_key)| ItemKey { partition_key, sort_key })
}

/// The order on disk: two sort keys that share all that is stored of them are ordered by digest, so nothing is said.
fn comparable(left: &ItemKey, right: &ItemKey) -> bool {
    let head = |key: &ItemKey| key.sort_key.as_ref().and_then(|key| key.get(..SORT_KEY_INLINE_MAX).map(<[u8]>::to_vec));
    head(left).is_none() || head(left) != head(right) || left.sort_key == right.sort_key
}

proptest! {
    #[test]
    fn keys_are_ordered_by_place_and_then_by_sort_key(
        left in (0_u32..3, item_key()), right in (0_u32..3, item_key()), same in any::<bool>(),
    ) {
        let (mut left, right) = (slot(left.0, left.1), slot(right.0, right.1));
        if same {
            left = slot(right.bucket.0, ItemKey { partition_key: right.key.partition_key.clone(), ..left.key });
        }
        prop_assume!(comparable(&left.key, &right.key));
        let place = |slot: &Slot| (slot.partition, slot.token, slot.bucket);
        let expected = place(&left).cmp(&place(&right)).then(left.key.sort_key.cmp(&right.key.sort_key));
        prop_assert_eq!(slot_key(&left).cmp(&slot_key(&right)), expected);
    }

    #[test]
    fn a_short_key_reads_back_and_a_long_one_is_left_to_the_value(bucket: u32, key in item_key()) {
        let slot = slot(bucket, key);
        let storage_key = slot_key(&slot);
        prop_assert!(storage_key.len() <= SLOT_KEY_BYTES_MAX);
        let parsed = parse_slot_key(&storage_key).unwrap();
        prop_assert_eq!((parsed.partition, parsed.token, parsed.bucket), (slot.partition, slot.token, slot.bucket));
        let fits = slot.key.partition_key.len() <= 1_024
            && slot.key.sort_key.as_ref().is_none_or(|key| key.len() <= SORT_KEY_INLINE_MAX);
        prop_assert_eq!(parsed.key, fits.then_some(slot.key));
    }

    #[test]
    fn a_range_of_sort_keys_holds_exactly_its_items(
        key in item_key(), from in prop::option::of(part()), to in prop::option::of(part()),
        after in prop::option::of(prop::option::of(part())), bits in 0_u8..=16,
    ) {
        let grid = Grid::new(bits).unwrap();
        let partition_key = key.partition_key.clone();
        let after = after.map(|sort_key| ItemKey { partition_key: partition_key.clone(), sort_key });
        for bound in [&from, &to] {
            prop_assume!(comparable(&key, &ItemKey { partition_key: Bytes::new(), sort_key: bound.clone() }));
        }
        prop_assume!(after.as_ref().is_none_or(|after| comparable(&key, after)));
        let start = from.as_ref().map_or(Bound::Unbounded, |from| Bound::Included(Some(from.clone())));
        let end = to.as_ref().map_or(Bound::Unbounded, |to| Bound::Excluded(Some(to.clone())));
        let expected = std::ops::RangeBounds::contains(&(start, end), &key.sort_key)
            && after.as_ref().is_none_or(|after| key.sort_key > after.sort_key);
        let range = Range::SortKeys { bucket: BucketId(1), partition_key, from, to, after };
        let at = |bucket| slot_key(&Slot::new(grid, BucketId(bucket), key.clone()));
        prop_assert_eq!(within(grid, &range, &at(1)), expected);
        prop_assert!(!within(grid, &range, &at(2)));
    }

    #[test]
    fn a_range_of_a_partition_holds_what_follows(
        key in item_key(), after in prop::option::of(item_key()), bucket in prop::option::of(0_u32..3),
    ) {
        let grid = Grid::new(2).unwrap();
        let slot = Slot::new(grid, BucketId(1), key);
        let behind = after.as_ref().is_none_or(|after| {
            slot_key(&slot) > slot_key(&Slot::new(grid, BucketId(1), after.clone()))
        });
        for partition in grid.partitions() {
            let after = after.clone().map(|key| (BucketId(1), key));
            let range = Range::Partition { partition, bucket: bucket.map(BucketId), after };
            prop_assert_eq!(within(grid, &range, &slot_key(&slot)), partition == slot.partition && behind);
        }
    }

    #[test]
    fn bounds_are_never_reversed(
        key in item_key(), other in item_key(), from in prop::option::of(part()), to in prop::option::of(part()),
    ) {
        let grid = Grid::default();
        let storage_key = slot_key(&Slot::new(grid, BucketId(1), other.clone()));
        let partition_key = key.partition_key.clone();
        let range = Range::SortKeys { bucket: BucketId(1), partition_key, from, to, after: Some(other.clone()) };
        if other.partition_key != key.partition_key {
            prop_assert!(!within(grid, &range, &storage_key));
        }
    }

    #[test]
    fn any_bytes_parse_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = parse_slot_key(&bytes);
    }
}

#[test]
fn no_sort_key_comes_before_an_empty_one() {
    let (none, empty) = (key_of(0, ItemKey::plain("k")), key_of(0, ItemKey::sorted("k", "")));
    assert!(none < empty && empty < key_of(0, ItemKey::sorted("k", [0_u8].as_slice())));
}

#[test]
fn a_partition_key_that_begins_another_does_not_mix_with_it() {
    let token = Token::of(b"same");
    let with = |partition_key: &'static str, sort_key: &'static str| {
        let key = ItemKey::sorted(partition_key, sort_key);
        slot_key(&Slot { partition: PartitionId(3), token, bucket: BucketId(0), key })
    };
    let mut keys = [with("a", "1"), with("ab", "0"), with("a", "b2"), with("ab", "3"), with("a", "\u{1}")];
    keys.sort();
    let owners: Vec<_> = keys.iter().map(|key| parse_slot_key(key).unwrap().key.unwrap().partition_key).collect();
    assert_eq!(owners, ["a", "a", "a", "ab", "ab"]);
}

#[test]
fn long_keys_have_short_storage_keys_that_differ() {
    let long = |last: u8| {
        let mut key = vec![7_u8; 1 << 20];
        key.push(last);
        key
    };
    let keys = [
        key_of(0, ItemKey::plain(long(1))),
        key_of(0, ItemKey::plain(long(2))),
        key_of(0, ItemKey::sorted(long(1), long(1))),
        key_of(0, ItemKey::sorted(long(1), long(2))),
        key_of(0, ItemKey::sorted("k", long(1))),
        key_of(0, ItemKey::sorted("k", vec![7_u8; SORT_KEY_INLINE_MAX])),
    ];
    for (at, key) in keys.iter().enumerate() {
        assert!(key.len() <= SLOT_KEY_BYTES_MAX);
        assert!(keys[..at].iter().all(|other| other != key && !key.starts_with(other) || at == 5));
        assert_eq!(parse_slot_key(key).unwrap().key.is_some(), at == 5);
    }
    assert!(keys[5] < keys[4]);
    assert_eq!(slot_key(&slot(0, ItemKey::sorted(vec![0; 2_000], long(0)))).len(), 26 + 2 + 32 + 1 + (32 << 10) + 32);
}

#[test]
fn the_last_partition_has_no_end() {
    assert_eq!(partition_bounds(PartitionId(0x0102)), (vec![1, 2], Some(vec![1, 3])));
    assert_eq!(partition_bounds(PartitionId(u16::MAX)), (vec![255, 255], None));
}
