//! Requests to bytes, bytes to answers, for both interfaces of a node, and for a peer to compare with.
//!
//! Invariant: what is cut anywhere is read alike. An answer that is not understood breaks the connection off; it is never
//! taken for another.

mod etcd;
mod http;
mod k2v;
mod nats;
mod redis;

pub use k2v::Signer;
use std::fmt;

/// Items of a row, where operations read ranges.
pub const ROW: u64 = 100;
/// Most items that a scan reads.
pub const SCANNED: u64 = 50;

/// An interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// Redis, version 2.
    Redis,
    /// `POST /` with JSON.
    Http,
    /// Items as resources under `/v1`.
    V1,
    /// `GET /livez`, whatever is asked: what HTTP alone costs.
    Livez,
    /// A key-value bucket of NATS.
    Nats,
    /// Version 3 of etcd's.
    Etcd {
        /// Reads need not be of the newest value.
        serializable: bool,
    },
    /// Garage's K2V; who asks.
    K2v(Signer),
}

impl Protocol {
    /// Most requests under way on a connection, and the largest value.
    pub fn limits(self) -> (usize, usize) {
        match self {
            Protocol::Redis | Protocol::Http | Protocol::V1 | Protocol::Livez => (usize::MAX, 64 << 20),
            Protocol::Etcd { .. } => (1, etcd::VALUE_MAX),
            Protocol::Nats => (1, nats::VALUE_MAX),
            Protocol::K2v(_) => (1, 64 << 20),
        }
    }
}

/// How keys are written: as a number with leading zeros; in rows, the key is the row and the sort key the place in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// The interface.
    pub protocol: Protocol,
    /// Bytes of a key.
    pub key_bytes: usize,
    /// Items live in rows.
    pub rows: bool,
    /// Redis: a write counts when so many replicas have it, too (`WAIT`).
    pub wait: u8,
    /// HTTP: the token that every request shows.
    pub token: Option<&'static str>,
}

/// Goes before everything else on a connection to a Redis port.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Greeting {
    /// To say a password.
    pub password: Option<String>,
    /// To choose a database.
    pub database: Option<u32>,
}

/// Which request of which connection.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Turn {
    /// The connection's number.
    pub connection: u32,
    /// Its requests so far.
    pub request: u32,
}

/// How many answers to skip before the one that counts.
pub type Before = usize;

/// What a server answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer<'a> {
    /// It was done.
    Done,
    /// A number.
    Number(i64),
    /// A value.
    Value(&'a [u8]),
    /// There is no such key.
    Missing,
    /// It was refused, in these words.
    Refused(&'a str),
}

/// What a server said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard<'a> {
    /// The answer to the oldest request that had none.
    Answer(Answer<'a>),
    /// Something about the connection.
    Aside,
}

/// These are no bytes of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer is not of the protocol")
    }
}

impl Shape {
    /// Appends what goes first on a connection; says how many answers will come.
    pub fn greet(&self, greeting: &Greeting, connection: u32, out: &mut Vec<u8>) -> usize {
        match self.protocol {
            Protocol::Redis => redis::greet(greeting, out),
            Protocol::Http | Protocol::V1 | Protocol::Livez | Protocol::K2v(_) => 0,
            Protocol::Nats => {
                nats::greet(connection, out);
                0
            }
            Protocol::Etcd { .. } => {
                etcd::greet(out);
                0
            }
        }
    }

    /// Appends a read.
    pub fn read(&self, number: u64, turn: Turn, out: &mut Vec<u8>) {
        match self.protocol {
            Protocol::Redis => redis::get(*self, number, out),
            Protocol::Http => http::get(*self, number, out),
            Protocol::V1 => http::get_item(*self, number, out),
            Protocol::Livez => http::livez(out),
            Protocol::Etcd { serializable } => etcd::get(*self, number, serializable, turn.request, out),
            Protocol::Nats => nats::get(*self, number, turn.connection, out),
            Protocol::K2v(signer) => k2v::get(&signer, *self, number, out),
        }
    }

    /// Appends a write. The value is text without quotes, backslashes and control characters. Says how many answers come
    /// before the one that counts.
    pub fn write(&self, number: u64, value: &[u8], turn: Turn, out: &mut Vec<u8>) -> Before {
        match self.protocol {
            Protocol::Redis => redis::set(*self, number, value, out),
            Protocol::Http => http::put(*self, number, value, out),
            Protocol::V1 => http::put_item(*self, number, value, out),
            Protocol::Livez => http::livez(out),
            Protocol::Etcd { .. } => etcd::put(*self, number, value, turn.request, out),
            Protocol::Nats => nats::put(*self, number, value, turn.connection, out),
            Protocol::K2v(signer) => k2v::put(&signer, *self, number, value, out),
        }
        if self.wait == 0 {
            return 0;
        }
        redis::wait(self.wait, out);
        1
    }

    /// Appends a read of some items of a row, from this one on.
    pub fn scan(&self, number: u64, limit: u64, out: &mut Vec<u8>) {
        assert!(self.protocol == Protocol::Http && self.rows, "only rows have an order");
        http::scan(*self, number, limit, out);
    }

    /// Reads the first thing in `bytes`, and how long it is. `None` if it is not whole yet. What has to be sent back is
    /// appended to `reply`.
    pub fn hear<'a>(&self, bytes: &'a [u8], reply: &mut Vec<u8>) -> Result<Option<(usize, Heard<'a>)>, Broken> {
        let answer = match self.protocol {
            Protocol::Redis => redis::answer(bytes)?,
            Protocol::Http | Protocol::Livez => http::answer(bytes)?,
            Protocol::V1 => http::item_answer(bytes)?,
            Protocol::K2v(_) => http::raw_answer(bytes)?,
            Protocol::Etcd { .. } => return etcd::heard(bytes, reply),
            Protocol::Nats => return nats::heard(bytes, reply),
        };
        Ok(answer.map(|(length, answer)| (length, Heard::Answer(answer))))
    }

    /// Appends the key.
    fn key(&self, number: u64, out: &mut Vec<u8>) {
        digits(if self.rows { number / ROW } else { number }, self.key_bytes, out);
    }
}

/// Appends a number with leading zeros; a longer one keeps its last digits.
fn digits(mut number: u64, width: usize, out: &mut Vec<u8>) {
    let begin = out.len();
    out.resize(begin + width, b'0');
    for place in out[begin..].iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
}

/// Appends a number.
fn decimal(number: usize, out: &mut Vec<u8>) {
    digits(number as u64, number.checked_ilog10().unwrap_or(0) as usize + 1, out);
}

#[cfg(test)]
mod tests {
    use super::{Answer, Greeting, Heard, Protocol, Shape, Turn, decimal};

    const REDIS: Shape = Shape { protocol: Protocol::Redis, key_bytes: 4, rows: false, wait: 0, token: None };
    const HTTP: Shape = Shape { protocol: Protocol::Http, key_bytes: 4, rows: false, wait: 0, token: None };

    const V1: Shape = Shape { protocol: Protocol::V1, ..HTTP };

    fn text(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers() {
        for number in [0, 7, 9, 10, 99, 100, 1_048_576] {
            assert_eq!(text(|out| decimal(number, out)), number.to_string());
        }
    }

    #[test]
    fn golden_requests() {
        assert_eq!(text(|out| REDIS.read(42, Turn::default(), out)), "*2\r\n$3\r\nGET\r\n$4\r\n0042\r\n");
        assert_eq!(
            text(|out| assert_eq!(REDIS.write(42, b"abc", Turn::default(), out), 0)),
            "*3\r\n$3\r\nSET\r\n$4\r\n0042\r\n$3\r\nabc\r\n"
        );
        let waits = Shape { wait: 2, ..REDIS };
        let waited = text(|out| assert_eq!(waits.write(42, b"abc", Turn::default(), out), 1));
        assert!(waited.ends_with("$3\r\nabc\r\n*3\r\n$4\r\nWAIT\r\n$1\r\n2\r\n$4\r\n1000\r\n"), "{waited}");
        let greeting = Greeting { password: Some("word".into()), database: Some(12) };
        let greeted = text(|out| assert_eq!(REDIS.greet(&greeting, 0, out), 2));
        assert_eq!(greeted, "*2\r\n$4\r\nAUTH\r\n$4\r\nword\r\n*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n");
        let post = |body: &str| {
            format!("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: {:>9}\r\n\r\n{body}", body.len())
        };
        assert_eq!(text(|out| HTTP.read(42, Turn::default(), out)), post("{\"type\":\"GET\",\"key\":\"0042\"}"));
        let put = "{\"type\":\"PUT\",\"key\":\"0042\",\"value\":\"abc\"}";
        assert_eq!(text(|out| assert_eq!(HTTP.write(42, b"abc", Turn::default(), out), 0)), post(put));
        let get = "GET /v1/buckets/default/items/0042 HTTP/1.1\r\nhost: localhost\r\n\r\n";
        assert_eq!(text(|out| V1.read(42, Turn::default(), out)), get);
        let put = "PUT /v1/buckets/default/items/0042 HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\nabc";
        assert_eq!(text(|out| assert_eq!(V1.write(42, b"abc", Turn::default(), out), 0)), put);
        let rows = Shape { rows: true, ..HTTP };
        let put = "{\"type\":\"PUT\",\"key\":\"0003\",\"sort\":\"07\",\"value\":\"a\"}";
        assert_eq!(text(|out| assert_eq!(rows.write(307, b"a", Turn::default(), out), 0)), post(put));
        let scan = "{\"type\":\"SCAN\",\"key\":\"0003\",\"from\":\"07\",\"limit\":9}";
        assert_eq!(text(|out| rows.scan(307, 9, out)), post(scan));
    }

    /// Every answer is read alike however it is cut, and leaves what follows it alone.
    #[test]
    fn answers_cut_anywhere() {
        let http = |status: &str, body: &str| {
            format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
        };
        for (shape, bytes, expected) in [
            (REDIS, "+OK\r\n".to_owned(), Answer::Done),
            (REDIS, ":7\r\n".to_owned(), Answer::Number(7)),
            (REDIS, "$3\r\nabc\r\n".to_owned(), Answer::Value(b"abc")),
            (REDIS, "$0\r\n\r\n".to_owned(), Answer::Value(b"")),
            (REDIS, "$-1\r\n".to_owned(), Answer::Missing),
            (REDIS, "-ERR no\r\n".to_owned(), Answer::Refused("ERR no")),
            (HTTP, http("200 OK", "{\"key\":\"7\",\"value\":\"abc\"}"), Answer::Value(b"abc")),
            (HTTP, http("200 OK", "{\"key\":\"7\",\"acknowledged\":2}"), Answer::Done),
            (V1, http("200 OK", "{\"key\":\"7\",\"acknowledged\":2}"), Answer::Done),
            (V1, http("404 Not Found", "{\"detail\":\"No such key.\"}"), Answer::Missing),
            (V1, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc".to_owned(), Answer::Value(b"abc")),
            (HTTP, http("404 Not Found", "{\"detail\":\"No such key.\"}"), Answer::Missing),
            (HTTP, http("503 Busy", "{\"status\":503,\"detail\":\"Too busy.\"}"), Answer::Refused("Too busy.")),
            (HTTP, http("500 Oh", "no"), Answer::Refused("no")),
        ] {
            for cut in 0..bytes.len() {
                assert_eq!(shape.hear(&bytes.as_bytes()[..cut], &mut Vec::new()), Ok(None), "{bytes:?} cut at {cut}");
            }
            let two = bytes.repeat(2);
            let heard = shape.hear(two.as_bytes(), &mut Vec::new());
            assert_eq!(heard, Ok(Some((bytes.len(), Heard::Answer(expected)))), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_answer_is_told() {
        for (shape, bytes) in [
            (REDIS, "?\r\n"),
            (REDIS, "$x\r\n"),
            (REDIS, "$3\r\nabcde"),
            (HTTP, "SSH-2.0\r\n\r\n"),
            (HTTP, "HTTP/1.1 200\r\n\r\n"),
        ] {
            assert!(shape.hear(bytes.as_bytes(), &mut Vec::new()).is_err(), "{bytes:?}");
        }
    }
}
