//! One proposer: what it does when it begins, hears an answer, gives up, sees the next views, or is born again, as
//! `coordinator::register` does.
//!
//! Invariant: what does not matter any more is not in it (an operation that is over leaves no floor, a proposer that has
//! nothing left to do no ballots), so proposers that go on alike are equal.

use super::case::{Bug, Case, Deed};
use crate::order::{Append, List};
use proto::paxos::Ballot;
use proto::paxos::register::{Answer, Ask, Cache, ChangeId, Outcome, Round, Step, Tried, Work};
use ring::NodeId;
use std::hash::{Hash, Hasher};

/// A proposer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Proposer {
    /// Its place.
    at: u8,
    /// The next operation to begin.
    next: u8,
    pub(super) round: Option<Round<Append>>,
    attempts_left: u8,
    counter: u64,
    life: u64,
    /// With the views it was made in.
    cache: Option<(u8, u8, Cache<List>)>,
    pub(super) epoch: u8,
    pub(super) stable: u8,
    /// What the operation must see.
    floor: usize,
    /// It has nothing left to do.
    pub(super) is_finished: bool,
}

/// What happens to it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Event {
    /// It begins its next operation, which must see so much.
    Begin(usize),
    /// A replica answers.
    Answer(u8, Answer<List>),
    /// It gives its attempt up.
    GiveUp,
    /// It dies and begins a new life.
    Reborn,
    /// It sees the next views.
    SeeViews,
}

/// What it says.
#[derive(Clone, Debug)]
pub(super) enum Said {
    /// It waits for no answers any more.
    Close,
    /// It asks these replicas, one bit for each, under this epoch.
    Ask(u8, u8, Ask<List>),
    /// It tells its client this list, which must not be shorter than that, and that a change was refused, if one was.
    Tell(usize, List, Option<u8>),
    /// What it says makes no sense.
    Wrong(String),
}

impl Proposer {
    pub(super) fn new(at: usize) -> Proposer {
        Proposer {
            at: at as u8,
            next: 0,
            round: None,
            attempts_left: 0,
            // Ballots are numbered over all keys, so a proposer may be ahead.
            counter: 2 * at as u64,
            life: 1,
            cache: None,
            epoch: 1,
            stable: 1,
            floor: 0,
            is_finished: false,
        }
    }

    /// True if it does something else when it gives its attempt up. If not, it may as well wait for ever.
    pub(super) fn goes_on(&self, case: &Case) -> bool {
        self.attempts_left > 0 || usize::from(self.next) < case.proposers[usize::from(self.at)].len()
    }

    /// True if it would lose something by dying.
    pub(super) fn has_something(&self) -> bool {
        self.round.is_some() || self.cache.is_some()
    }

    /// Hashes everything but what it knows of single replicas.
    pub(super) fn hash_common<H: Hasher>(&self, hasher: &mut H) {
        let cache = self.cache.as_ref().map(|(epoch, stable, cache)| (epoch, stable, cache.ballot, &cache.cell));
        (self.at, self.next, self.attempts_left, self.counter, self.life, cache).hash(hasher);
        (self.epoch, self.stable, self.floor, self.is_finished, self.round.is_some()).hash(hasher);
        if let Some(round) = &self.round {
            round.hash_common(hasher);
        }
    }

    /// Lets something happen to it.
    pub(super) fn happen(&mut self, case: &Case, event: Event) -> Vec<Said> {
        let mut said = Vec::new();
        match event {
            Event::Begin(floor) => self.begin(case, floor, &mut said),
            Event::Answer(from, answer) => {
                if let Some(mut round) = self.round.take() {
                    let step = round.on_answer(NodeId(u128::from(from)), answer);
                    self.follow(case, round, step, &mut said);
                }
            }
            Event::GiveUp => {
                if let Some(round) = self.round.take() {
                    self.attempt(case, round, &mut said);
                }
            }
            Event::Reborn => {
                self.close(&mut said);
                (self.cache, self.counter, self.life) = (None, 0, self.life + 1);
            }
            Event::SeeViews => {
                if self.epoch == 1 {
                    self.epoch = 2
                } else {
                    self.stable = 2
                }
                if let Some(round) = self.round.take() {
                    self.anew(case, round, &mut said);
                }
            }
        }
        self.tidy(case);
        said
    }

    fn tidy(&mut self, case: &Case) {
        if self.round.is_some() {
            return;
        }
        (self.floor, self.attempts_left) = (0, 0);
        if usize::from(self.next) == case.proposers[usize::from(self.at)].len() {
            let (at, next) = (self.at, self.next);
            *self = Proposer { at, next, counter: 0, life: 0, is_finished: true, ..Proposer::new(0) };
        }
    }

    fn ballot(&mut self, case: &Case, above: Ballot) -> Ballot {
        self.counter = self.counter.max(above.counter) + 1;
        let incarnation = if case.bug == Some(Bug::LifeForgotten) { 1 } else { self.life };
        Ballot { counter: self.counter, node: NodeId(10 + u128::from(self.at)), incarnation }
    }

    /// Begins the next operation: with a look, or on the strength of the last change, or with a prepare.
    fn begin(&mut self, case: &Case, floor: usize, said: &mut Vec<Said>) {
        let deed = case.proposers[usize::from(self.at)][usize::from(self.next)];
        let name = 10 * (self.at + 1) + self.next;
        let change = Append { name, longest: if deed == Deed::First { 0 } else { usize::MAX } };
        let work = match deed {
            Deed::Read => Work::Read,
            Deed::Append | Deed::First => Work::Change { id: ChangeId(u64::from(name)), change, tried: Tried::No },
        };
        let mut round = Round::new(work, 0);
        (self.next, self.floor, self.attempts_left) = (self.next + 1, floor, case.attempts);
        let views = (self.epoch, self.stable);
        if deed == Deed::Read {
            round.read(case.groups(views.0, views.1));
            return self.ask(round, said);
        }
        let cache = match case.bug {
            Some(Bug::BallotUsedAgain) => self.cache.clone(),
            _ => self.cache.take(),
        };
        let Some((_, _, cache)) = cache.filter(|(epoch, stable, _)| (*epoch, *stable) == views) else {
            return self.attempt(case, round, said);
        };
        let next = self.ballot(case, cache.ballot);
        if !round.accept(cache, next) {
            round.read(case.groups(views.0, views.1));
        }
        self.ask(round, said);
    }

    /// The next attempt, or the end of the operation without an answer.
    fn attempt(&mut self, case: &Case, round: Round<Append>, said: &mut Vec<Said>) {
        if self.attempts_left == 0 {
            return self.close(said);
        }
        self.attempts_left -= 1;
        self.anew(case, round, said);
    }

    /// An attempt under the views of today.
    fn anew(&mut self, case: &Case, mut round: Round<Append>, said: &mut Vec<Said>) {
        let ballot = self.ballot(case, round.highest());
        let next = self.ballot(case, ballot);
        round.prepare(case.groups(self.epoch, self.stable), ballot, next);
        self.ask(round, said);
    }

    fn ask(&mut self, round: Round<Append>, said: &mut Vec<Said>) {
        let Some(ask) = round.ask() else { return said.push(Said::Wrong("there is nothing to ask".to_owned())) };
        self.close(said);
        let to = round.replicas().iter().fold(0, |to, node| to | 1 << node.0);
        self.round = Some(round);
        said.push(Said::Ask(self.epoch, to, ask));
    }

    /// No question is open any more. What it asked to promise or to accept may still arrive.
    fn close(&mut self, said: &mut Vec<Said>) {
        self.round = None;
        said.push(Said::Close);
    }

    /// Follows what a round says after an answer.
    fn follow(&mut self, case: &Case, mut round: Round<Append>, step: Step<List>, said: &mut Vec<Said>) {
        match step {
            Step::Wait => self.round = Some(round),
            Step::Ask => self.ask(round, said),
            Step::Again | Step::Pause => self.attempt(case, round, said),
            Step::Done(outcome) => {
                if let Some(cache) = round.take_cache() {
                    self.cache = Some((self.epoch, self.stable, cache));
                }
                self.close(said);
                said.extend(told(self.floor, round.work(), outcome));
            }
        }
    }
}

fn told(floor: usize, work: &Work<Append>, outcome: Outcome<List>) -> Option<Said> {
    let mut refused = None;
    let cell = match (work, outcome) {
        (_, Outcome::Unknown) => return None,
        (Work::Change { change, .. }, Outcome::Refused(cell)) => {
            refused = Some(change.name);
            cell
        }
        (Work::Change { change, .. }, Outcome::Changed { cell, .. }) => {
            if cell.value.as_ref().is_none_or(|list| !list.contains(&change.name)) {
                let what = format!("change {} is said to be made and is not in {:?}", change.name, cell.value);
                return Some(Said::Wrong(what));
            }
            cell
        }
        (_, Outcome::Read(cell) | Outcome::Kept(cell) | Outcome::Refused(cell) | Outcome::Changed { cell, .. }) => cell,
    };
    Some(Said::Tell(floor, cell.value.unwrap_or_default(), refused))
}
