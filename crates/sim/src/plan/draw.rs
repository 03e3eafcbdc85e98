//! A plan from a seed. Each class of faults is on in about half of the plans (swarm testing: a run with everything on
//! explores little), and each is drawn from a stream of its own, so that changing one leaves the others as they are.

use super::{DiskPlan, NetworkPlan, Plan, WorkloadPlan, knobs};
use crate::atlas;
use crate::clock::ClockError;
use crate::fault::{Fault, HostId, LeaveStep, Loss, Part, TimedFault};
use crate::mutant::Mutant;
use stdx::{Prng, Span};

const HALF: u64 = 500_000;
const QUARTER: u64 = 250_000;
const EIGHTH: u64 = 125_000;
/// How many plans in a million have every class on.
const EVERYTHING: u64 = 30_000;

/// Draws a plan.
pub(super) fn plan(seed: u64) -> Plan {
    let mut prng = Prng::keyed(seed, "plan", &[]);
    let founders = prng.between(3, 5) as usize;
    let newcomers = if prng.chance(HALF) { prng.between(1, 2) as usize } else { 0 };
    let storm = Span::secs(prng.between(12, 40));
    let hosts = founders + newcomers;
    let mut plan = Plan {
        hosts,
        n: if prng.chance(150_000) { prng.between(1, 5) as u8 } else { 3 },
        sibling_copies: if prng.chance(150_000) { prng.between(1, 4) as u8 } else { 3 },
        grid_bits: prng.between(3, 6) as u8,
        tokens: prng.between(1, 6) as u16,
        through_codec: seed.is_multiple_of(8),
        network: network(seed, &mut prng),
        disk: disk(&mut prng),
        clocks: clocks(seed, hosts),
        config: knobs::draw(seed),
        workload: workload(seed),
        mutant: Mutant::None,
        ..Plan::calm(seed, founders, storm)
    };
    let everything = Prng::keyed(seed, "everything", &[]).chance(EVERYTHING);
    plan.faults = Faults { seed, hosts, founders, storm, everything, list: Vec::new() }.draw();
    destroy(&mut plan, everything);
    go_back(&mut plan);
    plan
}

fn network(seed: u64, prng: &mut Prng) -> NetworkPlan {
    let slow = prng.chance(QUARTER);
    let mut narrow = Prng::keyed(seed, "narrow links", &[]);
    NetworkPlan {
        delay_min: Span::micros(prng.between(100, if slow { 20_000 } else { 1_000 })),
        delay_spread: Span::micros(prng.between(500, if slow { 80_000 } else { 5_000 })),
        loss_ppm: if prng.chance(HALF) { prng.between(100, 50_000) } else { 0 },
        duplicate_ppm: if prng.chance(HALF) { prng.between(100, 100_000) } else { 0 },
        needs_connection: prng.chance(HALF),
        damage_ppm: if seed.is_multiple_of(8) && narrow.chance(HALF) { narrow.between(50, 3_000) } else { 0 },
        bytes_per_second: if narrow.chance(EIGHTH) { narrow.between(20_000, 500_000) } else { 0 },
        under_way_max: if narrow.chance(EIGHTH) { narrow.between(4, 100) } else { 0 },
    }
}

fn disk(prng: &mut Prng) -> DiskPlan {
    DiskPlan {
        sync_min: Span::micros(prng.between(100, 2_000)),
        sync_spread: Span::micros(prng.between(500, 15_000)),
        slow_ppm: if prng.chance(HALF) { prng.between(1_000, 30_000) } else { 0 },
        slow_sync: Span::millis(prng.between(50, 2_500)),
    }
}

/// Mostly a little off; sometimes by minutes, or by a twentieth of the time.
fn clocks(seed: u64, hosts: usize) -> Vec<ClockError> {
    let mut prng = Prng::keyed(seed, "clocks", &[]);
    let drift_max = prng.chance(HALF).then(|| if prng.chance(QUARTER) { 50_000 } else { 20_000 });
    let skew_max = prng.chance(HALF).then(|| if prng.chance(QUARTER) { 600_000 } else { 200 });
    let mut off = |max: Option<u64>| max.map_or(0, |max| prng.between(0, 2 * max) as i32 - max as i32);
    (0..hosts).map(|_| ClockError { drift_ppm: off(drift_max), skew_ms: off(skew_max) }).collect()
}

fn workload(seed: u64) -> WorkloadPlan {
    let mut prng = Prng::keyed(seed, "workload plan", &[]);
    let mut sometimes = |percent_max: u64| if prng.chance(HALF) { prng.between(1, percent_max) } else { 0 };
    let (delete_percent, ttl_percent, memory_percent) = (sometimes(40), sometimes(15), sometimes(20));
    let (sibling_percent, level_percent) = (sometimes(100), sometimes(80));
    let (set_percent, churn_percent, retry_percent) = (sometimes(30), sometimes(20), sometimes(60));
    let mut registers = Prng::keyed(seed, "registers plan", &[]);
    let register_percent = if registers.chance(HALF) { registers.between(10, 60) } else { 0 };
    let mut deletions = Prng::keyed(seed, "deleted registers", &[]);
    let (register_deletes, register_age) = if deletions.chance(HALF) {
        (deletions.between(10, 60), deletions.between(120, 400) as usize)
    } else {
        (10, 120)
    };
    let mut elements = Prng::keyed(seed, "elements plan", &[]);
    let element_percent = if elements.chance(EIGHTH) { elements.between(10, 60) } else { 0 };
    let mut counts = Prng::keyed(seed, "counters plan", &[]);
    let count_percent = if counts.chance(EIGHTH) { counts.between(10, 60) } else { 0 };
    let mut fields = Prng::keyed(seed, "counted fields plan", &[]);
    let field_percent = if fields.chance(EIGHTH) { fields.between(10, 60) } else { 0 };
    let mut locks = Prng::keyed(seed, "locks plan", &[]);
    let lock_percent = if locks.chance(EIGHTH) { locks.between(10, 60) } else { 0 };
    let mut watchers = Prng::keyed(seed, "watchers plan", &[]);
    let watchers = if watchers.chance(QUARTER) { watchers.between(1, 2) } else { 0 };
    let mut asides = Prng::keyed(seed, "explanations and dumps", &[]);
    let explain_percent = if asides.chance(HALF) { asides.between(1, 10) } else { 0 };
    let restores = Prng::keyed(seed, "restores", &[]).chance(QUARTER);
    let restores_registers = restores && Prng::keyed(seed, "restores of registers", &[]).chance(HALF);
    let dumps = if asides.chance(HALF) { asides.between(1, 4) } else { 0 };
    WorkloadPlan {
        clients: prng.between(2, 6) as usize,
        think: Span::millis(prng.between(20, 300)),
        hot_keys: prng.between(1, 5),
        cold_keys: prng.between(10, 150),
        rows: prng.between(2, 20),
        sibling_percent,
        register_percent,
        register_deletes,
        register_age,
        lock_percent,
        element_percent,
        count_percent,
        field_percent,
        write_percent: prng.between(30, 80),
        delete_percent,
        ttl_percent,
        level_percent,
        memory_percent,
        set_percent,
        churn_percent,
        retry_percent,
        explain_percent,
        watchers,
        dumps,
        restores,
        restores_registers,
        value_bytes_max: if prng.chance(QUARTER) { prng.between(100, 2_000) } else { prng.between(16, 60) },
    }
}

/// What takes from a disk what an fsync had covered, as far as the atlas allows it: the same few hosts again and again.
fn destroy(plan: &mut Plan, everything: bool) {
    let mut prng = Prng::keyed(plan.seed, "bit rot", &[]);
    let mut victims: Vec<HostId> = (0..plan.hosts).map(HostId).collect();
    prng.shuffle(&mut victims);
    victims.truncate(atlas::victims_max(plan));
    if !prng.chance(QUARTER) && !everything {
        return;
    }
    for _ in 0..prng.between(1, 6) {
        let (at, pick) = (Span(prng.below(plan.storm.0)), prng.next_u64());
        if let Some(host) = prng.pick(&victims).copied() {
            plan.faults.push(TimedFault { at, fault: Fault::Rot { host, part: Part::Hints, pick } });
        }
    }
    // A damaged register is not healed, and a hand-over waits for it: outside the promise.
    (plan.workload.register_percent, plan.workload.lock_percent) = (0, 0);
    plan.workload.restores_registers = false;
    let mut prng = Prng::keyed(plan.seed, "bit rot of items", &[]);
    for _ in 0..prng.between(1, 12) {
        let (at, pick) = (Span(prng.below(plan.storm.0)), prng.next_u64());
        if let Some(host) = prng.pick(&victims).copied() {
            plan.faults.push(TimedFault { at, fault: Fault::Rot { host, part: Part::Items, pick } });
        }
    }
    // What nobody reads is found when trees are computed again; by itself that would be after days.
    plan.config.tree_rebuild_every = Span::millis(prng.between(1_500, 6_000));
    plan.faults.sort_by_key(|timed| timed.at);
}

/// Brings an old image of a disk back in some plans, where the promise says that it is noticed: those who have heard of the
/// node's last life are there when it comes back. No other copy may be lost in such a plan.
fn go_back(plan: &mut Plan) {
    let mut prng = Prng::keyed(plan.seed, "old image", &[]);
    if !prng.chance(EIGHTH) || atlas::victims_max(plan) == 0 {
        return;
    }
    let host = HostId(prng.below(plan.founders as u64) as usize);
    let age = Span::millis(prng.between(500, plan.storm.as_millis() / 2));
    let at = Span::millis(prng.between(age.as_millis(), plan.storm.as_millis()));
    let is_young = Prng::keyed(plan.seed, "young image", &[]).chance(HALF);
    let age = if is_young { young(plan, age) } else { age };
    let down = if is_young { down(&mut prng).max(YOUNG_DOWN_MIN) } else { down(&mut prng) };
    let instead = prng.chance(HALF).then_some(HostId(plan.hosts));
    plan.hosts += usize::from(instead.is_some());
    let (quiet_from, quiet_to) = (at.0.saturating_sub(Span::secs(21).0), at.0 + down.0 + Span::secs(5).0);
    plan.faults.retain(|timed| match &timed.fault {
        Fault::Remove { .. } | Fault::Replace { .. } | Fault::CrashLoop { .. } | Fault::RollingRestart { .. } => false,
        Fault::Swizzle { .. } | Fault::Rot { .. } => false,
        // Of two nodes one decides on members alone.
        Fault::Leave { .. } | Fault::DieLeaving { .. } => false,
        fault if fault.is_operators() => true,
        Fault::ClockJump { .. } | Fault::ClockStrobe { .. } | Fault::FillDisk { .. } => true,
        _ => timed.at.0 < quiet_from || timed.at.0 > quiet_to,
    });
    plan.network.needs_connection = true;
    plan.network.loss_ppm = 0;
    (plan.network.bytes_per_second, plan.network.under_way_max) = (0, 0);
    plan.faults.push(TimedFault { at, fault: Fault::OldImage { host, instead, age, down } });
    plan.faults.sort_by_key(|timed| timed.at);
}

/// An image that is younger than a pulse.
fn young(plan: &Plan, most: Span) -> Span {
    let most = most.min(plan.config.gossip_every).as_millis();
    Span::millis(Prng::keyed(plan.seed, "age of a young image", &[]).between(1, most - 1))
}

/// What was said before an image comes back has arrived by then: messages overtake each other here, and on a real connection
/// they do not.
const YOUNG_DOWN_MIN: Span = Span::millis(300);

struct Faults {
    seed: u64,
    hosts: usize,
    founders: usize,
    storm: Span,
    /// Every class is on.
    everything: bool,
    list: Vec<TimedFault>,
}

impl Faults {
    fn draw(mut self) -> Vec<TimedFault> {
        self.processes();
        self.clocks();
        self.disks();
        self.links();
        self.operators();
        self.list.sort_by_key(|timed| timed.at);
        self.list
    }

    fn processes(&mut self) {
        self.class("crash", HALF, 6, |faults, prng| {
            let (host, down, loss) = (faults.host(prng), down(prng), loss(prng));
            vec![Fault::Crash { host, down, loss }]
        });
        self.class("crash in fsync", HALF, 10, |faults, prng| {
            let (host, down, loss) = (faults.host(prng), down(prng), loss(prng));
            vec![Fault::CrashInSync { host, down, loss }]
        });
        self.class("crash in effects", HALF, 8, |faults, prng| {
            let (host, down, loss) = (faults.host(prng), down(prng), loss(prng));
            vec![Fault::CrashInEffects { host, down, loss }]
        });
        self.class("power cut", QUARTER, 2, |faults, prng| {
            let crash = |host| Fault::Crash { host: HostId(host), down: down(prng), loss: loss(prng) };
            (0..faults.hosts).map(crash).collect()
        });
        self.class("crash loop", QUARTER, 2, |faults, prng| {
            let life = Span::micros(if prng.chance(HALF) { prng.below(8_000) } else { prng.below(1_500_000) });
            let (host, times, loss) = (faults.host(prng), prng.between(2, 8) as u32, loss(prng));
            vec![Fault::CrashLoop { host, times, life, loss }]
        });
        self.class("rolling restart", EIGHTH, 1, |_, prng| {
            let every = Span::millis(prng.between(500, 5_000));
            vec![Fault::RollingRestart { down: Span::millis(prng.between(1, 3_000)), every }]
        });
        self.class("pause", HALF, 4, |faults, prng| {
            let span = Span::millis(prng.between(10, 12_000));
            vec![Fault::Pause { host: faults.host(prng), span }]
        });
        self.class("slow host", QUARTER, 2, |faults, prng| {
            let (host, times) = (faults.host(prng), prng.between(10, 100) as u32);
            vec![Fault::SlowHost { host, times, span: Span::millis(prng.between(500, 10_000)) }]
        });
    }

    fn clocks(&mut self) {
        self.class("clock jump", QUARTER, 4, |faults, prng| {
            let most = if prng.chance(HALF) { 2_000 } else { 600_000 };
            let by_ms = prng.between(1, most) as i64;
            let by_ms = if prng.chance(HALF) { by_ms } else { -by_ms };
            vec![Fault::ClockJump { host: faults.host(prng), by_ms }]
        });
        self.class("clock strobe", EIGHTH, 2, |faults, prng| {
            let (host, by_ms) = (faults.host(prng), prng.between(50, 300_000) as i64);
            let (every, times) = (Span::millis(prng.between(1, 500)), 2 * prng.between(1, 20) as u32);
            vec![Fault::ClockStrobe { host, by_ms, every, times }]
        });
    }

    fn disks(&mut self) {
        self.class("failed fsync", QUARTER, 2, |faults, prng| vec![Fault::FailSync { host: faults.host(prng) }]);
        self.class("failed read", QUARTER, 3, |faults, prng| {
            vec![Fault::FailRead { host: faults.host(prng), nth: prng.between(1, 40) }]
        });
        self.class("slow disk", QUARTER, 3, |faults, prng| {
            let (host, by) = (faults.host(prng), Span::millis(prng.between(10, 5_000)));
            vec![Fault::SlowDisk { host, by, span: Span::millis(prng.between(500, 8_000)) }]
        });
        self.class("full disk", QUARTER, 2, |faults, prng| {
            let (host, room) = (faults.host(prng), prng.below(20_000));
            vec![Fault::FillDisk { host, room, span: Span::millis(prng.between(200, 10_000)) }]
        });
    }

    fn links(&mut self) {
        self.class("cut", HALF, 4, |faults, prng| vec![faults.cut(prng, true)]);
        self.class("one-way cut", HALF, 4, |faults, prng| vec![faults.cut(prng, false)]);
        self.class("bridge", EIGHTH, 2, |faults, prng| {
            let mut half = faults.shuffled(prng);
            let host = half.pop().unwrap_or(HostId(0));
            half.truncate(half.len() / 2);
            vec![Fault::Bridge { host, half, span: Span::millis(prng.between(500, 10_000)) }]
        });
        self.class("ring", EIGHTH, 2, |faults, prng| {
            vec![Fault::Ring { hosts: faults.shuffled(prng), span: Span::millis(prng.between(500, 10_000)) }]
        });
        self.class("half-dead link", QUARTER, 4, |faults, prng| {
            let (from, to) = faults.two(prng);
            let (slower, loss_ppm) = (Span::millis(prng.between(20, 3_000)), prng.between(0, 700_000));
            vec![Fault::HalfDead { from, to, slower, loss_ppm, span: Span::millis(prng.between(500, 10_000)) }]
        });
        self.class("clog", HALF, 10, |faults, prng| {
            let (from, to) = faults.two(prng);
            vec![Fault::Clog { from, to, span: Span::millis(prng.between(50, 8_000)) }]
        });
        self.class("swizzle", QUARTER, 2, |faults, prng| {
            let mut hosts = faults.shuffled(prng);
            hosts.truncate(prng.between(1, hosts.len() as u64) as usize);
            let mut released = hosts.clone();
            prng.shuffle(&mut released);
            vec![Fault::Swizzle { hosts, released, step: Span::millis(prng.between(50, 2_000)) }]
        });
        self.class("no clients", QUARTER, 3, |faults, prng| {
            vec![Fault::NoClients { host: faults.host(prng), span: Span::millis(prng.between(100, 8_000)) }]
        });
        self.class("reset", HALF, 8, |faults, prng| {
            let (one, other) = faults.two(prng);
            vec![Fault::Reset { one, other }]
        });
    }

    /// Joins, leaves and changes of buckets. Two operators may be at work at once.
    fn operators(&mut self) {
        for host in self.founders..self.hosts {
            let mut prng = Prng::keyed(self.seed, "join", &[host as u64]);
            let through = HostId(prng.below(self.founders as u64) as usize);
            let at = self.moment(&mut prng);
            let mut other = Prng::keyed(self.seed, "replace", &[host as u64]);
            let host = HostId(host);
            let fault = if other.chance(HALF) {
                let old = HostId(other.below(self.founders as u64) as usize);
                Fault::Replace { old, host, through, away: away(&mut other) }
            } else {
                Fault::Join { host, through }
            };
            self.list.push(TimedFault { at, fault });
        }
        let mut prng = Prng::keyed(self.seed, "leave", &[]);
        if prng.chance(HALF) {
            let leavers = prng.between(1, 2).min(self.hosts as u64 - 2) as usize;
            let mut hosts: Vec<HostId> = (0..self.hosts).map(HostId).collect();
            prng.shuffle(&mut hosts);
            for host in hosts.into_iter().take(leavers) {
                let through = if prng.chance(HALF) { host } else { self.host(&mut prng) };
                let at = self.moment(&mut prng);
                self.list.push(TimedFault { at, fault: Fault::Leave { host, through } });
            }
        }
        self.class("change of n", QUARTER, 2, |faults, prng| {
            vec![Fault::SetCopies { n: prng.between(1, 4) as u8, through: faults.host(prng) }]
        });
        self.class("removal", QUARTER, 2, |faults, prng| {
            // A newcomer that does not run yet cannot be told from one that is dead.
            let host = HostId(prng.below(faults.founders as u64) as usize);
            vec![Fault::Remove { host, through: faults.host(prng), away: away(prng) }]
        });
        self.class("dead leaver", EIGHTH, 1, |faults, prng| {
            let (host, through) = (HostId(prng.below(faults.founders as u64) as usize), faults.host(prng));
            let steps = [LeaveStep::Told, LeaveStep::Acked, LeaveStep::Synced, LeaveStep::Switched];
            let step = prng.pick(&steps).copied().unwrap_or(LeaveStep::Told);
            vec![Fault::DieLeaving { host, through, step, away: Span::millis(prng.between(3_000, 60_000)) }]
        });
        self.class("new weight", QUARTER, 2, |faults, prng| {
            let host = HostId(prng.below(faults.founders as u64) as usize);
            vec![Fault::Reweigh { host, weight: prng.between(20, 400) as u32, through: faults.host(prng) }]
        });
        self.class("abort", QUARTER, 3, |faults, prng| vec![Fault::Abort { through: faults.host(prng) }]);
        self.class("rush", QUARTER / 2, 3, |faults, prng| faults.rush(prng));
    }

    /// Several operators want different things of different members in the same moment, while members die.
    fn rush(&self, prng: &mut Prng) -> Vec<Fault> {
        let mut list: Vec<Fault> = (0..prng.between(2, 5))
            .map(|_| Fault::SetCopies { n: prng.between(1, 4) as u8, through: self.host(prng) })
            .collect();
        for host in (0..self.hosts).map(HostId) {
            if prng.chance(HALF) {
                list.push(Fault::CrashInSync { host, down: Span::millis(1), loss: Loss::Some });
            }
        }
        list
    }

    fn class(
        &mut self,
        name: &'static str,
        on_ppm: u64,
        most: u64,
        mut draw: impl FnMut(&Faults, &mut Prng) -> Vec<Fault>,
    ) {
        let mut prng = Prng::keyed(self.seed, name, &[]);
        if !prng.chance(on_ppm) && !self.everything {
            return;
        }
        for _ in 0..prng.between(1, most) {
            let at = self.moment(&mut prng);
            let faults = draw(self, &mut prng);
            self.list.extend(faults.into_iter().map(|fault| TimedFault { at, fault }));
        }
    }

    fn moment(&self, prng: &mut Prng) -> Span {
        Span(prng.below(self.storm.0))
    }

    fn host(&self, prng: &mut Prng) -> HostId {
        HostId(prng.below(self.hosts as u64) as usize)
    }

    fn two(&self, prng: &mut Prng) -> (HostId, HostId) {
        let one = prng.below(self.hosts as u64) as usize;
        let other = (one + 1 + prng.below(self.hosts as u64 - 1) as usize) % self.hosts;
        (HostId(one), HostId(other))
    }

    fn shuffled(&self, prng: &mut Prng) -> Vec<HostId> {
        let mut hosts: Vec<HostId> = (0..self.hosts).map(HostId).collect();
        prng.shuffle(&mut hosts);
        hosts
    }

    fn cut(&self, prng: &mut Prng, both_ways: bool) -> Fault {
        let mut hosts = self.shuffled(prng);
        let side = if prng.chance(HALF) { 1 } else { prng.between(1, self.hosts as u64 - 1) as usize };
        let to = hosts.split_off(side);
        let (from, to) = if prng.chance(HALF) { (hosts, to) } else { (to, hosts) };
        Fault::Cut { from, to, both_ways, span: Span::millis(prng.between(100, 12_000)) }
    }
}

/// How long a host is dead that somebody puts out: sometimes it is not, sometimes it is back before that is done.
fn away(prng: &mut Prng) -> Span {
    if prng.chance(EIGHTH) { Span::ZERO } else { Span::millis(prng.between(3_000, 60_000)) }
}

/// At once in every third case, otherwise after a while.
fn down(prng: &mut Prng) -> Span {
    if prng.below(3) == 0 { Span::millis(1) } else { Span::millis(prng.between(50, 9_000)) }
}

fn loss(prng: &mut Prng) -> Loss {
    match prng.below(5) {
        0 => Loss::Nothing,
        1 => Loss::All,
        2 => Loss::Torn,
        _ => Loss::Some,
    }
}
