//! Nodes over model engines on a perfect network, one scenario per test. The simulator does the rest; these are the
//! first to fail and the easiest to read.

mod support;

use liveness::Condition;
use node::NodeInput;
use node::proto::{
    Admin, Bucket, Context, Durability, Get, ItemKey, Level, Mode, Put, Refusal, Request, Response, Rule, Scan, Scope,
    Value, item,
};
use ring::NodeId;
use storage::Fault;
use support::Cluster;

#[test]
fn one_node_stores_and_finds() {
    let mut cluster = Cluster::found(3);
    assert!(matches!(cluster.put(1, "default", "a", Some("x"), None), Response::Written(_)));
    assert_eq!(cluster.get(1, "default", "a", None).0, ["x"]);
    assert!(cluster.get(1, "default", "b", None).0.is_empty());
    cluster.put(1, "default", "a", Some("y"), None);
    assert_eq!(cluster.get(1, "default", "a", None).0, ["y"]);
    cluster.put(1, "default", "a", None, None);
    assert!(cluster.get(1, "default", "a", None).0.is_empty());
}

#[test]
fn any_node_answers_for_any_key() {
    let mut cluster = Cluster::of(2, 4);
    for i in 0..40 {
        let answer = cluster.put(1 + i % 4, "default", &format!("key_{i}"), Some("v"), None);
        assert!(matches!(answer, Response::Written(_)), "{answer:?}");
    }
    for i in 0..40 {
        assert_eq!(cluster.get(1 + (i + 1) % 4, "default", &format!("key_{i}"), None).0, ["v"]);
    }
    cluster.run();
    assert_eq!((1..=4).map(|id| cluster.copies(id)).sum::<usize>(), 80);
}

#[test]
fn keys_move_on_join_and_on_leave() {
    let mut cluster = Cluster::of(1, 2);
    for i in 0..60 {
        cluster.put(1, "default", &format!("key_{i}"), Some("v"), None);
    }
    cluster.join(3);
    let copies: Vec<usize> = (1..=3).map(|id| cluster.copies(id)).collect();
    assert_eq!(copies.iter().sum::<usize>(), 60, "{copies:?}");
    assert!(copies.iter().all(|count| *count > 0), "{copies:?}");
    for leaver in [3, 2] {
        let answer = cluster.ask(leaver, Request::Admin(Admin::Leave { node: NodeId(leaver) }));
        assert!(matches!(answer, Response::Changed { .. }), "{answer:?}");
        cluster.run();
        assert!(cluster.left.contains(&NodeId(leaver)), "{:?}", cluster.status(1).blocked);
    }
    assert_eq!(cluster.copies(1), 60);
    for i in 0..60 {
        assert_eq!(cluster.get(1, "default", &format!("key_{i}"), None).0, ["v"]);
    }
}

#[test]
fn siblings_stay_until_a_write_has_seen_them() {
    let mut cluster = Cluster::of(3, 3);
    let bucket =
        Bucket { name: "carts".to_owned(), rule: Rule::Siblings, mode: Mode::Eventual, ..Bucket::default_bucket(3) };
    let answer = cluster.ask(2, Request::Admin(Admin::SetBucket(bucket)));
    assert!(matches!(answer, Response::Changed { .. }), "{answer:?}");
    cluster.run();
    cluster.put(1, "carts", "k", Some("one"), None);
    cluster.put(2, "carts", "k", Some("two"), None);
    let (mut values, context) = cluster.get(3, "carts", "k", None);
    values.sort();
    assert_eq!(values, ["one", "two"]);
    cluster.put(3, "carts", "k", Some("both"), Some(context));
    assert_eq!(cluster.get(1, "carts", "k", None).0, ["both"]);
}

#[test]
fn of_elements_an_addition_wins_over_a_removal_that_had_not_seen_it() {
    let mut cluster = Cluster::of(3, 3);
    let key = ItemKey::sorted("set", vec![item::ELEMENT, b'm']);
    let put = |value: Option<&'static str>, context: Option<Context>| {
        let (bucket, key) = ("default".to_owned(), key.clone());
        let (value, durability) = (value.map(Value::plain), Durability::Fsync);
        Request::Put(Put { bucket, key, value, context, level: None, durability, ttl: None })
    };
    let get = || Request::Get(Get { bucket: "default".to_owned(), key: key.clone(), level: None });
    let seen = |cluster: &mut Cluster| match cluster.ask(2, get()) {
        Response::Found(found) => (found.siblings.len(), found.context),
        other => panic!("{other:?}"),
    };
    cluster.ask(1, put(Some("first"), None));
    let (count, context) = seen(&mut cluster);
    assert_eq!(count, 1);
    cluster.ask(2, put(Some("again"), Some(context.clone())));
    // Stamped later than the addition, and yet it takes away only what it has seen.
    cluster.ask(3, put(None, Some(context)));
    let (count, context) = seen(&mut cluster);
    assert_eq!(count, 1, "the addition that nobody removed");
    cluster.ask(1, put(None, Some(context)));
    assert_eq!(seen(&mut cluster).0, 0);
}

#[test]
fn a_dead_replica_catches_up_by_hints() {
    let mut cluster = Cluster::of(3, 3);
    let gone = cluster.nodes.remove(&NodeId(3)).expect("it is there");
    cluster.run();
    let answer = cluster.put(1, "default", "k", Some("v"), None);
    assert!(matches!(answer, Response::Written(_)), "{answer:?}");
    let refused = Put {
        bucket: "default".to_owned(),
        key: ItemKey::plain("k"),
        value: Some(Value::plain("w")),
        context: None,
        level: Some(Level::All),
        durability: Durability::Fsync,
        ttl: None,
    };
    let answer = cluster.ask(1, Request::Put(refused));
    assert!(matches!(answer, Response::Refused(Refusal::OutOfReach { needed: 3, reachable: 2 })), "{answer:?}");
    assert_eq!(cluster.get(2, "default", "k", None).0, ["v"], "nothing was tried");
    cluster.nodes.insert(NodeId(3), gone);
    for id in [1, 2] {
        cluster.queue.push_back((NodeId(id), NodeInput::Connected { peer: NodeId(3) }));
    }
    cluster.run();
    cluster.run();
    assert_eq!(cluster.copies(3), 1);
    assert_eq!(cluster.status(1).hints, []);
}

#[test]
fn a_full_disk_refuses_writes_and_serves_reads_until_there_is_room() {
    let mut cluster = Cluster::found(3);
    let put = |cluster: &mut Cluster, value| cluster.put(1, "default", "key", Some(value), None);
    assert!(matches!(put(&mut cluster, "before"), Response::Written(_)));
    let disk = cluster.disks[&NodeId(1)].clone();
    disk.set_room(Some(0));
    for _ in 0..3 {
        assert_eq!(put(&mut cluster, "refused"), Response::Refused(Refusal::DiskFull));
        assert_eq!(cluster.get(1, "default", "key", None).0, ["before"]);
    }
    // The node's own records find room: a ring may change to make some.
    cluster.join(2);
    disk.set_room(None);
    assert!(matches!(put(&mut cluster, "after"), Response::Written(_)));
    assert_eq!(cluster.get(1, "default", "key", None).0, ["after"]);
}

#[test]
fn a_write_that_waits_for_room_to_be_synced_is_acknowledged_when_there_is_some() {
    let mut cluster = Cluster::found(3);
    cluster.disks[&NodeId(1)].fail_sync(1, Fault::Full);
    assert!(matches!(cluster.put(1, "default", "key", Some("value"), None), Response::Written(_)));
    assert_eq!(cluster.get(1, "default", "key", None).0, ["value"]);
}

#[test]
fn scans_give_items_in_order_and_in_pages() {
    let mut cluster = Cluster::of(3, 3);
    for i in 0..25 {
        let put = Put {
            bucket: "default".to_owned(),
            key: ItemKey::sorted("user", format!("{i:02}")),
            value: Some(Value::plain(format!("v{i}"))),
            context: None,
            level: None,
            durability: Durability::Fsync,
            ttl: None,
        };
        assert!(matches!(cluster.ask(1 + i % 3, Request::Put(put)), Response::Written(_)));
    }
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let scope =
            Scope::SortKeys { partition_key: "user".into(), from: Some("03".into()), to: Some("21".into()), after };
        let scan = Scan { bucket: "default".to_owned(), scope, limit: 7, level: None };
        let answer = cluster.ask(2, Request::Scan(scan));
        let Response::Page(page) = answer else { panic!("{answer:?}") };
        found.extend(page.items.iter().filter_map(|(key, _)| key.sort_key.clone()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let wanted: Vec<_> = (3..21).map(|i| bytes::Bytes::from(format!("{i:02}"))).collect();
    assert_eq!(found, wanted);
}

/// What one node alone was given before it went down is still there when it comes back after the others changed the ring
/// without it and its partitions have gone to others.
#[test]
fn a_join_goes_on_without_a_dead_node_which_hands_over_when_it_is_back() {
    let mut cluster = Cluster::of(3, 4);
    for i in 0..40 {
        cluster.put(1, "default", &format!("key_{i}"), Some("v"), None);
    }
    cluster.run();
    let others: Vec<_> = (1..=3).filter_map(|id| cluster.nodes.remove(&NodeId(id)).map(|node| (id, node))).collect();
    let mut alone = Vec::new();
    for i in 0..60 {
        let key = format!("alone_{i}");
        let put = Put {
            bucket: "default".to_owned(),
            key: ItemKey::plain(key.clone()),
            value: Some(Value::plain("v")),
            context: None,
            level: Some(Level::One),
            durability: Durability::Fsync,
            ttl: None,
        };
        if matches!(cluster.ask(4, Request::Put(put)), Response::Written(_)) {
            alone.push(key);
        }
    }
    assert!(alone.len() > 20, "{alone:?}");
    // It dies before it keeps hints, and forgets what it was doing.
    cluster.nodes.remove(&NodeId(4));
    cluster.queue.clear();
    cluster.nodes.extend(others.into_iter().map(|(id, node)| (NodeId(id), node)));
    cluster.run();
    cluster.join(5);
    let status = cluster.status(2);
    assert_eq!(status.stable, status.epoch, "{:?}", status.blocked);
    assert_eq!(cluster.get(5, "default", "key_7", None).0, ["v"]);

    let disk = cluster.disks.remove(&NodeId(4)).expect("its disk is there");
    let engine = disk.open().expect("it opens again");
    cluster.open(NodeId(4), disk, engine);
    for id in [1, 2, 3, 5] {
        cluster.queue.push_back((NodeId(id), NodeInput::Connected { peer: NodeId(4) }));
        cluster.queue.push_back((NodeId(4), NodeInput::Connected { peer: NodeId(id) }));
    }
    (0..10).for_each(|_| cluster.run());
    for key in &alone {
        assert_eq!(cluster.get(1, "default", key, None).0, ["v"], "{key}");
    }
    let copies: Vec<usize> = (1..=5).map(|id| cluster.copies(id)).collect();
    assert_eq!(copies.iter().sum::<usize>(), 3 * (40 + alone.len()), "{copies:?}");
}

#[test]
fn a_node_behind_a_broken_link_is_not_taken_for_dead() {
    let mut cluster = Cluster::of(3, 3);
    let (one, three) = (NodeId(1), NodeId(3));
    cluster.cut.extend([(one, three), (three, one)]);
    cluster.run();
    let seen = |cluster: &mut Cluster, by: u128, of: u128| {
        let status = cluster.status(by);
        let member = status.members.iter().find(|member| member.member.id == NodeId(of)).expect("it is a member");
        (member.condition, member.reached_by_others)
    };
    assert_eq!(seen(&mut cluster, 1, 3), (Condition::Down, true));
    assert_eq!(seen(&mut cluster, 3, 1), (Condition::Down, true));
    assert_eq!(seen(&mut cluster, 2, 3), (Condition::Up, false));
    cluster.nodes.remove(&three);
    cluster.run();
    assert_eq!(seen(&mut cluster, 1, 3), (Condition::Down, false), "now nobody reaches it");
}
