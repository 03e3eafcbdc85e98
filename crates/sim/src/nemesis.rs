//! Carries out the plan's faults, and ends them all when their time is over. What happens to links, to machines and to
//! disks is in a file each.
//!
//! Invariant: a fault counts only if it did something. After [`World::heal`] nothing goes wrong any more, and what was
//! held back, standing still or dead comes back.

mod disks;
mod leavers;
mod links;
mod machines;

use crate::atlas::fewest_copies;
use crate::fault::{Fault, HostId, Loss};
use crate::host::{Armed, Stage};
use crate::network::HalfDead;
use crate::operator::{SIBLINGS, Work};
use crate::world::{Event, World};
use stdx::Span;
use stdx::marks::hit;

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
        self.trace.event(now, HostId::ALL, fault.class(), number as u64);
        // What is armed counts when it strikes.
        let is_armed = matches!(
            fault,
            Fault::CrashInSync { .. }
                | Fault::CrashInEffects { .. }
                | Fault::FailSync { .. }
                | Fault::DieLeaving { .. }
        );
        if !is_armed {
            self.count_fault(&fault);
        }
        self.probe(&fault);
        if let Fault::OldImage { host, .. } = fault {
            self.atlas.go_back(now, host);
        } else if fault.is_destructive() {
            fault.hosts().into_iter().for_each(|host| self.atlas.hit(now, host));
        }
        match fault {
            Fault::Crash { host, down, loss } => self.crash(host, down, loss),
            Fault::CrashInSync { host, down, loss } => self.host(host).crash_in_sync = Some(Armed { down, loss }),
            Fault::CrashInEffects { host, down, loss } => self.host(host).crash_in_effects = Some(Armed { down, loss }),
            Fault::Pause { host, span } => self.pause(host, span),
            Fault::FailSync { host } => self.host(host).fails_sync = true,
            Fault::FailRead { host, nth } => self.fail_read(host, nth),
            Fault::Rot { host, part, pick } => self.rot(host, part, pick),
            Fault::OldImage { host, down, .. } => self.go_back(number, host, down),
            Fault::ClockJump { host, by_ms } => self.jump(host, by_ms),
            Fault::Cut { from, to, both_ways, span } => self.cut(&from, &to, both_ways, span),
            Fault::Bridge { host, half, span } => self.bridge(host, &half, span),
            Fault::Ring { hosts, span } => self.ring(&hosts, span),
            Fault::Clog { from, to, span } => self.clog(from, to, span),
            Fault::Reset { one, other } => self.reset(one, other),
            Fault::Join { host, through } => self.employ(Work::Join(host), through),
            Fault::Leave { host, through } => self.employ(Work::Leave(host), through),
            Fault::Remove { host, through, away } => {
                self.strike_dead(host, away);
                self.employ(Work::Eject { host, force: false }, through);
            }
            Fault::Replace { old, host, through, away } => {
                self.strike_dead(old, away);
                self.employ(Work::Replace { old, host }, through);
            }
            Fault::DieLeaving { host, through, step, away } => self.let_die(host, through, step, away),
            Fault::ComeBack { host, through } => self.come_back(host, through),
            Fault::Reweigh { host, weight, through } => self.employ(Work::Reweigh(host, weight), through),
            Fault::Abort { through } => self.employ(Work::Abort, through),
            Fault::SetCopies { n, through } => {
                self.atlas.copies(SIBLINGS, n);
                let bucket = self.sibling_bucket(n);
                self.employ(Work::SetBucket(bucket), through);
            }
            Fault::CrashLoop { .. }
            | Fault::RollingRestart { .. }
            | Fault::SlowHost { .. }
            | Fault::ClockStrobe { .. }
            | Fault::SlowDisk { .. }
            | Fault::FillDisk { .. }
            | Fault::LyingSync { .. }
            | Fault::HalfDead { .. }
            | Fault::Swizzle { .. }
            | Fault::NoClients { .. } => self.go_on(number, 0),
        }
    }

    /// A host that is to be put out dies, or goes on in spite of it.
    fn strike_dead(&mut self, host: HostId, away: Span) {
        if away > Span::ZERO {
            self.crash(host, away, Loss::Some);
        }
    }

    /// What the ring does while something happens to it.
    fn probe(&self, fault: &Fault) {
        let of = |host: &crate::host::Host| {
            let history = host.node.as_ref()?.machine().history();
            Some(history.epoch().0 - history.oldest().epoch.0)
        };
        let changes = self.hosts.iter().filter_map(of).max().unwrap_or(0);
        match fault {
            _ if changes > 1 => hit("ring.two_changes_at_once"),
            Fault::Cut { .. } if changes > 0 => hit("ring.cut_while_it_changes"),
            Fault::SetCopies { .. } if changes > 0 => hit("ring.change_of_n_while_it_changes"),
            _ => {}
        }
    }

    /// A fault that takes its time begins (step 0), goes on, or ends.
    pub(crate) fn go_on(&mut self, number: usize, step: u32) {
        let Some(timed) = self.plan.faults.get(number).cloned() else { return };
        if self.is_healed {
            return;
        }
        self.trace.event(self.now, HostId::ALL, "goes on", u64::from(step));
        let begins = step == 0;
        let next = match timed.fault {
            Fault::CrashLoop { host, times, life, loss } => {
                self.crash(host, Span::millis(1), loss);
                (step + 1 < times).then_some(Span(life.0 + 1_000))
            }
            Fault::RollingRestart { down, every } => self.restart_next(step, down).then_some(every),
            Fault::SlowHost { host, times, span } => {
                self.slow_down(host, if begins { times } else { 1 });
                begins.then_some(span)
            }
            Fault::ClockStrobe { host, by_ms, every, times } => {
                self.jump(host, if step.is_multiple_of(2) { by_ms } else { -by_ms });
                (step + 1 < times).then_some(every)
            }
            Fault::SlowDisk { host, by, span } => {
                let slow = &mut self.host(host).slow_disk;
                *slow = if begins { Span(slow.0 + by.0) } else { Span(slow.0.saturating_sub(by.0)) };
                begins.then_some(span)
            }
            Fault::FillDisk { host, room, span } => {
                self.host(host).disk.set_room(begins.then_some(room));
                if !begins && self.host(host).is_up() {
                    hit("disk.full_and_freed");
                }
                begins.then_some(span)
            }
            Fault::LyingSync { host, span, down } => {
                self.lie(host, begins, down);
                begins.then_some(span)
            }
            Fault::HalfDead { from, to, slower, loss_ppm, span } => {
                self.network.half_dead(from, to, HalfDead { slower, loss_ppm }, begins);
                begins.then_some(span)
            }
            Fault::Swizzle { hosts, released, step: pause } => {
                self.swizzle(&hosts, &released, step as usize).then_some(pause)
            }
            Fault::NoClients { host, span } => {
                let cut_off = &mut self.host(host).no_clients;
                *cut_off = if begins { *cut_off + 1 } else { cut_off.saturating_sub(1) };
                begins.then_some(span)
            }
            _ => None,
        };
        if let Some(pause) = next {
            self.after(pause, Event::FaultGoesOn { number, step: step + 1 });
        }
    }

    fn is_possible(&self, fault: &Fault) -> bool {
        let up = |host: &HostId| self.hosts[host.0].is_up();
        match fault {
            Fault::Cut { .. }
            | Fault::Bridge { .. }
            | Fault::Ring { .. }
            | Fault::Swizzle { .. }
            | Fault::RollingRestart { .. }
            | Fault::Abort { .. }
            | Fault::SetCopies { .. } => true,
            Fault::OldImage { host, .. } => up(host),
            Fault::ComeBack { host, .. } => self.hosts[host.0].stage == Stage::Gone && self.atlas.is_out(*host),
            Fault::Join { host, .. } | Fault::Replace { host, .. } => self.hosts[host.0].stage == Stage::Outside,
            Fault::Leave { host, .. } | Fault::Remove { host, .. } | Fault::DieLeaving { host, .. } => {
                self.is_in(*host) && self.can_spare_one()
            }
            Fault::Reweigh { host, .. } => self.is_in(*host),
            // What is done to processes, disks and single links needs them to be there.
            of_hosts => of_hosts.hosts().iter().all(up),
        }
    }

    fn is_in(&self, host: HostId) -> bool {
        !matches!(self.hosts[host.0].stage, Stage::Outside | Stage::Gone)
    }

    /// Where disks are damaged, so many members stay that each item keeps the copies that the plan was drawn for: what a
    /// single node has left can be healed from nowhere.
    fn can_spare_one(&self) -> bool {
        if !self.plan.faults.iter().any(|timed| timed.fault.is_destructive()) {
            return true;
        }
        let members = self.newest_view().map_or(0, |view| view.ring.members().count());
        members > fewest_copies(&self.plan) + self.leaving()
    }

    pub(crate) fn count_fault(&mut self, fault: &Fault) {
        *self.counts.faults.entry(fault.class()).or_insert(0) += 1;
    }

    /// True if clients and the host that they asked do not hear each other.
    pub(crate) fn is_cut_off(&self, operation: usize) -> bool {
        let host = self.history.get(operation).map(|operation| operation.host);
        host.is_some_and(|host| self.hosts[host.0].no_clients > 0)
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
            this.dies_leaving = None;
            this.fails_sync = false;
            this.slow_disk = Span::ZERO;
            this.no_clients = 0;
            this.clock.set_right();
            this.disk.mend();
            this.paused_until = this.paused_until.min(now);
            self.slow_down(host, 1);
            self.resume(host);
            let this = self.host(host);
            if this.stage == Stage::Down {
                let life = this.life;
                self.after(Span::millis(10 + host.0 as u64), Event::Restart { host, life });
            }
        }
    }
}
