//! What held the event loop for long: while it does, nobody is answered.
//!
//! Invariant: an input that takes less than [`LONG`] costs two looks at the clock and nothing else. Refuses to change what
//! happens; it only tells.

use node::NodeInput;
use std::time::{Duration, Instant};
use tracing::{debug, warn};

/// Longer than this is told in detail.
const LONG: Duration = Duration::from_millis(10);

/// Longer than this is felt by clients.
const TOO_LONG: Duration = Duration::from_millis(250);

/// One input that is being handled.
pub(crate) struct Watch {
    what: &'static str,
    begun: Instant,
}

impl Watch {
    /// Begins to watch an input.
    pub(crate) fn begin(input: &NodeInput) -> Watch {
        Watch { what: kind(input), begun: Instant::now() }
    }

    /// The input has been handled.
    pub(crate) fn end(self) {
        let took = self.begun.elapsed();
        if took >= TOO_LONG {
            warn!(what = self.what, ?took, "one step held this node up; requests waited for it");
        } else if took >= LONG {
            debug!(what = self.what, ?took, "one step took long");
        }
    }
}

fn kind(input: &NodeInput) -> &'static str {
    match input {
        NodeInput::Client { .. } => "a client's request",
        NodeInput::Peer { message, .. } => message.kind(),
        NodeInput::Connected { .. } => "a connection to a peer",
        NodeInput::Unreachable { .. } => "a peer that cannot be reached",
        NodeInput::Synced(_) => "an fsync that has ended",
        NodeInput::Tick => "what was due",
    }
}
