//! Signals, by process id only.

use rustix::process::{Pid, Signal, kill_process};
use std::process::Child;

/// Stops a process where it stands, or lets it go on.
pub fn pause(child: &Child, paused: bool) -> Result<(), String> {
    send(child, if paused { Signal::STOP } else { Signal::CONT })
}

/// Asks a process to end.
pub fn terminate(child: &Child) -> Result<(), String> {
    send(child, Signal::TERM)
}

fn send(child: &Child, signal: Signal) -> Result<(), String> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| format!("{} is no process id", child.id()))?;
    kill_process(pid, signal).map_err(|error| format!("cannot send {signal:?} to process {}: {error}", child.id()))
}
