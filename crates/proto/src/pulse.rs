//! Noticing a node that was started on an old or copied data directory.
//!
//! A node numbers what it writes: each start takes the next number under a name of its own (`life`), and so does, about
//! once in `gossip_every`, a life that has written something since. Number and life are its pulse. Pulses spread with
//! everybody's progress, and each node keeps the highest it has heard of each other one. An old directory, or a copy, goes on
//! from a lower number, or from the same one under another life: whoever knows the other pulse refuses it, and when it hears of
//! that pulse itself it ends. So it does when it hears of any step of its own that its directory does not know. Of two that run
//! at once the one with the lower number ends; with equal ones, whoever comes second.
//!
//! What is written between two pulses is counted: a node tells with what it acknowledges how many batches of its records are
//! durable, over all its lives, and whoever hears that keeps it with the pulse. A start says how many it found, and a directory
//! with fewer than somebody was told of is an old one, however young.
//!
//! Invariant: a pulse is durable before it is told, so a directory that lost nothing is never behind; and it is written no
//! later than the first write after it, in the same fsync.
//! Refuses to know how a caller introduces itself; that is the handshake's.

use crate::core::Core;
use crate::input::Effect;
use crate::membership::tell_few;
use crate::message::Progress;
use crate::store::{Meta, Purpose, StoreOp};
use ring::NodeId;
use std::collections::BTreeMap;
use stdx::Mono;
use stdx::bugs::planted;

/// How far the records of a node have got, and which life of it wrote them. The default is of a node that never ran.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Pulse {
    /// Rises over all lives of a node.
    pub number: u64,
    /// Names the process. Random, never 0.
    pub life: u64,
    /// The most durable batches of the node that anybody was told of, over all lives. In an introduction: those that this life has
    /// found when it began; 0 from a node that does not count them.
    pub batches: u64,
}

impl Pulse {
    /// True if a process with the other pulse runs without something that the node with this one wrote, or beside it.
    pub fn outdates(self, other: Pulse) -> bool {
        let is_known = self != Pulse::default() && !planted("an id comes back");
        let is_behind = self.number >= other.number || other.lacks_batches_of(self);
        is_known && self.life != other.life && is_behind && !planted("an old data directory is taken")
    }

    /// True if another life was told to have more batches than this one.
    fn lacks_batches_of(self, other: Pulse) -> bool {
        let is_less = self.batches > 0 && self.batches < other.batches;
        is_less && self.life != other.life && !planted("batches are not counted")
    }

    /// The later of each part. A later life that lacks batches of an earlier one is on an old directory: its pulse is as if it had
    /// not been heard, or nobody could tell any more what it lacks.
    #[must_use]
    pub fn merged(self, other: Pulse) -> Pulse {
        let is_later = (other.number, other.life) > (self.number, self.life);
        let (newer, older) = if is_later { (other, self) } else { (self, other) };
        if newer.lacks_batches_of(older) {
            return older;
        }
        Pulse { batches: self.batches.max(other.batches), ..newer }
    }
}

/// This node's own pulse, and what is to be written down of the others'.
#[derive(Clone, Default)]
pub(crate) struct Pulses {
    /// The newest that was written, or is on its way to disk.
    newest: Pulse,
    /// When that was; never in this life, if nothing.
    at: Option<Mono>,
    /// It is on its way to disk.
    writing: bool,
    /// Something was written after it.
    dirty: bool,
    /// Something was heard that is not written down.
    heard: bool,
    /// The pulse of another process under our id that has got further.
    pub(crate) outlived_by: Option<Pulse>,
}

impl Core {
    /// What the disk says was the last pulse of each node, and how many batches were on it. This life begins with the next pulse of
    /// its own.
    pub(crate) fn last_pulses(&mut self, pulses: BTreeMap<NodeId, Pulse>, batches: u64) {
        for (node, pulse) in pulses {
            let known = self.progress.get(&node).map(|progress| progress.pulse).unwrap_or_default();
            self.progress.set_pulse(node, known.merged(pulse));
        }
        let number = self.own_progress().pulse.number;
        self.pulses = Pulses { newest: Pulse { number, life: self.life, batches }, ..Pulses::default() };
        let known: Vec<(NodeId, Pulse)> = self.known_pulses().filter(|(node, _)| *node != self.node).collect();
        self.out.extend(known.into_iter().map(|(of, pulse)| Effect::Pulse { of, pulse }));
    }

    /// The newest pulse of this node, durable or not.
    pub(crate) fn pulse(&self) -> Pulse {
        self.pulses.newest
    }

    /// What this node may say of itself when so many of its batches are durable: nothing before a pulse of this life is, or they
    /// would be taken for those of the life before.
    pub(crate) fn vouched(&self, batches: u64) -> Option<Pulse> {
        let pulse = self.own_progress().pulse;
        (pulse.life == self.life && batches > 0).then_some(Pulse { batches, ..pulse })
    }

    /// What this node has heard of everybody, and its own.
    fn known_pulses(&self) -> impl Iterator<Item = (NodeId, Pulse)> {
        let known = self.progress.iter().map(|(node, progress)| (*node, progress.pulse));
        known.filter(|(node, pulse)| *pulse != Pulse::default() && !self.is_banned(*node))
    }

    /// Something is about to be written that must not be lost: the next pulse goes first, if it is time for one.
    pub(crate) fn before_write(&mut self) {
        if self.is_pulse_due() {
            self.beat();
        }
        self.pulses.dirty = true;
    }

    /// Time has passed: takes the next pulse if something was written since the last, and writes down what was heard.
    pub(crate) fn keep_pulse(&mut self) {
        if self.pulses.dirty && self.is_pulse_due() {
            self.beat();
        } else if self.pulses.heard && !self.pulses.writing {
            self.write_pulses(Purpose::Forget);
        }
    }

    fn is_pulse_due(&self) -> bool {
        let pause = self.config.gossip_every;
        !self.pulses.writing && self.pulses.at.is_none_or(|at| self.now.mono >= at + pause)
    }

    fn beat(&mut self) {
        self.pulses.newest.number += 1;
        self.pulses.at = Some(self.now.mono);
        self.pulses.dirty = false;
        self.pulses.writing = true;
        self.write_pulses(Purpose::Pulse(self.pulses.newest));
        if planted("a pulse is told before fsync") {
            self.on_pulse_written(self.pulses.newest, true);
        }
    }

    fn write_pulses(&mut self, purpose: Purpose) {
        self.pulses.heard = false;
        let mut pulses: BTreeMap<NodeId, Pulse> = self.known_pulses().collect();
        pulses.insert(self.node, self.pulses.newest);
        let op = StoreOp::Meta(vec![Meta::Pulses(pulses.into_iter().collect())]);
        self.out.push(Effect::Store { ticket: crate::store::Ticket(purpose), op });
    }

    /// A pulse is on disk: now it may be told. Or it could not be written, and the next one is tried later.
    pub(crate) fn on_pulse_written(&mut self, pulse: Pulse, is_durable: bool) {
        self.pulses.writing = false;
        if is_durable {
            let own = self.node;
            self.progress.set_pulse(own, pulse);
            self.out.push(Effect::Pulse { of: own, pulse });
            tell_few(self);
        }
    }

    /// A peer says what a node's pulse was.
    pub(crate) fn hear_pulse(&mut self, node: NodeId, pulse: Pulse) {
        if node == self.node {
            if pulse.outdates(self.pulses.newest) {
                stdx::marks::hit("a_copy_of_this_node_got_further");
                self.outlive(pulse);
            }
            return;
        }
        let known = self.progress.get(&node).map(|progress| progress.pulse).unwrap_or_default();
        let merged = known.merged(pulse);
        if merged != known && self.history.knows(node) {
            self.pulses.heard = true;
            self.progress.set_pulse(node, merged);
            self.out.push(Effect::Pulse { of: node, pulse: merged });
        }
    }

    /// A peer says how far this node itself was. Every step is durable before it is told, so only a directory that lost
    /// some knows less.
    pub(crate) fn hear_own_progress(&mut self, told: Progress) {
        let own = self.own_progress();
        let told = Progress { pulse: own.pulse, ..told };
        if own.merged(told) != own && !planted("an old data directory is taken") {
            stdx::marks::hit("this_node_had_got_further");
            self.outlive(self.pulses.newest);
        }
    }

    /// This process ends: what it runs on is older than what runs, or ran, elsewhere.
    fn outlive(&mut self, known: Pulse) {
        self.pulses.outlived_by = Some(known);
        let why = self.ejected().unwrap_or_default();
        self.out.push(Effect::Ejected(why));
    }

    /// True if this node must not serve any more: it was put out, or another process has got further under its id.
    pub(crate) fn is_out(&self) -> bool {
        self.pulses.outlived_by.is_some() || self.is_banned(self.node)
    }
}

/// What whoever runs on an old or copied data directory is to be told. `known` is the pulse that is known of the node, `own`
/// that of the directory.
pub fn outdated(name: &str, known: Pulse, own: Pulse) -> String {
    let gap = if known == own {
        "the cluster knows of steps in changes of the ring that it took and this one does not know of".to_owned()
    } else if known.number < own.number {
        format!(
            "the cluster was told of {} batches on its disk, and this one began with {}",
            known.batches, own.batches
        )
    } else {
        format!("the cluster knows its record {}, and this one goes on from {}", known.number, own.number)
    };
    format!(
        "this data directory is not the newest of {name}: it is an old copy, or another process runs on a copy of it ({gap}). \
         What was written since is missing here, so nobody listens to this process. Start the newest directory, or, if it is lost, an empty one with --replace {name}, to have a new \
         node rebuilt from the other replicas"
    )
}

#[cfg(test)]
mod tests {
    use super::Pulse;

    const fn pulse(number: u64, life: u64) -> Pulse {
        Pulse { number, life, batches: 0 }
    }

    #[test]
    fn fewer_batches_than_were_told_of_are_outdated() {
        let of = |number, life, batches| Pulse { number, life, batches };
        assert!(of(9, 1, 70).outdates(of(10, 2, 69)), "its pulse is younger than what it lacks");
        assert!(!of(9, 1, 70).outdates(of(10, 2, 70)) && !of(9, 1, 70).outdates(of(10, 2, 90)), "it has all");
        assert!(!of(9, 1, 70).outdates(of(9, 1, 50)), "the same life has got further since it began");
        assert!(!of(9, 1, 70).outdates(of(10, 2, 0)), "it does not count");
        assert_eq!(of(9, 1, 70).merged(of(10, 2, 60)), of(9, 1, 70), "nobody takes it");
        assert_eq!(of(10, 2, 60).merged(of(9, 1, 70)), of(9, 1, 70), "in whatever order");
        assert_eq!(of(9, 1, 70).merged(of(10, 2, 75)), of(10, 2, 75));
        assert_eq!(of(9, 1, 70).merged(of(10, 2, 0)), of(10, 2, 70), "it does not count");
        assert_eq!(of(9, 1, 70).merged(of(9, 1, 80)), of(9, 1, 80));
    }

    #[test]
    fn an_earlier_number_or_another_life_of_the_same_is_outdated() {
        assert!(pulse(9, 1).outdates(pulse(8, 2)));
        assert!(pulse(9, 1).outdates(pulse(9, 2)) && pulse(9, 2).outdates(pulse(9, 1)), "whoever comes second");
        assert!(!pulse(9, 1).outdates(pulse(10, 2)), "a later start");
        assert!(!pulse(9, 1).outdates(pulse(7, 1)), "the same life, when it introduced itself");
        assert!(!Pulse::default().outdates(pulse(1, 5)), "nobody knows it");
    }
}
