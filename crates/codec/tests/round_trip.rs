//! What is encoded decodes to the same.

#![allow(clippy::unwrap_used, reason = "helpers of a test")]

mod arbitrary;

use arbitrary::cluster::{hello, meta, welcome};
use arbitrary::message::message;
use arbitrary::{bucket_id, context, item, item_key, node};
use bytes::{Bytes, BytesMut};
use codec::{
    FRAME_BYTES_MAX, FrameDecoder, FrameEncoder, HANDSHAKE_BYTES_MAX, HandshakeRefusal, MetaRecord,
    PARTITION_KEY_INLINE_MAX, SORT_KEY_INLINE_MAX, TokenError, Welcome, acceptor_range, decode_hello, decode_hint,
    decode_meta, decode_record, decode_stored, decode_welcome, encode_frame, encode_hello, encode_hint, encode_meta,
    encode_stored, encode_welcome, event_range, hint_bounds, meta_key, open_context, parse_hint_key, seal_context,
    slot_key,
};
use proptest::prelude::*;
use proto::paxos::AcceptorState;
use proto::{BucketId, Epoch, Hint, HintId, ItemKey, Message, Record, Slot, Value, Version};
use ring::{Grid, NodeId};

fn decoded(bytes: &[u8]) -> Vec<Message> {
    let mut buffer = BytesMut::from(bytes);
    let mut decoder = FrameDecoder::default();
    let mut messages = Vec::new();
    while let Some(mut frame) = decoder.next(&mut buffer).unwrap() {
        messages.append(&mut frame);
    }
    assert!(buffer.is_empty());
    messages
}

fn latest(value: impl Into<Bytes>) -> Record {
    let dot = causal::Dot { actor: causal::Actor { node: 1, incarnation: 1 }, counter: 1 };
    let version = Version { stamp: causal::Stamp::new(5, 0), expires: None, value: Some(Value::plain(value)) };
    Record::Latest { dot, version }
}

fn replicate(value: usize) -> Message {
    Message::Replicate {
        op: proto::OpId(1),
        epoch: Epoch(1),
        bucket: BucketId(0),
        key: ItemKey::plain("k"),
        record: latest(vec![7; value]),
        fsync: true,
        round: 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn messages(message in message()) {
        prop_assert_eq!(decoded(&encode_frame(std::slice::from_ref(&message))), [message]);
    }

    #[test]
    fn records_of_the_node(record in meta()) {
        let (key, value) = encode_meta(&record);
        prop_assert_eq!(&key, &meta_key(&record));
        prop_assert_eq!(decode_meta(&key, &value), Ok(record));
    }

    #[test]
    fn stored_items((bucket, key, record) in item()) {
        let slot = Slot::new(Grid::default(), bucket, key);
        let storage_key = slot_key(&slot);
        let value = encode_stored(&storage_key, &slot, &record);
        prop_assert_eq!(decode_record(&storage_key, &value), Ok(record.clone()));
        prop_assert_eq!(decode_stored(&storage_key, &value), Ok((slot.bucket, slot.key, record)));
    }

    #[test]
    fn hints(id: u64, target in node(), (bucket, key, record) in item()) {
        let hint = Hint { id: HintId(id), target, bucket, key, record };
        let (key, value) = encode_hint(&hint);
        let (start, end) = hint_bounds(target);
        prop_assert!(key >= start && end.is_none_or(|end| key < end));
        prop_assert_eq!(parse_hint_key(&key), Ok((target, HintId(id))));
        prop_assert_eq!(decode_hint(&key, &value), Ok(hint));
    }

    #[test]
    fn handshakes(hello in hello(), welcome in welcome()) {
        let mut buffer = BytesMut::from(encode_hello(&hello).as_ref());
        buffer.extend_from_slice(&encode_welcome(&welcome));
        prop_assert_eq!(decode_hello(&mut buffer), Ok(Some(hello)));
        prop_assert_eq!(decode_welcome(&mut buffer), Ok(Some(welcome)));
        prop_assert!(buffer.is_empty());
    }

    #[test]
    fn context_tokens(
        key: [u8; 32], bucket in bucket_id(), item in item_key(), context in context(), other in (bucket_id(), item_key()),
    ) {
        let token = seal_context(&key, bucket, &item, &context);
        prop_assert_eq!(open_context(&key, bucket, &item, &token), Ok(context));
        if other != (bucket, item) {
            prop_assert_eq!(open_context(&key, other.0, &other.1, &token), Err(TokenError::Forged));
        }
    }

    #[test]
    fn frames_arrive_in_pieces(messages in prop::collection::vec(message(), 0..6), cut in 1_usize..40) {
        let mut encoder = FrameEncoder::default();
        for message in &messages {
            encoder.push(message).unwrap();
        }
        prop_assert_eq!(encoder.is_empty(), messages.is_empty());
        let mut decoder = FrameDecoder::default();
        let (mut buffer, mut got) = (BytesMut::new(), Vec::new());
        for piece in encoder.finish().chunks(cut) {
            buffer.extend_from_slice(piece);
            got.extend(decoder.next(&mut buffer).unwrap().unwrap_or_default());
        }
        prop_assert_eq!(got, messages);
        prop_assert!(buffer.is_empty() && encoder.is_empty());
    }
}

#[test]
fn long_keys_come_back_from_the_value() {
    let long = |len: usize| Bytes::from(vec![9_u8; len]);
    let keys = [
        ItemKey::plain(long(PARTITION_KEY_INLINE_MAX + 1)),
        ItemKey::sorted(long(1 << 20), long(SORT_KEY_INLINE_MAX + 1)),
        ItemKey::sorted("k", long(1 << 20)),
    ];
    for key in keys {
        let slot = Slot::new(Grid::default(), BucketId(1), key);
        let storage_key = slot_key(&slot);
        let value = encode_stored(&storage_key, &slot, &latest("v"));
        assert_eq!(decode_stored(&storage_key, &value), Ok((slot.bucket, slot.key, latest("v"))));
    }
}

#[test]
fn decoded_values_are_slices_of_the_input() {
    let within = |outer: &[u8], record: &Record| {
        let Record::Latest { version: Version { value: Some(value), .. }, .. } = record else { panic!() };
        outer.as_ptr_range().contains(&value.bytes.as_ptr())
    };
    let slot = Slot::new(Grid::default(), BucketId(0), ItemKey::plain("k"));
    let storage_key = slot_key(&slot);
    let stored = encode_stored(&storage_key, &slot, &latest("value"));
    assert!(within(&stored, &decode_stored(&storage_key, &stored).unwrap().2));

    let mut buffer = BytesMut::from(encode_frame(&[replicate(100)]).as_ref());
    let range = buffer.as_ptr_range();
    let messages = FrameDecoder::default().next(&mut buffer).unwrap().unwrap();
    let Message::Replicate { record: Record::Latest { version, .. }, .. } = &messages[0] else { panic!() };
    assert!(range.contains(&version.value.as_ref().unwrap().bytes.as_ptr()));
}

#[test]
fn an_encoder_keeps_to_the_bound_of_the_receiver() {
    let mut encoder = FrameEncoder::new(1_000);
    let messages = [replicate(400), replicate(400), replicate(400)];
    for message in &messages {
        encoder.push(message).unwrap();
        assert!(encoder.push(&replicate(1_000)).is_err());
    }
    let mut buffer = BytesMut::from(encoder.finish().as_ref());
    let mut decoder = FrameDecoder::new(1_000);
    assert_eq!(decoder.next(&mut buffer).unwrap().unwrap(), &messages[..2]);
    assert_eq!(decoder.next(&mut buffer).unwrap().unwrap(), &messages[2..]);
    assert_eq!(decoder.next(&mut buffer), Ok(None));
}

#[test]
fn many_and_large_messages_fit() {
    let pings: Vec<Message> = (0..100_000).map(|nonce| Message::Ping { nonce }).collect();
    assert_eq!(decoded(&encode_frame(&pings)), pings);
    let large = [replicate(64 << 20), replicate(64 << 20)];
    let bytes = encode_frame(&large);
    assert!(bytes.len() > FRAME_BYTES_MAX);
    assert_eq!(decoded(&bytes), large);
}

#[test]
fn long_texts_are_cut_to_fit_a_handshake() {
    let welcome = Welcome::Refused(HandshakeRefusal::Other("ñ".repeat(10_000)));
    let bytes = encode_welcome(&welcome);
    assert!(bytes.len() <= HANDSHAKE_BYTES_MAX);
    let Ok(Some(Welcome::Refused(HandshakeRefusal::Other(text)))) = decode_welcome(&mut BytesMut::from(bytes.as_ref()))
    else {
        panic!()
    };
    assert_eq!(text, "ñ".repeat(512));
}

#[test]
fn ranges_of_numbered_records_hold_them_and_nothing_else() {
    let acceptor = |epoch| MetaRecord::Acceptor { epoch: Epoch(epoch), state: AcceptorState::default() };
    let (start, end) = acceptor_range(Epoch(300));
    let within = |record: &MetaRecord| (&start..&end).contains(&&meta_key(record));
    assert!(within(&acceptor(0)) && within(&acceptor(299)));
    assert!(!within(&acceptor(300)) && !within(&acceptor(u64::MAX)));
    assert!(!within(&MetaRecord::Node(NodeId(1))) && !within(&MetaRecord::Peers(vec![])));
    let (start, end) = event_range();
    assert!(start < codec::event_key(Epoch(0)) && codec::event_key(Epoch(u64::MAX)) < end);
    assert!(codec::event_key(Epoch(255)) < codec::event_key(Epoch(256)) && end <= codec::acceptor_key(Epoch(0)));
}
