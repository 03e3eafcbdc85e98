//! How far a long command is: a line on standard error every few seconds.

use crate::output;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const EVERY: Duration = Duration::from_secs(2);

/// Says how far it is, not too often.
pub(super) struct Progress(Instant);

impl Default for Progress {
    fn default() -> Progress {
        Progress(Instant::now())
    }
}

impl Progress {
    /// Says it if it is time to.
    pub(super) fn say(&mut self, what: impl FnOnce() -> String) {
        if self.0.elapsed() >= EVERY {
            output::remark(&what());
            self.0 = Instant::now();
        }
    }
}

/// Milliseconds since the Unix epoch.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
