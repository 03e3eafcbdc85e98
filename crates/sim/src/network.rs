//! Links between hosts, one for each direction: how long a message takes, whether it arrives, and how often.
//!
//! Invariant: what happens to the n-th message of a link depends on the plan's seed, the link and n, and on nothing
//! else that goes on in the run.
//! Refuses to know what a message says, and connections (`connection`).

use crate::fault::HostId;
use crate::plan::NetworkPlan;
use node::proto::Message;
use std::collections::BTreeMap;
use stdx::{Prng, Span};

/// A message under way. It outlives the life of the node that said it.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) from: HostId,
    pub(crate) to: HostId,
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
}

#[derive(Default)]
struct Link {
    said: u64,
    cuts: u32,
    clogs: u32,
    held: Vec<Packet>,
}

/// All links.
pub(crate) struct Network {
    seed: u64,
    plan: NetworkPlan,
    links: BTreeMap<(HostId, HostId), Link>,
}

impl Network {
    pub(crate) fn new(seed: u64, plan: NetworkPlan) -> Network {
        Network { seed, plan, links: BTreeMap::new() }
    }

    /// From now on nothing is lost, doubled or late.
    pub(crate) fn calm_down(&mut self) {
        self.plan.loss_ppm = 0;
        self.plan.duplicate_ppm = 0;
        self.plan.delay_spread = self.plan.delay_spread.min(Span::millis(5));
        self.plan.delay_min = self.plan.delay_min.min(Span::millis(5));
    }

    pub(crate) fn needs_connection(&self) -> bool {
        self.plan.needs_connection
    }

    /// Decides about the next message of a link. A held message must be given to [`Network::hold`].
    pub(crate) fn fate(&mut self, from: HostId, to: HostId) -> Fate {
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
        let delay = delay(&self.plan, &mut prng);
        if prng.chance(self.plan.duplicate_ppm) {
            // The second copy may be very late, as if it had waited in some queue.
            let late = Span(delay.0 + prng.below(3_000_000));
            return Fate::Twice(delay, late);
        }
        Fate::Arrives(delay)
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
        for link in self.links.values_mut() {
            link.cuts = 0;
            link.clogs = 0;
            held.append(&mut link.held);
        }
        held
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
    use super::{Fate, Network};
    use crate::fault::HostId;
    use crate::plan::Plan;
    use stdx::Span;

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
            together.fate(B, A);
            assert_eq!(alone.fate(A, B), together.fate(A, B));
        }
    }

    #[test]
    fn a_cut_is_one_way_and_ends_with_the_last_of_several() {
        let mut network = network(0, 0);
        network.cut(A, B, true);
        network.cut(A, B, true);
        network.cut(A, B, false);
        assert_eq!(network.fate(A, B), Fate::Lost);
        assert!(matches!(network.fate(B, A), Fate::Arrives(_)));
        assert!(!network.is_open(B, A));
        network.cut(A, B, false);
        assert!(matches!(network.fate(A, B), Fate::Arrives(_)));
    }

    #[test]
    fn rates_are_what_the_plan_says() {
        let mut network = network(100_000, 100_000);
        let fates: Vec<Fate> = (0..10_000).map(|_| network.fate(A, B)).collect();
        let lost = fates.iter().filter(|fate| **fate == Fate::Lost).count();
        let twice = fates.iter().filter(|fate| matches!(fate, Fate::Twice(..))).count();
        assert!((900..1_100).contains(&lost) && (800..1_000).contains(&twice), "{lost} {twice}");
    }
}
