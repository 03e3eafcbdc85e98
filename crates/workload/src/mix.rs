//! Which operations, and how often each: the mixes A to F of YCSB (Cooper et al., SoCC 2010), or shares of one's own.

use crate::chooser::Choice;
use std::fmt;
use stdx::Prng;

/// What one operation does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Act {
    /// Reads a key.
    Read,
    /// Writes a key that is there.
    Update,
    /// Writes a new key.
    Insert,
    /// Reads some items of a row, in order.
    Scan,
    /// Reads a key, then writes it.
    Modify,
}

impl Act {
    /// All of them, in the order of reports.
    pub const ALL: [Act; 5] = [Act::Read, Act::Update, Act::Insert, Act::Scan, Act::Modify];

    /// Its word, on the command line and in reports.
    pub fn word(self) -> &'static str {
        match self {
            Act::Read => "read",
            Act::Update => "update",
            Act::Insert => "insert",
            Act::Scan => "scan",
            Act::Modify => "modify",
        }
    }

    /// Its place in [`Act::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

/// How often each operation is made. Shares are parts of their sum.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mix {
    shares: Vec<(Act, u32)>,
    sum: u32,
}

impl Mix {
    /// Reads a letter from `a` to `f`, `get`, `set`, or shares like `read=90,update=10`; with the way of choosing keys that
    /// goes with it. `None` if it is none of these.
    pub fn parse(text: &str) -> Option<(Mix, Choice)> {
        let (shares, choice): (&[(Act, u32)], _) = match text {
            "a" => (&[(Act::Read, 50), (Act::Update, 50)], Choice::Zipfian),
            "b" => (&[(Act::Read, 95), (Act::Update, 5)], Choice::Zipfian),
            "c" => (&[(Act::Read, 100)], Choice::Zipfian),
            "d" => (&[(Act::Read, 95), (Act::Insert, 5)], Choice::Latest),
            "e" => (&[(Act::Scan, 95), (Act::Insert, 5)], Choice::Zipfian),
            "f" => (&[(Act::Read, 50), (Act::Modify, 50)], Choice::Zipfian),
            "get" => (&[(Act::Read, 100)], Choice::Uniform),
            "set" => (&[(Act::Update, 100)], Choice::Uniform),
            _ => return Some((Mix::of(shares(text)?)?, Choice::Uniform)),
        };
        Some((Mix::of(shares.to_vec())?, choice))
    }

    fn of(shares: Vec<(Act, u32)>) -> Option<Mix> {
        let sum = shares.iter().try_fold(0u32, |sum, (_, share)| sum.checked_add(*share))?;
        (sum > 0).then_some(Mix { shares, sum })
    }

    /// Whether it makes such operations.
    pub fn has(&self, act: Act) -> bool {
        self.shares.iter().any(|(other, share)| *other == act && *share > 0)
    }

    /// The next operation.
    pub fn next(&self, prng: &mut Prng) -> Act {
        if let [(act, _)] = self.shares[..] {
            return act;
        }
        let mut left = prng.below(u64::from(self.sum)) as u32;
        for (act, share) in &self.shares {
            if left < *share {
                return *act;
            }
            left -= share;
        }
        unreachable!("a number below the sum lies within a share")
    }
}

/// Reads `read=90,update=10`.
fn shares(text: &str) -> Option<Vec<(Act, u32)>> {
    let share = |part: &str| {
        let (word, share) = part.split_once('=')?;
        let act = Act::ALL.into_iter().find(|act| act.word() == word)?;
        Some((act, share.parse().ok()?))
    };
    text.split(',').map(share).collect()
}

impl fmt::Display for Mix {
    /// As `50 % read, 50 % update`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (act, share)) in self.shares.iter().enumerate() {
            let percent = f64::from(*share) * 100.0 / f64::from(self.sum);
            write!(f, "{}{percent:.0} % {}", if at > 0 { ", " } else { "" }, act.word())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Act, Mix};
    use crate::chooser::Choice;
    use stdx::Prng;

    #[test]
    fn shares_are_kept() {
        let (mix, choice) = Mix::parse("read=1,update=3").unwrap();
        assert_eq!((mix.to_string().as_str(), choice), ("25 % read, 75 % update", Choice::Uniform));
        let mut prng = Prng::new(1);
        let reads = (0..10_000).filter(|_| mix.next(&mut prng) == Act::Read).count();
        assert!((2_300..2_700).contains(&reads), "{reads}");
        assert!(mix.has(Act::Update) && !mix.has(Act::Scan));
    }

    #[test]
    fn the_letters_are_those_of_ycsb() {
        for (letter, text, choice) in [
            ("a", "50 % read, 50 % update", Choice::Zipfian),
            ("d", "95 % read, 5 % insert", Choice::Latest),
            ("e", "95 % scan, 5 % insert", Choice::Zipfian),
            ("f", "50 % read, 50 % modify", Choice::Zipfian),
        ] {
            let (mix, chosen) = Mix::parse(letter).unwrap();
            assert_eq!((mix.to_string().as_str(), chosen), (text, choice));
        }
    }

    #[test]
    fn what_is_no_mix_is_refused() {
        for text in ["", "g", "read", "read=x", "read=0", "write=1", "read=1,,update=1", "read=4294967295,update=1"] {
            assert_eq!(Mix::parse(text), None, "{text}");
        }
    }
}
