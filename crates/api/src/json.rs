//! JSON answers, and the pieces that are written by hand because they carry keys and values.
//!
//! Invariant: bytes that are text appear under their name, all others in base64 under the name with `_base64` added.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::sync::LazyLock;

/// An answer with a JSON body.
pub(crate) fn answer(status: StatusCode, body: impl Into<Vec<u8>>) -> Response {
    let mut response = Response::new(Body::from(body.into()));
    *response.status_mut() = status;
    *response.headers_mut() = HEADERS.clone();
    response
}

/// The headers of every such answer; copying them is quicker than inserting them one by one.
static HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| {
    let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    HeaderMap::from_iter([json, (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))])
});

/// An answer of 200 with a JSON body.
pub(crate) fn ok(body: &Value) -> Response {
    answer(StatusCode::OK, body.to_string())
}

/// A JSON object in the making.
pub(crate) struct Object {
    out: Vec<u8>,
    empty: bool,
}

impl Object {
    /// An object for about so many bytes.
    pub(crate) fn sized(bytes: usize) -> Object {
        Object::append_to(Vec::with_capacity(bytes))
    }

    /// An object behind what is already in `out`.
    pub(crate) fn append_to(mut out: Vec<u8>) -> Object {
        out.push(b'{');
        Object { out, empty: true }
    }

    /// Begins a member; its value must be appended.
    pub(crate) fn name(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        write_text(&mut self.out, name);
        self.out.push(b':');
        &mut self.out
    }

    /// A member that is a text.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        write_text(self.name(name), text);
    }

    /// A member that is a number.
    pub(crate) fn number(&mut self, name: &str, number: u64) {
        self.name(name).extend(number.to_string().as_bytes());
    }

    /// A member that is bytes: as text if they are, otherwise in base64.
    pub(crate) fn bytes(&mut self, name: &str, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text(name, text),
            Err(_) => self.text(&format!("{name}_base64"), &STANDARD.encode(bytes)),
        }
    }

    /// A member that is a list; `write` appends each element.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        of: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Vec<u8>, T),
    ) {
        let out = self.name(name);
        out.push(b'[');
        for (at, element) in of.into_iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write(out, element);
        }
        out.push(b']');
    }

    /// The object's bytes.
    pub(crate) fn end(mut self) -> Vec<u8> {
        self.out.push(b'}');
        self.out
    }
}

/// Appends an object to `out`.
pub(crate) fn write_object(out: &mut Vec<u8>, fill: impl FnOnce(&mut Object)) {
    let mut object = Object::append_to(std::mem::take(out));
    fill(&mut object);
    *out = object.end();
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    // Nearly every text needs no escapes, and copying it whole is many times as quick.
    if !text.bytes().fold(false, |any, byte| any | (byte < b' ') | (byte == b'"') | (byte == b'\\')) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return;
    }
    // Writing a string into a vector fails in no way that serde_json knows.
    let written = serde_json::to_writer(out, text);
    debug_assert!(written.is_ok());
}

#[cfg(test)]
mod tests {
    use super::{Object, write_object};

    #[test]
    fn texts_are_written_as_serde_does() {
        let letters = ["", "a", "\u{1f}", "\"", "\\", " ", "\u{7f}", "é", "\u{2028}", "𝄞"];
        for text in letters.iter().flat_map(|first| letters.iter().map(move |second| format!("{first}{second}"))) {
            let mut out = Vec::new();
            super::write_text(&mut out, &text);
            assert_eq!(out, serde_json::to_vec(&text).unwrap());
        }
    }

    #[test]
    fn objects_are_json() {
        let mut object = Object::sized(16);
        object.bytes("key", b"quote \" and \n");
        object.bytes("value", &[0xff, 0]);
        object.number("n", 3);
        object.list("list", [1, 2], |out, n| write_object(out, |object| object.number("n", n)));
        let json: serde_json::Value = serde_json::from_slice(&object.end()).unwrap();
        let expected = serde_json::json!({
            "key": "quote \" and \n", "value_base64": "/wA=", "n": 3, "list": [{"n": 1}, {"n": 2}]
        });
        assert_eq!(json, expected);
        assert_eq!(Object::sized(0).end(), b"{}");
    }
}
