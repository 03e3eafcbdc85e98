//! Cases of a register that are small enough for every run of the tests; `explore` searches all of them.

use explore::cases::register::{sound, unsound};
use explore::register::Deciding;
use explore::search::{Verdict, search};

/// Enough for the cases here, and with a bug for at least twice what is needed.
const STATES_MAX: usize = 100_000;
/// The first so many cases are small.
const SMALL: usize = 6;

#[test]
fn planted_bugs_are_found() {
    for case in unsound() {
        let bug = case.bug;
        let found = search(&Deciding::new(case), STATES_MAX);
        eprintln!("{bug:?}: {} states", found.states);
        assert!(matches!(found.verdict, Verdict::Violated { .. }), "{bug:?}: {:?}", found.verdict);
    }
}

#[test]
fn nothing_is_found_where_no_bug_is_planted() {
    let found: Vec<_> = sound().into_iter().take(SMALL).map(|case| search(&Deciding::new(case), STATES_MAX)).collect();
    let states: Vec<usize> = found.iter().map(|found| found.states).collect();
    assert_eq!(states, [1_568, 2_272, 1_431, 2_230, 49_216, 79_536]);
    assert!(found.iter().all(|found| found.verdict == Verdict::Holds));
}
