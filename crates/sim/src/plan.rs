//! Everything that is decided about a run before it begins. The same plan always gives the same run.
//!
//! A plan is drawn from a seed (`draw`) or written by hand for a named scenario, which begins with [`Plan::calm`].
//! Invariant: it holds no randomness itself; what is random while the run goes on is keyed by its seed and by the
//! identity of what it is for.

mod draw;

use crate::clock::ClockError;
use crate::fault::{Fault, HostId, TimedFault};
use crate::mutant::Mutant;
use node::Config;
use stdx::Span;

/// The plan of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Keys all randomness of the run.
    pub seed: u64,
    /// Hosts that form the cluster before anything goes wrong.
    pub founders: usize,
    /// All hosts; those behind the founders may join later.
    pub hosts: usize,
    /// Copies in the default bucket.
    pub n: u8,
    /// Copies in the sibling bucket.
    pub sibling_copies: u8,
    /// Binary logarithm of the number of partitions.
    pub grid_bits: u8,
    /// Tokens of each node.
    pub tokens: u16,
    /// How long things go wrong.
    pub storm: Span,
    /// Every message is encoded and decoded on its way.
    pub through_codec: bool,
    /// Links.
    pub network: NetworkPlan,
    /// Disks.
    pub disk: DiskPlan,
    /// The clocks of each host.
    pub clocks: Vec<ClockError>,
    /// Settings of every node.
    pub config: Config,
    /// Clients.
    pub workload: WorkloadPlan,
    /// What goes wrong, and what operators do, in order of time.
    pub faults: Vec<TimedFault>,
    /// A planted bug.
    pub mutant: Mutant,
}

/// How links behave while things go wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetworkPlan {
    /// Every message takes at least this long.
    pub delay_min: Span,
    /// And up to this much more.
    pub delay_spread: Span,
    /// Messages lost, in a million.
    pub loss_ppm: u64,
    /// Messages delivered twice, in a million.
    pub duplicate_ppm: u64,
    /// Messages travel only while a connection stands, as with TCP. Otherwise they do whenever the link is not cut.
    pub needs_connection: bool,
}

/// How disks behave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DiskPlan {
    /// Every fsync takes at least this long.
    pub sync_min: Span,
    /// And up to this much more.
    pub sync_spread: Span,
    /// Fsyncs that take `slow_sync` more, in a million.
    pub slow_ppm: u64,
    /// What a slow one takes more.
    pub slow_sync: Span,
}

/// What clients do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkloadPlan {
    /// How many clients.
    pub clients: usize,
    /// Longest pause of a client between two operations.
    pub think: Span,
    /// Keys that everybody uses.
    pub hot_keys: u64,
    /// Keys that are used now and then.
    pub cold_keys: u64,
    /// Items under the one partition key that has sort keys.
    pub rows: u64,
    /// Operations on the sibling bucket, in a hundred.
    pub sibling_percent: u64,
    /// Writes, in a hundred.
    pub write_percent: u64,
    /// Writes that delete, in a hundred.
    pub delete_percent: u64,
    /// Writes with a time to live, in a hundred.
    pub ttl_percent: u64,
    /// Operations at another level than quorum, in a hundred.
    pub level_percent: u64,
    /// Writes that need not be on disk, in a hundred.
    pub memory_percent: u64,
    /// Longest value, in bytes.
    pub value_bytes_max: u64,
}

impl Plan {
    /// The plan that belongs to a seed.
    pub fn of_seed(seed: u64) -> Plan {
        draw::plan(seed)
    }

    /// A plan in which nothing goes wrong: `founders` nodes, three copies, a moderate load for `storm`.
    pub fn calm(seed: u64, founders: usize, storm: Span) -> Plan {
        Plan {
            seed,
            founders,
            hosts: founders,
            n: 3,
            sibling_copies: 3,
            grid_bits: 4,
            tokens: 4,
            storm,
            through_codec: false,
            network: NetworkPlan {
                delay_min: Span::micros(200),
                delay_spread: Span::millis(2),
                loss_ppm: 0,
                duplicate_ppm: 0,
                needs_connection: true,
            },
            disk: DiskPlan {
                sync_min: Span::micros(500),
                sync_spread: Span::millis(4),
                slow_ppm: 0,
                slow_sync: Span::ZERO,
            },
            clocks: Vec::new(),
            config: Config::default(),
            workload: WorkloadPlan {
                clients: 4,
                think: Span::millis(120),
                hot_keys: 4,
                cold_keys: 60,
                rows: 8,
                sibling_percent: 40,
                write_percent: 55,
                delete_percent: 8,
                ttl_percent: 3,
                level_percent: 25,
                memory_percent: 3,
                value_bytes_max: 40,
            },
            faults: Vec::new(),
            mutant: Mutant::None,
        }
    }

    /// The same with one more fault.
    #[must_use]
    pub fn with(mut self, at: Span, fault: Fault) -> Plan {
        self.faults.push(TimedFault { at, fault });
        self.faults.sort_by_key(|timed| timed.at);
        self
    }

    /// The clocks of a host.
    pub fn clock(&self, host: HostId) -> ClockError {
        self.clocks.get(host.0).copied().unwrap_or_default()
    }
}
