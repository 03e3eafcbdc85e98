//! Values in answers: text, or bytes in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// A key or value of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Bytes {
    /// It is text.
    Text(String),
    /// It is not.
    Binary(Vec<u8>),
}

impl Bytes {
    /// What an object has under `name`, or in base64 under `name_base64`.
    pub(super) fn of(object: &Value, name: &str) -> Option<Bytes> {
        if let Some(text) = object[name].as_str() {
            return Some(Bytes::Text(text.to_owned()));
        }
        let encoded = object[format!("{name}_base64")].as_str()?;
        STANDARD.decode(encoded).ok().map(Bytes::Binary)
    }

    /// The bytes themselves.
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Bytes::Text(text) => text.as_bytes(),
            Bytes::Binary(bytes) => bytes,
        }
    }

    /// One line for people: without line ends, tabs and other control characters.
    pub(super) fn in_one_line(&self) -> String {
        match self {
            Bytes::Text(text) => text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect(),
            Bytes::Binary(bytes) => format!("base64:{}", STANDARD.encode(bytes)),
        }
    }
}
