//! Sealing what a client has seen of an item into an opaque token, and opening it again.
//!
//! Invariant: a token opens only for the bucket and key it was sealed for, in the same cluster. Tokens are given in
//! sibling buckets only, where a write needs them.

use crate::problem::{Kind, Problem};
use causal::Context;
use proto::{BucketId, ItemKey};

/// The token of a context.
pub(crate) fn seal(key: &[u8; 32], bucket: BucketId, item: &ItemKey, context: &Context) -> String {
    codec::seal_context(key, bucket, item, context)
}

/// The context of a token.
pub(crate) fn open(key: &[u8; 32], bucket: BucketId, item: &ItemKey, token: &str) -> Result<Context, Problem> {
    codec::open_context(key, bucket, item, token).map_err(|_| {
        let detail = "The context is not one that this cluster gave for this key; read the item and send the context \
                      of that answer unchanged.";
        Problem::new(Kind::InvalidContext, detail).with("field", "context")
    })
}
