//! Entity tags: what an ordinary HTTP client has seen of an item, and what a write may be made to depend on.
//!
//! In a linearizable bucket the tag is the version, and `If-Match` is a condition in the full sense. Where siblings are kept it is
//! the causal context: a write with `If-Match` supersedes exactly what was seen, and stands beside whatever was not. Where the
//! last writer wins it is a hash of the value and its end, good for asking whether a copy is still fresh, and for nothing else.
//!
//! The bytes of an item, the item as JSON and its values as parts are three forms of one thing, and each has a tag of its own, for a tag
//! stands for certain bytes (RFC 9110 8.8.3): the tag of the item with the word of the form behind it. What a write depends on is the item,
//! so there the tag of any form does.
//!
//! Invariant: a condition that cannot be kept is refused with what to use instead.

use crate::fields::invalid;
use crate::items::{Done, Read};
use crate::problem::{Kind, Problem};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use proto::{Sibling, Value, Version};
use stdx::hash::Mixer;

/// The tag of an item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Tag(String);

impl Tag {
    fn version(version: u64) -> Tag {
        Tag(format!("v{version}"))
    }

    /// Of a hash, which is written by hand: most reads have one.
    fn hash(hash: u64) -> Tag {
        let digits = (0..16).rev().map(|at| char::from(b"0123456789abcdef"[(hash >> (4 * at) & 15) as usize]));
        let mut tag = String::with_capacity(24);
        tag.push('h');
        tag.extend(digits);
        Tag(tag)
    }

    /// Of a context.
    pub(super) fn context(token: &str) -> Tag {
        Tag(format!("c.{token}"))
    }

    /// Of what a read found, in the form in which it is given.
    pub(super) fn of_read(found: &Read, form: Form) -> Tag {
        let Tag(item) = match found {
            Read::Current(current) => Tag::version(current.version),
            Read::Found { context: Some(token), .. } => Tag::context(token),
            Read::Found { siblings, context: None } => Tag::hash(hash(siblings)),
        };
        Tag(item + form.word())
    }

    /// Of what a write left, where the write tells.
    pub(super) fn of_done(done: &Done) -> Option<Tag> {
        match done {
            Done::Written { context, .. } => context.as_deref().map(Tag::context),
            Done::Changed(version) => Some(Tag::version(*version)),
            Done::Sum(current) => Some(Tag::version(current.version)),
            Done::Added(_) => None,
        }
    }

    /// As it stands in a header.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(["\"", self.0.as_str(), "\""].concat()).ok()
    }
}

fn hash(siblings: &[Sibling]) -> u64 {
    let mut hash = Mixer::new(0);
    for Version { expires, value, .. } in siblings.iter().map(|sibling| &sibling.version) {
        let Some(Value { bytes, content_type }) = value else { continue };
        hash.bytes(bytes);
        hash.bytes(content_type.as_deref().unwrap_or_default().as_bytes());
        hash.number(expires.map_or(0, |at| at.0));
    }
    hash.finish()
}

/// How an item is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// The bytes of its one value.
    Bytes,
    /// JSON, whatever its values are.
    Json,
    /// Several values as parts of one body.
    Parts,
    /// It has several values and the client takes one, which it is told in a problem.
    Several,
}

impl Form {
    const ALL: [Form; 4] = [Form::Bytes, Form::Json, Form::Parts, Form::Several];

    /// What stands behind the item's tag. The colon is in no tag of an item.
    fn word(self) -> &'static str {
        match self {
            Form::Bytes | Form::Several => "",
            Form::Json => ":json",
            Form::Parts => ":parts",
        }
    }
}

/// What stands in If-Match or If-None-Match.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Tags {
    /// `*`.
    Any,
    /// Tags without their quotation marks.
    Some(Vec<String>),
}

impl Tags {
    /// Reads a header, if it is there.
    pub(super) fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Problem> {
        if !headers.contains_key(name) {
            return Ok(None);
        }
        let mut all = Vec::new();
        for value in headers.get_all(name) {
            let text = value.to_str().map_err(|_| malformed(name))?.trim();
            if text == "*" {
                return Ok(Some(Tags::Any));
            }
            for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
                // A tag that was weakened on its way stands for the same, where equal bytes are not needed.
                let part = if *name == header::IF_NONE_MATCH { part.strip_prefix("W/").unwrap_or(part) } else { part };
                let inside = part.strip_prefix('"').and_then(|part| part.strip_suffix('"'));
                all.push(inside.ok_or_else(|| malformed(name))?.to_owned());
            }
        }
        if all.is_empty() { Err(malformed(name)) } else { Ok(Some(Tags::Some(all))) }
    }

    /// Whether the tag is one of them.
    pub(super) fn contain(&self, tag: &Tag) -> bool {
        match self {
            Tags::Any => true,
            Tags::Some(all) => all.contains(&tag.0),
        }
    }

    fn only(self) -> Result<String, Problem> {
        let one = "must be one ETag of an answer about this item";
        match self {
            Tags::Any => Err(invalid("If-Match", one)),
            Tags::Some(all) if all.len() == 1 => {
                let item = |tag: &str| {
                    let words = Form::ALL.into_iter().map(Form::word).filter(|word| !word.is_empty());
                    words.into_iter().find_map(|word| tag.strip_suffix(word)).unwrap_or(tag).to_owned()
                };
                Ok(all.first().map(|tag| item(tag)).unwrap_or_default())
            }
            Tags::Some(_) => Err(invalid("If-Match", one)),
        }
    }
}

/// The version that an item of a linearizable bucket must have; 0: there must be none.
pub(super) fn version(matching: Option<Tags>, none: Option<Tags>) -> Result<u64, Problem> {
    match (matching, none) {
        (Some(_), Some(_)) => Err(invalid("If-None-Match", "cannot be given beside If-Match")),
        (None, Some(Tags::Any)) => Ok(0),
        (None, _) => Err(invalid("If-None-Match", "must be * in a request that writes: only if there is no such item")),
        (Some(tags), None) => {
            let tag = tags.only()?;
            let version = tag.strip_prefix('v').and_then(|digits| digits.parse().ok());
            // Only what this node writes is a tag: 0 is no version, and other ways to write a number are none of its tags.
            version.filter(|version| *version > 0 && Tag::version(*version).0 == tag).ok_or_else(|| {
                let detail = "The ETag in If-Match is none of this bucket, so it matches nothing; send that of a GET.";
                Problem::new(Kind::ConditionFailed, detail)
            })
        }
    }
}

/// The context that a write in a bucket of siblings supersedes.
pub(super) fn context(matching: Option<Tags>, none: Option<Tags>) -> Result<String, Problem> {
    match (matching, none) {
        (Some(tags), None) => {
            let tag = tags.only()?;
            tag.strip_prefix("c.").map(str::to_owned).ok_or_else(|| {
                let detail = "The ETag in If-Match is not one that this bucket gives; send that of a GET of this item.";
                Problem::new(Kind::InvalidContext, detail).with("field", "If-Match")
            })
        }
        _ => Err(unsupported("others may write the item at the same time, and both values would stand")),
    }
}

/// A condition that an eventual bucket cannot keep.
pub(super) fn unsupported(why: &str) -> Problem {
    let detail = format!(
        "No such condition can be kept in this bucket, for {why}; use a linearizable bucket for conditions, a bucket of the \
         rule siblings for If-Match with the ETag of a GET, or ADD for counters."
    );
    Problem::new(Kind::ConditionUnsupported, detail)
}

fn malformed(name: &HeaderName) -> Problem {
    let name = if *name == header::IF_MATCH { "If-Match" } else { "If-None-Match" };
    invalid(name, "must be * or ETags in quotation marks")
}

#[cfg(test)]
mod tests {
    use super::{Form, Tag, Tags, context, version};
    use crate::problem::Kind;
    use axum::http::{HeaderMap, HeaderValue, header};

    fn tags(text: &'static str) -> Result<Option<Tags>, crate::Problem> {
        let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(text))]);
        Tags::read(&headers, &header::IF_NONE_MATCH)
    }

    #[test]
    fn headers_are_read() {
        assert_eq!(tags("*").unwrap(), Some(Tags::Any));
        assert_eq!(tags("\"v1\", W/\"c.x\"").unwrap(), Some(Tags::Some(vec!["v1".into(), "c.x".into()])));
        assert_eq!(Tags::read(&HeaderMap::new(), &header::IF_MATCH).unwrap(), None);
        for text in ["", "v1", "\"v1", ","] {
            assert_eq!(tags(text).unwrap_err().kind(), Kind::InvalidField, "{text}");
        }
        assert!(tags("\"v7\"").unwrap().unwrap().contain(&Tag::version(7)));
    }

    #[test]
    fn hashes_are_sixteen_digits() {
        for hash in [0, 1, 0x52ab_017d_fd1a_5931, u64::MAX] {
            assert_eq!(Tag::hash(hash).0, format!("h{hash:016x}"));
        }
    }

    #[test]
    fn conditions_are_kept_or_refused() {
        let one = |text: &str| Some(Tags::Some(vec![text.to_owned()]));
        assert_eq!(version(one("v3"), None), Ok(3));
        assert_eq!(version(None, Some(Tags::Any)), Ok(0));
        for foreign in ["c.x", "v0", "v+3", "v03", "v", "3"] {
            assert_eq!(version(one(foreign), None).unwrap_err().kind(), Kind::ConditionFailed, "{foreign}");
        }
        assert_eq!(version(Some(Tags::Any), None).unwrap_err().kind(), Kind::InvalidField);
        assert_eq!(version(None, one("v3")).unwrap_err().kind(), Kind::InvalidField);
        assert_eq!(context(one("c.x"), None).as_deref(), Ok("x"));
        for form in Form::ALL {
            assert_eq!(context(one(&format!("c.x{}", form.word())), None).as_deref(), Ok("x"));
            assert_eq!(version(one(&format!("v3{}", form.word())), None), Ok(3));
        }
        assert_eq!(version(one("v3:other"), None).unwrap_err().kind(), Kind::ConditionFailed);
        assert_eq!(context(one("v3"), None).unwrap_err().kind(), Kind::InvalidContext);
        assert_eq!(context(None, Some(Tags::Any)).unwrap_err().kind(), Kind::ConditionUnsupported);
    }
}
