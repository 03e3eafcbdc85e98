//! A state of the model: plain data that can be copied and hashed.
//!
//! Invariant: what does not matter for what can happen is not in it (answers to questions that are not open any more), and
//! sets are in one order, so states that behave alike are equal.

use super::case::{Bug, Case, Deed};
use crate::order::{Append, List, Order};
use proto::paxos::Ballot;
use proto::paxos::register::{Answer, Ask, Cache, ChangeId, Outcome, Register, Round, Step, Work};
use ring::NodeId;

/// A replica.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Replica {
    /// What it says it holds.
    pub(super) held: Register<List>,
    /// What it would hold after a death.
    pub(super) stored: Register<List>,
    /// The newest epoch it knows.
    pub(super) epoch: u8,
    /// Joiners that have what it handed over.
    pub(super) given: u8,
}

/// A proposer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Proposer {
    /// The next operation to begin.
    pub(super) next: u8,
    pub(super) round: Option<Round<Append>>,
    /// Names the open question.
    pub(super) question: u8,
    pub(super) attempts_left: u8,
    pub(super) counter: u64,
    pub(super) life: u32,
    /// With the views it was made in.
    pub(super) cache: Option<(u8, u8, Cache<List>)>,
    pub(super) epoch: u8,
    pub(super) stable: u8,
    /// What the operation must see.
    pub(super) floor: usize,
}

/// A question that was asked.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Question {
    pub(super) proposer: u8,
    pub(super) number: u8,
    pub(super) epoch: u8,
    pub(super) to: u8,
    pub(super) ask: Ask<List>,
}

/// An answer to an open question.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Reply {
    pub(super) proposer: u8,
    pub(super) from: u8,
    pub(super) answer: Answer<List>,
}

/// Everything.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    pub(super) replicas: Vec<Replica>,
    pub(super) proposers: Vec<Proposer>,
    pub(super) questions: Vec<Question>,
    pub(super) replies: Vec<Reply>,
    /// What old replicas have sent to joiners: from, to, what.
    pub(super) gifts: Vec<(u8, u8, Register<List>)>,
    pub(super) order: Order,
    pub(super) deaths: u8,
    pub(super) rebirths: u8,
}

impl State {
    pub(super) fn new(case: &Case) -> State {
        let joiners = case.joiners();
        let replica = |at: usize| Replica {
            held: Register::default(),
            stored: Register::default(),
            epoch: if joiners.contains(&(at as u8)) { 2 } else { 1 },
            given: 0,
        };
        let proposer = |at: usize| Proposer {
            next: 0,
            round: None,
            question: 0,
            attempts_left: 0,
            // Ballots are numbered over all keys, so a proposer may be ahead.
            counter: 2 * at as u64,
            life: 1,
            cache: None,
            epoch: 1,
            stable: 1,
            floor: 0,
        };
        State {
            replicas: (0..case.replicas()).map(replica).collect(),
            proposers: (0..case.proposers.len()).map(proposer).collect(),
            questions: Vec::new(),
            replies: Vec::new(),
            gifts: Vec::new(),
            order: Order::default(),
            deaths: 0,
            rebirths: 0,
        }
    }

    fn ballot(&mut self, case: &Case, at: usize, above: Ballot) -> Ballot {
        let proposer = &mut self.proposers[at];
        proposer.counter = proposer.counter.max(above.counter) + 1;
        let incarnation = if case.bug == Some(Bug::LifeForgotten) { 1 } else { u64::from(proposer.life) };
        Ballot { counter: proposer.counter, node: NodeId(10 + at as u128), incarnation }
    }

    /// Begins the next operation, as `coordinator::register` does: with a look, or on the strength of the last change, or
    /// with a prepare.
    pub(super) fn begin(&mut self, case: &Case, at: usize) -> Result<(), String> {
        let deed = case.proposers[at][usize::from(self.proposers[at].next)];
        let name = 10 * (at as u8 + 1) + self.proposers[at].next;
        let change = Append { name, longest: if deed == Deed::First { 0 } else { usize::MAX } };
        let work = match deed {
            Deed::Read => Work::Read,
            Deed::Append | Deed::First => Work::Change { id: ChangeId(u64::from(name)), change, tried: false },
        };
        let mut round = Round::new(work);
        let (floor, proposer) = (self.order.floor(), &mut self.proposers[at]);
        (proposer.next, proposer.floor, proposer.attempts_left) = (proposer.next + 1, floor, case.attempts);
        let views = (proposer.epoch, proposer.stable);
        if deed == Deed::Read {
            round.read(case.groups(views.0, views.1));
            return self.ask(at, round);
        }
        let cache = match case.bug {
            Some(Bug::BallotUsedAgain) => proposer.cache.clone(),
            _ => proposer.cache.take(),
        };
        let Some((_, _, cache)) = cache.filter(|(epoch, stable, _)| (*epoch, *stable) == views) else {
            return self.attempt(case, at, round);
        };
        let next = self.ballot(case, at, cache.ballot);
        if !round.accept(cache, next) {
            round.read(case.groups(views.0, views.1));
        }
        self.ask(at, round)
    }

    /// The next attempt, or the end of the operation without an answer.
    pub(super) fn attempt(&mut self, case: &Case, at: usize, round: Round<Append>) -> Result<(), String> {
        if self.proposers[at].attempts_left == 0 {
            self.close(at);
            return Ok(());
        }
        self.proposers[at].attempts_left -= 1;
        self.anew(case, at, round)
    }

    /// An attempt under the views of today.
    pub(super) fn anew(&mut self, case: &Case, at: usize, mut round: Round<Append>) -> Result<(), String> {
        let ballot = self.ballot(case, at, round.highest());
        let next = self.ballot(case, at, ballot);
        let (epoch, stable) = (self.proposers[at].epoch, self.proposers[at].stable);
        round.prepare(case.groups(epoch, stable), ballot, next);
        self.ask(at, round)
    }

    fn ask(&mut self, at: usize, round: Round<Append>) -> Result<(), String> {
        let Some(ask) = round.ask() else { return Err("there is nothing to ask".to_owned()) };
        self.close(at);
        let to = round.replicas().iter().fold(0, |to, node| to | 1 << node.0);
        let proposer = &mut self.proposers[at];
        proposer.question += 1;
        let (number, epoch) = (proposer.question, proposer.epoch);
        proposer.round = Some(round);
        let question = Question { proposer: at as u8, number, epoch, to, ask };
        let before = |other: &Question| (other.proposer, other.number) < (question.proposer, question.number);
        let place = self.questions.partition_point(before);
        self.questions.insert(place, question);
        Ok(())
    }

    /// No question of a proposer is open any more. What it asked to promise or to accept may still arrive.
    pub(super) fn close(&mut self, at: usize) {
        self.proposers[at].round = None;
        self.replies.retain(|reply| usize::from(reply.proposer) != at);
        self.questions.retain(|question| usize::from(question.proposer) != at || question.ask != Ask::Read);
    }

    /// Follows what a round says after an answer.
    pub(super) fn follow(
        &mut self,
        case: &Case,
        at: usize,
        mut round: Round<Append>,
        step: Step<List>,
    ) -> Result<(), String> {
        match step {
            Step::Wait => {
                self.proposers[at].round = Some(round);
                Ok(())
            }
            Step::Ask => self.ask(at, round),
            Step::Again | Step::Pause => self.attempt(case, at, round),
            Step::Done(outcome) => {
                let proposer = &mut self.proposers[at];
                let (epoch, stable) = (proposer.epoch, proposer.stable);
                if let Some(cache) = round.take_cache() {
                    proposer.cache = Some((epoch, stable, cache));
                }
                self.close(at);
                self.tell(at, round.work(), outcome)
            }
        }
    }

    fn tell(&mut self, at: usize, work: &Work<Append>, outcome: Outcome<List>) -> Result<(), String> {
        let cell = match (work, outcome) {
            (_, Outcome::Unknown) => return Ok(()),
            (Work::Change { change, .. }, Outcome::Refused(cell)) => {
                self.order.refuse(change.name)?;
                cell
            }
            (Work::Change { change, .. }, Outcome::Changed { cell, .. }) => {
                if cell.value.as_ref().is_none_or(|list| !list.contains(&change.name)) {
                    return Err(format!("change {} is said to be made and is not in {:?}", change.name, cell.value));
                }
                cell
            }
            (_, Outcome::Read(cell) | Outcome::Kept(cell) | Outcome::Refused(cell) | Outcome::Changed { cell, .. }) => {
                cell
            }
        };
        self.order.tell(self.proposers[at].floor, &cell.value.unwrap_or_default())
    }
}
