//! Disks that are full, and system calls that fail.

use super::names;
use crate::session::Session;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Fills the file system of a node to the last byte, for a while.
pub fn fill(session: &mut Session, victim: usize, duration: Duration) -> Result<(), String> {
    let Some(root) = session.fleet.nodes[victim].data.parent().map(Path::to_owned) else {
        return Err("the node has no file system of its own".to_owned());
    };
    let ballast = root.join("ballast");
    session.begin_act("disk full", names(&[victim]), 1, true);
    let written = write_until_full(&ballast)?;
    session.let_run(duration)?;
    std::fs::remove_file(&ballast).map_err(|error| format!("cannot remove the ballast: {error}"))?;
    session.lift_act();
    session.figures.insert("ballast bytes".to_owned(), written.into());
    if let Some(status) = session.fleet.nodes[victim].ended() {
        let words = session.fleet.nodes[victim].last_words();
        println!("{}: node-{victim} ended on the full disk with {status}: {words}", session.name);
        let count = session.figures.get("ended on a full disk").and_then(serde_json::Value::as_u64).unwrap_or(0);
        session.figures.insert("ended on a full disk".to_owned(), (count + 1).into());
        session.fleet.nodes[victim].kill();
        session.fleet.launch(victim)?;
    }
    session.act_is_ready();
    Ok(())
}

fn write_until_full(path: &Path) -> Result<u64, String> {
    let mut file = File::create(path).map_err(|error| format!("cannot make {}: {error}", path.display()))?;
    let (mut written, mut piece) = (0, vec![0xb5; 1 << 20]);
    while !piece.is_empty() {
        match file.write(&piece) {
            Ok(0) | Err(_) => piece.truncate(piece.len() / 2),
            Ok(bytes) => written += bytes as u64,
        }
        if written > 1 << 32 {
            return Err(format!("{} does not get full", path.display()));
        }
    }
    Ok(written)
}

/// Lets system calls of a node fail, with strace: `fault` is like `fdatasync:error=EIO:when=3`. The node may end; it is
/// started again.
pub fn inject(session: &mut Session, victim: usize, fault: &str, duration: Duration) -> Result<(), String> {
    let Some(id) = session.fleet.nodes[victim].id() else { return Err(format!("node-{victim} does not run")) };
    session.begin_act("injected error", format!("{} {fault}", names(&[victim])), 1, true);
    let trace = session.fleet.file(&format!("strace-{}.txt", session.acts.len()));
    let calls = fault.split(':').next().unwrap_or_default();
    let mut strace = Command::new("strace")
        .args(["-f", "-qq", "-o"])
        .arg(&trace)
        .args(["-e", &format!("trace={calls}"), "-e", &format!("inject={fault}"), "-p", &id.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot run strace: {error}"))?;
    let ran = session.let_run(duration);
    end(&mut strace)?;
    ran?;
    session.lift_act();
    let text = std::fs::read_to_string(&trace).unwrap_or_default();
    let injected = text.matches("(INJECTED)").count() + text.matches("(DELAYED)").count();
    if injected == 0 {
        return Err(format!("{fault} was never injected"));
    }
    if let Some(status) = session.fleet.nodes[victim].ended() {
        let words = session.fleet.nodes[victim].last_words();
        println!("{}: node-{victim} ended after {injected} injected errors with {status}: {words}", session.name);
        session.fleet.nodes[victim].kill();
        session.fleet.launch(victim)?;
    }
    session.act_is_ready();
    Ok(())
}

/// strace lets go of its processes when it is asked to end; killed, it would leave them standing.
fn end(strace: &mut Child) -> Result<(), String> {
    crate::signal::terminate(strace)?;
    strace.wait().map(|_| ()).map_err(|error| format!("strace does not end: {error}"))
}
