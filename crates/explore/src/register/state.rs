//! A state of the model: small numbers that can be copied and hashed.
//!
//! Invariant: what does not matter for what can happen is not in it, and sets are in one order, so states that behave alike
//! are equal, but for the names of replicas that are interchangeable: states that differ in those only have one hash, for
//! neither can reach what the other cannot (symmetry reduction: Ip and Dill 1996).

use super::Deciding;
use super::case::{Bug, Case};
use super::proposer::Proposer;
use super::world::{Cause, Heard, World, halves, hash_unordered};
use crate::order::Order;
use crate::search::Both;
use proto::paxos::register::{Ask, Register};
use std::hash::Hash;
use std::rc::Rc;

/// A replica.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Replica {
    /// Replicas of the same kind are interchangeable.
    kind: u8,
    /// The register that it says it holds.
    pub(super) held: u32,
    /// What it would hold after a death.
    pub(super) stored: u32,
    /// The newest epoch it knows.
    pub(super) epoch: u8,
    /// Joiners that have what it handed over.
    pub(super) given: u8,
}

/// A question that was asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Question {
    pub(super) proposer: u8,
    /// Its proposer waits for answers to it.
    pub(super) is_open: bool,
    pub(super) epoch: u8,
    pub(super) ask: u32,
    pub(super) to: u8,
}

/// Everything.
#[derive(Clone, Hash, Debug)]
pub struct State {
    pub(super) replicas: Vec<Replica>,
    pub(super) proposers: Vec<u32>,
    /// In order.
    pub(super) questions: Vec<Question>,
    /// What old replicas have sent to joiners: from, to, what.
    pub(super) gifts: Vec<(u8, u8, u32)>,
    pub(super) order: Rc<Order>,
    pub(super) deaths: u8,
    pub(super) rebirths: u8,
}

impl State {
    pub(super) fn new(case: &Case, world: &mut World) -> State {
        let (joiners, empty) = (case.joiners(), world.enter_register(Register::default()));
        let replica = |at: usize| Replica {
            kind: case.kind(at as u8),
            held: empty,
            stored: empty,
            epoch: if joiners.contains(&(at as u8)) { 2 } else { 1 },
            given: 0,
        };
        State {
            replicas: (0..case.replicas()).map(replica).collect(),
            proposers: (0..case.proposers.len()).map(|at| world.enter_proposer(case, Proposer::new(at))).collect(),
            questions: Vec::new(),
            gifts: Vec::new(),
            order: Rc::default(),
            deaths: 0,
            rebirths: 0,
        }
    }

    /// Something happens to a proposer.
    pub(super) fn follow(&mut self, case: &Case, world: &mut World, at: usize, cause: Cause) -> Result<(), String> {
        let followed = world.follow(case, self.proposers[at], cause);
        self.proposers[at] = followed.proposer;
        for said in &followed.said {
            match said {
                Heard::Close => {
                    let own = self.questions.iter_mut().filter(|question| usize::from(question.proposer) == at);
                    own.for_each(|question| question.is_open = false);
                    self.questions.retain(|question| question.is_open || *world.question(question.ask) != Ask::Read);
                }
                Heard::Ask(epoch, to, ask) => self.questions.push(Question {
                    proposer: at as u8,
                    is_open: true,
                    epoch: *epoch,
                    ask: *ask,
                    to: *to,
                }),
                Heard::Tell(floor, list, refused) => {
                    let order = Rc::make_mut(&mut self.order);
                    refused.map_or(Ok(()), |name| order.refuse(name))?;
                    order.tell(*floor, list)?;
                }
                Heard::Wrong(what) => return Err(what.clone()),
            }
        }
        Ok(())
    }

    /// Takes out what can never matter again, so that more states are equal.
    pub(super) fn tidy(&mut self, case: &Case, world: &mut World) {
        if case.deaths == 0 {
            for question in &mut self.questions {
                for (at, replica) in self.replicas.iter().enumerate() {
                    // Epochs and promises only rise.
                    let is_fenced = question.epoch < replica.epoch && case.bug != Some(Bug::NoFence);
                    let is_asked = question.to >> at & 1 == 1;
                    let mut is_over = || !question.is_open && world.ask(replica.held, question.ask).0 == replica.held;
                    if is_asked && (is_fenced || is_over()) {
                        question.to &= !(1 << at);
                    }
                }
            }
            self.questions.retain(|question| question.is_open || question.to != 0);
        }
        self.questions.sort_unstable();
    }

    /// The same for states that differ in the names of interchangeable replicas only: what is known of one replica is hashed
    /// for itself, and these hashes in order.
    pub(super) fn fingerprint(&self, model: &Deciding) -> u128 {
        let (world, mut both) = (model.world.borrow(), Both::new());
        let proposers: Vec<_> = self.proposers.iter().map(|proposer| world.hashes(*proposer)).collect();
        proposers.iter().for_each(|proposer| halves(proposer.common).hash(&mut both));
        for question in &self.questions {
            (question.proposer, question.is_open, question.epoch, question.ask).hash(&mut both);
        }
        (self.questions.len(), &self.order, self.deaths, self.rebirths).hash(&mut both);
        let of = |at: usize| {
            let mut both = Both::new();
            self.replicas[at].hash(&mut both);
            proposers.iter().for_each(|proposer| halves(proposer.of[at]).hash(&mut both));
            let asked = self.questions.iter().fold(0_u64, |all, question| all << 1 | u64::from(question.to >> at & 1));
            asked.hash(&mut both);
            let gifts = self.gifts.iter().filter(|(from, ..)| usize::from(*from) == at);
            gifts.for_each(|(_, to, gift)| (to, gift).hash(&mut both));
            both.both()
        };
        hash_unordered((0..self.replicas.len()).map(of).collect(), &mut both);
        both.both()
    }
}
