//! How many young runs gather before they are merged with what is older.
//!
//! Each merge writes anew all that overlaps them, which where keys are random is everything: twice as many halve what a write costs
//! later. Each is one more place for a read to look at, if only at a filter.
//!
//! Refuses to know tables.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU8, Ordering};

use super::chance;

/// While memory tables are being written out; another number after each merge.
const BUSY: RangeInclusive<u64> = 8..=12;

/// And until they have one in so many of the bytes that they are merged with, but no more than `GATHERED`.
const SHARE: u64 = 4;

/// While memory tables are being written out, so many are merged however much is below them.
const GATHERED: u8 = 32;

/// When it is quiet.
const QUIET: u8 = 4;

/// Whether there is time.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Memory tables are being written out.
    Busy,
    /// None has been for a while.
    Quiet,
}

/// The young runs of one space.
pub(super) struct Gathering(AtomicU8);

impl Gathering {
    /// With a number of its own for busy times.
    pub(super) fn new() -> Gathering {
        Gathering(AtomicU8::new(busy()))
    }

    /// With so many, a merge is due, if those that there are have `young` bytes, and what they are merged with has `below`.
    pub(super) fn due(&self, patience: Patience, (young, below): (u64, u64)) -> u8 {
        match patience {
            Patience::Busy if are_few(young, below) => GATHERED,
            Patience::Busy => self.0.load(Ordering::Relaxed),
            Patience::Quiet => QUIET,
        }
    }

    /// Something was merged.
    pub(super) fn renew(&self) {
        self.0.store(busy(), Ordering::Relaxed);
    }
}

/// Of `runs` young runs, those that wait for a merge: all, unless they are few beside what they are merged with.
pub(super) fn waiting(runs: usize, (young, below): (u64, u64)) -> usize {
    let may_gather = if are_few(young, below) { u64::from(GATHERED) - BUSY.end() } else { 0 };
    runs.saturating_sub(may_gather as usize)
}

fn are_few(young: u64, below: u64) -> bool {
    young < below / SHARE
}

fn busy() -> u8 {
    u8::try_from(chance::number(BUSY)).unwrap_or(QUIET)
}

#[cfg(test)]
mod tests {
    use super::{BUSY, GATHERED, Gathering, Patience, QUIET, waiting};

    #[test]
    fn the_more_there_is_to_write_anew_the_more_gathers_before() {
        let gathering = Gathering::new();
        let due = |patience, young: u64, below: u64| gathering.due(patience, (young << 20, below << 20));
        assert!(BUSY.contains(&u64::from(due(Patience::Busy, 60, 240))));
        assert_eq!(due(Patience::Busy, 60, 250), GATHERED);
        assert_eq!((waiting(30, (60, 240)), waiting(30, (60, 250)), waiting(20, (60, 250))), (30, 10, 0));
        assert_eq!((due(Patience::Quiet, 60, 250), due(Patience::Quiet, 60, 0)), (QUIET, QUIET));
    }
}
