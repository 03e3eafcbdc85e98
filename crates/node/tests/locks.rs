//! Locks that end, over three nodes: whoever asks first has it, nobody else does until it has ended or was let go, and the
//! version goes on.

mod support;

use bytes::Bytes;
use node::proto::{Cas, Current, Edit, Ends, Expect, Get, ItemKey, Refusal, Request, Response, Tried, Value, When};
use stdx::{Span, Wall};
use support::Cluster;

fn change(expect: Expect, edit: Edit, ends: Ends) -> Request {
    let (bucket, key) = ("locks".to_owned(), ItemKey::plain("l"));
    Request::Cas(Cas { bucket, key, expect, edit, ends, id: None, tried: Tried::No })
}

fn take(who: &'static str) -> Request {
    change(Expect::Absent, Edit::Put(Value::plain(who)), Ends::After(Span::secs(60)))
}

fn version(answer: Response) -> Option<u64> {
    match answer {
        Response::Swapped(current) => Some(current.version),
        Response::Refused(Refusal::ConditionFailed(_)) => None,
        other => panic!("{other:?}"),
    }
}

fn read(cluster: &mut Cluster, at: u128) -> Current {
    let get = Get { bucket: "locks".to_owned(), key: ItemKey::plain("l"), level: None };
    match cluster.ask(at, Request::Get(get)) {
        Response::Current(current) => current,
        other => panic!("{other:?}"),
    }
}

/// Lets the clocks of all nodes go on until then.
fn wait_until(cluster: &mut Cluster, end: Wall) {
    while cluster.time().wall < end {
        cluster.run();
    }
}

#[test]
fn a_lock_is_had_by_one_until_it_has_ended_or_was_let_go() {
    let mut cluster = Cluster::with_locks();
    assert_eq!(version(cluster.ask(1, take("one"))), Some(1));
    for at in 1..=4 {
        assert_eq!(version(cluster.ask(at, take("two"))), None, "node {at}");
    }
    let held = read(&mut cluster, 4);
    let end = held.expires.expect("it ends");
    assert_eq!((held.version, held.value), (1, Some(Value::plain("one"))));
    wait_until(&mut cluster, end);
    assert_eq!(read(&mut cluster, 3), Current::default());
    assert_eq!(version(cluster.ask(4, take("two"))), Some(2), "the fencing token goes on");
    let release = |who: &'static str| change(Expect::Value(Bytes::from(who)), Edit::Delete, Ends::Never);
    assert_eq!(version(cluster.ask(1, release("one"))), None, "whose lock has ended lets nobody else's go");
    assert_eq!(read(&mut cluster, 2).version, 2);
    assert!(version(cluster.ask(3, release("two"))).is_some());
    assert_eq!(version(cluster.ask(2, take("three"))), Some(4));
}

#[test]
fn a_lock_is_put_off_by_its_holder_only_while_it_lasts() {
    let mut cluster = Cluster::with_locks();
    assert_eq!(version(cluster.ask(2, take("one"))), Some(1));
    let later = read(&mut cluster, 1).expires.expect("it ends").plus(Span::secs(60));
    let longer = |of: u64| {
        let edit = Edit::End { expires: Some(later), when: When::Later };
        change(Expect::Version(of), edit, Ends::Never)
    };
    assert_eq!(version(cluster.ask(3, longer(9))), None);
    let Response::Swapped(current) = cluster.ask(3, longer(1)) else { panic!("it is still held") };
    assert_eq!((current.version, current.expires), (2, Some(later)));
    wait_until(&mut cluster, later);
    assert_eq!(version(cluster.ask(1, longer(2))), None, "it has ended");
    assert_eq!(version(cluster.ask(1, take("two"))), Some(3));
}

#[test]
fn a_lock_holds_while_nodes_start_again() {
    let mut cluster = Cluster::with_locks();
    assert_eq!(version(cluster.ask(1, take("one"))), Some(1));
    for id in 1..=3 {
        cluster.kill(id);
        cluster.restart(id);
        cluster.run();
        if cluster.time().wall < read(&mut cluster, 4).expires.unwrap_or_default() {
            assert_eq!(version(cluster.ask(id, take("two"))), None);
        }
    }
}

/// Sim seed 16229833979876410778 of a build that tried longer: a lock was handed to a node that could not be reached any more, then to
/// another, which refused it; when it had been let go, the first one took it, for a client that had been told no.
#[test]
fn what_somebody_else_may_still_be_trying_is_not_refused_for_good() {
    let mut cluster = Cluster::with_locks();
    assert_eq!(version(cluster.ask(1, take("one"))), Some(1));
    let tried = |request: Request| match request {
        Request::Cas(cas) => Request::Cas(Cas { tried: Tried::Before, ..cas }),
        other => other,
    };
    let release = change(Expect::Value(Bytes::from("two")), Edit::Delete, Ends::Never);
    let newer = change(Expect::Version(2), Edit::Delete, Ends::Never);
    for open in [take("two"), release, newer] {
        assert_eq!(cluster.ask(2, tried(open)), Response::Refused(Refusal::OutcomeUnknown));
    }
    assert_eq!(version(cluster.ask(3, change(Expect::Version(1), Edit::Delete, Ends::Never))), Some(0));
    let gone = change(Expect::Version(1), Edit::Delete, Ends::Never);
    assert_eq!(version(cluster.ask(2, tried(gone))), None, "that version never comes back");
}
