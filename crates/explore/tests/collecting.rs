//! Cases of collections that are small enough for every run of the tests; `explore` searches all of them.

use explore::cases::collecting::{short, unsound};
use explore::collecting::Collecting;
use explore::search::{Verdict, search, search_shortest};

/// At least twice what is needed.
const STATES_MAX: usize = 100_000;

#[test]
fn planted_bugs_are_found() {
    // Those in the nodes' own code are for builds that can have them: `planted.rs`.
    for case in unsound().into_iter().filter(|case| case.bug.is_some_and(|bug| bug.planted().is_empty())) {
        let bug = case.bug;
        let found = search_shortest(&Collecting::new(case), STATES_MAX);
        eprintln!("{bug:?}: {} states", found.states);
        assert!(matches!(found.verdict, Verdict::Violated { .. }), "{bug:?}: {:?}", found.verdict);
    }
}

#[test]
fn nothing_is_found_where_no_bug_is_planted() {
    let found: Vec<_> = short().into_iter().map(|case| search(&Collecting::new(case), STATES_MAX)).collect();
    assert!(found.iter().all(|found| found.verdict == Verdict::Holds), "{found:?}");
    let states: Vec<usize> = found.iter().map(|found| found.states).collect();
    assert_eq!(states, [2_136, 4_024, 4_144, 9_338, 49_814, 32_920, 75_985]);
}
