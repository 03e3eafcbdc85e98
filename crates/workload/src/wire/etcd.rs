//! etcd's version 3 interface: gRPC over HTTP/2, as far as the load needs it, with one request under way on a connection.
//!
//! Requests are written as fixed header blocks that use no table of the connection, and answers are recognised without decoding
//! headers: a call that succeeds has a message, one that fails has none. So the load costs no more than with the other
//! protocols, and etcd is not slowed down by its client (RFC 9113; RFC 7541, §6.2.2; gRPC over HTTP/2).

use super::{Answer, Broken, Heard, Shape};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// Bytes of a frame's head.
const HEAD: usize = 9;
/// Largest value: a request has to fit into one frame, and into what the server takes before it says more.
pub(super) const VALUE_MAX: usize = 8 << 10;

pub(super) fn greet(out: &mut Vec<u8>) {
    out.extend_from_slice(PREFACE);
    let window = i32::MAX as u32;
    frame(SETTINGS, 0, 0, out, |out| {
        out.extend_from_slice(&4u16.to_be_bytes());
        out.extend_from_slice(&window.to_be_bytes());
    });
    frame(WINDOW_UPDATE, 0, 0, out, |out| out.extend_from_slice(&(window - 65_535).to_be_bytes()));
}

pub(super) fn get(shape: Shape, number: u64, serializable: bool, turn: u32, out: &mut Vec<u8>) {
    call(b"/etcdserverpb.KV/Range", turn, out, |out| {
        key(shape, number, out);
        if serializable {
            out.extend_from_slice(&[7 << 3, 1]);
        }
    });
}

pub(super) fn put(shape: Shape, number: u64, value: &[u8], turn: u32, out: &mut Vec<u8>) {
    call(b"/etcdserverpb.KV/Put", turn, out, |out| {
        key(shape, number, out);
        out.push(2 << 3 | 2);
        varint(value.len(), out);
        out.extend_from_slice(value);
    });
}

fn key(shape: Shape, number: u64, out: &mut Vec<u8>) {
    out.push(1 << 3 | 2);
    varint(shape.key_bytes, out);
    shape.key(number, out);
}

fn call(path: &[u8], turn: u32, out: &mut Vec<u8>, message: impl FnOnce(&mut Vec<u8>)) {
    let stream = 2 * turn + 1;
    frame(HEADERS, END_HEADERS, stream, out, |out| {
        // POST, http; then literals that are not put into the table.
        out.extend_from_slice(&[0x83, 0x86, 0x04, path.len() as u8]);
        out.extend_from_slice(path);
        out.extend_from_slice(b"\x01\x05bench\x0f\x10\x10application/grpc\x00\x02te\x08trailers");
    });
    frame(DATA, END_STREAM, stream, out, |out| {
        let begin = out.len();
        out.extend_from_slice(&[0; 5]);
        message(out);
        let length = (out.len() - begin - 5) as u32;
        out[begin + 1..begin + 5].copy_from_slice(&length.to_be_bytes());
    });
}

fn frame(kind: u8, flags: u8, stream: u32, out: &mut Vec<u8>, payload: impl FnOnce(&mut Vec<u8>)) {
    let begin = out.len();
    out.extend_from_slice(&[0, 0, 0, kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    payload(out);
    let length = ((out.len() - begin - HEAD) as u32).to_be_bytes();
    out[begin..begin + 3].copy_from_slice(&length[1..]);
}

fn varint(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a frame that belongs to no call, or all frames of an answer.
pub(super) fn heard<'a>(bytes: &'a [u8], reply: &mut Vec<u8>) -> Result<Option<(usize, Heard<'a>)>, Broken> {
    let (mut at, mut message): (usize, Option<&[u8]>) = (0, None);
    while let Some((kind, flags, payload)) = one(&bytes[at..]) {
        let first = at == 0;
        at += HEAD + payload.len();
        match kind {
            RST_STREAM | GOAWAY => return Err(Broken),
            // What comes in the middle of an answer is not answered: nothing waits for it.
            SETTINGS | PING if flags & ACK == 0 && first => {
                let echo = if kind == PING { payload } else { &[] };
                frame(kind, ACK, 0, reply, |out| out.extend_from_slice(echo));
                return Ok(Some((at, Heard::Aside)));
            }
            HEADERS if flags & END_STREAM != 0 => {
                let answer = message.map_or(Ok(Answer::Refused("a gRPC error")), answer)?;
                return Ok(Some((at, Heard::Answer(answer))));
            }
            DATA if message.is_some() => return Err(Broken),
            DATA => message = Some(payload),
            HEADERS => {}
            _ if first => return Ok(Some((at, Heard::Aside))),
            _ => {}
        }
    }
    Ok(None)
}

/// The first frame: kind, flags, payload.
fn one(bytes: &[u8]) -> Option<(u8, u8, &[u8])> {
    let head = bytes.get(..HEAD)?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    Some((head[3], head[4], bytes.get(HEAD..HEAD + length)?))
}

/// An answer to a put or a range, by its message: the value of its first item, if it has one.
fn answer(message: &[u8]) -> Result<Answer<'_>, Broken> {
    let body = message.get(5..).ok_or(Broken)?;
    let Some(item) = field(body, 2)? else { return Ok(Answer::Done) };
    Ok(Answer::Value(field(item, 5)?.unwrap_or_default()))
}

/// The first field of bytes with this number (Protocol Buffers' encoding).
fn field(mut bytes: &[u8], wanted: usize) -> Result<Option<&[u8]>, Broken> {
    while !bytes.is_empty() {
        let tag = read_varint(&mut bytes)?;
        match tag & 7 {
            0 => drop(read_varint(&mut bytes)?),
            2 => {
                let length = read_varint(&mut bytes)?;
                let (content, rest) = bytes.split_at_checked(length).ok_or(Broken)?;
                if tag >> 3 == wanted {
                    return Ok(Some(content));
                }
                bytes = rest;
            }
            _ => return Err(Broken),
        }
    }
    Ok(None)
}

fn read_varint(bytes: &mut &[u8]) -> Result<usize, Broken> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(Broken)?;
        *bytes = rest;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Broken)
}

#[cfg(test)]
mod tests {
    use super::{ACK, Answer, DATA, END_STREAM, HEADERS, Heard, PING, SETTINGS, frame, heard, varint};

    /// A range's answer with a header, an item and a count.
    fn message(value: &[u8]) -> Vec<u8> {
        let mut item = b"\x0a\x01k\x10\x07\x2a".to_vec();
        varint(value.len(), &mut item);
        item.extend_from_slice(value);
        let mut body = b"\x0a\x02\x08\x01\x12".to_vec();
        varint(item.len(), &mut body);
        body.extend_from_slice(&item);
        body.extend_from_slice(b"\x20\x01");
        let mut out = vec![0];
        out.extend_from_slice(&(body.len() as u32).to_be_bytes());
        out.extend_from_slice(&body);
        out
    }

    #[test]
    fn answers_are_found_among_other_frames_however_they_are_cut() {
        let value = [b'v'; 300];
        let mut bytes = Vec::new();
        frame(HEADERS, 4, 1, &mut bytes, |out| out.extend_from_slice(b"headers"));
        frame(PING, 0, 0, &mut bytes, |out| out.extend_from_slice(b"12345678"));
        frame(DATA, 0, 1, &mut bytes, |out| out.extend_from_slice(&message(&value)));
        frame(HEADERS, 4 | END_STREAM, 1, &mut bytes, |out| out.extend_from_slice(b"trailers"));
        let mut reply = Vec::new();
        for cut in 0..bytes.len() {
            assert_eq!(heard(&bytes[..cut], &mut reply), Ok(None), "{cut}");
        }
        assert_eq!(heard(&bytes, &mut reply), Ok(Some((bytes.len(), Heard::Answer(Answer::Value(&value))))));
        let mut failed = Vec::new();
        frame(HEADERS, 4 | END_STREAM, 1, &mut failed, |out| out.extend_from_slice(b"status"));
        let refused = Heard::Answer(Answer::Refused("a gRPC error"));
        assert_eq!(heard(&failed, &mut reply), Ok(Some((failed.len(), refused))));
        assert!(reply.is_empty());
    }

    #[test]
    fn the_connection_s_own_frames_are_acknowledged() {
        for (kind, payload, echoed) in [(PING, &b"12345678"[..], 8), (SETTINGS, b"\0\x03\0\0\0\x64", 0)] {
            let (mut bytes, mut reply) = (Vec::new(), Vec::new());
            frame(kind, 0, 0, &mut bytes, |out| out.extend_from_slice(payload));
            assert_eq!(heard(&bytes, &mut reply), Ok(Some((bytes.len(), Heard::Aside))));
            assert_eq!((reply[3], reply[4], reply.len()), (kind, ACK, 9 + echoed));
        }
    }
}
