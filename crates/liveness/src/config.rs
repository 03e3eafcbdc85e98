//! The settings of the failure detector. Invariant: none of them matters to safety. Refuses to know where they are
//! written down.

use stdx::Span;

/// How eagerly peers are probed and given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The mean time between two probes of one peer; each interval is drawn from three to five quarters of it. Not
    /// zero.
    pub probe_every: Span,
    /// After this time a probe that was not answered is missed. Not zero.
    pub probe_timeout: Span,
    /// A peer that missed this many probes in a row is suspected. Not zero.
    pub suspect_after_missed: u32,
    /// A peer that gave no sign of life for this long is held to be down. At least `probe_timeout`, and
    /// at least twice `probe_every`.
    pub down_after: Span,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            probe_every: Span::millis(500),
            probe_timeout: Span::millis(1_500),
            suspect_after_missed: 1,
            down_after: Span::secs(3),
        }
    }
}

impl Config {
    /// Notices within about a second, and takes a busy peer for a dead one more often. For small clusters on one network.
    pub const fn fast() -> Config {
        Config {
            probe_every: Span::millis(200),
            probe_timeout: Span::millis(500),
            suspect_after_missed: 1,
            down_after: Span::secs(1),
        }
    }

    /// Takes its time: for machines that stand still for seconds, and for networks that lose much.
    pub const fn reliable() -> Config {
        Config {
            probe_every: Span::secs(1),
            probe_timeout: Span::secs(4),
            suspect_after_missed: 2,
            down_after: Span::secs(15),
        }
    }

    /// # Panics
    /// If a bound given with the fields does not hold.
    pub(crate) fn check(&self) {
        assert!(self.probe_every > Span::ZERO, "probes need an interval");
        assert!(self.probe_timeout > Span::ZERO, "probes need time to be answered");
        assert!(self.suspect_after_missed > 0, "a peer that missed nothing cannot be suspected");
        assert!(self.down_after >= self.probe_timeout, "a peer must have time to answer a probe before it is down");
        assert!(self.down_after >= self.probe_every.times(2), "a peer must be probed before it is down");
    }
}
