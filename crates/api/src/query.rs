//! The query of a URL: names and values, which may be any bytes.
//!
//! Invariant: no parameter is silently ignored, and none may be given twice.

use crate::fields::{excerpt, invalid};
use crate::problem::{Kind, Problem};
use bytes::Bytes;

/// The parameters of one request that have not been taken yet.
pub(crate) struct Query(Vec<(String, Bytes)>);

impl Query {
    /// Reads what stands behind the question mark.
    pub(crate) fn read(text: Option<&str>) -> Result<Query, Problem> {
        let mut left: Vec<(String, Bytes)> = Vec::new();
        for part in text.unwrap_or_default().split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = String::from_utf8_lossy(&decode(name)?).into_owned();
            if left.iter().any(|(other, _)| *other == name) {
                return Err(invalid(&name, "is given twice; give it once"));
            }
            left.push((name, decode(value)?.into()));
        }
        Ok(Query(left))
    }

    /// The bytes of a parameter, if it is there.
    pub(crate) fn bytes(&mut self, name: &str) -> Option<Bytes> {
        let at = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// The text of a parameter, if it is there.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let Some(bytes) = self.bytes(name) else { return Ok(None) };
        String::from_utf8(bytes.to_vec()).map(Some).map_err(|_| invalid(name, "must be UTF-8 text"))
    }

    /// All parameters.
    pub(crate) fn into_all(self) -> Vec<(String, Bytes)> {
        self.0
    }

    /// Complains about what is left over.
    pub(crate) fn finish(self, known: &[&str]) -> Result<(), Problem> {
        let Some((name, _)) = self.0.first() else { return Ok(()) };
        let (name, list) = (excerpt(name.as_bytes()), known.join(", "));
        let detail = format!("\"{name}\" is not a parameter of this path; it takes {list}.");
        Err(Problem::new(Kind::UnknownField, detail).with("field", name))
    }
}

/// Undoes percent-encoding in a segment of a path.
pub(crate) fn decode_segment(segment: &[u8]) -> Result<Vec<u8>, Problem> {
    if segment.contains(&b'%') { decode_with(segment, b'+') } else { Ok(segment.to_vec()) }
}

/// Undoes percent-encoding, and the plus sign for a blank.
fn decode(text: &str) -> Result<Vec<u8>, Problem> {
    decode_with(text.as_bytes(), b' ')
}

fn decode_with(text: &[u8], plus: u8) -> Result<Vec<u8>, Problem> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, behind @ ..] = rest {
        rest = behind;
        match byte {
            b'+' => out.push(plus),
            b'%' => {
                let digits = behind.get(..2).filter(|pair| pair.iter().all(u8::is_ascii_hexdigit));
                let byte = digits
                    .and_then(|pair| std::str::from_utf8(pair).ok())
                    .and_then(|pair| u8::from_str_radix(pair, 16).ok());
                out.push(byte.ok_or_else(|| {
                    Problem::new(Kind::InvalidField, "A % in a URL must have two hex digits behind it; write %25.")
                })?);
                rest = &behind[2..];
            }
            byte => out.push(*byte),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::Query;

    #[test]
    fn parameters_are_decoded() {
        let mut query = Query::read(Some("key=a%2Fb+c&sort=%FF&empty=")).unwrap();
        assert_eq!(query.bytes("key").as_deref(), Some(&b"a/b c"[..]));
        assert!(query.text("sort").is_err());
        assert_eq!(query.text("empty").unwrap().as_deref(), Some(""));
        query.finish(&[]).unwrap();
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in ["a=%", "a=%2", "a=%zz", "a=%+1", "a=%-1", "a=1&a=2"] {
            assert!(Query::read(Some(text)).is_err(), "{text}");
        }
        assert!(Query::read(Some("kye=1")).unwrap().finish(&["key"]).is_err());
        Query::read(None).unwrap().finish(&["key"]).unwrap();
    }
}
