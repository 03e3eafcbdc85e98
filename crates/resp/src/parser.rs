//! Cutting requests out of what was read: arrays of bulk strings, and lines typed by hand.
//!
//! Invariant: bytes are looked at once: a request that is not whole yet is gone on with where the last look ended.
//! Nothing that a client claims about sizes makes memory be reserved before the bytes are there, beyond one argument that
//! is within the limits.

use crate::inline;
use crate::number::integer;
use bytes::{Bytes, BytesMut};
use std::borrow::Cow;
use std::ops::Range;

/// Longest line: of a request typed by hand, or of a count or length.
pub const INLINE_BYTES_MAX: usize = 64 << 10;

/// A request: the command's name and its arguments, at least one.
pub type Request = Vec<Bytes>;

/// Bounds of one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Longest argument, in bytes.
    pub bulk_bytes_max: usize,
    /// Most arguments.
    pub arguments_max: usize,
    /// All of it, in bytes.
    pub request_bytes_max: usize,
}

impl Limits {
    /// For somebody who has not said a password yet, as in Redis.
    pub const STRANGER: Limits =
        Limits { bulk_bytes_max: 16 << 10, arguments_max: 10, request_bytes_max: INLINE_BYTES_MAX };
}

/// What the client sends is not the protocol; nothing behind it can be understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProtocolError(Cow<'static, str>);

impl std::fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Protocol error: {}", self.0)
    }
}

impl std::error::Error for ProtocolError {}

fn wrong<T>(what: &'static str) -> Result<T, ProtocolError> {
    Err(ProtocolError(Cow::Borrowed(what)))
}

/// Cuts requests out of a buffer, from its beginning.
#[derive(Debug)]
pub struct Parser {
    limits: Limits,
    /// Arguments still to come of the array that has begun.
    left: usize,
    /// Where to go on in the buffer. 0 if no array has begun.
    at: usize,
    /// The length of the argument that begins there, if that was read.
    length: Option<usize>,
    /// The arguments that are whole.
    arguments: Vec<Range<usize>>,
}

impl Parser {
    /// Begins.
    pub fn new(limits: Limits) -> Parser {
        Parser { limits, left: 0, at: 0, length: None, arguments: Vec::new() }
    }

    /// Other bounds, from the next request on.
    pub fn limit(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Takes the next request out of `buffer`; `None` if more bytes are needed.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Request>, ProtocolError> {
        while self.left == 0 {
            match buffer.first() {
                None => return Ok(None),
                Some(b'*') => match self.begin(buffer)? {
                    // An empty array asks for nothing.
                    Some(0) => drop(buffer.split_to(std::mem::take(&mut self.at))),
                    Some(count) => self.left = count,
                    None => return Ok(None),
                },
                Some(_) => match inline(buffer)? {
                    Some(words) if words.is_empty() => {}
                    other => return Ok(other),
                },
            }
        }
        while self.left > 0 {
            if !self.argument(buffer)? {
                return Ok(None);
            }
        }
        let whole = buffer.split_to(std::mem::take(&mut self.at)).freeze();
        Ok(Some(self.arguments.drain(..).map(|range| whole.slice(range)).collect()))
    }

    /// Bytes that are certainly needed before the request is whole, beyond the ones in `buffer`.
    pub fn missing(&self, buffer: &BytesMut) -> usize {
        self.length.map_or(0, |length| (self.at + length + 2).saturating_sub(buffer.len()))
    }

    /// Reads `*count`.
    fn begin(&mut self, buffer: &BytesMut) -> Result<Option<usize>, ProtocolError> {
        let Some((line, behind)) = line(buffer, 0) else {
            return if buffer.len() > INLINE_BYTES_MAX { wrong("too big mbulk count string") } else { Ok(None) };
        };
        let count = integer(&line[1..]).filter(|count| *count <= self.limits.arguments_max as i64);
        let Some(count) = count else {
            let stranger = self.limits == Limits::STRANGER;
            return wrong(if stranger { "unauthenticated multibulk length" } else { "invalid multibulk length" });
        };
        self.at = behind;
        Ok(Some(count.max(0) as usize))
    }

    /// Reads `$length` and the bytes behind it. False if they are not all there.
    fn argument(&mut self, buffer: &BytesMut) -> Result<bool, ProtocolError> {
        let length = match self.length {
            Some(length) => length,
            None => {
                let Some(length) = self.bulk_length(buffer)? else { return Ok(false) };
                *self.length.insert(length)
            }
        };
        if self.at + length + 2 > self.limits.request_bytes_max {
            return wrong("too big request");
        }
        if buffer.len() < self.at + length + 2 {
            return Ok(false);
        }
        self.arguments.push(self.at..self.at + length);
        self.at += length + 2;
        self.length = None;
        self.left -= 1;
        Ok(true)
    }

    fn bulk_length(&mut self, buffer: &BytesMut) -> Result<Option<usize>, ProtocolError> {
        match buffer.get(self.at) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(other) => {
                let got = other.escape_ascii();
                return Err(ProtocolError(Cow::Owned(format!("expected '$', got '{got}'"))));
            }
        }
        let Some((line, behind)) = line(buffer, self.at) else {
            let waiting = buffer.len() - self.at;
            return if waiting > INLINE_BYTES_MAX { wrong("too big bulk count string") } else { Ok(None) };
        };
        let length = integer(&line[1..]).and_then(|length| usize::try_from(length).ok());
        let Some(length) = length.filter(|length| *length <= self.limits.bulk_bytes_max) else {
            let stranger = self.limits == Limits::STRANGER;
            return wrong(if stranger { "unauthenticated bulk length" } else { "invalid bulk length" });
        };
        self.at = behind;
        Ok(Some(length))
    }
}

/// The line that begins at `at` without its end, and where the next one begins. Counts and lengths are a few bytes, so
/// looking for the end again when more has come costs little.
fn line(buffer: &BytesMut, at: usize) -> Option<(&[u8], usize)> {
    let rest = &buffer[at..];
    let end = rest.iter().take(INLINE_BYTES_MAX + 1).position(|byte| *byte == b'\r')?;
    (rest.len() > end + 1).then(|| (&rest[..end], at + end + 2))
}

/// Takes a line typed by hand.
fn inline(buffer: &mut BytesMut) -> Result<Option<Request>, ProtocolError> {
    let Some(end) = buffer.iter().take(INLINE_BYTES_MAX + 1).position(|byte| *byte == b'\n') else {
        return if buffer.len() > INLINE_BYTES_MAX { wrong("too big inline request") } else { Ok(None) };
    };
    let taken = buffer.split_to(end + 1);
    let line = taken[..end].strip_suffix(b"\r").unwrap_or(&taken[..end]);
    match inline::words(line) {
        Some(words) => Ok(Some(words)),
        None => wrong("unbalanced quotes in request"),
    }
}
