//! The wall clock, for times to live. It decides nothing but what is expired and how long that is off.

use std::time::{SystemTime, UNIX_EPOCH};
use stdx::{Span, Wall};

/// What people call the time.
pub(crate) fn now() -> Wall {
    Wall(micros() / 1_000)
}

/// The same in microseconds since the Unix epoch.
pub(crate) fn micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

/// How long until `at`; zero if that has passed.
pub(crate) fn until(at: Wall) -> Span {
    Span::millis(at.0.saturating_sub(now().0))
}
