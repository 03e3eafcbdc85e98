//! One register of a linearizable bucket: a few proposers, a few replicas, a network that loses, repeats and delays as it
//! likes, deaths of both, and if wanted one change of the replicas. The machines are `proto::paxos::register`'s own.
//!
//! Whatever was ever asked may arrive at any time, any number of times, or never; so does every answer to the question
//! that is open. That covers loss, repetition and reordering without a queue.
//!
//! Refuses to know pauses and deadlines: a proposer may give an attempt up at any moment.

mod act;
mod case;
mod state;

pub use case::{Bug, Case, Deed, Move};
pub use state::State;

use crate::search::Model;
use act::Action;

impl Model for Case {
    type State = State;
    type Action = Action;

    fn start(&self) -> State {
        State::new(self)
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        state.actions(self, actions);
    }

    fn apply(&self, state: &mut State, action: Action) -> Result<(), String> {
        state.apply(self, action)
    }
}
