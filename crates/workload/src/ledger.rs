//! What was acknowledged, and whether answers agree with it.
//!
//! Law: for a key that one connection writes, a read must not answer with less than what was acknowledged before the read
//! began. What lies between that and the last write sent may be answered. A write whose outcome is unknown may take effect at
//! any time, so its value is never held against the server.

use crate::stamp::Stamp;
use std::collections::BTreeSet;

/// What was sent and acknowledged per key.
#[derive(Debug)]
pub struct Ledger {
    run: u32,
    /// Of each key, by its number: the last write sent, and the last one acknowledged. 0: none.
    keys: Vec<(u32, u32)>,
    /// Writes whose outcome is unknown.
    unknown: BTreeSet<(u64, u32)>,
}

/// What an answer to a read proves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It may be so.
    Fine,
    /// An acknowledged write is gone.
    Lost {
        /// It was at least this one.
        acknowledged: u32,
    },
    /// An acknowledged write is gone, an earlier one is there.
    Stale {
        /// It was at least this one.
        acknowledged: u32,
        /// This one is there.
        found: u32,
    },
    /// A value that was never written to this key.
    Foreign,
    /// Not the bytes that were written.
    Damaged,
}

impl Ledger {
    /// Begins with so many keys, about which nothing is known. `run` tells its values from those of other runs.
    pub fn new(run: u32, keys: u64) -> Ledger {
        Ledger { run, keys: vec![(0, 0); keys as usize], unknown: BTreeSet::new() }
    }

    /// A write of a key begins: the stamp for its value.
    pub fn begin(&mut self, number: u64) -> Stamp {
        let at = number as usize;
        if at >= self.keys.len() {
            self.keys.resize(at + 1, (0, 0));
        }
        self.keys[at].0 += 1;
        Stamp { number, sequence: self.keys[at].0, run: self.run }
    }

    /// A write was acknowledged.
    pub fn acknowledge(&mut self, number: u64, sequence: u32) {
        let key = &mut self.keys[number as usize];
        key.1 = key.1.max(sequence);
    }

    /// A write failed, or its answer is missing: it may take effect, or not.
    pub fn doubt(&mut self, number: u64, sequence: u32) {
        self.unknown.insert((number, sequence));
    }

    /// The last acknowledged write of a key; 0 if there is none.
    pub fn acknowledged(&self, number: u64) -> u32 {
        self.keys.get(number as usize).map_or(0, |(_, acknowledged)| *acknowledged)
    }

    /// Keys with an acknowledged write.
    pub fn written(&self) -> impl Iterator<Item = u64> + '_ {
        (0u64..).zip(&self.keys).filter(|(_, (_, acknowledged))| *acknowledged > 0).map(|(number, _)| number)
    }

    /// Judges an answer to a read that began when `acknowledged` was the last acknowledged write.
    pub fn judge(&self, number: u64, acknowledged: u32, value: Option<&[u8]>) -> Verdict {
        let Some(value) = value else {
            return if acknowledged == 0 { Verdict::Fine } else { Verdict::Lost { acknowledged } };
        };
        let Some(stamp) = Stamp::read(value) else { return Verdict::Damaged };
        let sent = self.keys.get(number as usize).map_or(0, |(sent, _)| *sent);
        if stamp.number != number {
            return Verdict::Foreign;
        }
        if stamp.run != self.run {
            return if acknowledged == 0 { Verdict::Fine } else { Verdict::Lost { acknowledged } };
        }
        match stamp.sequence {
            found if found == 0 || found > sent => Verdict::Foreign,
            found if found < acknowledged && !self.unknown.contains(&(number, found)) => {
                Verdict::Stale { acknowledged, found }
            }
            _ => Verdict::Fine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ledger, Verdict};
    use crate::stamp::Stamp;

    fn value(stamp: Stamp) -> Vec<u8> {
        let mut value = Vec::new();
        stamp.write(b"", &mut value);
        value
    }

    #[test]
    fn a_read_must_not_be_older_than_what_was_acknowledged() {
        let mut ledger = Ledger::new(1, 10);
        assert_eq!(ledger.judge(3, 0, None), Verdict::Fine);
        let first = value(ledger.begin(3));
        ledger.acknowledge(3, 1);
        let second = value(ledger.begin(3));
        assert_eq!(ledger.judge(3, 1, Some(&first)), Verdict::Fine);
        assert_eq!(ledger.judge(3, 1, Some(&second)), Verdict::Fine, "what is under way may be read");
        assert_eq!(ledger.judge(3, 1, None), Verdict::Lost { acknowledged: 1 });
        ledger.acknowledge(3, 2);
        assert_eq!(ledger.judge(3, 1, Some(&first)), Verdict::Fine, "the read began before the acknowledgement");
        assert_eq!(ledger.judge(3, 2, Some(&first)), Verdict::Stale { acknowledged: 2, found: 1 });
        assert_eq!(ledger.written().collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn values_that_cannot_be_there_are_told() {
        let mut ledger = Ledger::new(1, 10);
        let own = ledger.begin(3);
        ledger.acknowledge(3, 1);
        let other = value(ledger.begin(4));
        assert_eq!(ledger.judge(3, 1, Some(&other)), Verdict::Foreign);
        assert_eq!(ledger.judge(3, 1, Some(&value(Stamp { sequence: 2, ..own }))), Verdict::Foreign, "never sent");
        assert_eq!(ledger.judge(3, 1, Some(b"else")), Verdict::Damaged);
        let earlier_run = value(Stamp { run: 9, ..own });
        assert_eq!(ledger.judge(3, 1, Some(&earlier_run)), Verdict::Lost { acknowledged: 1 });
        assert_eq!(ledger.judge(5, 0, Some(&value(Stamp { number: 5, sequence: 1, run: 9 }))), Verdict::Fine);
    }

    #[test]
    fn a_write_of_unknown_outcome_may_come_late() {
        let mut ledger = Ledger::new(1, 0);
        let doubtful = value(ledger.begin(12));
        ledger.doubt(12, 1);
        ledger.begin(12);
        ledger.acknowledge(12, 2);
        assert_eq!(ledger.judge(12, 2, Some(&doubtful)), Verdict::Fine);
        assert_eq!(ledger.judge(12, 2, None), Verdict::Lost { acknowledged: 2 });
    }
}
