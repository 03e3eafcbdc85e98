//! Faults of machines: crashes that were armed, restarts in turn, standing still, slowness, clocks that jump.
//!
//! Invariant: what waits for a machine happens in the order in which it came.

use crate::fault::{Fault, HostId, Loss};
use crate::time::Time;
use crate::world::{Event, World};
use stdx::Span;

/// Inputs that may wait for a slow machine; messages beyond are lost.
const BACKLOG_MAX: usize = 4_000;

impl World {
    /// An armed crash strikes.
    pub(crate) fn strike(&mut self, life: u32, fault: Fault) {
        if let Fault::CrashInSync { host, down, loss } = fault
            && self.host(host).lives(life)
        {
            self.count_fault(&fault);
            self.crash(host, down, loss);
        }
    }

    /// The process of the n-th host is stopped and started again. True if there is another host.
    pub(super) fn restart_next(&mut self, step: u32, down: Span) -> bool {
        let host = HostId(step as usize);
        if host.0 >= self.hosts.len() {
            return false;
        }
        self.crash(host, down, Loss::Nothing);
        true
    }

    pub(super) fn pause(&mut self, host: HostId, span: Span) {
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

    /// Everything takes so many times longer from now on; once is as usual.
    pub(super) fn slow_down(&mut self, host: HostId, times: u32) {
        self.network.slow(host, times);
        self.host(host).slowness = times.max(1);
        if times <= 1 {
            self.drop_backlog(host);
        }
    }

    /// Something happens to a host that is busy.
    pub(crate) fn wait_for_cpu(&mut self, host: HostId, event: Event) {
        let this = self.host(host);
        if this.backlog.is_empty() {
            let at = this.busy_until;
            self.plan_turn(host, at);
        }
        let this = self.host(host);
        if this.backlog.len() >= BACKLOG_MAX && matches!(event, Event::Arrive(_)) {
            stdx::marks::hit("sim.slow_host_dropped_a_message");
            return;
        }
        this.backlog.push_back(event);
    }

    fn plan_turn(&mut self, host: HostId, at: Time) {
        self.host(host).turn_at = at;
        self.queue.add(at, Event::NextInput { host });
    }

    /// A slow host has done one input.
    pub(crate) fn next_input(&mut self, host: HostId) {
        let now = self.now;
        let this = self.host(host);
        if this.turn_at != now {
            return;
        }
        if this.paused_until > now {
            let at = this.paused_until;
            return self.plan_turn(host, at);
        }
        let Some(event) = this.backlog.pop_front() else { return };
        self.happen_now(event);
        let this = self.host(host);
        if !this.backlog.is_empty() {
            let at = Time(this.busy_until.0.max(now.0 + 1));
            self.plan_turn(host, at);
        }
    }

    /// The host has time for everything that waits.
    pub(crate) fn drop_backlog(&mut self, host: HostId) {
        let now = self.now;
        let this = self.host(host);
        this.busy_until = now;
        for event in std::mem::take(&mut this.backlog) {
            self.queue.add(now, event);
        }
    }

    pub(super) fn jump(&mut self, host: HostId, by_ms: i64) {
        let now = self.now;
        self.trace.event(now, host, "clock jumps", by_ms.unsigned_abs());
        self.host(host).clock.jump(by_ms);
    }
}
