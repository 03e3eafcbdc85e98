//! What is known of one watched peer.
//!
//! Invariant: only an answer to a probe of ours, with the nonce we gave it, lifts a suspicion. Hearing from a peer
//! shows that it lives, not that we reach it: where a link fails in one direction, requests sent to it would be lost.
//! Refuses to know other peers, and when it will be asked again.

use std::collections::VecDeque;

use crate::Config;
use crate::phi::Rhythm;
use stdx::{Mono, Span, marks};

/// How many late wake-ups of our own are forgiven to a peer in a row. Without a bound, a machine that is always late
/// would never give up a dead peer.
const GRACES_MAX: u32 = 3;

/// What is believed of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// Nothing was heard yet, and not enough time has passed to hold that against it.
    Unknown,
    /// It answers.
    Up,
    /// It did not answer lately, or its connection failed.
    Suspect,
    /// It has given no sign of life for long.
    Down,
}

impl Condition {
    /// Whether to send requests to such a peer.
    pub const fn is_usable(self) -> bool {
        matches!(self, Condition::Unknown | Condition::Up)
    }
}

/// A probe on its way.
#[derive(Clone, Debug)]
struct Outstanding {
    nonce: u64,
    sent: Mono,
    missed_at: Mono,
}

/// Others have been asked to probe the peer.
#[derive(Clone, Debug)]
struct Asked {
    nonce: u64,
    at: Mono,
    /// Somebody has said what came of it, whatever it was.
    heard: bool,
}

/// One peer and what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    condition: Condition,
    /// The last sign of life, or when watching began.
    last_life: Mono,
    last_echo: Option<Mono>,
    /// When it is down, if it gives no sign of life before.
    down_at: Mono,
    next_probe: Mono,
    /// Oldest first; those that were missed are forgotten.
    outstanding: VecDeque<Outstanding>,
    /// Probes missed in a row.
    missed: u32,
    round_trip: Option<Span>,
    rhythm: Rhythm,
    /// Late wake-ups of ours since the last sign of life.
    graces: u32,
    /// The last round of indirect probes.
    asked: Option<Asked>,
    /// When another node last said that it reaches this one.
    reached_by_others: Option<Mono>,
}

impl Watched {
    pub(crate) fn new(now: Mono, first_probe: Mono, config: &Config) -> Watched {
        Watched {
            condition: Condition::Unknown,
            last_life: now,
            last_echo: None,
            down_at: now + config.down_after,
            next_probe: first_probe,
            outstanding: VecDeque::new(),
            missed: 0,
            round_trip: None,
            rhythm: Rhythm::new(config.probe_every),
            graces: 0,
            asked: None,
            reached_by_others: None,
        }
    }

    /// Whether others are to be asked about it: not while what they were asked before may still be answered.
    pub(crate) fn wants_help(&self, now: Mono, config: &Config) -> bool {
        self.asked.as_ref().is_none_or(|asked| asked.heard || now.since(asked.at) >= config.probe_timeout.times(2))
    }

    /// Others probe it for us under this nonce from now on. False if nobody said a word when they were asked before.
    pub(crate) fn on_asked(&mut self, now: Mono, nonce: u64) -> bool {
        self.asked.replace(Asked { nonce, at: now, heard: false }).is_none_or(|before| before.heard)
    }

    /// Another node says what came of its probe.
    pub(crate) fn on_report(&mut self, now: Mono, nonce: u64, reached: bool) {
        let Some(asked) = self.asked.as_mut().filter(|asked| asked.nonce == nonce) else { return };
        asked.heard = true;
        if reached {
            self.reached_by_others = Some(now);
        }
    }

    /// Whether another node has reached it within so long.
    pub(crate) fn is_reached_by_others(&self, now: Mono, within: Span) -> bool {
        self.reached_by_others.is_some_and(|at| now.since(at) < within)
    }

    pub(crate) fn condition(&self) -> Condition {
        self.condition
    }

    pub(crate) fn is_up(&self) -> bool {
        self.condition == Condition::Up
    }

    pub(crate) fn round_trip(&self) -> Option<Span> {
        self.round_trip
    }

    pub(crate) fn phi(&self, now: Mono) -> u32 {
        self.rhythm.score(now.since(self.last_life))
    }

    /// When to look at this peer again, at the latest.
    pub(crate) fn deadline(&self) -> Mono {
        let missed_at = self.outstanding.front().map(|probe| probe.missed_at);
        let down_at = (self.condition != Condition::Down).then_some(self.down_at);
        [missed_at, down_at].into_iter().flatten().fold(self.next_probe, Mono::min)
    }

    pub(crate) fn wants_probe(&self, now: Mono) -> bool {
        now >= self.next_probe
    }

    pub(crate) fn on_probe_sent(&mut self, now: Mono, nonce: u64, next_probe: Mono, timeout: Span) {
        self.next_probe = next_probe;
        self.outstanding.push_back(Outstanding { nonce, sent: now, missed_at: now + timeout });
    }

    /// Draws the conclusions of time gone by. True if a probe was missed.
    pub(crate) fn on_time(&mut self, now: Mono, config: &Config) -> bool {
        let before = self.missed;
        while self.outstanding.front().is_some_and(|probe| now >= probe.missed_at) {
            self.outstanding.pop_front();
            self.missed = self.missed.saturating_add(1);
        }
        if self.missed >= config.suspect_after_missed {
            self.suspect();
        }
        if now >= self.down_at {
            self.condition = Condition::Down;
        }
        self.missed > before
    }

    /// We woke up late, and what arrived meanwhile may still wait to be read: gives the peer time for one more probe.
    pub(crate) fn on_own_pause(&mut self, now: Mono, config: &Config) {
        if self.graces == GRACES_MAX {
            return;
        }
        marks::hit("liveness.own_pause_forgiven");
        self.graces += 1;
        let patience = now + config.probe_timeout;
        self.down_at = self.down_at.max(patience);
        for probe in &mut self.outstanding {
            probe.missed_at = probe.missed_at.max(patience);
        }
    }

    /// Returns the round trip if the echo answers a probe that was not missed yet.
    pub(crate) fn on_echo(&mut self, now: Mono, nonce: u64, config: &Config) -> Option<Span> {
        self.on_sign_of_life(now, config);
        let at = self.outstanding.iter().position(|probe| probe.nonce == nonce)?;
        let sent = self.outstanding.drain(..=at).next_back().map(|probe| probe.sent)?;
        self.missed = 0;
        self.asked = None;
        self.reached_by_others = None;
        self.condition = Condition::Up;
        self.keep_rhythm(now, config);
        let sample = now.since(sent);
        // The smoothing of TCP (RFC 6298): an eighth of what is new.
        self.round_trip =
            Some(self.round_trip.map_or(sample, |mean| Span((mean.times(7).0).saturating_add(sample.0) / 8)));
        Some(sample)
    }

    pub(crate) fn on_sign_of_life(&mut self, now: Mono, config: &Config) {
        self.last_life = now;
        self.down_at = now + config.down_after;
        self.graces = 0;
        self.condition = match self.condition {
            Condition::Unknown => Condition::Up,
            Condition::Down => Condition::Suspect,
            other => other,
        };
    }

    pub(crate) fn suspect(&mut self) {
        if self.condition != Condition::Down {
            self.condition = Condition::Suspect;
        }
    }

    fn keep_rhythm(&mut self, now: Mono, config: &Config) {
        if let Some(last) = self.last_echo.replace(now) {
            let interval = now.since(last);
            // The time a peer was down says nothing about how often it answers.
            if interval < config.down_after {
                self.rhythm.push(interval);
            }
        }
    }
}
