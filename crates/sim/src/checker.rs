//! What must hold, one file for each property. Checkers see everything: all stores, all messages, all requests.
//!
//! Invariant: a checker never changes the run. A failure is a sentence that names the property and the evidence.

pub(crate) mod convergence;
pub(crate) mod counters;
pub(crate) mod dots;
pub(crate) mod durability;
pub(crate) mod epochs;
pub(crate) mod linearizable;
pub(crate) mod locks;
pub(crate) mod past;
pub(crate) mod placement;
mod ranges;
pub(crate) mod reads;
pub(crate) mod restored;
pub(crate) mod sets;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod visible;
pub(crate) mod watches;

use crate::time::Time;
use std::fmt;

/// Something that must not be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// When it was noticed.
    pub at: Time,
    /// The property that does not hold.
    pub property: &'static str,
    /// The evidence.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.property, self.at, self.what)
    }
}
