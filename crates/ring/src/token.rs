//! Tokens: positions on the ring, 160 bits wide, read as big-endian numbers.
//!
//! A key's token is the SHA-1 of its bytes, as in the reference; SHA-1 serves to spread keys, not to protect them.
//!
//! Invariant: the text form is exactly 40 lower-case hex digits, and `parse_hex` gives back the token it came from.
//! Refuses to know partitions and nodes.

use std::fmt;

use sha1::{Digest, Sha1};

/// A position on the ring. Ordered as a big-endian number; after the highest comes zero again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token([u8; 20]);

impl Token {
    /// The token of a key: the SHA-1 of its bytes.
    pub fn of(key: &[u8]) -> Token {
        Token(Sha1::digest(key).into())
    }

    /// The token with these 20 bytes, most significant first.
    pub const fn from_bytes(bytes: [u8; 20]) -> Token {
        Token(bytes)
    }

    /// The 20 bytes, most significant first.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// Reads a token written as exactly 40 hex digits, of either case.
    pub fn parse_hex(text: &str) -> Result<Token, TokenError> {
        let digits = text.as_bytes();
        if digits.len() != 40 {
            return Err(TokenError::Length { got: digits.len() });
        }
        let mut bytes = [0; 20];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = (hex_digit(digits, 2 * at)? << 4) | hex_digit(digits, 2 * at + 1)?;
        }
        Ok(Token(bytes))
    }
}

fn hex_digit(digits: &[u8], at: usize) -> Result<u8, TokenError> {
    let value = char::from(digits[at]).to_digit(16).ok_or(TokenError::Digit { at })?;
    Ok(value as u8)
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({self})")
    }
}

/// Why a text is not a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// The text is not 40 bytes long.
    Length {
        /// Its length in bytes.
        got: usize,
    },
    /// The byte at this place is not a hex digit.
    Digit {
        /// The place, counted from zero.
        at: usize,
    },
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenError::Length { got } => write!(f, "a token is written as 40 hex digits, not {got} characters"),
            TokenError::Digit { at } => write!(f, "character {} of the token is not a hex digit", at + 1),
        }
    }
}

impl std::error::Error for TokenError {}

#[cfg(test)]
mod tests {
    use super::{Token, TokenError};

    #[test]
    fn tokens_of_keys_are_those_of_the_reference() {
        for (key, token) in [
            ("key_2", "1388ac756f07b0dda2961436ba8596c7b7995e94"),
            ("key_20", "ba37975d837c55a30658a6b026c5f7937b85262e"),
            ("key_3", "07ef8d138b76050981f170dd9dd79cae91ea3ce3"),
            ("key_7", "bf77e5cfde8dd24474e573d765a2c8b31908cbda"),
        ] {
            assert_eq!(Token::of(key.as_bytes()).to_string(), token);
            assert_eq!(Token::parse_hex(token), Ok(Token::of(key.as_bytes())));
            assert_eq!(Token::parse_hex(&token.to_uppercase()), Ok(Token::of(key.as_bytes())));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let token = Token::of(b"key_2").to_string();
        assert_eq!(Token::parse_hex(""), Err(TokenError::Length { got: 0 }));
        assert_eq!(Token::parse_hex(&token[1..]), Err(TokenError::Length { got: 39 }));
        assert_eq!(Token::parse_hex(&format!("{token}0")), Err(TokenError::Length { got: 41 }));
        assert_eq!(Token::parse_hex(&format!("+{}", &token[1..])), Err(TokenError::Digit { at: 0 }));
        assert_eq!(Token::parse_hex(&format!("{}g", &token[1..])), Err(TokenError::Digit { at: 39 }));
        assert_eq!(Token::parse_hex(&format!("é{}", &token[2..])), Err(TokenError::Digit { at: 0 }));
    }

    #[test]
    fn order_is_that_of_the_text() {
        let mut tokens: Vec<Token> = (0..50_u8).map(|n| Token::of(&[n])).collect();
        let mut texts: Vec<String> = tokens.iter().map(Token::to_string).collect();
        tokens.sort();
        texts.sort();
        assert_eq!(tokens.iter().map(Token::to_string).collect::<Vec<_>>(), texts);
    }
}
