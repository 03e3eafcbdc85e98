//! Nodes that die on their way out of the cluster.
//!
//! Invariant: what has struck is not undone by the end of the faults: who is dead for good stays so, and an operator who has seen
//! that puts it out.

use crate::fault::{Fault, HostId, LeaveStep, Loss};
use crate::host::Stage;
use crate::operator::Work;
use crate::world::World;
use node::Node;
use node::storage::Engine;
use stdx::{Prng, Span};

impl World {
    /// A host is asked to leave; how far it gets is decided now.
    pub(super) fn let_die(&mut self, host: HostId, through: HostId, step: LeaveStep, away: Span) {
        self.host(host).dies_leaving = Some(Fault::DieLeaving { host, through, step, away });
        self.employ(Work::Leave(host), through);
    }

    /// A host that leaves has got as far as it was to get: it dies, in every other case before it has told anybody.
    pub(crate) fn strike_leaver(&mut self, host: HostId, is_before: bool) {
        let Some(Fault::DieLeaving { through, step, away, .. }) = self.hosts[host.0].dies_leaving else { return };
        let this = &self.hosts[host.0];
        let seed = Prng::keyed(self.plan.seed, "leaver dies", &[host.0 as u64, u64::from(this.life)]).below(2);
        if is_before != (seed == 0) || !this.node.as_ref().is_some_and(|node| has_got_to(node, step)) {
            return;
        }
        if let Some(fault) = self.host(host).dies_leaving.take() {
            self.count_fault(&fault);
        }
        self.crash(host, away, Loss::Some);
        let is_for_good = away == Span::ZERO;
        if is_for_good {
            self.host(host).stage = Stage::Gone;
        }
        self.employ(Work::GiveUp { host, force: is_for_good }, through);
    }
}

/// True if a node that is to leave, and was not called back, has made a step of that.
fn has_got_to<E: Engine>(node: &Node<E>, step: LeaveStep) -> bool {
    let (machine, own) = (node.machine(), node.id());
    let history = machine.history();
    if history.current().ring.member(&own).is_some() {
        return false;
    }
    let lets_go = |event: &&node::proto::Event| event.change.lets_go().is_some_and(|member| member.id == own);
    let progress = machine.progress_of(own);
    history.events().iter().rev().find(lets_go).is_some_and(|event| match step {
        LeaveStep::Told => true,
        LeaveStep::Acked => progress.acked >= event.epoch,
        LeaveStep::Synced => progress.synced >= event.epoch,
        LeaveStep::Switched => progress.switched >= event.epoch,
    })
}
