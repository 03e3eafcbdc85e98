//! Which keys a request touches, so that requests of one connection that touch the same one run one after another.
//!
//! Invariant: two requests whose order could be noticed conflict. Keys are compared by a hash: different keys may be taken
//! for the same, which only makes the later request wait.

use super::table::{Command, Flag};
use bytes::Bytes;
use stdx::hash::Mixer;

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
        /// Which.
        keys: Vec<u64>,
    },
    /// Any data.
    All,
}

impl Footprint {
    /// The footprint of a request that the table has found well formed.
    pub(crate) fn of(command: &Command, request: &[Bytes], database: u32) -> Footprint {
        if command.has(Flag::Everything) {
            return Footprint::All;
        }
        let write = command.has(Flag::Write);
        let mut keys = command.keys.of(request).map(|key| hash(database, key));
        match (keys.next(), keys.next()) {
            (None, _) => Footprint::Nothing,
            (Some(key), None) => Footprint::One { write, key },
            (Some(first), Some(second)) => {
                Footprint::Some { write, keys: [first, second].into_iter().chain(keys).collect() }
            }
        }
    }

    /// True if the order of the two could be noticed.
    pub(crate) fn conflicts(&self, other: &Footprint) -> bool {
        match (self, other) {
            (Footprint::Nothing, _) | (_, Footprint::Nothing) => false,
            (Footprint::All, _) | (_, Footprint::All) => true,
            _ if !self.writes() && !other.writes() => false,
            _ => self.keys().iter().any(|key| other.keys().contains(key)),
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

fn hash(database: u32, key: &[u8]) -> u64 {
    let mut mixer = Mixer::new(u64::from(database));
    mixer.bytes(key);
    mixer.finish()
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::Footprint;
    use bytes::Bytes;

    fn footprint(line: &str) -> Footprint {
        let request: Vec<Bytes> = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
        Footprint::of(table::find(&request).unwrap(), &request, 0)
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
        ] {
            assert_eq!(footprint(first).conflicts(&footprint(second)), conflict, "{first}, {second}");
        }
    }
}
