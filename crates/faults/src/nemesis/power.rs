//! Power cuts: what was not forced to disk is gone, for one node or for all at once.

use super::{leaves_a_quorum, names};
use crate::session::Session;
use std::time::Duration;

/// Cuts the power of some nodes, gives it back after a while, and starts them again.
pub fn cut_power(session: &mut Session, victims: &[usize], down_for: Duration) -> Result<(), String> {
    let all = victims.len() == session.fleet.running().len();
    let kind = if all { "power cut of all" } else { "power cut of some" };
    session.begin_act(kind, names(victims), victims.len() as u32, leaves_a_quorum(victims));
    // A process that runs on after its disk is gone could still acknowledge what it never wrote.
    victims.iter().try_for_each(|victim| session.fleet.nodes[*victim].pause(true))?;
    session.fleet.place().cut_power(&session.fleet.directory, victims)?;
    victims.iter().for_each(|victim| session.fleet.nodes[*victim].kill());
    session.act_has_struck();
    session.let_run(down_for)?;
    victims.iter().try_for_each(|victim| session.fleet.place().restore_power(&session.fleet.directory, *victim))?;
    session.lift_act();
    session.fleet.launch_all(victims)?;
    session.act_is_ready();
    Ok(())
}
