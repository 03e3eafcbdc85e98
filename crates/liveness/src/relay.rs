//! Probes made for others: the indirect probes of SWIM (Das, Gupta, Motivala 2002, §3.1).
//!
//! Invariant: each request is reported on once, when its probe was answered or when its time is over (the negative
//! acknowledgement of Lifeguard, Dadgar et al. 2018, §IV-A), and so many are under way at most. Refuses to know what is
//! believed of whom: an errand is run for anybody about anybody.

use std::collections::BTreeMap;

use stdx::{Mono, Span};

/// Errands at once. More are not taken on, which whoever asked sees as silence.
const ERRANDS_MAX: usize = 256;

/// What became of a probe made for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report<P> {
    /// Who asked for it.
    pub to: P,
    /// Who was probed.
    pub about: P,
    /// As asked.
    pub nonce: u64,
    /// It answered.
    pub reached: bool,
}

/// Errands under way, by the nonces of our own probes.
#[derive(Clone, Debug)]
pub(crate) struct Relay<P> {
    errands: BTreeMap<u64, (Report<P>, Mono)>,
}

impl<P: Copy + PartialEq> Relay<P> {
    pub(crate) const fn new() -> Relay<P> {
        Relay { errands: BTreeMap::new() }
    }

    /// Takes on to probe `about` for `to`, with our own nonce `own`. False if too much is under way.
    pub(crate) fn take_on(&mut self, own: u64, to: P, about: P, nonce: u64, until: Mono) -> bool {
        let has_room = self.errands.len() < ERRANDS_MAX;
        if has_room {
            self.errands.insert(own, (Report { to, about, nonce, reached: false }, until));
        }
        has_room
    }

    /// An echo with this nonce came from there.
    pub(crate) fn on_echo(&mut self, from: P, own: u64) -> Option<Report<P>> {
        self.errands.get(&own).filter(|(report, _)| report.about == from)?;
        self.errands.remove(&own).map(|(report, _)| Report { reached: true, ..report })
    }

    /// Those whose time is over.
    pub(crate) fn expired(&mut self, now: Mono) -> Vec<Report<P>> {
        let over: Vec<u64> = self.errands.iter().filter(|(_, (_, until))| now >= *until).map(|(own, _)| *own).collect();
        over.iter().filter_map(|own| self.errands.remove(own)).map(|(report, _)| report).collect()
    }

    pub(crate) fn next_deadline(&self) -> Option<Mono> {
        self.errands.values().map(|(_, until)| *until).min()
    }
}

/// How well this node itself keeps up: the local health multiplier of Lifeguard (§IV-A). Whoever is slow itself finds
/// everybody else slow, so it waits longer before it says so.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Health {
    score: u8,
}

impl Health {
    const MAX: u8 = 3;

    /// Something went wrong that is more likely our own fault than a peer's.
    pub(crate) fn worse(&mut self) {
        self.score = (self.score + 1).min(Health::MAX);
    }

    /// An answer came in time.
    pub(crate) fn better(&mut self) {
        self.score = self.score.saturating_sub(1);
    }

    /// A wait, made longer.
    pub(crate) fn stretch(self, wait: Span) -> Span {
        wait.times(u64::from(self.score) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::{ERRANDS_MAX, Health, Relay, Report};
    use stdx::{Mono, Span};

    #[test]
    fn each_errand_is_reported_on_once() {
        let mut relay = Relay::new();
        assert!(relay.take_on(10, 'a', 'b', 1, Mono(100)));
        assert!(relay.take_on(11, 'a', 'c', 2, Mono(50)));
        assert_eq!(relay.next_deadline(), Some(Mono(50)));
        assert_eq!(relay.on_echo('x', 10), None, "an echo of somebody else says nothing");
        let report = Report { to: 'a', about: 'b', nonce: 1, reached: true };
        assert_eq!(relay.on_echo('b', 10), Some(report));
        assert_eq!(relay.on_echo('b', 10), None);
        assert_eq!(relay.expired(Mono(49)), []);
        assert_eq!(relay.expired(Mono(50)), [Report { to: 'a', about: 'c', nonce: 2, reached: false }]);
        assert_eq!((relay.expired(Mono(200)), relay.next_deadline()), (vec![], None));
    }

    #[test]
    fn errands_are_bounded() {
        let mut relay = Relay::new();
        let taken = (0..1_000).filter(|own| relay.take_on(*own, 'a', 'b', 1, Mono(9))).count();
        assert_eq!(taken, ERRANDS_MAX);
    }

    #[test]
    fn whoever_is_slow_waits_longer_up_to_a_bound() {
        let mut health = Health::default();
        assert_eq!(health.stretch(Span(10)), Span(10));
        (0..9).for_each(|_| health.worse());
        assert_eq!(health.stretch(Span(10)), Span(40));
        (0..3).for_each(|_| health.better());
        assert_eq!(health.stretch(Span(10)), Span(10));
    }
}
