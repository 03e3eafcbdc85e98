//! Bytes from outside: whatever they are, decoding ends with a value or an error, and damage is noticed.

#![allow(clippy::unwrap_used, reason = "helpers of a test")]

mod arbitrary;

use arbitrary::cluster::{hello, meta, welcome};
use arbitrary::message::message;
use arbitrary::{bucket_id, context, item, item_key, node};
use bytes::{Bytes, BytesMut};
use codec::{
    Fault, FrameDecoder, FrameError, HandshakeError, MAGIC, TokenError, decode_hello, decode_hint, decode_meta,
    decode_stored, decode_welcome, encode_frame, encode_hello, encode_hint, encode_meta, encode_stored, encode_welcome,
    open_context, parse_hint_key, parse_slot_key, seal_context, slot_key,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proto::{Hint, HintId, Slot};
use ring::Grid;

/// One way to damage bytes.
#[derive(Clone, Debug)]
enum Damage {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Append(u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (any::<prop::sample::Index>(), 0_u8..8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        any::<prop::sample::Index>().prop_map(Damage::Cut),
        any::<u8>().prop_map(Damage::Append),
    ]
}

impl Damage {
    fn of(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        match self {
            Damage::Flip(at, bit) => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            Damage::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Damage::Append(byte) => bytes.push(*byte),
        }
        bytes
    }
}

/// A frame with a right header and this payload.
fn framed(payload: &[u8]) -> BytesMut {
    let mut frame = header(payload.len() as u32, crc32fast::hash(payload));
    frame.extend_from_slice(payload);
    frame
}

/// A header that says so, with a right checksum of its own.
fn header(len: u32, sum: u32) -> BytesMut {
    let mut header = BytesMut::new();
    header.extend_from_slice(&len.to_le_bytes());
    header.extend_from_slice(&sum.to_le_bytes());
    let own = crc32fast::hash(&header);
    header.extend_from_slice(&own.to_le_bytes());
    header
}

/// A stored value with a right trailer and this body.
fn sealed(key: &[u8], body: &[u8]) -> Bytes {
    let mut value = vec![1];
    value.extend_from_slice(body);
    let sum = crc32fast::hash(&[key, &value].concat());
    value.extend_from_slice(&sum.to_le_bytes());
    value.into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn damage_to_a_stored_item_is_noticed(item in item(), damage in damage(), wrong in any::<bool>()) {
        let slot = Slot::new(Grid::default(), item.0, item.1);
        let storage_key = slot_key(&slot);
        let value = encode_stored(&storage_key, &slot, &item.2);
        let (key, value) = if wrong {
            (damage.of(&storage_key), value)
        } else {
            (storage_key, damage.of(&value).into())
        };
        prop_assert!(decode_stored(&key, &value).is_err());
    }

    #[test]
    fn damage_to_a_hint_is_noticed(target in node(), item in item(), damage in damage(), wrong in any::<bool>()) {
        let hint = Hint { id: HintId(7), target, bucket: item.0, key: item.1, record: item.2 };
        let (key, value) = encode_hint(&hint);
        let (key, value) = if wrong { (damage.of(&key), value) } else { (key, damage.of(&value).into()) };
        prop_assert!(decode_hint(&key, &value).is_err());
    }

    #[test]
    fn damage_to_a_record_of_the_node_is_noticed(record in meta(), damage in damage(), wrong in any::<bool>()) {
        let (key, value) = encode_meta(&record);
        let (key, value) = if wrong { (damage.of(&key), value) } else { (key, damage.of(&value).into()) };
        prop_assert!(decode_meta(&key, &value).is_err());
    }

    #[test]
    fn a_damaged_frame_never_gives_messages(message in message(), at: prop::sample::Index, bit in 0_u8..8) {
        let frame = Damage::Flip(at, bit).of(&encode_frame(&[message]));
        let mut buffer = BytesMut::from(frame.as_slice());
        // Not even waited for: a length that grew would swallow everything that follows.
        prop_assert!(FrameDecoder::new(1 << 20).next(&mut buffer).is_err());
    }

    #[test]
    fn damage_behind_a_right_checksum_does_no_harm(
        message in message(), record in meta(), item in item(), damage in vec(damage(), 1..4),
    ) {
        let spoil = |bytes: &[u8]| damage.iter().fold(bytes.to_vec(), |bytes, damage| {
            if bytes.is_empty() { bytes } else { damage.of(&bytes) }
        });
        let _ = FrameDecoder::default().next(&mut framed(&spoil(&encode_frame(&[message])[12..])));
        let (key, value) = encode_meta(&record);
        let _ = decode_meta(&key, &sealed(&key, &spoil(&value[1..value.len() - 4])));
        let slot = Slot::new(Grid::default(), item.0, item.1);
        let key = slot_key(&slot);
        let value = encode_stored(&key, &slot, &item.2);
        let _ = decode_stored(&key, &sealed(&key, &spoil(&value[1..value.len() - 4])));
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in vec(any::<u8>(), 0..200), key in vec(0_u8..8, 0..40)) {
        let _ = FrameDecoder::new(100).next(&mut BytesMut::from(bytes.as_slice()));
        let _ = FrameDecoder::default().next(&mut framed(&bytes));
        let _ = decode_hello(&mut BytesMut::from([&MAGIC, framed(&bytes).as_ref()].concat().as_slice()));
        let _ = decode_welcome(&mut BytesMut::from(bytes.as_slice()));
        let _ = (parse_slot_key(&bytes), parse_hint_key(&bytes));
        let _ = decode_meta(&key, &sealed(&key, &bytes));
        let _ = decode_hint(&key, &sealed(&key, &bytes));
        let _ = decode_stored(&key, &Bytes::from(bytes));
    }

    #[test]
    fn damage_to_a_handshake_is_noticed(hello in hello(), welcome in welcome(), at: prop::sample::Index, bit in 0_u8..8) {
        let flip = Damage::Flip(at, bit);
        let hello = flip.of(&encode_hello(&hello));
        prop_assert!(!matches!(decode_hello(&mut BytesMut::from(hello.as_slice())), Ok(Some(_))));
        let welcome = flip.of(&encode_welcome(&welcome));
        prop_assert!(!matches!(decode_welcome(&mut BytesMut::from(welcome.as_slice())), Ok(Some(_))));
    }

    #[test]
    fn no_other_token_opens(
        bucket in bucket_id(), item in item_key(), context in context(), damage in damage(), text in "\\PC{0,40}",
    ) {
        let token = seal_context(&[1; 32], bucket, &item, &context);
        prop_assert_eq!(open_context(&[2; 32], bucket, &item, &token), Err(TokenError::Forged));
        if let Ok(other) = String::from_utf8(damage.of(token.as_bytes())) {
            prop_assert!(open_context(&[1; 32], bucket, &item, &other).is_err());
        }
        prop_assert!(open_context(&[1; 32], bucket, &item, &text).is_err());
    }
}

#[test]
fn an_endless_frame_is_refused_by_its_header() {
    let mut buffer = header(u32::MAX, 0);
    let error = FrameError::TooLong { len: u32::MAX as usize, max: 100 };
    assert_eq!(FrameDecoder::new(100).next(&mut buffer), Err(error));
}

#[test]
fn a_crowded_frame_is_refused() {
    // The shortest message that means something: a probe without its nonce.
    let ping = [2_u8, 14 << 3 | 2, 0];
    let crowded = framed(&ping.repeat(70_000));
    assert!(matches!(FrameDecoder::default().next(&mut crowded.clone()), Err(FrameError::Malformed(_))));
    // What is skipped costs nothing, however much of it there is.
    let mut decoder = FrameDecoder::default();
    assert_eq!(decoder.next(&mut framed(&[0; 100_000])), Ok(Some(vec![])));
    assert_eq!(decoder.unknown(), 100_000);
}

#[test]
fn other_protocols_are_told_at_once() {
    for first in ["GET / HTTP/1.1", "P", "*1\r\n$4\r\nPING", "\u{16}\u{3}\u{1}", "\u{a1}"] {
        assert_eq!(decode_hello(&mut BytesMut::from(first)), Err(HandshakeError::NotAPeer), "{first:?}");
    }
    assert_eq!(decode_hello(&mut BytesMut::from(&MAGIC[..3])), Ok(None));
    let mut long = BytesMut::from([&MAGIC[..], &header(65_536, 0)].concat().as_slice());
    assert!(matches!(decode_hello(&mut long), Err(HandshakeError::Frame(FrameError::TooLong { len: 65_536, .. }))));
}

#[test]
fn a_format_of_the_future_is_not_taken_for_damage() {
    let key = codec::node_key();
    let mut value = vec![2, 9, 9, 9];
    let sum = crc32fast::hash(&[key.as_slice(), value.as_slice()].concat());
    value.extend_from_slice(&sum.to_le_bytes());
    let error = decode_meta(&key, &value.into()).unwrap_err();
    assert_eq!(error.fault, Fault::Format(2));
    assert_eq!(error.to_string(), "a record of the node is in format 2, which this version does not know");
}
