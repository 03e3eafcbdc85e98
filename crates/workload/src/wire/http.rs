//! `POST /` with JSON, and items under `/v1`, as far as the load needs them.
//!
//! Keys and values are text that needs no escapes, so requests are written and answers are read without a JSON library: what
//! the tool spends is not the server's.

use super::{Answer, Broken, ROW, Shape, decimal, digits};

/// Longest head of an answer.
const HEAD_MAX: usize = 64 << 10;

pub(super) fn get(shape: Shape, number: u64, out: &mut Vec<u8>) {
    post(shape, out, |out| {
        out.extend_from_slice(b"{\"type\":\"GET\",\"key\":\"");
        item(shape, number, b"\",\"sort\":\"", out);
        out.extend_from_slice(b"\"}");
    });
}

pub(super) fn put(shape: Shape, number: u64, value: &[u8], out: &mut Vec<u8>) {
    post(shape, out, |out| {
        out.extend_from_slice(b"{\"type\":\"PUT\",\"key\":\"");
        item(shape, number, b"\",\"sort\":\"", out);
        out.extend_from_slice(b"\",\"value\":\"");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\"}");
    });
}

pub(super) fn scan(shape: Shape, number: u64, limit: u64, out: &mut Vec<u8>) {
    post(shape, out, |out| {
        out.extend_from_slice(b"{\"type\":\"SCAN\",\"key\":\"");
        item(shape, number, b"\",\"from\":\"", out);
        out.extend_from_slice(b"\",\"limit\":");
        decimal(limit as usize, out);
        out.push(b'}');
    });
}

pub(super) fn get_item(shape: Shape, number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"GET ");
    path(shape, number, out);
    out.extend_from_slice(b" HTTP/1.1\r\nhost: localhost\r\n");
    authorization(shape, out);
    out.extend_from_slice(b"\r\n");
}

pub(super) fn put_item(shape: Shape, number: u64, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"PUT ");
    path(shape, number, out);
    out.extend_from_slice(b" HTTP/1.1\r\nhost: localhost\r\n");
    authorization(shape, out);
    out.extend_from_slice(b"content-length: ");
    decimal(value.len(), out);
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(value);
}

/// The token, if there is one.
fn authorization(shape: Shape, out: &mut Vec<u8>) {
    if let Some(token) = shape.token {
        out.extend_from_slice(b"authorization: Bearer ");
        out.extend_from_slice(token.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

fn path(shape: Shape, number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"/v1/buckets/default/items/");
    item(shape, number, b"/", out);
}

pub(super) fn livez(out: &mut Vec<u8>) {
    out.extend_from_slice(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n");
}

/// The key, and in rows the place in the row under that name.
fn item(shape: Shape, number: u64, name: &[u8], out: &mut Vec<u8>) {
    shape.key(number, out);
    if shape.rows {
        out.extend_from_slice(name);
        digits(number % ROW, 2, out);
    }
}

/// Width of the length in a head. It is written before the body is, with the blanks that HTTP allows in front.
const LENGTH_WIDTH: usize = 9;

fn post(shape: Shape, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"POST / HTTP/1.1\r\nhost: localhost\r\n");
    authorization(shape, out);
    out.extend_from_slice(b"content-length: ");
    let place = out.len();
    out.extend_from_slice(&[b' '; LENGTH_WIDTH]);
    out.extend_from_slice(b"\r\n\r\n");
    let begin = out.len();
    body(out);
    let mut length = Vec::with_capacity(LENGTH_WIDTH);
    decimal(out.len() - begin, &mut length);
    out[place + LENGTH_WIDTH - length.len()..place + LENGTH_WIDTH].copy_from_slice(&length);
}

/// An answer of `POST /`: a value is within JSON.
pub(super) fn answer(bytes: &[u8]) -> Result<Option<(usize, Answer<'_>)>, Broken> {
    read(bytes, |_, body| member(body, b"\"value\":\"").map_or(Answer::Done, Answer::Value))
}

/// An answer about an item under `/v1`: a value is the body, as it was written; what is said of a write is JSON.
pub(super) fn item_answer(bytes: &[u8]) -> Result<Option<(usize, Answer<'_>)>, Broken> {
    read(bytes, |head, body| {
        let is_json = header(head, "content-type").is_some_and(|kind| kind.starts_with("application/json"));
        if is_json { Answer::Done } else { Answer::Value(body) }
    })
}

/// An answer of a peer: a value is the body; without one, it was done.
pub(super) fn raw_answer(bytes: &[u8]) -> Result<Option<(usize, Answer<'_>)>, Broken> {
    read(bytes, |_, body| if body.is_empty() { Answer::Done } else { Answer::Value(body) })
}

/// Reads an answer; `good` says what one is that was not refused, by its head and its body.
fn read<'a>(
    bytes: &'a [u8],
    good: impl FnOnce(&'a str, &'a [u8]) -> Answer<'a>,
) -> Result<Option<(usize, Answer<'a>)>, Broken> {
    let Some(end) = find(&bytes[..bytes.len().min(HEAD_MAX)], b"\r\n\r\n") else {
        return if bytes.len() < HEAD_MAX { Ok(None) } else { Err(Broken) };
    };
    let head = str::from_utf8(&bytes[..end]).map_err(|_| Broken)?;
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    let status: u16 = status.and_then(|status| status.parse().ok()).ok_or(Broken)?;
    let length: usize = match (status, header(head, "content-length")) {
        // No content, and no length of it (RFC 9110, section 8.6).
        (204, _) => 0,
        (_, length) => length.and_then(|length| length.parse().ok()).ok_or(Broken)?,
    };
    let Some(body) = bytes.get(end + 4..end + 4 + length) else { return Ok(None) };
    let answer = match status {
        200..300 => good(head, body),
        404 => Answer::Missing,
        _ => {
            let words = member(body, b"\"detail\":\"").unwrap_or(body);
            Answer::Refused(str::from_utf8(words).unwrap_or("an error that is no text"))
        }
    };
    Ok(Some((end + 4 + length, answer)))
}

fn header<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    let fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
    fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
}

/// The text that begins behind `name` and ends at the next quote.
fn member<'a>(body: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = &body[find(body, name)? + name.len()..];
    Some(&rest[..rest.iter().position(|byte| *byte == b'"')?])
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
