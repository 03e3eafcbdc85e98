//! The key spaces of a node's store. Keys of different spaces never meet: each space is ordered and scanned by itself,
//! while one batch may change several of them atomically.
//!
//! Invariant: names are part of the format on disk and never change meaning.
//! Refuses to know what a key looks like inside its space.

use std::fmt;

/// One ordered key space.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// Versions of the items that this node holds as a replica.
    Items,
    /// The node's own records: identity, history, ballots, counters.
    Meta,
    /// Writes kept for other nodes until they can be delivered.
    Hints,
}

impl Space {
    /// Every space, in the order in which they are declared.
    pub const ALL: [Space; 3] = [Space::Items, Space::Meta, Space::Hints];

    /// The name under which the space is kept on disk.
    pub const fn name(self) -> &'static str {
        match self {
            Space::Items => "items",
            Space::Meta => "meta",
            Space::Hints => "hints",
        }
    }

    /// Position in [`Space::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Space;

    #[test]
    fn index_is_the_position_in_all() {
        for (position, space) in Space::ALL.into_iter().enumerate() {
            assert_eq!(space.index(), position);
        }
    }
}
