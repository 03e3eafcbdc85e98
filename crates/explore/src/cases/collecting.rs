//! Cases of collections, and the planted bugs that must be found in them.

use crate::collecting::{Bug, Case, Deed};
use Deed::{Again, Append, Delete, Read};

/// Cases in which nothing must be found, small ones first.
pub fn sound() -> Vec<Case> {
    let mut cases = short();
    let each = Case::of("one copy, a change and a deletion each", 1, &[&[Append, Delete], &[Append, Delete]]);
    let repaired = Case::of("two copies, a repair, a change and a deletion, a read", 2, &[&[Append, Delete], &[Read]]);
    cases.extend([
        Case { repairs: 1, ..repaired },
        Case { attempts: 2, ..each },
        Case::of("three copies, a change and a deletion, a read", 3, &[&[Append, Delete], &[Read]]),
        Case::of("three copies, a change and a deletion, a change beside", 3, &[&[Append, Delete], &[Append]]),
    ]);
    cases
}

/// The smallest of them.
pub fn short() -> Vec<Case> {
    vec![
        again(),
        Case::of("one copy, two changes, a deletion", 1, &[&[Append, Append], &[Delete]]),
        beside(),
        Case::of("one copy, a change, a deletion and a change, a read", 1, &[&[Append, Delete, Append], &[Read]]),
        Case { collections: 2, ..Case::of("one copy, two collections", 1, &[&[Append, Delete, Append], &[Delete]]) },
        Case::of("two copies, a change asked for again, a deletion", 2, &[&[Append, Again], &[Delete]]),
        Case::of("two copies, a change and a deletion, a change beside", 2, &[&[Append, Delete], &[Append]]),
    ]
}

/// Cases with a bug, each of which must be found.
pub fn unsound() -> Vec<Case> {
    let with = |bug, case: Case| Case { bug: Some(bug), ..case };
    vec![
        with(Bug::FloorUnheard, beside()),
        with(Bug::LateAsks, beside()),
        with(
            Bug::CacheBeneathTheFloor,
            Case::of("one copy, two changes, a deletion", 1, &[&[Append, Append], &[Delete]]),
        ),
        with(Bug::LetsGoOfAnything, beside()),
        with(Bug::MadeAgain, again()),
        with(Bug::NumbersBeginAnew, beside()),
    ]
}

fn beside() -> Case {
    Case::of("one copy, a change and a deletion, a change beside", 1, &[&[Append, Delete], &[Append]])
}

fn again() -> Case {
    Case::of("one copy, a change asked for again, a deletion", 1, &[&[Append, Again], &[Delete]])
}
