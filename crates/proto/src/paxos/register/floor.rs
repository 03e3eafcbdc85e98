//! Where registers begin anew: above every ballot and every number of those that were collected.
//!
//! Invariant: both parts only grow. Refuses to know which register had them; they count for all.

/// No register that was or is about to be collected had a higher ballot or number (`docs/adr/0021-collection-of-registers.md`).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Floor {
    /// The highest counter of a ballot that was promised or accepted.
    pub ballot: u64,
    /// The highest number of changes; a register that nobody holds anything of goes on from there.
    pub number: u64,
}

impl Floor {
    /// The higher of each part.
    pub fn merged(self, other: Floor) -> Floor {
        Floor { ballot: self.ballot.max(other.ballot), number: self.number.max(other.number) }
    }

    /// True if nothing was ever about to be collected.
    pub fn is_zero(self) -> bool {
        self == Floor::default()
    }
}
