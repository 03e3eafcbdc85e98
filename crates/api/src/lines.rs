//! Answers that are written while they are made: lines of JSON, one after the other (NDJSON), or events.
//!
//! Invariant: whoever writes waits for a client that reads slowly, and stops when it is gone, or was given up by the connection
//! because it reads nothing.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use std::convert::Infallible;

/// Lines of JSON.
pub(crate) const NDJSON: &str = "application/x-ndjson";

/// Pieces that may wait for the client.
const WAITING: usize = 1;

/// Where lines go.
pub(crate) struct Lines(Sender<Bytes, Infallible>);

impl Lines {
    /// Gives some more. False if nobody takes them any more.
    pub(crate) async fn send(&mut self, lines: Vec<u8>) -> bool {
        lines.is_empty() || self.0.send_data(lines.into()).await.is_ok()
    }
}

/// An answer that is still to be written, and where.
pub(crate) fn answer(kind: &'static str) -> (Lines, Response) {
    let (sender, body) = Channel::<Bytes, Infallible>::new(WAITING);
    let mut response = Body::new(body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    (Lines(sender), response)
}
