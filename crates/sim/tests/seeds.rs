//! A few seeds on every test run, scenarios by name, and that a run depends on its plan alone. `sim run` does the many.

use sim::{Fault, HostId, Loss, Plan, run};
use stdx::Span;

fn assert_well(plan: Plan) {
    let report = run(plan);
    assert!(report.is_ok(), "seed {}: {:?}", report.seed, report.failures);
    assert!(report.checked[0] > 0, "no read was checked against anything");
}

#[test]
fn the_first_seeds_are_well() {
    for seed in 0..12 {
        assert_well(Plan::of_seed(seed));
    }
}

#[test]
fn the_same_plan_gives_the_same_run() {
    for seed in [3, 17, 40] {
        let (a, b) = (run(Plan::of_seed(seed)), run(Plan::of_seed(seed)));
        assert_eq!((a.hash, a.events), (b.hash, b.events), "seed {seed}");
    }
    assert_ne!(run(Plan::of_seed(3)).hash, run(Plan::of_seed(4)).hash);
}

/// riak kv679: a coordinator that loses what it had not on disk must not name new versions like the lost ones.
#[test]
fn a_coordinator_that_lost_its_newest_versions_reuses_no_dot() {
    for seed in 0..4 {
        let mut plan = Plan::calm(seed, 3, Span::secs(12));
        for (at, host) in [(2, 0), (4, 1), (6, 2), (8, 0)] {
            let fault = Fault::CrashInSync { host: HostId(host), down: Span::millis(50), loss: Loss::All };
            plan = plan.with(Span::secs(at), fault);
        }
        assert_well(plan);
    }
}

#[test]
fn nodes_come_and_go_under_load() {
    for seed in 0..3 {
        let mut plan = Plan::calm(seed, 3, Span::secs(20));
        plan.hosts = 5;
        plan.clocks.resize(5, plan.clock(HostId(0)));
        let plan = plan
            .with(Span::secs(2), Fault::Join { host: HostId(3), through: HostId(0) })
            .with(Span::secs(3), Fault::Join { host: HostId(4), through: HostId(1) })
            .with(Span::secs(10), Fault::Leave { host: HostId(1), through: HostId(0) })
            .with(Span::secs(11), Fault::Leave { host: HostId(3), through: HostId(2) });
        assert_well(plan);
    }
}

#[test]
fn a_node_that_hears_nobody_does_no_harm() {
    let cut = |from: usize, to: usize| Fault::Cut {
        from: vec![HostId(from)],
        to: vec![HostId(to)],
        both_ways: false,
        span: Span::secs(6),
    };
    for seed in 0..3 {
        let plan = Plan::calm(seed, 3, Span::secs(14)).with(Span::secs(2), cut(0, 2)).with(Span::secs(2), cut(1, 2));
        assert_well(plan);
    }
}
