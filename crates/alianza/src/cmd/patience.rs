//! Asking again what may be asked twice: a long command does not end because a node was busy for a moment.

use crate::exit::Failure;
use crate::output;
use std::time::Duration;

/// Times that something is asked for before giving up, and the pause between.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// Asks until there is an answer, or a failure that will not pass by itself.
pub(super) fn patiently<T>(mut ask: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    let mut left = TRIES;
    loop {
        left -= 1;
        match ask() {
            Err(failure) if left > 0 && failure.is_passing() => {
                output::remark(&format!("trying again: {failure}"));
                std::thread::park_timeout(PAUSE);
            }
            ended => return ended,
        }
    }
}
