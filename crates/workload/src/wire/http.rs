//! `POST /` with JSON, as far as the load needs it.
//!
//! Keys and values are text that needs no escapes, so requests are written and answers are read without a JSON library: what
//! the tool spends is not the server's.

use super::{Answer, Broken, ROW, Shape, decimal, digits};

/// Longest head of an answer.
const HEAD_MAX: usize = 64 << 10;

pub(super) fn get(shape: Shape, number: u64, out: &mut Vec<u8>) {
    post(out, |out| {
        out.extend_from_slice(b"{\"type\":\"GET\",\"key\":\"");
        item(shape, number, b"\",\"sort\":\"", out);
        out.extend_from_slice(b"\"}");
    });
}

pub(super) fn put(shape: Shape, number: u64, value: &[u8], out: &mut Vec<u8>) {
    post(out, |out| {
        out.extend_from_slice(b"{\"type\":\"PUT\",\"key\":\"");
        item(shape, number, b"\",\"sort\":\"", out);
        out.extend_from_slice(b"\",\"value\":\"");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\"}");
    });
}

pub(super) fn scan(shape: Shape, number: u64, limit: u64, out: &mut Vec<u8>) {
    post(out, |out| {
        out.extend_from_slice(b"{\"type\":\"SCAN\",\"key\":\"");
        item(shape, number, b"\",\"from\":\"", out);
        out.extend_from_slice(b"\",\"limit\":");
        decimal(limit as usize, out);
        out.push(b'}');
    });
}

pub(super) fn livez(out: &mut Vec<u8>) {
    out.extend_from_slice(b"GET /livez HTTP/1.1\r\nhost: bench\r\n\r\n");
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

fn post(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"POST / HTTP/1.1\r\nhost: bench\r\ncontent-length: ");
    let place = out.len();
    out.extend_from_slice(&[b' '; LENGTH_WIDTH]);
    out.extend_from_slice(b"\r\n\r\n");
    let begin = out.len();
    body(out);
    let mut length = Vec::with_capacity(LENGTH_WIDTH);
    decimal(out.len() - begin, &mut length);
    out[place + LENGTH_WIDTH - length.len()..place + LENGTH_WIDTH].copy_from_slice(&length);
}

pub(super) fn answer(bytes: &[u8]) -> Result<Option<(usize, Answer<'_>)>, Broken> {
    let Some(head) = find(&bytes[..bytes.len().min(HEAD_MAX)], b"\r\n\r\n") else {
        return if bytes.len() < HEAD_MAX { Ok(None) } else { Err(Broken) };
    };
    let text = str::from_utf8(&bytes[..head]).map_err(|_| Broken)?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).and_then(|rest| rest.get(..3));
    let status: u16 = status.and_then(|status| status.parse().ok()).ok_or(Broken)?;
    let length =
        lines.filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.and_then(|(_, length)| length.trim().parse().ok()).ok_or(Broken)?;
    let Some(body) = bytes.get(head + 4..head + 4 + length) else { return Ok(None) };
    let answer = match status {
        200..300 => member(body, b"\"value\":\"").map_or(Answer::Done, Answer::Value),
        404 => Answer::Missing,
        _ => {
            let words = member(body, b"\"detail\":\"").unwrap_or(body);
            Answer::Refused(str::from_utf8(words).unwrap_or("an error that is no text"))
        }
    };
    Ok(Some((head + 4 + length, answer)))
}

/// The text that begins behind `name` and ends at the next quote.
fn member<'a>(body: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = &body[find(body, name)? + name.len()..];
    Some(&rest[..rest.iter().position(|byte| *byte == b'"')?])
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
