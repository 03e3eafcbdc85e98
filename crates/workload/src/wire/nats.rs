//! NATS with a key-value bucket of JetStream, as far as the load needs it, with one request under way on a connection.
//!
//! A put is a message to `$KV.bench.KEY` that the stream acknowledges, a get a direct one, which any replica answers: what the
//! clients of NATS do by default. Each connection listens to a subject of its own for the answers.

use super::{Answer, Broken, Heard, Shape, decimal};

/// Longest line of the protocol; what the server says of itself at the beginning is the longest.
const LINE_MAX: usize = 64 << 10;
/// Largest value: what a server takes in one message by default.
pub(super) const VALUE_MAX: usize = 1 << 20;

pub(super) fn greet(connection: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(b"CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\nSUB ");
    inbox(connection, out);
    out.extend_from_slice(b" 1\r\n");
}

pub(super) fn get(shape: Shape, number: u64, connection: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(b"PUB $JS.API.DIRECT.GET.KV_bench.$KV.bench.");
    publish(shape, number, b"", connection, out);
}

pub(super) fn put(shape: Shape, number: u64, value: &[u8], connection: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(b"PUB $KV.bench.");
    publish(shape, number, value, connection, out);
}

fn publish(shape: Shape, number: u64, payload: &[u8], connection: u32, out: &mut Vec<u8>) {
    shape.key(number, out);
    out.push(b' ');
    inbox(connection, out);
    out.push(b' ');
    decimal(payload.len(), out);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

fn inbox(connection: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(b"_INBOX.bench.");
    decimal(connection as usize, out);
}

pub(super) fn heard<'a>(bytes: &'a [u8], reply: &mut Vec<u8>) -> Result<Option<(usize, Heard<'a>)>, Broken> {
    let Some(end) = bytes.windows(2).take(LINE_MAX).position(|two| two == b"\r\n") else {
        return if bytes.len() < LINE_MAX { Ok(None) } else { Err(Broken) };
    };
    let (line, behind) = (str::from_utf8(&bytes[..end]).map_err(|_| Broken)?, end + 2);
    let mut words = line.split_ascii_whitespace();
    let kind = words.next().unwrap_or_default();
    let lengths: Vec<usize> = words.skip(2).filter_map(|word| word.parse().ok()).collect();
    let (head, total) = match (kind, &lengths[..]) {
        ("MSG", &[.., total]) => (0, total),
        ("HMSG", &[.., head, total]) if head <= total => (head, total),
        ("PING", _) => {
            reply.extend_from_slice(b"PONG\r\n");
            return Ok(Some((behind, Heard::Aside)));
        }
        ("INFO" | "PONG" | "+OK", _) => return Ok(Some((behind, Heard::Aside))),
        _ => return Err(Broken),
    };
    let Some(message) = bytes.get(behind..behind + total + 2) else { return Ok(None) };
    let (head, payload) = message[..total].split_at(head);
    Ok(Some((behind + total + 2, Heard::Answer(answer(head, payload)))))
}

fn answer<'a>(head: &'a [u8], payload: &'a [u8]) -> Answer<'a> {
    let has = |what: &[u8]| payload.windows(what.len()).any(|window| window == what);
    match head {
        [] if has(b"\"error\":") => Answer::Refused(str::from_utf8(payload).unwrap_or("an error that is no text")),
        [] => Answer::Done,
        head if head.starts_with(b"NATS/1.0 404") => Answer::Missing,
        head if head.starts_with(b"NATS/1.0\r\n") => Answer::Value(payload),
        _ => Answer::Refused("a NATS status that is no success"),
    }
}

#[cfg(test)]
mod tests {
    use super::heard;
    use crate::wire::{Answer, Heard};

    #[test]
    fn answers_cut_anywhere() {
        let put = "MSG _INBOX.bench.3 1  26\r\n{\"stream\":\"KV_b\", \"seq\":1}\r\n";
        let error = "MSG _INBOX.bench.3 1 14\r\n{\"error\":{...}}\r\n".replace("14", "15");
        let got = "HMSG _INBOX.bench.3 1 24 27\r\nNATS/1.0\r\nNats-S: KV\r\n\r\nabc\r\n";
        let missing = "HMSG _INBOX.bench.3 1 34 34\r\nNATS/1.0 404 Message Not Found\r\n\r\n\r\n";
        for (bytes, expected) in [
            (put, Heard::Answer(Answer::Done)),
            (error.as_str(), Heard::Answer(Answer::Refused("{\"error\":{...}}"))),
            (got, Heard::Answer(Answer::Value(b"abc"))),
            (missing, Heard::Answer(Answer::Missing)),
            ("INFO {\"server_id\":\"x\"}\r\n", Heard::Aside),
        ] {
            let mut reply = Vec::new();
            for cut in 0..bytes.len() {
                assert_eq!(heard(&bytes.as_bytes()[..cut], &mut reply), Ok(None), "{bytes:?} cut at {cut}");
            }
            assert_eq!(heard(bytes.as_bytes(), &mut reply), Ok(Some((bytes.len(), expected))), "{bytes:?}");
        }
        let mut reply = Vec::new();
        assert_eq!(heard(b"PING\r\n", &mut reply), Ok(Some((6, Heard::Aside))));
        assert_eq!(reply, b"PONG\r\n");
        assert!(heard(b"-ERR 'Authorization Violation'\r\n", &mut reply).is_err());
    }
}
