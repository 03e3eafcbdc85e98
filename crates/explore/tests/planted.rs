//! Bugs planted in the nodes: a search must find each, or it shows nothing.
//!
//! `cargo test --profile quick -p explore --features mutants --test planted`.

use explore::cases::collecting;
use explore::cases::moving::unsound;
use explore::collecting::Collecting;
use explore::moving::Moving;
use explore::search::{Verdict, search_shortest};

/// At least three times what is needed.
const STATES_MAX: usize = 400_000;

#[test]
fn planted_bugs_of_moves_are_found() {
    for case in unsound() {
        let (name, bug) = (case.name, case.bug);
        let found = search_shortest(&Moving::new(case), STATES_MAX);
        eprintln!("{bug:?}: {} states", found.states);
        let Verdict::Violated { what, .. } = found.verdict else { panic!("{bug:?} was not found in {name:?}") };
        assert!(what.contains("could miss") || what.contains("was owed"), "{bug:?}: {what}");
    }
}

#[test]
fn planted_bugs_of_collections_are_found() {
    for case in collecting::unsound().into_iter().filter(|case| case.bug.is_some_and(|bug| !bug.planted().is_empty())) {
        let bug = case.bug;
        let found = search_shortest(&Collecting::new(case), STATES_MAX);
        eprintln!("{bug:?}: {} states", found.states);
        assert!(matches!(found.verdict, Verdict::Violated { .. }), "{bug:?}: {:?}", found.verdict);
    }
}
