//! A few seeds on every test run, and that a run depends on its plan alone. `sim run` does the many.

use sim::{Plan, run};

#[test]
fn the_first_seeds_are_well() {
    let mut checked = 0;
    for seed in 0..12 {
        let report = run(Plan::of_seed(seed));
        assert!(report.is_ok(), "seed {seed}: {:?}", report.failures);
        checked += report.checked[0];
    }
    assert!(checked > 500, "only {checked} reads were checked against anything");
}

#[test]
fn the_same_plan_gives_the_same_run() {
    // Seed 16 goes through the codec.
    for seed in [3, 16, 40] {
        let (one, other) = (run(Plan::of_seed(seed)), run(Plan::of_seed(seed)));
        assert_eq!(one, other, "seed {seed}");
    }
    assert_ne!(run(Plan::of_seed(3)).hash, run(Plan::of_seed(4)).hash);
}

#[test]
fn plans_are_data() {
    assert_eq!(Plan::of_seed(7), Plan::of_seed(7));
    assert_ne!(Plan::of_seed(7), Plan::of_seed(8));
}
