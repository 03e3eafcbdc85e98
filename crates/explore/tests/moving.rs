//! Cases of staged moves that are small enough for every run of the tests; `explore` searches all of them.

use explore::cases::moving::short;
use explore::moving::Moving;
use explore::search::{Verdict, search};

/// Enough for the cases here.
const STATES_MAX: usize = 300_000;

#[test]
fn no_move_loses_a_write() {
    for case in short() {
        let name = case.name;
        let found = search(&Moving::new(case), STATES_MAX);
        eprintln!("{name}: {} states", found.states);
        assert_eq!(found.verdict, Verdict::Holds, "{name}");
    }
}
