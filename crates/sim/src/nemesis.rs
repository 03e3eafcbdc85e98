//! Carries out the plan's faults, and ends them all when their time is over.
//!
//! Invariant: a fault counts only if it did something. After [`World::heal`] nothing goes wrong any more, and what was
//! held back, standing still or dead comes back.

use crate::fault::{Fault, HostId};
use crate::host::{Armed, Stage};
use crate::operator::Work;
use crate::world::{Event, World};
use stdx::{Prng, Span};

impl World {
    /// The n-th fault of the plan happens.
    pub(crate) fn carry_out_fault(&mut self, number: usize) {
        let Some(timed) = self.plan.faults.get(number).cloned() else { return };
        let fault = timed.fault;
        if self.is_healed || !self.is_possible(&fault) {
            return;
        }
        let now = self.now;
        self.trace.line(now, "----", || format!("{fault:?}"));
        self.trace.event(now, HostId(usize::MAX), fault.class(), number as u64);
        // What is armed counts when it strikes.
        if !matches!(fault, Fault::CrashInSync { .. } | Fault::CrashInEffects { .. } | Fault::FailSync { .. }) {
            self.count_fault(&fault);
        }
        match fault {
            Fault::Crash { host, down, loss } => self.crash(host, down, loss),
            Fault::CrashInSync { host, down, loss } => self.host(host).crash_in_sync = Some(Armed { down, loss }),
            Fault::CrashInEffects { host, down, loss } => self.host(host).crash_in_effects = Some(Armed { down, loss }),
            Fault::Pause { host, span } => self.pause(host, span),
            Fault::FailSync { host } => self.host(host).fails_sync = true,
            Fault::Cut { from, to, both_ways, span } => self.cut(&from, &to, both_ways, span),
            Fault::Clog { from, to, span } => {
                self.network.clog(from, to, true);
                self.after(span, Event::Release { from, to });
            }
            Fault::Reset { one, other } => self.reset(one, other),
            Fault::Join { host, through } => self.employ(Work::Join(host), through),
            Fault::Leave { host, through } => self.employ(Work::Leave(host), through),
            Fault::SetCopies { n, through } => {
                let bucket = self.sibling_bucket(n);
                self.employ(Work::SetBucket(bucket), through);
            }
        }
    }

    fn is_possible(&self, fault: &Fault) -> bool {
        let up = |host: &HostId| self.hosts[host.0].is_up();
        match fault {
            Fault::Crash { host, .. }
            | Fault::CrashInSync { host, .. }
            | Fault::CrashInEffects { host, .. }
            | Fault::Pause { host, .. }
            | Fault::FailSync { host } => up(host),
            Fault::Cut { .. } | Fault::SetCopies { .. } => true,
            Fault::Clog { from, to, .. } => up(from) && up(to),
            Fault::Reset { one, other } => up(one) && up(other),
            Fault::Join { host, .. } => self.hosts[host.0].stage == Stage::Outside,
            Fault::Leave { host, .. } => !matches!(self.hosts[host.0].stage, Stage::Outside | Stage::Gone),
        }
    }

    pub(crate) fn count_fault(&mut self, fault: &Fault) {
        *self.counts.faults.entry(fault.class()).or_insert(0) += 1;
    }

    /// An armed crash strikes.
    pub(crate) fn strike(&mut self, life: u32, fault: Fault) {
        if let Fault::CrashInSync { host, down, loss } = fault
            && self.host(host).lives(life)
        {
            self.count_fault(&fault);
            self.crash(host, down, loss);
        }
    }

    fn pause(&mut self, host: HostId, span: Span) {
        let now = self.now;
        let this = self.host(host);
        let from = this.paused_until.max(now);
        let until = now.after(span).max(from);
        this.paused = Span(this.paused.0 + until.since(from).0);
        this.paused_until = until;
        self.queue.add(until, Event::Resume { host });
    }

    /// What happened meanwhile happens now, in the same order; what is meant for a life that has ended finds that out.
    pub(crate) fn resume(&mut self, host: HostId) {
        let now = self.now;
        let this = self.host(host);
        if this.paused_until > now {
            return;
        }
        for event in std::mem::take(&mut this.held) {
            self.queue.add(now, event);
        }
    }

    fn cut(&mut self, from: &[HostId], to: &[HostId], both_ways: bool, span: Span) {
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

    pub(crate) fn release(&mut self, from: HostId, to: HostId) {
        let now = self.now;
        let held = self.network.clog(from, to, false);
        self.trace.event(now, from, "release", held.len() as u64);
        self.trace.line(now, from, || format!("{} old messages to {to} are released", held.len()));
        self.deliver_soon(held);
    }

    fn deliver_soon(&mut self, held: Vec<crate::network::Packet>) {
        for (packet, micros) in held.into_iter().zip(1..) {
            self.after(Span(micros), Event::Arrive(Box::new(packet)));
        }
    }

    fn reset(&mut self, one: HostId, other: HostId) {
        for (host, peer) in [(one, other), (other, one)] {
            let life = self.host(host).life;
            self.after(Span::millis(1), Event::Break { host, life, peer, for_sure: true });
        }
    }

    /// All faults are over.
    pub(crate) fn heal(&mut self) {
        let now = self.now;
        self.is_healed = true;
        self.trace.line(now, "----", || "all faults are over".to_owned());
        let held = self.network.heal();
        self.network.calm_down();
        self.plan.disk.slow_ppm = 0;
        self.deliver_soon(held);
        for host in (0..self.hosts.len()).map(HostId) {
            let this = self.host(host);
            this.crash_in_sync = None;
            this.crash_in_effects = None;
            this.fails_sync = false;
            this.paused_until = this.paused_until.min(now);
            self.resume(host);
            let this = self.host(host);
            if this.stage == Stage::Down {
                let life = this.life;
                self.after(Span::millis(10 + host.0 as u64), Event::Restart { host, life });
            }
        }
    }
}
