//! Hint replay: what was kept for a node goes to it when it is back (Dynamo §4.6).
//!
//! Invariant: a hint is dropped only after its record is durable at its target, or, if the target no longer holds the
//! key or is about to give it up, at every node that does or will. Replay is the same write as any other and is bounded
//! by `hints_in_flight` per target. No more than `hints_max` are kept for a node in one life of this one: hints make
//! repair quick, anti-entropy makes it certain.

use crate::coordinator::{Asker, Inner, Operations, Writing};
use crate::core::Core;
use crate::ids::HintId;
use crate::input::Note;
use crate::item::Slot;
use crate::quorum::Need;
use crate::request::HintsWaiting;
use crate::store::{Hint, Purpose, StoreOp, StoreOutcome};
use ring::NodeId;
use std::collections::{BTreeMap, BTreeSet};
use stdx::bugs::planted;
use stdx::{Mono, Span};

/// Before hints that could not be delivered are tried again.
const RETRY_AFTER: Span = Span::secs(2);

#[derive(Clone, Default, Hash, Debug)]
struct Target {
    /// Hints on their way.
    in_flight: BTreeSet<HintId>,
    /// Delivered, and to be dropped with the rest of the page.
    delivered: Vec<HintId>,
    /// A page is being read or dropped.
    busy: bool,
    /// A hint came to the disk while the page was read, so the page need not have it.
    kept_meanwhile: bool,
    /// Not before this.
    not_before: Mono,
    /// Kept since this node started and not delivered yet; those from before may be among the delivered.
    waiting: u64,
    /// Some may be from before.
    more: bool,
}

/// Nodes for which hints are kept here.
#[derive(Clone, Default, Hash)]
pub(crate) struct Hints {
    targets: BTreeMap<NodeId, Target>,
}

impl Hints {
    /// With the nodes for which hints were found on disk.
    pub(crate) fn new(targets: impl IntoIterator<Item = NodeId>) -> Hints {
        let found = || Target { more: true, ..Target::default() };
        Hints { targets: targets.into_iter().map(|node| (node, found())).collect() }
    }

    /// Hints being replayed.
    pub(crate) fn in_flight(&self) -> usize {
        self.targets.values().map(|target| target.in_flight.len()).sum()
    }

    /// A hint for `target` is on disk.
    pub(crate) fn kept(&mut self, core: &mut Core, target: NodeId) {
        // Whoever is new here was just found to be unreachable.
        let new = || Target { not_before: core.now.mono + RETRY_AFTER, ..Target::default() };
        let state = self.targets.entry(target).or_insert_with(new);
        state.kept_meanwhile = true;
        state.waiting += 1;
        if state.waiting >= core.config.hints_max {
            core.hints_full.insert(target);
        }
    }

    /// What waits for whom.
    pub(crate) fn waiting(&self, core: &Core) -> Vec<HintsWaiting> {
        let of = |(node, target): (&NodeId, &Target)| HintsWaiting {
            node: *node,
            waiting: target.waiting,
            more: target.more,
            full: core.hints_full.contains(node),
        };
        self.targets.iter().map(of).collect()
    }

    /// True if no hint is kept for anybody.
    pub(crate) fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    pub(crate) fn next_deadline(&self, core: &Core) -> Option<Mono> {
        self.targets
            .iter()
            .filter(|(node, target)| target.is_idle() && deliverable(core, **node))
            .map(|(_, target)| target.not_before)
            .min()
    }

    /// Starts a page for every target that can be reached.
    pub(crate) fn on_time(&mut self, core: &mut Core) {
        let limit = core.config.hints_in_flight;
        let ready: Vec<NodeId> = self
            .targets
            .iter()
            .filter(|(node, target)| {
                target.is_idle() && target.not_before <= core.now.mono && deliverable(core, **node)
            })
            .map(|(node, _)| *node)
            .collect();
        for node in ready {
            if let Some(target) = self.targets.get_mut(&node) {
                target.busy = true;
                target.kept_meanwhile = false;
            }
            core.store(Purpose::HintPage(node), StoreOp::ReadHints { target: node, limit });
        }
    }

    /// A page of hints was read.
    pub(crate) fn on_page(&mut self, ops: &mut Operations, core: &mut Core, target: NodeId, outcome: StoreOutcome) {
        let Some(state) = self.targets.get_mut(&target) else { return };
        state.busy = false;
        let StoreOutcome::Hints(hints) = outcome else {
            state.not_before = core.now.mono + RETRY_AFTER;
            return;
        };
        if hints.is_empty() {
            if !state.kept_meanwhile {
                self.targets.remove(&target);
                core.hints_full.remove(&target);
            }
            return;
        }
        state.in_flight = hints.iter().map(|hint| hint.id).collect();
        if planted("a hint is dropped when it is sent") {
            core.store(Purpose::Forget, StoreOp::DropHints { target, ids: hints.iter().map(|hint| hint.id).collect() });
        }
        for hint in hints {
            replay(ops, core, hint);
        }
    }

    /// A hint has reached its node, or has not.
    pub(crate) fn on_replayed(&mut self, core: &mut Core, target: NodeId, id: HintId, done: bool) {
        let Some(state) = self.targets.get_mut(&target) else { return };
        if !state.in_flight.remove(&id) {
            return;
        }
        if done {
            state.delivered.push(id);
        } else {
            state.not_before = core.now.mono + RETRY_AFTER;
        }
        if state.in_flight.is_empty() {
            let ids = std::mem::take(&mut state.delivered);
            if !ids.is_empty() {
                state.waiting = state.waiting.saturating_sub(ids.len() as u64);
                if state.waiting < core.config.hints_max {
                    core.hints_full.remove(&target);
                }
                core.note(Note::HintsDelivered(target, ids.len() as u32));
                core.store(Purpose::Forget, StoreOp::DropHints { target, ids });
            }
        }
    }
}

impl Target {
    fn is_idle(&self) -> bool {
        !self.busy && self.in_flight.is_empty()
    }
}

/// True if hints for `target` could be delivered now: it looks reachable, or it is gone and others take its place.
fn deliverable(core: &Core, target: NodeId) -> bool {
    core.is_usable(target) || !core.participants().contains(&target)
}

fn replay(ops: &mut Operations, core: &mut Core, hint: Hint) {
    let slot = Slot::new(core.history.genesis().grid, hint.bucket, hint.key);
    let sets = core.write_sets(slot.partition, slot.bucket);
    if sets.is_empty() {
        // A bucket that is not known here yet: later.
        ops.inner.push(Inner::Hint { target: hint.target, id: hint.id, done: false });
        return;
    }
    let need = Need::Hinted(hint.target);
    let asker = Asker::Hint { target: hint.target, id: hint.id };
    let within = core.config.request_time;
    // This node is clear of nothing while it keeps a hint, and took none of a round it was clear of.
    let round = core.own_progress().clear;
    Writing::write_back(ops, core, asker, slot, hint.record, need, &[], within, round);
}

#[cfg(test)]
mod tests {
    use super::Hints;
    use crate::coordinator::Operations;
    use crate::core::Core;
    use crate::ids::HintId;
    use crate::request::HintsWaiting;
    use crate::store::StoreOutcome;
    use ring::NodeId;

    #[test]
    fn a_hint_that_is_kept_while_an_empty_page_is_read_is_not_forgotten() {
        let (mut core, mut ops, gone) = (Core::alone(NodeId(1)), Operations::default(), NodeId(9));
        let mut hints = Hints::new([gone]);
        hints.on_time(&mut core);
        hints.kept(&mut core, gone);
        hints.on_page(&mut ops, &mut core, gone, StoreOutcome::Hints(Vec::new()));
        assert_eq!(hints.waiting(&core).len(), 1, "the page was read before the hint was there");
        hints.on_time(&mut core);
        hints.on_page(&mut ops, &mut core, gone, StoreOutcome::Hints(Vec::new()));
        assert!(hints.is_empty());
    }

    #[test]
    fn no_more_hints_than_the_bound_are_kept_for_a_node_until_some_are_delivered() {
        let (mut core, gone) = (Core::alone(NodeId(1)), NodeId(9));
        core.config.hints_max = 2;
        let mut hints = Hints::new([]);
        hints.kept(&mut core, gone);
        assert!(!core.hints_full.contains(&gone));
        hints.kept(&mut core, gone);
        let full = HintsWaiting { node: gone, waiting: 2, more: false, full: true };
        assert_eq!(hints.waiting(&core), [full]);
        hints.targets.get_mut(&gone).unwrap().in_flight.insert(HintId(1));
        hints.on_replayed(&mut core, gone, HintId(1), true);
        assert_eq!(hints.waiting(&core), [HintsWaiting { waiting: 1, full: false, ..full }]);
    }
}
