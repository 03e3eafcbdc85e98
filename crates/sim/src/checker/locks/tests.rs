//! Small lives of one lock: what may be, and what must be told.

use super::Locks;
use crate::checker::testing::operation;
use crate::history::{Operation, Outcome, Seen};
use crate::registers::REGISTERS;

use bytes::Bytes;
use node::proto::{Cas, ChangeId, Current, Edit, Ends, Expect, Get, ItemKey, Refusal, Request, Response, Tried, Value};
use stdx::Span;

/// A lock of these stories ends after twice this.
const TERM_MS: u64 = 1_000;

fn key() -> ItemKey {
    ItemKey::plain("lock-0-0")
}

fn current(version: u64, holder: Option<&'static str>) -> Current {
    Current { version, value: holder.map(Value::plain), expires: None, stamp: None }
}

/// What somebody asks between two moments, in milliseconds.
fn asked(request: Request, (from, to): (u64, u64), response: Response) -> Operation {
    operation(request, Seen::default(), from * 1_000, to * 1_000, response)
}

fn cas(expect: Expect, edit: Edit, ends: Ends, id: u64) -> Request {
    let (bucket, id) = (REGISTERS.to_owned(), Some(ChangeId(id)));
    Request::Cas(Cas { bucket, key: key(), expect, edit, ends, id, tried: Tried::No })
}

fn taking(name: &'static str, id: u64) -> Request {
    cas(Expect::Absent, Edit::Put(Value::plain(name)), Ends::After(Span::millis(2 * TERM_MS)), id)
}

fn took(name: &'static str, version: u64, at: (u64, u64)) -> Operation {
    asked(taking(name, at.0), at, Response::Swapped(current(version, Some(name))))
}

fn let_go(name: &'static str, version: u64, at: (u64, u64)) -> Operation {
    let request = cas(Expect::Value(Bytes::from_static(name.as_bytes())), Edit::Delete, Ends::Never, at.0);
    asked(request, at, Response::Swapped(current(version, None)))
}

fn looked(holder: Option<&'static str>, version: u64, at: (u64, u64)) -> Operation {
    let get = Get { bucket: REGISTERS.to_owned(), key: key(), level: None };
    asked(Request::Get(get), at, Response::Current(current(version, holder)))
}

fn wrong(history: &[Operation]) -> Vec<String> {
    Locks::new(history, REGISTERS, Span::millis(10)).wrong()
}

fn is_told(history: &[Operation], what: &str) {
    let told = wrong(history);
    assert!(told.iter().any(|told| told.contains(what)), "{what} is not told: {told:?}");
}

#[test]
fn a_lock_that_goes_from_hand_to_hand_is_right() {
    let history = [
        took("ann", 1, (0, 5)),
        looked(Some("ann"), 1, (10, 12)),
        let_go("ann", 2, (20, 25)),
        looked(None, 2, (30, 31)),
        took("bob", 3, (40, 45)),
        // His time is over, so she may have it.
        took("cleo", 4, (3_000, 3_005)),
    ];
    assert_eq!(wrong(&history), Vec::<String>::new());
    assert_eq!(Locks::new(&history, REGISTERS, Span::millis(10)).checked(), 6);
}

#[test]
fn two_at_a_time_are_told() {
    is_told(&[took("ann", 1, (0, 5)), took("bob", 2, (100, 105))], "ann had it since");
    is_told(&[took("ann", 1, (0, 5)), looked(None, 1, (100, 105))], "found it free");
}

#[test]
fn whoever_is_found_must_have_it() {
    is_told(&[looked(Some("ann"), 1, (0, 5))], "nobody of that name had taken");
    let gone = [took("ann", 1, (0, 5)), let_go("ann", 2, (10, 15)), looked(Some("ann"), 1, (20, 25))];
    is_told(&gone, "had let go");
    is_told(&[took("ann", 1, (0, 5)), looked(Some("ann"), 1, (2_100, 2_105))], "its time was over");
    let late = [took("ann", 1, (0, 5)), let_go("ann", 2, (2_100, 2_105))];
    is_told(&late, "its time was over");
}

#[test]
fn versions_only_rise_and_each_is_given_once() {
    let back = [took("ann", 4, (0, 5)), let_go("ann", 5, (10, 15)), took("bob", 3, (20, 25))];
    is_told(&back, "version 3 at");
    let twice = [took("ann", 4, (0, 500)), took("bob", 4, (100, 400))];
    is_told(&twice, "was given twice");
}

#[test]
fn nobody_lets_go_twice() {
    let history = [took("ann", 1, (0, 5)), let_go("ann", 2, (10, 30)), let_go("ann", 3, (11, 31))];
    is_told(&history, "let go 2 times");
}

#[test]
fn what_nobody_knows_may_be_either_way() {
    let unknown = |request, at: (u64, u64)| {
        let operation = asked(request, at, Response::Swapped(current(1, None)));
        Operation { outcome: Outcome::Lost, ..operation }
    };
    let perhaps = unknown(taking("ann", 1), (0, 5));
    assert_eq!(wrong(&[perhaps.clone(), looked(None, 0, (10, 12))]), Vec::<String>::new());
    assert_eq!(wrong(&[perhaps.clone(), looked(Some("ann"), 1, (10, 12))]), Vec::<String>::new());
    // Asked for again under the same id, it is one act, and was made.
    let again = asked(taking("ann", 1), (20, 25), Response::Swapped(current(1, Some("ann"))));
    is_told(&[perhaps, again, looked(None, 1, (100, 105))], "found it free");
}

#[test]
fn whoever_is_refused_is_told_who_has_it() {
    let refused = |holder, at| {
        let current = Box::new(current(1, holder));
        asked(taking("bob", 9), at, Response::Refused(Refusal::ConditionFailed(current)))
    };
    assert_eq!(wrong(&[took("ann", 1, (0, 5)), refused(Some("ann"), (10, 15))]), Vec::<String>::new());
    is_told(&[took("ann", 1, (0, 5)), refused(Some("ann"), (2_100, 2_105))], "its time was over");
}
