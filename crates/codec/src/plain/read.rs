//! Reading.

use super::tag;
use bytes::Bytes;
use causal::{Actor, Dot, Stamp};
use proto::{Ack, BucketId, Epoch, ItemKey, Message, OpId, Pulse, Record, Value, Version};
use stdx::Wall;

/// The message, if it is one of those that are written here.
pub(crate) fn message(bytes: &Bytes) -> Option<Message> {
    let mut all = Cursor { whole: bytes, at: 0, end: bytes.len() };
    let kind = *bytes.first()?;
    let message = if kind == tag::bytes(1) {
        replicate(all.message(1)?)
    } else if kind == tag::bytes(2) {
        replicated(all.message(2)?)
    } else {
        None
    };
    message.filter(|_| all.is_over())
}

/// The record in what is stored, if it is one of those that are written here and no key stands beside it.
pub(crate) fn stored(bytes: &Bytes) -> Option<Record> {
    let mut all = Cursor { whole: bytes, at: 0, end: bytes.len() };
    let record = record(all.message(1)?)?;
    all.is_over().then_some(record)
}

fn replicate(mut body: Cursor<'_>) -> Option<Message> {
    let op = OpId(body.number(1)?);
    let epoch = Epoch(body.number(2)?);
    let mut item = body.message(3)?;
    let bucket = BucketId(u32::try_from(item.number(1)?).ok()?);
    let mut key = item.message(2)?;
    let partition_key = key.part(1)?.unwrap_or_default();
    let sort_key = key.part(2)?;
    let record = record(item.message(3)?)?;
    let fsync = body.number(4)? != 0;
    let round = body.number(5)?;
    let is_over = key.is_over() && item.is_over() && body.is_over();
    let key = ItemKey { partition_key, sort_key };
    is_over.then_some(Message::Replicate { op, epoch, bucket, key, record, fsync, round })
}

fn replicated(mut body: Cursor<'_>) -> Option<Message> {
    let op = OpId(body.number(1)?);
    let is_done = body.message(2)?.is_over();
    let pulse = if body.has(tag::bytes(6)) { Some(pulse(body.message(6)?)?) } else { None };
    (is_done && body.is_over()).then_some(Message::Replicated { op, ack: Ack::Done, pulse })
}

fn pulse(mut pulse: Cursor<'_>) -> Option<Pulse> {
    let (number, life, batches) = (pulse.number(1)?, pulse.fixed(2)?, pulse.number(3)?);
    pulse.is_over().then_some(Pulse { number, life, batches })
}

fn record(mut record: Cursor<'_>) -> Option<Record> {
    let mut latest = record.message(1)?;
    let dot = dot(latest.message(1)?)?;
    let version = version(latest.message(2)?)?;
    (latest.is_over() && record.is_over()).then_some(Record::Latest { dot, version })
}

fn dot(mut dot: Cursor<'_>) -> Option<Dot> {
    let (high, low) = (dot.fixed(1)?, dot.fixed(2)?);
    let (incarnation, counter) = (dot.number(3)?, dot.number(4)?);
    let node = u128::from(high) << 64 | u128::from(low);
    (counter > 0 && dot.is_over()).then_some(Dot { actor: Actor { node, incarnation }, counter })
}

fn version(mut version: Cursor<'_>) -> Option<Version> {
    let stamp = Stamp::from_u64(version.fixed(1)?);
    let expires = if version.has(tag::varint(2)) { Some(Wall(version.number(2)?)) } else { None };
    let value = if version.has(tag::bytes(3)) { Some(value(version.message(3)?)?) } else { None };
    version.is_over().then_some(Version { stamp, expires, value })
}

fn value(mut value: Cursor<'_>) -> Option<Value> {
    let bytes = value.part(1)?.unwrap_or_default();
    let content_type = match value.slice(2)? {
        Some(text) => Some(std::str::from_utf8(text).ok()?.to_owned()),
        None => None,
    };
    value.is_over().then_some(Value { bytes, content_type })
}

/// A message of the schema that is being read. Each step gives `None` if what is there is not in the form that is written here.
struct Cursor<'a> {
    whole: &'a Bytes,
    at: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    fn is_over(&self) -> bool {
        self.at == self.end
    }

    /// True if this is the next tag.
    fn has(&self, tag: u8) -> bool {
        !self.is_over() && self.whole.get(self.at) == Some(&tag)
    }

    /// A number; 0 if it was left out.
    fn number(&mut self, field: u8) -> Option<u64> {
        if !self.has(tag::varint(field)) {
            return Some(0);
        }
        self.at += 1;
        self.varint()
    }

    /// The same, eight bytes wide.
    fn fixed(&mut self, field: u8) -> Option<u64> {
        if !self.has(tag::fixed64(field)) {
            return Some(0);
        }
        let rest = self.whole.get(self.at + 1..self.end)?;
        self.at += 9;
        rest.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
    }

    /// A message that must be there.
    fn message(&mut self, field: u8) -> Option<Cursor<'a>> {
        if !self.has(tag::bytes(field)) {
            return None;
        }
        let (at, end) = self.range()?;
        Some(Cursor { whole: self.whole, at, end })
    }

    /// Bytes that may be there, shared with what is read.
    fn part(&mut self, field: u8) -> Option<Option<Bytes>> {
        if !self.has(tag::bytes(field)) {
            return Some(None);
        }
        let (at, end) = self.range()?;
        Some(Some(self.whole.slice(at..end)))
    }

    /// The same, borrowed.
    fn slice(&mut self, field: u8) -> Option<Option<&'a [u8]>> {
        if !self.has(tag::bytes(field)) {
            return Some(None);
        }
        let (at, end) = self.range()?;
        self.whole.get(at..end).map(Some)
    }

    /// Where the bytes behind a tag and a length lie.
    fn range(&mut self) -> Option<(usize, usize)> {
        self.at += 1;
        let len = usize::try_from(self.varint()?).ok()?;
        let (at, end) = (self.at, self.at.checked_add(len)?);
        if end > self.end {
            return None;
        }
        self.at = end;
        Some((at, end))
    }

    fn varint(&mut self) -> Option<u64> {
        let bytes = self.whole.get(self.at..self.end)?;
        let mut number = 0;
        for (at, byte) in bytes.iter().enumerate().take(10) {
            number |= u64::from(byte & 0x7f) << (7 * at);
            if *byte < 0x80 {
                self.at += at + 1;
                // The tenth byte has room for one bit.
                return (at < 9 || *byte < 2).then_some(number);
            }
        }
        None
    }
}
