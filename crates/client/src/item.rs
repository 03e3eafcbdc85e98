//! What is stored: values, items, and what a client has seen of them.
//!
//! Invariant: bytes come back as they were given, whether they are text or not. A [`Context`] is only handed back, never looked
//! into.

use crate::error::Error;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value as Json};

/// The bytes of a value and the media type that was given with it.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Value {
    /// The bytes.
    pub bytes: Bytes,
    /// The media type, if there is one.
    pub content_type: Option<String>,
}

impl Value {
    /// A value without a media type.
    pub fn plain(bytes: impl Into<Bytes>) -> Value {
        Value { bytes: bytes.into(), content_type: None }
    }
}

impl<B: Into<Bytes>> From<B> for Value {
    fn from(bytes: B) -> Value {
        Value::plain(bytes)
    }
}

/// What a reader has seen, for the write that follows: that write supersedes it and nothing else.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub enum Context {
    /// Nothing; or the bucket needs none.
    #[default]
    None,
    /// In a bucket that keeps siblings: an opaque token.
    Token(String),
    /// In a linearizable bucket: the version, 0 if there is no such item.
    Version(u64),
}

/// The key of an item: a partition key, which says where it lives, and perhaps a sort key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Key {
    /// The partition key.
    pub partition: Bytes,
    /// The sort key.
    pub sort: Option<Bytes>,
}

impl<B: Into<Bytes>> From<B> for Key {
    fn from(partition: B) -> Key {
        Key { partition: partition.into(), sort: None }
    }
}

impl Key {
    /// A key with a sort key.
    pub fn sorted(partition: impl Into<Bytes>, sort: impl Into<Bytes>) -> Key {
        Key { partition: partition.into(), sort: Some(sort.into()) }
    }

    pub(crate) fn write(&self, into: &mut Map<String, Json>) {
        put_bytes(into, "key", &self.partition);
        if let Some(sort) = &self.sort {
            put_bytes(into, "sort", sort);
        }
    }
}

/// An item, or that there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// Its key.
    pub key: Key,
    /// Its values: none if there is no such item, one, or in buckets that keep siblings several.
    pub values: Vec<Value>,
    /// When the only value ends, in milliseconds since the Unix epoch.
    pub expires: Option<u64>,
    /// What was seen.
    pub context: Context,
}

impl Item {
    /// The value, if there is one; [`Error::SeveralValues`] if there are several.
    pub fn value(&self) -> Result<Option<&Value>, Error> {
        match self.values.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(only)),
            several => Err(Error::SeveralValues { count: several.len() }),
        }
    }

    /// What an answer says of an item.
    pub(crate) fn read(answer: &Json) -> Option<Item> {
        let key = Key { partition: take_bytes(answer, "key")?, sort: take_bytes(answer, "sort") };
        let values = match answer["values"].as_array() {
            Some(values) => values.iter().map(read_value).collect::<Option<_>>()?,
            None => read_value(answer).into_iter().collect(),
        };
        Some(Item { key, values, expires: answer["expires"].as_u64(), context: Context::read(answer) })
    }

    /// There is no such item.
    pub(crate) fn absent(key: Key, problem: &Json, is_linearizable: bool) -> Item {
        let context = match Context::read(problem) {
            Context::None if is_linearizable => Context::Version(0),
            other => other,
        };
        Item { key, values: Vec::new(), expires: None, context }
    }
}

impl Context {
    /// What an answer says was seen.
    pub(crate) fn read(answer: &Json) -> Context {
        match (answer["context"].as_str(), answer["version"].as_u64()) {
            (Some(token), _) => Context::Token(token.to_owned()),
            (None, Some(version)) => Context::Version(version),
            (None, None) => Context::None,
        }
    }
}

fn read_value(from: &Json) -> Option<Value> {
    let content_type = from["contentType"].as_str().map(str::to_owned);
    Some(Value { bytes: take_bytes(from, "value")?, content_type })
}

/// Adds bytes as text if they are, else in base64.
pub(crate) fn put_bytes(into: &mut Map<String, Json>, name: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => into.insert(name.to_owned(), text.into()),
        Err(_) => into.insert(format!("{name}_base64"), STANDARD.encode(bytes).into()),
    };
}

/// Bytes that are there as text or in base64.
pub(crate) fn take_bytes(from: &Json, name: &str) -> Option<Bytes> {
    if let Some(text) = from[name].as_str() {
        return Some(Bytes::copy_from_slice(text.as_bytes()));
    }
    STANDARD.decode(from[format!("{name}_base64")].as_str()?).ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::{Context, Item, Key, Value, put_bytes, take_bytes};
    use crate::error::Error;
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        #[test]
        fn bytes_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut object = serde_json::Map::new();
            put_bytes(&mut object, "value", &bytes);
            prop_assert_eq!(take_bytes(&object.into(), "value").unwrap(), bytes);
        }
    }

    #[test]
    fn answers_become_items() {
        let item =
            Item::read(&json!({ "key": "k", "sort": "s", "value": "v", "contentType": "text/plain", "version": 3 }))
                .unwrap();
        assert_eq!((item.key.clone(), item.context.clone()), (Key::sorted("k", "s"), Context::Version(3)));
        assert_eq!(item.value().unwrap().unwrap().content_type.as_deref(), Some("text/plain"));
        let item = Item::read(
            &json!({ "key": "k", "values": [{ "value": "a" }, { "value_base64": "/w==" }], "context": "t" }),
        )
        .unwrap();
        assert_eq!(item.values, [Value::plain("a"), Value::plain(vec![0xff])]);
        assert!(matches!(item.value(), Err(Error::SeveralValues { count: 2 })));
        assert_eq!(Item::absent(Key::from("k"), &json!({}), true).context, Context::Version(0));
        assert_eq!(Item::read(&json!({ "value": "v" })), None);
    }
}
