//! Items that are collected together, and what their replicas say of them.
//!
//! Invariant: an item stays in the batch only if every one of its replicas has said yes to it.

use super::{ROUNDS, rounds};
use crate::core::Core;
use crate::ids::{Epoch, SessionId};
use crate::message::{Message, Spent};
use crate::store::Highest;
use ring::{NodeId, Token};
use std::collections::{BTreeMap, BTreeSet};
use stdx::bugs::planted;
use stdx::{Mono, Span, Wall};

#[derive(Clone, Hash)]
pub(super) struct Batch {
    /// The epoch whose replicas are asked; no change is under way.
    epoch: Epoch,
    /// The time by which they are spent.
    wall: Wall,
    items: Vec<(Spent, Highest)>,
    /// Positions of the items that each replica holds.
    shares: BTreeMap<NodeId, Vec<u32>>,
    /// How many replicas each item has, and how many of them have said yes.
    replicas: Vec<usize>,
    votes: Vec<usize>,
    /// The highest round of those who have said yes.
    round: u64,
    session: SessionId,
    silent: BTreeSet<NodeId>,
    give_up_at: Mono,
}

impl Batch {
    /// Items with the highest of what goes of each.
    pub(super) fn new(core: &Core, wall: Wall, items: Vec<(Spent, Highest)>) -> Batch {
        let view = core.history.current();
        let (mut shares, mut replicas) = (BTreeMap::new(), Vec::new());
        for ((item, _), at) in items.iter().zip(0u32..) {
            let partition = core.history.genesis().grid.partition_of(&Token::of(&item.key.partition_key));
            let nodes = view.replicas(partition, item.bucket);
            let asked = |node: &&NodeId| !planted("collected while a replica is down") || !core.is_down(**node);
            let nodes: Vec<NodeId> = nodes.iter().filter(asked).copied().collect();
            replicas.push(nodes.len());
            nodes.iter().for_each(|node| shares.entry(*node).or_insert_with(Vec::new).push(at));
        }
        let votes = vec![0; items.len()];
        Batch {
            epoch: core.epoch(),
            wall,
            items,
            shares,
            replicas,
            votes,
            round: 0,
            session: SessionId::default(),
            silent: BTreeSet::new(),
            give_up_at: Mono::default(),
        }
    }

    /// Asks each replica about those of the items that it holds.
    pub(super) fn ask(
        &mut self,
        core: &mut Core,
        within: Span,
        question: impl Fn(SessionId, Epoch, (u64, Wall), Vec<Spent>) -> Message,
    ) {
        self.session = core.next_session();
        self.give_up_at = core.now.mono + within;
        self.silent = self.shares.keys().copied().collect();
        for (node, share) in &self.shares {
            let items = share.iter().filter_map(|at| Some(self.items.get(*at as usize)?.0.clone())).collect();
            core.say(*node, question(self.session, self.epoch, (self.round, self.wall), items));
        }
    }

    /// True, once, for an answer that is waited for.
    pub(super) fn answered(&mut self, from: NodeId, session: SessionId) -> bool {
        session == self.session && self.silent.remove(&from)
    }

    pub(super) fn is_answered(&self) -> bool {
        self.silent.is_empty()
    }

    pub(super) fn agree(&mut self, from: NodeId, round: u64, yes: &[u32]) {
        self.round = self.round.max(round);
        let Some(share) = self.shares.get(&from) else { return };
        let yes: BTreeSet<u32> = yes.iter().copied().collect();
        for at in yes.into_iter().filter_map(|at| share.get(at as usize)) {
            if let Some(votes) = self.votes.get_mut(*at as usize) {
                *votes += 1;
            }
        }
    }

    /// Leaves those out to which some replica has not said yes. Everybody is told of the highest of the others
    /// before this node is clear of a later round.
    pub(super) fn keep_agreed(&mut self, core: &mut Core) {
        let majority = planted("collected when most replicas agree");
        let enough = |at: usize| {
            let (votes, replicas) = (self.votes[at], self.replicas[at]);
            votes == replicas || majority && votes > replicas / 2
        };
        let agreed: BTreeSet<u32> = (0u32..).take(self.items.len()).filter(|at| enough(*at as usize)).collect();
        if agreed.len() < self.items.len() {
            stdx::marks::hit("collect.replicas_disagreed");
        }
        for ((_, highest), _) in self.items.iter().zip(0u32..).filter(|(_, at)| agreed.contains(at)) {
            core.collected_wanted = core.collected_wanted.max(highest.stamp);
            if !highest.floor.is_zero() {
                stdx::marks::hit("collect.registers");
            }
            if !planted("the floor stays where it is") {
                core.floor_wanted = core.floor_wanted.merged(highest.floor);
            }
        }
        self.round = self.round.max(core.round);
        self.shares.values_mut().for_each(|share| share.retain(|at| agreed.contains(at)));
        self.shares.retain(|_, share| !share.is_empty());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }

    /// From now on it waits until everybody is clear.
    pub(super) fn wait(&mut self, core: &Core, within: Span) {
        self.give_up_at = core.now.mono + within;
    }

    /// True if everybody is clear of what began before the replicas agreed.
    pub(super) fn is_clear(&self, core: &Core) -> bool {
        let rounds = if planted("collected a round after the agreement") { 1 } else { ROUNDS };
        let needed = self.round.saturating_add(rounds);
        rounds::floor(core).is_some_and(|floor| floor >= needed) || planted("collected without rounds")
    }

    /// True if it is over: nobody answers, or the ring changes.
    pub(super) fn is_late(&self, core: &Core) -> bool {
        self.give_up_at <= core.now.mono || core.epoch() != self.epoch
    }
}
