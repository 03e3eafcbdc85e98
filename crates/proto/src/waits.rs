//! How long clients of this node wait, in quiet times and now, and what share of their rate that leaves to streams.
//!
//! While nothing moves, the usual wait of each kind of request is learnt. While something moves, a wait that grows by more than
//! a quarter of the usual one, and half a millisecond, takes a quarter of the share away, and one that does not gives a little back: additive
//! increase, multiplicative decrease, as in congestion control (Chiu and Jain 1989). Waits tell of everything that moving data
//! may crowd out, on any node that answers for the request: processors, disks, networks.
//!
//! A node without clients of its own that answers those of others cannot see how long they wait: it takes a fixed share.
//!
//! Invariant: the share is never nothing, so a change always ends, and it is whole when no clients are there. Refuses to know
//! streams, and why a request took so long.

use stdx::{Mono, Span};

/// So many quarters of the usual wait, and [`SLACK`], are too much: what is rare grows more than the mean.
const MUCH: u64 = 5;
/// What is not worth giving way for.
const SLACK: Span = Span::micros(500);
/// Shares are counted in parts of this.
pub(crate) const WHOLE: u64 = 1_024;
/// The least share.
const LEAST: u64 = WHOLE / 64;
/// The share at which a change begins: nobody knows yet what it costs.
const FIRST: u64 = WHOLE / 8;
/// The share of a node that helps others to answer and has no clients itself.
const BLIND: u64 = WHOLE / 4;
/// What is given back at a time.
const STEP: u64 = WHOLE / 64;
/// Between two changes of the share.
const PAUSE: Span = Span::millis(50);
/// Without an answer to a client for so long, nobody is waiting.
const ALONE: Span = Span::secs(1);

/// A kind of request, with a wait of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Read,
    Write,
    /// Another node does the work.
    Forwarded,
}

/// Moving averages of one kind, in sixteenths of a microsecond; 0 before the first.
#[derive(Clone, Copy, Default, Debug)]
struct Wait {
    usual: u64,
    now: u64,
    noted_at: Mono,
}

/// The waits of this node's clients.
#[derive(Clone, Debug)]
pub(crate) struct Waits {
    waits: [Wait; 3],
    share: u64,
    changed_at: Mono,
    answered_at: Option<Mono>,
    /// When something was read or written for another node's client.
    served_at: Option<Mono>,
    was_moving: bool,
}

impl Default for Waits {
    fn default() -> Waits {
        Waits {
            waits: Default::default(),
            share: FIRST,
            changed_at: Mono(0),
            answered_at: None,
            served_at: None,
            was_moving: false,
        }
    }
}

impl Waits {
    /// A client was given what it asked for after so long. `moving`: the ring changes.
    pub(crate) fn note(&mut self, now: Mono, kind: Kind, took: Span, moving: bool) {
        let took = took.as_micros().saturating_mul(16).max(1);
        let wait = &mut self.waits[kind as usize];
        self.answered_at = Some(now);
        if !moving {
            wait.usual = average(wait.usual, took, 64);
            wait.now = 0;
            self.was_moving = false;
            return;
        }
        wait.now = average(wait.now, took, 8);
        wait.noted_at = now;
        if !self.was_moving {
            (self.was_moving, self.share, self.changed_at) = (true, FIRST, now);
        }
        if now >= self.changed_at + PAUSE {
            self.changed_at = now;
            self.share = if self.is_much(now) {
                stdx::marks::hit("stream.gave_way_to_clients");
                (self.share * 3 / 4).max(LEAST)
            } else {
                (self.share + STEP).min(WHOLE)
            };
        }
    }

    /// Another node's client is being served.
    pub(crate) fn serve(&mut self, now: Mono) {
        self.served_at = Some(now);
    }

    /// The part of their rate that streams may use, of [`WHOLE`].
    pub(crate) fn share(&self, now: Mono) -> u64 {
        let is_past = |at: Option<Mono>| at.is_none_or(|at| now >= at + ALONE);
        match (is_past(self.answered_at), is_past(self.served_at)) {
            (true, true) => WHOLE,
            (true, false) => BLIND,
            (false, _) if self.was_moving => self.share,
            (false, _) => WHOLE,
        }
    }

    fn is_much(&self, at: Mono) -> bool {
        let slack = SLACK.as_micros() * 16;
        let usual = |kind: usize| match self.waits[kind].usual {
            // What was seldom forwarded before is, when this node leaves: a write at one hop more.
            0 if kind == Kind::Forwarded as usize => self.waits[Kind::Write as usize].usual,
            usual => usual,
        };
        // What nobody asks for any more tells nothing.
        let is_recent = |kind: usize| at < self.waits[kind].noted_at + ALONE;
        let is_long = |kind: usize| usual(kind) > 0 && self.waits[kind].now > usual(kind) * MUCH / 4 + slack;
        (0..self.waits.len()).any(|kind| is_recent(kind) && is_long(kind))
    }
}

fn average(before: u64, value: u64, of: u64) -> u64 {
    if before == 0 { value } else { (before * (of - 1) + value) / of }
}

#[cfg(test)]
mod tests {
    use super::{BLIND, FIRST, Kind, LEAST, WHOLE, Waits};
    use stdx::{Mono, Span};

    /// Answers writes after so many milliseconds, ten milliseconds apart.
    fn answer(waits: &mut Waits, from: Mono, times: u64, millis: u64, moving: bool) -> Mono {
        let mut now = from;
        for _ in 0..times {
            now += Span::millis(10);
            waits.note(now, Kind::Write, Span::millis(millis), moving);
        }
        now
    }

    #[test]
    fn clients_that_wait_longer_take_the_share_and_give_it_back() {
        let mut waits = Waits::default();
        let quiet = answer(&mut waits, Mono(0), 200, 2, false);
        assert_eq!(waits.share(quiet), WHOLE);
        let begun = answer(&mut waits, quiet, 1, 2, true);
        assert_eq!(waits.share(begun), FIRST, "it begins gently");
        let calm = answer(&mut waits, begun, 1_000, 3, true);
        assert_eq!(
            waits.share(calm),
            WHOLE,
            "a wait that grew by a quarter and half a millisecond is no reason to give way"
        );
        let busy = answer(&mut waits, calm, 1_000, 12, true);
        assert_eq!(waits.share(busy), LEAST);
        let calm = answer(&mut waits, busy, 1_000, 2, true);
        assert_eq!(waits.share(calm), WHOLE);
    }

    #[test]
    fn without_clients_streams_have_everything() {
        let mut waits = Waits::default();
        assert_eq!(waits.share(Mono(0)), WHOLE);
        let quiet = answer(&mut waits, Mono(0), 200, 2, false);
        let busy = answer(&mut waits, quiet, 1_000, 50, true);
        assert_eq!(waits.share(busy), LEAST);
        assert_eq!(waits.share(busy + Span::secs(2)), WHOLE);
    }

    #[test]
    fn who_only_helps_others_to_answer_takes_a_fixed_share_and_whoever_has_clients_goes_by_them() {
        let mut waits = Waits::default();
        let now = Mono(0) + Span::secs(9);
        waits.serve(now);
        assert_eq!(waits.share(now), BLIND);
        assert_eq!(waits.share(now + Span::secs(1)), WHOLE, "nobody is there any more");
        let quiet = answer(&mut waits, now, 200, 2, false);
        let busy = answer(&mut waits, quiet, 1_000, 50, true);
        waits.serve(busy);
        assert_eq!(waits.share(busy), LEAST);
    }

    #[test]
    fn the_next_change_begins_gently_again() {
        let mut waits = Waits::default();
        let quiet = answer(&mut waits, Mono(0), 200, 2, false);
        let busy = answer(&mut waits, quiet, 1_000, 2, true);
        assert_eq!(waits.share(busy), WHOLE);
        let quiet = answer(&mut waits, busy, 10, 2, false);
        let next = answer(&mut waits, quiet, 1, 2, true);
        assert_eq!(waits.share(next), FIRST);
    }

    #[test]
    fn a_kind_that_nobody_asks_for_any_more_holds_nothing_up() {
        let mut waits = Waits::default();
        let mut now = answer(&mut waits, Mono(0), 200, 2, false);
        waits.note(now, Kind::Read, Span::millis(1), false);
        for _ in 0..100 {
            now += Span::millis(10);
            waits.note(now, Kind::Read, Span::millis(90), true);
        }
        let slow = waits.share(now);
        let later = answer(&mut waits, now, 1_000, 2, true);
        assert!(slow < WHOLE / 16 && waits.share(later) == WHOLE, "{slow}");
    }

    #[test]
    fn a_leaver_that_never_forwarded_before_knows_what_is_much() {
        let mut waits = Waits::default();
        let mut now = answer(&mut waits, Mono(0), 200, 2, false);
        for _ in 0..1_000 {
            now += Span::millis(10);
            waits.note(now, Kind::Forwarded, Span::millis(30), true);
        }
        assert_eq!(waits.share(now), LEAST);
    }
}
