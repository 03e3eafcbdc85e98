//! What a body asks for, cut into calls and these into their members without building what is inside of them.
//!
//! Invariant: what is kept of a body is places in it, of a bounded number: no text that a client may send takes a multiple of its size.

use super::protocol::{CALLS_MAX, PARAMS_MAX};
use crate::scalar::{Name, Scalar};
use bytes::Bytes;
use serde::de::{Deserializer as _, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// What a body has in it.
pub(super) enum Asked<'a> {
    /// One call.
    One(&'a str),
    /// A batch.
    Batch(Vec<&'a str>),
    /// A batch of more calls than one may have.
    TooMany,
}

impl<'a> Asked<'a> {
    /// Cuts a body into calls.
    pub(super) fn read(text: &'a str) -> Result<Asked<'a>, serde_json::Error> {
        if !text.trim_ascii_start().starts_with('[') {
            return Ok(Asked::One(serde_json::from_str::<&RawValue>(text)?.get()));
        }
        Ok(match list(text, CALLS_MAX)? {
            Some(calls) => Asked::Batch(calls),
            None => Asked::TooMany,
        })
    }
}

/// One call.
pub(super) struct Request<'a> {
    /// What is to be done.
    pub(super) method: String,
    /// With what.
    pub(super) params: Params,
    /// The id as JSON. None: it is a notification.
    pub(super) id: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// Reads a call, which is a part of the body.
    pub(super) fn read(body: &Bytes, call: &'a str) -> Result<Request<'a>, String> {
        if !call.starts_with('{') {
            return Err("it is not an object".to_owned());
        }
        let read = serde_json::Deserializer::from_str(call).deserialize_map(MembersVisitor);
        // The place would be one in the call, not in the body.
        let members =
            read.map_err(|error| error.to_string().split(" at line ").next().unwrap_or_default().to_owned())?;
        if !matches!(text(members.jsonrpc).as_deref(), Some("2.0")) {
            return Err("\"jsonrpc\" must be \"2.0\"".to_owned());
        }
        let method = text(members.method).ok_or("\"method\" must be a string")?;
        let params = match members.params {
            None => Params(Bytes::from_static(b"{}")),
            Some(params) if params.starts_with(['{', '[']) => Params(body.slice_ref(params.as_bytes())),
            Some(_) => return Err("\"params\" must be an object or a list".to_owned()),
        };
        if members.id.is_some_and(|id| id.starts_with(['{', '[', 't', 'f'])) {
            return Err("\"id\" must be a string, a number or null".to_owned());
        }
        Ok(Request { method, params, id: members.id })
    }
}

fn text(json: Option<&str>) -> Option<String> {
    match serde_json::from_str(json?).ok()? {
        Scalar::Text(text) => Some(text.into_owned()),
        _ => None,
    }
}

/// The parameters of a call: a JSON object or list, as a part of the body.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Params(pub(super) Bytes);

impl Params {
    /// By position, each as JSON; none if they are by name. If there are more than anything takes, all is left out.
    pub(super) fn listed(&self) -> Option<Option<Vec<&str>>> {
        let text = std::str::from_utf8(&self.0).ok().filter(|text| text.starts_with('['))?;
        Some(list(text, PARAMS_MAX).ok().flatten())
    }
}

/// The elements of a list as JSON; none if there are more than `most`.
fn list(text: &str, most: usize) -> Result<Option<Vec<&str>>, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let list = json.deserialize_seq(ListVisitor(most))?;
    json.end()?;
    Ok(list)
}

struct ListVisitor(usize);

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Option<Vec<&'de str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element::<&RawValue>()? {
            if elements.len() == self.0 {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(None);
            }
            elements.push(element.get());
        }
        Ok(Some(elements))
    }
}

/// Those members of a call that mean something, as JSON.
#[derive(Default)]
struct Members<'a> {
    jsonrpc: Option<&'a str>,
    method: Option<&'a str>,
    params: Option<&'a str>,
    id: Option<&'a str>,
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some(Name(name)) = map.next_key()? {
            let member = match &*name {
                "jsonrpc" => &mut members.jsonrpc,
                "method" => &mut members.method,
                "params" => &mut members.params,
                "id" => &mut members.id,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if member.replace(map.next_value::<&RawValue>()?.get()).is_some() {
                return Err(A::Error::custom(format!("\"{name}\" is given twice")));
            }
        }
        Ok(members)
    }
}
