//! The acceptor: promises not to help older ballots, and accepts values.
//!
//! Invariant: `promised` never goes down, and `accepted` is never above it. An answer may be sent only after the state
//! it stems from is durable; the caller sees to that.

use super::Ballot;
use stdx::bugs::planted;

/// What an acceptor must not forget about one register.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct AcceptorState<V> {
    /// No ballot below this one gets help.
    pub promised: Ballot,
    /// The value of the highest ballot accepted.
    pub accepted: Option<(Ballot, V)>,
}

impl<V> Default for AcceptorState<V> {
    fn default() -> Self {
        AcceptorState { promised: Ballot::default(), accepted: None }
    }
}

/// What an acceptor answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer<V> {
    /// Promised; this was accepted before. The state changed and must be durable before this is said.
    Promise(Option<(Ballot, V)>),
    /// Accepted. The state changed and must be durable before this is said.
    Accepted,
    /// Refused, because of a higher promise. The state is as it was.
    Nack(Ballot),
}

impl<V: Clone> AcceptorState<V> {
    /// A proposer asks for a promise.
    pub fn on_prepare(&mut self, ballot: Ballot) -> Answer<V> {
        if ballot < self.promised {
            return Answer::Nack(self.promised);
        }
        self.promised = ballot;
        Answer::Promise(self.accepted.clone())
    }

    /// A proposer asks to accept a value.
    pub fn on_accept(&mut self, ballot: Ballot, value: V) -> Answer<V> {
        if ballot < self.promised && !planted("accept without a look at the promise") {
            return Answer::Nack(self.promised);
        }
        self.promised = ballot;
        self.accepted = Some((ballot, value));
        Answer::Accepted
    }
}
