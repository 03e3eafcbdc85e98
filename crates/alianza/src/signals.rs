//! The signals that ask a process to end, and the one that asks it to read its files again.

use crate::exit::Failure;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGHUP.
pub(crate) fn reload() -> Result<Signal, Failure> {
    signal(SignalKind::hangup()).map_err(|error| Failure::error(format!("cannot listen for signals: {error}")))
}

/// SIGINT (Ctrl-C) and SIGTERM.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From here on, these signals no longer end the process at once.
    pub(crate) fn listen() -> Result<Signals, Failure> {
        let on = |kind| signal(kind).map_err(|error| Failure::error(format!("cannot listen for signals: {error}")));
        Ok(Signals { interrupt: on(SignalKind::interrupt())?, terminate: on(SignalKind::terminate())? })
    }

    /// Waits for the next of them.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
