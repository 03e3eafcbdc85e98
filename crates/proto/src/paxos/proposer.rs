//! The proposer: one attempt after another to get a value decided, each under a fresh ballot.
//!
//! Invariant: a value goes out under a ballot only after a majority has promised that ballot, and it is the value of
//! the highest ballot any of them had accepted, if there was one. A ballot is used for one value only; whatever
//! happens to it, the next attempt takes a higher one.

use super::Ballot;
use ring::NodeId;
use std::collections::BTreeSet;
use stdx::bugs::planted;

/// One node's attempts on one register.
#[derive(Clone, Debug)]
pub struct Proposer<V> {
    acceptors: Vec<NodeId>,
    ballot: Ballot,
    highest_seen: Ballot,
    own: V,
    phase: Phase<V>,
}

#[derive(Clone, Debug)]
enum Phase<V> {
    Preparing { promised: BTreeSet<NodeId>, best: Option<(Ballot, V)> },
    Accepting { accepted: BTreeSet<NodeId>, value: V },
    Refused,
    Decided,
}

/// What to do next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step<V> {
    /// Nothing yet.
    Wait,
    /// Ask every acceptor to accept this value under the current ballot.
    Accept(V),
    /// A majority accepted: the value is decided, now and for ever.
    Decided(V),
    /// An acceptor has promised a higher ballot: pause for a random while, then begin again.
    Refused,
}

impl<V: Clone> Proposer<V> {
    /// Begins: ask every acceptor to promise [`Proposer::ballot`], which is above `used`: whatever this node has tried
    /// before in this life must be below, or two values would go out under one ballot.
    pub fn new(acceptors: Vec<NodeId>, node: NodeId, incarnation: u64, used: Ballot, own: V) -> Proposer<V> {
        let used = if planted("a ballot is used for two changes") { Ballot::default() } else { used };
        let ballot = used.above(node, incarnation);
        let phase = Phase::Preparing { promised: BTreeSet::new(), best: None };
        Proposer { acceptors, ballot, highest_seen: ballot, own, phase }
    }

    /// Whom to ask.
    pub fn acceptors(&self) -> &[NodeId] {
        &self.acceptors
    }

    /// The ballot of the current attempt.
    pub fn ballot(&self) -> Ballot {
        self.ballot
    }

    /// Acceptors that have said yes in the current phase.
    pub fn agreed(&self) -> usize {
        match &self.phase {
            Phase::Preparing { promised, .. } => promised.len(),
            Phase::Accepting { accepted, .. } => accepted.len(),
            Phase::Refused => 0,
            Phase::Decided => self.acceptors.len(),
        }
    }

    /// Begins again under a higher ballot than any seen: ask every acceptor to promise it.
    pub fn again(&mut self) {
        self.ballot = self.highest_seen.above(self.ballot.node, self.ballot.incarnation);
        self.highest_seen = self.ballot;
        self.phase = Phase::Preparing { promised: BTreeSet::new(), best: None };
    }

    /// An acceptor promised.
    pub fn on_promise(&mut self, from: NodeId, ballot: Ballot, accepted: Option<(Ballot, V)>) -> Step<V> {
        let Phase::Preparing { promised, best } = &mut self.phase else { return Step::Wait };
        if ballot != self.ballot || !self.acceptors.contains(&from) {
            return Step::Wait;
        }
        let again = !promised.insert(from) && planted("a promise counts twice");
        if let Some((ballot, value)) = accepted
            && best.as_ref().is_none_or(|(highest, _)| ballot > *highest && !planted("first value of the promises"))
        {
            *best = Some((ballot, value));
        }
        if promised.len() + usize::from(again) <= self.acceptors.len() / 2 {
            return Step::Wait;
        }
        let value = best.take().map_or_else(|| self.own.clone(), |(_, value)| value);
        self.phase = Phase::Accepting { accepted: BTreeSet::new(), value: value.clone() };
        Step::Accept(value)
    }

    /// An acceptor accepted.
    pub fn on_accepted(&mut self, from: NodeId, ballot: Ballot) -> Step<V> {
        let Phase::Accepting { accepted, value } = &mut self.phase else { return Step::Wait };
        if ballot != self.ballot || !self.acceptors.contains(&from) {
            return Step::Wait;
        }
        accepted.insert(from);
        if accepted.len() <= self.acceptors.len() / 2 {
            return Step::Wait;
        }
        let value = value.clone();
        self.phase = Phase::Decided;
        Step::Decided(value)
    }

    /// An acceptor refused the current ballot; or, if it has promised nothing higher, the value, which the others may still
    /// accept.
    pub fn on_nack(&mut self, ballot: Ballot, promised: Ballot) -> Step<V> {
        self.highest_seen = self.highest_seen.max(promised);
        if ballot != self.ballot || matches!(self.phase, Phase::Decided | Phase::Refused) {
            return Step::Wait;
        }
        if promised <= ballot {
            stdx::marks::hit("proposer_was_refused_by_one");
            return Step::Wait;
        }
        self.phase = Phase::Refused;
        Step::Refused
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AcceptorState, Answer, Ballot};
    use super::{Proposer, Step};
    use ring::NodeId;
    use std::collections::BTreeMap;
    use stdx::Prng;

    /// Sim seed 17553869176818057908: one voter would not take an abort and said so before the two others accepted it, time
    /// and again.
    #[test]
    fn one_that_does_not_want_the_value_does_not_end_the_attempt() {
        let voters: Vec<NodeId> = (1..=3).map(NodeId).collect();
        let mut proposer = Proposer::new(voters.clone(), NodeId(9), 1, Ballot::default(), 7u32);
        let ballot = proposer.ballot();
        assert_eq!(proposer.on_promise(voters[0], ballot, None), Step::Wait);
        assert_eq!(proposer.on_promise(voters[1], ballot, None), Step::Accept(7));
        assert_eq!(proposer.on_nack(ballot, ballot), Step::Wait);
        assert_eq!(proposer.on_accepted(voters[0], ballot), Step::Wait);
        assert_eq!(proposer.on_accepted(voters[1], ballot), Step::Decided(7));
    }

    #[derive(Clone, Debug)]
    enum Packet {
        Prepare(Ballot),
        Accept(Ballot, u32),
        Promise(NodeId, Ballot, Option<(Ballot, u32)>),
        Accepted(NodeId, Ballot),
        Nack(Ballot, Ballot),
    }

    struct World {
        acceptors: BTreeMap<NodeId, AcceptorState<u32>>,
        proposers: Vec<Proposer<u32>>,
        packets: Vec<(usize, NodeId, Packet)>,
        decided: Vec<u32>,
    }

    impl World {
        fn new(acceptors: u128, proposers: u32) -> World {
            let ids: Vec<NodeId> = (1..=acceptors).map(NodeId).collect();
            let mut world = World {
                acceptors: ids.iter().map(|id| (*id, AcceptorState::default())).collect(),
                proposers: (0..proposers)
                    .map(|i| Proposer::new(ids.clone(), NodeId(100 + u128::from(i)), 1, Ballot::default(), i))
                    .collect(),
                packets: Vec::new(),
                decided: Vec::new(),
            };
            (0..world.proposers.len()).for_each(|i| world.prepare(i));
            world
        }

        fn prepare(&mut self, proposer: usize) {
            let ballot = self.proposers[proposer].ballot();
            let ids: Vec<NodeId> = self.acceptors.keys().copied().collect();
            self.packets.extend(ids.into_iter().map(|id| (proposer, id, Packet::Prepare(ballot))));
        }

        fn deliver(&mut self, (proposer, at, packet): (usize, NodeId, Packet)) {
            let acceptor = self.acceptors.get_mut(&at).expect("the acceptor exists");
            let step = match packet {
                Packet::Prepare(ballot) => {
                    let reply = match acceptor.on_prepare(ballot) {
                        Answer::Promise(accepted) => Packet::Promise(at, ballot, accepted),
                        Answer::Nack(promised) => Packet::Nack(ballot, promised),
                        Answer::Accepted => unreachable!("a prepare is not accepted"),
                    };
                    self.packets.push((proposer, at, reply));
                    return;
                }
                Packet::Accept(ballot, value) => {
                    let reply = match acceptor.on_accept(ballot, value) {
                        Answer::Accepted => Packet::Accepted(at, ballot),
                        Answer::Nack(promised) => Packet::Nack(ballot, promised),
                        Answer::Promise(_) => unreachable!("an accept is not promised"),
                    };
                    self.packets.push((proposer, at, reply));
                    return;
                }
                Packet::Promise(from, ballot, accepted) => self.proposers[proposer].on_promise(from, ballot, accepted),
                Packet::Accepted(from, ballot) => self.proposers[proposer].on_accepted(from, ballot),
                Packet::Nack(ballot, promised) => self.proposers[proposer].on_nack(ballot, promised),
            };
            match step {
                Step::Wait => {}
                Step::Accept(value) => {
                    let ballot = self.proposers[proposer].ballot();
                    let ids: Vec<NodeId> = self.acceptors.keys().copied().collect();
                    self.packets.extend(ids.into_iter().map(|id| (proposer, id, Packet::Accept(ballot, value))));
                }
                Step::Decided(value) => self.decided.push(value),
                Step::Refused => {
                    self.proposers[proposer].again();
                    self.prepare(proposer);
                }
            }
        }
    }

    #[test]
    fn whatever_is_lost_or_delayed_only_one_value_is_decided() {
        let mut several = 0;
        for seed in 0..2_000 {
            let mut prng = Prng::new(seed);
            let mut world = World::new(3, 3);
            for _ in 0..300 {
                let Some(at) = prng.index(world.packets.len()) else { break };
                let packet = world.packets.swap_remove(at);
                if prng.chance(100_000) {
                    continue;
                }
                if prng.chance(50_000) {
                    world.packets.push(packet.clone());
                }
                world.deliver(packet);
            }
            several += usize::from(world.decided.len() > 1);
            assert!(world.decided.windows(2).all(|pair| pair[0] == pair[1]), "seed {seed}: {:?}", world.decided);
        }
        assert!(several > 100, "the test hardly ever saw two proposers decide ({several})");
    }

    #[test]
    fn a_lone_proposer_decides_its_own_value() {
        let mut world = World::new(5, 1);
        while let Some(packet) = world.packets.pop() {
            world.deliver(packet);
        }
        assert_eq!(world.decided, [0]);
    }
}
