//! How fast a peer answers requests: the mean of its waiting times, and how many it has in hand.
//!
//! Invariant: integers only; a peer of which nothing is known is not held to be slow. Advice for choosing among peers
//! that could all answer, never a verdict. Refuses to know what a request is.

use stdx::{Mono, Span};

/// A peer whose time is not asked for loses half of what is held against it in this time, so that it is tried again.
const FORGIVEN_IN: Span = Span::secs(2);
/// Waits that differ by less are the same to whoever waits.
const SLACK: Span = Span::millis(5);

/// The pace of one peer.
#[derive(Clone, Copy, Default, Debug)]
pub struct Pace {
    /// Smoothed as the round trip of TCP is (RFC 6298): an eighth of what is new.
    mean: Span,
    is_known: bool,
    last: Mono,
    in_hand: u32,
}

impl Pace {
    /// A request goes to it.
    pub fn on_sent(&mut self) {
        self.in_hand = self.in_hand.saturating_add(1);
    }

    /// A request came back after `took`.
    pub fn on_answer(&mut self, now: Mono, took: Span) {
        self.in_hand = self.in_hand.saturating_sub(1);
        self.last = now;
        if !self.is_known {
            self.mean = took;
        } else {
            self.mean = Span((self.mean.0.saturating_mul(7)).saturating_add(took.0) / 8);
        }
        self.is_known = true;
    }

    /// A request will not come back, or it is no longer waited for after `waited`, which it took at least.
    pub fn on_given_up(&mut self, now: Mono, waited: Span) {
        if waited > self.mean {
            self.on_answer(now, waited);
        } else {
            self.in_hand = self.in_hand.saturating_sub(1);
        }
    }

    /// The mean of its waiting times.
    pub fn usual(&self) -> Span {
        self.mean
    }

    /// What a request has to expect: the mean, for each request in hand (Peak EWMA), less the longer nothing was heard.
    pub fn cost(&self, now: Mono) -> Span {
        let halvings = (now.since(self.last).0 / FORGIVEN_IN.0).min(63) as u32;
        Span(self.mean.0 >> halvings).times(u64::from(self.in_hand) + 1)
    }
}

/// True if whoever costs `cost` is worth passing over for one that costs `least`.
pub fn is_slow(cost: Span, least: Span) -> bool {
    cost.0 > least.times(2).0.saturating_add(SLACK.0)
}

#[cfg(test)]
mod tests {
    use super::{Pace, is_slow};
    use stdx::{Mono, Span};

    fn pace(millis: &[u64]) -> Pace {
        let mut pace = Pace::default();
        for took in millis {
            pace.on_sent();
            pace.on_answer(Mono(0), Span::millis(*took));
        }
        pace
    }

    #[test]
    fn nothing_is_held_against_the_unknown() {
        assert_eq!(Pace::default().cost(Mono(0)), Span::ZERO);
    }

    #[test]
    fn slow_peers_cost_more_and_are_tried_again_later() {
        let (fast, slow) = (pace(&[2; 20]), pace(&[200; 20]));
        assert!(is_slow(slow.cost(Mono(0)), fast.cost(Mono(0))));
        assert!(!is_slow(fast.cost(Mono(0)), slow.cost(Mono(0))));
        let later = Mono(0) + Span::secs(30);
        assert!(!is_slow(slow.cost(later), fast.cost(Mono(0))));
    }

    #[test]
    fn what_is_in_hand_counts() {
        let mut busy = pace(&[10; 20]);
        (0..9).for_each(|_| busy.on_sent());
        assert_eq!(busy.cost(Mono(0)), pace(&[10; 20]).cost(Mono(0)).times(10));
    }

    #[test]
    fn giving_up_tells_only_how_long_it_took_at_least() {
        let mut given_up = pace(&[10; 20]);
        let before = given_up.cost(Mono(0));
        given_up.on_sent();
        given_up.on_given_up(Mono(0), Span::millis(1));
        assert_eq!(given_up.cost(Mono(0)), before);
        given_up.on_sent();
        given_up.on_given_up(Mono(0), Span::secs(1));
        assert!(given_up.cost(Mono(0)) > before.times(5));
    }
}
