//! Cases of a register, and the planted bugs that must be found in it.

use crate::register::{Bug, Case, Deed, Move};
use Deed::{Append, First, Read};

/// Cases in which nothing must be found, small ones first.
pub fn sound() -> Vec<Case> {
    let three = |name, proposers: &[&[Deed]]| Case::of(name, proposers);
    vec![
        three("one change, one read", &[&[Append], &[Read]]),
        three("two changes", &[&[Append], &[Append]]),
        Case { before: vec![0], ..three("one replica, two changes each", &[&[Append, Append], &[Append, Append]]) },
        three("a change on a condition that both want", &[&[First], &[First]]),
        three("two changes in a row, one read", &[&[Append, Append], &[Read]]),
        Case {
            rebirths: 1,
            ..three("a proposer dies, two changes in a row and one beside", &[&[Append, Append], &[Append]])
        },
        Case { attempts: 2, ..three("two changes, two attempts each", &[&[Append], &[Append]]) },
        moving("A to B, one change, one read", &[&[Append], &[Read]], &[0], &[1], None),
        moving("A to B, two changes", &[&[Append], &[Append]], &[0], &[1], None),
        moving("AB to BC, one change, one read", &[&[Append], &[Read]], &[0, 1], &[1, 2], None),
        moving("ABC to ABD, one change", &[&[Append, Read]], &[0, 1, 2], &[0, 1, 3], None),
        moving("ABC to ABD without C, one change", &[&[Append, Read]], &[0, 1, 2], &[0, 1, 3], Some(2)),
        moving("ABC to ABD, one change, one read", &[&[Append], &[Read]], &[0, 1, 2], &[0, 1, 3], None),
        moving("ABC to ABD without C, one change, one read", &[&[Append], &[Read]], &[0, 1, 2], &[0, 1, 3], Some(2)),
        moving("ABC to CDE, one change, one read", &[&[Append], &[Read]], &[0, 1, 2], &[2, 3, 4], None),
    ]
}

/// Cases with a bug, each of which must be found.
pub fn unsound() -> Vec<Case> {
    let with = |bug, case: Case| Case { bug: Some(bug), ..case };
    let dies = |name, proposers: &[&[Deed]]| Case { deaths: 1, ..Case::of(name, proposers) };
    let reborn = |name, proposers: &[&[Deed]]| Case { rebirths: 1, ..Case::of(name, proposers) };
    let moves = || moving("A to B, one change, one read", &[&[Append], &[Read]], &[0], &[1], None);
    vec![
        with(Bug::PromiseNotStored, dies("a replica dies, two changes", &[&[Append], &[Append]])),
        with(Bug::AcceptNotStored, dies("a replica dies, a change and a read", &[&[Append, Read]])),
        with(Bug::BallotUsedAgain, Case::of("three changes in a row, one read", &[&[Append, Append, Append], &[Read]])),
        with(Bug::LifeForgotten, reborn("a proposer dies, two changes and a read", &[&[Append, Append, Read]])),
        with(Bug::NoFence, moves()),
        with(Bug::JoinerNotSeeded, moves()),
        with(Bug::SeededBeforeFence, moves()),
        with(Bug::NewAlone, moves()),
    ]
}

fn moving(name: &'static str, proposers: &[&[Deed]], before: &[u8], after: &[u8], absent: Option<u8>) -> Case {
    let change = Some(Move { after: after.to_vec(), absent });
    Case { before: before.to_vec(), change, ..Case::of(name, proposers) }
}
