//! Tokens as people hold them: `alianza_ID_SECRET`, 16 and 64 hexadecimal digits.
//!
//! Invariant: a secret is 256 random bits. So its SHA-256 can be stored: there is nothing to guess that a slow hash would make
//! dearer, and a slow hash would let strangers keep the node busy.

use proto::{ApiToken, Digest, Right, TokenId};
use sha2::{Digest as _, Sha256};
use std::io;

const PREFIX: &str = "alianza";
const ID_DIGITS: usize = 16;
const SECRET_DIGITS: usize = 64;

/// What somebody shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shown {
    /// Which token it claims to be.
    pub(crate) id: TokenId,
    digest: Digest,
}

impl Shown {
    /// Reads the text of a token; `None` if it is none.
    pub(crate) fn parse(text: &[u8]) -> Option<Shown> {
        let text = std::str::from_utf8(text).ok()?.trim();
        let mut parts = text.split('_');
        let (prefix, id, secret) = (parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_token = prefix == PREFIX && parts.next().is_none() && is_hex(id) && is_hex(secret);
        if !is_token || id.len() != ID_DIGITS || secret.len() != SECRET_DIGITS {
            return None;
        }
        Some(Shown { id: TokenId(u64::from_str_radix(id, 16).ok()?), digest: digest(secret) })
    }

    /// True if it is this token. The time it takes says nothing about where they differ.
    pub(crate) fn is(&self, token: &ApiToken) -> bool {
        same(&self.digest.0, &token.digest.0)
    }
}

/// Compares without stopping at the first difference.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    let differing = one.iter().zip(other).fold(one.len() ^ other.len(), |sum, (a, b)| sum | usize::from(a ^ b));
    std::hint::black_box(differing) == 0
}

fn digest(secret: &str) -> Digest {
    Digest(Sha256::digest(secret.as_bytes()).into())
}

/// A new token: its text, which is shown once and stored nowhere, its number, and what is stored.
pub fn draw_token() -> io::Result<(String, TokenId, Digest)> {
    let id = TokenId(u64::from_be_bytes(server::random_bytes()?));
    let secret: [u8; SECRET_DIGITS / 2] = server::random_bytes()?;
    let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let digest = digest(&secret);
    Ok((format!("{PREFIX}_{id}_{secret}"), id, digest))
}

/// The token of a text, as one that allows everything.
pub fn read_token(text: &str, name: &str) -> Option<ApiToken> {
    let Shown { id, digest } = Shown::parse(text.as_bytes())?;
    Some(ApiToken { id, name: name.to_owned(), digest, scopes: vec![Right::ALL], rate: None, expires: None })
}

#[cfg(test)]
mod tests {
    use super::{Shown, draw_token, read_token, same};

    #[test]
    fn a_drawn_token_reads_back_and_no_other_is_it() {
        let (text, id, digest) = draw_token().unwrap();
        let token = read_token(&format!("{text}\n"), "root").unwrap();
        assert_eq!((token.id, token.digest), (id, digest));
        assert!(Shown::parse(text.as_bytes()).unwrap().is(&token));
        let last = if text.ends_with('0') { '1' } else { '0' };
        let other = format!("{}{last}", &text[..text.len() - 1]);
        assert!(!Shown::parse(other.as_bytes()).unwrap().is(&token));
        assert_ne!(draw_token().unwrap().0, text);
        for nonsense in ["", "alianza", &text[1..], &text[..text.len() - 1], &format!("{text}_0"), &text.to_uppercase()]
        {
            assert_eq!(Shown::parse(nonsense.as_bytes()), None, "{nonsense}");
        }
    }

    #[test]
    fn sameness() {
        assert!(same(b"", b"") && same(b"abc", b"abc"));
        assert!(!same(b"abc", b"abd") && !same(b"abc", b"ab") && !same(b"", b"a"));
    }
}
