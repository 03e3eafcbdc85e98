//! The process's two clocks, read here and nowhere else: a monotonic one that drives timeouts and the wall clock that
//! stamps versions.
//!
//! Invariant: `Mono` never runs backwards and counts from the start of the process.
//! Refuses to know what the time is used for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use stdx::{Mono, Now, Wall};
use tokio::time::Instant;

/// Reads both clocks. Cheap to copy; all copies agree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock whose monotonic time starts at zero now.
    pub(crate) fn start() -> Clock {
        Clock { start: Instant::now() }
    }

    /// Both clocks at this moment.
    pub(crate) fn now(&self) -> Now {
        self.now_at(Instant::now())
    }

    /// Both clocks, if the monotonic one was read already.
    pub(crate) fn now_at(&self, instant: Instant) -> Now {
        Now { mono: self.mono_of(instant), wall: wall() }
    }

    /// The monotonic clock alone.
    pub(crate) fn mono(&self) -> Mono {
        self.mono_of(Instant::now())
    }

    /// What the monotonic clock showed at `instant`.
    pub(crate) fn mono_of(&self, instant: Instant) -> Mono {
        Mono(u64::try_from(instant.saturating_duration_since(self.start).as_micros()).unwrap_or(u64::MAX))
    }

    /// The moment at which the monotonic clock shows `mono`, for a timer.
    pub(crate) fn instant(&self, mono: Mono) -> Instant {
        // A deadline beyond this is as good as never, and must not overflow the timer.
        let century = Duration::from_secs(100 * 365 * 24 * 3600);
        self.start + Duration::from_micros(mono.0).min(century)
    }
}

/// The wall clock; the epoch itself if the machine's clock stands before it.
fn wall() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::Clock;
    use stdx::{Mono, Span};

    #[tokio::test(start_paused = true)]
    async fn a_deadline_and_the_clock_agree() {
        let clock = Clock::start();
        let deadline = clock.mono() + Span::secs(3);
        tokio::time::sleep_until(clock.instant(deadline)).await;
        assert!(clock.mono() >= deadline && clock.mono() - deadline < Span::millis(2));
        assert!(clock.instant(Mono(u64::MAX)) > clock.instant(deadline));
    }
}
