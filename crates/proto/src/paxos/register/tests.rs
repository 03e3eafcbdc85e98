//! Operations of several proposers at once over a network that loses, repeats and delays. Every change appends its name
//! to a list, so what was seen tells the order: all lists seen must be beginnings of one another, in real time, and what
//! was refused must never show up.

use super::{Answer, Ask, Cache, Cell, Change, ChangeId, Outcome, Register, Round, Step, Tried, Verdict, Work};
use crate::paxos::Ballot;
use crate::quorum::Group;
use ring::NodeId;
use stdx::Prng;

type List = Vec<u64>;

/// Appends its name, unless the list is longer than `longest`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Append {
    name: u64,
    longest: usize,
}

impl Change for Append {
    type Value = List;

    fn apply(&self, current: &Cell<List>) -> Verdict<List> {
        let mut list = current.value.clone().unwrap_or_default();
        if list.len() > self.longest {
            return Verdict::Refuse;
        }
        list.push(self.name);
        Verdict::Write(Some(list))
    }
}

enum Packet {
    Ask { proposer: usize, attempt: u64, to: usize, ask: Ask<List> },
    Answer { proposer: usize, attempt: u64, from: usize, answer: Answer<List> },
}

impl Clone for Packet {
    fn clone(&self) -> Packet {
        match self {
            Packet::Ask { proposer, attempt, to, ask } => {
                Packet::Ask { proposer: *proposer, attempt: *attempt, to: *to, ask: ask.clone() }
            }
            Packet::Answer { proposer, attempt, from, answer } => {
                Packet::Answer { proposer: *proposer, attempt: *attempt, from: *from, answer: answer.clone() }
            }
        }
    }
}

struct Proposer {
    round: Option<Round<Append>>,
    began: usize,
    attempt: u64,
    counter: u64,
    cache: Option<Cache<List>>,
}

/// What a finished operation says: it saw this list, and everything decided before `began` must be in it.
struct Seen {
    began: usize,
    ended: usize,
    list: List,
}

struct World {
    replicas: Vec<Register<List>>,
    proposers: Vec<Proposer>,
    packets: Vec<Packet>,
    seen: Vec<Seen>,
    refused: Vec<u64>,
    by_cache: usize,
    time: usize,
    names: u64,
}

fn groups() -> Vec<Group> {
    vec![Group { replicas: (0..3).map(NodeId).collect(), needed: 2 }]
}

impl World {
    fn new(proposers: usize) -> World {
        let proposer = || Proposer { round: None, began: 0, attempt: 0, counter: 0, cache: None };
        World {
            replicas: vec![Register::default(); 3],
            proposers: (0..proposers).map(|_| proposer()).collect(),
            packets: Vec::new(),
            seen: Vec::new(),
            refused: Vec::new(),
            by_cache: 0,
            time: 0,
            names: 0,
        }
    }

    fn fresh(&mut self, at: usize, above: Ballot) -> Ballot {
        let proposer = &mut self.proposers[at];
        proposer.counter = proposer.counter.max(above.counter) + 1;
        Ballot { counter: proposer.counter, node: NodeId(10 + at as u128), incarnation: 1 }
    }

    fn begin(&mut self, at: usize, prng: &mut Prng) {
        self.names += 1;
        let work = if prng.chance(300_000) {
            Work::Read
        } else {
            let longest = if prng.chance(300_000) { 4 } else { 1_000 };
            let change = Append { name: self.names, longest };
            Work::Change { id: ChangeId(self.names), change, tried: Tried::No }
        };
        let mut round = Round::new(work, 0);
        let cache = self.proposers[at].cache.take();
        let is_read = matches!(round.work(), Work::Read);
        match cache {
            Some(cache) if !is_read => {
                let next = self.fresh(at, cache.ballot);
                if round.accept(cache, next) {
                    self.by_cache += 1;
                } else {
                    round.read(groups());
                }
            }
            _ if is_read => round.read(groups()),
            _ => {
                let ballot = self.fresh(at, Ballot::default());
                let next = self.fresh(at, ballot);
                round.prepare(groups(), ballot, next);
            }
        }
        self.proposers[at].round = Some(round);
        self.proposers[at].began = self.time;
        self.send(at);
    }

    fn again(&mut self, at: usize) {
        let Some(mut round) = self.proposers[at].round.take() else { return };
        let ballot = self.fresh(at, round.highest());
        let next = self.fresh(at, ballot);
        round.prepare(groups(), ballot, next);
        self.proposers[at].round = Some(round);
        self.send(at);
    }

    fn send(&mut self, at: usize) {
        self.proposers[at].attempt += 1;
        let attempt = self.proposers[at].attempt;
        let ask = self.proposers[at].round.as_ref().and_then(Round::ask).expect("a question is open");
        for to in 0..3 {
            self.packets.push(Packet::Ask { proposer: at, attempt, to, ask: ask.clone() });
        }
    }

    fn deliver(&mut self, packet: Packet) {
        match packet {
            Packet::Ask { proposer, attempt, to, ask } => {
                let answer = self.replicas[to].on_ask(ask);
                self.packets.push(Packet::Answer { proposer, attempt, from: to, answer });
            }
            Packet::Answer { proposer, attempt, from, answer } => {
                if self.proposers[proposer].attempt != attempt {
                    return;
                }
                let Some(round) = &mut self.proposers[proposer].round else { return };
                let step = round.on_answer(NodeId(from as u128), answer);
                self.follow(proposer, step);
            }
        }
    }

    fn follow(&mut self, at: usize, step: Step<List>) {
        match step {
            Step::Wait => {}
            Step::Ask => self.send(at),
            Step::Again | Step::Pause => self.again(at),
            Step::Done(outcome) => {
                let mut round = self.proposers[at].round.take().expect("it was running");
                self.proposers[at].cache = round.take_cache();
                self.note(at, round.work(), outcome);
            }
        }
    }

    fn note(&mut self, at: usize, work: &Work<Append>, outcome: Outcome<List>) {
        let cell = match (work, outcome) {
            (_, Outcome::Read(cell)) => cell,
            (Work::Change { id, .. }, Outcome::Changed { cell, .. }) => {
                assert!(cell.value.as_ref().is_some_and(|list| list.contains(&id.0)));
                cell
            }
            (Work::Change { id, .. }, Outcome::Refused(cell)) => {
                self.refused.push(id.0);
                cell
            }
            (_, Outcome::Unknown) => return,
            other => unreachable!("{other:?}"),
        };
        let began = self.proposers[at].began;
        self.seen.push(Seen { began, ended: self.time, list: cell.value.unwrap_or_default() });
    }

    fn check(&self, seed: u64) {
        for one in &self.seen {
            for name in &self.refused {
                assert!(!one.list.contains(name), "seed {seed}: {name} was refused and took effect");
            }
            for other in &self.seen {
                let (short, long) = if one.list.len() <= other.list.len() {
                    (&one.list, &other.list)
                } else {
                    (&other.list, &one.list)
                };
                assert_eq!(short[..], long[..short.len()], "seed {seed}: two orders were seen");
                if one.ended < other.began {
                    assert!(one.list.len() <= other.list.len(), "seed {seed}: a later operation saw less");
                }
            }
        }
    }
}

#[test]
fn whatever_is_lost_repeated_or_given_up_there_is_one_order() {
    let (mut seen, mut by_cache, mut refused) = (0, 0, 0);
    for seed in 0..1_500 {
        let mut prng = Prng::new(seed);
        let mut world = World::new(3);
        for time in 0..600 {
            world.time = time;
            let idle = world.proposers.iter().position(|proposer| proposer.round.is_none());
            if let Some(at) = idle.filter(|_| prng.chance(200_000)) {
                world.begin(at, &mut prng);
            }
            // A proposer that gives an operation up has forgotten it when it begins the next.
            if prng.chance(15_000) {
                let at = prng.below(3) as usize;
                world.proposers[at].round = None;
            }
            if prng.chance(15_000) {
                let (from, to) = (prng.below(3) as usize, prng.below(3) as usize);
                let other = world.replicas[from].clone();
                world.replicas[to].merge(&other);
            }
            let Some(at) = prng.index(world.packets.len()) else { continue };
            let packet = world.packets.swap_remove(at);
            if prng.chance(100_000) {
                continue;
            }
            if prng.chance(50_000) {
                world.packets.push(packet.clone());
            }
            world.deliver(packet);
        }
        world.check(seed);
        seen += world.seen.len();
        by_cache += world.by_cache;
        refused += world.refused.len();
    }
    assert!(seen > 10_000 && by_cache > 1_000 && refused > 300, "too little happened: {seen} {by_cache} {refused}");
}

#[test]
fn a_lone_proposer_needs_one_round_trip_from_its_second_change_on() {
    let mut world = World::new(1);
    for name in 1..=5u64 {
        let mut round =
            Round::new(Work::Change { id: ChangeId(name), change: Append { name, longest: 9 }, tried: Tried::No }, 0);
        match world.proposers[0].cache.take() {
            Some(cache) => {
                let next = world.fresh(0, cache.ballot);
                assert!(round.accept(cache, next));
            }
            None => {
                let ballot = world.fresh(0, Ballot::default());
                let next = world.fresh(0, ballot);
                round.prepare(groups(), ballot, next);
            }
        }
        world.proposers[0].round = Some(round);
        world.send(0);
        while let Some(packet) = world.packets.pop() {
            world.deliver(packet);
        }
    }
    assert_eq!(world.seen.last().map(|seen| seen.list.clone()), Some(vec![1, 2, 3, 4, 5]));
    assert_eq!(world.proposers[0].attempt, 6, "two questions for the first change, one for each other");
}

#[test]
fn what_may_have_been_made_and_forgotten_is_not_made_again() {
    let mut cell = Cell::default();
    for name in 1..=20u64 {
        cell = cell.after(ChangeId(name), Some(vec![name]));
    }
    let outcome = |name: u64, tried: Tried| {
        let mut world = World::new(1);
        let next = Ballot { counter: 2, node: NodeId(10), incarnation: 1 };
        let ballot = Ballot { counter: 1, ..next };
        for replica in &mut world.replicas {
            replica.on_ask(Ask::Accept { ballot, cell: cell.clone(), next });
        }
        let change = Append { name, longest: 9 };
        let mut round = Round::new(Work::Change { id: ChangeId(name), change, tried }, 0);
        let ballot = Ballot { counter: 9, ..next };
        round.prepare(groups(), ballot, Ballot { counter: 10, ..next });
        let ask = round.ask().expect("a question is open");
        let mut step = Step::Wait;
        for (at, replica) in (0..2).zip(&mut world.replicas) {
            step = round.on_answer(NodeId(at), replica.on_ask(ask.clone()));
        }
        step
    };
    assert_eq!(outcome(1, Tried::Before), Step::Done(Outcome::Unknown), "the first of twenty is forgotten");
    assert!(matches!(outcome(20, Tried::Before), Step::Done(Outcome::Changed { number: 20, .. })));
    assert_eq!(outcome(21, Tried::No), Step::Ask, "nobody has tried this one");
    let by_cache = |tried| {
        let change = Append { name: 1, longest: 99 };
        let mut round = Round::new(Work::Change { id: ChangeId(1), change, tried }, 0);
        let ballot = |counter| Ballot { counter, node: NodeId(10), incarnation: 1 };
        round.accept(Cache { ballot: ballot(1), cell: cell.clone(), groups: groups() }, ballot(2))
    };
    assert!(by_cache(Tried::No));
    assert!(!by_cache(Tried::Lately), "also not in one round trip");
}

#[test]
fn where_nothing_is_held_what_was_tried_long_ago_is_not_made_and_numbers_go_on() {
    let step = |tried, floor| {
        let change = Append { name: 1, longest: 9 };
        let mut round = Round::new(Work::Change { id: ChangeId(1), change, tried }, floor);
        let ballot = |counter| Ballot { counter, node: NodeId(10), incarnation: 1 };
        round.prepare(groups(), ballot(1), ballot(2));
        let ask = round.ask().expect("a question is open");
        round.on_answer(NodeId(0), Register::default().on_ask(ask.clone()));
        let step = round.on_answer(NodeId(1), Register::default().on_ask(ask));
        let number = match round.ask() {
            Some(Ask::Accept { cell, .. }) => cell.number,
            _ => 0,
        };
        (step, number)
    };
    assert_eq!(step(Tried::No, 7), (Step::Ask, 8));
    assert_eq!(step(Tried::Lately, 7), (Step::Ask, 8), "its register cannot have been collected since");
    assert_eq!(step(Tried::Before, 7), (Step::Done(Outcome::Unknown), 0));
    assert_eq!(step(Tried::Before, 0), (Step::Ask, 1), "nothing was ever collected");
}
