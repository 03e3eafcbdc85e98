//! Numbers by which nodes that do the same differ in when they do it.
//!
//! Replicas of the same data take the same writes. If they also filled memory tables of the same size and merged after the same
//! count of them, all would do so in the same moment, and a quorum would wait for the disks of all of them at once.
//!
//! Refuses to be used where a result depends on it.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::RangeInclusive;

/// A number of `range`, all about equally likely.
pub(super) fn number(range: RangeInclusive<u64>) -> u64 {
    let (low, high) = range.into_inner();
    low + RandomState::new().build_hasher().finish() % (high - low + 1)
}
