//! Scenarios: which faults come when, under which load.
//!
//! Invariant: the same seed chooses the same victims, faults and spans; when they take effect is up to the machine.

mod crashes;
mod disks;
mod join_leave;
mod links;
mod mixed;

pub use crashes::{kills, pauses, replaced, rolling};
pub use disks::{disk_full, injected, power};
pub use join_leave::{Bulk, join_leave};
pub use links::cuts;
pub use mixed::short;

use crate::fleet::Setup;
use crate::load::Plan;
use crate::place::Place;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What all scenarios are told.
#[derive(Clone, Debug)]
pub struct Options {
    /// The binary under test.
    pub binary: PathBuf,
    /// Where directories are made.
    pub parent: PathBuf,
    /// How many nodes.
    pub nodes: usize,
    /// How many clients.
    pub clients: usize,
    /// Requests of each client in a second, at most.
    pub per_second: u32,
    /// Seeds every choice.
    pub seed: u64,
    /// When to stop, whatever the counts say.
    pub until: Option<Instant>,
}

impl Options {
    fn setup(&self, proxied: bool, place: Place) -> Setup {
        Setup {
            nodes: self.nodes,
            binary: self.binary.clone(),
            parent: self.parent.clone(),
            proxied,
            place,
            arguments: Vec::new(),
            environment: Vec::new(),
            seed: self.seed,
        }
    }

    fn plan(&self) -> Plan {
        Plan::mixed(self.clients, self.per_second, self.seed)
    }

    fn has_time(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

/// Clients work alone for so long before the first fault, to compare with.
const QUIET: Duration = Duration::from_secs(5);
