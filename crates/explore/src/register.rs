//! One register of a linearizable bucket: a few proposers, a few replicas, a network that loses, repeats and delays as it
//! likes, deaths of both, and if wanted one change of the replicas. The machines are `proto::paxos::register`'s own.
//!
//! Whatever was ever asked may arrive at any time, any number of times, or never. Its answer is heard at once or never: one
//! that comes later is counted as if it had come at once. That covers loss, repetition and reordering without a queue.
//!
//! Refuses to know pauses and deadlines: a proposer may give an attempt up at any moment.

mod act;
mod case;
mod proposer;
mod state;
mod world;

pub use case::{Bug, Case, Deed, Move};
pub use state::State;

use crate::search::Model;
use act::Action;
use std::cell::RefCell;
use world::World;

/// A case, ready to be searched.
pub struct Deciding {
    case: Case,
    world: RefCell<World>,
}

impl Deciding {
    /// Of this case.
    pub fn new(case: Case) -> Deciding {
        Deciding { case, world: RefCell::new(World::new()) }
    }
}

impl Model for Deciding {
    type State = State;
    type Action = Action;

    fn start(&self) -> State {
        State::new(&self.case, &mut self.world.borrow_mut())
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        state.actions(&self.case, &mut self.world.borrow_mut(), actions);
    }

    fn apply(&self, state: &mut State, action: Action) -> Result<(), String> {
        state.apply(&self.case, &mut self.world.borrow_mut(), action)
    }

    fn fingerprint(&self, state: &State) -> u128 {
        state.fingerprint(self)
    }
}
