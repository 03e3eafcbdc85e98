//! The failure detector: probes every watched peer directly, at jittered intervals, and says which can be reached. When a
//! probe is missed, a few others are asked to probe the peer for us, and we do so for them.
//!
//! Invariant: each watched peer has one place in the schedule, not later than the next moment its condition could
//! change by itself. A late wake-up of our own is not held against the peers (the point of Lifeguard, Dadgar et al.
//! 2018): answers may be waiting unread behind it. The same seed and inputs give the same probes.
//!
//! Refuses to know who is responsible for what, and to take a peer for reachable because others reach it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Debug;

use crate::peer::Watched;
use crate::relay::{Health, Relay, Report};
use crate::{Condition, Config};
use stdx::{Mono, Prng, Span, marks};

/// Transitions kept for whoever drains them; the oldest go first.
const CHANGES_MAX: usize = 1_024;

/// How many others are asked to probe a peer that missed a probe (the k of SWIM).
const HELPERS: usize = 3;

/// Something to be sent. Nonces are drawn at random, so that no answer can be made up or come from an earlier life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outgoing<P> {
    /// A probe; whoever receives it sends the nonce back.
    Probe {
        /// The peer to probe.
        to: P,
        /// What its echo must carry.
        nonce: u64,
    },
    /// A request to probe another peer; for [`Detector::on_asked`] there.
    Ask {
        /// Who is to do it.
        to: P,
        /// Who is to be probed.
        about: P,
        /// What the report must carry.
        nonce: u64,
    },
    /// What became of a probe that somebody asked for; for [`Detector::on_report`] there.
    Report(Report<P>),
}

/// Watches peers. Feed it what arrives, and call [`Detector::tick`] at [`Detector::next_deadline`].
#[derive(Clone, Debug)]
pub struct Detector<P> {
    config: Config,
    prng: Prng,
    peers: BTreeMap<P, Entry>,
    /// When to look at whom.
    schedule: BTreeSet<(Mono, P)>,
    changes: VecDeque<(P, Condition)>,
    /// Those that are down, to be found without looking at everybody.
    down: BTreeSet<P>,
    relay: Relay<P>,
    health: Health,
}

#[derive(Clone, Debug)]
struct Entry {
    watched: Watched,
    /// The peer's place in the schedule. It may be earlier than needed, never later.
    wake: Mono,
}

impl<P: Copy + Ord + Debug> Detector<P> {
    /// A detector that watches nobody yet. All its random choices follow from `seed`.
    ///
    /// # Panics
    /// If `config` breaks a bound given with its fields.
    pub fn new(config: Config, seed: u64) -> Detector<P> {
        config.check();
        Detector {
            config,
            prng: Prng::keyed(seed, "liveness", &[]),
            peers: BTreeMap::new(),
            schedule: BTreeSet::new(),
            changes: VecDeque::new(),
            down: BTreeSet::new(),
            relay: Relay::new(),
            health: Health::default(),
        }
    }

    /// Watches exactly `peers` from now on. Those watched already keep their condition.
    pub fn watch(&mut self, now: Mono, peers: &BTreeSet<P>) {
        self.down.retain(|peer| peers.contains(peer));
        let schedule = &mut self.schedule;
        self.peers.retain(|peer, entry| {
            let stays = peers.contains(peer);
            if !stays {
                schedule.remove(&(entry.wake, *peer));
            }
            stays
        });
        for peer in peers {
            if !self.peers.contains_key(peer) {
                self.add(now, *peer);
            }
        }
    }

    /// When to call [`Detector::tick`] next. Inputs do not move it, except [`Detector::watch`].
    pub fn next_deadline(&self) -> Option<Mono> {
        let wake = self.schedule.first().map(|(wake, _)| *wake);
        [wake, self.relay.next_deadline()].into_iter().flatten().min()
    }

    /// Draws the conclusions of time gone by, and returns what to send now.
    pub fn tick(&mut self, now: Mono) -> Vec<Outgoing<P>> {
        self.forgive_own_pause(now);
        let mut out: Vec<Outgoing<P>> = self.relay.expired(now).into_iter().map(Outgoing::Report).collect();
        let due: Vec<P> = self.schedule.iter().take_while(|(wake, _)| *wake <= now).map(|(_, peer)| *peer).collect();
        due.into_iter().for_each(|peer| self.visit(now, peer, &mut out));
        out
    }

    /// `asker` wants to know whether we reach `about`. Returns the probe to send, if `about` is watched and there is not
    /// too much to do.
    pub fn on_asked(&mut self, now: Mono, asker: P, about: P, nonce: u64) -> Option<Outgoing<P>> {
        let own = self.prng.next_u64();
        let until = now + self.config.probe_timeout;
        let taken = self.peers.contains_key(&about) && self.relay.take_on(own, asker, about, nonce, until);
        taken.then_some(Outgoing::Probe { to: about, nonce: own })
    }

    /// Somebody has probed `about` for us.
    pub fn on_report(&mut self, now: Mono, about: P, nonce: u64, reached: bool) {
        if let Some(entry) = self.peers.get_mut(&about) {
            entry.watched.on_report(now, nonce, reached);
        }
    }

    /// True if a peer that we may not reach was reached by another node lately: it lives, and a link is broken.
    pub fn is_reached_by_others(&self, now: Mono, peer: &P) -> bool {
        self.peers.get(peer).is_some_and(|entry| entry.watched.is_reached_by_others(now, self.config.down_after))
    }

    /// An echo arrived. Returns what to send to whoever asked for the probe, if it was not for ourselves.
    pub fn on_echo(&mut self, now: Mono, from: P, nonce: u64) -> Option<Outgoing<P>> {
        if self.with(from, |watched, config| watched.on_echo(now, nonce, config)).flatten().is_some() {
            self.health.better();
        }
        self.relay.on_echo(from, nonce).map(Outgoing::Report)
    }

    /// Anything else arrived from a peer. It lives, so it is not down; whether we reach it, only an echo shows.
    pub fn on_sign_of_life(&mut self, now: Mono, from: P) {
        self.with(from, |watched, config| watched.on_sign_of_life(now, config));
    }

    /// A connection to a peer was refused or broke: it is suspected at once, until it echoes a probe.
    pub fn on_unreachable(&mut self, _now: Mono, peer: P) {
        self.with(peer, |watched, _| watched.suspect());
    }

    /// What is believed of `peer`; of a peer that is not watched nothing is known.
    pub fn condition(&self, peer: &P) -> Condition {
        self.peers.get(peer).map_or(Condition::Unknown, |entry| entry.watched.condition())
    }

    /// The watched peers that are down, ascending.
    pub fn down(&self) -> impl Iterator<Item = &P> {
        self.down.iter()
    }

    /// Whether to send requests to `peer`.
    pub fn is_usable(&self, peer: &P) -> bool {
        self.condition(peer).is_usable()
    }

    /// The smoothed time a probe of `peer` takes there and back, if one was ever answered.
    pub fn round_trip(&self, peer: &P) -> Option<Span> {
        self.peers.get(peer).and_then(|entry| entry.watched.round_trip())
    }

    /// A hundred times phi: how surprising the silence of `peer` is, given its rhythm so far. Higher is worse, at most
    /// 3275; zero for a peer that is not watched. To compare peers by, no verdict.
    pub fn phi(&self, now: Mono, peer: &P) -> u32 {
        self.peers.get(peer).map_or(0, |entry| entry.watched.phi(now))
    }

    /// The changes of condition since this was last asked, oldest first. Long undrained, it forgets the oldest.
    pub fn changes(&mut self) -> Vec<(P, Condition)> {
        self.changes.drain(..).collect()
    }

    fn add(&mut self, now: Mono, peer: P) {
        // The first probes are spread over an interval, or all nodes would probe a new one in the same moment.
        let first_probe = now + Span(self.prng.between(0, self.config.probe_every.0));
        let watched = Watched::new(now, first_probe, &self.config);
        let wake = watched.deadline();
        self.schedule.insert((wake, peer));
        self.peers.insert(peer, Entry { watched, wake });
    }

    fn forgive_own_pause(&mut self, now: Mono) {
        let late = self.next_deadline().map_or(Span::ZERO, |deadline| now.since(deadline));
        if late >= self.config.probe_every {
            self.health.worse();
            for entry in self.peers.values_mut() {
                entry.watched.on_own_pause(now, &self.config);
            }
        }
    }

    fn visit(&mut self, now: Mono, peer: P, out: &mut Vec<Outgoing<P>>) {
        let missed = self.with(peer, |watched, config| watched.on_time(now, config));
        if missed == Some(true) {
            self.ask_others(now, peer, out);
        }
        out.extend(self.probe(now, peer));
        if let Some(entry) = self.peers.get_mut(&peer) {
            self.schedule.remove(&(entry.wake, peer));
            entry.wake = entry.watched.deadline();
            self.schedule.insert((entry.wake, peer));
        }
    }

    fn probe(&mut self, now: Mono, peer: P) -> Option<Outgoing<P>> {
        let entry = self.peers.get_mut(&peer).filter(|entry| entry.watched.wants_probe(now))?;
        let every = self.config.probe_every.0;
        let interval = self.prng.between((every - every / 4).max(1), every.saturating_add(every / 4));
        let nonce = self.prng.next_u64();
        let timeout = self.health.stretch(self.config.probe_timeout);
        entry.watched.on_probe_sent(now, nonce, now + Span(interval), timeout);
        Some(Outgoing::Probe { to: peer, nonce })
    }

    /// Has a few of those that we do reach probe a peer for us.
    fn ask_others(&mut self, now: Mono, peer: P, out: &mut Vec<Outgoing<P>>) {
        if self.peers.get(&peer).is_none_or(|entry| !entry.watched.wants_help(now, &self.config)) {
            return;
        }
        let usable = |(id, entry): (&P, &Entry)| (*id != peer && entry.watched.is_up()).then_some(*id);
        let mut others: Vec<P> = self.peers.iter().filter_map(usable).collect();
        self.prng.shuffle(&mut others);
        others.truncate(HELPERS);
        let Some(entry) = self.peers.get_mut(&peer).filter(|_| !others.is_empty()) else { return };
        marks::hit("liveness.asked_others");
        let nonce = self.prng.next_u64();
        // Those we asked before say in any case what they found: if none did, nobody hears us or we hear nobody.
        if !entry.watched.on_asked(now, nonce) {
            self.health.worse();
        }
        out.extend(others.into_iter().map(|to| Outgoing::Ask { to, about: peer, nonce }));
    }

    /// Lets a watched peer change, and notes what became of its condition.
    fn with<T>(&mut self, peer: P, change: impl FnOnce(&mut Watched, &Config) -> T) -> Option<T> {
        let watched = &mut self.peers.get_mut(&peer)?.watched;
        let before = watched.condition();
        let result = change(watched, &self.config);
        let after = watched.condition();
        if before != after {
            if self.changes.len() == CHANGES_MAX {
                self.changes.pop_front();
            }
            self.changes.push_back((peer, after));
            match after {
                Condition::Down => self.down.insert(peer),
                _ => self.down.remove(&peer),
            };
        }
        Some(result)
    }
}
