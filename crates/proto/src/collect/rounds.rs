//! The rounds by which nodes know that nothing old is under way any more.
//!
//! A round is a number for the whole cluster. Whatever may send a record (an operation, a page of a stream or of a repair)
//! begins in the round that its node is in and keeps it, whoever carries it on. A node tells the round that it is *clear*
//! of: nothing in its memory that began earlier, no hint on its disk. It goes on to the next round when somebody wants to
//! collect and everybody has told that they are clear of its own; so nodes are one round apart at most, and a node refuses
//! what began two rounds before the one it is clear of, without ever refusing anything that is still waited for.
//!
//! Invariant: a round is durable before it is told. It stands still while a node is down, while the ring changes, and until
//! each node that left has told that it gives nothing back any more.

use crate::core::Core;
use crate::membership::tell_peers;
use crate::message::Progress;
use crate::record::STAMP_AHEAD_MAX;
use crate::store::{Meta, Purpose, StoreOp};
use ring::{Member, NodeId};
use std::collections::BTreeSet;
use stdx::bugs::planted;

/// This node's part in the rounds.
#[derive(Clone, Default, Hash)]
pub(super) struct Rounds {
    /// Nodes that left, and of which it is written down that they have settled.
    remembered: BTreeSet<NodeId>,
}

impl Rounds {
    /// Takes the next step that is possible. True if there is a reason to come back soon. `oldest` is the earliest round
    /// of what may still send a record from here.
    pub(super) fn follow(&mut self, core: &mut Core, wants: bool, is_calm: bool, oldest: impl FnOnce() -> u64) -> bool {
        let clear = core.own_progress().clear;
        let is_behind = newest(core) > clear;
        if core.round == clear && (wants || is_behind) && floor(core) >= Some(clear) && clocks_agree(core) {
            let highest = highest(core);
            core.stamp_above(highest);
            core.round = clear + 1;
        }
        let careless = planted("hints hold up no round") || planted("collected while a replica is down");
        let holds_hints = (core.hints_kept || core.hints_on_way > 0) && !careless;
        let is_drained = is_calm && !holds_hints && (oldest() >= core.round || planted("operations hold up no round"));
        if core.round > clear && is_drained && rests(core) {
            core.clear_wanted = core.round;
        }
        wants || is_behind || core.round > clear
    }

    /// True if a node that left has settled, and that is not written down.
    pub(super) fn has_news(&self, core: &Core) -> bool {
        settled_leavers(core).any(|node| !self.remembered.contains(&node))
    }

    /// Storage could not write it down: it is written again.
    pub(super) fn forget_remembered(&mut self) {
        self.remembered.clear();
    }

    /// Writes down that nodes which left have settled: nobody may be there to tell that again later.
    pub(super) fn remember_leavers(&mut self, core: &mut Core) {
        if !self.has_news(core) {
            return;
        }
        self.remembered = settled_leavers(core).collect();
        // They are watched no more.
        tell_peers(core);
        let own = core.node;
        let others: Vec<(NodeId, Progress)> =
            core.progress.iter().filter(|(node, _)| **node != own).map(|(node, progress)| (*node, *progress)).collect();
        core.store(Purpose::Remembered, StoreOp::Meta(vec![Meta::Peers(others)]));
    }
}

/// The newest round that anybody says to be clear of.
pub(super) fn newest(core: &Core) -> u64 {
    core.progress.values().map(|progress| progress.clear).max().unwrap_or_default()
}

/// The round that everybody says to be clear of; none while the ring changes, or if somebody is not accounted for.
pub(super) fn floor(core: &Core) -> Option<u64> {
    if !rests(core) || core.unsettled_leavers().next().is_some() {
        return None;
    }
    let epoch = core.epoch();
    let counted = |node: &NodeId| !planted("collected while a replica is down") || !core.is_down(*node);
    let told = core.participants().into_iter().filter(counted).map(|node| {
        let progress = core.progress.get(&node).copied().unwrap_or_default();
        (progress.settled == epoch).then_some(progress.clear)
    });
    told.min().flatten()
}

/// True if no change is under way, as far as this node knows, and it takes part in the ring.
fn rests(core: &Core) -> bool {
    let epoch = core.epoch();
    let is_member = core.history.current().ring.member(&core.node).is_some();
    core.stable() == epoch && core.own_progress().settled == epoch && is_member
}

fn settled_leavers(core: &Core) -> impl Iterator<Item = NodeId> {
    core.leavers().filter(|(_, is_settled)| *is_settled).map(|(member, _)| member.id)
}

/// The highest stamp that anybody collects.
fn highest(core: &Core) -> causal::Stamp {
    core.progress.most().collected
}

/// True if what is collected was not written in what is the far future here.
pub(crate) fn clocks_agree(core: &Core) -> bool {
    highest(core).millis() <= core.now.wall.plus(STAMP_AHEAD_MAX).plus(STAMP_AHEAD_MAX).0
}

/// What keeps everybody from collecting, in words.
pub(super) fn obstacles(core: &Core) -> Vec<String> {
    let mut found = Vec::new();
    if core.stable() != core.epoch() || core.own_progress().settled != core.epoch() {
        found.push("the ring changes".to_owned());
    }
    let name = |node: NodeId| core.name_of(node).0;
    for node in core.participants() {
        let settled = core.progress.get(&node).is_some_and(|progress| progress.settled == core.epoch());
        if core.is_down(node) && !planted("collected while a replica is down") {
            found.push(format!("{} is down", name(node)));
        } else if !settled && core.stable() == core.epoch() && !core.is_down(node) {
            found.push(format!("{} has not said that it follows epoch {}", name(node), core.epoch()));
        }
    }
    for Member { id, name, .. } in core.unsettled_leavers() {
        let lost = if core.is_dead(*id) {
            format!("; start it again, or, if it is lost, `alianza cluster remove {name}`")
        } else {
            String::new()
        };
        found.push(format!("{name} left and has not said that it handed everything over{lost}"));
    }
    if !clocks_agree(core) {
        found.push("what is to be collected was written by a clock far ahead of this node's".to_owned());
    }
    if core.hints_kept {
        found.push("this node keeps hints for others".to_owned());
    }
    found
}

/// What everybody waits for before the next round, in words. `damaged`: records that wait here to be healed.
pub(super) fn laggards(core: &Core, damaged: u32) -> Vec<String> {
    let mut found = Vec::new();
    if damaged > 0 {
        found.push(format!("this node waits for {damaged} records that its disk has damaged to be healed"));
    }
    let newest = newest(core);
    let is_behind = |node: &NodeId| core.progress.get(node).is_none_or(|progress| progress.clear < newest);
    for node in core.participants().into_iter().filter(|node| *node != core.node && is_behind(node)) {
        if !core.is_down(node) {
            let name = core.name_of(node).0;
            found.push(format!("{name} has not finished what began earlier; its own repair status says what"));
        }
    }
    found
}
