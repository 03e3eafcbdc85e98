//! Registers that are collected while proposers are at work, over a network that loses, repeats and delays
//! (`docs/adr/0021-collection-of-registers.md`). The rounds are here what they amount to: after all replicas have agreed, who
//! begins anew knows the floor; when those who began before are gone, their messages are refused, and replicas let go.
//!
//! Every change appends its name or deletes, and numbers tell the order: none has two values, none comes after a higher one
//! in real time, and no change is made twice.

use super::{Answer, Ask, Cache, Cell, Change, ChangeId, Floor, Outcome, Register, Round, Step, Tried, Verdict, Work};
use crate::paxos::Ballot;
use crate::quorum::Group;
use ring::NodeId;
use std::collections::BTreeMap;
use stdx::Prng;

type List = Vec<u64>;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Deed {
    Append(u64),
    Delete,
}

impl Change for Deed {
    type Value = List;

    fn apply(&self, current: &Cell<List>) -> Verdict<List> {
        match (self, &current.value) {
            (Deed::Delete, None) => Verdict::Keep,
            (Deed::Delete, Some(_)) => Verdict::Write(None),
            (Deed::Append(name), list) => Verdict::Write(Some(list.iter().flatten().copied().chain([*name]).collect())),
        }
    }
}

#[derive(Clone)]
enum Packet {
    Ask {
        proposer: usize,
        attempt: u64,
        to: usize,
        ask: Ask<List>,
    },
    Answer {
        proposer: usize,
        attempt: u64,
        from: usize,
        answer: Answer<List>,
    },
    /// What a repair has read.
    Push {
        to: usize,
        register: Register<List>,
    },
}

#[derive(Default)]
struct Proposer {
    round: Option<Round<Deed>>,
    began: usize,
    /// The collection before which the operation began.
    era: u64,
    attempt: u64,
    counter: u64,
    life: u64,
    floor: Floor,
    cache: Option<Cache<List>>,
    /// A change of which the outcome is not known, and when it was first begun.
    unknown: Option<(u64, usize)>,
}

/// How far a collection is.
#[derive(Default)]
enum Phase {
    #[default]
    Idle,
    /// All held this.
    Agreed(Register<List>),
    /// These still have to let go of it.
    LettingGo(Register<List>, Vec<usize>),
}

#[derive(Debug)]
struct Seen {
    began: usize,
    ended: usize,
    number: u64,
    changed: bool,
}

#[derive(Default)]
struct World {
    replicas: Vec<Register<List>>,
    proposers: Vec<Proposer>,
    packets: Vec<(u64, Packet)>,
    phase: Phase,
    /// Collections agreed upon, and those of which the earlier messages are refused.
    era: u64,
    refused_below: u64,
    seen: Vec<Seen>,
    values: BTreeMap<u64, List>,
    collected: usize,
    brought_back: usize,
    time: usize,
    names: u64,
}

fn groups() -> Vec<Group> {
    vec![Group { replicas: (0..3).map(NodeId).collect(), needed: 2 }]
}

impl World {
    fn new() -> World {
        let proposers = (0..3).map(|_| Proposer::default()).collect();
        World { replicas: vec![Register::default(); 3], proposers, ..World::default() }
    }

    fn fresh(&mut self, at: usize, above: Ballot) -> Ballot {
        let Proposer { counter, life, floor, .. } = &mut self.proposers[at];
        *counter = (*counter).max(above.counter).max(floor.ballot) + 1;
        Ballot { counter: *counter, node: NodeId(10 + at as u128), incarnation: *life }
    }

    fn begin(&mut self, at: usize, prng: &mut Prng) {
        let id = match self.proposers[at].unknown.take().filter(|_| prng.chance(500_000)) {
            Some(known) => Some(known),
            None if prng.chance(300_000) => None,
            None => {
                self.names += 1;
                Some((self.names, self.time))
            }
        };
        let (now, era) = (self.time, self.era);
        let is_new = id == Some((self.names, now));
        let work = match id {
            None => Work::Read,
            Some((name, _)) => {
                // A change that is asked for again is the same change.
                let deed = if name % 2 == 0 { Deed::Delete } else { Deed::Append(name) };
                Work::Change { id: ChangeId(name), change: deed, tried: if is_new { Tried::No } else { Tried::Before } }
            }
        };
        let floor = self.proposers[at].floor;
        let mut round = Round::new(work, floor.number);
        // Whoever has not heard of the last collection counts as having begun before it.
        self.proposers[at].began = id.map_or(now, |(_, began)| began);
        self.proposers[at].era = era - u64::from(!self.has_heard(at));
        let cache = self.proposers[at].cache.take().filter(|cache| cache.ballot.counter > floor.ballot);
        match (cache, round.work()) {
            (_, Work::Read) => round.read(groups()),
            (Some(cache), _) => {
                let next = self.fresh(at, cache.ballot);
                if !round.accept(cache, next) {
                    round.read(groups());
                }
            }
            (None, _) => {
                let ballot = self.fresh(at, Ballot::default());
                let next = self.fresh(at, ballot);
                round.prepare(groups(), ballot, next);
            }
        }
        self.proposers[at].round = Some(round);
        self.send(at);
    }

    /// True if a proposer knows the floor of the collection under way.
    fn has_heard(&self, at: usize) -> bool {
        match &self.phase {
            Phase::Agreed(held) => self.proposers[at].floor.ballot >= held.state.promised.counter,
            Phase::Idle | Phase::LettingGo(..) => true,
        }
    }

    fn send(&mut self, at: usize) {
        let proposer = &mut self.proposers[at];
        proposer.attempt += 1;
        let (attempt, era) = (proposer.attempt, proposer.era);
        let ask = proposer.round.as_ref().and_then(Round::ask).expect("a question is open");
        let packet = |to| (era, Packet::Ask { proposer: at, attempt, to, ask: ask.clone() });
        self.packets.extend((0..3).map(packet));
    }

    fn deliver(&mut self, (era, packet): (u64, Packet)) {
        let is_late = era < self.refused_below;
        match packet {
            Packet::Ask { proposer, attempt, to, ask } if !is_late => {
                let answer = self.replicas[to].on_ask(ask);
                self.packets.push((era, Packet::Answer { proposer, attempt, from: to, answer }));
            }
            Packet::Push { to, register } if !is_late => {
                self.brought_back += usize::from(self.collected > 0 && self.replicas[to] == Register::default());
                self.replicas[to].merge(&register);
            }
            Packet::Answer { proposer, attempt, from, answer } if self.proposers[proposer].attempt == attempt => {
                let Some(round) = &mut self.proposers[proposer].round else { return };
                let step = round.on_answer(NodeId(from as u128), answer);
                self.follow(proposer, step);
            }
            _ => {}
        }
    }

    fn follow(&mut self, at: usize, step: Step<List>) {
        match step {
            Step::Wait => {}
            Step::Ask => self.send(at),
            Step::Again | Step::Pause => {
                let mut round = self.proposers[at].round.take().expect("it is running");
                let ballot = self.fresh(at, round.highest());
                let next = self.fresh(at, ballot);
                round.prepare(groups(), ballot, next);
                self.proposers[at].round = Some(round);
                self.send(at);
            }
            Step::Done(outcome) => {
                let mut round = self.proposers[at].round.take().expect("it was running");
                self.proposers[at].cache = round.take_cache();
                self.note(at, outcome);
            }
        }
    }

    fn note(&mut self, at: usize, outcome: Outcome<List>) {
        let (number, changed, cell) = match outcome {
            Outcome::Changed { number, cell } => (number, true, cell),
            // Nothing has no number that anybody is told.
            Outcome::Read(cell) | Outcome::Kept(cell) if cell.value.is_some() => (cell.number, false, cell),
            _ => return,
        };
        let (began, ended) = (self.proposers[at].began, self.time);
        if let Some(value) = &cell.value {
            let known = self.values.entry(cell.number).or_insert_with(|| value.clone());
            assert_eq!(known, value, "version {} has two values", cell.number);
        }
        self.seen.push(Seen { began, ended, number, changed });
    }

    /// Takes the next step of a collection, if it can be taken.
    fn collect(&mut self, prng: &mut Prng) {
        match std::mem::take(&mut self.phase) {
            Phase::Idle => {
                let held = self.replicas[0].clone();
                let is_spent = held.cell().is_none_or(|cell| cell.value.is_none()) && held != Register::default();
                if is_spent && self.replicas.iter().all(|replica| replica.state == held.state) {
                    self.era += 1;
                    self.phase = Phase::Agreed(held);
                }
            }
            Phase::Agreed(held) => {
                let floor =
                    Floor { ballot: held.state.promised.counter, number: held.cell().map_or(0, |cell| cell.number) };
                let at = prng.below(3) as usize;
                self.proposers[at].floor = self.proposers[at].floor.merged(floor);
                let era = self.era;
                let is_clear = |proposer: &Proposer| proposer.round.is_none() || proposer.era >= era;
                let all_clear = (0..3).all(|at| self.has_heard_of(at, floor) && is_clear(&self.proposers[at]));
                self.phase = if all_clear {
                    self.refused_below = era;
                    Phase::LettingGo(held, vec![0, 1, 2])
                } else {
                    Phase::Agreed(held)
                };
            }
            Phase::LettingGo(held, mut left) => {
                let replica = left.swap_remove(prng.index(left.len()).expect("one is left"));
                // The question may be lost.
                if self.replicas[replica].state == held.state && prng.chance(900_000) {
                    self.replicas[replica] = Register::default();
                    self.collected += 1;
                }
                self.phase = if left.is_empty() { Phase::Idle } else { Phase::LettingGo(held, left) };
            }
        }
    }

    fn has_heard_of(&self, at: usize, floor: Floor) -> bool {
        let known = self.proposers[at].floor;
        known.merged(floor) == known
    }

    fn check(&self, seed: u64) {
        for one in &self.seen {
            for other in &self.seen {
                let is_higher = one.number > other.number || other.changed && one.number == other.number;
                assert!(other.began <= one.ended || !is_higher, "seed {seed}: {one:?} came before {other:?}");
            }
        }
        // The lists that a name is in are all of one life of the item, so each begins as the next does.
        for name in 1..=self.names {
            let lists: Vec<&List> = self.values.values().filter(|list| list.contains(&name)).collect();
            let one_life = lists.windows(2).all(|pair| pair[1].starts_with(pair[0]));
            assert!(one_life, "seed {seed}: change {name} was made twice: {lists:?}");
        }
    }
}

#[test]
fn whatever_is_lost_repeated_or_delayed_nothing_comes_back_of_what_is_collected() {
    let (mut seen, mut collected, mut brought_back) = (0, 0, 0);
    for seed in 0..3_000 {
        let mut prng = Prng::new(seed);
        let mut world = World::new();
        for time in 0..800 {
            world.time = time;
            let idle = world.proposers.iter().position(|proposer| proposer.round.is_none());
            if let Some(at) = idle.filter(|_| prng.chance(60_000)) {
                world.begin(at, &mut prng);
            }
            if prng.chance(15_000) {
                let at = prng.below(3) as usize;
                if let Some(round) = world.proposers[at].round.take()
                    && let Work::Change { id, .. } = round.work()
                {
                    world.proposers[at].unknown = Some((id.0, world.proposers[at].began));
                }
                // It may start again, and counts from the floor that is on its disk.
                if prng.chance(500_000) {
                    let Proposer { life, attempt, floor, unknown, .. } = &world.proposers[at];
                    let (life, attempt, floor, unknown) = (life + 1, *attempt + 1_000, *floor, *unknown);
                    world.proposers[at] = Proposer { life, attempt, floor, unknown, ..Proposer::default() };
                }
            }
            if prng.chance(150_000) {
                let (from, to) = (prng.below(3) as usize, prng.below(3) as usize);
                let register = world.replicas[from].clone();
                world.packets.push((world.era, Packet::Push { to, register }));
            }
            if prng.chance(500_000) {
                world.collect(&mut prng);
            }
            let Some(at) = prng.index(world.packets.len()) else { continue };
            let packet = world.packets.swap_remove(at);
            if prng.chance(60_000) {
                continue;
            }
            if prng.chance(50_000) {
                world.packets.push(packet.clone());
            }
            world.deliver(packet);
        }
        world.check(seed);
        seen += world.seen.len();
        collected += world.collected;
        brought_back += world.brought_back;
    }
    assert!(seen > 20_000 && collected > 2_000 && brought_back > 100, "too little: {seen} {collected} {brought_back}");
}
