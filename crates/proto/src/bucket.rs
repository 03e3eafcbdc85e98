//! Settings of a bucket, and the levels a request may ask for.
//!
//! Invariant: `mode` and `rule` never change after the bucket is made; the rest may, by an event of the history.

use crate::ids::BucketId;
use crate::item::ItemKey;
use crate::record::Rule;
use std::fmt;
use stdx::Span;
use stdx::bugs::planted;

/// How many replicas must answer before the coordinator does.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub enum Level {
    /// Writes: one durable copy or one durable hint anywhere. Reads: the same as `One`.
    Any,
    /// One replica.
    One,
    /// More than half of the replicas.
    #[default]
    Quorum,
    /// Every replica.
    All,
    /// Exactly this many replicas.
    Count(u8),
}

impl Level {
    /// Replicas needed out of `replicas`; `None` if that many do not exist.
    pub fn needed(self, replicas: usize) -> Option<usize> {
        let needed = match self {
            Level::Any | Level::One => 1,
            Level::Quorum if planted("a quorum is one less") => (replicas / 2).max(1),
            Level::Quorum => replicas / 2 + 1,
            Level::All => replicas.max(1),
            Level::Count(count) => usize::from(count),
        };
        (needed >= 1 && needed <= replicas).then_some(needed)
    }

    /// Reads `any`, `one`, `quorum`, `all` or a number from 1 to 255.
    pub fn parse(text: &str) -> Option<Level> {
        match text.to_ascii_lowercase().as_str() {
            "any" => Some(Level::Any),
            "one" => Some(Level::One),
            "quorum" => Some(Level::Quorum),
            "all" => Some(Level::All),
            number => number.parse().ok().filter(|count| *count > 0).map(Level::Count),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Level::Any => f.write_str("any"),
            Level::One => f.write_str("one"),
            Level::Quorum => f.write_str("quorum"),
            Level::All => f.write_str("all"),
            Level::Count(count) => write!(f, "{count}"),
        }
    }
}

/// When a replica may acknowledge a write.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Durability {
    /// When it can be read; a loss of power may lose it.
    Memory,
    /// When it is on disk.
    #[default]
    Fsync,
}

/// Which promise a bucket gives.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Always writable, causal versions, tunable quorums.
    #[default]
    Eventual,
    /// One order for all operations of a key, and changes on a condition; needs a majority of the replicas.
    Linearizable,
}

/// A bucket as the cluster agreed on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bucket {
    /// Its number.
    pub id: BucketId,
    /// Its name: 1 to 64 of `a-z`, `0-9`, `-`, `_`, `.`.
    pub name: String,
    /// Copies of each item.
    pub n: u8,
    /// Default level of reads.
    pub r: Level,
    /// Default level of writes.
    pub w: Level,
    /// Which promise.
    pub mode: Mode,
    /// How concurrent writes are settled; [`Bucket::rule_for`] says how those of one item are.
    pub rule: Rule,
    /// Time to live of versions written without one, in whole milliseconds.
    pub ttl: Option<Span>,
}

impl Bucket {
    /// The bucket of the reference interface, with `n` copies.
    pub fn default_bucket(n: u8) -> Bucket {
        Bucket {
            id: BucketId::DEFAULT,
            name: "default".to_owned(),
            n,
            r: Level::Quorum,
            w: Level::Quorum,
            mode: Mode::Eventual,
            rule: Rule::LastWriterWins,
            ttl: None,
        }
    }

    /// How concurrent writes of one item are settled.
    pub fn rule_for(&self, key: &ItemKey) -> Rule {
        if planted("elements follow the rule of their bucket") { self.rule } else { self.rule.of_key(key) }
    }

    /// True if `name` may name a bucket.
    pub fn name_is_valid(name: &str) -> bool {
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        (1..=64).contains(&name.len()) && name.chars().all(letters)
    }
}

#[cfg(test)]
mod tests {
    use super::{Bucket, Level};

    #[test]
    fn levels_count_replicas() {
        assert_eq!(Level::Quorum.needed(3), Some(2));
        assert_eq!(Level::Quorum.needed(2), Some(2));
        assert_eq!(Level::Quorum.needed(1), Some(1));
        assert_eq!(Level::All.needed(3), Some(3));
        assert_eq!(Level::Count(4).needed(3), None);
        assert_eq!(Level::One.needed(0), None);
    }

    #[test]
    fn levels_read_back_what_they_print() {
        for level in [Level::Any, Level::One, Level::Quorum, Level::All, Level::Count(7)] {
            assert_eq!(Level::parse(&level.to_string()), Some(level));
        }
        for text in ["", "0", "most", "256", "-1"] {
            assert_eq!(Level::parse(text), None, "{text}");
        }
    }

    #[test]
    fn bucket_names_are_plain() {
        assert!(Bucket::name_is_valid("user-sessions_2.0"));
        for name in ["", "Upper", "a/b", "ñ"] {
            assert!(!Bucket::name_is_valid(name), "{name}");
        }
    }
}
