//! Requests in any cuts come out the same, what is not the protocol is refused in Redis's words, and nothing panics.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use resp::{Limits, Parser, Reply, Request, Version};

const LIMITS: Limits = Limits { bulk_bytes_max: 1 << 10, arguments_max: 16, request_bytes_max: 4 << 10 };

/// Feeds bytes in pieces of these lengths, over and over; the requests and the error at the end, if there is one.
fn parse(bytes: &[u8], pieces: &[usize]) -> (Vec<Request>, Option<String>) {
    let (mut parser, mut buffer, mut requests) = (Parser::new(LIMITS), BytesMut::new(), Vec::new());
    let mut rest = bytes;
    for piece in pieces.iter().cycle() {
        let (now, later) = rest.split_at((*piece).min(rest.len()));
        buffer.extend_from_slice(now);
        rest = later;
        loop {
            match parser.next(&mut buffer) {
                Ok(Some(request)) => requests.push(request),
                Ok(None) => break,
                Err(error) => return (requests, Some(error.to_string())),
            }
        }
        assert!(parser.missing(&buffer) <= LIMITS.bulk_bytes_max + 2);
        if rest.is_empty() {
            return (requests, None);
        }
    }
    unreachable!("there is at least one piece")
}

fn encoded(requests: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let mut out = BytesMut::new();
    for request in requests {
        let words = request.iter().map(|word| Reply::Bulk(Bytes::copy_from_slice(word))).collect();
        Reply::Array(words).write(Version::Two, &mut out);
    }
    out.to_vec()
}

proptest! {
    #[test]
    fn requests_come_out_as_they_went_in(
        requests in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..6), 0..6),
        pieces in prop::collection::vec(1usize..50, 1..5),
    ) {
        let (parsed, error) = parse(&encoded(&requests), &pieces);
        prop_assert_eq!(error, None);
        let parsed: Vec<Vec<Vec<u8>>> =
            parsed.into_iter().map(|request| request.into_iter().map(|word| word.to_vec()).collect()).collect();
        prop_assert_eq!(parsed, requests);
    }

    #[test]
    fn cuts_change_nothing(
        bytes in prop::collection::vec(prop::sample::select(b"*$123-\r\n\"' aX\0\\".to_vec()), 0..200),
        pieces in prop::collection::vec(1usize..9, 1..5),
    ) {
        prop_assert_eq!(parse(&bytes, &pieces), parse(&bytes, &[bytes.len().max(1)]));
    }
}

#[test]
fn a_transcript_of_both_forms() {
    let bytes =
        b"PING\r\n*1\r\n$4\r\nPING\r\n\r\n*0\r\n*-1\r\nset a \"b c\"\n*3\r\n$3\r\nSET\r\n$0\r\n\r\n$2\r\n\r\n\r\n";
    let (requests, error) = parse(bytes, &[3]);
    let shown: Vec<String> =
        requests.iter().map(|words| words.iter().map(|word| format!("[{}]", word.escape_ascii())).collect()).collect();
    assert_eq!(shown, ["[PING]", "[PING]", "[set][a][b c]", r"[SET][][\r\n]"]);
    assert_eq!(error, None);
}

#[test]
fn what_is_not_the_protocol_is_refused_in_the_words_of_redis() {
    let long = [b'1'; 70_000];
    let starting = |start: &[u8]| [start, &long].concat();
    for (bytes, words) in [
        (b"*x\r\n".to_vec(), "invalid multibulk length"),
        (b"*17\r\n".to_vec(), "invalid multibulk length"),
        (b"*1\r\nPING\r\n".to_vec(), "expected '$', got 'P'"),
        (b"*1\r\n$-1\r\n".to_vec(), "invalid bulk length"),
        (b"*1\r\n$1025\r\n".to_vec(), "invalid bulk length"),
        (b"*1\r\n$+1\r\n".to_vec(), "invalid bulk length"),
        (b"set \"a\r\n".to_vec(), "unbalanced quotes in request"),
        (starting(b"*"), "too big mbulk count string"),
        (starting(b"*1\r\n$"), "too big bulk count string"),
        (starting(b"GET "), "too big inline request"),
    ] {
        assert_eq!(parse(&bytes, &[bytes.len()]), (Vec::new(), Some(format!("Protocol error: {words}"))));
    }
    let four = encoded(&[vec![vec![b'a'; 1 << 10]; 4]]);
    assert_eq!(parse(&four, &[100]), (Vec::new(), Some("Protocol error: too big request".to_owned())));
}

#[test]
fn strangers_get_less_room() {
    let mut parser = Parser::new(Limits::STRANGER);
    let refused = |parser: &mut Parser, text: &str| parser.next(&mut BytesMut::from(text)).unwrap_err().to_string();
    assert_eq!(refused(&mut parser, "*11\r\n"), "Protocol error: unauthenticated multibulk length");
    let mut parser = Parser::new(Limits::STRANGER);
    assert_eq!(refused(&mut parser, "*1\r\n$16385\r\n"), "Protocol error: unauthenticated bulk length");
}

#[test]
fn arguments_are_slices_of_what_was_read() {
    let mut buffer = BytesMut::from(&b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"[..]);
    let start = buffer.as_ptr() as usize;
    let request = Parser::new(LIMITS).next(&mut buffer).unwrap().unwrap();
    assert_eq!(request[1].as_ptr() as usize, start + 17);
}
