//! JSON-RPC 2.0 itself: requests, notifications and batches in, answers out.
//!
//! Invariant: each request has exactly one answer, in the order of the batch; a notification has none, whatever becomes of it.
//! Refuses to know methods. Source: the JSON-RPC 2.0 specification of 2013-01-04.

use serde_json::{Map, Value, json};
use std::future::Future;
use std::pin::Pin;

/// Calls that one batch may have.
pub(super) const CALLS_MAX: usize = 1_000;

pub(super) const PARSE_ERROR: i64 = -32_700;
pub(super) const INVALID_REQUEST: i64 = -32_600;
pub(super) const METHOD_NOT_FOUND: i64 = -32_601;
pub(super) const INVALID_PARAMS: i64 = -32_602;
pub(super) const INTERNAL: i64 = -32_603;

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

/// The parameters of a call.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Params {
    /// By name; nothing if the call has none.
    Named(Map<String, Value>),
    /// By position.
    Listed(Vec<Value>),
}

/// A call being carried out; gives the result as JSON.
pub(super) type Calling = Pin<Box<dyn Future<Output = Result<Vec<u8>, Fault>> + Send>>;

/// Answers a body. Nothing if there is nothing to answer.
pub(super) async fn answer(body: &[u8], call: impl Fn(String, Params) -> Calling) -> Option<Vec<u8>> {
    let parsed = match serde_json::from_slice(body) {
        Ok(parsed) => parsed,
        Err(error) => return Some(failed(&Value::Null, &Fault::new(PARSE_ERROR, format!("Parse error: {error}")))),
    };
    let Value::Array(calls) = parsed else { return one(parsed, &call).await };
    if calls.is_empty() || calls.len() > CALLS_MAX {
        let why = format!("Invalid Request: a batch has 1 to {CALLS_MAX} calls");
        return Some(failed(&Value::Null, &Fault::new(INVALID_REQUEST, why)));
    }
    let mut out = Vec::new();
    for parsed in calls {
        if let Some(answer) = one(parsed, &call).await {
            out.push(if out.is_empty() { b'[' } else { b',' });
            out.extend(answer);
        }
    }
    (!out.is_empty()).then(|| {
        out.push(b']');
        out
    })
}

async fn one(parsed: Value, call: &impl Fn(String, Params) -> Calling) -> Option<Vec<u8>> {
    let request = match Request::read(parsed) {
        Ok(request) => request,
        Err(why) => return Some(failed(&Value::Null, &Fault::new(INVALID_REQUEST, format!("Invalid Request: {why}")))),
    };
    let outcome = call(request.method, request.params).await;
    let id = request.id?;
    Some(match outcome {
        Ok(result) => {
            let mut out = br#"{"jsonrpc":"2.0","result":"#.to_vec();
            out.extend(result);
            out.extend(format!(",\"id\":{id}}}").as_bytes());
            out
        }
        Err(fault) => failed(&id, &fault),
    })
}

fn failed(id: &Value, fault: &Fault) -> Vec<u8> {
    let mut error = json!({ "code": fault.code, "message": fault.message });
    if let Some(data) = &fault.data {
        error["data"] = data.clone();
    }
    json!({ "jsonrpc": "2.0", "error": error, "id": id }).to_string().into()
}

struct Request {
    method: String,
    params: Params,
    /// None: it is a notification.
    id: Option<Value>,
}

impl Request {
    fn read(parsed: Value) -> Result<Request, &'static str> {
        let Value::Object(mut members) = parsed else { return Err("it is not an object") };
        if members.remove("jsonrpc") != Some(Value::from("2.0")) {
            return Err("\"jsonrpc\" must be \"2.0\"");
        }
        let Some(Value::String(method)) = members.remove("method") else { return Err("\"method\" must be a string") };
        let params = match members.remove("params") {
            None => Params::Named(Map::new()),
            Some(Value::Object(named)) => Params::Named(named),
            Some(Value::Array(listed)) => Params::Listed(listed),
            Some(_) => return Err("\"params\" must be an object or a list"),
        };
        let id = members.remove("id");
        match id {
            None | Some(Value::Null | Value::String(_) | Value::Number(_)) => Ok(Request { method, params, id }),
            Some(_) => Err("\"id\" must be a string, a number or null"),
        }
    }
}
