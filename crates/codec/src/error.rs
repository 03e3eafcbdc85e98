//! Why bytes could not be decoded.
//!
//! Invariant: decoding any bytes at all gives a value or one of these; it never panics.
//! Refuses to know what the caller does about it: drop a connection, report a damaged record, stop the node.

use proto::Epoch;
use std::fmt;

/// Bytes that mean nothing here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DecodeError {
    /// The part that could not be decoded, as it is called in a sentence.
    pub what: &'static str,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Its bytes have no meaning.
    Malformed,
    /// It is not there.
    Missing,
    /// It is cut short.
    Truncated,
    /// It is a number that its place does not allow.
    OutOfRange,
    /// Its bytes have changed since they were written.
    Checksum {
        /// The checksum of the bytes as they are.
        got: u32,
        /// The checksum that was written with them.
        expected: u32,
    },
    /// It is written in a format this version does not know.
    Format(u8),
    /// It is of a kind this version does not know, so a newer neighbour wrote it.
    Newer,
    /// An event of the history does what this version does not know, so this node can not follow its cluster.
    EventTooNew(Epoch),
}

impl DecodeError {
    pub(crate) const fn new(what: &'static str, fault: Fault) -> DecodeError {
        DecodeError { what, fault }
    }

    pub(crate) const fn malformed(what: &'static str) -> DecodeError {
        DecodeError::new(what, Fault::Malformed)
    }

    pub(crate) const fn missing(what: &'static str) -> DecodeError {
        DecodeError::new(what, Fault::Missing)
    }

    pub(crate) const fn newer(what: &'static str) -> DecodeError {
        DecodeError::new(what, Fault::Newer)
    }

    /// True if the bytes make sense to a newer version: a kind that this one does not know.
    pub fn is_newer(&self) -> bool {
        matches!(self.fault, Fault::Newer)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.what;
        match self.fault {
            Fault::Malformed => write!(f, "{what} is malformed"),
            Fault::Missing => write!(f, "{what} is missing"),
            Fault::Truncated => write!(f, "{what} is cut short"),
            Fault::OutOfRange => write!(f, "{what} is out of range"),
            Fault::Checksum { got, expected } => {
                write!(f, "{what} is damaged: its checksum is {got:08x} and was {expected:08x}")
            }
            Fault::Format(format) => write!(f, "{what} is in format {format}, which this version does not know"),
            Fault::Newer => write!(f, "{what} is of a kind this version does not know"),
            Fault::EventTooNew(epoch) => write!(f, "this node is too old for event {epoch}: update it"),
        }
    }
}

impl std::error::Error for DecodeError {}
