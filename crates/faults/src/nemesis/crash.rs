//! Processes that die and come back.

use super::{leaves_a_quorum, names};
use crate::session::Session;
use std::time::Duration;

/// `kill -9` of some nodes at once; they are started again after a while, and waited for.
pub fn kill(session: &mut Session, victims: &[usize], down_for: Duration) -> Result<(), String> {
    let all = victims.len() == session.fleet.running().len();
    let kind = match victims.len() {
        _ if all => "kill -9 of all",
        1 => "kill -9 of one",
        _ => "kill -9 of several",
    };
    session.begin_act(kind, names(victims), victims.len() as u32, leaves_a_quorum(victims));
    victims.iter().for_each(|victim| session.fleet.nodes[*victim].kill());
    session.act_has_struck();
    session.let_run(down_for)?;
    session.lift_act();
    session.fleet.launch_all(victims)?;
    session.act_is_ready();
    Ok(())
}

/// One node after the other is stopped in order and started again.
pub fn rolling_restart(session: &mut Session) -> Result<(), String> {
    for number in session.fleet.running() {
        session.begin_act("restart in order", names(&[number]), 1, true);
        session.fleet.nodes[number].stop(Duration::from_secs(30))?;
        session.act_has_struck();
        session.lift_act();
        session.fleet.launch(number)?;
        session.act_is_ready();
        session.wait_rest()?;
    }
    Ok(())
}
