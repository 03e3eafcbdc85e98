//! Scenarios by name: plans written by hand for what went wrong elsewhere, or here.

use sim::{Fault, HostId, Loss, Plan, run};
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

/// Runs some seeds of a scenario. What `counts` names must have happened in all of them together.
fn assert_well(counts: &[(&'static str, u64)], plan: impl Fn(u64) -> Plan) {
    let mut faults = std::collections::BTreeMap::new();
    let mut checked = 0;
    for seed in 0..3 {
        let report = run(plan(seed));
        assert!(report.is_ok(), "seed {seed}: {:?}", report.failures);
        checked += report.checked[0];
        for (class, count) in report.counts.faults {
            *faults.entry(class).or_insert(0) += count;
        }
    }
    assert!(checked > 0, "no read was checked against anything");
    for (class, least) in counts {
        let count = faults.get(class).copied().unwrap_or(0);
        assert!(count >= *least, "{class} happened only {count} times: {faults:?}");
    }
}

fn join(newcomer: usize, through: usize) -> Fault {
    Fault::Join { host: host(newcomer), through: host(through) }
}

fn leave(leaver: usize, through: usize) -> Fault {
    Fault::Leave { host: host(leaver), through: host(through) }
}

/// riak_kv 679: a coordinator that lost what was not on disk must not name new versions like the lost ones.
#[test]
fn kv679_a_coordinator_that_lost_its_newest_versions_reuses_no_dot() {
    assert_well(&[("crash in fsync", 22)], |seed| {
        (0..24).fold(calm(seed, 3, 14), |plan, n| {
            let fault = Fault::CrashInSync { host: host(n % 3 + 1), down: Span::millis(30), loss: Loss::All };
            plan.with(Span::millis(1_000 + 500 * n as u64), fault)
        })
    });
}

#[test]
fn nodes_join_under_load() {
    assert_well(&[("join", 6)], |seed| {
        let plan = with_newcomers(calm(seed, 3, 15), 2);
        plan.with(Span::secs(2), join(4, 1)).with(Span::secs(3), join(5, 2))
    });
}

#[test]
fn nodes_leave_under_load() {
    assert_well(&[("leave", 6)], |seed| {
        calm(seed, 5, 15).with(Span::secs(2), leave(1, 1)).with(Span::millis(2_100), leave(4, 2))
    });
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
#[test]
fn what_only_a_leaver_holds_is_not_lost() {
    assert_well(&[("leave", 3)], |seed| {
        let mut plan = missed_and_forgotten(seed, 3, 3, leave(3, 3));
        plan.workload.level_percent = 90;
        plan
    });
}

/// A quorum of four replicas may not include the one that stays when a bucket goes down to one copy.
#[test]
fn a_bucket_gets_fewer_copies_under_load() {
    assert_well(&[("change of n", 3)], |seed| {
        let mut plan = missed_and_forgotten(seed, 4, 2, Fault::SetCopies { n: 1, through: host(1) });
        plan.sibling_copies = 4;
        plan.workload.sibling_percent = 80;
        plan
    });
}

/// A node that is heard by nobody and hears everybody, and one that hears nobody.
#[test]
fn links_fail_in_one_direction() {
    let cut = |from: &[usize], to: &[usize]| Fault::Cut {
        from: from.iter().copied().map(host).collect(),
        to: to.iter().copied().map(host).collect(),
        both_ways: false,
        span: Span::secs(5),
    };
    assert_well(&[("one-way cut", 6)], |seed| {
        let mut plan = calm(seed, 3, 16);
        plan.network.needs_connection = seed % 2 == 0;
        plan.with(Span::secs(2), cut(&[3], &[1, 2])).with(Span::secs(9), cut(&[1, 2], &[3]))
    });
}

/// Links hold messages back while both ends die and start again, then let them go: answers to an earlier life.
#[test]
fn old_messages_arrive_after_a_restart() {
    assert_well(&[("clog", 22), ("crash", 15)], |seed| {
        (0..5u64).fold(calm(seed, 3, 16), |plan, n| {
            let at = Span::secs(2 + 2 * n);
            let (one, other) = (host(n as usize % 3 + 1), host((n as usize + 1) % 3 + 1));
            let crash = |host| Fault::Crash { host, down: Span::millis(1), loss: Loss::Some };
            plan.with(at, Fault::Clog { from: one, to: other, span: Span::millis(1_500) })
                .with(at, Fault::Clog { from: other, to: one, span: Span::millis(1_600) })
                .with(Span::millis(700 + at.as_millis()), crash(one))
                .with(Span::millis(900 + at.as_millis()), crash(other))
        })
    });
}

/// Operators on different nodes want different things in the same moment, while voters die: one event for each epoch.
#[test]
fn two_operators_at_once_make_no_epoch_twice() {
    let set = |n: u8, through: usize| Fault::SetCopies { n, through: host(through) };
    assert_well(&[("change of n", 30), ("join", 3)], |seed| {
        let mut plan = with_newcomers(calm(seed, 3, 24), 1);
        plan.network.loss_ppm = 50_000;
        for n in 0..6u64 {
            let at = Span::secs(2 + 3 * n);
            let die = |number| Fault::CrashInSync { host: host(number), down: Span::millis(1), loss: Loss::Some };
            plan = plan.with(at, set(1 + n as u8 % 3, 1)).with(at, set(3 - n as u8 % 3, 2));
            plan = plan.with(at, die(1 + n as usize % 3)).with(at, die(1 + (n as usize + 1) % 3));
        }
        plan.with(Span::secs(5), join(4, 3))
    });
}

/// Acknowledged is on disk: the power fails everywhere at once.
#[test]
fn the_power_fails_everywhere() {
    assert_well(&[("crash", 30)], |seed| {
        let times = [3u64, 6, 9, 12];
        times.iter().fold(calm(seed, 3, 15), |plan, at| {
            (1..=3).fold(plan, |plan, number| {
                let crash = Fault::Crash { host: host(number), down: Span::millis(200), loss: Loss::All };
                plan.with(Span::secs(*at), crash)
            })
        })
    });
}

/// A process stands still for longer than the others wait for it, and goes on as if nothing had been.
#[test]
fn a_node_stands_still_while_the_ring_changes() {
    assert_well(&[("pause", 6), ("join", 3)], |seed| {
        let plan = with_newcomers(calm(seed, 3, 24), 1);
        plan.with(Span::secs(2), Fault::Pause { host: host(2), span: Span::secs(8) })
            .with(Span::secs(3), join(4, 1))
            .with(Span::secs(14), Fault::Pause { host: host(3), span: Span::secs(6) })
    });
}
