//! What to ask next: fills, works and looks again, from one seed.
//!
//! Invariant: where connections own keys, no two ever write the same one.

use crate::chooser::Chooser;
use crate::mix::{Act, Mix};
use stdx::Prng;

/// Smallest and largest value, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sizes {
    /// Smallest.
    pub low: usize,
    /// Largest.
    pub high: usize,
}

impl Sizes {
    /// Reads `100` or `16..4096`. `None` if it is neither, or the other way round.
    pub fn parse(text: &str) -> Option<Sizes> {
        let (low, high) = text.split_once("..").unwrap_or((text, text));
        let sizes = Sizes { low: low.parse().ok()?, high: high.parse().ok()? };
        (sizes.low <= sizes.high).then_some(sizes)
    }

    /// The next size.
    pub fn next(&self, prng: &mut Prng) -> usize {
        if self.low == self.high { self.low } else { prng.between(self.low as u64, self.high as u64) as usize }
    }
}

/// One thing to ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Task {
    /// What to do.
    pub act: Act,
    /// The number of the key.
    pub number: u64,
}

/// Gives out tasks to connections.
#[derive(Debug)]
pub enum Source {
    /// Writes every key once.
    Fill {
        /// The next key.
        next: u64,
        /// The number behind the last one.
        end: u64,
    },
    /// A mix over chosen keys.
    Work {
        /// Which operations.
        mix: Mix,
        /// Which keys.
        chooser: Chooser,
        /// Randomness.
        prng: Box<Prng>,
        /// Keys there are at the start.
        keys: u64,
        /// Connections own keys: each writes those whose number leaves its own one, divided by the number of connections.
        owned: bool,
        /// Keys inserted by each connection.
        inserted: Vec<u64>,
        /// The number behind the newest key that a connection has inserted.
        newest: u64,
    },
    /// Reads these keys.
    Look(Vec<u64>),
}

impl Source {
    /// A mix over `keys` keys, for so many connections.
    pub fn work(mix: Mix, chooser: Chooser, seed: u64, keys: u64, connections: usize, owned: bool) -> Source {
        assert!(!owned || keys >= connections as u64, "connections that own no key");
        let inserted = vec![0; connections];
        Source::Work { mix, chooser, prng: Box::new(Prng::new(seed)), keys, owned, inserted, newest: keys }
    }

    /// The next task of a connection; `None` if there is nothing more to do.
    pub fn next(&mut self, connection: usize) -> Option<Task> {
        match self {
            Source::Fill { next, end } => {
                let number = *next;
                *next += 1;
                (number < *end).then_some(Task { act: Act::Insert, number })
            }
            Source::Look(numbers) => numbers.pop().map(|number| Task { act: Act::Read, number }),
            Source::Work { mix, chooser, prng, keys, owned, inserted, newest } => {
                let (act, count) = (mix.next(prng), inserted.len() as u64);
                if act == Act::Insert {
                    let number = keys.next_multiple_of(count) + inserted[connection] * count + connection as u64;
                    inserted[connection] += 1;
                    return Some(Task { act, number });
                }
                let number = chooser.next(prng, *newest);
                let writes = matches!(act, Act::Update | Act::Modify);
                let number = if *owned && writes { own(number, connection as u64, count, *keys) } else { number };
                Some(Task { act, number })
            }
        }
    }

    /// An insert was acknowledged.
    pub fn inserted(&mut self, number: u64) {
        if let Source::Work { newest, .. } = self {
            *newest = (*newest).max(number + 1);
        }
    }
}

/// The key next to `number` that the connection owns, below the larger of `keys` and `number`.
fn own(number: u64, connection: u64, connections: u64, keys: u64) -> u64 {
    let own = number - number % connections + connection;
    if own >= keys.max(number + 1) { own - connections } else { own }
}

#[cfg(test)]
mod tests {
    use super::{Sizes, Source, own};
    use crate::chooser::{Choice, Chooser};
    use crate::mix::{Act, Mix};
    use std::collections::BTreeMap;

    #[test]
    fn filling_writes_every_key_once() {
        let mut source = Source::Fill { next: 0, end: 5 };
        let numbers: Vec<u64> = std::iter::from_fn(|| source.next(0)).map(|task| task.number).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn no_two_connections_write_the_same_key() {
        let (connections, keys) = (7, 50);
        for mix in ["a", "d", "f", "read=1,update=1,insert=1,modify=1"] {
            let (mix, choice) = Mix::parse(mix).unwrap();
            let mut source = Source::work(mix, Chooser::new(choice, keys), 1, keys, connections, true);
            let mut owners = BTreeMap::new();
            for at in 0..20_000 {
                let connection = at % connections;
                let task = source.next(connection).unwrap();
                if task.act == Act::Insert {
                    source.inserted(task.number);
                }
                if !matches!(task.act, Act::Read) {
                    let owner = *owners.entry(task.number).or_insert(connection);
                    assert_eq!(owner, connection, "{task:?}");
                }
            }
        }
    }

    #[test]
    fn an_owned_key_is_near_and_there() {
        for (number, connection, expected) in [(0, 3, 3), (12, 3, 13), (49, 0, 40), (44, 9, 49), (47, 9, 49)] {
            assert_eq!(own(number, connection, 10, 50), expected, "{number} {connection}");
        }
        assert_eq!(own(51, 9, 10, 52), 49);
    }

    #[test]
    fn reads_of_the_latest_follow_inserts() {
        let (mix, _) = Mix::parse("d").unwrap();
        let mut source = Source::work(mix, Chooser::new(Choice::Latest, 100), 1, 100, 2, false);
        source.inserted(10_000);
        let tasks: Vec<_> = (0..200).filter_map(|_| source.next(0)).collect();
        assert!(tasks.iter().all(|task| task.act == Act::Insert || (9_901..=10_000).contains(&task.number)));
    }

    #[test]
    fn sizes_are_read() {
        assert_eq!(Sizes::parse("100"), Some(Sizes { low: 100, high: 100 }));
        assert_eq!(Sizes::parse("16..64"), Some(Sizes { low: 16, high: 64 }));
        assert!(["", "a", "9..1", "1..", "-1"].iter().all(|text| Sizes::parse(text).is_none()));
    }
}
