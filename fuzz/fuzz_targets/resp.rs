//! Requests of Redis clients: any bytes in any cuts give the same requests and the same error, and never a panic.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use resp::{Limits, Parser, Request};

const LIMITS: Limits = Limits { bulk_bytes_max: 1 << 12, arguments_max: 64, request_bytes_max: 1 << 14 };

fn parse(bytes: &[u8], piece: usize) -> (Vec<Request>, Option<String>) {
    let (mut parser, mut buffer, mut requests) = (Parser::new(LIMITS), BytesMut::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        buffer.extend_from_slice(piece);
        loop {
            match parser.next(&mut buffer) {
                Ok(Some(request)) => requests.push(request),
                Ok(None) => break,
                Err(error) => return (requests, Some(error.to_string())),
            }
        }
    }
    (requests, None)
}

fuzz_target!(|data: &[u8]| {
    let Some((piece, bytes)) = data.split_first() else { return };
    assert_eq!(parse(bytes, usize::from(*piece).max(1)), parse(bytes, bytes.len().max(1)));
});
