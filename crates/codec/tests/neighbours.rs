//! Neighbouring versions: what a newer one adds is skipped, except in the history.

#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use bytes::BytesMut;
use codec::{FrameDecoder, FrameError, agree, decode_hello, decode_meta, decode_welcome, event_key, node_key};
use proto::{Epoch, Message};

/// A field that holds bytes or a message.
fn field(number: u8, body: &[u8]) -> Vec<u8> {
    let tag = u32::from(number) << 3 | 2;
    let tag = if tag < 0x80 { vec![tag as u8] } else { vec![tag as u8 | 0x80, (tag >> 7) as u8] };
    [&tag, &[u8::try_from(body.len()).unwrap()][..], body].concat()
}

/// A field that holds a small number.
fn small(number: u8, value: u8) -> Vec<u8> {
    vec![number << 3, value]
}

fn delimited(message: &[u8]) -> Vec<u8> {
    [&[u8::try_from(message.len()).unwrap()][..], message].concat()
}

fn framed(prefix: &[u8], payload: &[u8]) -> BytesMut {
    let len = (payload.len() as u32).to_le_bytes();
    let sum = crc32fast::hash(payload).to_le_bytes();
    let header = crc32fast::hash(&[len, sum].concat()).to_le_bytes();
    BytesMut::from([prefix, &len, &sum, &header, payload].concat().as_slice())
}

fn sealed(key: &[u8], body: &[u8]) -> bytes::Bytes {
    let value = [&[1], body].concat();
    let sum = crc32fast::hash(&[key, &value].concat());
    [&value[..], &sum.to_le_bytes()].concat().into()
}

/// An event with epoch 17 whose change has this number.
fn event(change: u8) -> Vec<u8> {
    [small(1, 17), field(2, &[0; 32]), field(change, &small(1, 1))].concat()
}

#[test]
fn overlapping_versions_agree_on_the_newest_of_both() {
    assert_eq!(agree((1, 2), (2, 3)), Some(2));
    assert_eq!(agree((2, 3), (1, 2)), Some(2));
    assert_eq!(agree((1, 1), (1, 1)), Some(1));
    assert_eq!(agree((1, 5), (2, 4)), Some(4));
    assert_eq!(agree((1, 1), (2, 3)), None);
    assert_eq!(agree((1, 1), (3, 0)), None);
}

#[test]
fn unknown_fields_and_kinds_are_skipped() {
    let unknown_kind = delimited(&field(99, b"news"));
    let unknown_ack = delimited(&field(2, &[small(1, 7), field(15, b"")].concat()));
    let ping = field(14, &[&[1 << 3 | 1, 5, 0, 0, 0, 0, 0, 0, 0][..], &field(9, b"more"), &small(10, 1)].concat());
    let ping = delimited(&[ping, field(50, b"beside it")].concat());
    let mut decoder = FrameDecoder::default();
    let mut buffer = framed(&[], &[unknown_kind, ping, unknown_ack].concat());
    assert_eq!(decoder.next(&mut buffer), Ok(Some(vec![Message::Ping { nonce: 5 }])));
    assert_eq!(decoder.unknown(), 2);
}

#[test]
fn an_unknown_change_of_the_history_is_an_error_that_names_it() {
    const SENTENCE: &str = "this node is too old for event 17: update it";
    // A kind this version does not know, and a bucket with a mode it does not know.
    let bucket = [small(1, 17), field(2, &[0; 32]), field(20, &[small(6, 9), small(7, 1)].concat())].concat();
    for event in [event(30), bucket] {
        let key = event_key(Epoch(17));
        assert_eq!(decode_meta(&key, &sealed(&key, &event)).unwrap_err().to_string(), SENTENCE);
        // Message 20 is events, message 23 an acceptance of one.
        for message in [field(20, &field(1, &event)), field(23, &[field(2, &[]), field(3, &event)].concat())] {
            let mut buffer = framed(&[], &delimited(&message));
            let Err(FrameError::Malformed(error)) = FrameDecoder::default().next(&mut buffer) else { panic!() };
            assert_eq!(error.to_string(), SENTENCE);
        }
    }
}

#[test]
fn stored_records_with_more_in_them_are_read() {
    let key = node_key();
    let id = [&[1 << 3 | 1, 1, 0, 0, 0, 0, 0, 0, 0][..], &field(8, b"more")].concat();
    let node = codec::MetaRecord::Node(ring::NodeId(1 << 64));
    assert_eq!(decode_meta(&key, &sealed(&key, &id)), Ok(node));
}

#[test]
fn a_handshake_of_a_newer_version_is_understood() {
    let protocols = [small(1, 2), small(2, 3)].concat();
    let hello = field(1, &[field(1, &protocols), small(5, 1), field(6, b"new"), field(9, b"more")].concat());
    let hello = decode_hello(&mut framed(&codec::MAGIC, &hello)).unwrap().unwrap();
    assert_eq!((hello.protocol_min, hello.protocol_max, hello.name.as_str()), (2, 3, "new"));
    assert_eq!(agree((1, 2), (hello.protocol_min, hello.protocol_max)), Some(2));

    let refused = field(2, &field(2, &[field(1, b"come back tomorrow"), field(12, b"")].concat()));
    let welcome = decode_welcome(&mut framed(&codec::MAGIC, &refused)).unwrap().unwrap();
    let reason = codec::HandshakeRefusal::Other("come back tomorrow".to_owned());
    assert_eq!(welcome, codec::Welcome::Refused(reason));
}

#[test]
fn a_hello_is_no_welcome() {
    let hello = field(1, &small(5, 1));
    assert!(decode_welcome(&mut framed(&codec::MAGIC, &hello)).is_err());
}
