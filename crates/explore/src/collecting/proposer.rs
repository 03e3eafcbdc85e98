//! One proposer: what it does when it begins, hears an answer, or gives up, as `coordinator::register` does.

use super::case::{Bug, Case, Deed};
use proto::paxos::Ballot;
use proto::paxos::register::{
    Answer, Ask, Cache, Cell, Change, ChangeId, Floor, Outcome, Round, Step, Tried, Verdict, Work,
};
use ring::NodeId;

/// Names of changes, in the order in which they were made since the item was there.
pub(super) type List = Vec<u8>;

/// What a change does.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Edit {
    Append(u8),
    Delete,
}

impl Change for Edit {
    type Value = List;

    fn apply(&self, current: &Cell<List>) -> Verdict<List> {
        match (self, &current.value) {
            (Edit::Delete, None) => Verdict::Keep,
            (Edit::Delete, Some(_)) => Verdict::Write(None),
            (Edit::Append(name), list) => Verdict::Write(Some(list.iter().flatten().copied().chain([*name]).collect())),
        }
    }
}

/// A proposer.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub(super) struct Proposer {
    at: u8,
    /// The next operation to begin.
    pub(super) next: u8,
    pub(super) round: Option<Round<Edit>>,
    attempts_left: u8,
    counter: u64,
    cache: Option<Cache<List>>,
    /// What it has heard of collections.
    pub(super) floor: Floor,
    /// The collection before which its operation began.
    pub(super) era: u8,
    /// What its operation must not be behind.
    pub(super) least: u64,
}

/// What a proposer does next.
pub(super) enum Said {
    Nothing,
    /// It asks all replicas.
    Ask(Ask<List>),
    /// It is over, for its client with this.
    Done(Outcome<List>),
    /// It is over, and nobody knows how.
    Over,
}

impl Proposer {
    pub(super) fn new(at: usize) -> Proposer {
        // Ballots are numbered over all keys, so a proposer may be ahead.
        Proposer { at: at as u8, counter: 3 * at as u64, ..Proposer::default() }
    }

    /// The operation it is at, or was.
    pub(super) fn deed(&self, case: &Case) -> Deed {
        case.proposers[usize::from(self.at)][usize::from(self.next) - 1]
    }

    /// The name of its append.
    pub(super) fn name(&self, case: &Case) -> u8 {
        10 * (self.at + 1) + self.next - 1 - u8::from(self.deed(case) == Deed::Again)
    }

    pub(super) fn has_more(&self, case: &Case) -> bool {
        usize::from(self.next) < case.proposers[usize::from(self.at)].len()
    }

    /// True if it does something else when it gives its attempt up.
    pub(super) fn goes_on(&self, case: &Case) -> bool {
        self.attempts_left > 0 || self.has_more(case)
    }

    /// What does not matter between operations, and to one that has nothing left to do.
    pub(super) fn forget_what_is_over(&mut self, case: &Case) {
        if self.round.is_none() {
            (self.attempts_left, self.era, self.least) = (0, 0, 0);
            if !self.has_more(case) {
                *self = Proposer { at: self.at, next: self.next, ..Proposer::default() };
            }
        }
    }

    fn ballot(&mut self, above: Ballot) -> Ballot {
        self.counter = self.counter.max(above.counter).max(self.floor.ballot) + 1;
        Ballot { counter: self.counter, node: NodeId(10 + u128::from(self.at)), incarnation: 1 }
    }

    /// Begins the next operation: with a look, or on the strength of the last change, or with a prepare.
    pub(super) fn begin(&mut self, case: &Case) -> Said {
        self.next += 1;
        let (deed, name) = (self.deed(case), self.name(case));
        let change = |edit, name, tried| Work::Change { id: ChangeId(u64::from(name)), change: edit, tried };
        let work = match deed {
            Deed::Read => Work::Read,
            Deed::Append => change(Edit::Append(name), name, Tried::No),
            Deed::Again => change(Edit::Append(name), name, Tried::Before),
            Deed::Delete => change(Edit::Delete, name, Tried::No),
        };
        let mut round = Round::new(work, self.floor.number);
        self.attempts_left = if deed == Deed::Read { 0 } else { case.attempts };
        let floor = self.floor.ballot;
        let is_good = |cache: &Cache<List>| cache.ballot.counter > floor || case.is(Bug::CacheBeneathTheFloor);
        match (deed, self.cache.take().filter(is_good)) {
            (Deed::Read, _) => round.read(case.groups()),
            (_, Some(cache)) => {
                let next = self.ballot(cache.ballot);
                if !round.accept(cache, next) {
                    round.read(case.groups());
                }
            }
            (_, None) => return self.attempt(case, round),
        }
        self.ask(round)
    }

    fn attempt(&mut self, case: &Case, mut round: Round<Edit>) -> Said {
        if self.attempts_left == 0 {
            return Said::Over;
        }
        self.attempts_left -= 1;
        let ballot = self.ballot(round.highest());
        let next = self.ballot(ballot);
        round.prepare(case.groups(), ballot, next);
        self.ask(round)
    }

    fn ask(&mut self, round: Round<Edit>) -> Said {
        let ask = round.ask();
        self.round = Some(round);
        ask.map_or(Said::Nothing, Said::Ask)
    }

    /// A replica answers what it waits for.
    pub(super) fn hear(&mut self, case: &Case, from: u8, answer: Answer<List>) -> Said {
        let Some(mut round) = self.round.take() else { return Said::Nothing };
        match round.on_answer(NodeId(u128::from(from)), answer) {
            Step::Wait => {
                self.round = Some(round);
                Said::Nothing
            }
            Step::Ask => self.ask(round),
            Step::Again | Step::Pause => self.attempt(case, round),
            Step::Done(outcome) => {
                self.cache = round.take_cache();
                Said::Done(outcome)
            }
        }
    }

    /// It gives its attempt up.
    pub(super) fn give_up(&mut self, case: &Case) -> Said {
        self.round.take().map_or(Said::Nothing, |round| self.attempt(case, round))
    }
}
