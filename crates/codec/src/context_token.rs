//! Context tokens: what a client has seen of an item, for it to give back with its next write.
//!
//! Invariant: a token opens only with the cluster's key, and only for the bucket and item it was made for. A context
//! used with another item would cover versions nobody has seen, and lose them. Whether the cluster still knows those
//! versions is for the replicas to say.
//! Refuses to know where a token travels.

use crate::base64url;
use crate::schema::causal::WireContext;
use crate::schema::parse;
use bytes::Bytes;
use causal::Context;
use prost::Message;
use proto::{BucketId, ItemKey};
use std::fmt;

const TOKEN_VERSION: u8 = 1;
const MAC_BYTES: usize = 16;

/// Why a token was not opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenError {
    /// It is not one.
    NotAToken,
    /// A newer version of the database made it.
    Newer(u8),
    /// It was not made by this cluster for this item.
    Forged,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenError::NotAToken => f.write_str("this is not a context token"),
            TokenError::Newer(version) => {
                write!(f, "the context token has version {version}, which this node does not know")
            }
            TokenError::Forged => f.write_str("the context token was not given out by this cluster for this item"),
        }
    }
}

impl std::error::Error for TokenError {}

/// The token of a context that was read from an item.
pub fn seal_context(key: &[u8; 32], bucket: BucketId, item: &ItemKey, context: &Context) -> String {
    let mut token = vec![TOKEN_VERSION];
    token.extend_from_slice(&WireContext::from(context).encode_to_vec());
    let mac = mac(key, bucket, item, &token);
    token.extend_from_slice(&mac);
    base64url::encode(&token)
}

/// The context in a token, if the token was made for this item.
pub fn open_context(key: &[u8; 32], bucket: BucketId, item: &ItemKey, token: &str) -> Result<Context, TokenError> {
    let bytes = base64url::decode(token).ok_or(TokenError::NotAToken)?;
    let (sealed, claimed) = bytes.split_last_chunk::<MAC_BYTES>().ok_or(TokenError::NotAToken)?;
    match sealed.first() {
        Some(&TOKEN_VERSION) => {}
        Some(0) | None => return Err(TokenError::NotAToken),
        Some(version) => return Err(TokenError::Newer(*version)),
    }
    if !same(claimed, &mac(key, bucket, item, sealed)) {
        return Err(TokenError::Forged);
    }
    let seen = Bytes::copy_from_slice(&sealed[1..]);
    let context: WireContext = parse(seen, "a context").map_err(|_| TokenError::NotAToken)?;
    Ok(context.into())
}

/// Covers everything, each variable part behind its length.
fn mac(key: &[u8; 32], bucket: BucketId, item: &ItemKey, sealed: &[u8]) -> [u8; MAC_BYTES] {
    let mut hash = blake3::Hasher::new_keyed(key);
    hash.update(b"alianza context token");
    hash.update(&bucket.0.to_le_bytes());
    let mut part = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(&item.partition_key);
    part(sealed);
    // Last, so that none and an empty one differ by the length alone.
    if let Some(sort_key) = &item.sort_key {
        part(sort_key);
    }
    let mut mac = [0; MAC_BYTES];
    hash.finalize_xof().fill(&mut mac);
    mac
}

/// Takes as long for a good guess as for a bad one.
fn same(left: &[u8; MAC_BYTES], right: &[u8; MAC_BYTES]) -> bool {
    left.iter().zip(right).fold(0, |different, (l, r)| different | (l ^ r)) == 0
}
