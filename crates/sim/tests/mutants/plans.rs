//! Plans that aim at one kind of bug each: what they let go wrong is what such a bug needs to show.

use sim::{ClockError, Fault, HostId, Loss, Part, Plan};
use stdx::Span;

fn host(number: u64, of: usize) -> HostId {
    HostId((number % of as u64) as usize)
}

/// Processes die in the middle of their fsyncs, again and again, and lose what was not on disk.
pub(crate) fn dying(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 3, Span::secs(14));
    plan.workload.think = Span::millis(40);
    (0..36).fold(plan, |plan, n| {
        let fault = Fault::CrashInSync { host: host(n, 3), down: Span::millis(40), loss: Loss::All };
        plan.with(Span::millis(1_000 + 330 * n), fault)
    })
}

/// The power fails everywhere at once, every second, on slow disks.
pub(crate) fn power_cuts(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 3, Span::secs(14));
    plan.workload.think = Span::millis(15);
    plan.workload.clients = 8;
    plan.disk.sync_spread = Span::millis(60);
    (1..13).fold(plan, |plan, n| {
        (0..3).fold(plan, |plan, number| {
            let fault = Fault::Crash { host: host(number, 3), down: Span::millis(30), loss: Loss::All };
            plan.with(Span::millis(1_000 * n), fault)
        })
    })
}

/// Replicas miss writes all the time, and come back to be asked: links lose much, disks are slow, nodes die.
pub(crate) fn forgetful(seed: u64) -> Plan {
    let mut plan = dying(seed);
    // One replica has it soon, the coordinator late or, when it dies, never, and the third one not at all.
    plan.network.loss_ppm = 250_000;
    plan.disk.slow_ppm = 500_000;
    plan.disk.slow_sync = Span::millis(60);
    plan.config.compare_every = Span::secs(4);
    plan.workload.think = Span::millis(15);
    plan.workload.write_percent = 30;
    plan.workload.hot_keys = 12;
    plan.workload.level_percent = 0;
    plan
}

/// Hash trees are computed again all the time.
pub(crate) fn recounted(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 3, Span::secs(8));
    plan.config.tree_rebuild_every = Span::secs(1);
    plan.config.tree_records_per_step = 5;
    plan
}

/// One disk rots, all the time, while another replica hears late what the third one wrote.
pub(crate) fn rotten(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 3, Span::secs(20));
    plan.network.delay_spread = Span::millis(20);
    plan.config.compare_every = Span::secs(9);
    plan.workload.think = Span::millis(10);
    plan.workload.clients = 8;
    plan.workload.write_percent = 40;
    plan.workload.hot_keys = 6;
    plan.workload.cold_keys = 1;
    plan.workload.rows = 1;
    plan.workload.level_percent = 0;
    for n in 0..9u64 {
        let clog = Fault::Clog { from: HostId(2), to: HostId(1), span: Span::millis(1_500) };
        plan = plan.with(Span::millis(1_000 + 2_000 * n), clog);
    }
    (0..400).fold(plan, |plan, n| {
        let rot = Fault::Rot { host: HostId(0), part: Part::Items, pick: n * 7_919 + seed };
        plan.with(Span::millis(1_000 + 45 * n), rot)
    })
}

/// Five copies on five nodes, over links that lose and repeat much.
pub(crate) fn echoes(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 5, Span::secs(14));
    (plan.n, plan.sibling_copies) = (5, 5);
    plan.network.loss_ppm = 120_000;
    plan.network.duplicate_ppm = 500_000;
    plan.network.delay_spread = Span::millis(30);
    plan.config.request_time = Span::millis(700);
    plan.config.compare_every = Span::secs(6);
    plan.workload.think = Span::millis(15);
    plan.workload.clients = 8;
    plan.workload.level_percent = 0;
    plan
}

/// Operators on all nodes at once, over links that lose and repeat much, while voters die and come back.
pub(crate) fn rushed(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 3, Span::secs(24));
    plan.network.loss_ppm = 150_000;
    plan.network.duplicate_ppm = 200_000;
    plan.network.delay_spread = Span::millis(40);
    for n in 0..40u64 {
        let at = Span::millis(1_000 + 550 * n);
        for host in 0..3 {
            let copies = 1 + ((n + host as u64) % 3) as u8;
            plan = plan.with(at, Fault::SetCopies { n: copies, through: HostId(host) });
            let (down, loss) = (Span::millis(1), if n % 2 == 0 { Loss::Nothing } else { Loss::All });
            let host = HostId(host);
            let crash = if n % 2 == 0 {
                Fault::CrashInEffects { host, down, loss }
            } else {
                Fault::CrashInSync { host, down, loss }
            };
            plan = plan.with(Span(at.0 + 40_000 * (host.0 as u64 + 1)), crash);
        }
    }
    plan
}

/// The ring changes without end under load: copies come and go, nodes join and leave, pages are small and links lossy.
pub(crate) fn restless(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 4, Span::secs(26));
    plan.hosts = 6;
    plan.sibling_copies = 1 + (seed % 4) as u8;
    plan.network.loss_ppm = 60_000;
    plan.network.duplicate_ppm = 30_000;
    plan.network.delay_spread = Span::millis(40);
    plan.network.needs_connection = seed.is_multiple_of(2);
    plan.config.stream_page_bytes = 300;
    plan.config.compare_every = Span::secs(8);
    plan.workload.think = Span::millis(15);
    plan.workload.clients = 8;
    plan.workload.sibling_percent = 85;
    for n in 0..11u64 {
        let copies = 1 + ((n * 7 + seed) % 4) as u8;
        plan = plan.with(Span::millis(1_000 + 2_200 * n), Fault::SetCopies { n: copies, through: host(n, 4) });
        let (from, to) = (host(n + seed, 4), host(n * 3 + 1 + seed, 4));
        if from != to {
            plan = plan.with(Span::millis(1_200 + 2_200 * n), Fault::Clog { from, to, span: Span::millis(1_500) });
        }
    }
    plan.with(Span::secs(3), Fault::Join { host: HostId(4), through: HostId(0) })
        .with(Span::secs(9), Fault::Join { host: HostId(5), through: HostId(1) })
        .with(Span::secs(14), Fault::Leave { host: HostId(2), through: HostId(2) })
        .with(Span::secs(19), Fault::Leave { host: HostId(4), through: HostId(0) })
}

/// Nodes are cut off for seconds, one after another and two at a time, so that hints are kept; keepers die.
pub(crate) fn cut_off(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 5, Span::secs(30));
    (plan.n, plan.sibling_copies) = (2, 2);
    plan.config.compare_every = Span::secs(20);
    plan.config.hints_in_flight = 2;
    plan.network.loss_ppm = 30_000;
    plan.workload.think = Span::millis(25);
    plan.workload.clients = 8;
    plan.workload.level_percent = 70;
    plan.workload.delete_percent = 0;
    for n in 0..5u64 {
        let (one, other) = (host(n + seed, 5), host(n + 1 + seed, 5));
        let rest = (0..5).map(HostId).filter(|host| *host != one && *host != other).collect();
        let cut = Fault::Cut { from: vec![one, other], to: rest, both_ways: true, span: Span::secs(4) };
        let die = |host| Fault::Crash { host, down: Span::millis(100), loss: Loss::Some };
        let at = 1_000 + 5_500 * n;
        plan = plan.with(Span::millis(at), cut).with(Span::millis(at + 3_800), die(host(n + 2 + seed, 5)));
        plan = plan.with(Span::millis(at + 4_600), die(one)).with(Span::millis(at + 4_900), die(host(n + 3 + seed, 5)));
    }
    plan
}

/// Clocks are far apart and processes start again.
pub(crate) fn skewed(seed: u64) -> Plan {
    let mut plan = dying(seed);
    plan.clocks = [-3_000, 0, 3_000].map(|skew_ms| ClockError { drift_ppm: 0, skew_ms }).to_vec();
    plan.workload.level_percent = 60;
    plan.workload.sibling_percent = 10;
    plan
}

/// Values with a time to live.
pub(crate) fn short_lived(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 3, Span::secs(20));
    plan.workload.ttl_percent = 30;
    plan.workload.think = Span::millis(40);
    plan
}

/// Scans of replicas that lack items.
pub(crate) fn gaps(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 3, Span::secs(16));
    plan.network.loss_ppm = 100_000;
    plan.network.needs_connection = false;
    plan.config.request_time = Span::millis(700);
    plan.config.compare_every = Span::secs(9);
    plan.workload.rows = 40;
    plan.workload.think = Span::millis(15);
    plan.workload.clients = 8;
    plan.workload.level_percent = 0;
    plan
}

/// As drawn from the seed.
pub(crate) fn swarm(seed: u64) -> Plan {
    Plan::of_seed(seed)
}
