//! JSON-RPC 2.0 itself: requests, notifications and batches in, answers out.
//!
//! Invariant: each request has exactly one answer, in the order of the batch; a notification has none, whatever becomes of it.
//! Memory is bounded by the body, the room for answers, and one answer more. Refuses to know methods. Source: the JSON-RPC 2.0 specification of 2013-01-04.

use super::request::{Asked, Params, Request};
use crate::problem::{Kind, Problem};
use bytes::Bytes;
use serde_json::{Value, json};
use std::future::Future;
use std::pin::Pin;

/// Calls that one batch may have.
pub(super) const CALLS_MAX: usize = 1_000;
/// Parameters by position that a call may have; every method takes fewer.
pub(super) const PARAMS_MAX: usize = 64;

pub(super) const PARSE_ERROR: i64 = -32_700;
pub(super) const INVALID_REQUEST: i64 = -32_600;
pub(super) const METHOD_NOT_FOUND: i64 = -32_601;
pub(super) const INVALID_PARAMS: i64 = -32_602;
pub(super) const INTERNAL: i64 = -32_603;
const TOO_LARGE: i64 = -32_013;
/// The id in answers to what has none that can be read.
const NO_ID: &str = "null";

/// Why a call was not carried out.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Fault {
    pub(super) code: i64,
    pub(super) message: String,
    pub(super) data: Option<Value>,
}

impl Fault {
    /// One without more to say.
    pub(super) fn new(code: i64, message: impl Into<String>) -> Fault {
        Fault { code, message: message.into(), data: None }
    }
}

/// A call being carried out; gives the result as JSON.
pub(super) type Calling = Pin<Box<dyn Future<Output = Result<Vec<u8>, Fault>> + Send>>;

/// Answers a body. Nothing if there is nothing to answer. When the answers of a batch have more than `room` bytes, the calls
/// behind are refused without being carried out, but for notifications, which have no answer.
pub(super) async fn answer(body: &Bytes, room: usize, call: impl Fn(String, Params) -> Calling) -> Option<Vec<u8>> {
    let asked = match std::str::from_utf8(body) {
        Ok(text) => Asked::read(text).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let calls = match asked {
        Ok(Asked::One(one)) => return answer_one(body, one, true, &call).await,
        Ok(Asked::Batch(calls)) if !calls.is_empty() => calls,
        Ok(Asked::Batch(_) | Asked::TooMany) => {
            let why = format!("Invalid Request: a batch has 1 to {CALLS_MAX} calls");
            return Some(failed(NO_ID, &Fault::new(INVALID_REQUEST, why)));
        }
        Err(error) => return Some(failed(NO_ID, &Fault::new(PARSE_ERROR, format!("Parse error: {error}")))),
    };
    let mut out = Vec::new();
    for one in calls {
        if let Some(answer) = answer_one(body, one, out.len() <= room, &call).await {
            out.push(if out.is_empty() { b'[' } else { b',' });
            out.extend(answer);
        }
    }
    (!out.is_empty()).then(|| {
        out.push(b']');
        out
    })
}

async fn answer_one(
    body: &Bytes,
    one: &str,
    has_room: bool,
    call: &impl Fn(String, Params) -> Calling,
) -> Option<Vec<u8>> {
    let request = match Request::read(body, one) {
        Ok(request) => request,
        Err(why) => return Some(failed(NO_ID, &Fault::new(INVALID_REQUEST, format!("Invalid Request: {why}")))),
    };
    if let Some(id) = request.id.filter(|_| !has_room) {
        return Some(failed(id, &full()));
    }
    let outcome = call(request.method, request.params).await;
    let id = request.id?;
    Some(match outcome {
        Ok(result) => {
            let mut out = br#"{"jsonrpc":"2.0","result":"#.to_vec();
            out.extend(result);
            out.extend(format!(",\"id\":{id}}}").as_bytes());
            out
        }
        Err(fault) => failed(id, &fault),
    })
}

/// As the problem `too-large`.
fn full() -> Fault {
    let detail = "The answers to the calls before are too large for more; this call was not carried out, send it again in another request.";
    Fault { code: TOO_LARGE, message: detail.to_owned(), data: Some(Problem::new(Kind::TooLarge, detail).to_json()) }
}

/// The answer to a call that failed; `id` is JSON.
fn failed(id: &str, fault: &Fault) -> Vec<u8> {
    let mut error = json!({ "code": fault.code, "message": fault.message });
    if let Some(data) = &fault.data {
        error["data"] = data.clone();
    }
    format!("{{\"jsonrpc\":\"2.0\",\"error\":{error},\"id\":{id}}}").into()
}
