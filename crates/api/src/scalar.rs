//! JSON objects of single values, read without copying strings that need no unescaping.
//!
//! Invariant: no name comes twice. Refuses to know what the members mean, and keeps nothing of values inside of values.

use crate::fields::excerpt;
use bytes::Bytes;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Members one object may have; a request with more is certainly wrong.
const FIELDS_MAX: usize = 64;

/// The value of one field. What is inside of lists and objects is not kept, because no field takes any.
#[derive(Debug)]
pub(crate) enum Scalar<'a> {
    /// Bytes that came by another way than JSON.
    Bytes(Bytes),
    /// A string, borrowed from the body where it has no escapes.
    Text(Cow<'a, str>),
    /// A whole number that is not negative.
    Whole(u64),
    /// Any other number.
    Number(f64),
    /// True or false.
    Bool,
    /// Null.
    Null,
    /// A list.
    List,
    /// An object.
    Object,
}

impl Scalar<'_> {
    /// The bytes, if it is such.
    pub(crate) fn into_bytes(self) -> Option<Bytes> {
        match self {
            Scalar::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// What it is, for a sentence.
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Scalar::Bytes(_) => "bytes",
            Scalar::Text(_) => "a string",
            Scalar::Whole(_) | Scalar::Number(_) => "a number",
            Scalar::Bool => "true or false",
            Scalar::Null => "null",
            Scalar::List => "a list",
            Scalar::Object => "an object",
        }
    }
}

/// The members of a JSON object in the order in which they were written.
pub(crate) struct Members<'a>(pub(crate) Vec<(Cow<'a, str>, Scalar<'a>)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object like {\"type\":\"GET\",\"key\":\"9\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Vec<(Cow<'de, str>, Scalar<'de>)> = Vec::with_capacity(8);
        while let Some(Name(name)) = map.next_key()? {
            if members.len() == FIELDS_MAX {
                return Err(de::Error::custom(format!("The object has more than {FIELDS_MAX} fields")));
            }
            if members.iter().any(|(other, _)| *other == name) {
                let name = excerpt(name.as_bytes());
                return Err(de::Error::custom(format!("\"{name}\" is given twice; give it once")));
            }
            members.push((name, map.next_value()?));
        }
        Ok(Members(members))
    }
}

/// The name of a member.
pub(crate) struct Name<'a>(pub(crate) Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Scalar::deserialize(from)? {
            Scalar::Text(text) => Ok(Name(text)),
            other => Err(de::Error::custom(format!("A name is {}, not a string", other.noun()))),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Whole(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(number))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Bool)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Object)
    }
}
