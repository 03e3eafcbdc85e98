//! How a node shows another one that it is a node of the same cluster when it asks over HTTP: by a secret that follows from the
//! context key, which every node has and nobody else.
//!
//! Invariant: the context key itself is not shown.

use super::secret::same;
use sha2::{Digest as _, Sha256};

const SCHEME: &str = "Alianza-Node ";

/// What stands in the header `Authorization`.
pub(crate) fn authorization(context_key: &[u8; 32]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"alianza: a node asks a node over HTTP");
    hash.update(context_key);
    let secret: [u8; 32] = hash.finalize().into();
    let digits: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{SCHEME}{digits}")
}

/// True if that header says so.
pub(super) fn is_node(value: &[u8], context_key: &[u8; 32]) -> bool {
    value.starts_with(SCHEME.as_bytes()) && same(value, authorization(context_key).as_bytes())
}
