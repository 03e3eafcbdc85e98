//! How much a node has under way, for whoever watches that it stays bounded.

use crate::machine::Machine;

/// Sizes of what a machine keeps in memory for work under way.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Sizes {
    /// Operations coordinated here, for clients and for the node itself.
    pub operations: usize,
    /// Streams that are being sent.
    pub streams: usize,
    /// Hints that are being replayed.
    pub hints: usize,
}

impl Machine {
    /// How much is under way.
    pub fn sizes(&self) -> Sizes {
        Sizes { operations: self.ops.len(), streams: self.streams.active(), hints: self.hints.in_flight() }
    }
}
