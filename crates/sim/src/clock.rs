//! A host's two clocks, as functions of the simulator's time.
//!
//! Invariant: the monotonic clock never runs backwards within one life; it starts anywhere and runs a little too fast or
//! too slow. The wall clock is off by a constant, and by what it has jumped.

use crate::time::Time;
use serde::{Deserialize, Serialize};
use stdx::{Mono, Now, Wall};

/// What wall clocks without skew show when a run begins: some day in 2024.
pub(crate) const WALL_AT_START_MS: u64 = 1_714_564_800_000;
const MILLION: u128 = 1_000_000;

/// How far a host's clocks are off.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClockError {
    /// Millionths by which the monotonic clock runs too fast; negative is too slow.
    pub drift_ppm: i32,
    /// Milliseconds by which the wall clock is ahead; negative is behind.
    pub skew_ms: i32,
}

/// The clocks of one life of a host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostClock {
    error: ClockError,
    mono_at_start: u64,
    /// Milliseconds that the wall clock has jumped.
    jumped_ms: i64,
}

impl HostClock {
    pub(crate) fn new(error: ClockError, mono_at_start: u64) -> HostClock {
        HostClock { error, mono_at_start, jumped_ms: 0 }
    }

    /// The clocks of the next life: what the wall clock has jumped stays.
    pub(crate) fn next_life(&self, mono_at_start: u64) -> HostClock {
        HostClock { mono_at_start, ..*self }
    }

    /// The wall clock jumps.
    pub(crate) fn jump(&mut self, by_ms: i64) {
        self.jumped_ms = self.jumped_ms.saturating_add(by_ms);
    }

    /// Somebody sets the wall clock right; its skew stays.
    pub(crate) fn set_right(&mut self) {
        self.jumped_ms = 0;
    }

    pub(crate) fn now(&self, time: Time) -> Now {
        let passed = u128::from(time.0) * self.rate() / MILLION;
        let wall =
            (WALL_AT_START_MS + time.0 / 1_000).saturating_add_signed(i64::from(self.error.skew_ms) + self.jumped_ms);
        Now { mono: Mono(self.mono_at_start + passed as u64), wall: Wall(wall) }
    }

    /// The first moment at which the monotonic clock shows `mono` or more.
    pub(crate) fn time_of(&self, mono: Mono) -> Time {
        let passed = u128::from(mono.0.saturating_sub(self.mono_at_start));
        Time(u64::try_from((passed * MILLION).div_ceil(self.rate())).unwrap_or(u64::MAX))
    }

    fn rate(&self) -> u128 {
        1_000_000u128.saturating_add_signed(i128::from(self.error.drift_ppm))
    }
}

#[cfg(test)]
mod tests {
    use super::{ClockError, HostClock};
    use crate::time::Time;
    use stdx::Mono;

    #[test]
    fn the_moment_of_a_reading_is_found_again() {
        for drift_ppm in [-50_000, -1, 0, 37, 50_000] {
            let clock = HostClock::new(ClockError { drift_ppm, skew_ms: 0 }, 12_345);
            for mono in [12_345, 12_346, 99_999_999, 5_000_000_001] {
                let time = clock.time_of(Mono(mono));
                assert!(clock.now(time).mono >= Mono(mono), "{drift_ppm} {mono}");
                assert!(time == Time(0) || clock.now(Time(time.0 - 1)).mono < Mono(mono), "{drift_ppm} {mono}");
            }
        }
    }

    #[test]
    fn skew_moves_the_wall_clock_alone() {
        let clock = |skew_ms| HostClock::new(ClockError { drift_ppm: 0, skew_ms }, 0).now(Time(7_000));
        assert_eq!(clock(200).wall.0 - clock(-200).wall.0, 400);
        assert_eq!(clock(200).mono, clock(-200).mono);
    }

    #[test]
    fn a_jump_moves_the_wall_clock_alone_and_outlives_the_process() {
        let mut clock = HostClock::new(ClockError::default(), 0);
        let before = clock.now(Time(7_000));
        clock.jump(-5_000);
        let after = clock.now(Time(7_000));
        assert_eq!((before.wall.0 - after.wall.0, before.mono), (5_000, after.mono));
        let mut next = clock.next_life(99);
        assert_eq!(next.now(Time(7_000)).wall, after.wall);
        next.set_right();
        assert_eq!(next.now(Time(7_000)).wall, before.wall);
    }
}
