//! API tokens, as events keep them.

use super::node::{digest, wire_digest};
use crate::error::DecodeError;
use bytes::Bytes;
use proto::{Act, ApiToken, Rate, Right, TokenId};
use stdx::Wall;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireApiToken {
    #[prost(fixed64, tag = "1")]
    id: u64,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(bytes = "bytes", tag = "3")]
    digest: Bytes,
    #[prost(message, repeated, tag = "4")]
    scopes: Vec<WireRight>,
    #[prost(message, optional, tag = "5")]
    rate: Option<WireRate>,
    #[prost(uint64, optional, tag = "6")]
    expires: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireRight {
    #[prost(uint32, tag = "1")]
    act: u32,
    #[prost(string, optional, tag = "2")]
    bucket: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireRate {
    #[prost(uint32, tag = "1")]
    per_second: u32,
    #[prost(uint32, tag = "2")]
    burst: u32,
}

impl From<&ApiToken> for WireApiToken {
    fn from(token: &ApiToken) -> WireApiToken {
        let ApiToken { id, name, digest, scopes, rate, expires } = token;
        WireApiToken {
            id: id.0,
            name: name.clone(),
            digest: wire_digest(digest),
            scopes: scopes.iter().map(WireRight::from).collect(),
            rate: rate.map(|Rate { per_second, burst }| WireRate { per_second, burst }),
            expires: expires.map(|at| at.0),
        }
    }
}

impl TryFrom<WireApiToken> for ApiToken {
    type Error = DecodeError;

    fn try_from(wire: WireApiToken) -> Result<ApiToken, DecodeError> {
        Ok(ApiToken {
            id: TokenId(wire.id),
            name: wire.name,
            digest: digest(&wire.digest)?,
            scopes: wire.scopes.into_iter().map(Right::try_from).collect::<Result<_, _>>()?,
            rate: wire.rate.map(|WireRate { per_second, burst }| Rate { per_second, burst }),
            expires: wire.expires.map(Wall),
        })
    }
}

impl From<&Right> for WireRight {
    fn from(scope: &Right) -> WireRight {
        let act = match scope.act {
            Act::Read => 1,
            Act::Write => 2,
            Act::Admin => 3,
            Act::Monitor => 4,
        };
        WireRight { act, bucket: scope.bucket.clone() }
    }
}

impl TryFrom<WireRight> for Right {
    type Error = DecodeError;

    fn try_from(wire: WireRight) -> Result<Right, DecodeError> {
        let act = match wire.act {
            1 => Act::Read,
            2 => Act::Write,
            3 => Act::Admin,
            4 => Act::Monitor,
            _ => return Err(DecodeError::newer("a scope")),
        };
        Ok(Right { act, bucket: wire.bucket })
    }
}
