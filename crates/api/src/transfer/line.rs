//! One item as one line of JSON, for export and import.
//!
//! ```text
//! {"bucket":"default","key":"9","sort":"a","value":"nine","contentType":"text/plain","expires":1700000000000}
//! {"bucket":"carts","key":"ann","values":[{"value":"bread"},{"value_base64":"/wA="}]}
//! ```
//!
//! Invariant: what [`write`] writes, [`read`] reads; a line with anything else in it is refused.

use crate::json::{Object, write_object};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use causal::{Actor, Dot, Stamp};
use proto::{ItemKey, Sibling, Value, Version};
use serde_json::{Map, Value as Json};
use stdx::Wall;

/// A value and when it goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Live {
    /// The value.
    pub(super) value: Value,
    /// From when on it counts as deleted.
    pub(super) expires: Option<Wall>,
}

/// An item that a line stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Line {
    /// Its bucket; `default` if the line does not say.
    pub(super) bucket: String,
    /// Its key.
    pub(super) key: ItemKey,
    /// Its values; several stand side by side.
    pub(super) values: Vec<Live>,
}

/// Appends an item, and the end of the line.
pub(super) fn write(out: &mut Vec<u8>, bucket: &str, key: &ItemKey, siblings: &[Sibling]) {
    write_object(out, |object| {
        object.text("bucket", bucket);
        object.bytes("key", &key.partition_key);
        if let Some(sort) = &key.sort_key {
            object.bytes("sort", sort);
        }
        match siblings {
            [only] => write_value(object, only),
            many => object.list("values", in_order(many), |out, sibling| {
                write_object(out, |object| write_value(object, sibling))
            }),
        }
    });
    out.push(b'\n');
}

/// Siblings by their values, so that equal content makes equal lines whoever wrote it.
fn in_order(siblings: &[Sibling]) -> Vec<&Sibling> {
    let mut all: Vec<&Sibling> = siblings.iter().collect();
    let value = |sibling: &&Sibling| sibling.version.value.as_ref().map(|value| value.bytes.clone());
    all.sort_by_key(|sibling| (value(sibling), sibling.version.expires));
    all
}

fn write_value(object: &mut Object, sibling: &Sibling) {
    let Some(value) = &sibling.version.value else { return };
    object.bytes("value", &value.bytes);
    if let Some(kind) = &value.content_type {
        object.text("contentType", kind);
    }
    if let Some(Wall(end)) = sibling.version.expires {
        object.number("expires", end);
    }
}

/// Reads a line; the sentence says what is wrong with it.
pub(super) fn read(text: &[u8]) -> Result<Line, String> {
    let json: Json = serde_json::from_slice(text).map_err(|error| format!("it is not JSON: {error}"))?;
    let Json::Object(mut fields) = json else { return Err("it is not a JSON object".to_owned()) };
    let bucket = take_text(&mut fields, "bucket")?.unwrap_or_else(|| "default".to_owned());
    let partition_key = take_bytes(&mut fields, "key")?.ok_or("\"key\" is missing")?;
    let key = ItemKey { partition_key, sort_key: take_bytes(&mut fields, "sort")? };
    let values = match fields.remove("values") {
        None => vec![live(&mut fields)?],
        Some(Json::Array(values)) if !values.is_empty() => {
            let one = |value| match value {
                Json::Object(mut fields) => live(&mut fields).and_then(|live| nothing_left(&fields).map(|()| live)),
                _ => Err("\"values\" must be a list of objects".to_owned()),
            };
            values.into_iter().map(one).collect::<Result<_, _>>()?
        }
        Some(_) => return Err("\"values\" must be a list of at least one value".to_owned()),
    };
    nothing_left(&fields)?;
    Ok(Line { bucket, key, values })
}

/// Reads a line and writes it again as an export would: what an import makes of it. The sentence says what is wrong with it.
pub fn rewrite_line(text: &[u8]) -> Result<Vec<u8>, String> {
    let Line { bucket, key, values } = read(text)?;
    // Which dots and stamps the versions get is decided when they are written, and no line shows them.
    let dot = Dot { actor: Actor { node: 0, incarnation: 0 }, counter: 1 };
    let sibling = |Live { value, expires }: Live| Sibling {
        dot,
        version: Version { stamp: Stamp::MIN, expires, value: Some(value) },
    };
    let mut out = Vec::new();
    write(&mut out, &bucket, &key, &values.into_iter().map(sibling).collect::<Vec<_>>());
    Ok(out)
}

fn live(fields: &mut Map<String, Json>) -> Result<Live, String> {
    let bytes = take_bytes(fields, "value")?.ok_or("\"value\" is missing")?;
    let content_type = take_text(fields, "contentType")?;
    let expires = match fields.remove("expires") {
        None | Some(Json::Null) => None,
        Some(end) => Some(Wall(end.as_u64().ok_or("\"expires\" must be milliseconds since 1970")?)),
    };
    Ok(Live { value: Value { bytes, content_type }, expires })
}

fn take_text(fields: &mut Map<String, Json>, name: &str) -> Result<Option<String>, String> {
    match fields.remove(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("\"{name}\" must be a string")),
    }
}

fn take_bytes(fields: &mut Map<String, Json>, name: &str) -> Result<Option<Bytes>, String> {
    let encoded_name = format!("{name}_base64");
    match (take_text(fields, name)?, take_text(fields, &encoded_name)?) {
        (None, None) => Ok(None),
        (Some(text), None) => Ok(Some(text.into())),
        (None, Some(encoded)) => match STANDARD.decode(encoded) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) => Err(format!("\"{encoded_name}\" must be standard base64: {error}")),
        },
        (Some(_), Some(_)) => Err(format!("\"{encoded_name}\" cannot be given beside \"{name}\"")),
    }
}

fn nothing_left(fields: &Map<String, Json>) -> Result<(), String> {
    match fields.keys().next() {
        None => Ok(()),
        Some(name) => Err(format!("\"{}\" is not a field of an item", crate::fields::excerpt(name.as_bytes()))),
    }
}

#[cfg(test)]
mod tests {
    use super::{Live, read, rewrite_line, write};
    use causal::{Actor, Dot, Stamp};
    use proto::{ItemKey, Sibling, Value, Version};
    use stdx::Wall;

    fn sibling(bytes: &'static [u8], expires: Option<Wall>) -> Sibling {
        let value = Some(Value { bytes: bytes.into(), content_type: Some("text/plain".to_owned()) });
        let dot = Dot { actor: Actor { node: 1, incarnation: 1 }, counter: 1 };
        Sibling { dot, version: Version { stamp: Stamp::MIN, expires, value } }
    }

    #[test]
    fn an_item_is_a_line_and_comes_back() {
        let key = ItemKey::sorted(&b"k\xff"[..], "so\nrt");
        let all = [sibling(b"a\nb", Some(Wall(77))), sibling(b"\xff\x00", None)];
        for siblings in [&all[..1], &all[..]] {
            let mut out = Vec::new();
            write(&mut out, "carts", &key, siblings);
            assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
            let line = read(&out).unwrap();
            assert_eq!(rewrite_line(&out), Ok(out));
            assert_eq!((line.bucket.as_str(), &line.key), ("carts", &key));
            let live = |s: &Sibling| Live { value: s.version.value.clone().unwrap(), expires: s.version.expires };
            assert_eq!(line.values, super::in_order(siblings).into_iter().map(live).collect::<Vec<_>>());
        }
    }

    #[test]
    fn wrong_lines_say_what_is_wrong() {
        let cases = [
            ("", "not JSON"),
            ("[]", "not a JSON object"),
            (r#"{"value":"v"}"#, "\"key\" is missing"),
            (r#"{"key":"k"}"#, "\"value\" is missing"),
            (r#"{"key":"k","values":[]}"#, "at least one"),
            (r#"{"key":"k","value":5}"#, "must be a string"),
            (r#"{"key":"k","value":"v","valeu":"v"}"#, "\"valeu\" is not a field"),
            (r#"{"key":"k","values":[{"value":"v","x":1}]}"#, "\"x\" is not a field"),
            (r#"{"key":"k","value_base64":"?"}"#, "standard base64"),
            (r#"{"key":"k","value":"v","expires":-1}"#, "milliseconds"),
        ];
        for (text, what) in cases {
            let error = read(text.as_bytes()).unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
        }
    }
}
