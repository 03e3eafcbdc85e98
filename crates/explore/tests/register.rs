//! Cases that are small enough for every run of the tests; `explore` searches all of them.

use explore::cases::register::{sound, unsound};
use explore::register::Bug;
use explore::search::{Verdict, search};

/// Enough for the cases here.
const STATES_MAX: usize = 150_000;

#[test]
fn planted_bugs_are_found() {
    let small = [Bug::AcceptNotStored, Bug::BallotUsedAgain, Bug::NoFence, Bug::SeededBeforeFence, Bug::NewAlone];
    let cases: Vec<_> = unsound().into_iter().filter(|case| case.bug.is_some_and(|bug| small.contains(&bug))).collect();
    assert_eq!(cases.len(), small.len());
    for case in cases {
        let found = search(&case, STATES_MAX);
        eprintln!("{:?}: {} states", case.bug, found.states);
        assert!(matches!(found.verdict, Verdict::Violated { .. }), "{:?}: {:?}", case.bug, found.verdict);
    }
}

#[test]
fn nothing_is_found_where_no_bug_is_planted() {
    let case = sound().into_iter().find(|case| case.before == [0] && case.change.is_none()).expect("there is one");
    let found = search(&case, STATES_MAX);
    assert_eq!((found.states, found.verdict), (12_320, Verdict::Holds));
}
