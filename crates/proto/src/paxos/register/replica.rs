//! A replica of one register: what it has promised and accepted, as one record that changes atomically.
//!
//! Invariant: `promised` never goes down and is never below the ballot accepted. An answer to a prepare or an accept may
//! be sent only after the record is durable; the caller sees to that.

use super::Cell;
use crate::paxos::{AcceptorState, Answer as Vote, Ballot};
use stdx::bugs::planted;

/// What a replica must not forget about one register.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Register<V> {
    /// The promise, and what was accepted under the highest ballot.
    pub state: AcceptorState<Cell<V>>,
    /// What is accepted was taken over from another replica although a higher ballot was promised here: it may be told
    /// to proposers, but it is not this replica's vote.
    pub learned: bool,
}

impl<V> Default for Register<V> {
    fn default() -> Self {
        Register { state: AcceptorState::default(), learned: false }
    }
}

/// What a proposer asks of a replica.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Ask<V> {
    /// What do you hold?
    Read,
    /// Promise this ballot, and say what you hold.
    Prepare(Ballot),
    /// Accept this cell.
    Accept {
        /// Under this ballot.
        ballot: Ballot,
        /// What to accept.
        cell: Cell<V>,
        /// And promise this ballot, of the same proposer, in the same stroke.
        next: Ballot,
    },
}

/// What a replica says it holds.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Held<V> {
    /// What is accepted under the highest ballot, if anything.
    pub accepted: Option<(Ballot, Cell<V>)>,
    /// It counts as this replica's vote. Nothing accepted counts as a vote for nothing.
    pub voted: bool,
}

/// What a replica answers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Answer<V> {
    /// To a read.
    Held(Held<V>),
    /// To a prepare: promised.
    Promised(Ballot, Held<V>),
    /// To an accept: accepted.
    Accepted {
        /// As asked.
        ballot: Ballot,
        /// The next ballot is promised, too, and nothing has come between.
        next: bool,
    },
    /// To a prepare or an accept: a higher ballot is promised.
    Nack {
        /// As asked.
        ballot: Ballot,
        /// The promise.
        promised: Ballot,
    },
}

impl<V: Clone> Register<V> {
    /// Answers a proposer. The record must be durable before a promise or an acceptance is said.
    pub fn on_ask(&mut self, ask: Ask<V>) -> Answer<V> {
        match ask {
            Ask::Read => Answer::Held(self.held()),
            Ask::Prepare(ballot) => match self.state.on_prepare(ballot) {
                Vote::Nack(promised) => Answer::Nack { ballot, promised },
                _ => Answer::Promised(ballot, self.held()),
            },
            Ask::Accept { ballot, cell, next } => self.on_accept(ballot, cell, next),
        }
    }

    fn on_accept(&mut self, ballot: Ballot, cell: Cell<V>, next: Ballot) -> Answer<V> {
        // A message that comes twice finds its ballot accepted and the next one promised.
        if self.vote() != Some(ballot) {
            if planted("a register accepts what it promised not to") {
                self.state.accepted = Some((ballot, cell));
            } else if let Vote::Nack(promised) = self.state.on_accept(ballot, cell) {
                return Answer::Nack { ballot, promised };
            }
            self.learned = false;
        }
        self.state.promised = self.state.promised.max(next);
        Answer::Accepted { ballot, next: self.state.promised == next }
    }

    /// Takes over what another replica holds, as a hand-over or anti-entropy brings it. Returns whether anything changed.
    ///
    /// Taking over an accepted cell is the same as being asked to accept it, so it is our vote if no higher ballot is
    /// promised here. If one is, its proposer may count on our not having voted; the cell is still kept, because we may be
    /// a joiner and the cell decided by those who go. The promise is taken over, too: a joiner stands in for the promises
    /// of those it learns from.
    pub fn merge(&mut self, other: &Register<V>) -> bool {
        let (own, theirs) = (&mut self.state, &other.state);
        let higher = match (&own.accepted, &theirs.accepted) {
            (_, None) => None,
            (Some((held, _)), Some((ballot, _))) if held >= ballot => None,
            (_, Some(accepted)) => Some(accepted),
        };
        let accepted = higher.map_or(own.promised, |(ballot, _)| *ballot);
        let stays_behind = planted("promises stay behind when data moves");
        let promised = if stays_behind { accepted } else { theirs.promised.max(accepted) };
        let changed = higher.is_some() || promised > own.promised;
        if let Some((ballot, cell)) = higher {
            self.learned = *ballot < own.promised && !planted("what is taken over is a vote");
            own.accepted = Some((*ballot, cell.clone()));
        }
        own.promised = own.promised.max(promised);
        changed
    }

    /// What is said to readers and proposers.
    pub fn held(&self) -> Held<V> {
        Held { accepted: self.state.accepted.clone(), voted: !self.learned }
    }

    /// The ballot this replica has voted for last, if what it holds is its vote.
    fn vote(&self) -> Option<Ballot> {
        self.state.accepted.as_ref().filter(|_| !self.learned).map(|(ballot, _)| *ballot)
    }
}

impl<V> Register<V> {
    /// A register that nobody votes with: the item as a backup keeps it, without ballots and names of changes.
    pub fn kept(number: u64, value: V) -> Register<V> {
        let cell = Cell { value: Some(value), number, recent: Vec::new() };
        let state = AcceptorState { promised: Ballot::default(), accepted: Some((Ballot::default(), cell)) };
        Register { state, learned: false }
    }

    /// What is accepted, if anything.
    pub fn cell(&self) -> Option<&Cell<V>> {
        self.state.accepted.as_ref().map(|(_, cell)| cell)
    }

    /// The ballot of what is accepted; the lowest there is if nothing is.
    pub fn accepted_under(&self) -> Ballot {
        self.state.accepted.as_ref().map_or_else(Ballot::default, |(ballot, _)| *ballot)
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Ask, Register};
    use crate::paxos::Ballot;
    use crate::paxos::register::{Cell, ChangeId};
    use ring::NodeId;

    fn ballot(counter: u64) -> Ballot {
        Ballot { counter, node: NodeId(1), incarnation: 1 }
    }

    fn accept(counter: u64) -> Ask<u8> {
        let cell = Cell::default().after(ChangeId(counter), Some(counter as u8));
        Ask::Accept { ballot: ballot(counter), cell, next: ballot(counter + 1) }
    }

    #[test]
    fn an_accept_that_comes_twice_is_accepted_twice_and_not_after_a_higher_one() {
        let mut replica = Register::default();
        assert_eq!(replica.on_ask(accept(1)), Answer::Accepted { ballot: ballot(1), next: true });
        assert_eq!(replica.on_ask(accept(1)), Answer::Accepted { ballot: ballot(1), next: true });
        replica.on_ask(Ask::Prepare(ballot(5)));
        assert_eq!(replica.on_ask(accept(1)), Answer::Accepted { ballot: ballot(1), next: false });
        assert_eq!(replica.on_ask(accept(2)), Answer::Nack { ballot: ballot(2), promised: ballot(5) });
    }

    #[test]
    fn what_is_learned_beneath_a_promise_is_told_but_is_no_vote() {
        let (mut from, mut to) = (Register::default(), Register::default());
        from.on_ask(accept(3));
        to.on_ask(Ask::Prepare(ballot(7)));
        assert!(to.merge(&from));
        assert!(!to.merge(&from), "taking it over twice changes nothing");
        assert_eq!(to.accepted_under(), ballot(3));
        assert!(!to.held().voted);
        let mut fresh = Register::default();
        assert!(fresh.merge(&from));
        assert!(fresh.held().voted);
        assert_eq!(fresh.state.promised, ballot(4), "promises are taken over");
    }
}
