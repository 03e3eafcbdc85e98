//! The machine's bounds and times. Every queue has a bound, every wait an end.

use stdx::Span;

/// Bounds and times of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How long a request may take if the client does not say.
    pub request_time: Span,
    /// A read that lacks answers asks the replicas that it did not ask at first after so long at least; `Span::ZERO` asks
    /// all replicas at once.
    pub hedge_after: Span,
    /// Requests being coordinated here at once; more are refused as overload.
    pub requests_max: usize,
    /// Versions that may stand side by side before client writes are refused.
    pub siblings_max: u32,
    /// Largest value of one write, in bytes.
    pub value_bytes_max: usize,
    /// Longest partition key or sort key together, in bytes.
    pub key_bytes_max: usize,
    /// Time between two gossip messages of this node.
    pub gossip_every: Span,
    /// Time between two comparisons with a random peer; `Span::ZERO` switches anti-entropy off.
    pub compare_every: Span,
    /// Trees compared in one message.
    pub compare_partitions: usize,
    /// Before leaves that differ are looked at again: as long as a write is on its way at most.
    pub compare_pause: Span,
    /// Records read in one step of computing hash trees.
    pub tree_records_per_step: u32,
    /// Pause between two such steps.
    pub tree_step_every: Span,
    /// Between two computations of all trees, which notice what the disk lost.
    pub tree_rebuild_every: Span,
    /// Peers that are given repairs at once.
    pub repairs_max: usize,
    /// Outgoing streams at once.
    pub streams_max: usize,
    /// Bytes of records in one page of a stream.
    pub stream_page_bytes: usize,
    /// Bytes of records that streams of this node may push in a second. While clients wait, it is less.
    pub move_bytes_per_second: u64,
    /// Hints kept for one node; more are left to anti-entropy.
    pub hints_max: u64,
    /// Hints replayed to one node at once.
    pub hints_in_flight: u32,
    /// Between two passes through all records for tombstones, expired versions and idle actors, which are collected when
    /// every node agrees; `Span::ZERO` never begins one.
    pub collect_every: Span,
    /// Records looked at in one step of a pass.
    pub collect_records_per_step: u32,
    /// Actors of which a record holds no version and that it may still name.
    pub idle_actors_max: u32,
    /// For so long after a restore began, what was deleted since then keeps its tombstone.
    pub restore_time: Span,
    /// How far ahead of our own wall clock a peer's stamp may be before we do not follow it.
    pub clock_ahead_max: Span,
    /// Failure detector.
    pub liveness: liveness::Config,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            request_time: Span::secs(5),
            hedge_after: Span::millis(5),
            requests_max: 4_096,
            siblings_max: 100,
            value_bytes_max: 64 << 20,
            key_bytes_max: 16 << 20,
            gossip_every: Span::secs(1),
            compare_every: Span::secs(1),
            compare_partitions: 256,
            compare_pause: Span::secs(1),
            tree_records_per_step: 1_000,
            tree_step_every: Span::millis(20),
            tree_rebuild_every: Span::secs(7 * 24 * 3_600),
            repairs_max: 4,
            streams_max: 4,
            stream_page_bytes: 64 << 10,
            move_bytes_per_second: 64 << 20,
            hints_max: 1_000_000,
            hints_in_flight: 64,
            collect_every: Span::secs(300),
            collect_records_per_step: 500,
            idle_actors_max: 8,
            restore_time: Span::secs(24 * 3_600),
            clock_ahead_max: Span::secs(60),
            liveness: liveness::Config::default(),
        }
    }
}
