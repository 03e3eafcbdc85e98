//! The first thing on a connection, both ways: the caller says hello, the called one welcomes or refuses it.
//!
//! Invariant: what is written here never changes its layout, so that any two versions can tell each other that they do
//! not understand each other. It begins with four bytes that no HTTP request, TLS record or Redis command begins with.
//! Refuses to know who is a member and who may come in.

use crate::checked::{self, FrameError, HEADER_BYTES};
use crate::error::DecodeError;
use crate::schema::handshake::WireHandshake;
use crate::schema::parse;
use bytes::{Bytes, BytesMut};
use prost::Message;
use proto::Pulse;
use ring::NodeId;
use std::fmt;

/// The oldest protocol this version speaks.
pub const PROTOCOL_MIN: u16 = 2;

/// The newest protocol this version speaks.
pub const PROTOCOL_MAX: u16 = 2;

/// What every connection between nodes begins with. The first byte is not ASCII and not that of a TLS record.
pub const MAGIC: [u8; 4] = [0xa1, b'A', b'L', b'Z'];

/// No handshake is longer, all included.
pub const HANDSHAKE_BYTES_MAX: usize = 4 << 10;

/// Names and reasons are cut off here, for they are only shown to people.
const TEXT_BYTES_MAX: usize = 1 << 10;

/// The newest protocol that both speak, each given as oldest and newest.
pub fn agree(ours: (u16, u16), theirs: (u16, u16)) -> Option<u16> {
    let newest = ours.1.min(theirs.1);
    (newest >= ours.0.max(theirs.0)).then_some(newest)
}

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Small and urgent messages between members.
    Control,
    /// Messages with items in them, between members.
    Data,
    /// A node that has not come in yet: it may forward a request to join, or for the status, and nothing else.
    Guest,
}

/// What the caller says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    /// The oldest protocol it speaks.
    pub protocol_min: u16,
    /// The newest protocol it speaks.
    pub protocol_max: u16,
    /// Its cluster; none before it has come into one.
    pub cluster: Option<u128>,
    /// Who it is.
    pub node: NodeId,
    /// How far its records have got: one that runs on old ones is refused. The default of a guest.
    pub pulse: Pulse,
    /// What the connection is for.
    pub role: Role,
    /// Its name, for people.
    pub name: String,
}

/// What the called one answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Welcome {
    /// Go on.
    Accepted {
        /// The protocol to speak.
        protocol: u16,
        /// Who answers.
        node: NodeId,
        /// Its cluster.
        cluster: u128,
        /// How far its records have got.
        pulse: Pulse,
    },
    /// The connection ends here.
    Refused(HandshakeRefusal),
}

/// Why a caller is refused. "Ours" is the called one's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HandshakeRefusal {
    /// The two belong to different clusters.
    WrongCluster {
        /// The cluster of the called one.
        ours: u128,
        /// The cluster of the caller.
        theirs: u128,
    },
    /// There is no protocol that both speak.
    NoCommonProtocol {
        /// Oldest and newest of the called one.
        ours: (u16, u16),
        /// Oldest and newest of the caller.
        theirs: (u16, u16),
    },
    /// The caller is not a member.
    UnknownNode,
    /// The called one can not serve yet.
    NotReady,
    /// The caller was put out of the cluster as dead, or is an old copy of a node; what it is to be told, in a sentence.
    Ejected(String),
    /// Something else, in words.
    Other(String),
}

impl fmt::Display for HandshakeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeRefusal::WrongCluster { ours, theirs } => {
                let (ours, theirs) = (NodeId(*ours), NodeId(*theirs));
                write!(
                    f,
                    "the called node belongs to cluster {ours} and the caller to cluster {theirs}: check the seeds"
                )
            }
            HandshakeRefusal::NoCommonProtocol { ours, theirs } => write!(
                f,
                "the called node speaks protocols {} to {} and the caller {} to {}: update the older one",
                ours.0, ours.1, theirs.0, theirs.1
            ),
            HandshakeRefusal::UnknownNode => {
                f.write_str("the caller is not a member of the cluster: it must join first")
            }
            HandshakeRefusal::NotReady => f.write_str("the called node is not ready yet: try again in a moment"),
            HandshakeRefusal::Ejected(why) | HandshakeRefusal::Other(why) => f.write_str(why),
        }
    }
}

/// Why the first bytes of a connection are no handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HandshakeError {
    /// It does not begin with [`MAGIC`].
    NotAPeer,
    /// It is too long, damaged or malformed.
    Frame(FrameError),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeError::NotAPeer => f.write_str("the other side does not speak the protocol of nodes"),
            HandshakeError::Frame(error) => write!(f, "the handshake failed: {error}"),
        }
    }
}

impl std::error::Error for HandshakeError {}

/// The bytes of a hello. Its name is cut off at 1 KiB.
pub fn encode_hello(hello: &Hello) -> Bytes {
    encode(&WireHandshake::hello(hello, TEXT_BYTES_MAX))
}

/// The bytes of an answer. A reason in words is cut off at 1 KiB.
pub fn encode_welcome(welcome: &Welcome) -> Bytes {
    encode(&WireHandshake::welcome(welcome, TEXT_BYTES_MAX))
}

/// Takes a hello off the front of `buffer`, once all of it is there. What is not one is refused at its first wrong byte.
pub fn decode_hello(buffer: &mut BytesMut) -> Result<Option<Hello>, HandshakeError> {
    decode(buffer)?.map(|wire| wire.into_hello().map_err(malformed)).transpose()
}

/// Takes an answer off the front of `buffer`, once all of it is there.
pub fn decode_welcome(buffer: &mut BytesMut) -> Result<Option<Welcome>, HandshakeError> {
    decode(buffer)?.map(|wire| wire.into_welcome().map_err(malformed)).transpose()
}

fn encode(wire: &WireHandshake) -> Bytes {
    let payload = wire.encode_to_vec();
    let mut out = BytesMut::with_capacity(MAGIC.len() + HEADER_BYTES + payload.len());
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&checked::header(&payload));
    out.extend_from_slice(&payload);
    out.freeze()
}

fn decode(buffer: &mut BytesMut) -> Result<Option<WireHandshake>, HandshakeError> {
    if buffer.iter().zip(MAGIC).any(|(got, expected)| *got != expected) {
        return Err(HandshakeError::NotAPeer);
    }
    let max = HANDSHAKE_BYTES_MAX - MAGIC.len() - HEADER_BYTES;
    match checked::take(buffer, MAGIC.len(), max).map_err(HandshakeError::Frame)? {
        Some(payload) => parse(payload, "a handshake").map(Some).map_err(malformed),
        None => Ok(None),
    }
}

fn malformed(error: DecodeError) -> HandshakeError {
    HandshakeError::Frame(FrameError::Malformed(error))
}
