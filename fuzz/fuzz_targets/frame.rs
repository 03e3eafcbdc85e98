//! Frames from a peer: with the checksum as it comes, and with it put right, so that what is behind it is reached.
//! What decodes must encode and decode to the same again.

#![no_main]

use bytes::BytesMut;
use codec::{FrameDecoder, encode_frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = FrameDecoder::new(1 << 16).next(&mut BytesMut::from(data));

    let mut frame = BytesMut::new();
    frame.extend_from_slice(&(data.len() as u32).to_le_bytes());
    frame.extend_from_slice(&crc32fast::hash(data).to_le_bytes());
    let header = crc32fast::hash(&frame);
    frame.extend_from_slice(&header.to_le_bytes());
    frame.extend_from_slice(data);
    if let Ok(Some(messages)) = FrameDecoder::default().next(&mut frame) {
        let mut again = BytesMut::from(encode_frame(&messages).as_ref());
        let decoded = FrameDecoder::default().next(&mut again);
        assert_eq!(decoded.map(Option::unwrap_or_default), Ok(messages));
    }
});
