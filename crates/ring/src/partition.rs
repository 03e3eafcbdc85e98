//! Partitions: the equal slices of the token space, the unit of everything that is tracked, moved and repaired.
//!
//! With Q = 2^bits partitions of width W = 2^160 / Q, partition p covers the tokens in (p·W, (p+1)·W]; the last one
//! wraps and includes token 0. The end is inclusive because the owner of a key is the first node token *at* or after
//! the key's; with node tokens only on boundaries, that node is the same for a whole partition.
//!
//! Invariant: every token lies in exactly one partition, and `round_up` maps it to that partition's boundary.
//! Refuses to know nodes.

use std::fmt;

use crate::Token;

/// The number of a partition, from 0 to Q − 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(pub u16);

impl PartitionId {
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Debug for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How the token space is cut: into Q = 2^bits equal partitions. Fixed when a cluster is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grid {
    bits: u8,
}

impl Default for Grid {
    /// 4096 partitions.
    fn default() -> Grid {
        Grid { bits: 12 }
    }
}

impl Grid {
    /// The grid of 2^bits partitions, or `None` if that is more than 65,536 of them.
    pub const fn new(bits: u8) -> Option<Grid> {
        if bits <= 16 { Some(Grid { bits }) } else { None }
    }

    /// The binary logarithm of the number of partitions.
    pub const fn bits(self) -> u8 {
        self.bits
    }

    /// The number of partitions, Q.
    pub const fn count(self) -> u32 {
        1 << self.bits
    }

    /// The partition in which a token lies.
    pub fn partition_of(self, token: &Token) -> PartitionId {
        let (head, tail) = split(token);
        // The top 16 bits of (token − 1), modulo 2^160: a token on a boundary belongs to the partition it ends.
        let top = if tail { head } else { head.wrapping_sub(1) };
        PartitionId((u32::from(top) >> self.shift()) as u16)
    }

    /// The last token of a partition, inclusive. Zero for the last partition.
    pub fn boundary(self, partition: PartitionId) -> Token {
        let head = ((u32::from(partition.0) + 1) << self.shift()) as u16;
        let mut bytes = [0; 20];
        bytes[..2].copy_from_slice(&head.to_be_bytes());
        Token::from_bytes(bytes)
    }

    /// The first boundary at or after a token, clockwise. A token on a boundary is unchanged.
    pub fn round_up(self, token: &Token) -> Token {
        self.boundary(self.partition_of(token))
    }

    /// The partition whose last token this is, or `None` if the token is not on a boundary.
    pub fn partition_ending_at(self, boundary: &Token) -> Option<PartitionId> {
        let partition = self.partition_of(boundary);
        (self.boundary(partition) == *boundary).then_some(partition)
    }

    /// All partitions, in order.
    pub fn partitions(self) -> impl DoubleEndedIterator<Item = PartitionId> + Clone {
        (0..self.count()).map(|p| PartitionId(p as u16))
    }

    const fn shift(self) -> u32 {
        16 - self.bits as u32
    }
}

/// The top 16 bits of a token, and whether any of the others is set.
fn split(token: &Token) -> (u16, bool) {
    let bytes = token.as_bytes();
    (u16::from_be_bytes([bytes[0], bytes[1]]), bytes[2..].iter().any(|b| *b != 0))
}

#[cfg(test)]
mod tests {
    use super::{Grid, PartitionId};
    use crate::Token;

    fn token(hex: &str) -> Token {
        Token::parse_hex(&format!("{hex:0<40}")).unwrap()
    }

    fn last() -> Token {
        Token::from_bytes([0xff; 20])
    }

    #[test]
    fn a_boundary_ends_its_partition_and_the_last_wraps_to_zero() {
        let grid = Grid::new(4).unwrap();
        assert_eq!(grid.boundary(PartitionId(0)), token("1"));
        assert_eq!(grid.boundary(PartitionId(14)), token("f"));
        assert_eq!(grid.boundary(PartitionId(15)), token("0"));
        assert_eq!(grid.partition_of(&token("1")), PartitionId(0));
        assert_eq!(grid.partition_of(&token("1000000000000000000000000000000000000001")), PartitionId(1));
        assert_eq!(grid.partition_of(&token("0000000000000000000000000000000000000001")), PartitionId(0));
        assert_eq!(grid.partition_of(&token("0")), PartitionId(15));
        assert_eq!(grid.partition_of(&last()), PartitionId(15));
    }

    #[test]
    fn extreme_grids_work() {
        let one = Grid::new(0).unwrap();
        assert_eq!((one.count(), one.partitions().count()), (1, 1));
        assert_eq!(one.partition_of(&last()), PartitionId(0));
        assert_eq!(one.round_up(&last()), token("0"));
        let most = Grid::new(16).unwrap();
        assert_eq!((most.count(), most.partitions().count()), (65_536, 65_536));
        assert_eq!(most.partition_of(&token("0")), PartitionId(65_535));
        assert_eq!(most.partition_of(&token("00010")), PartitionId(0));
        assert_eq!(most.partition_of(&token("00011")), PartitionId(1));
        assert_eq!(Grid::new(17), None);
        assert_eq!(Grid::default().count(), 4096);
    }

    #[test]
    fn every_boundary_is_found_again() {
        let grid = Grid::new(9).unwrap();
        for partition in grid.partitions() {
            assert_eq!(grid.partition_ending_at(&grid.boundary(partition)), Some(partition));
        }
        assert_eq!(grid.partition_ending_at(&token("00001")), None);
    }
}
