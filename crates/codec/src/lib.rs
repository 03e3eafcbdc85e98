//! Bytes for peers and for disk: the only place that knows layouts.
//!
//! Keys and values of storage ([`slot_key`], [`encode_stored`], [`encode_meta`], [`encode_hint`]), messages between
//! nodes ([`FrameEncoder`], [`FrameDecoder`]), the first words on a connection ([`Hello`], [`Welcome`]) and the context
//! tokens of clients ([`seal_context`]). Layouts are drawn in `docs/disk-format.md` and `docs/protocol.md`.
//!
//! Invariant: what was encoded decodes to the same; any other bytes give an error, never a panic; what a newer
//! neighbour adds is skipped, except in the membership history, where it is an error.
//! Refuses to know sockets, engines, and what any of it means.

mod base64url;
mod checked;
mod context_token;
mod error;
mod frame;
mod handshake;
mod hint;
mod meta;
mod plain;
mod schema;
mod sealed;
mod slot_bounds;
mod slot_key;
mod stored;

pub use checked::FrameError;
pub use context_token::{TokenError, open_context, seal_context};
pub use error::{DecodeError, Fault};
pub use frame::{FRAME_BYTES_MAX, FrameDecoder, FrameEncoder, GUEST_FRAME_BYTES_MAX, MessageTooLong, encode_frame};
pub use handshake::{
    HANDSHAKE_BYTES_MAX, HandshakeError, HandshakeRefusal, Hello, MAGIC, PROTOCOL_MAX, PROTOCOL_MIN, Role, Welcome,
    agree, decode_hello, decode_welcome, encode_hello, encode_welcome,
};
pub use hint::{decode_hint, encode_hint, hint_bounds, hint_key, parse_hint_key};
pub use meta::{
    MetaRecord, acceptor_key, acceptor_range, decode_meta, encode_meta, event_key, event_range, incarnation_key,
    meta_key, node_key, peers_key, progress_key, pulses_key,
};
pub use proto::hash::version_hash;
pub use sealed::DISK_FORMAT;
pub use slot_bounds::{Bounds, branch_bounds, partition_bounds, range_bounds};
pub use slot_key::{
    PARTITION_KEY_INLINE_MAX, ParsedSlot, SLOT_KEY_BYTES_MAX, SORT_KEY_INLINE_MAX, parse_slot_key, slot_key,
};
pub use stored::{decode_record, decode_stored, encode_stored};
