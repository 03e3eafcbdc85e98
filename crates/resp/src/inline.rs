//! Requests typed by hand: words on a line, with quotation marks for words that have spaces in them.
//!
//! Invariant: the words are those that Redis makes of the same line; a line whose quotation marks do not close has none.

use bytes::Bytes;

/// The words of a line; `None` if a quotation mark is not closed, or is closed in the middle of a word.
pub(crate) fn words(line: &[u8]) -> Option<Vec<Bytes>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        let skip = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        rest = &rest[skip..];
        if rest.is_empty() {
            return Some(words);
        }
        let (word, behind) = word(rest)?;
        words.push(Bytes::from(word));
        rest = behind;
    }
}

fn word(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    loop {
        match rest {
            [] => return Some((word, rest)),
            [space, ..] if space.is_ascii_whitespace() => return Some((word, rest)),
            [b'"', inside @ ..] => return double_quoted(word, inside),
            [b'\'', inside @ ..] => return single_quoted(word, inside),
            [byte, behind @ ..] => {
                word.push(*byte);
                rest = behind;
            }
        }
    }
}

fn double_quoted(mut word: Vec<u8>, mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    loop {
        let (byte, behind) = match rest {
            [] => return None,
            [b'"', behind @ ..] => return ended(word, behind),
            [b'\\', b'x', high, low, behind @ ..] if hex(*high).is_some() && hex(*low).is_some() => {
                (hex(*high)? << 4 | hex(*low)?, behind)
            }
            [b'\\', letter, behind @ ..] => (escaped(*letter), behind),
            [byte, behind @ ..] => (*byte, behind),
        };
        word.push(byte);
        rest = behind;
    }
}

fn single_quoted(mut word: Vec<u8>, mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    loop {
        let (byte, behind) = match rest {
            [] => return None,
            [b'\'', behind @ ..] => return ended(word, behind),
            [b'\\', b'\'', behind @ ..] => (b'\'', behind),
            [byte, behind @ ..] => (*byte, behind),
        };
        word.push(byte);
        rest = behind;
    }
}

/// A closing quotation mark ends a word: a space or the end of the line follows.
fn ended(word: Vec<u8>, behind: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    behind.first().is_none_or(u8::is_ascii_whitespace).then_some((word, behind))
}

fn escaped(letter: u8) -> u8 {
    match letter {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    }
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::words;

    fn split(line: &str) -> Option<Vec<String>> {
        let words = words(line.as_bytes())?;
        Some(words.iter().map(|word| word.escape_ascii().to_string()).collect())
    }

    #[test]
    fn words_are_cut_as_redis_cuts_them() {
        assert_eq!(split("  set a  b ").unwrap(), ["set", "a", "b"]);
        assert_eq!(split(r#"set "a b" 'c"d'"#).unwrap(), ["set", "a b", r#"c\"d"#]);
        assert_eq!(split(r#""\x00\xfF\n\q\\" '\'\n'"#).unwrap(), [r"\x00\xff\nq\\", r"\'\\n"]);
        assert_eq!(split(r#""" ''"#).unwrap(), ["", ""]);
        assert_eq!(split(r#"a"b""#).unwrap(), ["ab"]);
    }

    #[test]
    fn quotation_marks_must_close_at_the_end_of_a_word() {
        for line in [r#""a"#, "'a", r#""a"b"#, r"'a'b", r#""a\""#] {
            assert_eq!(split(line), None, "{line}");
        }
    }
}
