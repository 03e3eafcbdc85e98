//! A plan from a seed. Each class of faults is on in about half of the plans (swarm testing: a run with everything on
//! explores little), and each is drawn from a stream of its own, so that changing one leaves the others as they are.

use super::{DiskPlan, NetworkPlan, Plan, WorkloadPlan};
use crate::clock::ClockError;
use crate::fault::{Fault, HostId, Loss, TimedFault};
use crate::mutant::Mutant;
use node::Config;
use stdx::{Prng, Span};

const HALF: u64 = 500_000;
const QUARTER: u64 = 250_000;

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
        network: network(&mut prng),
        disk: disk(&mut prng),
        clocks: clocks(seed, hosts),
        config: config(&mut prng),
        workload: workload(seed),
        mutant: Mutant::None,
        ..Plan::calm(seed, founders, storm)
    };
    plan.faults = Faults { seed, hosts, founders, storm, list: Vec::new() }.draw();
    plan
}

fn network(prng: &mut Prng) -> NetworkPlan {
    let slow = prng.chance(QUARTER);
    NetworkPlan {
        delay_min: Span::micros(prng.between(100, if slow { 20_000 } else { 1_000 })),
        delay_spread: Span::micros(prng.between(500, if slow { 80_000 } else { 5_000 })),
        loss_ppm: if prng.chance(HALF) { prng.between(100, 50_000) } else { 0 },
        duplicate_ppm: if prng.chance(HALF) { prng.between(100, 100_000) } else { 0 },
        needs_connection: prng.chance(HALF),
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

fn clocks(seed: u64, hosts: usize) -> Vec<ClockError> {
    let mut prng = Prng::keyed(seed, "clocks", &[]);
    let skewed = prng.chance(HALF);
    let drifting = prng.chance(HALF);
    let mut off = |on: bool, max: u64| if on { prng.between(0, 2 * max) as i32 - max as i32 } else { 0 };
    (0..hosts).map(|_| ClockError { drift_ppm: off(drifting, 20_000), skew_ms: off(skewed, 200) }).collect()
}

fn config(prng: &mut Prng) -> Config {
    let mut config = Config::default();
    if prng.chance(QUARTER) {
        config.compare_every = Span::secs(prng.between(2, 4));
    }
    if prng.chance(HALF) {
        config.stream_page_bytes = prng.between(200, 4_000) as usize;
    }
    if prng.chance(QUARTER) {
        config.streams_max = prng.between(1, 4) as usize;
    }
    if prng.chance(QUARTER) {
        config.hints_in_flight = prng.between(1, 8) as u32;
    }
    if prng.chance(QUARTER) {
        config.siblings_max = prng.between(4, 20) as u32;
    }
    if prng.chance(QUARTER) {
        // Not so few that a round over all partitions takes longer than a run waits for rest.
        config.compare_partitions = prng.between(8, 32) as usize;
    }
    config
}

fn workload(seed: u64) -> WorkloadPlan {
    let mut prng = Prng::keyed(seed, "workload plan", &[]);
    let mut sometimes = |percent_max: u64| if prng.chance(HALF) { prng.between(1, percent_max) } else { 0 };
    let (delete_percent, ttl_percent, memory_percent) = (sometimes(40), sometimes(15), sometimes(20));
    let (sibling_percent, level_percent) = (sometimes(100), sometimes(80));
    WorkloadPlan {
        clients: prng.between(2, 6) as usize,
        think: Span::millis(prng.between(20, 300)),
        hot_keys: prng.between(1, 5),
        cold_keys: prng.between(10, 150),
        rows: prng.between(2, 20),
        sibling_percent,
        write_percent: prng.between(30, 80),
        delete_percent,
        ttl_percent,
        level_percent,
        memory_percent,
        value_bytes_max: if prng.chance(QUARTER) { prng.between(100, 2_000) } else { prng.between(16, 60) },
    }
}

struct Faults {
    seed: u64,
    hosts: usize,
    founders: usize,
    storm: Span,
    list: Vec<TimedFault>,
}

impl Faults {
    fn draw(mut self) -> Vec<TimedFault> {
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
        self.class("pause", HALF, 4, |faults, prng| {
            let span = Span::millis(prng.between(10, 12_000));
            vec![Fault::Pause { host: faults.host(prng), span }]
        });
        self.class("failed fsync", QUARTER, 2, |faults, prng| vec![Fault::FailSync { host: faults.host(prng) }]);
        self.class("cut", HALF, 4, |faults, prng| vec![faults.cut(prng, true)]);
        self.class("one-way cut", HALF, 4, |faults, prng| vec![faults.cut(prng, false)]);
        self.class("clog", HALF, 10, |faults, prng| {
            let (from, to) = faults.two(prng);
            vec![Fault::Clog { from, to, span: Span::millis(prng.between(50, 8_000)) }]
        });
        self.class("reset", HALF, 8, |faults, prng| {
            let (one, other) = faults.two(prng);
            vec![Fault::Reset { one, other }]
        });
        self.operators();
        self.list.sort_by_key(|timed| timed.at);
        self.list
    }

    /// Joins, leaves and changes of buckets. Two operators may be at work at once.
    fn operators(&mut self) {
        for host in self.founders..self.hosts {
            let mut prng = Prng::keyed(self.seed, "join", &[host as u64]);
            let through = HostId(prng.below(self.founders as u64) as usize);
            let at = self.moment(&mut prng);
            self.list.push(TimedFault { at, fault: Fault::Join { host: HostId(host), through } });
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
        if !prng.chance(on_ppm) {
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

    fn cut(&self, prng: &mut Prng, both_ways: bool) -> Fault {
        let mut hosts: Vec<HostId> = (0..self.hosts).map(HostId).collect();
        prng.shuffle(&mut hosts);
        let side = if prng.chance(HALF) { 1 } else { prng.between(1, self.hosts as u64 - 1) as usize };
        let to = hosts.split_off(side);
        let (from, to) = if prng.chance(HALF) { (hosts, to) } else { (to, hosts) };
        Fault::Cut { from, to, both_ways, span: Span::millis(prng.between(100, 12_000)) }
    }
}

/// At once in every third case, otherwise after a while.
fn down(prng: &mut Prng) -> Span {
    if prng.below(3) == 0 { Span::millis(1) } else { Span::millis(prng.between(50, 9_000)) }
}

fn loss(prng: &mut Prng) -> Loss {
    match prng.below(4) {
        0 => Loss::Nothing,
        1 => Loss::All,
        _ => Loss::Some,
    }
}
