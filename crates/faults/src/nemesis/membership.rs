//! Nodes that come and go while clients work. No faults, but they have to be as harmless.

use super::names;
use crate::fleet::PATIENCE;
use crate::http;
use crate::session::Session;
use serde_json::json;
use std::time::Duration;

/// How long data may take to move.
const MOVING: Duration = Duration::from_secs(1_800);

/// A new node joins; returns its number when all data has moved.
pub fn join(session: &mut Session) -> Result<usize, String> {
    let number = session.fleet.add()?;
    session.begin_act("join", names(&[number]), 1, true);
    session.fleet.launch(number)?;
    session.act_is_ready();
    session.fleet.wait_rest(MOVING)?;
    session.lift_act();
    session.act_is_ready();
    Ok(number)
}

/// A node leaves; returns when its process has ended and all data has moved.
pub fn leave(session: &mut Session, number: usize) -> Result<(), String> {
    session.begin_act("leave", names(&[number]), 1, true);
    let agent = http::agent(Duration::from_secs(30));
    let url = format!("{}/shutdown", session.fleet.nodes[number].url());
    match http::post(&agent, &url, &json!({})) {
        Some((200..=299, _)) => {}
        other => return Err(format!("node-{number} does not leave: {other:?}")),
    }
    session.fleet.nodes[number].wait_end(MOVING)?;
    session.fleet.nodes[number].gone = true;
    session.fleet.wait_rest(PATIENCE)?;
    session.lift_act();
    session.act_is_ready();
    Ok(())
}
