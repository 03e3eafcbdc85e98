//! One register that is deleted, collected, and begun anew above a floor, while proposers are at work over a network that loses, repeats
//! and delays as it likes (`docs/adr/0021-collection-of-registers.md`). The machines are `proto::paxos::register`'s own.
//!
//! The rounds are here what they amount to: after all replicas have agreed that they hold one thing, which is spent, whoever begins anew
//! knows the floor; when those who began before are gone, their messages are refused, and replicas let go, each in its own time.
//! Whatever was ever asked may arrive at any time, any number of times, or never; its answer is heard at once or never.
//!
//! Refuses to know disks, changes of the replicas, and deadlines: a proposer may give an attempt up at any moment.

mod case;
mod proposer;
mod state;
mod told;

pub use case::{Bug, Case, Deed};
pub use state::{Action, State};

use crate::search::Model;

/// A case, ready to be searched.
pub struct Collecting {
    case: Case,
}

impl Collecting {
    /// Of this case. A bug of the nodes is planted on this thread.
    pub fn new(case: Case) -> Collecting {
        stdx::bugs::plant(case.bug.map_or("", Bug::planted));
        Collecting { case }
    }
}

impl Model for Collecting {
    type State = State;
    type Action = Action;

    fn start(&self) -> State {
        State::new(&self.case)
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        state.actions(&self.case, actions);
    }

    fn apply(&self, state: &mut State, action: Action) -> Result<(), String> {
        state.apply(&self.case, action)
    }
}
