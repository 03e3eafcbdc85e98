//! A part of the path that a request names, as text.
//!
//! Invariant: one that is not text is refused in our words, as everything else.

use crate::problem::{Kind, Problem};
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

/// The one part in braces of a path.
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Segment, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(text)) => Ok(Segment(text)),
            Err(_) => {
                Err(Problem::new(Kind::UnknownPath, "A part of the path is not UTF-8 text; GET / lists the paths."))
            }
        }
    }
}
