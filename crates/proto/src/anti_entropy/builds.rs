//! Which trees are to be computed: all that this node holds after a start, all again on a schedule, and those that turned
//! out to be unknown.
//!
//! Invariant: one step at a time, of a bounded number of records, with a pause behind it, so that clients are served in
//! between. A node that has nothing to compute has nothing to do.

use crate::core::Core;
use crate::input::Note;
use crate::store::{Purpose, StoreOp, StoreOutcome};
use ring::PartitionId;
use std::collections::BTreeSet;
use stdx::{Mono, Span};

/// Partitions looked at in one step; most hold little.
const PARTITIONS_PER_STEP: usize = 64;

/// Trees to be computed.
#[derive(Clone, Default)]
pub(crate) struct Builds {
    /// For the first time.
    unknown: BTreeSet<PartitionId>,
    /// To see whether the disk still holds what was written.
    again: BTreeSet<PartitionId>,
    running: bool,
    next_at: Mono,
    /// When all are computed again.
    again_at: Option<Mono>,
}

impl Builds {
    pub(crate) fn next_deadline(&self) -> Option<Mono> {
        let idle = self.unknown.is_empty() && self.again.is_empty();
        let step = (!idle && !self.running).then_some(self.next_at);
        step.into_iter().chain(self.again_at).min()
    }

    /// These trees are, or may be, unknown.
    pub(crate) fn want(&mut self, core: &Core, partitions: &[PartitionId]) {
        if self.unknown.is_empty() && !partitions.is_empty() {
            self.next_at = self.next_at.max(core.now.mono);
        }
        self.unknown.extend(partitions);
    }

    /// Partitions whose trees are not known yet.
    pub(crate) fn waiting(&self) -> usize {
        self.unknown.len()
    }

    pub(crate) fn on_time(&mut self, core: &mut Core, held: &[PartitionId]) {
        let every = core.config.tree_rebuild_every;
        if self.again_at.is_none_or(|at| at <= core.now.mono) {
            // The first time there is nothing to do again. Nodes that start together do not do it together.
            if self.again_at.is_some() {
                self.again.extend(held);
            }
            self.again_at = Some(core.now.mono + Span(every.0 / 2 + core.prng.below(every.0.max(1))));
        }
        if self.running || self.next_at > core.now.mono {
            return;
        }
        let again = self.unknown.is_empty();
        let from = if again { &self.again } else { &self.unknown };
        let partitions: Vec<PartitionId> = from.iter().copied().take(PARTITIONS_PER_STEP).collect();
        if !partitions.is_empty() {
            self.running = true;
            let records_max = core.config.tree_records_per_step;
            core.store(Purpose::Built { again }, StoreOp::BuildTrees { partitions, again, records_max });
        }
    }

    pub(crate) fn on_built(&mut self, core: &mut Core, again: bool, outcome: StoreOutcome) {
        self.running = false;
        let StoreOutcome::Built { done, changed } = outcome else {
            // Storage cannot be read as a whole; what cannot be read is not compared.
            self.next_at = core.now.mono + core.config.compare_every.times(10);
            return;
        };
        self.next_at = core.now.mono + core.config.tree_step_every;
        let from = if again { &mut self.again } else { &mut self.unknown };
        for _ in 0..done {
            from.pop_first();
        }
        for partition in changed {
            stdx::marks::hit("disk_lost_something_silently");
            core.note(Note::TreeChanged(partition));
        }
    }
}
