//! Names and stamps that this node gives: operations, sessions, hints, dots, ballots, the clock of versions.
//!
//! Invariant: a dot is handed out once; its incarnation is durable before the first dot. No name of an earlier life comes back.

use super::Core;
use crate::event::{Change, Event};
use crate::ids::{HintId, OpId, SessionId};
use crate::input::Note;
use crate::paxos::Ballot;
use crate::store::{Meta, Purpose, StoreOp};
use causal::{Actor, Dot, HybridClock, Stamp};
use std::hash::{Hash, Hasher};
use stdx::bugs::planted;

impl Core {
    /// Operations and streams are named by numbers after this one from now on. Returns the last number given before.
    pub(crate) fn name_after(&mut self, number: u64) -> u64 {
        std::mem::replace(&mut self.ids, number)
    }

    /// What decides the names and stamps of versions and hints made from now on.
    pub(crate) fn hash_names<H: Hasher>(&self, hasher: &mut H) {
        (&self.clock, self.dots, self.hints, self.ballots).hash(hasher);
    }

    pub(crate) fn next_op(&mut self) -> OpId {
        self.ids = self.ids.wrapping_add(1);
        OpId(self.ids)
    }

    pub(crate) fn next_session(&mut self) -> SessionId {
        self.ids = self.ids.wrapping_add(1);
        SessionId(self.ids)
    }

    /// A name for a hint that no earlier life of this node has used: hints outlive it.
    pub(crate) fn next_hint(&mut self) -> HintId {
        self.hints += 1;
        if planted("hint ids come back after a restart") {
            return HintId(self.hints);
        }
        HintId(self.incarnation().unwrap_or(0) & !u64::from(u32::MAX) | self.hints)
    }

    /// What the disk says was the last incarnation of this node.
    pub(crate) fn last_incarnation(&mut self, incarnation: u64) {
        self.newest_incarnation = incarnation;
    }

    /// An incarnation that was never used and never asked for: two parts of the machine may want one at the same time,
    /// and a number that began twice would hand the same dots out twice. Its lower half is of this life alone, for a
    /// process on a copy of our records would count on from the same number.
    pub(crate) fn next_incarnation(&mut self) -> u64 {
        let lot =
            if planted("incarnations are counted") || planted("incarnation before fsync") { 0 } else { self.life };
        let number = (self.newest_incarnation >> 32) + 1;
        self.newest_incarnation = number << 32 | lot & u64::from(u32::MAX);
        self.newest_incarnation
    }

    /// Takes a new incarnation as soon as it is durable.
    pub(crate) fn renew_incarnation(&mut self) {
        let incarnation = self.next_incarnation();
        self.store(Purpose::Incarnation(incarnation), StoreOp::Meta(vec![Meta::Incarnation(incarnation)]));
    }

    /// From now on dots carry this incarnation, which is durable.
    pub(crate) fn begin_incarnation(&mut self, incarnation: u64) {
        // One that began twice would hand the same dots out twice.
        if self.incarnation() >= Some(incarnation) {
            return;
        }
        self.actor = Some(Actor { node: self.node.0, incarnation });
        self.dots = 0;
    }

    /// The incarnation dots carry, once it is durable.
    pub(crate) fn incarnation(&self) -> Option<u64> {
        self.actor.map(|actor| actor.incarnation)
    }

    /// A dot never used before, or `None` while no incarnation is durable.
    pub(crate) fn next_dot(&mut self) -> Option<Dot> {
        let actor = self.actor?;
        self.dots += 1;
        Some(Dot { actor, counter: self.dots })
    }

    /// A dot for a version made by a node that keeps no record of the slot. Its actor is used for this dot alone: a record
    /// that names a later dot of an actor without its earlier ones would make replicas drop them.
    pub(crate) fn lone_dot(&mut self) -> Option<Dot> {
        self.actor?;
        if planted("a lone dot names its node") {
            return self.next_dot();
        }
        Some(Dot { actor: Actor { node: self.prng.next_u128(), incarnation: 0 }, counter: 1 })
    }

    /// A ballot for a register, above `above` and above every one given before in this life: no two attempts of this node,
    /// on whichever key, share one. `None` while no incarnation is durable.
    pub(crate) fn next_ballot(&mut self, above: Ballot) -> Option<Ballot> {
        let incarnation = self.incarnation()?;
        self.ballots = self.ballots.max(above.counter).max(self.floor().ballot) + 1;
        Some(Ballot { counter: self.ballots, node: self.node, incarnation })
    }

    /// Ballots given from now on are above this one, which another node has asked a replica here to promise. Whoever has waited, and then
    /// asked with a ballot just above the last one it was refused for, would be refused for as long as others change the item.
    pub(crate) fn ballots_above(&mut self, other: Ballot) {
        if !planted("ballots follow refusals only") {
            self.ballots = self.ballots.max(other.counter);
        }
    }

    /// A stamp later than all before.
    pub(crate) fn next_stamp(&mut self) -> Stamp {
        self.clock.tick(self.now.wall.0)
    }

    /// Stamps given from now on are above this one.
    pub(crate) fn stamp_above(&mut self, stamp: Stamp) {
        self.clock = HybridClock::resume(self.clock.last().max(stamp));
    }

    /// Follows a stamp seen in a peer's record, unless it is absurdly far ahead.
    pub(crate) fn observe(&mut self, stamp: Stamp) {
        let ahead_max = self.config.clock_ahead_max.as_millis();
        if let Err(ahead) = self.clock.observe(stamp, self.now.wall.0, ahead_max) {
            self.note(Note::ClockAhead(ahead.by_ms));
        }
    }

    /// Follows the stamps of restores that the history tells of.
    pub(crate) fn observe_restores(&mut self) {
        let stamp = |event: &Event| match &event.change {
            Change::Restored(restored) => Some(restored.stamp),
            _ => None,
        };
        let newest = self.history.events().iter().filter_map(stamp).max();
        let newest = newest.filter(|_| !planted("clocks do not follow a restore"));
        newest.into_iter().for_each(|stamp| self.observe(stamp));
    }
}
