//! What the process has done since it started, as plain numbers for a metrics page.
//!
//! Invariant: each number only grows; reading them takes no lock and disturbs nobody.
//! Refuses to know how they are shown.

use crate::measures::Histogram;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Default, Debug)]
pub struct Counter(AtomicU64);

impl Counter {
    /// How far it has come.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }
}

/// Everything that is counted.
#[derive(Default, Debug)]
pub struct Counters {
    /// Requests refused at the door because too much was waiting.
    pub shed: Counter,
    /// Requests that went on to another node.
    pub forwards: Counter,
    /// Requests that too few replicas answered in time.
    pub quorum_failures: Counter,
    /// Replicas that a read brought up to date.
    pub read_repairs: Counter,
    /// Hints kept for other nodes.
    pub hints_kept: Counter,
    /// Hints not kept because too many waited.
    pub hints_left: Counter,
    /// Hints that reached their node.
    pub hints_delivered: Counter,
    /// Items collected here, or parts of them: tombstones, expired versions, idle actors.
    pub collected: Counter,
    /// Bytes that peers sent.
    pub peer_bytes_in: Counter,
    /// Bytes sent to peers.
    pub peer_bytes_out: Counter,
    /// Frames that peers sent.
    pub peer_frames_in: Counter,
    /// Frames sent to peers.
    pub peer_frames_out: Counter,
    /// Messages to peers that were dropped because too many waited.
    pub peer_drops: Counter,
    /// Times that the disk was asked to make writes durable.
    pub fsyncs: Counter,
    /// How long these took.
    pub fsync_times: Histogram,
    /// Parts of traces that no collector took.
    pub spans_lost: Counter,
    /// Lines that the audit log could not take when they came.
    pub audit_unwritten: Counter,
}

impl Counters {
    /// Every number with its name, in a fixed order.
    pub fn all(&self) -> [(&'static str, u64); 16] {
        [
            ("shed", self.shed.get()),
            ("forwards", self.forwards.get()),
            ("quorum_failures", self.quorum_failures.get()),
            ("read_repairs", self.read_repairs.get()),
            ("hints_kept", self.hints_kept.get()),
            ("hints_left", self.hints_left.get()),
            ("hints_delivered", self.hints_delivered.get()),
            ("collected", self.collected.get()),
            ("peer_bytes_in", self.peer_bytes_in.get()),
            ("peer_bytes_out", self.peer_bytes_out.get()),
            ("peer_frames_in", self.peer_frames_in.get()),
            ("peer_frames_out", self.peer_frames_out.get()),
            ("peer_drops", self.peer_drops.get()),
            ("fsyncs", self.fsyncs.get()),
            ("spans_lost", self.spans_lost.get()),
            ("audit_unwritten", self.audit_unwritten.get()),
        ]
    }
}
