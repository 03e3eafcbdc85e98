//! The first bytes of a connection, as they come and behind a right header.

#![no_main]

use bytes::BytesMut;
use codec::{MAGIC, decode_hello, decode_welcome, encode_hello, encode_welcome};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = decode_hello(&mut BytesMut::from(data));

    let mut bytes = BytesMut::from(MAGIC.as_slice());
    bytes.extend_from_slice(&(data.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(data).to_le_bytes());
    let header = crc32fast::hash(&bytes[MAGIC.len()..]);
    bytes.extend_from_slice(&header.to_le_bytes());
    bytes.extend_from_slice(data);
    if let Ok(Some(hello)) = decode_hello(&mut bytes.clone()) {
        let again = decode_hello(&mut BytesMut::from(encode_hello(&hello).as_ref()));
        assert!(matches!(again, Ok(Some(_))));
    }
    if let Ok(Some(welcome)) = decode_welcome(&mut bytes) {
        let again = decode_welcome(&mut BytesMut::from(encode_welcome(&welcome).as_ref()));
        assert!(matches!(again, Ok(Some(_))));
    }
});
