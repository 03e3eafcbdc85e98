//! Answers, and how the two versions of the protocol write them.
//!
//! Invariant: a reply is written whole or not at all, and an error never holds a line end that its client would take for
//! the end of the reply. What version 2 has no word for is written as its clients expect it: maps and sets as arrays,
//! doubles as texts, truths as 1 and 0.

use crate::number;
use bytes::{BufMut as _, Bytes, BytesMut};
use std::borrow::Cow;

/// The version of the protocol that a connection speaks.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Version {
    /// What a connection begins with.
    #[default]
    Two,
    /// After `HELLO 3`.
    Three,
}

/// An answer to a request.
#[derive(Clone, PartialEq, Debug)]
pub enum Reply {
    /// A word, like `OK`. No line ends.
    Status(&'static str),
    /// What went wrong, beginning with a code in capitals like `ERR`.
    Error(Cow<'static, str>),
    /// A whole number.
    Integer(i64),
    /// Any bytes.
    Bulk(Bytes),
    /// Text to be shown to people.
    Verbatim(String),
    /// Nothing, where there could have been bytes.
    Null,
    /// Nothing, where there could have been an array.
    NullArray,
    /// Some replies in order.
    Array(Vec<Reply>),
    /// Some replies, none twice, in no order.
    Set(Vec<Reply>),
    /// Replies under names.
    Map(Vec<(Reply, Reply)>),
    /// A number.
    Double(f64),
    /// True or false.
    Boolean(bool),
    /// What was not asked for.
    Push(Vec<Reply>),
}

impl Reply {
    /// `+OK`.
    pub const OK: Reply = Reply::Status("OK");

    /// A text as bytes.
    pub fn text(text: impl Into<String>) -> Reply {
        Reply::Bulk(Bytes::from(text.into()))
    }

    /// A fixed text as bytes.
    pub const fn word(text: &'static str) -> Reply {
        Reply::Bulk(Bytes::from_static(text.as_bytes()))
    }

    /// An error.
    pub fn error(text: impl Into<Cow<'static, str>>) -> Reply {
        Reply::Error(text.into())
    }

    /// Texts as an array of bytes.
    pub fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Reply {
        Reply::Array(texts.into_iter().map(Reply::text).collect())
    }

    /// Bytes of its contents, to bound what waits; not what is written around them.
    pub fn size(&self) -> usize {
        match self {
            Reply::Bulk(bytes) => bytes.len(),
            Reply::Verbatim(text) => text.len(),
            Reply::Error(text) => text.len(),
            Reply::Array(replies) | Reply::Set(replies) | Reply::Push(replies) => {
                replies.iter().map(|reply| reply.size() + 8).sum()
            }
            Reply::Map(pairs) => pairs.iter().map(|(name, reply)| name.size() + reply.size() + 16).sum(),
            _ => 8,
        }
    }

    /// Appends the reply to what is to be sent.
    pub fn write(&self, version: Version, out: &mut BytesMut) {
        let three = version == Version::Three;
        match self {
            Reply::Status(word) => line(out, b'+', word.as_bytes()),
            Reply::Error(text) => error(out, text),
            Reply::Integer(number) => head(out, b':', *number),
            Reply::Bulk(bytes) => bulk(out, bytes),
            Reply::Verbatim(text) if three => {
                head(out, b'=', text.len() as i64 + 4);
                out.put_slice(b"txt:");
                out.put_slice(text.as_bytes());
                out.put_slice(b"\r\n");
            }
            Reply::Verbatim(text) => bulk(out, text.as_bytes()),
            Reply::Null | Reply::NullArray if three => out.put_slice(b"_\r\n"),
            Reply::Null => out.put_slice(b"$-1\r\n"),
            Reply::NullArray => out.put_slice(b"*-1\r\n"),
            Reply::Array(replies) => all(out, b'*', replies, version),
            Reply::Set(replies) => all(out, if three { b'~' } else { b'*' }, replies, version),
            Reply::Push(replies) => all(out, if three { b'>' } else { b'*' }, replies, version),
            Reply::Map(pairs) => {
                let (mark, count) = if three { (b'%', pairs.len()) } else { (b'*', pairs.len() * 2) };
                head(out, mark, count as i64);
                for (name, reply) in pairs {
                    name.write(version, out);
                    reply.write(version, out);
                }
            }
            Reply::Double(number) if three => line(out, b',', double(*number).as_bytes()),
            Reply::Double(number) => bulk(out, double(*number).as_bytes()),
            Reply::Boolean(truth) if three => line(out, b'#', if *truth { b"t" } else { b"f" }),
            Reply::Boolean(truth) => head(out, b':', i64::from(*truth)),
        }
    }
}

fn all(out: &mut BytesMut, mark: u8, replies: &[Reply], version: Version) {
    head(out, mark, replies.len() as i64);
    replies.iter().for_each(|reply| reply.write(version, out));
}

fn head(out: &mut BytesMut, mark: u8, number: i64) {
    out.put_u8(mark);
    number::write(out, number);
    out.put_slice(b"\r\n");
}

fn line(out: &mut BytesMut, mark: u8, text: &[u8]) {
    out.put_u8(mark);
    out.put_slice(text);
    out.put_slice(b"\r\n");
}

fn bulk(out: &mut BytesMut, bytes: &[u8]) {
    out.reserve(bytes.len() + 24);
    head(out, b'$', bytes.len() as i64);
    out.put_slice(bytes);
    out.put_slice(b"\r\n");
}

fn error(out: &mut BytesMut, text: &str) {
    out.put_u8(b'-');
    out.extend(text.bytes().map(|byte| if byte == b'\r' || byte == b'\n' { b' ' } else { byte }));
    out.put_slice(b"\r\n");
}

/// As Redis writes doubles: no point if there is nothing behind it.
fn double(number: f64) -> String {
    match number {
        f64::INFINITY => "inf".to_owned(),
        f64::NEG_INFINITY => "-inf".to_owned(),
        _ => format!("{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Reply, Version};
    use bytes::{Bytes, BytesMut};

    fn written(reply: &Reply, version: Version) -> String {
        let mut out = BytesMut::new();
        reply.write(version, &mut out);
        out.escape_ascii().to_string()
    }

    /// Each kind of reply, in version 2 and in version 3.
    #[test]
    fn golden() {
        let map = Reply::Map(vec![(Reply::word("a"), Reply::Integer(1))]);
        let set = Reply::Set(vec![Reply::word("x")]);
        let push = Reply::Push(vec![Reply::word("m")]);
        for (reply, two, three) in [
            (Reply::OK, r"+OK\r\n", r"+OK\r\n"),
            (Reply::error("ERR a\r\nb"), r"-ERR a  b\r\n", r"-ERR a  b\r\n"),
            (Reply::Integer(-42), r":-42\r\n", r":-42\r\n"),
            (Reply::Bulk(Bytes::from_static(b"a\0\r\n")), r"$4\r\na\x00\r\n\r\n", r"$4\r\na\x00\r\n\r\n"),
            (Reply::Null, r"$-1\r\n", r"_\r\n"),
            (Reply::NullArray, r"*-1\r\n", r"_\r\n"),
            (Reply::texts(["a", ""]), r"*2\r\n$1\r\na\r\n$0\r\n\r\n", r"*2\r\n$1\r\na\r\n$0\r\n\r\n"),
            (map, r"*2\r\n$1\r\na\r\n:1\r\n", r"%1\r\n$1\r\na\r\n:1\r\n"),
            (set, r"*1\r\n$1\r\nx\r\n", r"~1\r\n$1\r\nx\r\n"),
            (push, r"*1\r\n$1\r\nm\r\n", r">1\r\n$1\r\nm\r\n"),
            (Reply::Double(1.5), r"$3\r\n1.5\r\n", r",1.5\r\n"),
            (Reply::Double(10.0), r"$2\r\n10\r\n", r",10\r\n"),
            (Reply::Double(f64::NEG_INFINITY), r"$4\r\n-inf\r\n", r",-inf\r\n"),
            (Reply::Boolean(true), r":1\r\n", r"#t\r\n"),
            (Reply::Verbatim("hi".into()), r"$2\r\nhi\r\n", r"=6\r\ntxt:hi\r\n"),
        ] {
            assert_eq!(written(&reply, Version::Two), two, "{reply:?}");
            assert_eq!(written(&reply, Version::Three), three, "{reply:?}");
        }
    }
}
