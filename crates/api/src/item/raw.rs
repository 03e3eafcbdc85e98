//! Items as the bytes that were written, with their media type; several values as `multipart/mixed`, as JSON, or as a conflict.
//!
//! Invariant: what was stored by one person never runs as a page in the browser of another: every answer with stored bytes is
//! sandboxed.

use super::tag::{Form, Tag};
use crate::items::{Done, Read};
use crate::json;
use crate::problem::{Kind, Problem};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use proto::{ItemKey, Sibling, Value};
use std::sync::LazyLock;
use stdx::hash::Mixer;

/// The item as JSON, whatever its values are.
pub(crate) const ITEM_JSON: &str = "application/vnd.alianza.item+json";
const MULTIPART: &str = "multipart/mixed";
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// When an item goes, in milliseconds since the Unix epoch.
const EXPIRES: HeaderName = HeaderName::from_static("alianza-expires");

/// The form in which what was found is given to a client that accepts this.
pub(super) fn form(headers: &HeaderMap, found: &Read) -> Form {
    match found {
        _ if accepts(headers, ITEM_JSON) => Form::Json,
        Read::Found { siblings, .. } if siblings.len() != 1 => {
            if accepts(headers, MULTIPART) {
                Form::Parts
            } else {
                Form::Several
            }
        }
        _ => Form::Bytes,
    }
}

/// The answer to a GET that found something.
pub(super) fn answer(form: Form, key: &ItemKey, found: &Read, tag: &Tag) -> Response {
    let mut response = match (form, found) {
        (Form::Json, _) => typed(Some(ITEM_JSON), found.json(key).into()),
        (_, Read::Current(current)) => one(current.value.as_ref(), current.expires.map(|at| at.0)),
        (Form::Parts, Read::Found { siblings, .. }) => parts(siblings),
        (Form::Several, Read::Found { siblings, .. }) => {
            let mut response = too_many(siblings.len(), &found.json(key)).into_response();
            keep(response.headers_mut());
            response
        }
        (Form::Bytes, Read::Found { siblings, .. }) => {
            let version = siblings.first().map(|sibling| &sibling.version);
            one(
                version.and_then(|version| version.value.as_ref()),
                version.and_then(|version| version.expires).map(|at| at.0),
            )
        }
    };
    match tag.header() {
        Some(value) => drop(response.headers_mut().insert(header::ETAG, value)),
        None => drop(response.headers_mut().remove(header::ETAG)),
    }
    response
}

/// There are several values, and the client takes one. It sees them all the same.
fn too_many(count: usize, item: &[u8]) -> Problem {
    let detail = format!(
        "The item has {count} values side by side; settle them with a PUT whose If-Match is the ETag of this answer, or ask for \
         multipart/mixed or {ITEM_JSON}."
    );
    let item: serde_json::Value = serde_json::from_slice(item).unwrap_or_default();
    let problem = Problem::new(Kind::SeveralValues, detail);
    ["values", "context"].into_iter().fold(problem, |problem, name| problem.with(name, item[name].clone()))
}

/// The answer to a GET of what the client has already.
pub(super) fn unchanged(tag: &Tag) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    keep(response.headers_mut());
    put_tag(response.headers_mut(), Some(tag));
    response
}

/// What caches go by beside the tag, in a 304 as in the 200 that it stands for (RFC 9110 15.4.5).
fn keep(headers: &mut HeaderMap) {
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
}

/// The answer to a GET that went wrong. That of an item that is not there has a tag where a write can use it.
pub(super) fn absent(problem: Problem) -> Response {
    let token = problem.member("context").and_then(|token| token.as_str()).map(str::to_owned);
    let tag = token.filter(|_| problem.kind() == Kind::NotFound).map(|token| Tag::context(&token));
    let mut response = problem.into_response();
    put_tag(response.headers_mut(), tag.as_ref());
    response
}

/// The answer to a write.
pub(super) fn done(key: &ItemKey, done: &Done) -> Response {
    let mut response = json::answer(StatusCode::OK, done.json(key));
    put_tag(response.headers_mut(), Tag::of_done(done).as_ref());
    response
}

fn put_tag(headers: &mut HeaderMap, tag: Option<&Tag>) {
    if let Some(value) = tag.and_then(Tag::header) {
        headers.insert(header::ETAG, value);
    }
}

fn one(value: Option<&Value>, expires: Option<u64>) -> Response {
    let bytes = value.map(|value| value.bytes.clone()).unwrap_or_default();
    let mut response = typed(value.and_then(|value| value.content_type.as_deref()), bytes);
    if let Some(at) = expires {
        response.headers_mut().insert(EXPIRES, at.into());
    }
    response
}

/// The headers of every answer with stored bytes. Copying them takes a third of the time of inserting them one by one.
static HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, BYTES);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Pages of other sites could embed what they cannot read.
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    keep(&mut headers);
    // In its place comes the tag of the item; one header more would need room for more.
    headers.insert(header::ETAG, HeaderValue::from_static(""));
    headers
});

fn typed(kind: Option<&str>, bytes: Bytes) -> Response {
    let mut response = Response::new(Body::from(bytes));
    *response.headers_mut() = HEADERS.clone();
    if let Some(kind) = kind.and_then(|kind| HeaderValue::from_str(kind).ok()) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}

/// Several values as the parts of one body (RFC 2046).
fn parts(siblings: &[Sibling]) -> Response {
    let values: Vec<&Value> = siblings.iter().filter_map(|sibling| sibling.version.value.as_ref()).collect();
    let boundary = boundary(&values);
    let mut body = Vec::with_capacity(values.iter().map(|value| value.bytes.len() + 128).sum());
    for value in values {
        let kind = value.content_type.as_deref().unwrap_or("application/octet-stream");
        body.extend(format!("--{boundary}\r\nContent-Type: {kind}\r\n\r\n").as_bytes());
        body.extend(&value.bytes);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{boundary}--\r\n").as_bytes());
    typed(Some(&format!("{MULTIPART}; boundary={boundary}")), body.into())
}

/// A line that stands in none of the values.
fn boundary(values: &[&Value]) -> String {
    let mut hash = Mixer::new(1);
    values.iter().for_each(|value| hash.bytes(&value.bytes));
    loop {
        let line = format!("part-{:016x}", hash.finish());
        let stands_in = |value: &&Value| value.bytes.windows(line.len()).any(|window| window == line.as_bytes());
        if !values.iter().any(stands_in) {
            return line;
        }
        hash.number(1);
    }
}

/// Whether the client names this media type, and does not rule it out.
fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_it = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(kind));
        is_it && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}
