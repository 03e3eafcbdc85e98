//! How far a node is with the changes of the ring.
//!
//! Invariant: each part only grows.

use crate::ids::Epoch;
use crate::paxos::register::Floor;
use crate::pulse::Pulse;
use causal::Stamp;

/// How far a node is with the changes of the ring. Each part only grows.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct Progress {
    /// The node knows this epoch durably and has no write in flight that began under an older one.
    pub acked: Epoch,
    /// The node has handed over everything it held before this epoch to those who gained it.
    pub synced: Epoch,
    /// The node reads by this epoch and has no read in flight that uses an older one.
    pub switched: Epoch,
    /// The node knows that everybody has switched to this epoch, and uses nothing older.
    pub settled: Epoch,
    /// How far its records have got, whatever they say.
    pub pulse: Pulse,
    /// Nothing that this node may still send began in an earlier round (`docs/adr/0012-collection-of-tombstones.md`), and
    /// nothing that began two rounds before this one is taken in here.
    pub clear: u64,
    /// No version that was or is about to be collected has a higher stamp, as far as this node knew in this round.
    pub collected: Stamp,
    /// Where registers begin anew, as far as this node knew in this round. None from a node that knows of no floor.
    pub floor: Option<Floor>,
}

impl Progress {
    /// All but the pulse, which changes every second.
    pub(crate) fn steps(self) -> Progress {
        Progress { pulse: Pulse::default(), ..self }
    }

    /// The later of each part.
    pub fn merged(self, other: Progress) -> Progress {
        Progress {
            acked: self.acked.max(other.acked),
            synced: self.synced.max(other.synced),
            switched: self.switched.max(other.switched),
            settled: self.settled.max(other.settled),
            pulse: self.pulse.merged(other.pulse),
            clear: self.clear.max(other.clear),
            collected: self.collected.max(other.collected),
            floor: match (self.floor, other.floor) {
                (Some(one), Some(other)) => Some(one.merged(other)),
                (one, other) => one.or(other),
            },
        }
    }
}
