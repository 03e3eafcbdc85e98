//! Links between hosts, one for each direction: how long a message takes, whether it arrives, and how often.
//!
//! Invariant: what happens to the n-th message of a link depends on the plan's seed, the link and n, and on nothing
//! else that goes on in the run.
//! Refuses to know what a message says, and connections (`connection`).

use crate::fault::HostId;
use crate::plan::NetworkPlan;
use crate::time::Time;
use node::proto::Message;
use std::collections::BTreeMap;
use stdx::{Prng, Span};

/// A message under way. It outlives the life of the node that said it.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) from: HostId,
    pub(crate) to: HostId,
    /// The life of the receiver when it was sent.
    pub(crate) to_life: u32,
    /// Batches of the sender that were durable then.
    pub(crate) batches: u64,
    pub(crate) message: Message,
}

/// What becomes of a message that is handed to a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// It is gone.
    Lost,
    /// It is held back until the link is released.
    Held,
    /// It arrives after this time.
    Arrives(Span),
    /// It arrives twice.
    Twice(Span, Span),
    /// It arrives after this time with other bytes than were sent.
    Damaged(Span),
}

/// What makes a link half dead: messages take up to `slower` more, and `loss_ppm` of them are lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct HalfDead {
    pub(crate) slower: Span,
    pub(crate) loss_ppm: u64,
}

#[derive(Default)]
struct Link {
    said: u64,
    cuts: u32,
    clogs: u32,
    held: Vec<Packet>,
    half_dead: Vec<HalfDead>,
    /// The link has sent everything it took by then.
    busy_until: Time,
    /// When what is under way arrives.
    under_way: Vec<Time>,
}

/// All links.
pub(crate) struct Network {
    seed: u64,
    plan: NetworkPlan,
    links: BTreeMap<(HostId, HostId), Link>,
    /// Hosts whose links take many times longer.
    slow: BTreeMap<HostId, u32>,
}

/// A link that would deliver only after so long has no room for more.
const QUEUE_MAX: Span = Span::secs(3);

impl Network {
    pub(crate) fn new(seed: u64, plan: NetworkPlan) -> Network {
        Network { seed, plan, links: BTreeMap::new(), slow: BTreeMap::new() }
    }

    /// From now on nothing is lost, doubled, damaged or late.
    pub(crate) fn calm_down(&mut self) {
        self.plan.loss_ppm = 0;
        self.plan.duplicate_ppm = 0;
        self.plan.damage_ppm = 0;
        self.plan.bytes_per_second = 0;
        self.plan.under_way_max = 0;
        self.plan.delay_spread = self.plan.delay_spread.min(Span::millis(5));
        self.plan.delay_min = self.plan.delay_min.min(Span::millis(5));
    }

    /// True if the size of messages matters.
    pub(crate) fn is_narrow(&self) -> bool {
        self.plan.bytes_per_second > 0
    }

    pub(crate) fn needs_connection(&self) -> bool {
        self.plan.needs_connection
    }

    /// Decides about the next message of a link, of about so many bytes. A held message must be given to
    /// [`Network::hold`].
    pub(crate) fn fate(&mut self, now: Time, from: HostId, to: HostId, bytes: u64) -> Fate {
        let times = u64::from(self.slow.get(&from).or(self.slow.get(&to)).copied().unwrap_or(1));
        let link = self.links.entry((from, to)).or_default();
        link.said += 1;
        let ids = [from.0 as u64, to.0 as u64, link.said];
        let mut prng = Prng::keyed(self.seed, "message", &ids);
        if link.cuts > 0 || prng.chance(self.plan.loss_ppm) {
            return Fate::Lost;
        }
        if link.clogs > 0 {
            return Fate::Held;
        }
        let mut more = Prng::keyed(self.seed, "half-dead", &ids);
        if link.half_dead.iter().any(|half| more.chance(half.loss_ppm)) {
            return Fate::Lost;
        }
        let slower: u64 = link.half_dead.iter().map(|half| more.below(half.slower.0 + 1)).sum();
        let Some(queued) = link.queue(now, bytes, &self.plan) else { return Fate::Lost };
        let delay = Span(delay(&self.plan, &mut prng).0 * times + slower + queued.0);
        if self.plan.under_way_max > 0 {
            link.under_way.push(now.after(delay));
        }
        if prng.chance(self.plan.duplicate_ppm) {
            // The second copy may be very late, as if it had waited in some queue.
            let late = Span(delay.0 + prng.below(3_000_000));
            return Fate::Twice(delay, late);
        }
        if prng.chance(self.plan.damage_ppm) {
            return Fate::Damaged(delay);
        }
        Fate::Arrives(delay)
    }

    /// Makes a link half dead, or, once for each time, as it was.
    pub(crate) fn half_dead(&mut self, from: HostId, to: HostId, half: HalfDead, begins: bool) {
        let half_dead = &mut self.links.entry((from, to)).or_default().half_dead;
        if begins {
            half_dead.push(half);
        } else if let Some(at) = half_dead.iter().position(|other| *other == half) {
            half_dead.remove(at);
        }
    }

    /// Makes a host's links so many times slower; once is as they were.
    pub(crate) fn slow(&mut self, host: HostId, times: u32) {
        if times > 1 {
            self.slow.insert(host, times);
        } else {
            self.slow.remove(&host);
        }
    }

    pub(crate) fn hold(&mut self, packet: Packet) {
        self.links.entry((packet.from, packet.to)).or_default().held.push(packet);
    }

    /// Cuts a link, or, once for each cut, mends it.
    pub(crate) fn cut(&mut self, from: HostId, to: HostId, cut: bool) {
        let link = self.links.entry((from, to)).or_default();
        link.cuts = if cut { link.cuts + 1 } else { link.cuts.saturating_sub(1) };
    }

    /// Holds a link back, or, once for each time, releases it. Returns what was held back if it is free now.
    pub(crate) fn clog(&mut self, from: HostId, to: HostId, clog: bool) -> Vec<Packet> {
        let link = self.links.entry((from, to)).or_default();
        link.clogs = if clog { link.clogs + 1 } else { link.clogs.saturating_sub(1) };
        if link.clogs == 0 { std::mem::take(&mut link.held) } else { Vec::new() }
    }

    /// True if the link carries messages, however late.
    pub(crate) fn carries(&self, from: HostId, to: HostId) -> bool {
        self.links.get(&(from, to)).is_none_or(|link| link.cuts == 0)
    }

    /// True if messages get through both ways without being held back, as a handshake needs.
    pub(crate) fn is_open(&self, one: HostId, other: HostId) -> bool {
        let free = |from, to| self.links.get(&(from, to)).is_none_or(|link| link.cuts == 0 && link.clogs == 0);
        free(one, other) && free(other, one)
    }

    /// Mends and releases everything. Returns what was held back, link by link.
    pub(crate) fn heal(&mut self) -> Vec<Packet> {
        let mut held = Vec::new();
        self.slow.clear();
        for link in self.links.values_mut() {
            link.cuts = 0;
            link.clogs = 0;
            link.half_dead.clear();
            link.under_way.clear();
            held.append(&mut link.held);
        }
        held
    }
}

impl Link {
    /// How long a message waits until the link has sent what it took before, and itself. Nothing if there is no room.
    fn queue(&mut self, now: Time, bytes: u64, plan: &NetworkPlan) -> Option<Span> {
        if plan.under_way_max > 0 {
            self.under_way.retain(|at| *at > now);
            if self.under_way.len() as u64 >= plan.under_way_max {
                stdx::marks::hit("sim.link_was_full");
                return None;
            }
        }
        if plan.bytes_per_second == 0 {
            return Some(Span::ZERO);
        }
        let takes = Span(bytes * 1_000_000 / plan.bytes_per_second);
        let sent = self.busy_until.max(now).after(takes);
        if sent.since(now) > QUEUE_MAX {
            return None;
        }
        self.busy_until = sent;
        Some(sent.since(now))
    }
}

fn delay(plan: &NetworkPlan, prng: &mut Prng) -> Span {
    let spread = prng.below(plan.delay_spread.0 + 1);
    // Most messages are quick and a few are slow, without floating point: the smaller of two draws, mostly.
    let spread = if prng.below(10) == 0 { spread } else { spread.min(prng.below(plan.delay_spread.0 + 1)) };
    Span(plan.delay_min.0 + spread)
}

#[cfg(test)]
mod tests {
    use super::{Fate, HalfDead, Network};
    use crate::fault::HostId;
    use crate::plan::Plan;
    use crate::time::Time;
    use stdx::Span;

    impl Network {
        fn say(&mut self, from: HostId, to: HostId) -> Fate {
            self.fate(Time(0), from, to, 100)
        }
    }

    const A: HostId = HostId(0);
    const B: HostId = HostId(1);

    fn network(loss_ppm: u64, duplicate_ppm: u64) -> Network {
        let mut plan = Plan::calm(1, 3, Span::secs(1)).network;
        plan.loss_ppm = loss_ppm;
        plan.duplicate_ppm = duplicate_ppm;
        Network::new(1, plan)
    }

    #[test]
    fn links_do_not_disturb_each_other() {
        let (mut alone, mut together) = (network(200_000, 200_000), network(200_000, 200_000));
        for _ in 0..100 {
            together.say(B, A);
            assert_eq!(alone.say(A, B), together.say(A, B));
        }
    }

    #[test]
    fn a_cut_is_one_way_and_ends_with_the_last_of_several() {
        let mut network = network(0, 0);
        network.cut(A, B, true);
        network.cut(A, B, true);
        network.cut(A, B, false);
        assert_eq!(network.say(A, B), Fate::Lost);
        assert!(matches!(network.say(B, A), Fate::Arrives(_)));
        assert!(!network.is_open(B, A));
        network.cut(A, B, false);
        assert!(matches!(network.say(A, B), Fate::Arrives(_)));
    }

    #[test]
    fn rates_are_what_the_plan_says() {
        let mut network = network(100_000, 100_000);
        let fates: Vec<Fate> = (0..10_000).map(|_| network.say(A, B)).collect();
        let lost = fates.iter().filter(|fate| **fate == Fate::Lost).count();
        let twice = fates.iter().filter(|fate| matches!(fate, Fate::Twice(..))).count();
        assert!((900..1_100).contains(&lost) && (800..1_000).contains(&twice), "{lost} {twice}");
    }

    #[test]
    fn a_half_dead_link_is_slow_one_way_and_leaves_the_fates_of_others_alone() {
        let (mut usual, mut half) = (network(100_000, 0), network(100_000, 0));
        half.half_dead(A, B, HalfDead { slower: Span::secs(10), loss_ppm: 300_000 }, true);
        let mut late = 0;
        for _ in 0..200 {
            assert_eq!(usual.say(B, A), half.say(B, A));
            match (usual.say(A, B), half.say(A, B)) {
                (Fate::Lost, other) => assert_eq!(other, Fate::Lost),
                (Fate::Arrives(one), Fate::Arrives(other)) => {
                    assert!(one <= other);
                    late += u32::from(other > Span::secs(1));
                }
                _ => {}
            }
        }
        assert!(late > 50, "{late}");
        half.half_dead(A, B, HalfDead { slower: Span::secs(10), loss_ppm: 300_000 }, false);
        assert_eq!(usual.say(A, B), half.say(A, B));
    }

    #[test]
    fn a_narrow_link_queues_and_a_full_one_drops() {
        let mut narrow = network(0, 0);
        narrow.plan.bytes_per_second = 1_000;
        let arrival = |fate| if let Fate::Arrives(span) = fate { span } else { Span::ZERO };
        let (first, second) = (arrival(narrow.say(A, B)), arrival(narrow.say(A, B)));
        assert!(first >= Span::millis(100) && second >= Span::millis(200), "{first:?} {second:?}");
        assert_eq!((0..40).filter(|_| narrow.say(A, B) == Fate::Lost).count(), 12, "30 messages fill three seconds");
        let mut few = network(0, 0);
        few.plan.under_way_max = 3;
        assert_eq!((0..5).filter(|_| few.say(A, B) == Fate::Lost).count(), 2);
        assert_ne!(few.fate(Time(9_000_000), A, B, 100), Fate::Lost);
    }
}
