//! How handlers get the node: as the one who asks may use it.
//!
//! Invariant: a handler that takes the shared state instead has a node that serves nobody once a token is needed.

use crate::router::Api;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use std::convert::Infallible;
use std::sync::Arc;

/// The interface as the one who asks may use it.
#[derive(Clone)]
pub(crate) struct Asker(pub(crate) Arc<Api>);

impl FromRequestParts<Arc<Api>> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<Api>) -> Result<Asker, Infallible> {
        Ok(parts.extensions.remove::<Asker>().unwrap_or_else(|| Asker(Arc::clone(state))))
    }
}
