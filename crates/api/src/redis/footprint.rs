//! Which keys a request touches, so that requests of one connection that touch the same one run one after another.
//!
//! Invariant: two requests whose order could be noticed conflict. Keys are compared by a hash: different keys may be taken
//! for the same, which only makes the later request wait. Comparing two requests takes time in proportion to their keys, of
//! which no more than [`KEYS_MAX`] are kept.

use super::table::{Command, Flag};
use bytes::Bytes;
use std::cmp::Ordering;
use stdx::hash::Mixer;

/// A request that names more keys is taken to touch everything.
const KEYS_MAX: usize = 1_000;
/// A request for several values that has more words may answer much.
const LARGE_FROM: usize = 16;

/// What a request touches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Footprint {
    /// No data at all.
    Nothing,
    /// One key.
    One {
        /// It may change it.
        write: bool,
        /// Which.
        key: u64,
    },
    /// Several keys.
    Some {
        /// It may change them.
        write: bool,
        /// Which, in order.
        keys: Vec<u64>,
    },
    /// Any data; or it must be alone for its size.
    All,
}

impl Footprint {
    /// The footprint of a request that the table has found well formed.
    pub(crate) fn of(command: &Command, request: &[Bytes], bucket: &str) -> Footprint {
        let large = command.has(Flag::Large) && (!command.has(Flag::Fast) || request.len() > LARGE_FROM);
        if large || command.has(Flag::Everything) {
            return Footprint::All;
        }
        let write = command.has(Flag::Write);
        let mut named = command.keys.of(request).map(|key| hash(bucket, key));
        match (named.next(), named.next()) {
            (None, _) => Footprint::Nothing,
            (Some(key), None) => Footprint::One { write, key },
            (Some(first), Some(second)) => {
                let mut keys: Vec<u64> = [first, second].into_iter().chain(named).take(KEYS_MAX + 1).collect();
                if keys.len() > KEYS_MAX {
                    return Footprint::All;
                }
                keys.sort_unstable();
                Footprint::Some { write, keys }
            }
        }
    }

    /// True if the order of the two could be noticed.
    pub(crate) fn conflicts(&self, other: &Footprint) -> bool {
        match (self, other) {
            (Footprint::Nothing, _) | (_, Footprint::Nothing) => false,
            (Footprint::All, _) | (_, Footprint::All) => true,
            _ if !self.writes() && !other.writes() => false,
            _ => share_one(self.keys(), other.keys()),
        }
    }

    fn writes(&self) -> bool {
        matches!(self, Footprint::One { write: true, .. } | Footprint::Some { write: true, .. })
    }

    fn keys(&self) -> &[u64] {
        match self {
            Footprint::One { key, .. } => std::slice::from_ref(key),
            Footprint::Some { keys, .. } => keys,
            Footprint::Nothing | Footprint::All => &[],
        }
    }
}

/// True if something is in both, which are in order.
fn share_one(mut some: &[u64], mut others: &[u64]) -> bool {
    while let ([first, rest @ ..], [other, others_rest @ ..]) = (some, others) {
        match first.cmp(other) {
            Ordering::Less => some = rest,
            Ordering::Greater => others = others_rest,
            Ordering::Equal => return true,
        }
    }
    false
}

/// Of the bucket's name, for two databases may stand for one bucket.
fn hash(bucket: &str, key: &[u8]) -> u64 {
    let mut mixer = Mixer::new(0);
    mixer.bytes(bucket.as_bytes());
    mixer.bytes(key);
    mixer.finish()
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::{Footprint, KEYS_MAX};
    use bytes::Bytes;

    fn footprint(line: &str) -> Footprint {
        let request: Vec<Bytes> = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
        Footprint::of(table::find(&request).unwrap(), &request, "default")
    }

    #[test]
    fn writes_of_one_key_conflict_and_reads_do_not() {
        for (first, second, conflict) in [
            ("SET a 1", "GET a", true),
            ("GET a", "SET a 1", true),
            ("GET a", "GET a", false),
            ("SET a 1", "SET b 1", false),
            ("MSET a 1 b 2", "GET b", true),
            ("MSET a 1 b 2", "GET 1", false),
            ("MGET a b", "SET b 1", true),
            ("SET a 1", "SCAN 0", true),
            ("SET a 1", "PING", false),
            ("HGETALL a", "GET b", true),
            ("SMEMBERS a", "SMEMBERS b", true),
            ("HMGET a b c", "MGET d e", false),
            ("MGET 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "GET b", true),
        ] {
            assert_eq!(footprint(first).conflicts(&footprint(second)), conflict, "{first}, {second}");
        }
    }

    #[test]
    fn of_many_keys_a_common_one_is_found_and_too_many_are_everything() {
        let del = |keys: std::ops::Range<usize>| {
            let keys: Vec<String> = keys.map(|key| key.to_string()).collect();
            footprint(&format!("DEL {}", keys.join(" ")))
        };
        for at in 0..9 {
            assert!(del(0..9).conflicts(&footprint(&format!("GET {at}"))), "{at}");
        }
        assert!(del(0..KEYS_MAX).conflicts(&del(KEYS_MAX - 1..2 * KEYS_MAX - 1)));
        assert!(!del(0..KEYS_MAX).conflicts(&del(KEYS_MAX..2 * KEYS_MAX)));
        assert_eq!(del(0..KEYS_MAX + 1), Footprint::All);
    }
}
