//! Faults, each done once: begun, held for a while, lifted, and waited for until all nodes take requests again.
//!
//! Invariant: each fault is noted with its begin and its end before the next one begins. Refuses to decide which fault
//! comes when; scenarios do.

mod crash;
mod disk;
mod link;
mod membership;
mod pause;
mod power;

pub use crash::{kill, rolling_restart};
pub use disk::{fill, inject};
pub use link::{Shape, disturb};
pub use membership::{join, leave, replace, return_of_the_dead};
pub use pause::pause;
pub use power::cut_power;

use crate::session::Session;

/// So many different running nodes, by chance.
pub fn victims(session: &mut Session, count: usize) -> Vec<usize> {
    let mut running = session.fleet.running();
    session.prng.shuffle(&mut running);
    running.truncate(count);
    running.sort_unstable();
    running
}

fn names(numbers: &[usize]) -> String {
    numbers.iter().map(|number| crate::node::name(*number)).collect::<Vec<_>>().join(", ")
}

/// With three copies of everything, one node may be gone.
fn leaves_a_quorum(victims: &[usize]) -> bool {
    victims.len() <= 1
}
