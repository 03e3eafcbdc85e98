//! The node's own records: the first byte chooses the key, the rest is a body behind a right checksum. What decodes
//! must encode and decode to the same again.

#![no_main]

use bytes::Bytes;
use codec::{acceptor_key, decode_meta, encode_meta, event_key, incarnation_key, node_key, peers_key, progress_key};
use libfuzzer_sys::fuzz_target;
use proto::Epoch;

fuzz_target!(|data: &[u8]| {
    let Some((kind, body)) = data.split_first() else { return };
    let key = match kind % 6 {
        0 => node_key(),
        1 => incarnation_key(),
        2 => event_key(Epoch(1)),
        3 => acceptor_key(Epoch(1)),
        4 => progress_key(),
        _ => peers_key(),
    };
    let _ = decode_meta(&key, &Bytes::copy_from_slice(body));

    let mut value = vec![codec::DISK_FORMAT];
    value.extend_from_slice(body);
    let sum = crc32fast::hash(&[key.as_slice(), value.as_slice()].concat());
    value.extend_from_slice(&sum.to_le_bytes());
    if let Ok(record) = decode_meta(&key, &value.into()) {
        let (key, value) = encode_meta(&record);
        assert_eq!(decode_meta(&key, &value), Ok(record));
    }
});
