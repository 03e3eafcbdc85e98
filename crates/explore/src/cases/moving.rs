//! Cases of staged moves, and the bugs planted in the nodes that must be found in them.

use crate::moving::{Case, Deed, Turn};
use Deed::{Get, Put};
use Turn::{Join, Leave, Replace};

/// Cases in which nothing must be found, small ones first.
pub fn sound() -> Vec<Case> {
    let mut cases = short();
    cases.extend([
        join_of_two("two copies, one joins, a write and a read", &[(Put, 1), (Get, 0)]),
        join_of_two("two copies, one joins, two writes", &[(Put, 1), (Put, 2)]),
        replace("three copies, a dead one is replaced, a write and a read", &[(Put, 1), (Get, 2)]),
        replace("three copies, a dead one is replaced, two writes", &[(Put, 1), (Put, 2)]),
        join_of_three("three copies, one joins, a write", &[(Put, 3)]),
        Case { slow: true, ..join_of_three("three copies, one joins, a write, slow disks", &[(Put, 3)]) },
        Case::of("three copies, one leaves, a write", 3, &[0, 1, 2, 3], &[Leave(0)], &[(Put, 0)]),
        Case::of("two copies, two join at once, a write", 2, &[2, 3], &[Join(1), Join(0)], &[(Put, 3)]),
        Case { deaths: 1, ..join_of_three("three copies, one joins, a write, a node dies", &[(Put, 3)]) },
        Case { breaks: 1, ..join_of_three("three copies, one joins, a write, a connection breaks", &[(Put, 3)]) },
        join_of_three("three copies, one joins, two writes", &[(Put, 3), (Put, 1)]),
        join_of_three("three copies, one joins, a write and a read", &[(Put, 3), (Get, 1)]),
        cut("three copies, one joins, one is cut off and writes"),
        Case::of("three copies, two join at once, a write", 3, &[2, 3, 4], &[Join(1), Join(0)], &[(Put, 4)]),
    ]);
    cases
}

/// The smallest of them.
pub fn short() -> Vec<Case> {
    let alone = |name, clients: &[(Deed, u8)]| Case::of(name, 1, &[1], &[Join(0)], clients);
    vec![
        alone("one copy moves, a write", &[(Put, 1)]),
        alone("one copy moves, a write and a read", &[(Put, 1), (Get, 0)]),
        Case { deaths: 1, slow: true, ..alone("one copy moves, a write, a node dies, slow disks", &[(Put, 1)]) },
        Case { items: 2, delays: 1, ..alone("one copy moves, two items, a page is late", &[(Put, 1), (Put, 1)]) },
        Case::of("one copy, two join at once, a write", 1, &[2], &[Join(1), Join(0)], &[(Put, 2)]),
        join_of_two("two copies, one joins, a write", &[(Put, 2)]),
        Case::of("two copies, one leaves, a write", 2, &[0, 1, 2], &[Leave(0)], &[(Put, 0)]),
        replace("three copies, a dead one is replaced, a write", &[(Put, 1)]),
        Case { deaths: 1, ..replace("three copies, a dead one is replaced, a write, another dies", &[(Put, 1)]) },
    ]
}

/// Cases with a bug, each of which must be found.
pub fn unsound() -> Vec<Case> {
    let with = |bug, case: Case| Case { bug: Some(bug), ..case };
    let late = Case::of("one copy moves, two items, a page is late", 1, &[1], &[Join(0)], &[(Put, 1), (Put, 1)]);
    let late = Case { items: 2, delays: 1, ..late };
    let one = |name| Case::of(name, 1, &[1], &[Join(0)], &[(Put, 1)]);
    let cut = cut("three copies, one joins, one is cut off and writes");
    let read = || join_of_three("three copies, one joins, a write and a read", &[(Put, 3), (Get, 1)]);
    let three = || join_of_three("three copies, one joins, a write", &[(Put, 3)]);
    vec![
        with("joiner not seeded", one("one copy moves, a write")),
        with("a page counts before it is acknowledged", one("one copy moves, a write")),
        with(
            "w plus one over the union",
            Case::of("one copy, two join at once, a write", 1, &[2], &[Join(1), Join(0)], &[(Put, 2)]),
        ),
        with("reads switch without a barrier", three()),
        with("an answer counts twice", three()),
        with("a quorum is one less", three()),
        with("no fence", cut.clone()),
        with("answers of an old session count", late),
        with("read repair after the answer", read()),
        with("a missing copy is not behind", read()),
        with("write-back to one set", read()),
        with("seeded before the fence", Case { slow: true, ..cut }),
    ]
}

fn join_of_two(name: &'static str, clients: &[(Deed, u8)]) -> Case {
    Case::of(name, 2, &[1, 2], &[Join(0)], clients)
}

fn join_of_three(name: &'static str, clients: &[(Deed, u8)]) -> Case {
    Case::of(name, 3, &[1, 2, 3], &[Join(0)], clients)
}

fn replace(name: &'static str, clients: &[(Deed, u8)]) -> Case {
    Case::of(name, 3, &[1, 2, 3], &[Replace { old: 3, new: 0 }], clients)
}

/// The one that has to give its place up is held to be down, and is not.
fn cut(name: &'static str) -> Case {
    Case { cut: Some(3), ..join_of_three(name, &[(Put, 3)]) }
}
