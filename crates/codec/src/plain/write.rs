//! Writing.

use super::tag;
use causal::Dot;
use prost::encoding::{encode_varint, encoded_len_varint};
use proto::{Ack, BucketId, Epoch, ItemKey, Message, OpId, Pulse, Record, Value, Version};

/// Fields up to the bytes of a key or a value: at most 18 fields with tags, and no number takes more than ten bytes.
const HEAD_BYTES: usize = 200;

/// A record of which the last writer wins, with the lengths of its parts.
#[derive(Clone, Copy)]
pub(crate) struct Plain<'a> {
    dot: &'a Dot,
    version: &'a Version,
    value_len: usize,
    version_len: usize,
    dot_len: usize,
    latest_len: usize,
}

impl<'a> Plain<'a> {
    /// `None` if it is of another kind.
    pub(crate) fn of(record: &'a Record) -> Option<Plain<'a>> {
        let Record::Latest { dot, version } = record else { return None };
        let value_len = version.value.as_ref().map_or(0, value_len);
        let version_len = fixed_len(version.stamp.as_u64())
            + version.expires.map_or(0, |wall| 1 + encoded_len_varint(wall.0))
            + version.value.as_ref().map_or(0, |_| field_len(value_len));
        let node = dot.actor.node;
        let dot_len = fixed_len((node >> 64) as u64)
            + fixed_len(node as u64)
            + number_len(dot.actor.incarnation)
            + number_len(dot.counter);
        let latest_len = field_len(dot_len) + field_len(version_len);
        Some(Plain { dot, version, value_len, version_len, dot_len, latest_len })
    }

    /// Bytes of the record as a message of the schema.
    fn len(&self) -> usize {
        field_len(self.latest_len)
    }

    /// Bytes of the record as it is stored, beside a storage key that holds the item's key.
    pub(crate) fn stored_len(&self) -> usize {
        field_len(self.len())
    }

    /// Appends the record as it is stored.
    pub(crate) fn put_stored(&self, out: &mut Vec<u8>) {
        let mut head = Head::new();
        head.message(1, self.len());
        self.put(head, out, |_| {});
    }

    /// Appends `head`, the record, and the numbers behind it.
    fn put(&self, mut head: Head, out: &mut Vec<u8>, behind: impl FnOnce(&mut Head)) {
        head.message(1, self.latest_len);
        head.message(1, self.dot_len);
        head.fixed(1, (self.dot.actor.node >> 64) as u64);
        head.fixed(2, self.dot.actor.node as u64);
        head.number(3, self.dot.actor.incarnation);
        head.number(4, self.dot.counter);
        head.message(2, self.version_len);
        head.fixed(1, self.version.stamp.as_u64());
        if let Some(wall) = self.version.expires {
            head.varint(2, wall.0);
        }
        if let Some(value) = &self.version.value {
            head.message(3, self.value_len);
            if !value.bytes.is_empty() {
                head.part(1, &value.bytes, out);
            }
            if let Some(content_type) = &value.content_type {
                head.part(2, content_type.as_bytes(), out);
            }
        }
        behind(&mut head);
        head.flush(out);
    }
}

/// A message that is written here.
pub(crate) enum PlainMessage<'a> {
    Replicate { numbers: Numbers, key: &'a ItemKey, key_len: usize, item_len: usize, body_len: usize, plain: Plain<'a> },
    Replicated { op: OpId, pulse: Option<Pulse>, body_len: usize },
}

/// What a replication says beside its item.
#[derive(Clone, Copy)]
pub(crate) struct Numbers {
    op: OpId,
    epoch: Epoch,
    bucket: BucketId,
    fsync: bool,
    round: u64,
}

impl<'a> PlainMessage<'a> {
    /// `None` if it is of another kind.
    pub(crate) fn of(message: &'a Message) -> Option<PlainMessage<'a>> {
        match message {
            Message::Replicate { op, epoch, bucket, key, record, fsync, round } => {
                let plain = Plain::of(record)?;
                let numbers = Numbers { op: *op, epoch: *epoch, bucket: *bucket, fsync: *fsync, round: *round };
                let key_len = part_len(&key.partition_key)
                    + key.sort_key.as_ref().map_or(0, |sort_key| field_len(sort_key.len()));
                let item_len = number_len(u64::from(bucket.0)) + field_len(key_len) + field_len(plain.len());
                let body_len = number_len(op.0)
                    + number_len(epoch.0)
                    + field_len(item_len)
                    + if *fsync { 2 } else { 0 }
                    + number_len(*round);
                Some(PlainMessage::Replicate { numbers, key, key_len, item_len, body_len, plain })
            }
            Message::Replicated { op, ack: Ack::Done, pulse } => {
                let body_len = number_len(op.0) + 2 + pulse.map_or(0, |pulse| field_len(pulse_len(pulse)));
                Some(PlainMessage::Replicated { op: *op, pulse: *pulse, body_len })
            }
            _ => None,
        }
    }

    /// Its bytes.
    pub(crate) fn len(&self) -> usize {
        let (PlainMessage::Replicate { body_len, .. } | PlainMessage::Replicated { body_len, .. }) = self;
        field_len(*body_len)
    }

    /// Appends it.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        let mut head = Head::new();
        match self {
            PlainMessage::Replicated { op, pulse, body_len } => {
                head.message(2, *body_len);
                head.number(1, op.0);
                head.message(2, 0);
                if let Some(pulse) = pulse {
                    head.message(6, pulse_len(*pulse));
                    head.number(1, pulse.number);
                    head.fixed(2, pulse.life);
                    head.number(3, pulse.batches);
                }
                head.flush(out);
            }
            PlainMessage::Replicate { numbers, key, key_len, item_len, body_len, plain } => {
                head.message(1, *body_len);
                head.number(1, numbers.op.0);
                head.number(2, numbers.epoch.0);
                head.message(3, *item_len);
                head.number(1, u64::from(numbers.bucket.0));
                head.message(2, *key_len);
                if !key.partition_key.is_empty() {
                    head.part(1, &key.partition_key, out);
                }
                if let Some(sort_key) = &key.sort_key {
                    head.part(2, sort_key, out);
                }
                head.message(3, plain.len());
                plain.put(head, out, |head| {
                    head.number(4, u64::from(numbers.fsync));
                    head.number(5, numbers.round);
                });
            }
        }
    }
}

/// Fields that are short, gathered before they are copied together.
struct Head {
    bytes: [u8; HEAD_BYTES],
    len: usize,
}

impl Head {
    fn new() -> Head {
        Head { bytes: [0; HEAD_BYTES], len: 0 }
    }

    fn byte(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    fn varint(&mut self, field: u8, number: u64) {
        self.byte(tag::varint(field));
        self.raw(number);
    }

    /// A number that is left out if it is 0.
    fn number(&mut self, field: u8, number: u64) {
        if number != 0 {
            self.varint(field, number);
        }
    }

    /// The same, eight bytes wide.
    fn fixed(&mut self, field: u8, number: u64) {
        if number != 0 {
            self.byte(tag::fixed64(field));
            self.bytes[self.len..self.len + 8].copy_from_slice(&number.to_le_bytes());
            self.len += 8;
        }
    }

    /// What stands before a message.
    fn message(&mut self, field: u8, len: usize) {
        self.byte(tag::bytes(field));
        self.raw(len as u64);
    }

    /// Bytes, which go to `out` with all that was gathered.
    fn part(&mut self, field: u8, bytes: &[u8], out: &mut Vec<u8>) {
        self.message(field, bytes.len());
        self.flush(out);
        out.extend_from_slice(bytes);
    }

    fn raw(&mut self, number: u64) {
        let mut rest = &mut self.bytes[self.len..];
        let room = rest.len();
        encode_varint(number, &mut rest);
        self.len += room - rest.len();
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes[..self.len]);
        self.len = 0;
    }
}

fn value_len(value: &Value) -> usize {
    part_len(&value.bytes) + value.content_type.as_ref().map_or(0, |content_type| field_len(content_type.len()))
}

/// Bytes that are left out if there are none.
fn part_len(bytes: &[u8]) -> usize {
    if bytes.is_empty() { 0 } else { field_len(bytes.len()) }
}

fn field_len(len: usize) -> usize {
    1 + encoded_len_varint(len as u64) + len
}

fn pulse_len(pulse: Pulse) -> usize {
    number_len(pulse.number) + fixed_len(pulse.life) + number_len(pulse.batches)
}

fn number_len(number: u64) -> usize {
    if number == 0 { 0 } else { 1 + encoded_len_varint(number) }
}

fn fixed_len(number: u64) -> usize {
    if number == 0 { 0 } else { 9 }
}
