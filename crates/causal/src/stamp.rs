//! The hybrid logical clock: stamps near the wall clock that never run backwards (Kulkarni, Demirbas et al. 2014, §4).
//!
//! Invariant: a clock gives each stamp once, each higher than all it gave and all it followed. Unlike the paper, a
//! stamp is 48 bits of milliseconds and 16 of a counter, and a counter that is full carries into the milliseconds;
//! and a stamp too far in the future is not followed, so one wrong clock does not drag the others along.
//! Refuses to read a clock, and decides nothing that safety rests on: stamps order blind writes and show dates.

use std::{error, fmt};

const COUNTER_BITS: u32 = 16;

/// A reading of a hybrid logical clock. Ordered by time, then by counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(u64);

impl Stamp {
    /// Before every other stamp.
    pub const MIN: Stamp = Stamp(0);
    /// After every other stamp.
    pub const MAX: Stamp = Stamp(u64::MAX);
    /// The highest number of milliseconds a stamp can hold; in the year 10889.
    pub const MILLIS_MAX: u64 = u64::MAX >> COUNTER_BITS;

    /// The stamp of `millis` milliseconds since the Unix epoch, at most [`Stamp::MILLIS_MAX`], and a counter within
    /// them.
    pub const fn new(millis: u64, counter: u16) -> Stamp {
        let millis = if millis > Stamp::MILLIS_MAX { Stamp::MILLIS_MAX } else { millis };
        Stamp(millis << COUNTER_BITS | counter as u64)
    }

    /// Milliseconds since the Unix epoch, by a clock that may have been ahead of all wall clocks.
    pub const fn millis(self) -> u64 {
        self.0 >> COUNTER_BITS
    }

    /// Which stamp of its millisecond.
    pub const fn counter(self) -> u16 {
        self.0 as u16
    }

    /// The stamp right after this one. [`Stamp::MAX`] has none and stays.
    #[must_use]
    pub const fn next(self) -> Stamp {
        Stamp(self.0.saturating_add(1))
    }

    /// The stamp as a number of the same order.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The stamp that [`Stamp::as_u64`] gave the number of. Every number is one.
    pub const fn from_u64(number: u64) -> Stamp {
        Stamp(number)
    }
}

/// A clock that gives stamps.
#[derive(Clone, Debug, Default, Hash)]
pub struct HybridClock {
    last: Stamp,
}

impl HybridClock {
    /// A clock that has given no stamp yet.
    pub fn new() -> HybridClock {
        HybridClock::default()
    }

    /// A clock that goes on after `last`, as when a process starts again.
    pub fn resume(last: Stamp) -> HybridClock {
        HybridClock { last }
    }

    /// A new stamp, higher than all before: the wall clock's time, or the successor of the last stamp where the wall
    /// clock is behind it.
    ///
    /// # Panics
    /// If there is no higher stamp, which takes a wall clock in the year 10889.
    pub fn tick(&mut self, wall_ms: u64) -> Stamp {
        let stamp = Stamp::new(wall_ms, 0).max(self.last.next());
        assert!(stamp > self.last, "the hybrid clock is at its end");
        self.last = stamp;
        stamp
    }

    /// Follows a stamp that was received, so that the next one given here is higher. Does not follow one that is more
    /// than `max_ahead_ms` ahead of the wall clock here: it or this node's clock is wrong, and somebody should be told.
    pub fn observe(&mut self, remote: Stamp, wall_ms: u64, max_ahead_ms: u64) -> Result<(), ClockAhead> {
        let by_ms = remote.millis().saturating_sub(wall_ms);
        // What is already in the past of this clock moves nothing, however wrong the wall clock is.
        if by_ms > max_ahead_ms && remote > self.last {
            return Err(ClockAhead { by_ms });
        }
        self.last = self.last.max(remote);
        Ok(())
    }

    /// The highest stamp given or followed.
    pub fn last(&self) -> Stamp {
        self.last
    }
}

/// A stamp was too far ahead of the wall clock to be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockAhead {
    /// How far, in milliseconds.
    pub by_ms: u64,
}

impl fmt::Display for ClockAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a stamp is {} ms ahead of this node's clock", self.by_ms)
    }
}

impl error::Error for ClockAhead {}

#[cfg(test)]
mod tests {
    use super::{ClockAhead, HybridClock, Stamp};

    #[test]
    fn a_stamp_keeps_its_parts_and_its_order() {
        let stamp = Stamp::new(1_700_000_000_000, 7);
        assert_eq!((stamp.millis(), stamp.counter()), (1_700_000_000_000, 7));
        assert_eq!(Stamp::from_u64(stamp.as_u64()), stamp);
        assert!(Stamp::new(5, u16::MAX) < Stamp::new(6, 0));
        assert_eq!(Stamp::new(5, u16::MAX).next(), Stamp::new(6, 0));
        assert_eq!(Stamp::new(u64::MAX, u16::MAX), Stamp::MAX);
        assert_eq!(Stamp::MAX.next(), Stamp::MAX);
    }

    #[test]
    fn a_clock_follows_the_wall_and_never_runs_backwards() {
        let mut clock = HybridClock::new();
        assert_eq!(clock.tick(100), Stamp::new(100, 0));
        assert_eq!(clock.tick(100), Stamp::new(100, 1));
        assert_eq!(clock.tick(50), Stamp::new(100, 2));
        assert_eq!(clock.tick(101), Stamp::new(101, 0));
    }

    #[test]
    fn more_ticks_than_the_counter_holds_borrow_from_the_next_millisecond() {
        let mut clock = HybridClock::resume(Stamp::new(100, u16::MAX));
        assert_eq!(clock.tick(100), Stamp::new(101, 0));
    }

    #[test]
    fn what_was_observed_lies_before_the_next_tick() {
        let mut clock = HybridClock::new();
        assert_eq!(clock.observe(Stamp::new(150, 3), 100, 50), Ok(()));
        assert_eq!(clock.tick(100), Stamp::new(150, 4));
        assert_eq!(clock.observe(Stamp::new(20, 0), 100, 50), Ok(()));
        assert_eq!(clock.last(), Stamp::new(150, 4));
    }

    #[test]
    fn a_stamp_too_far_ahead_is_not_followed() {
        let mut clock = HybridClock::new();
        clock.tick(100);
        assert_eq!(clock.observe(Stamp::new(151, 0), 100, 50), Err(ClockAhead { by_ms: 51 }));
        assert_eq!(clock.observe(Stamp::MAX, 100, 50).map_err(|e| e.by_ms), Err(Stamp::MILLIS_MAX - 100));
        assert_eq!(clock.last(), Stamp::new(100, 0));
    }
}
