//! The plans of the scenarios: written by hand for what went wrong elsewhere, or here.

use sim::{Fault, HostId, LeaveStep, Loss, Plan};
use stdx::Span;

fn host(number: usize) -> HostId {
    HostId(number - 1)
}

fn calm(seed: u64, founders: usize, seconds: u64) -> Plan {
    let mut plan = Plan::calm(seed, founders, Span::secs(seconds));
    plan.workload.think = Span::millis(60);
    plan
}

/// With hosts that join later.
fn with_newcomers(mut plan: Plan, newcomers: usize) -> Plan {
    plan.hosts += newcomers;
    plan
}

fn join(newcomer: usize, through: usize) -> Fault {
    Fault::Join { host: host(newcomer), through: host(through) }
}

fn leave(leaver: usize, through: usize) -> Fault {
    Fault::Leave { host: host(leaver), through: host(through) }
}

/// Coordinators lose what was not on disk, again and again, also in the first fsync of a life.
pub(crate) fn lost_versions(seed: u64) -> Plan {
    let mut plan = calm(seed, 3, 14);
    plan.disk.sync_spread = Span::millis(60);
    plan.workload.clients = 12;
    plan.workload.think = Span::millis(15);
    (0..24).fold(plan, |plan, n| {
        let (host, loss) = (host(n % 3 + 1), Loss::All);
        let at = 1_000 + 500 * n as u64;
        plan.with(Span::millis(at), Fault::CrashInSync { host, down: Span::millis(30), loss })
            .with(Span::millis(at + 200), Fault::CrashLoop { host, times: 3, life: Span::millis(25), loss })
    })
}

/// Two nodes join one after the other.
pub(crate) fn joins(seed: u64) -> Plan {
    let plan = with_newcomers(calm(seed, 3, 15), 2);
    plan.with(Span::secs(2), join(4, 1)).with(Span::secs(3), join(5, 2))
}

/// Two nodes leave, nearly at once.
pub(crate) fn leaves(seed: u64) -> Plan {
    calm(seed, 5, 15).with(Span::secs(2), leave(1, 1)).with(Span::millis(2_100), leave(4, 2))
}

/// One of five leaves and dies for good on its way, each time after another step of it, while a second node dies and comes back,
/// and a third is cut off.
pub(crate) fn dead_leaver(seed: u64) -> Plan {
    let steps = [LeaveStep::Told, LeaveStep::Acked, LeaveStep::Synced, LeaveStep::Switched];
    let step = steps[(seed % 4) as usize];
    let mut plan = calm(seed, 5, 24);
    plan.workload.clients = 8;
    plan.workload.delete_percent = 15;
    let cut = Fault::Cut { from: vec![host(4)], to: vec![host(1)], both_ways: true, span: Span::secs(2) };
    let crash = |number, loss| Fault::Crash { host: host(number), down: Span::millis(600), loss };
    let dies = Fault::DieLeaving { host: host(5), through: host(2), step, away: Span::ZERO };
    plan.with(Span::millis(2_000), dies)
        .with(Span::millis(2_200), cut)
        .with(Span::millis(5_000), crash(3, Loss::All))
        .with(Span::millis(9_000), crash(1, Loss::Some))
        .with(Span::millis(12_000), Fault::RollingRestart { down: Span::millis(300), every: Span::secs(2) })
}

/// One host is cut off, too short for anybody to notice; a moment later something changes; and before anybody keeps hints
/// for what did not get through, all die, keep their disks and forget it.
fn missed_and_forgotten(seed: u64, founders: usize, cut_off: usize, change: Fault) -> Plan {
    let mut plan = calm(seed, founders, 12);
    plan.network.needs_connection = false;
    plan.config.compare_every = Span::secs(4);
    // Many, because whoever asks the host that is cut off for more than it has waits.
    plan.workload.clients = 25;
    plan.workload.cold_keys = 400;
    let others = (0..founders).map(HostId).filter(|other| *other != host(cut_off)).collect();
    let cut = Fault::Cut { from: vec![host(cut_off)], to: others, both_ways: true, span: Span::millis(900) };
    let plan = plan.with(Span::secs(2), cut).with(Span::millis(2_910), change);
    (0..founders).map(HostId).fold(plan, |plan, host| {
        plan.with(Span::millis(3_500), Fault::Crash { host, down: Span::millis(50), loss: Loss::Nothing })
    })
}

/// One of three leaves: a write at level one may be on it alone, and nobody gains its partitions.
pub(crate) fn leaver_alone(seed: u64) -> Plan {
    let mut plan = missed_and_forgotten(seed, 3, 3, leave(3, 3));
    plan.workload.level_percent = 90;
    plan
}

/// A bucket of four copies gets one.
pub(crate) fn fewer_copies(seed: u64) -> Plan {
    let mut plan = missed_and_forgotten(seed, 4, 2, Fault::SetCopies { n: 1, through: host(1) });
    plan.sibling_copies = 4;
    plan.workload.sibling_percent = 80;
    plan
}

/// A node that is heard by nobody and hears everybody, and one that hears nobody.
pub(crate) fn one_way(seed: u64) -> Plan {
    let cut = |from: &[usize], to: &[usize]| Fault::Cut {
        from: from.iter().copied().map(host).collect(),
        to: to.iter().copied().map(host).collect(),
        both_ways: false,
        span: Span::secs(5),
    };
    let mut plan = calm(seed, 3, 16);
    plan.network.needs_connection = seed.is_multiple_of(2);
    plan.with(Span::secs(2), cut(&[3], &[1, 2])).with(Span::secs(9), cut(&[1, 2], &[3]))
}

/// Answers to one life of a node are held back until the next one waits for answers.
pub(crate) fn old_messages(seed: u64) -> Plan {
    let mut plan = calm(seed, 3, 16);
    plan.network.needs_connection = false;
    plan.config.compare_every = Span::secs(9);
    plan.workload.clients = 20;
    (0..4u64).fold(plan, |plan, n| {
        let at = 1_000 + 3_000 * n;
        let node = host((n + seed) as usize % 3 + 1);
        let others: Vec<HostId> = (0..3).map(HostId).filter(|other| *other != node).collect();
        let crash = || Fault::Crash { host: node, down: Span::millis(1), loss: Loss::Nothing };
        let plan = plan.with(Span::millis(at + 10), crash()).with(Span::millis(at + 650), crash());
        let plan = others.iter().fold(plan, |plan, other| {
            plan.with(Span::millis(at), Fault::Clog { from: *other, to: node, span: Span::millis(1_300) })
        });
        // What they say now, so that nothing mends what they said then.
        let cut = Fault::Cut { from: vec![node], to: others, both_ways: true, span: Span::millis(900) };
        plan.with(Span::millis(at + 1_310), cut)
    })
}

/// Operators on two nodes that hardly hear each other want different things in the same moment, while a third voter dies in
/// its fsyncs.
pub(crate) fn two_operators(seed: u64) -> Plan {
    let mut plan = calm(seed, 3, 30);
    plan.network.needs_connection = false;
    plan.network.duplicate_ppm = 300_000;
    plan.network.delay_spread = Span::millis(if seed.is_multiple_of(2) { 40 } else { 120 });
    plan.disk.sync_min = Span::millis(5);
    plan.disk.sync_spread = Span::millis(if seed % 4 < 2 { 60 } else { 200 });
    plan.config.gossip_every = Span::millis(2_500);
    plan.workload.clients = 1;
    plan.workload.think = Span::secs(4);
    let [one, other, voter] = [0, 1, 2].map(|n| HostId((n + seed as usize / 4) % 3));
    for (from, to) in [(one, other), (other, one)] {
        let fault = Fault::HalfDead { from, to, slower: Span::millis(600), loss_ppm: 500_000, span: Span::secs(29) };
        plan = plan.with(Span::millis(300), fault);
    }
    for n in 0..14u64 {
        let at = 500 + 2_000 * n;
        let wanted = [(one, 0, n), (other, 20 * (n % 5), n + 1), (one, 50, n + 1), (other, 70, n + 2)];
        for (through, more, copies) in wanted {
            let n = 1 + (copies % 3) as u8;
            plan = plan.with(Span::millis(at + more), Fault::SetCopies { n, through });
        }
        for k in 0..6u64 {
            let fault = Fault::CrashInSync { host: voter, down: Span::millis(1), loss: Loss::All };
            plan = plan.with(Span::millis(at + 60 + 130 * k), fault);
        }
    }
    plan
}

/// The power fails everywhere at once, four times.
pub(crate) fn no_power(seed: u64) -> Plan {
    let times = [3u64, 6, 9, 12];
    let mut plan = calm(seed, 3, 15);
    plan.disk.sync_spread = Span::millis(60);
    plan.workload.clients = 8;
    plan.workload.think = Span::millis(15);
    times.iter().fold(plan, |plan, at| {
        (1..=3).fold(plan, |plan, number| {
            let crash = Fault::Crash { host: host(number), down: Span::millis(200), loss: Loss::All };
            plan.with(Span::secs(*at), crash)
        })
    })
}

/// A process stands still for longer than the others wait for it, and goes on as if nothing had been.
pub(crate) fn stands_still(seed: u64) -> Plan {
    let plan = with_newcomers(calm(seed, 3, 24), 1);
    plan.with(Span::secs(2), Fault::Pause { host: host(2), span: Span::secs(8) })
        .with(Span::secs(3), join(4, 1))
        .with(Span::secs(14), Fault::Pause { host: host(3), span: Span::secs(6) })
}

/// A process dies and goes on from an image of a moment ago, younger than a pulse. A third node was cut off from it meanwhile.
pub(crate) fn young_images(seed: u64) -> Plan {
    let mut plan = with_newcomers(calm(seed, 3, 14), 1);
    plan.config.compare_every = Span::secs(9);
    plan.workload.think = Span::millis(15);
    plan.workload.clients = 8;
    plan.workload.hot_keys = 40;
    let instead = seed.is_multiple_of(2).then_some(host(4));
    let (age, down) = (Span::millis(40 + 60 * (seed % 8)), Span::millis(300));
    let cut = Fault::Cut { from: vec![host(2)], to: vec![host(3)], both_ways: true, span: Span::millis(700) };
    plan.with(Span::millis(2_500), cut).with(Span::millis(3_000), Fault::OldImage { host: host(2), instead, age, down })
}

/// Busy items, changed through nodes that hand changes to their first replica, over links that keep messages for longer than a
/// client waits.
pub(crate) fn handed(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 3, Span::secs(40));
    plan.network.needs_connection = false;
    plan.config.request_time = Span::millis(900);
    plan.workload.think = Span::millis(60);
    plan.workload.clients = 6;
    plan.workload.register_percent = 100;
    (plan.workload.register_deletes, plan.workload.register_age) = (0, 380);
    clogged(plan, 13)
}

/// The same, busier and with less time: whoever was slow is asked by nobody for a while, so each node changes the same items
/// through another one.
pub(crate) fn rivals(seed: u64) -> Plan {
    let mut plan = handed(seed);
    plan.storm = Span::secs(12);
    plan.faults.truncate(4);
    plan.config.request_time = Span::millis(700);
    plan.workload.think = Span::millis(30);
    plan.workload.clients = 8;
    plan
}

/// One link after the other keeps what is said on it.
fn clogged(plan: Plan, links: u64) -> Plan {
    let after = |n: u64| host(((n + plan.seed) % 3) as usize + 1);
    let clog = |n| Fault::Clog { from: after(n), to: after(n + 1), span: Span::millis(2_600) };
    (0..links).fold(plan.clone(), |plan, n| plan.with(Span::millis(3_000 * n + 300), clog(n)))
}
