//! Processes that stand still and go on as if nothing had happened.

use super::names;
use crate::session::Session;
use std::time::Duration;

/// SIGSTOP, and SIGCONT after a while. Requests that are with the node at that time wait with it.
pub fn pause(session: &mut Session, victims: &[usize], duration: Duration) -> Result<(), String> {
    // Clients hang on a node that stands still, so what they ask of it is not theirs to judge.
    session.begin_act("pause", format!("{} for {duration:?}", names(victims)), victims.len() as u32, false);
    victims.iter().try_for_each(|victim| session.fleet.nodes[*victim].pause(true))?;
    session.let_run(duration)?;
    victims.iter().try_for_each(|victim| session.fleet.nodes[*victim].pause(false))?;
    session.lift_act();
    session.act_is_ready();
    Ok(())
}
