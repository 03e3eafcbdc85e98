//! What held the event loop for long: while it does, nobody is answered.
//!
//! Invariant: an input that takes less than [`LONG`] costs one look at the clock and nothing else. Refuses to change what
//! happens; it only tells.

use node::NodeInput;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{debug, warn};

/// Longer than this is told in detail.
const LONG: Duration = Duration::from_millis(10);

/// Longer than this is felt by clients.
const TOO_LONG: Duration = Duration::from_millis(250);

/// Inputs that are handled one after the other.
pub(crate) struct Watch {
    /// When the last one was done with, or the first one begun.
    since: Instant,
}

impl Watch {
    /// Begins to watch inputs.
    pub(crate) fn begin(now: Instant) -> Watch {
        Watch { since: now }
    }

    /// An input of this kind has been handled.
    pub(crate) fn lap(&mut self, what: &'static str) {
        let now = Instant::now();
        let took = now - std::mem::replace(&mut self.since, now);
        if took >= TOO_LONG {
            warn!(what, ?took, "one step held this node up; requests waited for it");
        } else if took >= LONG {
            debug!(what, ?took, "one step took long");
        }
    }
}

/// What an input is, in words.
pub(crate) fn kind(input: &NodeInput) -> &'static str {
    match input {
        NodeInput::Client { .. } => "a client's request",
        NodeInput::Peer { message, .. } => message.kind(),
        NodeInput::Connected { .. } => "a connection to a peer",
        NodeInput::Unreachable { .. } => "a peer that cannot be reached",
        NodeInput::Synced(_) => "an fsync that has ended",
        NodeInput::Tick => "what was due",
    }
}
