//! Planted bugs: each must be found within a few seeds, or the checkers cannot fail.
//!
//! `cargo test --release -p sim --features mutants --test mutants`

use sim::{Mutant, Plan, run_safely};

/// Seeds until the bug is found, at most `max`.
fn seeds_until_found(mutant: Mutant, max: u64) -> Option<u64> {
    (0..max).find(|seed| {
        let mut plan = Plan::of_seed(*seed);
        plan.mutant = mutant;
        !run_safely(plan).is_ok()
    })
}

#[test]
fn every_planted_bug_is_found() {
    let bugs = [
        (Mutant::EarlySynced, 200),
        (Mutant::ForgedAck, 200),
        (Mutant::LostIncarnation, 200),
        (Mutant::LyingDisk, 50),
        (Mutant::EmptyReads, 50),
        (Mutant::ForgottenPromises, 600),
    ];
    let missed: Vec<_> = bugs
        .into_iter()
        .filter(|(mutant, max)| {
            let found = seeds_until_found(*mutant, *max);
            println!("{mutant:?}: {}", found.map_or("not found".to_owned(), |seed| format!("found by seed {seed}")));
            found.is_none()
        })
        .collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}
