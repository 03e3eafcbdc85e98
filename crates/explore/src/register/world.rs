//! Every proposer, register, question and answer that was met so far, by number, and what becomes of each: what was met
//! before need not be computed again.
//!
//! Invariant: equal things have equal numbers.

use super::case::Case;
use super::proposer::{Event, Proposer, Said};
use crate::order::List;
use crate::search::Both;
use proto::paxos::register::{Answer, Ask, Register};
use ring::NodeId;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

/// Things by number.
struct Numbered<T> {
    all: Vec<Rc<T>>,
    numbers: HashMap<Rc<T>, u32>,
}

impl<T: Eq + Hash> Numbered<T> {
    fn new() -> Numbered<T> {
        Numbered { all: Vec::new(), numbers: HashMap::new() }
    }

    fn enter(&mut self, thing: T) -> u32 {
        if let Some(number) = self.numbers.get(&thing) {
            return *number;
        }
        let (thing, number) = (Rc::new(thing), self.all.len() as u32);
        self.all.push(Rc::clone(&thing));
        self.numbers.insert(thing, number);
        number
    }

    fn get(&self, number: u32) -> &T {
        &self.all[number as usize]
    }
}

/// Something that happens to a proposer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Cause {
    Begin(usize),
    /// This replica gives the answer of this number.
    Answer(u8, u32),
    GiveUp,
    Reborn,
    SeeViews,
}

/// What comes of it.
pub(super) struct Followed {
    pub(super) proposer: u32,
    pub(super) said: Vec<Heard>,
}

/// What a proposer says; questions by number.
pub(super) enum Heard {
    Close,
    Ask(u8, u8, u32),
    Tell(usize, List, Option<u8>),
    Wrong(String),
}

/// Hashes of a proposer.
#[derive(Clone)]
pub(super) struct Hashes {
    /// Of everything but what it knows of single replicas.
    pub(super) common: u128,
    /// Of what it knows of each replica.
    pub(super) of: Vec<u128>,
}

/// Everything that was met so far.
pub(super) struct World {
    proposers: Numbered<Proposer>,
    hashes: Vec<Hashes>,
    registers: Numbered<Register<List>>,
    asks: Numbered<Ask<List>>,
    answers: Numbered<Answer<List>>,
    followed: HashMap<(u32, Cause), Rc<Followed>>,
    asked: HashMap<(u32, u32), (u32, u32)>,
    merged: HashMap<(u32, u32), u32>,
}

impl World {
    pub(super) fn new() -> World {
        World {
            proposers: Numbered::new(),
            hashes: Vec::new(),
            registers: Numbered::new(),
            asks: Numbered::new(),
            answers: Numbered::new(),
            followed: HashMap::new(),
            asked: HashMap::new(),
            merged: HashMap::new(),
        }
    }

    pub(super) fn proposer(&self, number: u32) -> &Proposer {
        self.proposers.get(number)
    }

    pub(super) fn hashes(&self, proposer: u32) -> &Hashes {
        &self.hashes[proposer as usize]
    }

    pub(super) fn question(&self, number: u32) -> &Ask<List> {
        self.asks.get(number)
    }

    pub(super) fn enter_proposer(&mut self, case: &Case, proposer: Proposer) -> u32 {
        let number = self.proposers.enter(proposer);
        if number as usize == self.hashes.len() {
            let proposer = self.proposers.get(number);
            let part = |at: usize| {
                let mut both = Both::new();
                if let Some(round) = &proposer.round {
                    round.hash_of(NodeId(at as u128), &mut both);
                }
                both.both()
            };
            let mut both = Both::new();
            proposer.hash_common(&mut both);
            self.hashes.push(Hashes { common: both.both(), of: (0..case.replicas()).map(part).collect() });
        }
        number
    }

    pub(super) fn enter_register(&mut self, register: Register<List>) -> u32 {
        self.registers.enter(register)
    }

    /// What comes of it if this happens to a proposer.
    pub(super) fn follow(&mut self, case: &Case, number: u32, cause: Cause) -> Rc<Followed> {
        if let Some(known) = self.followed.get(&(number, cause)) {
            return Rc::clone(known);
        }
        let mut proposer = self.proposers.get(number).clone();
        let event = match cause {
            Cause::Begin(floor) => Event::Begin(floor),
            Cause::Answer(from, answer) => Event::Answer(from, self.answers.get(answer).clone()),
            Cause::GiveUp => Event::GiveUp,
            Cause::Reborn => Event::Reborn,
            Cause::SeeViews => Event::SeeViews,
        };
        let said = proposer.happen(case, event);
        let said = said.into_iter().map(|said| match said {
            Said::Close => Heard::Close,
            Said::Ask(epoch, to, ask) => Heard::Ask(epoch, to, self.asks.enter(ask)),
            Said::Tell(floor, list, refused) => Heard::Tell(floor, list, refused),
            Said::Wrong(what) => Heard::Wrong(what),
        });
        let said = said.collect();
        let followed = Rc::new(Followed { proposer: self.enter_proposer(case, proposer), said });
        self.followed.insert((number, cause), Rc::clone(&followed));
        followed
    }

    /// What a register becomes that is asked this, and what it answers.
    pub(super) fn ask(&mut self, register: u32, ask: u32) -> (u32, u32) {
        if let Some(known) = self.asked.get(&(register, ask)) {
            return *known;
        }
        let mut held = self.registers.get(register).clone();
        let answer = held.on_ask(self.asks.get(ask).clone());
        let outcome = (self.registers.enter(held), self.answers.enter(answer));
        self.asked.insert((register, ask), outcome);
        outcome
    }

    /// What a register becomes that is given what another one holds.
    pub(super) fn merge(&mut self, register: u32, gift: u32) -> u32 {
        if let Some(known) = self.merged.get(&(register, gift)) {
            return *known;
        }
        let mut held = self.registers.get(register).clone();
        held.merge(self.registers.get(gift));
        let number = self.registers.enter(held);
        self.merged.insert((register, gift), number);
        number
    }
}

/// Two words.
pub(super) fn halves(hash: u128) -> [u64; 2] {
    [hash as u64, (hash >> 64) as u64]
}

/// Hashes a list of hashes whose order says nothing.
pub(super) fn hash_unordered<H: Hasher>(mut hashes: Vec<u128>, hasher: &mut H) {
    hashes.sort_unstable();
    hashes.into_iter().for_each(|hash| halves(hash).hash(hasher));
}
