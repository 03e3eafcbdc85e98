//! The Redis serialization protocol, versions 2 and 3: bytes to requests, replies to bytes. Nothing else.
//!
//! A server feeds what it reads to a [`Parser`], which cuts it into requests without copying arguments, and appends its
//! answers with [`Reply::write`] to one buffer.
//!
//! Invariant: whatever the bytes are and however they are cut, the parser gives the same requests, holds no more than its
//! [`Limits`] say, and never panics; what [`Reply::write`] writes is one whole value of the protocol.
//! Refuses to know sockets, commands and what any of them means.
//!
//! Source: the protocol specification and the error texts of Redis 7 as its clients see them.

mod inline;
mod number;
mod parser;
mod reply;

pub use number::integer;
pub use parser::{INLINE_BYTES_MAX, Limits, Parser, ProtocolError, Request};
pub use reply::{Reply, Version};
