//! Plans that aim at one kind of bug each: what they let go wrong is what such a bug needs to show.

use sim::{ClockError, Fault, HostId, Loss, Part, Plan};
use stdx::Span;

fn host(number: u64, of: usize) -> HostId {
    HostId((number % of as u64) as usize)
}

fn all_but(one: HostId, of: usize) -> Vec<HostId> {
    (0..of).map(HostId).filter(|host| *host != one).collect()
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
    // Who is asked decides what is seen to be missing: everybody.
    plan.config.hedge_after = Span::ZERO;
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

/// The same with many deletes, and all replicas asked.
pub(crate) fn forgetful_deleting(seed: u64) -> Plan {
    let mut plan = forgetful(seed);
    plan.config.hedge_after = Span::ZERO;
    plan.workload.write_percent = 50;
    plan.workload.delete_percent = 40;
    plan
}

/// Hash trees are computed again all the time.
pub(crate) fn recounted(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 3, Span::secs(8));
    plan.config.tree_rebuild_every = Span::secs(1);
    plan.config.tree_records_per_step = 5;
    plan
}

/// A host and one of the two others miss each other for a moment; then its disk is as it was before.
pub(crate) fn old_images(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 3, Span::secs(8));
    plan.network.needs_connection = true;
    plan.config.compare_every = Span::secs(9);
    plan.workload.think = Span::millis(20);
    plan.workload.clients = 5;
    plan.workload.write_percent = 40;
    plan.workload.hot_keys = 400;
    plan.workload.cold_keys = 1;
    plan.workload.rows = 1;
    plan.workload.level_percent = 0;
    let (from, to, span) = (vec![HostId(0)], vec![HostId(1)], Span::millis(800));
    let (host, age, down) = (HostId(0), Span::millis(1_600), Span::millis(1_200));
    plan.with(Span::secs(3), Fault::Cut { from, to, both_ways: true, span })
        .with(Span::millis(3_900), Fault::OldImage { host, instead: None, age, down })
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
    plan.config.hedge_after = Span::ZERO;
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

/// One copy of everything, over links that lose much; nodes join and leave.
pub(crate) fn lone_copies(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 3, Span::secs(22));
    plan.hosts = 5;
    (plan.n, plan.sibling_copies) = (1, 1);
    plan.network.needs_connection = false;
    plan.network.loss_ppm = 200_000;
    plan.network.duplicate_ppm = 100_000;
    plan.config.stream_page_bytes = 300;
    plan.config.hints_in_flight = 1;
    plan.workload.clients = 8;
    plan.workload.think = Span::millis(30);
    plan.workload.level_percent = 60;
    plan.with(Span::secs(3), Fault::Join { host: HostId(3), through: HostId(0) })
        .with(Span::millis(8_000 + 100 * (seed % 10)), Fault::Join { host: HostId(4), through: HostId(1) })
        .with(Span::secs(9), Fault::Leave { host: HostId(0), through: HostId(1) })
        .with(Span::secs(15), Fault::Leave { host: HostId(3), through: HostId(1) })
}

/// One copy of most things and three of some. A node leaves; another one cannot hand its part over, because it does not
/// hear a third one, when the next change comes.
pub(crate) fn one_is_late(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 5, Span::secs(16));
    (plan.n, plan.sibling_copies) = (1, 3);
    plan.workload.clients = 10;
    plan.workload.think = Span::millis(30);
    plan.workload.cold_keys = 150;
    let [unheard, late, goes, grows] = [0, 1, 2, 3].map(|n| host(seed + n, 5));
    let cut = Fault::Cut { from: vec![unheard], to: vec![late], both_ways: false, span: Span::secs(6) };
    plan.with(Span::millis(2_000), cut)
        .with(Span::millis(2_500), Fault::Leave { host: goes, through: goes })
        .with(Span::millis(5_000), Fault::Reweigh { host: grows, weight: 300, through: grows })
}

/// Five copies of items that are written for the first time, over links that lose much, by clients in a hurry.
pub(crate) fn first_writes(seed: u64) -> Plan {
    let mut plan = echoes(seed);
    plan.storm = Span::secs(8);
    plan.network.loss_ppm = 300_000;
    plan.network.duplicate_ppm = 0;
    plan.network.needs_connection = false;
    plan.config.request_time = Span::millis(250);
    plan.config.compare_every = Span::secs(20);
    plan.workload.clients = 20;
    plan.workload.hot_keys = 1;
    plan.workload.cold_keys = 400;
    plan.workload.delete_percent = 0;
    plan.workload.write_percent = 40;
    plan.workload.level_percent = 30;
    plan
}

/// One copy of everything. A node is cut off, others keep hints for it, and the ring changes just when it is back.
pub(crate) fn back_in_a_change(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 4, Span::secs(24));
    plan.hosts = 6;
    (plan.n, plan.sibling_copies) = (1, 1);
    plan.network.delay_spread = Span::millis(40);
    plan.config.hints_in_flight = 1;
    plan.config.stream_page_bytes = 300;
    plan.workload.clients = 10;
    plan.workload.think = Span::millis(30);
    plan.workload.level_percent = 100;
    plan.workload.cold_keys = 200;
    for n in 0..2u64 {
        let (at, out) = (1_000 + 10_000 * n, host(seed + n, 4));
        let cut = Fault::Cut { from: vec![out], to: all_but(out, 6), both_ways: true, span: Span::secs(5) };
        let join = Fault::Join { host: HostId(4 + n as usize), through: host(seed + n + 1, 4) };
        plan = plan.with(Span::millis(at), cut).with(Span::millis(at + 3_000 + 500 * (seed / 4 % 6)), join);
    }
    plan.with(Span::secs(18), Fault::Leave { host: host(seed, 4), through: host(seed, 4) })
}

/// Two of five leave in the same moment; what the others are told by those that know more comes late.
pub(crate) fn two_leave(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 5, Span::secs(14));
    plan.network.needs_connection = false;
    plan.config.compare_every = Span::secs(20);
    plan.config.liveness.down_after = Span::secs(9);
    plan.workload.clients = 16;
    plan.workload.think = Span::millis(40);
    plan.workload.level_percent = if seed.is_multiple_of(2) { 0 } else { 60 };
    plan.workload.cold_keys = 100;
    for from in (0..3).map(|n| host(n + seed, 5)) {
        for to in (3..5).map(|n| host(n + seed, 5)) {
            let span = plan.storm;
            let slow = Fault::HalfDead { from, to, slower: Span::millis(1_500), loss_ppm: 0, span };
            plan = plan.with(Span::millis(1), slow);
        }
    }
    (0..2)
        .map(|n| host(n + seed, 5))
        .fold(plan, |plan, host| plan.with(Span::millis(2_000 + host.0 as u64), Fault::Leave { host, through: host }))
}

/// Hints are often the only copies, and their way is bad.
pub(crate) fn leaky(seed: u64) -> Plan {
    let mut plan = cut_off(seed);
    plan.config.compare_every = Span::secs(6);
    plan.network.needs_connection = false;
    plan.network.loss_ppm = 350_000;
    plan
}

/// Five copies over links that lose a third and repeat nearly everything.
pub(crate) fn twice(seed: u64) -> Plan {
    let mut plan = echoes(seed);
    plan.network.needs_connection = false;
    plan.network.loss_ppm = 300_000;
    plan.network.duplicate_ppm = 900_000;
    plan.config.request_time = Span::secs(5);
    plan.workload.clients = 20;
    plan.workload.hot_keys = 6;
    plan
}

/// One copy of everything. Nodes are cut off in turn, and those that keep hints for them start again meanwhile.
pub(crate) fn keepers_start_again(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 4, Span::secs(24));
    (plan.n, plan.sibling_copies) = (1, 1);
    plan.workload.clients = 40;
    plan.workload.think = Span::millis(30);
    plan.workload.level_percent = 100;
    plan.workload.cold_keys = 200;
    for n in 0..2u64 {
        let (at, out) = (1_000 + 12_000 * n, host(seed + n, 4));
        let cut = Fault::Cut { from: vec![out], to: all_but(out, 4), both_ways: true, span: Span::secs(10) };
        plan = plan.with(Span::millis(at), cut);
        for (keeper, more) in all_but(out, 4).into_iter().zip([6_000, 6_500, 7_000]) {
            let crash = Fault::Crash { host: keeper, down: Span::millis(100), loss: Loss::Nothing };
            plan = plan.with(Span::millis(at + more), crash);
        }
    }
    plan
}

/// Everybody changes a few registers on conditions, while nodes die and links lose, hold back and repeat.
pub(crate) fn registers(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 3, Span::secs(10));
    plan.network.loss_ppm = 40_000;
    plan.network.duplicate_ppm = 150_000;
    plan.network.needs_connection = false;
    plan.config.request_time = Span::millis(1_200);
    plan.workload.think = Span::millis(10);
    plan.workload.clients = 6;
    plan.workload.register_percent = 100;
    (0..12).fold(plan, |plan, n| {
        let (from, to, span) = (host(n, 3), host(n + 1, 3), Span::millis(700));
        let cut =
            Fault::Cut { from: vec![host(n + 2, 3)], to: vec![host(n, 3)], both_ways: false, span: Span::millis(350) };
        let crash = Fault::Crash { host: host(n, 3), down: Span::millis(100), loss: Loss::All };
        plan.with(Span::millis(600 * n + 400), Fault::Clog { from, to, span })
            .with(Span::millis(600 * n + 550), cut)
            .with(Span::millis(1_900 * n + 1_000), crash)
    })
}

/// Registers are deleted and made again all the time, and collected in between, through nodes that start again, over links that
/// hold messages back for long.
pub(crate) fn deleted_registers(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 3, Span::secs(14));
    plan.hosts = 4;
    plan.network.duplicate_ppm = 50_000;
    plan.network.needs_connection = false;
    plan.config.collect_every = Span::millis(100);
    plan.network.loss_ppm = 20_000;
    plan.config.compare_every = Span::millis(700);
    plan.config.request_time = Span::millis(1_200);
    plan.workload.think = Span::millis(300);
    plan.workload.clients = 8;
    plan.workload.register_percent = 100;
    (plan.workload.register_deletes, plan.workload.register_age) = (75, 150);
    (0..5u64).fold(plan, |plan, n| {
        let (from, to, span) = (host(n + seed, 3), host(n + 1 + seed, 3), Span::millis(900));
        let crash = Fault::Crash { host: host(n + seed, 3), down: Span::millis(60), loss: Loss::Nothing };
        let away = host(n + seed + 2, 3);
        let cut = Fault::Cut { from: vec![away], to: all_but(away, 3), both_ways: true, span: Span::millis(400) };
        plan.with(Span::millis(2_600 * n + 700), Fault::Clog { from, to, span })
            .with(Span::millis(2_600 * n + 1_100), crash)
            .with(Span::millis(2_600 * n + 1_900), cut)
    })
}

/// The same while the replicas change all the time.
pub(crate) fn moving_registers(seed: u64) -> Plan {
    let mut plan = registers(seed);
    plan.hosts = 5;
    plan.storm = Span::secs(16);
    let join = |at, new: usize| (Span::millis(at), Fault::Join { host: HostId(new), through: HostId(0) });
    let leave = |at, old: usize| (Span::millis(at), Fault::Leave { host: HostId(old), through: HostId(2) });
    let weigh =
        |at, of: usize, weight| (Span::millis(at), Fault::Reweigh { host: HostId(of), weight, through: HostId(2) });
    let changes = [
        join(1_500, 3),
        weigh(3_500, 0, 30),
        join(5_000, 4),
        weigh(7_500, 2, 300),
        leave(9_000, 1),
        weigh(11_000, 0, 200),
    ];
    changes.into_iter().fold(plan, |plan, (at, fault)| plan.with(at, fault))
}

/// A node is put out, its disk is emptied, and it asks to be taken in as if it were a new one.
pub(crate) fn returning(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 4, Span::secs(26));
    plan.workload.think = Span::millis(30);
    let removal = Fault::Remove { host: HostId(3), through: HostId(2), away: Span::secs(14) };
    plan.with(Span::secs(2), removal).with(Span::secs(19), Fault::ComeBack { host: HostId(3), through: HostId(1) })
}

/// Explanations and dumps, while replicas miss writes.
pub(crate) fn asides(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 4, Span::secs(10));
    plan.network.loss_ppm = 100_000;
    plan.config.compare_every = Span::secs(4);
    plan.workload.think = Span::millis(20);
    plan.workload.explain_percent = 20;
    plan.workload.dumps = 4;
    plan
}

/// A backup is restored into a bucket that changes meanwhile, while clocks are off and nodes die.
pub(crate) fn restores(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 3, Span::secs(12));
    plan.network.loss_ppm = 30_000;
    plan.clocks = [-900, 0, 900].map(|skew_ms| ClockError { drift_ppm: 0, skew_ms }).to_vec();
    plan.workload.clients = 1;
    plan.workload.restores = true;
    (0..8).fold(plan, |plan, n| {
        let crash = Fault::Crash { host: host(n, 3), down: Span::millis(400), loss: Loss::All };
        plan.with(Span::millis(900 + 1_300 * n), crash)
    })
}

/// The same of a linearizable bucket.
pub(crate) fn restored_registers(seed: u64) -> Plan {
    let mut plan = restores(seed);
    plan.workload.restores_registers = true;
    plan
}

/// Items are deleted and made again all the time, and what is spent is looked for all the time, while nodes are cut off
/// or away for long enough to be taken for dead.
pub(crate) fn buried(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 4, Span::secs(26));
    plan.network.needs_connection = seed.is_multiple_of(2);
    plan.config.collect_every = Span::millis(200);
    plan.config.compare_every = Span::secs(4);
    plan.config.hints_max = 1;
    plan.config.liveness.down_after = Span::secs(2);
    plan.workload.clients = 8;
    plan.workload.think = Span::millis(40);
    plan.workload.sibling_percent = 60;
    plan.workload.delete_percent = 45;
    plan.workload.churn_percent = 40;
    plan.workload.cold_keys = 30;
    plan.workload.level_percent = 0;
    plan.workload.set_percent = 0;
    (0..4u64).fold(plan, |plan, n| {
        let (at, out) = (1_500 + 6_000 * n, host(seed + n, 4));
        let cut = Fault::Cut { from: vec![out], to: all_but(out, 4), both_ways: true, span: Span::millis(3_500) };
        let crash = Fault::Crash { host: out, down: Span::millis(3_500), loss: Loss::Nothing };
        plan.with(Span::millis(at), if (seed + n).is_multiple_of(3) { cut } else { crash })
    })
}

/// Elements are added and removed through nodes that are cut off from each other for a while.
pub(crate) fn elements(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 3, Span::secs(10));
    plan.workload.think = Span::millis(30);
    plan.workload.element_percent = 90;
    (0..4u64).fold(plan, |plan, n| {
        let out = host(seed + n, 3);
        let cut = Fault::Cut { from: vec![out], to: all_but(out, 3), both_ways: true, span: Span::millis(1_200) };
        plan.with(Span::millis(500 + 2_400 * n), cut)
    })
}

/// Counters, through nodes that are cut off from each other and start again, with messages that come twice.
pub(crate) fn counters(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 4, Span::secs(12));
    plan.workload.think = Span::millis(30);
    plan.workload.count_percent = 90;
    plan.network.duplicate_ppm = 50_000;
    (0..4u64).fold(plan, |plan, n| {
        let (at, out) = (600 + 2_700 * n, host(seed + n, 4));
        let cut = Fault::Cut { from: vec![out], to: all_but(out, 4), both_ways: true, span: Span::millis(1_300) };
        let crash = Fault::Crash { host: host(seed + n + 1, 4), down: Span::millis(400), loss: Loss::All };
        plan.with(Span::millis(at), cut).with(Span::millis(at + 1_900), crash)
    })
}

/// Counters over links that lose much, with hardly any hints: what is missed is found by comparing.
pub(crate) fn counters_missed(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 3, Span::secs(10));
    plan.network.needs_connection = false;
    plan.network.loss_ppm = 200_000;
    plan.config.hints_max = 1;
    plan.config.compare_every = Span::secs(2);
    plan.workload.think = Span::millis(30);
    plan.workload.count_percent = 90;
    plan
}

/// Fields that are counted with, in place of whole items.
pub(crate) fn counted_fields(seed: u64) -> Plan {
    let mut plan = counters(seed);
    (plan.workload.field_percent, plan.workload.count_percent) = (90, 0);
    plan
}

/// The same over links that lose much.
pub(crate) fn counted_fields_missed(seed: u64) -> Plan {
    let mut plan = counters_missed(seed);
    (plan.workload.field_percent, plan.workload.count_percent) = (90, 0);
    plan
}

/// Locks, on clocks that are a little apart.
pub(crate) fn locks(seed: u64) -> Plan {
    let mut plan = registers(seed);
    // What has ended is deleted by the collector, which would hide locks that never end.
    plan.config.collect_every = Span::secs(30);
    (plan.workload.register_percent, plan.workload.lock_percent) = (0, 90);
    plan.clocks = [0, 20, -20, 5].map(|skew_ms| ClockError { drift_ppm: 0, skew_ms }).to_vec();
    plan
}

/// Watchers of replicas that die, and of others that hear late what was written.
pub(crate) fn watched(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 4, Span::secs(12));
    plan.workload.watchers = 3;
    plan.workload.think = Span::millis(20);
    plan.workload.sibling_percent = 50;
    (0..3u64).fold(plan, |plan, n| {
        let (at, out) = (600 + 3_700 * n, host(seed + n, 4));
        let cut = Fault::Cut { from: vec![out], to: all_but(out, 4), both_ways: true, span: Span::millis(1_900) };
        let crash = Fault::Crash { host: host(seed + n + 1, 4), down: Span::millis(60), loss: Loss::All };
        plan.with(Span::millis(at), cut).with(Span::millis(at + 2_600), crash)
    })
}
