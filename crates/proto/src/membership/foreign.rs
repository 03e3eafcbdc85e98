//! Drops what this node holds by no view in use: what it gave away, now or in an earlier life, and what it was given under a
//! view that it heard of too late.
//!
//! One partition after the other, the next when the last is durable, so that clients do not wait for a whole node's worth of
//! deletions. A crash may leave a part of one behind. That harms nothing: everything was handed over, and what a later view
//! gives back is handed over anew and merged with it, with no tombstone collected in between.
//!
//! A node that has left drops nothing.
//!
//! Invariant: nothing goes that a view in use gives to this node, also if that view came after the dropping began; and
//! while anything is left, the node does not say that it has settled. So nothing is collected while old copies may lie about.
//! Refuses to know whether everything has been handed over; whoever begins it does.

use crate::core::Core;
use crate::ids::BucketId;
use crate::store::{Purpose, StoreOp, StoreOutcome};
use ring::PartitionId;
use std::collections::BTreeSet;

/// What is still to be dropped.
#[derive(Clone, Default, Hash)]
pub(crate) struct Foreign {
    left: BTreeSet<PartitionId>,
    under_way: Option<PartitionId>,
    /// Storage failed; it is to be tried again.
    failed: bool,
    /// What is not ours has not been handed over.
    held: bool,
}

impl Foreign {
    /// Drops everything that is not ours, from now on. A node that has left keeps what it has handed over, for the operator to
    /// delete with its directory: it gives nothing to anybody any more, no id comes back, and deleting item by item what goes with
    /// the directory would only keep the disk busy.
    pub(crate) fn drop_all(&mut self, core: &mut Core) {
        self.held = false;
        if core.is_gone() {
            stdx::marks::hit("leaver_kept_what_it_gave");
            self.left.clear();
            return;
        }
        self.left =
            core.history.genesis().grid.partitions().filter(|at| !foreign_buckets(core, *at).is_empty()).collect();
        self.go_on(core);
    }

    /// Nothing may go before it has been handed over.
    pub(crate) fn hold(&mut self) {
        self.held = true;
        self.left.clear();
    }

    /// True if nothing is left that is not ours.
    pub(crate) fn is_gone(&self) -> bool {
        self.left.is_empty() && self.under_way.is_none()
    }

    /// True if storage is about to drop one.
    pub(crate) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Storage has dropped a partition, durably, or failed.
    pub(crate) fn on_dropped(&mut self, core: &mut Core, outcome: &StoreOutcome) {
        let partition = self.under_way.take();
        if *outcome == StoreOutcome::Done {
            return self.go_on(core);
        }
        self.failed = true;
        self.left.extend(partition);
    }

    /// Tries again what failed.
    pub(crate) fn on_time(&mut self, core: &mut Core) {
        if std::mem::take(&mut self.failed) {
            stdx::marks::hit("drop_was_tried_again");
            self.go_on(core);
        }
    }

    fn go_on(&mut self, core: &mut Core) {
        while self.under_way.is_none()
            && !self.held
            && let Some(partition) = self.left.pop_first()
        {
            let buckets = foreign_buckets(core, partition);
            if !buckets.is_empty() {
                self.under_way = Some(partition);
                core.store(Purpose::Dropped, StoreOp::Drop { partition, buckets });
            }
        }
    }
}

/// Buckets of which this node is no replica in a partition.
fn foreign_buckets(core: &Core, partition: PartitionId) -> Vec<BucketId> {
    let known = core.history.current().buckets.keys().copied();
    known.filter(|bucket| !core.is_replica(core.node, partition, *bucket)).collect()
}
