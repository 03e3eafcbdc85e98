//! Context tokens from clients: no text opens that was not sealed.

#![no_main]

use codec::{open_context, seal_context};
use libfuzzer_sys::fuzz_target;
use proto::{BucketId, ItemKey};

fuzz_target!(|data: &[u8]| {
    let item = ItemKey::plain("k");
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(context) = open_context(&[7; 32], BucketId(0), &item, text)
    {
        assert_eq!(seal_context(&[7; 32], BucketId(0), &item, &context), text);
    }
});
