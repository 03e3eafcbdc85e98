//! Counting and changes of ends over three nodes: any number of coordinators at once, nodes that are away, ends, lost disks
//! and messages that come twice.

mod support;

use node::NodeInput;
use node::proto::{
    Admin, Amending, Amendment, Bucket, BucketId, Decimal, Durability, Get, ItemKey, Level, Message, Mode, Refusal,
    Request, Response, Rule, Slot, Unchanged, Value, When, element, item,
};
use ring::NodeId;
use stdx::{Span, Wall};
use support::Cluster;

fn amend(amendment: Amendment, level: Option<Level>) -> Request {
    let (bucket, key) = ("default".to_owned(), ItemKey::plain("visits"));
    Request::Amend(Amending { bucket, key, amendment, ends: None, level, durability: Durability::Fsync })
}

fn add(by: i64) -> Request {
    amend(Amendment::Add { by: Decimal::whole(by), whole: true }, None)
}

fn value(answer: Response) -> String {
    match answer {
        Response::Amended(outcome) => String::from_utf8_lossy(&outcome.value).into_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_node_adds_and_reads_the_sum() {
    let mut cluster = Cluster::of(3, 4);
    for i in 0..20_u64 {
        let answer = cluster.ask(1 + u128::from(i) % 4, add(2));
        assert_eq!(value(answer), (2 * (i + 1)).to_string());
    }
    assert_eq!(cluster.get(3, "default", "visits", None).0, ["40"]);
    cluster.put(2, "default", "visits", Some("7"), None);
    assert_eq!(value(cluster.ask(4, add(-8))), "-1");
    let half = Amendment::Add { by: Decimal::from_f64(0.5).expect("a number"), whole: false };
    assert_eq!(value(cluster.ask(1, amend(half, None))), "-0.5");
    assert_eq!(cluster.ask(2, add(1)), Response::Refused(Refusal::Unchanged(Unchanged::NotANumber)));
    cluster.put(2, "default", "visits", None, None);
    assert_eq!(value(cluster.ask(3, add(1))), "1");
}

#[test]
fn sides_that_do_not_hear_each_other_add_at_level_one_and_nothing_is_lost() {
    let mut cluster = Cluster::of(3, 3);
    cluster.ask(1, add(10));
    cluster.run();
    for (from, to) in [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)] {
        cluster.cut.insert((NodeId(from), NodeId(to)));
    }
    let one = amend(Amendment::Add { by: Decimal::whole(1), whole: true }, Some(Level::One));
    for node in [1, 2, 3, 1, 1] {
        cluster.ask(node, one.clone());
    }
    cluster.cut.clear();
    for id in [1, 2, 3] {
        for peer in [1, 2, 3].into_iter().filter(|peer| *peer != id) {
            let input = NodeInput::Connected { peer: NodeId(peer) };
            cluster.queue.push_back((NodeId(id), input));
        }
    }
    cluster.run();
    cluster.run();
    assert_eq!(cluster.get(2, "default", "visits", Some(Level::All)).0, ["15"]);
}

#[test]
fn a_node_that_starts_again_goes_on_counting() {
    let mut cluster = Cluster::of(3, 3);
    for round in 0..3_u64 {
        for id in [1, 2, 3] {
            cluster.ask(id, add(1));
        }
        cluster.run();
        cluster.kill(2);
        cluster.restart(2);
        cluster.run();
        assert_eq!(cluster.get(2, "default", "visits", Some(Level::All)).0, [(3 * (round + 1)).to_string()]);
    }
}

#[test]
fn a_new_end_is_kept_beside_what_is_added_and_conditions_are_looked_at() {
    let mut cluster = Cluster::of(3, 3);
    let end = |expires: Option<u64>, when: When| amend(Amendment::End { expires: expires.map(Wall), when }, None);
    let absent = cluster.ask(1, end(Some(u64::MAX), When::There));
    assert_eq!(absent, Response::Refused(Refusal::Unchanged(Unchanged::Absent)));
    cluster.ask(1, add(1));
    let later = cluster.time().wall.0 + 1_000_000;
    let Response::Amended(outcome) = cluster.ask(2, end(Some(later), When::Endless)) else { panic!("it has no end") };
    assert_eq!((outcome.value.as_ref(), outcome.expires), (&b"1"[..], Some(Wall(later))));
    assert_eq!(cluster.ask(3, end(None, When::Endless)), Response::Refused(Refusal::Unchanged(Unchanged::Condition)));
    assert_eq!(value(cluster.ask(3, add(1))), "2");
    let gone = cluster.time().wall;
    assert_eq!(value(cluster.ask(1, end(Some(gone.0), When::Earlier))), "2");
    assert!(cluster.get(2, "default", "visits", None).0.is_empty());
    assert_eq!(value(cluster.ask(2, add(5))), "5", "a life of its own");
    assert_eq!(value(cluster.ask(3, add(5))), "10");
    assert_eq!(cluster.get(1, "default", "visits", Some(Level::All)).0, ["10"]);
}

fn item_of(bytes: &[u8]) -> Value {
    element::plain(bytes)
}

/// A field of a hash, and what every node reads of it.
fn field(amendment: Amendment, ends: Option<Wall>) -> Request {
    let (bucket, key) = ("default".to_owned(), field_key());
    Request::Amend(Amending { bucket, key, amendment, ends, level: None, durability: Durability::Fsync })
}

fn field_key() -> ItemKey {
    ItemKey::sorted("hash", vec![item::ELEMENT, b'h', 1])
}

fn read_field(cluster: &mut Cluster, at: u128) -> Option<String> {
    let get = Get { bucket: "default".to_owned(), key: field_key(), level: Some(Level::All) };
    let Response::Found(found) = cluster.ask(at, Request::Get(get)) else { panic!("it is read") };
    let shown = element::shown(found.siblings.iter().map(|sibling| (sibling.dot, &sibling.version)));
    shown.map(|shown| String::from_utf8_lossy(&shown).into_owned())
}

#[test]
fn a_field_is_counted_with_at_every_node_and_a_removal_takes_what_it_has_seen() {
    let mut cluster = Cluster::of(3, 4);
    let one = || field(Amendment::Add { by: Decimal::whole(1), whole: true }, None);
    for i in 0..8_u64 {
        assert_eq!(value(cluster.ask(1 + u128::from(i) % 4, one())), (i + 1).to_string());
    }
    assert_eq!(read_field(&mut cluster, 3).as_deref(), Some("8"));
    cluster.ask(4, field(Amendment::Put(None), None));
    assert_eq!(read_field(&mut cluster, 2), None);
    assert_eq!(value(cluster.ask(3, one())), "1");
    cluster.ask(1, field(Amendment::Put(Some(item_of(b"40"))), None));
    assert_eq!(value(cluster.ask(2, one())), "41");
    // A node starts again, and counts on under another name.
    cluster.kill(2);
    cluster.restart(2);
    cluster.run();
    assert_eq!(value(cluster.ask(2, one())), "42");
    let put = Amendment::Put(Some(item_of(b"word")));
    cluster.ask(3, field(put, None));
    assert_eq!(cluster.ask(2, one()), Response::Refused(Refusal::Unchanged(Unchanged::NotANumber)));
}

#[test]
fn a_field_ends_with_its_hash_and_begins_anew() {
    let mut cluster = Cluster::of(3, 3);
    let add = |ends: Option<Wall>| field(Amendment::Add { by: Decimal::whole(5), whole: true }, ends);
    let soon = cluster.time().wall.plus(Span::secs(5));
    let Response::Amended(outcome) = cluster.ask(1, add(Some(soon))) else { panic!("it is counted") };
    assert_eq!(outcome.expires, Some(soon));
    let Response::Amended(outcome) = cluster.ask(2, add(None)) else { panic!("it is counted") };
    assert_eq!((outcome.value, outcome.expires), ("10".into(), Some(soon)), "its end stays");
    let end = Amendment::End { expires: Some(cluster.time().wall), when: When::There };
    cluster.ask(3, field(end.clone(), None));
    assert_eq!(read_field(&mut cluster, 1), None);
    assert_eq!(cluster.ask(1, field(end, None)), Response::Refused(Refusal::Unchanged(Unchanged::Absent)));
    assert_eq!(value(cluster.ask(2, add(None))), "5");
}

#[test]
fn buckets_and_items_that_are_not_counted_with_say_so() {
    let mut cluster = Cluster::of(3, 3);
    for (name, rule, mode) in
        [("carts", Rule::Siblings, Mode::Eventual), ("locks", Rule::LastWriterWins, Mode::Linearizable)]
    {
        let bucket = Bucket { name: name.to_owned(), rule, mode, ..Bucket::default_bucket(3) };
        cluster.ask(2, Request::Admin(Admin::SetBucket(bucket)));
        cluster.run();
    }
    let of = |bucket: &str, key: ItemKey, amendment| {
        let (bucket, level) = (bucket.to_owned(), None);
        Request::Amend(Amending { bucket, key, amendment, ends: None, level, durability: Durability::Fsync })
    };
    let one = Amendment::Add { by: Decimal::whole(1), whole: true };
    let put = Amendment::Put(Some(item_of(b"v")));
    for request in [of("carts", ItemKey::plain("k"), one.clone()), of("default", ItemKey::plain("k"), put)] {
        let answer = cluster.ask(1, request);
        assert!(matches!(&answer, Response::Refused(Refusal::Invalid(_))), "{answer:?}");
    }
    for expected in ["1", "2"] {
        let Response::Swapped(current) = cluster.ask(3, of("locks", ItemKey::plain("k"), one.clone())) else {
            panic!()
        };
        assert_eq!(current.value.map(|value| value.bytes), Some(expected.into()));
    }
    let end = cluster.time().wall.plus(Span::secs(50));
    let give = Amendment::End { expires: Some(end), when: When::There };
    let Response::Swapped(current) = cluster.ask(3, of("locks", ItemKey::plain("k"), give)) else {
        panic!("it is there")
    };
    assert_eq!(current.expires, Some(end));
    let half = Amendment::Add { by: Decimal::from_f64(0.5).expect("a number"), whole: false };
    let answer = cluster.ask(3, of("locks", ItemKey::plain("k"), half));
    assert!(matches!(&answer, Response::Refused(Refusal::Invalid(_))), "{answer:?}");
    let get = Get { bucket: "locks".to_owned(), key: ItemKey::plain("k"), level: None };
    assert!(matches!(cluster.ask(1, Request::Get(get)), Response::Current(_)));
}

#[test]
fn what_an_earlier_life_may_have_added_is_not_handed_to_the_next_one() {
    let mut cluster = Cluster::of(2, 3);
    let grid = cluster.nodes[&NodeId(1)].machine().history().genesis().grid;
    let partition = Slot::new(grid, BucketId::DEFAULT, ItemKey::plain("visits")).partition;
    let (_, replicas) = cluster.nodes[&NodeId(1)].machine().reads_from(partition, BucketId::DEFAULT);
    let outside = (1..=3).find(|id| !replicas.contains(&NodeId(*id))).expect("two of three hold it");
    assert_eq!(value(cluster.ask(outside, add(1))), "1");
    let client = cluster.hand_in(outside, add(1));
    let forward = |cluster: &Cluster| {
        cluster.queue.iter().find_map(|(to, input)| match input {
            NodeInput::Peer { from, message: message @ Message::Forward { .. } } => Some((*to, *from, message.clone())),
            _ => None,
        })
    };
    cluster.deliver_until(|cluster| forward(cluster).is_some());
    let (to, from, message) = forward(&cluster).expect("it is under way");
    cluster.cut.insert((to, NodeId(outside)));
    cluster.deliver();
    // It was added; before the node can say so, it dies and lives again, and the message comes once more.
    cluster.kill(to.0);
    let disk = cluster.disks[&to].clone();
    let engine = disk.open().expect("the disk opens again");
    cluster.open_as(to, 77, disk, engine);
    cluster.cut.clear();
    cluster.queue.push_back((to, NodeInput::Peer { from, message }));
    cluster.deliver();
    assert_eq!(cluster.answer(client), Response::Refused(Refusal::NoAnswer { write: true }));
    cluster.run();
    assert_eq!(cluster.get(outside, "default", "visits", Some(Level::All)).0, ["2"]);
    assert_eq!(value(cluster.ask(outside, add(1))), "3", "the new life is known by now");
}

#[test]
fn what_was_not_there_lives_as_long_as_its_bucket_says() {
    let mut cluster = Cluster::of(3, 3);
    let ttl = Some(Span::secs(50));
    let bucket = Bucket { name: "limits".to_owned(), ttl, ..Bucket::default_bucket(3) };
    cluster.ask(1, Request::Admin(Admin::SetBucket(bucket)));
    cluster.run();
    let add = |cluster: &mut Cluster| {
        let (bucket, key, level) = ("limits".to_owned(), ItemKey::plain("k"), None);
        let amendment = Amendment::Add { by: Decimal::whole(1), whole: true };
        let request = Amending { bucket, key, amendment, ends: None, level, durability: Durability::Fsync };
        let Response::Amended(outcome) = cluster.ask(2, Request::Amend(request)) else { panic!("it is counted") };
        (outcome.value, outcome.expires)
    };
    let end = Some(cluster.time().wall.plus(Span::secs(50)));
    assert_eq!(add(&mut cluster), ("1".into(), end));
    cluster.run();
    assert_eq!(add(&mut cluster), ("2".into(), end), "nothing puts it off");
    cluster.run();
    cluster.run();
    let end = Some(cluster.time().wall.plus(Span::secs(50)));
    assert_eq!(add(&mut cluster), ("1".into(), end), "and anew");
}
