//! Nodes as the cluster knows them: ids, members, tokens, digests.

use super::{fixed, list};
use crate::error::DecodeError;
use bytes::Bytes;
use proto::Digest;
use ring::{Member, NodeId, Token};

/// A 128-bit id. One that is left out is zero.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct WireId {
    #[prost(fixed64, tag = "1")]
    pub(crate) high: u64,
    #[prost(fixed64, tag = "2")]
    pub(crate) low: u64,
}

impl From<u128> for WireId {
    fn from(id: u128) -> WireId {
        WireId { high: (id >> 64) as u64, low: id as u64 }
    }
}

impl From<WireId> for u128 {
    fn from(wire: WireId) -> u128 {
        u128::from(wire.high) << 64 | u128::from(wire.low)
    }
}

impl From<&NodeId> for WireId {
    fn from(node: &NodeId) -> WireId {
        WireId::from(node.0)
    }
}

impl From<WireId> for NodeId {
    fn from(wire: WireId) -> NodeId {
        NodeId(wire.into())
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireMember {
    #[prost(message, required, tag = "1")]
    id: WireId,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    uri: String,
    #[prost(bytes = "bytes", repeated, tag = "4")]
    tokens: Vec<Bytes>,
    #[prost(uint32, tag = "5")]
    weight: u32,
    #[prost(string, optional, tag = "6")]
    zone: Option<String>,
}

impl From<&Member> for WireMember {
    fn from(member: &Member) -> WireMember {
        WireMember {
            id: WireId::from(&member.id),
            name: member.name.clone(),
            uri: member.uri.clone(),
            tokens: member.tokens.iter().map(wire_token).collect(),
            weight: member.weight,
            zone: member.zone.clone(),
        }
    }
}

impl TryFrom<WireMember> for Member {
    type Error = DecodeError;

    fn try_from(wire: WireMember) -> Result<Member, DecodeError> {
        Ok(Member {
            id: wire.id.into(),
            name: wire.name,
            uri: wire.uri,
            tokens: tokens(&wire.tokens)?,
            weight: wire.weight,
            zone: wire.zone,
        })
    }
}

pub(crate) fn wire_token(token: &Token) -> Bytes {
    Bytes::copy_from_slice(token.as_bytes())
}

pub(crate) fn tokens(wire: &[Bytes]) -> Result<Vec<Token>, DecodeError> {
    wire.iter().map(|bytes| fixed(bytes, "a token").map(Token::from_bytes)).collect()
}

pub(crate) fn wire_digest(digest: &Digest) -> Bytes {
    Bytes::copy_from_slice(&digest.0)
}

pub(crate) fn digest(wire: &Bytes) -> Result<Digest, DecodeError> {
    fixed(wire, "a digest").map(Digest)
}

pub(crate) fn wire_ids(nodes: &[NodeId]) -> Vec<WireId> {
    list(nodes)
}

pub(crate) fn ids(wire: Vec<WireId>) -> Vec<NodeId> {
    wire.into_iter().map(NodeId::from).collect()
}
