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

    /// With so many, a merge is due.
    pub(super) fn due(&self, patience: Patience) -> u8 {
        match patience {
            Patience::Busy => self.0.load(Ordering::Relaxed),
            Patience::Quiet => QUIET,
        }
    }

    /// Something was merged.
    pub(super) fn renew(&self) {
        self.0.store(busy(), Ordering::Relaxed);
    }
}

fn busy() -> u8 {
    u8::try_from(chance::number(BUSY)).unwrap_or(QUIET)
}
