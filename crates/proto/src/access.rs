//! Who may do what: API tokens, as the membership history keeps them.
//!
//! Invariant: the history has a token's digest and never its secret; a cluster that once had a token never goes back to asking
//! nobody for one, and keeps at least one token that may make others and does not end by itself.
//! Refuses to know how a secret is shown, hashed and compared, and what a request needs; that is the interfaces'.

use crate::bucket::Bucket;
use crate::ids::Digest;
use std::fmt;
use stdx::Wall;

/// Tokens that a cluster has at once.
pub const TOKENS_MAX: usize = 256;
/// Scopes of one token.
const SCOPES_MAX: usize = 64;
/// Bytes of a token's name.
const NAME_BYTES_MAX: usize = 64;

/// A token's public number: the part of it that may be shown.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TokenId(pub u64);

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A kind of act.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Act {
    /// Look at the cluster, not at items. Every token may.
    Monitor,
    /// Read items.
    Read,
    /// Write items.
    Write,
    /// Change settings and members, make backups and tokens; includes all the others.
    Admin,
}

impl Act {
    /// All of them.
    pub const ALL: [Act; 4] = [Act::Monitor, Act::Read, Act::Write, Act::Admin];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Act::Monitor => "monitor",
            Act::Read => "read",
            Act::Write => "write",
            Act::Admin => "admin",
        }
    }
}

/// An act that is allowed, in one bucket or everywhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Right {
    /// The act.
    pub act: Act,
    /// The bucket; everywhere, and on the cluster itself, if there is none.
    pub bucket: Option<String>,
}

impl Right {
    /// Everything.
    pub const ALL: Right = Right { act: Act::Admin, bucket: None };

    /// Reads `read`, `write:carts`, `admin`, …
    pub fn parse(text: &str) -> Option<Right> {
        let (word, bucket) = text.split_once(':').map_or((text, None), |(word, bucket)| (word, Some(bucket)));
        let act = Act::ALL.into_iter().find(|act| act.word() == word)?;
        let is_possible = bucket.is_none_or(|bucket| act != Act::Monitor && Bucket::name_is_valid(bucket));
        is_possible.then(|| Right { act, bucket: bucket.map(str::to_owned) })
    }

    /// True if this allows `act` in `bucket`, or, without one, everywhere.
    pub fn allows(&self, act: Act, bucket: Option<&str>) -> bool {
        let acts = act == Act::Monitor || self.act == act || self.act == Act::Admin;
        let places = act == Act::Monitor || self.bucket.is_none() || self.bucket.as_deref() == bucket;
        acts && places
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.act.word())?;
        self.bucket.as_ref().map_or(Ok(()), |bucket| write!(f, ":{bucket}"))
    }
}

/// A bound on how fast a token may be used at each node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Operations per second, in the long run.
    pub per_second: u32,
    /// Operations at once after a rest.
    pub burst: u32,
}

/// A token as it stands in the history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiToken {
    /// Its public number.
    pub id: TokenId,
    /// What people call it.
    pub name: String,
    /// SHA-256 of its secret.
    pub digest: Digest,
    /// What it allows.
    pub scopes: Vec<Right>,
    /// How fast it may be used; not bounded if there is none.
    pub rate: Option<Rate>,
    /// From when on it is worth nothing.
    pub expires: Option<Wall>,
}

impl ApiToken {
    /// True if it allows `act` in `bucket`, or, without one, everywhere.
    pub fn allows(&self, act: Act, bucket: Option<&str>) -> bool {
        self.scopes.iter().any(|scope| scope.allows(act, bucket))
    }

    /// True if it allows everything, for ever.
    pub fn is_lasting_admin(&self) -> bool {
        self.expires.is_none() && self.scopes.contains(&Right::ALL)
    }

    /// What is wrong with it by itself, in a sentence.
    pub(crate) fn fault(&self) -> Option<String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
        if self.name.is_empty() || self.name.len() > NAME_BYTES_MAX || !self.name.bytes().all(plain) {
            return Some(format!("a token's name has 1 to {NAME_BYTES_MAX} of a-z, A-Z, 0-9, '-', '_', '.' and '@'"));
        }
        if self.scopes.is_empty() || self.scopes.len() > SCOPES_MAX {
            return Some(format!(
                "a token has 1 to {SCOPES_MAX} scopes; give monitor to one that may only look at the cluster"
            ));
        }
        let zero = |rate: Rate| rate.per_second == 0 || rate.burst == 0;
        self.rate.is_some_and(zero).then(|| "the rate of a token is 0; revoke it instead".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::{Act, Right};

    fn scope(text: &str) -> Right {
        Right::parse(text).unwrap()
    }

    #[test]
    fn scopes_read_as_they_are_written() {
        for text in ["monitor", "read", "write:carts", "admin:a_b.c"] {
            assert_eq!(scope(text).to_string(), text);
        }
        for text in ["", "Read", "read:", "read:A B", "monitor:carts", "delete", "read:carts:x"] {
            assert_eq!(Right::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_scope_allows_what_it_says_and_no_more() {
        assert!(scope("read:carts").allows(Act::Read, Some("carts")));
        assert!(!scope("read:carts").allows(Act::Read, Some("users")));
        assert!(!scope("read:carts").allows(Act::Read, None), "everywhere is more than one bucket");
        assert!(!scope("read").allows(Act::Write, Some("carts")) && !scope("write").allows(Act::Read, Some("carts")));
        assert!(scope("read").allows(Act::Read, Some("carts")) && scope("read").allows(Act::Read, None));
        assert!(
            scope("admin:carts").allows(Act::Write, Some("carts")) && !scope("admin:carts").allows(Act::Admin, None)
        );
        assert!(Act::ALL.into_iter().all(|act| Right::ALL.allows(act, Some("carts")) && Right::ALL.allows(act, None)));
        assert!(scope("read:carts").allows(Act::Monitor, None) && !scope("monitor").allows(Act::Read, Some("carts")));
    }
}
