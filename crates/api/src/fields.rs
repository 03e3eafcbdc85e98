//! The fields of a JSON request, read once and taken one by one by name.
//!
//! Types are checked when a field is taken, so that each complaint can name its field; whatever is left at the end does
//! not belong in the request. Invariant: no field is silently ignored, and none may be given twice.
//! Refuses to know what the fields mean.

use crate::problem::{Kind, Problem};
use crate::scalar::{Members, Scalar};
use crate::span;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use std::borrow::Cow;
use std::fmt;
use stdx::Span;

/// Texts shorter than this are copied, so that a short key does not keep a long body in memory.
const COPY_BELOW: usize = 4_096;

/// The fields of one request that have not been taken yet.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    body: &'a Bytes,
    left: Vec<(Cow<'a, str>, Scalar<'a>)>,
}

impl<'a> Fields<'a> {
    /// Reads a body that must be one JSON object.
    pub(crate) fn read(body: &'a Bytes) -> Result<Fields<'a>, Problem> {
        Ok(Fields { body, left: members(body)? })
    }

    /// Fields that came by another way than JSON. No name may be there twice.
    pub(crate) fn of(body: &'a Bytes, left: Vec<(Cow<'a, str>, Scalar<'a>)>) -> Result<Fields<'a>, Problem> {
        for (at, (name, _)) in left.iter().enumerate() {
            if left[..at].iter().any(|(other, _)| other == name) {
                return Err(invalid(name, "is given twice; give it once"));
            }
        }
        Ok(Fields { body, left })
    }

    fn take(&mut self, name: &str) -> Option<Scalar<'a>> {
        let at = self.left.iter().position(|(field, _)| field == name)?;
        match self.left.swap_remove(at).1 {
            Scalar::Null => None,
            scalar => Some(scalar),
        }
    }

    /// A text, if the field is there.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<Cow<'a, str>>, Problem> {
        match self.take(name) {
            None => Ok(None),
            Some(Scalar::Text(text)) => Ok(Some(text)),
            Some(other) => {
                let noun = other.noun();
                Err(Problem::new(
                    Kind::InvalidField,
                    format!("\"{name}\" must be a JSON string, not {noun}; put it in quotation marks."),
                )
                .with("field", name))
            }
        }
    }

    /// A text that must be there.
    pub(crate) fn text_needed(&mut self, name: &str) -> Result<Cow<'a, str>, Problem> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    /// Bytes, if they are there: as text under `name`, or in base64 under `name_base64`.
    pub(crate) fn bytes(&mut self, name: &str) -> Result<Option<Bytes>, Problem> {
        if self.left.iter().any(|(field, scalar)| field == name && matches!(scalar, Scalar::Bytes(_))) {
            return Ok(self.take(name).and_then(Scalar::into_bytes));
        }
        if !self.left.iter().any(|(field, _)| field.strip_suffix("_base64") == Some(name)) {
            return Ok(self.text(name)?.map(|text| self.shared(text)));
        }
        let encoded_name = format!("{name}_base64");
        match (self.text(name)?, self.text(&encoded_name)?) {
            (None, None) => Ok(None),
            (Some(text), None) => Ok(Some(self.shared(text))),
            (None, Some(encoded)) => match STANDARD.decode(encoded.as_bytes()) {
                Ok(bytes) => Ok(Some(bytes.into())),
                Err(error) => Err(invalid(&encoded_name, format!("must be standard base64: {error}"))),
            },
            (Some(_), Some(_)) => Err(invalid(&encoded_name, format!("cannot be given beside \"{name}\""))),
        }
    }

    fn shared(&self, text: Cow<'a, str>) -> Bytes {
        match text {
            Cow::Owned(text) => text.into(),
            Cow::Borrowed(text) if text.len() < COPY_BELOW => Bytes::copy_from_slice(text.as_bytes()),
            Cow::Borrowed(text) => self.body.slice_ref(text.as_bytes()),
        }
    }

    /// A whole number in `range`, if the field is there.
    pub(crate) fn whole(&mut self, name: &str, range: std::ops::RangeInclusive<u64>) -> Result<Option<u64>, Problem> {
        let (low, high) = (*range.start(), *range.end());
        match self.take(name) {
            None => Ok(None),
            Some(Scalar::Whole(number)) if range.contains(&number) => Ok(Some(number)),
            Some(_) => Err(invalid(name, format!("must be a whole number from {low} to {high}"))),
        }
    }

    /// A whole number of 64 bits that may be negative, if the field is there.
    pub(crate) fn integer(&mut self, name: &str) -> Result<Option<i64>, Problem> {
        // Beyond this, not every whole number is one that JSON numbers can show.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match self.take(name) {
            None => Ok(None),
            Some(Scalar::Whole(number)) if i64::try_from(number).is_ok() => Ok(Some(number as i64)),
            Some(Scalar::Number(number)) if number.fract() == 0.0 && number.abs() < EXACT => Ok(Some(number as i64)),
            Some(_) => Err(invalid(name, "must be a whole number")),
        }
    }

    /// A span of time greater than none, if the field is there: `"30s"`, or a number of seconds.
    pub(crate) fn span(&mut self, name: &str) -> Result<Option<Span>, Problem> {
        let span = match self.take(name) {
            None => return Ok(None),
            Some(Scalar::Text(text)) => span::parse(&text),
            Some(Scalar::Whole(secs)) => Some(Span::secs(secs)),
            Some(Scalar::Number(secs)) => span::from_secs(secs),
            Some(_) => None,
        };
        match span.filter(|span| span.as_millis() > 0) {
            Some(span) => Ok(Some(span)),
            None => Err(invalid(name, "must be a span of at least 1 ms, like \"30s\" or a number of seconds")),
        }
    }

    /// A text or a number as text, if the field is there.
    pub(crate) fn text_or_whole(&mut self, name: &str) -> Result<Option<Cow<'a, str>>, Problem> {
        match self.take(name) {
            None => Ok(None),
            Some(Scalar::Text(text)) => Ok(Some(text)),
            Some(Scalar::Whole(number)) => Ok(Some(number.to_string().into())),
            Some(other) => Err(invalid(name, format!("must be a string or a whole number, not {}", other.noun()))),
        }
    }

    /// Whether the field is there, be it null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.left.iter().any(|(field, _)| field == name)
    }

    /// Complains about what is left over. `what` has exactly the fields `known`.
    pub(crate) fn finish(self, what: &str, known: &[&str]) -> Result<(), Problem> {
        let Some((name, _)) = self.left.first() else { return Ok(()) };
        let name = excerpt(name.as_bytes());
        let list = known.join(", ");
        Err(Problem::new(Kind::UnknownField, format!("\"{name}\" is not a field of {what}; it takes {list}."))
            .with("field", name))
    }
}

/// The members of a text that must be one JSON object.
pub(crate) fn members(body: &Bytes) -> Result<Vec<(Cow<'_, str>, Scalar<'_>)>, Problem> {
    let text = std::str::from_utf8(body).map_err(|error| not_utf8(error.valid_up_to()))?;
    if text.trim_ascii().is_empty() {
        return Err(Problem::new(Kind::InvalidJson, "The body is empty; send a JSON object."));
    }
    let Members(members) = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    Ok(members)
}

/// A field that cannot be done without is not there.
pub(crate) fn missing(name: &str) -> Problem {
    Problem::new(Kind::MissingField, format!("\"{name}\" is missing; add it to the JSON object.")).with("field", name)
}

/// A field is not as it must be.
pub(crate) fn invalid(name: &str, must: impl fmt::Display) -> Problem {
    Problem::new(Kind::InvalidField, format!("\"{name}\" {must}.")).with("field", name)
}

/// The beginning of a key or name, for a sentence; bytes that are not text are shown as such.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    const SHOWN: usize = 64;
    let text = String::from_utf8_lossy(bytes.get(..4 * SHOWN).unwrap_or(bytes));
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

fn not_utf8(at: usize) -> Problem {
    Problem::new(
        Kind::NotUtf8,
        format!("Byte {at} of the body is not UTF-8; send bytes that are not text in base64, as \"value_base64\"."),
    )
    .with("offset", at)
}

/// What is wrong with a text that should be JSON.
pub(crate) fn not_json(error: &serde_json::Error) -> Problem {
    let place = format!("line {}, column {}", error.line(), error.column());
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or_default();
    let detail = match error.classify() {
        serde_json::error::Category::Data => return Problem::new(Kind::InvalidField, format!("{reason}.")),
        serde_json::error::Category::Eof => {
            format!("The body ends in the middle of the JSON ({place}); send all of it.")
        }
        _ if reason.contains("surrogate") || reason.contains("hex escape") => format!(
            "The JSON has an escape that stands for no character, such as half of a surrogate pair ({place}); send \
             bytes that are not text in base64, as \"value_base64\"."
        ),
        _ => format!("The body is not JSON: {reason} ({place}); send one JSON object."),
    };
    Problem::new(Kind::InvalidJson, detail)
}

#[cfg(test)]
mod tests {
    use super::{COPY_BELOW, Fields, excerpt};
    use crate::problem::{Kind, Problem};
    use bytes::Bytes;
    use stdx::Span;

    fn refused(body: impl Into<Bytes>) -> Problem {
        Fields::read(&body.into()).expect_err("must be refused")
    }

    #[test]
    fn bodies_that_are_no_json_object_are_refused_with_a_reason() {
        assert_eq!(refused("").kind(), Kind::InvalidJson);
        assert_eq!(refused("{\"key\":").kind(), Kind::InvalidJson);
        assert!(refused("{\"key\":").detail().contains("ends in the middle"));
        assert!(refused("key=9").detail().contains("line 1, column 1"));
        assert_eq!(refused("{} {}").kind(), Kind::InvalidJson);
        assert_eq!(refused("[1]").kind(), Kind::InvalidField);
        assert_eq!(refused("\"9\"").kind(), Kind::InvalidField);
        assert!(refused("{\"a\":1,\"a\":2}").detail().contains("\"a\" is given twice"));
    }

    #[test]
    fn text_that_is_no_text_is_refused() {
        assert_eq!(refused(&b"{\"key\":\"\xff\"}"[..]).kind(), Kind::NotUtf8);
        for half in ["\\ud800", "\\udc00", "\\ud800\\u0041"] {
            let problem = refused(format!("{{\"key\":\"{half}\"}}"));
            assert_eq!(problem.kind(), Kind::InvalidJson, "{half}");
            assert!(problem.detail().contains("base64"), "{half}: {}", problem.detail());
        }
    }

    #[test]
    fn fields_are_taken_by_name_and_type() {
        let body = Bytes::from(r#"{"a":"x\ny","n":3,"t":"2m","u":1.5,"nothing":null,"b_base64":"AP8="}"#);
        let mut fields = Fields::read(&body).unwrap();
        assert_eq!(fields.text("a").unwrap().as_deref(), Some("x\ny"));
        assert_eq!(fields.text("a").unwrap(), None);
        assert_eq!(fields.whole("n", 1..=5).unwrap(), Some(3));
        assert_eq!(fields.span("t").unwrap(), Some(Span::secs(120)));
        assert_eq!(fields.span("u").unwrap(), Some(Span::millis(1_500)));
        assert_eq!(fields.text("nothing").unwrap(), None);
        assert_eq!(fields.bytes("b").unwrap(), Some(Bytes::from_static(&[0, 0xff])));
        fields.finish("PUT", &[]).unwrap();
    }

    #[test]
    fn a_wrong_type_names_the_field() {
        let body = Bytes::from(r#"{"value":5,"n":"3","t":-1,"x":{"deep":[1,{}]},"y":1}"#);
        let mut fields = Fields::read(&body).unwrap();
        let problem = fields.text("value").unwrap_err();
        assert_eq!(problem.detail(), "\"value\" must be a JSON string, not a number; put it in quotation marks.");
        assert!(fields.whole("n", 1..=9).unwrap_err().detail().contains("from 1 to 9"));
        assert!(fields.span("t").unwrap_err().detail().contains("\"30s\""));
        assert!(fields.text("x").unwrap_err().detail().contains("an object"));
        let left = fields.finish("GET", &["type", "key"]).unwrap_err();
        assert_eq!(left.detail(), "\"y\" is not a field of GET; it takes type, key.");
    }

    #[test]
    fn long_texts_share_the_body() {
        let body = Bytes::from(format!("{{\"value\":\"{}\"}}", "v".repeat(COPY_BELOW)));
        let bytes = Fields::read(&body).unwrap().bytes("value").unwrap().unwrap();
        assert_eq!(bytes.as_ptr(), body[10..].as_ptr());
    }

    #[test]
    fn excerpts_are_short() {
        assert_eq!(excerpt(b"key"), "key");
        assert_eq!(excerpt("ñ".repeat(100).as_bytes()).chars().count(), 65);
    }
}
