//! Faults of links: cuts in several shapes, clogs, broken connections.
//!
//! Invariant: each cut and each clog is counted, so that several at once end with the last of them.

use crate::fault::HostId;
use crate::network::Packet;
use crate::world::{Event, World};
use stdx::{Prng, Span};

impl World {
    pub(super) fn cut(&mut self, from: &[HostId], to: &[HostId], both_ways: bool, span: Span) {
        for (from, to) in from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to))) {
            self.cut_link(from, to, span);
            if both_ways {
                self.cut_link(to, from, span);
            } else {
                self.break_later(to, from);
            }
        }
    }

    fn cut_link(&mut self, from: HostId, to: HostId, span: Span) {
        self.network.cut(from, to, true);
        self.after(span, Event::Mend { from, to });
        self.break_later(from, to);
    }

    /// Everybody in one half is cut off from everybody in the other but for the host in the middle.
    pub(super) fn bridge(&mut self, middle: HostId, half: &[HostId], span: Span) {
        let others = (0..self.plan.hosts).map(HostId).filter(|host| *host != middle && !half.contains(host));
        let half: Vec<HostId> = half.iter().copied().filter(|host| *host != middle).collect();
        self.cut(&half, &others.collect::<Vec<_>>(), true, span);
    }

    /// Everybody is cut off from everybody but its neighbours.
    pub(super) fn ring(&mut self, hosts: &[HostId], span: Span) {
        for (one, at) in hosts.iter().zip(0..) {
            for (other, distance) in hosts.iter().skip(at + 1).zip(1..) {
                let are_neighbours = distance == 1 || at == 0 && distance == hosts.len() - 1;
                if !are_neighbours {
                    self.cut(&[*one], &[*other], true, span);
                }
            }
        }
    }

    /// A connection whose packets are not answered breaks after a while.
    fn break_later(&mut self, host: HostId, peer: HostId) {
        let life = self.host(host).life;
        let ids = [host.0 as u64, peer.0 as u64, self.now.0];
        let after = Span(Prng::keyed(self.plan.seed, "silence", &ids).between(300_000, 4_000_000));
        self.after(after, Event::Break { host, life, peer, for_sure: false });
    }

    pub(crate) fn mend(&mut self, from: HostId, to: HostId) {
        let now = self.now;
        self.trace.event(now, from, "mend", to.0 as u64);
        self.network.cut(from, to, false);
    }

    pub(super) fn clog(&mut self, from: HostId, to: HostId, span: Span) {
        self.network.clog(from, to, true);
        self.after(span, Event::Release { from, to });
    }

    /// One host after the other is clogged, then one after the other is released. True if there is a next step.
    pub(super) fn swizzle(&mut self, hosts: &[HostId], released: &[HostId], step: usize) -> bool {
        let others = |of: HostId| (0..self.plan.hosts).map(HostId).filter(move |other| *other != of);
        if let Some(host) = hosts.get(step).copied() {
            for other in others(host).collect::<Vec<_>>() {
                self.network.clog(host, other, true);
                self.network.clog(other, host, true);
            }
        } else if let Some(host) = step.checked_sub(hosts.len()).and_then(|at| released.get(at)).copied() {
            for other in others(host).collect::<Vec<_>>() {
                self.release(host, other);
                self.release(other, host);
            }
        }
        step + 1 < hosts.len() + released.len()
    }

    pub(crate) fn release(&mut self, from: HostId, to: HostId) {
        let now = self.now;
        let held = self.network.clog(from, to, false);
        self.trace.event(now, from, "release", held.len() as u64);
        self.trace.line(now, from, || format!("{} old messages to {to} are released", held.len()));
        self.deliver_soon(held);
    }

    pub(super) fn deliver_soon(&mut self, held: Vec<Packet>) {
        for (packet, micros) in held.into_iter().zip(1..) {
            self.after(Span(micros), Event::Arrive(Box::new(packet)));
        }
    }

    pub(super) fn reset(&mut self, one: HostId, other: HostId) {
        for (host, peer) in [(one, other), (other, one)] {
            let life = self.host(host).life;
            self.after(Span::millis(1), Event::Break { host, life, peer, for_sure: true });
        }
    }
}
