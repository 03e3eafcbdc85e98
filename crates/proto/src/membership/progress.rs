//! Following a change of the ring: acknowledge it, hand over what others gained, switch reads, let go of the old.
//!
//! The steps of this node, each waiting for the participants to have reached the one before:
//! 1. *acked e*: event e is durable here and no write that began before it is unanswered. From here on writes go to the
//!    replicas of every view in use.
//! 2. *synced e*, when all have acked e: everything this node held has reached those who gained it.
//! 3. *switched e*, when all are synced: reads use view e, and no read by an older view is unanswered.
//! 4. *settled e*, when all have switched and what is not ours any more is dropped: older views are out of use.
//!
//! Nodes that are down are not waited for if every replica set in use has a quorum without them (`fences`): whatever was
//! acknowledged is with one of those that handed over, and the fences of these hold off what the others may still try.
//! Whoever comes back too late to hand over with the others does so before it drops anything (*late*).
//!
//! Invariant: each step is durable before it is told, and none is ever taken back. (Garage's ack, sync and sync-ack
//! trackers have this shape; protocols note b1.)

use super::foreign::Foreign;
use super::gossip::tell_some;
use crate::coordinator::Operations;
use crate::core::Core;
use crate::event::Event;
use crate::ids::Epoch;
use crate::input::{Effect, Note};
use crate::message::Progress;
use crate::store::{Meta, Purpose, StoreOp, StoreOutcome};
use crate::streams::Streams;
use ring::{Member, NodeId};
use std::collections::BTreeSet;
use stdx::bugs::planted;

/// Where this node stands in the changes of the ring.
#[derive(Clone, Default, Hash)]
pub(crate) struct Transition {
    /// What is on its way to disk, and will be told when it is there.
    writing: Option<Progress>,
    /// The others went on without us: what we hold and they now keep elsewhere is still to be handed over.
    late: bool,
    /// The process was told that it may end.
    left: bool,
    /// Members that have heard that this node has settled.
    heard_by: BTreeSet<NodeId>,
    /// What is not ours and still lies here.
    foreign: Foreign,
}

impl Transition {
    /// Of a node that starts: it drops what is no longer its own, if it has been handed over.
    pub(crate) fn begin(&mut self, core: &mut Core) {
        self.let_go(core);
    }

    /// Takes every step that is possible now. `holds`: reads stay with the view they follow.
    pub(crate) fn advance(&mut self, ops: &Operations, core: &mut Core, streams: &mut Streams, holds: bool) {
        let epoch = core.epoch();
        let is_clear = core.own_progress().clear == core.clear_wanted;
        if core.stable() == epoch && core.own_progress().settled == epoch && !self.late && is_clear {
            return;
        }
        core.update_absent();
        self.settle(core);
        self.start_hand_over(core, streams);
        let mut wanted = self.wanted(ops, core, streams);
        if holds && !planted("an undecided event holds nothing") {
            wanted.switched = self.writing.unwrap_or_else(|| core.own_progress()).switched;
        }
        let known = self.writing.unwrap_or_else(|| core.own_progress());
        if wanted != known && self.writing.is_none() {
            self.writing = Some(wanted);
            core.switching = core.switching.max(wanted.switched);
            core.store(Purpose::Progress(wanted), StoreOp::Meta(vec![Meta::Progress(wanted)]));
            if planted("progress told before fsync") {
                self.on_written(core, wanted);
            }
        }
    }

    /// Our progress is on disk: now it may be told.
    pub(crate) fn on_written(&mut self, core: &mut Core, progress: Progress) {
        self.writing = None;
        let node = core.node;
        core.progress.hear(node, progress);
        tell_some(core);
        if self.late {
            self.let_go(core);
        }
    }

    /// Older views are out of use: drops what is not ours any more, unless it has yet to be handed over.
    fn let_go(&mut self, core: &mut Core) {
        let node = core.node;
        let joined = core.history.current().joined_at(node).unwrap_or_default();
        // What was handed over is told only when it is durable.
        self.late = core.own_progress().synced.max(joined) < core.stable() && !has_given_all(core);
        if self.late {
            stdx::marks::hit("hand_over_came_late");
            self.foreign.hold();
        } else {
            self.foreign.drop_all(core);
        }
    }

    /// Older views go out of use when everybody has switched.
    fn settle(&mut self, core: &mut Core) {
        let all_switched = if planted("dropped before all have switched") {
            core.own_progress().switched
        } else {
            core.least().switched
        };
        // Our own switch must be durable and told, or our reads may still use the older view. Whoever is far behind
        // goes as far as that allows: in the views that are left it may have nothing to hand over any more.
        let stable = all_switched.max(core.told()).min(core.epoch()).min(core.own_progress().switched);
        if stable <= core.stable() {
            return;
        }
        core.history.forget_below(stable);
        core.note(Note::Stable(stable));
        self.let_go(core);
        tell_peers(core);
    }

    fn start_hand_over(&mut self, core: &mut Core, streams: &mut Streams) {
        if self.late {
            if streams.target() != Some(core.stable()) {
                streams.hand_over_late(core);
            }
            return;
        }
        let target = target(core);
        let acked = core.least().acked >= target || planted("seeded before the fence");
        let begun = streams.target() == Some(target);
        // One hand-over at a time: what this node has said to have handed over must be settled before the next begins, or
        // a node that takes part in both would drop what another still has to get from it.
        let said = self.writing.unwrap_or_else(|| core.own_progress()).synced;
        let is_free = said <= core.stable() || core.is_passed_over(said);
        if acked && !begun && core.stable() < target && is_free {
            streams.hand_over(core, target);
        }
    }

    /// Storage has dropped a partition that is not ours, or failed.
    pub(crate) fn on_dropped(&mut self, core: &mut Core, outcome: &StoreOutcome) {
        self.foreign.on_dropped(core, outcome);
    }

    /// True if storage is about to drop a partition.
    pub(crate) fn is_dropping(&self) -> bool {
        self.foreign.is_under_way()
    }

    /// Tries again what failed.
    pub(crate) fn on_time(&mut self, core: &mut Core) {
        self.foreign.on_time(core);
    }

    /// A peer says how far it thinks that everybody is.
    pub(crate) fn hear(&mut self, core: &Core, from: NodeId, progress: &[(NodeId, Progress)]) {
        let leaves = core.history.current().ring.member(&core.node).is_none();
        if leaves && progress.iter().any(|(node, known)| *node == core.node && known.settled >= core.epoch()) {
            self.heard_by.insert(from);
        }
    }

    /// True, once, when this node is in no view any more, everybody who is has let the old ones go, and nothing is under way
    /// here that could end as a hint.
    pub(crate) fn has_left(&mut self, core: &Core, is_busy: bool) -> bool {
        if !self.is_out(core) || is_busy || self.left || self.late {
            return false;
        }
        let view = core.history.current();
        let settled = |node: NodeId| core.progress.get(&node).is_some_and(|progress| progress.settled >= core.epoch());
        let all_settled = view.ring.members().all(|member| settled(member.id) || core.is_down(member.id));
        // They collect nothing before they know that this node gives nothing back. It may be cut off from all of them.
        let has_heard = |node: NodeId| self.heard_by.contains(&node);
        let heard = view.ring.members().filter(|member| has_heard(member.id)).count();
        let all_heard = view.ring.members().all(|member| has_heard(member.id) || core.is_down(member.id))
            && heard > view.ring.len() / 2;
        // One that has it on disk is enough to tell the others, but one there must be.
        let done = all_settled && all_heard && view.ring.members().any(|member| settled(member.id));
        self.left |= done;
        done
    }

    /// True if this node is in no view any more: it begins nothing new.
    pub(crate) fn is_out(&self, core: &Core) -> bool {
        let is_member = core.history.current().ring.member(&core.node).is_some();
        let settled = || core.stable() == core.epoch() && core.own_progress().settled >= core.epoch();
        self.left || (!is_member && settled() && core.history.knows(core.node))
    }

    /// How far this node could be, if it were written down now.
    fn wanted(&self, ops: &Operations, core: &Core, streams: &Streams) -> Progress {
        let own = core.own_progress();
        let said = self.writing.unwrap_or(own);
        let epoch = core.epoch();
        let acked = ops.oldest_write().map_or(epoch, |oldest| oldest.min(epoch));
        let nothing_to_give = core.stable() == epoch && !self.late;
        let handed_over = streams.is_done(core.absent.nodes()) && streams.target().is_some();
        let synced = match streams.target() {
            _ if nothing_to_give => epoch,
            Some(target) if handed_over && may_be_said(core, target, said.acked) => target,
            _ => own.synced,
        };
        let reading = core.reading();
        let switched = ops.oldest_read().map_or(reading, |oldest| oldest.min(reading));
        // Others collect without a leaver as soon as it has settled, so it must have handed everything over, delivered its
        // hints, and nothing that could make more of them may be under way.
        let holds = || self.late || core.hints_kept || ops.oldest_round() < u64::MAX;
        let settled = if !self.foreign.is_gone() || (core.is_gone() && holds()) { own.settled } else { core.stable() };
        let peers = core.progress.most().collected;
        let (clear, collected) = (core.clear_wanted, core.collected_wanted.max(peers));
        let floor = own.floor.map(|_| core.floor().merged(core.floor_wanted));
        own.merged(Progress { acked, synced, switched, settled, clear, collected, floor, ..Progress::default() })
    }

    /// True if this node still holds what it should have handed over long ago.
    pub(crate) fn is_late(&self) -> bool {
        self.late
    }
}

/// True if this node has left and settled since: nobody has given it anything after that, and it gives nothing to anybody, however
/// many views come later and whatever still lies on its disk.
fn has_given_all(core: &Core) -> bool {
    core.is_gone() && core.history.left_at(core.node).is_some_and(|left| core.own_progress().settled >= left)
}

/// The epoch to hand over to next: one that somebody has handed over to already, else the newest. All must go by the same
/// steps, for what a node is given under a view that another has passed over would be handed on by nobody.
fn target(core: &Core) -> Epoch {
    if planted("views are passed over") {
        return core.epoch();
    }
    let said = |node: NodeId| core.progress.get(&node).map(|progress| progress.synced);
    let between = |epoch: &Epoch| core.stable() < *epoch && *epoch < core.epoch();
    let may_be = |epoch: &Epoch| between(epoch) && !core.is_passed_over(*epoch);
    let asked = (core.progress.version(), core.stable(), core.epoch(), 0);
    core.progress
        .target(asked, || core.each_participant().filter_map(said).filter(may_be).min().unwrap_or(core.epoch()))
}

/// Whether *synced* may be told of `target`. The first to do so must not have acknowledged a newer epoch yet: whoever
/// begins the hand-over of that one has heard what everybody had told before, and takes the same step.
fn may_be_said(core: &Core, target: Epoch, acked: Epoch) -> bool {
    let is_said = || core.progress.values().any(|progress| progress.synced == target);
    target <= core.stable() || acked <= target || is_said() || planted("views are passed over")
}

/// Tells the shell whom this node may talk to: everybody in a view in use, and those who left lately, who still have to
/// hear that they may go.
pub(crate) fn tell_peers(core: &mut Core) {
    let mut members: Vec<Member> = Vec::new();
    for view in core.history.views().rev() {
        for member in view.ring.members() {
            if members.iter().all(|known| known.id != member.id) {
                members.push(member.clone());
            }
        }
    }
    for member in core.lately_removed() {
        if members.iter().all(|known| known.id != member.id) {
            members.push(member);
        }
    }
    let own = core.node;
    members.retain(|member| member.id != own && !core.is_banned(member.id));
    // Whoever left is watched until it has settled, so that it can be given up if it dies before.
    let leavers = core.unsettled_leavers().map(|member| member.id);
    let watched = core.participants().into_iter().chain(leavers).filter(|node| *node != own).collect();
    let now = core.now.mono;
    core.detector.watch(now, &watched);
    core.routes.keep(|node| watched.contains(&node));
    core.out.push(Effect::Peers(members));
}

/// How far the changes under way are, oldest first, in words.
pub(crate) fn steps(core: &Core) -> Vec<String> {
    let step = |event: &Event| {
        let least = core.least();
        let step = match () {
            () if least.switched >= event.epoch => "reads follow it; what is no longer needed is being dropped",
            () if least.synced >= event.epoch => "the data has moved; reads are switching to it",
            () if least.acked >= event.epoch => "every node knows it; data is moving",
            () => "not every node knows it yet",
        };
        format!("epoch {}, {}: {step}", event.epoch, core.describe(&event.change))
    };
    core.history.events_from(core.stable().next()).iter().map(step).collect()
}

/// Why the current change does not go on, or changes cannot be decided, in words.
pub(crate) fn blocked(core: &Core, streams: &Streams) -> Vec<String> {
    let mut sentences = undecidable(core).into_iter().collect::<Vec<String>>();
    sentences.extend(stuck(core, streams));
    for Member { name, .. } in core.unsettled_leavers().filter(|member| core.is_dead(member.id)) {
        sentences.push(format!(
            "{name} left and cannot be reached, and has not said that it handed everything over; until it does, no deleted \
             item is cleared away: start it again, or, if it is lost, `alianza cluster remove {name}`"
        ));
    }
    sentences
}

/// Changes need a majority of the voters.
fn undecidable(core: &Core) -> Option<String> {
    let voters = core.history.current().voters();
    let missing: Vec<NodeId> = voters.iter().copied().filter(|voter| core.is_down(*voter)).collect();
    let names: Vec<String> = missing.iter().map(|voter| core.name_of(*voter).0).collect();
    (missing.len() * 2 >= voters.len() && !voters.is_empty()).then(|| {
        format!(
            "a majority of the voters cannot be reached ({} of {}: {}): changes of the cluster wait, data flows",
            missing.len(),
            voters.len(),
            names.join(", ")
        )
    })
}

fn stuck(core: &Core, streams: &Streams) -> Vec<String> {
    let epoch = core.epoch();
    if core.stable() == epoch {
        return Vec::new();
    }
    let names = |nodes: &mut dyn Iterator<Item = NodeId>| -> Option<String> {
        let names: Vec<String> = nodes.map(|node| core.name_of(node).0).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let absent = core.absent.nodes();
    let waiting = |part: fn(&Progress) -> Epoch, what: &str| {
        let late = |node: &NodeId| core.progress.get(node).map_or(Epoch(0), part) < epoch && !absent.contains(node);
        let late = names(&mut core.participants().into_iter().filter(late))?;
        Some(format!("{late} still to {what} epoch {epoch}"))
    };
    let steps: [(fn(&Progress) -> Epoch, &str); 3] = [
        (|progress| progress.acked, "acknowledge"),
        (|progress| progress.synced, "hand over the data of"),
        (|progress| progress.switched, "switch reads to"),
    ];
    let mut sentences: Vec<String> = steps.iter().find_map(|(part, what)| waiting(*part, what)).into_iter().collect();
    sentences.extend(names(&mut absent.iter().copied()).map(|absent| format!("going on without {absent}")));
    for node in streams.needed().into_iter().filter(|node| !core.is_usable(*node)) {
        sentences.push(format!(
            "{} cannot be reached and has data to take over: start it again, or, if it is lost, remove or replace it",
            core.name_of(node).0
        ));
    }
    sentences
}
