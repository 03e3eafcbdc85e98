//! The wire schema: one annotated struct per thing that travels or is stored, and its conversion to and from `proto`.
//!
//! Numbers of fields are part of the format: they are never reused, and what is added gets a new one. Unknown fields
//! are skipped; an unknown alternative is [`Fault::Newer`]. Ids are fixed-width numbers, not byte strings, so they need
//! no allocation and have no wrong length.
//!
//! Invariant: whatever converts to `proto` satisfies the invariants of the types there.
//! Refuses to know frames, checksums and keys of storage.

pub(crate) mod access;
mod admin;
mod amended;
pub(crate) mod bucket;
pub(crate) mod causal;
pub(crate) mod collect;
mod counted;
pub(crate) mod data;
pub(crate) mod event;
pub(crate) mod explain;
mod fences;
pub(crate) mod gossip;
pub(crate) mod handshake;
pub(crate) mod item;
pub(crate) mod message;
pub(crate) mod node;
mod packed;
pub(crate) mod paxos;
pub(crate) mod record;
pub(crate) mod refusal;
pub(crate) mod register;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod status;
pub(crate) mod stream;
pub(crate) mod tree;
mod watch;

use crate::error::{DecodeError, Fault};
use bytes::{Buf, Bytes};

/// The schema struct in these bytes.
pub(crate) fn parse<M: prost::Message + Default>(bytes: impl Buf, what: &'static str) -> Result<M, DecodeError> {
    M::decode(bytes).map_err(|_| DecodeError::malformed(what))
}

/// A part that must be there, converted.
pub(crate) fn need<S, P>(part: Option<S>, what: &'static str) -> Result<P, DecodeError>
where
    P: TryFrom<S, Error = DecodeError>,
{
    part.ok_or(DecodeError::missing(what))?.try_into()
}

/// A part that may be there, converted.
pub(crate) fn may<S, P>(part: Option<S>) -> Result<Option<P>, DecodeError>
where
    P: TryFrom<S, Error = DecodeError>,
{
    part.map(P::try_from).transpose()
}

/// Every part of a list, converted.
pub(crate) fn all<S, P>(parts: Vec<S>) -> Result<Vec<P>, DecodeError>
where
    P: TryFrom<S, Error = DecodeError>,
{
    parts.into_iter().map(P::try_from).collect()
}

/// A list the other way.
pub(crate) fn list<'a, P, S: From<&'a P>>(parts: &'a [P]) -> Vec<S> {
    parts.iter().map(S::from).collect()
}

/// A number in the width its place has.
pub(crate) fn narrow<T: TryFrom<u32>>(number: u32, what: &'static str) -> Result<T, DecodeError> {
    T::try_from(number).map_err(|_| DecodeError::new(what, Fault::OutOfRange))
}

/// A byte string of a fixed length.
pub(crate) fn fixed<const N: usize>(bytes: &Bytes, what: &'static str) -> Result<[u8; N], DecodeError> {
    <[u8; N]>::try_from(bytes.as_ref()).map_err(|_| DecodeError::malformed(what))
}
