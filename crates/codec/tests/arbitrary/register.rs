//! Registers, questions to them, and what clients ask of them.

use super::cluster::ballot;
use super::{bytes, item_key, number, text, value, version};
use causal::Stamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proto::paxos::register::{Answer, Ask, Cell, Held, Register};
use proto::paxos::{AcceptorState, Ballot};
use proto::{Cas, ChangeId, Current, Edit, Ends, Expect, RegisterAnswer, Tried, Version, When};
use stdx::{Span, Wall};

fn cell() -> BoxedStrategy<Cell<Version>> {
    (option::of(version()), vec(number().prop_map(ChangeId), 0..4), 0..9_u64)
        .prop_map(|(value, recent, more)| Cell { value, number: recent.len() as u64 + more, recent })
        .boxed()
}

fn accepted() -> BoxedStrategy<Option<(Ballot, Cell<Version>)>> {
    option::of((ballot(), cell())).boxed()
}

pub(crate) fn register() -> BoxedStrategy<Register<Version>> {
    (ballot(), accepted(), any::<bool>())
        .prop_map(|(promised, accepted, learned)| {
            let promised = accepted.as_ref().map_or(promised, |(ballot, _)| promised.max(*ballot));
            Register { state: AcceptorState { promised, accepted }, learned }
        })
        .boxed()
}

fn held() -> BoxedStrategy<Held<Version>> {
    (accepted(), any::<bool>()).prop_map(|(accepted, voted)| Held { accepted, voted }).boxed()
}

pub(crate) fn ask() -> BoxedStrategy<Ask<Version>> {
    prop_oneof![
        Just(Ask::Read),
        ballot().prop_map(Ask::Prepare),
        (ballot(), cell(), ballot()).prop_map(|(ballot, cell, next)| Ask::Accept { ballot, cell, next }),
    ]
    .boxed()
}

pub(crate) fn answer() -> BoxedStrategy<RegisterAnswer> {
    let said = prop_oneof![
        held().prop_map(Answer::Held),
        (ballot(), held()).prop_map(|(ballot, held)| Answer::Promised(ballot, held)),
        (ballot(), any::<bool>()).prop_map(|(ballot, next)| Answer::Accepted { ballot, next }),
        (ballot(), ballot()).prop_map(|(ballot, promised)| Answer::Nack { ballot, promised }),
    ];
    prop_oneof![
        4 => said.prop_map(RegisterAnswer::Said),
        1 => super::message::fences().prop_map(RegisterAnswer::Stale),
        1 => Just(RegisterAnswer::Failed),
    ]
    .boxed()
}

pub(crate) fn cas() -> BoxedStrategy<Cas> {
    let expect = prop_oneof![
        Just(Expect::Any),
        Just(Expect::Absent),
        number().prop_map(Expect::Version),
        bytes().prop_map(Expect::Value),
    ];
    let edit = prop_oneof![
        value().prop_map(Edit::Put),
        Just(Edit::Delete),
        any::<i64>().prop_map(Edit::Add),
        (option::of(number().prop_map(Wall)), Just(When::Later))
            .prop_map(|(expires, when)| Edit::End { expires, when }),
        (super::version(), any::<bool>()).prop_map(|(version, overwrite)| Edit::Restore { version, overwrite }),
    ];
    let ends = prop_oneof![
        Just(Ends::Never),
        Just(Ends::Kept),
        number().prop_map(|at| Ends::At(Wall(at))),
        number().prop_map(|after| Ends::After(Span(after))),
    ];
    let tried = prop_oneof![Just(Tried::No), Just(Tried::Lately), Just(Tried::Before)];
    (text(), item_key(), expect, edit, ends, option::of(number().prop_map(ChangeId)), tried)
        .prop_map(|(bucket, key, expect, edit, ends, id, tried)| Cas { bucket, key, expect, edit, ends, id, tried })
        .boxed()
}

pub(crate) fn current() -> BoxedStrategy<Current> {
    let expires = option::of(number().prop_map(Wall));
    (number(), option::of(value()), expires, option::of(number().prop_map(Stamp::from_u64)))
        .prop_map(|(version, value, expires, stamp)| Current { version, value, expires, stamp })
        .boxed()
}
