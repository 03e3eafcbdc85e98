//! Nodes that come and go while clients work: in order, which has to be harmless, and because one is gone for good.

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

/// A node dies for good, its disk with it if `wiped`, and an empty one takes its place; returns the number of that one when
/// all data is with it.
pub fn replace(session: &mut Session, victim: usize, wiped: bool) -> Result<usize, String> {
    let kind = if wiped { "disk lost, node replaced" } else { "node replaced" };
    session.begin_act(kind, names(&[victim]), 1, true);
    session.fleet.nodes[victim].kill();
    session.fleet.nodes[victim].gone = true;
    session.act_has_struck();
    if wiped {
        let data = &session.fleet.nodes[victim].data;
        std::fs::remove_dir_all(data).map_err(|error| format!("cannot remove {}: {error}", data.display()))?;
    }
    session.fleet.wait_until_down(victim)?;
    let number = session.fleet.add()?;
    let of = session.fleet.nodes[victim].name();
    session.fleet.nodes[number].arguments.extend(["--replace".to_owned(), of]);
    session.lift_act();
    session.fleet.launch(number)?;
    session.tell_clients();
    session.act_is_ready();
    session.fleet.wait_rest(MOVING)?;
    Ok(number)
}

/// The process of a node that was replaced starts again on its old disk: it has to be told so, and to end by itself.
pub fn return_of_the_dead(session: &mut Session, dead: usize) -> Result<(), String> {
    session.begin_act("a replaced node comes back", names(&[dead]), 1, true);
    session.fleet.nodes[dead].start()?;
    let status = session.fleet.nodes[dead].wait_end(PATIENCE)?;
    session.lift_act();
    session.act_is_ready();
    if status.success() {
        return Err(format!("node-{dead} was replaced, came back, and ended as if all were well"));
    }
    Ok(())
}
