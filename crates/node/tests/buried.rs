//! Items of linearizable buckets that are gone leave nothing behind on any node, and nobody can tell: versions go on rising, and
//! no change is made twice, whatever the network has kept.

mod support;

use node::proto::paxos::Ballot;
use node::proto::paxos::register::{Ask, Cell};
use node::proto::{
    BucketId, Cas, ChangeId, Current, Edit, Ends, Expect, Get, ItemKey, Message, OpId, Refusal, Request, Response,
    Tried, Value,
};
use node::{NodeInput, storage};
use ring::NodeId;
use std::ops::ControlFlow;
use stdx::Span;
use storage::{Engine, Space};
use support::Cluster;

/// Passes are five minutes apart; time for two of them, in twenties of seconds.
const TWO_PASSES: usize = 36;

fn change(key: &'static str, expect: Expect, edit: Edit, ends: Ends) -> Cas {
    let (bucket, key) = ("locks".to_owned(), ItemKey::plain(key));
    Cas { bucket, key, expect, edit, ends, id: None, tried: Tried::No }
}

fn put(value: &'static str) -> Edit {
    Edit::Put(Value::plain(value))
}

fn version(answer: Response) -> u64 {
    match answer {
        Response::Swapped(current) => current.version,
        other => panic!("{other:?}"),
    }
}

/// Records on the disks of all nodes.
fn stored(cluster: &Cluster) -> usize {
    let mut count = 0;
    for node in cluster.nodes.values() {
        let reader = Engine::reader(node.engine());
        let scanned = reader.scan(Space::Items, &[], None, &mut |_, _| {
            count += 1;
            ControlFlow::Continue(())
        });
        scanned.expect("the disk can be read");
    }
    count
}

fn pass_time(cluster: &mut Cluster) {
    (0..TWO_PASSES).for_each(|_| cluster.run());
}

#[test]
fn deletions_ended_locks_and_lone_promises_go_and_versions_rise() {
    let mut cluster = Cluster::with_locks();
    let lock = |key| change(key, Expect::Absent, put("me"), Ends::After(Span::secs(60)));
    assert_eq!(version(cluster.ask(1, Request::Cas(lock("l")))), 1);
    assert_eq!(version(cluster.ask(2, Request::Cas(change("d", Expect::Any, put("1"), Ends::Never)))), 1);
    cluster.ask(3, Request::Cas(change("d", Expect::Version(1), Edit::Delete, Ends::Never)));
    let refused = change("never", Expect::Value("x".into()), Edit::Delete, Ends::Never);
    let refused = cluster.ask(4, Request::Cas(refused));
    assert!(matches!(refused, Response::Refused(Refusal::ConditionFailed(_))), "{refused:?}");
    assert_eq!(stored(&cluster), 9, "one item on three nodes each; of the last one a promise");
    pass_time(&mut cluster);
    pass_time(&mut cluster);
    assert_eq!(stored(&cluster), 0);

    // A node that was away for the telling reads the floor from its disk.
    for id in 1..=4 {
        cluster.kill(id);
    }
    for id in 1..=4 {
        cluster.restart(id);
    }
    cluster.run();
    for (at, key) in [(1, "l"), (4, "d"), (2, "never"), (3, "new")] {
        let get = Get { bucket: "locks".to_owned(), key: ItemKey::plain(key), level: None };
        assert_eq!(cluster.ask(at, Request::Get(get)), Response::Current(Current::default()));
        let taken = version(cluster.ask(at, Request::Cas(lock(key))));
        assert_eq!(taken, 3, "{key}: the deletions of all that are gone were version 2");
    }
    let gone = cluster.ask(1, Request::Cas(change("d", Expect::Version(1), put("late"), Ends::Never)));
    assert!(matches!(gone, Response::Refused(Refusal::ConditionFailed(_))), "{gone:?}");
}

#[test]
fn what_was_made_and_collected_is_not_made_again() {
    let mut cluster = Cluster::with_locks();
    let named = Cas { id: Some(ChangeId(7)), ..change("k", Expect::Absent, put("once"), Ends::Never) };
    let again = || Request::Cas(Cas { tried: Tried::Before, ..named.clone() });
    assert_eq!(version(cluster.ask(1, Request::Cas(named.clone()))), 1);
    cluster.ask(1, Request::Cas(change("k", Expect::Any, Edit::Delete, Ends::Never)));
    assert_eq!(version(cluster.ask(4, again())), 1, "it is known");
    pass_time(&mut cluster);
    assert_eq!(stored(&cluster), 0);
    assert_eq!(cluster.ask(2, again()), Response::Refused(Refusal::OutcomeUnknown));
    // Handed on by a node that could not reach another: its round says that nothing was collected since.
    let lately = Cas { id: Some(ChangeId(8)), tried: Tried::Lately, ..named.clone() };
    assert_eq!(version(cluster.ask(2, Request::Cas(lately))), 3);
}

#[test]
fn what_the_network_kept_from_before_is_refused() {
    let mut cluster = Cluster::with_locks();
    let key = ItemKey::plain("k");
    cluster.ask(1, Request::Cas(change("k", Expect::Any, put("old"), Ends::Never)));
    cluster.ask(1, Request::Cas(change("k", Expect::Any, Edit::Delete, Ends::Never)));
    pass_time(&mut cluster);
    assert_eq!(stored(&cluster), 0);

    let view = cluster.nodes[&NodeId(2)].machine().history().current().clone();
    let bucket = view.buckets.values().find(|bucket| bucket.name == "locks").map_or(BucketId(0), |bucket| bucket.id);
    let ballot = |counter| Ballot { counter, node: NodeId(1), incarnation: 1 };
    let cell = Cell::default().after(ChangeId(1), None);
    let ask = Ask::Accept { ballot: ballot(1 << 20), cell, next: ballot(1 << 21) };
    let late =
        |round| Message::Register { op: OpId(1), epoch: view.epoch, bucket, key: key.clone(), ask: ask.clone(), round };
    let request = Request::Cas(change("k", Expect::Any, put("late"), Ends::Never));
    let life = 0;
    let handed = Message::Forward { op: OpId(2), request, within: Span::secs(5), life, round: 0, confirms: false };
    for (from, to) in [(1, 2), (1, 3), (1, 4), (2, 1)] {
        for message in [late(0), handed.clone()] {
            cluster.queue.push_back((NodeId(to), NodeInput::Peer { from: NodeId(from), message }));
        }
    }
    cluster.deliver();
    assert_eq!(stored(&cluster), 0, "neither was taken");
    let clear = cluster.nodes[&NodeId(2)].machine().progress_of(NodeId(2)).clear;
    for to in 1..=4 {
        let from = NodeId(1 + to % 4);
        cluster.queue.push_back((NodeId(to), NodeInput::Peer { from, message: late(clear) }));
    }
    cluster.deliver();
    assert_eq!(stored(&cluster), 3, "one of this round is taken by all replicas");
}
