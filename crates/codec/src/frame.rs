//! Frames: the messages of one flush behind one length and one checksum.
//!
//! A payload is messages one after another, each behind its length as a varint, so that a message of an unknown kind
//! is skipped without being understood.
//!
//! Invariant: what [`FrameEncoder`] gives, a [`FrameDecoder`] with the same bound takes; a frame's cost in memory is
//! bounded by its length. Refuses to know sockets, peers and lanes.

use crate::checked::{self, FrameError, HEADER_BYTES};
use crate::error::DecodeError;
use crate::plain::{self, PlainMessage};
use crate::schema::message::WireMessage;
use crate::schema::parse;
use bytes::{Buf, Bytes, BytesMut};
use prost::Message as _;
use proto::Message;
use std::fmt;

/// The longest payload between members, unless configured otherwise: the largest value with its keys.
pub const FRAME_BYTES_MAX: usize = 96 << 20;

/// The longest payload to take from a guest, who has only a request to join to send.
pub const GUEST_FRAME_BYTES_MAX: usize = 2 << 20;

/// A frame with so many bytes in it is closed, so that a receiver need not wait for more before it can begin.
const FRAME_BYTES_FULL: usize = 1 << 20;

/// No frame holds more messages: the shortest are much smaller on the wire than in memory.
const FRAME_MESSAGES_MAX: usize = 1 << 16;

/// No frame holds more that is packed, counted as it was before: twice what a frame closed by [`FRAME_BYTES_FULL`] can hold.
const FRAME_UNPACKED_MAX: usize = 64 << 20;

/// Bytes of payload for each message that room is made for at once: a write has about two hundred, its acknowledgement some fifty.
const BYTES_PER_MESSAGE: usize = 64;

/// Room is made for no more messages than these at once.
const MESSAGES_AT_ONCE: usize = 256;

/// A message does not fit into any frame that the receiver would take. It was left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MessageTooLong {
    /// Its length.
    pub len: usize,
    /// The longest that fits.
    pub max: usize,
}

impl fmt::Display for MessageTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a message of {} bytes is too long to be sent; {} are allowed", self.len, self.max)
    }
}

impl std::error::Error for MessageTooLong {}

/// Collects messages into frames.
#[derive(Debug)]
pub struct FrameEncoder {
    out: Vec<u8>,
    /// Where the payload of the open frame begins.
    open: Option<usize>,
    messages: usize,
    max: usize,
}

impl Default for FrameEncoder {
    fn default() -> FrameEncoder {
        FrameEncoder::new(FRAME_BYTES_MAX)
    }
}

impl FrameEncoder {
    /// An encoder for a receiver that takes payloads of up to `max` bytes.
    pub fn new(max: usize) -> FrameEncoder {
        FrameEncoder { out: Vec::new(), open: None, messages: 0, max: max.min(u32::MAX as usize) }
    }

    /// Adds a message. One that is too long is left out, and the others are as if it had not been there.
    pub fn push(&mut self, message: &Message) -> Result<(), MessageTooLong> {
        match PlainMessage::of(message) {
            Some(plain) => self.add(plain.len(), |out| plain.put(out)),
            None => {
                let wire = WireMessage::from(message);
                self.add(wire.encoded_len(), |out| wire.encode_raw(out))
            }
        }
    }

    /// Adds a message that is so long and is appended by `put`.
    fn add(&mut self, len: usize, put: impl FnOnce(&mut Vec<u8>)) -> Result<(), MessageTooLong> {
        let with_length = len.saturating_add(prost::length_delimiter_len(len));
        if with_length > self.max {
            return Err(MessageTooLong { len: with_length, max: self.max });
        }
        self.make_room(with_length);
        self.messages += 1;
        prost::encoding::encode_varint(len as u64, &mut self.out);
        put(&mut self.out);
        Ok(())
    }

    /// True if there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Bytes to send so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// The frames of all messages pushed since the last time, one after another.
    pub fn finish(&mut self) -> Bytes {
        self.close();
        std::mem::take(&mut self.out).into()
    }

    fn make_room(&mut self, len: usize) {
        if let Some(start) = self.open {
            let filled = self.out.len() - start;
            if filled >= FRAME_BYTES_FULL || filled + len > self.max || self.messages == FRAME_MESSAGES_MAX {
                self.close();
            }
        }
        self.out.reserve(HEADER_BYTES + len);
        if self.open.is_none() {
            self.out.extend_from_slice(&[0; HEADER_BYTES]);
            self.open = Some(self.out.len());
        }
    }

    fn close(&mut self) {
        if let Some(start) = self.open.take() {
            let header = checked::header(&self.out[start..]);
            self.out[start - HEADER_BYTES..start].copy_from_slice(&header);
            self.messages = 0;
        }
    }
}

/// The frames of these messages, without those that are too long.
pub fn encode_frame(messages: &[Message]) -> Bytes {
    let mut encoder = FrameEncoder::default();
    for message in messages {
        // Delivery is at most once; a sender that wants to know uses the encoder.
        let _ = encoder.push(message);
    }
    encoder.finish()
}

/// Takes frames off a connection.
#[derive(Debug)]
pub struct FrameDecoder {
    max: usize,
    unknown: u64,
}

impl Default for FrameDecoder {
    fn default() -> FrameDecoder {
        FrameDecoder::new(FRAME_BYTES_MAX)
    }
}

impl FrameDecoder {
    /// A decoder that takes payloads of up to `max` bytes.
    pub fn new(max: usize) -> FrameDecoder {
        FrameDecoder { max, unknown: 0 }
    }

    /// The messages of the next frame, once all of it is in `buffer`. Values in them are slices of the buffer.
    /// After an error the connection is of no use any more.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Vec<Message>>, FrameError> {
        match checked::take(buffer, 0, self.max)? {
            Some(payload) => self.messages(payload).map(Some).map_err(FrameError::Malformed),
            None => Ok(None),
        }
    }

    /// How many messages were skipped because only a newer version knows their kind.
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    fn messages(&mut self, mut payload: Bytes) -> Result<Vec<Message>, DecodeError> {
        let expected = (payload.len() / BYTES_PER_MESSAGE + 1).min(MESSAGES_AT_ONCE);
        let (mut messages, mut unpacked) = (Vec::with_capacity(expected), 0_usize);
        while payload.has_remaining() {
            let message = take_message(&mut payload)?;
            if let Some(message) = plain::message(&message)
                && messages.len() < FRAME_MESSAGES_MAX
            {
                messages.push(message);
                continue;
            }
            let message = parse::<WireMessage>(message, "a message").inspect(|wire| unpacked += wire.unpacked_len());
            if unpacked > FRAME_UNPACKED_MAX {
                return Err(DecodeError::malformed("a frame that holds too much"));
            }
            match message.and_then(Message::try_from) {
                Ok(_) if messages.len() == FRAME_MESSAGES_MAX => return Err(DecodeError::malformed("a crowded frame")),
                Ok(message) => messages.push(message),
                Err(error) if error.is_newer() => self.unknown += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(messages)
    }
}

fn take_message(payload: &mut Bytes) -> Result<Bytes, DecodeError> {
    let malformed = DecodeError::malformed("the length of a message");
    let len = prost::decode_length_delimiter(&mut *payload).map_err(|_| malformed)?;
    if len > payload.len() { Err(malformed) } else { Ok(payload.split_to(len)) }
}
