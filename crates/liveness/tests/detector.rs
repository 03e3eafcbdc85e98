//! The failure detector among peers that answer, fall silent, come back, or are heard but not reached.

use std::collections::{BTreeMap, BTreeSet};

use liveness::{Condition, Config, Detector, Outgoing, Report};
use stdx::{Mono, Span, marks};

const ROUND_TRIP: Span = Span::millis(2);

/// A detector and the peers it watches; those in `silent` do not answer.
struct Bench {
    now: Mono,
    detector: Detector<u32>,
    silent: BTreeSet<u32>,
    /// Echoes on their way: when they arrive, from whom, and their nonce.
    echoes: BTreeSet<(Mono, u32, u64)>,
    probes: Vec<(Mono, u32, u64)>,
    /// How those that answer us report on those that do not: not at all, or whether they reached them.
    helpers: Option<bool>,
    asks: Vec<(Mono, u32, u32)>,
}

impl Bench {
    fn new(peers: u32) -> Bench {
        let mut detector = Detector::new(Config::default(), 7);
        detector.watch(Mono(0), &(0..peers).collect());
        Bench {
            now: Mono(0),
            detector,
            silent: BTreeSet::new(),
            echoes: BTreeSet::new(),
            probes: Vec::new(),
            helpers: Some(false),
            asks: Vec::new(),
        }
    }

    /// Lets `span` pass, waking the detector whenever it asks for it.
    fn pass(&mut self, span: Span) {
        let end = self.now + span;
        while let Some(next) = self.next_event().filter(|next| *next <= end) {
            self.now = next.max(self.now);
            self.deliver();
            if self.detector.next_deadline().is_some_and(|deadline| deadline <= self.now) {
                self.tick();
            }
        }
        self.now = end;
    }

    fn next_event(&self) -> Option<Mono> {
        let echo = self.echoes.first().map(|(at, _, _)| *at);
        self.detector.next_deadline().into_iter().chain(echo).min()
    }

    fn deliver(&mut self) {
        while let Some((at, from, nonce)) = self.echoes.first().copied().filter(|(at, _, _)| *at <= self.now) {
            self.echoes.remove(&(at, from, nonce));
            self.detector.on_echo(self.now, from, nonce);
        }
    }

    fn tick(&mut self) {
        for outgoing in self.detector.tick(self.now) {
            match outgoing {
                Outgoing::Probe { to, nonce } => {
                    self.probes.push((self.now, to, nonce));
                    if !self.silent.contains(&to) {
                        self.echoes.insert((self.now + ROUND_TRIP, to, nonce));
                    }
                }
                Outgoing::Ask { to, about, nonce } => {
                    self.asks.push((self.now, to, about));
                    if let Some(reached) = self.helpers {
                        self.detector.on_report(self.now, about, nonce, reached);
                    }
                }
                Outgoing::Report(report) => panic!("nobody asked: {report:?}"),
            }
        }
        let next = self.detector.next_deadline();
        assert!(next.is_none_or(|next| next > self.now), "a tick leaves nothing due");
    }

    fn condition(&self, peer: u32) -> Condition {
        self.detector.condition(&peer)
    }
}

#[test]
fn peers_that_answer_are_up_and_measured() {
    let mut bench = Bench::new(3);
    assert_eq!(bench.condition(0), Condition::Unknown);
    assert!(bench.detector.is_usable(&0));
    bench.pass(Span::secs(60));
    for peer in 0..3 {
        assert_eq!(bench.condition(peer), Condition::Up);
        assert_eq!(bench.detector.round_trip(&peer), Some(ROUND_TRIP));
        assert!(bench.detector.phi(bench.now, &peer) < 300);
    }
    assert_eq!(bench.detector.changes(), all_up(&[0, 1, 2], &bench.probes));
    assert_eq!(bench.detector.changes(), []);
}

/// Each peer came up once, in the order of the first probes.
fn all_up(peers: &[u32], probes: &[(Mono, u32, u64)]) -> Vec<(u32, Condition)> {
    let first = |peer: &u32| probes.iter().position(|(_, to, _)| to == peer);
    let mut peers = peers.to_vec();
    peers.sort_by_key(first);
    peers.into_iter().map(|peer| (peer, Condition::Up)).collect()
}

#[test]
fn a_silent_peer_is_suspected_and_then_down_and_comes_back() {
    let mut bench = Bench::new(2);
    bench.pass(Span::secs(10));
    bench.detector.changes();
    bench.silent.insert(1);
    bench.pass(Span::millis(2_300));
    assert_eq!(bench.condition(1), Condition::Suspect);
    assert!(!bench.detector.is_usable(&1));
    assert!(bench.detector.phi(bench.now, &1) > 800);
    bench.pass(Span::secs(1));
    assert_eq!(bench.condition(1), Condition::Down);
    bench.silent.clear();
    bench.pass(Span::millis(650));
    assert_eq!(bench.condition(1), Condition::Up);
    let expected = [(1, Condition::Suspect), (1, Condition::Down), (1, Condition::Up)];
    // The echo is a sign of life before it is an answer, and no step in between is told.
    assert_eq!(bench.detector.changes(), expected);
    assert_eq!(bench.condition(0), Condition::Up);
}

#[test]
fn a_peer_never_heard_of_goes_down_too() {
    let mut bench = Bench::new(1);
    bench.silent.insert(0);
    bench.pass(Span::secs(3));
    assert_eq!(bench.condition(0), Condition::Down);
    assert_eq!(bench.detector.round_trip(&0), None);
}

#[test]
fn a_peer_that_is_heard_but_not_reached_stays_suspect() {
    let mut bench = Bench::new(1);
    bench.silent.insert(0);
    for _ in 0..100 {
        bench.pass(Span::millis(200));
        bench.detector.on_sign_of_life(bench.now, 0);
    }
    assert_eq!(bench.condition(0), Condition::Suspect);
    bench.pass(Span::secs(4));
    assert_eq!(bench.condition(0), Condition::Down);
    bench.detector.on_sign_of_life(bench.now, 0);
    assert_eq!(bench.condition(0), Condition::Suspect);
}

#[test]
fn a_broken_connection_is_suspicious_at_once_and_until_the_next_echo() {
    let mut bench = Bench::new(1);
    bench.pass(Span::secs(5));
    bench.detector.on_unreachable(bench.now, 0);
    assert_eq!(bench.condition(0), Condition::Suspect);
    bench.detector.on_sign_of_life(bench.now, 0);
    assert_eq!(bench.condition(0), Condition::Suspect);
    bench.pass(Span::millis(650));
    assert_eq!(bench.condition(0), Condition::Up);
}

#[test]
fn an_echo_that_was_not_asked_for_lifts_no_suspicion() {
    let mut bench = Bench::new(1);
    bench.detector.on_unreachable(bench.now, 0);
    assert_eq!(bench.detector.on_echo(bench.now, 0, 42), None);
    assert_eq!(bench.condition(0), Condition::Suspect);
    assert_eq!(bench.detector.on_echo(bench.now, 9, 42), None);
}

#[test]
fn a_pause_of_our_own_convicts_nobody() {
    marks::start();
    let mut bench = Bench::new(3);
    bench.pass(Span::secs(10));
    bench.detector.changes();
    // The process stands still; echoes wait unread until after the first tick.
    bench.now += Span::secs(30);
    bench.tick();
    assert!((0..3).all(|peer| bench.condition(peer) == Condition::Up));
    bench.pass(Span::secs(10));
    assert_eq!(bench.detector.changes(), []);
    assert_eq!(marks::stop().get("liveness.own_pause_forgiven"), Some(&3));
}

#[test]
fn a_machine_that_is_always_late_still_gives_up_the_dead() {
    let mut bench = Bench::new(1);
    bench.silent.insert(0);
    for _ in 0..6 {
        bench.now += Span::secs(2);
        bench.tick();
    }
    assert_eq!(bench.condition(0), Condition::Down);
}

#[test]
fn probes_keep_their_mean_and_do_not_fall_into_step() {
    let mut bench = Bench::new(100);
    bench.pass(Span::secs(60));
    let mut per_peer: BTreeMap<u32, u64> = BTreeMap::new();
    let mut at_once: BTreeMap<u64, u64> = BTreeMap::new();
    for (at, to, _) in &bench.probes {
        *per_peer.entry(*to).or_default() += 1;
        *at_once.entry(at.0 / 5_000).or_default() += 1;
    }
    assert!(per_peer.len() == 100 && per_peer.values().all(|n| (110..=130).contains(n)), "{per_peer:?}");
    assert!(at_once.values().all(|n| *n <= 10), "an even spread gives one in five milliseconds");
    let nonces: BTreeSet<u64> = bench.probes.iter().map(|(_, _, nonce)| *nonce).collect();
    assert_eq!(nonces.len(), bench.probes.len());
}

#[test]
fn the_watched_set_is_exactly_what_was_asked_for() {
    let mut bench = Bench::new(3);
    bench.pass(Span::secs(5));
    bench.detector.watch(bench.now, &[1, 2, 3].into());
    assert_eq!(bench.condition(0), Condition::Unknown);
    assert_eq!(bench.condition(1), Condition::Up);
    assert_eq!(bench.condition(3), Condition::Unknown);
    bench.probes.clear();
    bench.pass(Span::secs(5));
    assert_eq!(bench.probes.iter().map(|(_, to, _)| *to).collect::<BTreeSet<_>>(), [1, 2, 3].into());
    bench.detector.watch(bench.now, &BTreeSet::new());
    assert_eq!(bench.detector.next_deadline(), None);
    assert_eq!(bench.detector.phi(bench.now, &1), 0);
}

#[test]
fn the_same_seed_gives_the_same_probes() {
    let run = || {
        let mut bench = Bench::new(5);
        bench.pass(Span::secs(5));
        bench.probes
    };
    assert_eq!(run(), run());
}

#[test]
fn a_peer_that_others_reach_lives_behind_a_broken_link() {
    let mut bench = Bench::new(6);
    bench.pass(Span::secs(10));
    bench.silent.insert(5);
    bench.helpers = Some(true);
    bench.pass(Span::secs(10));
    assert_eq!(bench.condition(5), Condition::Down, "what others reach, we do not");
    assert!(bench.detector.is_reached_by_others(bench.now, &5));
    let first: Vec<_> = bench.asks.iter().filter(|(at, _, _)| *at == bench.asks[0].0).collect();
    assert_eq!(first.len(), 3, "a few are asked, not all");
    assert!(bench.asks.iter().all(|(_, to, about)| *about == 5 && *to != 5));
    bench.helpers = Some(false);
    bench.pass(Span::secs(10));
    assert!(!bench.detector.is_reached_by_others(bench.now, &5), "it was long ago");
}

#[test]
fn a_report_that_was_not_asked_for_says_nothing() {
    let mut bench = Bench::new(2);
    bench.detector.on_report(Mono(0), 1, 99, true);
    assert!(!bench.detector.is_reached_by_others(Mono(0), &1));
}

#[test]
fn whoever_hears_nothing_from_helpers_either_waits_longer() {
    let suspected_after = |helpers| {
        let mut bench = Bench::new(4);
        bench.helpers = helpers;
        bench.silent.insert(3);
        bench.pass(Span::secs(20));
        bench.silent.insert(2);
        let begun = bench.now;
        while bench.condition(2) == Condition::Up {
            bench.pass(Span::millis(50));
        }
        bench.now - begun
    };
    let (with, without) = (suspected_after(Some(false)), suspected_after(None));
    assert!(without > with, "{without:?} is not longer than {with:?}");
}

#[test]
fn probes_are_made_for_others_and_reported_on() {
    let mut bench = Bench::new(2);
    let probe = bench.detector.on_asked(bench.now, 0, 1, 7);
    let Some(Outgoing::Probe { to: 1, nonce }) = probe else { panic!("not probed: {probe:?}") };
    let report = Outgoing::Report(Report { to: 0, about: 1, nonce: 7, reached: true });
    assert_eq!(bench.detector.on_echo(bench.now, 1, nonce), Some(report));
    assert_eq!(bench.detector.on_asked(bench.now, 0, 9, 8), None, "a stranger is not probed");
    bench.detector.on_asked(bench.now, 0, 1, 8);
    let end = bench.now + Config::default().probe_timeout;
    let failed = Outgoing::Report(Report { to: 0, about: 1, nonce: 8, reached: false });
    assert!(bench.detector.tick(end).contains(&failed));
}
