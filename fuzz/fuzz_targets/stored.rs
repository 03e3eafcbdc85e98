//! Stored items and hints: any key with any value, and any body behind a right checksum.

#![no_main]

use bytes::Bytes;
use codec::{decode_hint, decode_stored, parse_slot_key};
use libfuzzer_sys::fuzz_target;

/// A plain key of one letter: partition, token, bucket, length, key, no sort key.
const KEY: [u8; 30] = {
    let mut key = [0; 30];
    key[27] = 1;
    key[28] = b'k';
    key
};

fn sealed(key: &[u8], body: &[u8]) -> Bytes {
    let mut value = vec![codec::DISK_FORMAT];
    value.extend_from_slice(body);
    let sum = crc32fast::hash(&[key, &value].concat());
    value.extend_from_slice(&sum.to_le_bytes());
    value.into()
}

fuzz_target!(|data: &[u8]| {
    let (key, value) = data.split_at(data.len() / 2);
    let _ = parse_slot_key(data);
    let _ = decode_stored(key, &Bytes::copy_from_slice(value));
    let _ = decode_stored(&KEY, &sealed(&KEY, data));
    let _ = decode_hint(&[7; 24], &sealed(&[7; 24], data));
});
