//! The Redis protocol, as far as the load needs it. Written apart from the server's (`crates/resp`), so that one mistake is
//! not made on both sides.

use super::{Answer, Broken, Greeting, Shape, decimal};

/// Longest line of an answer.
const LINE_MAX: usize = 64 << 10;

pub(super) fn greet(greeting: &Greeting, out: &mut Vec<u8>) -> usize {
    let before = out.len();
    let mut count = 0;
    if let Some(password) = &greeting.password {
        out.extend_from_slice(b"*2\r\n$4\r\nAUTH\r\n");
        bulk(password.as_bytes(), out);
        count += 1;
    }
    if let Some(database) = greeting.database {
        out.extend_from_slice(b"*2\r\n$6\r\nSELECT\r\n");
        bulk(database.to_string().as_bytes(), out);
        count += 1;
    }
    debug_assert_eq!(count > 0, out.len() > before);
    count
}

pub(super) fn get(shape: Shape, number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"*2\r\n$3\r\nGET\r\n");
    key(shape, number, out);
}

pub(super) fn set(shape: Shape, number: u64, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"*3\r\n$3\r\nSET\r\n");
    key(shape, number, out);
    bulk(value, out);
}

/// Waits for replicas, at most a second.
pub(super) fn wait(replicas: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(b"*3\r\n$4\r\nWAIT\r\n");
    bulk(replicas.to_string().as_bytes(), out);
    bulk(b"1000", out);
}

fn key(shape: Shape, number: u64, out: &mut Vec<u8>) {
    out.push(b'$');
    decimal(shape.key_bytes, out);
    out.extend_from_slice(b"\r\n");
    shape.key(number, out);
    out.extend_from_slice(b"\r\n");
}

fn bulk(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'$');
    decimal(bytes.len(), out);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

pub(super) fn answer(bytes: &[u8]) -> Result<Option<(usize, Answer<'_>)>, Broken> {
    let Some(end) = bytes.iter().take(LINE_MAX).position(|byte| *byte == b'\r') else {
        return if bytes.len() < LINE_MAX { Ok(None) } else { Err(Broken) };
    };
    let (mark, line, behind) = (bytes[0], bytes.get(1..end).ok_or(Broken)?, end + 2);
    if bytes.len() < behind {
        return Ok(None);
    }
    match mark {
        b'+' => Ok(Some((behind, Answer::Done))),
        b':' => {
            let number = str::from_utf8(line).ok().and_then(|line| line.parse().ok()).ok_or(Broken)?;
            Ok(Some((behind, Answer::Number(number))))
        }
        b'-' => Ok(Some((behind, Answer::Refused(str::from_utf8(line).unwrap_or("an error that is no text"))))),
        b'$' if line == b"-1" => Ok(Some((behind, Answer::Missing))),
        b'$' => {
            let length: usize = str::from_utf8(line).ok().and_then(|line| line.parse().ok()).ok_or(Broken)?;
            let Some(value) = bytes.get(behind..behind + length) else { return Ok(None) };
            match bytes.get(behind + length..behind + length + 2) {
                Some(b"\r\n") => Ok(Some((behind + length + 2, Answer::Value(value)))),
                Some(_) => Err(Broken),
                None => Ok(None),
            }
        }
        _ => Err(Broken),
    }
}
