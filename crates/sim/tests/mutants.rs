//! Planted bugs: each must be found within a few seeds, or the checkers cannot fail.
//!
//! `cargo test --release -p sim --features mutants --test mutants`

use sim::{Fault, HostId, Loss, Mutant, Plan, run_safely};
use stdx::Span;

/// Processes die in the middle of their fsyncs, again and again, and lose what was not on disk.
fn dying(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 3, Span::secs(14));
    plan.workload.think = Span::millis(40);
    (0..36).fold(plan, |plan, n| {
        let host = HostId(n % 3);
        let fault = Fault::CrashInSync { host, down: Span::millis(40), loss: Loss::All };
        plan.with(Span::millis(1_000 + 330 * n as u64), fault)
    })
}

/// Operators on all nodes at once, over links that lose much, while voters die and come back.
fn rushed(seed: u64) -> Plan {
    let mut plan = Plan::calm(seed, 3, Span::secs(24));
    plan.network.loss_ppm = 150_000;
    plan.network.delay_spread = Span::millis(40);
    for n in 0..40u64 {
        let at = Span::millis(1_000 + 550 * n);
        for host in 0..3 {
            let copies = 1 + ((n + host as u64) % 3) as u8;
            plan = plan.with(at, Fault::SetCopies { n: copies, through: HostId(host) });
            let crash = Fault::CrashInEffects { host: HostId(host), down: Span::millis(1), loss: Loss::Nothing };
            plan = plan.with(Span(at.0 + 40_000 * (host as u64 + 1)), crash);
        }
    }
    plan
}

/// The first seed that finds the bug.
fn found_by(mutant: Mutant, seeds: u64, plan: impl Fn(u64) -> Plan) -> Option<(u64, &'static str)> {
    (0..seeds).find_map(|seed| {
        let report = run_safely(Plan { mutant, ..plan(seed) });
        report.failures.first().map(|failure| (seed, failure.property))
    })
}

fn assert_found(mutant: Mutant, seeds: u64, plan: impl Fn(u64) -> Plan) {
    let found = found_by(mutant, seeds, &plan);
    eprintln!("{mutant:?}: {found:?}");
    assert!(found.is_some(), "{mutant:?} was not found in {seeds} seeds");
    let innocent = found_by(Mutant::None, found.map_or(0, |(seed, _)| seed + 1), plan);
    assert_eq!(innocent, None, "{mutant:?} is not what was found");
}

#[test]
fn synced_before_it_is_durable() {
    assert_found(Mutant::EarlySynced, 40, dying);
}

#[test]
fn an_acknowledgement_from_a_node_that_gave_none() {
    assert_found(Mutant::ForgedAck, 60, |seed| {
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
    });
}

#[test]
fn an_incarnation_that_is_not_written() {
    assert_found(Mutant::LostIncarnation, 10, dying);
}

#[test]
fn a_disk_that_loses_what_it_said_to_have() {
    assert_found(Mutant::LyingDisk, 10, dying);
}

#[test]
fn replicas_that_say_they_hold_nothing() {
    assert_found(Mutant::EmptyReads, 10, Plan::of_seed);
}

#[test]
fn promises_that_are_forgotten() {
    assert_found(Mutant::ForgottenPromises, 60, rushed);
}
