//! What a request names outside of its body: bucket and keys in the path or the query, everything else in the query or in
//! headers.
//!
//! Invariant: nothing is ignored and nothing is given twice; what a name may hold is for [`Operation`](crate::operation::Operation)
//! to say.

use crate::fields::{excerpt, invalid};
use crate::problem::{Kind, Problem};
use crate::query::{Query, decode_segment};
use crate::scalar::Scalar;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use std::borrow::Cow;

/// Parameters that may be any bytes.
const BYTES: [&str; 6] = ["key", "sort", "from", "to", "after", "ifValue"];
/// Parameters that are numbers.
const NUMBERS: [&str; 3] = ["limit", "ifVersion", "by"];
/// Headers that say what a parameter of the query may say, too, and the name of that.
pub(crate) const HEADERS: [(&str, &str); 6] = [
    ("alianza-level", "level"),
    ("alianza-durability", "durability"),
    ("alianza-ttl", "ttl"),
    ("alianza-timeout", "timeout"),
    ("alianza-id", "id"),
    ("alianza-again", "again"),
];

/// The fields of an operation, so far.
pub(crate) struct Given {
    /// Name of the bucket.
    pub(crate) bucket: String,
    /// All fields, the bucket among them.
    pub(crate) fields: Vec<(Cow<'static, str>, Scalar<'static>)>,
}

impl Given {
    /// Reads path, query and headers of `/v1/buckets/{bucket}/…[/{key}[/{sort}]]`.
    pub(crate) fn read(parts: &Parts) -> Result<Given, Problem> {
        let mut segments = parts.uri.path().as_bytes().split(|byte| *byte == b'/').skip(3);
        let bucket = segments.next().map(decode_segment).transpose()?.unwrap_or_default();
        let bucket = String::from_utf8(bucket).map_err(|error| unnameable(error.as_bytes()))?;
        let mut fields = Vec::with_capacity(4);
        fields.push(("bucket".into(), Scalar::Text(bucket.clone().into())));
        for (name, segment) in ["key", "sort"].into_iter().zip(segments.skip(1)) {
            fields.push((name.into(), Scalar::Bytes(decode_segment(segment)?.into())));
        }
        for (name, value) in Query::read(parts.uri.query())?.into_all() {
            fields.push(parameter(name, value)?);
        }
        // Each look costs a hash of the name, and most requests have none of them.
        let has_any = parts.headers.keys().any(|name| name.as_str().starts_with("alianza-"));
        for (header, name) in HEADERS.into_iter().filter(|_| has_any) {
            if let Some(value) = parts.headers.get(header) {
                let value = value.to_str().map_err(|_| invalid(header, "must be text"))?;
                fields.push((name.into(), Scalar::Text(value.trim().to_owned().into())));
            }
        }
        Ok(Given { bucket, fields })
    }
}

fn parameter(name: String, value: Bytes) -> Result<(Cow<'static, str>, Scalar<'static>), Problem> {
    if BYTES.contains(&name.as_str()) {
        return Ok((name.into(), Scalar::Bytes(value)));
    }
    if let Some(plain) = name.strip_suffix("_base64").filter(|plain| BYTES.contains(plain)) {
        let bytes = decode_base64(&value).ok_or_else(|| invalid(&name, "must be base64"))?;
        return Ok((plain.to_owned().into(), Scalar::Bytes(bytes)));
    }
    let text = String::from_utf8(value.to_vec()).map_err(|_| invalid(&name, "must be UTF-8 text"))?;
    let number = NUMBERS.contains(&name.as_str()).then(|| text.parse::<u64>().ok()).flatten();
    Ok((name.into(), number.map_or_else(|| Scalar::Text(text.into()), Scalar::Whole)))
}

/// Base64 of either alphabet, with or without its padding: in a URL it is easily changed from one into the other.
fn decode_base64(text: &[u8]) -> Option<Bytes> {
    let safe = text.iter().map(|byte| match byte {
        b'+' | b' ' => b'-',
        b'/' => b'_',
        byte => *byte,
    });
    let safe: Vec<u8> = safe.collect();
    let end = safe.iter().rposition(|byte| *byte != b'=').map_or(0, |at| at + 1);
    URL_SAFE_NO_PAD.decode(&safe[..end]).ok().map(Bytes::from)
}

fn unnameable(name: &[u8]) -> Problem {
    let detail = format!("There is no bucket \"{}\": its name is not UTF-8 text; list those there are.", excerpt(name));
    Problem::new(Kind::UnknownBucket, detail)
}

#[cfg(test)]
mod tests {
    use super::decode_base64;

    #[test]
    fn base64_of_all_sorts() {
        for text in ["-_8=", "+/8=", " /8", "-_8"] {
            assert_eq!(decode_base64(text.as_bytes()).as_deref(), Some(&[0xfb, 0xff][..]), "{text}");
        }
        assert_eq!(decode_base64(b"").as_deref(), Some(&b""[..]));
        assert_eq!(decode_base64(b"!"), None);
    }
}
