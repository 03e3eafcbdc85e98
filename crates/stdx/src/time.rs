//! Time as plain integers, always an argument and never read from a clock here.
//!
//! Two clocks exist. [`Mono`] only moves forward and drives every timeout. [`Wall`] is what people call the time; it
//! may jump, and is used only to stamp versions, to expire them and to show dates.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// A span of time in microseconds.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub u64);

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// A span of `n` microseconds.
    pub const fn micros(n: u64) -> Span {
        Span(n)
    }

    /// A span of `n` milliseconds.
    pub const fn millis(n: u64) -> Span {
        Span(n.saturating_mul(1_000))
    }

    /// A span of `n` seconds.
    pub const fn secs(n: u64) -> Span {
        Span(n.saturating_mul(1_000_000))
    }

    /// Whole milliseconds in the span, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// Microseconds in the span.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The span `k` times over, saturating.
    pub const fn times(self, k: u64) -> Span {
        Span(self.0.saturating_mul(k))
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

impl From<Span> for std::time::Duration {
    fn from(span: Span) -> Self {
        std::time::Duration::from_micros(span.0)
    }
}

impl From<std::time::Duration> for Span {
    fn from(duration: std::time::Duration) -> Self {
        Span(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
    }
}

/// A point on a node's monotonic clock: microseconds since an arbitrary start. Comparable only on one node and in one
/// life of its process.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(pub u64);

impl Mono {
    /// The time that has passed since `earlier`; zero if `earlier` is later.
    pub const fn since(self, earlier: Mono) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for Mono {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{:?}", Span(self.0))
    }
}

impl Add<Span> for Mono {
    type Output = Mono;
    fn add(self, span: Span) -> Mono {
        Mono(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Span> for Mono {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Sub<Mono> for Mono {
    type Output = Span;
    fn sub(self, earlier: Mono) -> Span {
        self.since(earlier)
    }
}

/// A reading of a wall clock: milliseconds since the Unix epoch. May jump either way.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(pub u64);

impl Wall {
    /// This reading moved forward by `span`, in whole milliseconds.
    pub const fn plus(self, span: Span) -> Wall {
        Wall(self.0.saturating_add(span.as_millis()))
    }
}

impl fmt::Debug for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

/// Both clocks at one moment, as handed to a machine with every input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Drives timeouts.
    pub mono: Mono,
    /// Stamps and expires versions.
    pub wall: Wall,
}

#[cfg(test)]
mod tests {
    use super::{Mono, Span, Wall};

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Mono(5) + Span(7), Mono(12));
        assert_eq!(Mono(u64::MAX) + Span(7), Mono(u64::MAX));
        assert_eq!(Mono(5) - Mono(9), Span::ZERO);
        assert_eq!(Wall(10).plus(Span::secs(1)), Wall(1_010));
        assert_eq!(Span::millis(3).times(2), Span::micros(6_000));
    }
}
