//! Anti-entropy: replicas compare their hash trees and give each other what differs.
//!
//! One node drives a comparison, the other only answers. The driver goes down the trees of a window: one hash for all
//! of it, the roots, the branches of the trees that differ, the leaves of the branches that differ. After a pause it looks
//! at the same leaves again: what was different because a write was on its way is not by then. For the leaves that differ
//! both times each side offers the other its items by name and hash, and sends what the other wants. Between
//! equal replicas one hash per window travels.
//!
//! Invariant: only trees that both nodes hold in every view in use are compared, and only if both know the same epoch; a
//! tree that is not known is never taken for one that is empty. Everything is bounded: the window, the comparisons at
//! once, the leaves of one comparison, the pages under way.
//!
//! Sources: Dynamo §4.7; TicTac trees (Riak, kv_index_tictactree); protocols note b4.

mod answer;
mod builds;
mod knowledge;
mod repairs;
mod round;
mod rounds;
mod shared;

pub(crate) use answer::Asked;
pub(crate) use repairs::Repairs;

use crate::core::Core;
use crate::ids::{Epoch, SessionId};
use crate::message::{Differences, Spot};
use crate::request::RepairStatus;
use crate::store::StoreOutcome;
use crate::tree::Patch;
use builds::Builds;
use knowledge::Knowledge;
use ring::{NodeId, PartitionId};
use rounds::Rounds;
use shared::Shared;
use stdx::{Mono, Span};

/// The state of anti-entropy on this node.
#[derive(Clone, Default)]
pub(crate) struct AntiEntropy {
    shared: Shared,
    builds: Builds,
    rounds: Rounds,
    knowledge: Knowledge,
    pub(crate) repairs: Repairs,
}

impl AntiEntropy {
    pub(crate) fn next_deadline(&self, core: &Core) -> Option<Mono> {
        if core.config.compare_every == Span::ZERO {
            return None;
        }
        let parts = [self.builds.next_deadline(), self.rounds.next_deadline(core), self.repairs.next_deadline()];
        parts.into_iter().flatten().min()
    }

    pub(crate) fn on_time(&mut self, core: &mut Core) {
        if core.config.compare_every == Span::ZERO {
            return;
        }
        if self.shared.refresh(core) {
            self.knowledge.keep(&self.shared);
            self.rounds.keep(&self.shared);
            self.builds.want(core, self.shared.held());
        }
        self.builds.on_time(core, self.shared.held());
        self.rounds.on_time(core, &self.shared, &self.repairs);
        self.repairs.on_time(core);
    }

    /// Trees have been computed, a part of them or all that were asked for.
    pub(crate) fn on_built(&mut self, core: &mut Core, again: bool, outcome: StoreOutcome) {
        self.builds.on_built(core, again, outcome);
    }

    /// Our own hashes for a comparison that this node drives.
    pub(crate) fn on_hashes(&mut self, core: &mut Core, session: SessionId, outcome: StoreOutcome) {
        let unknown = self.rounds.on_hashes(core, session, outcome);
        self.builds.want(core, &unknown);
    }

    /// A peer compares.
    pub(crate) fn on_compare(
        &mut self,
        core: &mut Core,
        from: NodeId,
        session: SessionId,
        epoch: Epoch,
        spots: Vec<(Spot, Vec<u64>)>,
    ) {
        self.shared.refresh(core);
        if epoch == core.epoch() {
            answer::on_compare(core, &self.shared, from, session, spots);
        }
    }

    /// Our own hashes for a peer's comparison.
    pub(crate) fn on_asked(
        &mut self,
        core: &mut Core,
        from: NodeId,
        session: SessionId,
        asked: Asked,
        outcome: StoreOutcome,
    ) {
        let StoreOutcome::Hashes(hashes) = outcome else { return };
        let unknown = answer::on_hashes(core, &mut self.knowledge, from, session, asked, hashes);
        self.builds.want(core, &unknown);
    }

    /// A peer says what differs.
    pub(crate) fn on_differ(&mut self, core: &mut Core, from: NodeId, session: SessionId, spots: Vec<Differences>) {
        let all = self.shared.with(from).len();
        let found = self.rounds.on_differ(core, &mut self.knowledge, from, session, &spots, all);
        if let Some(patches) = found {
            self.repairs.add(core, from, patches);
        }
    }

    /// A peer found these leaves to differ: offer it ours.
    pub(crate) fn on_fetch(&mut self, core: &mut Core, from: NodeId, epoch: Epoch, patches: Vec<Patch>) {
        self.shared.refresh(core);
        if epoch != core.epoch() {
            return;
        }
        let shared = patches.into_iter().filter(|patch| self.shared.has(from, patch.tree)).collect();
        self.repairs.add(core, from, shared);
    }

    /// A peer cannot be reached.
    pub(crate) fn on_unreachable(&mut self, core: &mut Core, peer: NodeId) {
        self.rounds.on_unreachable(peer);
        self.repairs.on_unreachable(core, peer);
    }

    /// Compares everything with everybody now, without pauses.
    pub(crate) fn run_now(&mut self, core: &mut Core) {
        self.shared.refresh(core);
        self.rounds.run_now(core, &self.shared);
    }

    /// What is known of the trees this node holds, of one partition or of all.
    pub(crate) fn status(&self, core: &Core, partition: Option<PartitionId>) -> RepairStatus {
        let mut status = self.knowledge.status(core, partition);
        status.building = self.builds.waiting() as u32;
        status.comparing = self.rounds.running() as u32;
        status.left_in_pass = self.rounds.left() as u32;
        status.repairing = self.repairs.waiting() as u32;
        status
    }

    /// True if nothing is being given to anybody.
    pub(crate) fn is_quiet(&self) -> bool {
        self.repairs.waiting() == 0
    }
}
