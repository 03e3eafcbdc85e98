//! Lists of a linearizable bucket over several nodes: what is there is listed once and as it is, also while replicas are
//! behind, down, or have accepted what nobody decided.

mod support;

use node::proto::paxos::Ballot;
use node::proto::{
    Admin, Bucket, Cas, Edit, Ends, Expect, Get, ItemKey, Level, Mode, Record, Refusal, Request, Response, Scan, Scope,
    Tried, Value,
};
use ring::{Grid, NodeId, PartitionId};
use std::collections::BTreeMap;
use support::Cluster;

const BUCKET: &str = "locks";

fn with_locks(nodes: u128) -> Cluster {
    let mut cluster = Cluster::of(3, nodes);
    let bucket = Bucket { name: BUCKET.to_owned(), mode: Mode::Linearizable, ..Bucket::default_bucket(3) };
    cluster.ask(2, Request::Admin(Admin::SetBucket(bucket)));
    cluster.run();
    cluster
}

fn change(key: &ItemKey, edit: Edit) -> Request {
    let (bucket, key, ends) = (BUCKET.to_owned(), key.clone(), Ends::Never);
    Request::Cas(Cas { bucket, key, expect: Expect::Any, edit, ends, id: None, tried: Tried::No })
}

fn put(cluster: &mut Cluster, at: u128, key: &ItemKey, value: &str) {
    let answer = cluster.ask(at, change(key, Edit::Put(Value::plain(value.to_owned()))));
    assert!(matches!(answer, Response::Swapped(_)), "{answer:?}");
}

fn row(number: usize) -> ItemKey {
    ItemKey::sorted("shelf", format!("{number:02}"))
}

fn list(after: Option<ItemKey>, limit: u32) -> Scan {
    let scope = Scope::SortKeys { partition_key: "shelf".into(), from: None, to: None, after };
    Scan { bucket: BUCKET.to_owned(), scope, limit, level: None }
}

/// All rows with version and value, page by page.
fn rows(cluster: &mut Cluster, at: u128, limit: u32) -> BTreeMap<ItemKey, (u64, String)> {
    let (mut found, mut after) = (BTreeMap::new(), None);
    loop {
        let answer = cluster.ask(at, Request::Scan(list(after, limit)));
        let Response::Page(page) = answer else { panic!("{answer:?}") };
        for (key, values) in page.items {
            let [only] = values.as_slice() else { panic!("{key:?} has {} values", values.len()) };
            let bytes = only.version.value.as_ref().expect("it is there").bytes.to_vec();
            let shown = (only.dot.counter, String::from_utf8(bytes).expect("text"));
            assert!(found.insert(key, shown).is_none(), "an item comes once");
        }
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

#[test]
fn every_item_is_listed_once_with_its_version_and_what_was_deleted_is_not() {
    let mut cluster = with_locks(4);
    let mut wanted = BTreeMap::new();
    for number in 0..30 {
        put(&mut cluster, 1 + number as u128 % 4, &row(number), "first");
        wanted.insert(row(number), (1, "first".to_owned()));
    }
    for number in (0..30).step_by(3) {
        put(&mut cluster, 2, &row(number), "second");
        wanted.insert(row(number), (2, "second".to_owned()));
    }
    for number in (0..30).step_by(5) {
        cluster.ask(3, change(&row(number), Edit::Delete));
        wanted.remove(&row(number));
    }
    for at in 1..=4 {
        assert_eq!(rows(&mut cluster, at, 7), wanted, "at node {at}");
    }
    assert_eq!(rows(&mut cluster, 1, 1_000), wanted);
    let strange = Scan { level: Some(Level::One), ..list(None, 10) };
    assert!(matches!(cluster.ask(1, Request::Scan(strange)), Response::Refused(Refusal::Invalid(_))));
}

#[test]
fn a_dump_of_a_whole_bucket_has_every_item_and_no_ballots() {
    let mut cluster = with_locks(3);
    let keys: Vec<ItemKey> = (0..40).map(|number| ItemKey::plain(format!("lock_{number}"))).collect();
    keys.iter().for_each(|key| put(&mut cluster, 1, key, "mine"));
    cluster.ask(2, change(&keys[7], Edit::Delete));
    let mut dumped = Vec::new();
    for partition in 0..Grid::new(6).expect("6 bits make a grid").count() {
        let scope = Scope::Partition { partition: PartitionId(partition as u16), after: None };
        let scan = Scan { bucket: BUCKET.to_owned(), scope, limit: 10_000, level: Some(Level::Quorum) };
        let Response::Records(records) = cluster.ask(3, Request::Dump(scan)) else { panic!("no records") };
        dumped.extend(records.items);
    }
    assert_eq!(dumped.len(), 39);
    for (key, record) in dumped {
        let Record::Register(register) = record else { panic!("{key:?} is of another kind") };
        assert_eq!(register.state.promised, Ballot::default());
        assert_eq!(register.cell().map(|cell| (cell.number, cell.recent.len())), Some((1, 0)));
        assert_ne!(key, keys[7]);
    }
}

#[test]
fn what_only_some_replicas_hold_is_decided_before_it_is_listed() {
    let mut cluster = with_locks(3);
    put(&mut cluster, 1, &row(1), "old");
    put(&mut cluster, 1, &row(2), "untouched");
    // The proposer's accepts reach nobody but itself; then it hears nobody, so nobody knows what became of the change.
    let others = [NodeId(2), NodeId(3)];
    let cut: Vec<(NodeId, NodeId)> =
        others.iter().flat_map(|other| [(NodeId(1), *other), (*other, NodeId(1))]).collect();
    cluster.cut.extend(cut.iter().copied());
    let answer = cluster.ask(1, change(&row(1), Edit::Put(Value::plain("half"))));
    assert!(matches!(answer, Response::Refused(_)), "{answer:?}");
    cluster.cut.clear();
    cluster.run();
    let first = rows(&mut cluster, 2, 10);
    assert_eq!(first[&row(2)].1, "untouched");
    let listed = first[&row(1)].clone();
    let get = Get { bucket: BUCKET.to_owned(), key: row(1), level: None };
    for at in 1..=3 {
        let Response::Current(current) = cluster.ask(at, Request::Get(get.clone())) else { panic!("no answer") };
        assert_eq!(current.version, listed.0, "what was listed stays decided");
        assert_eq!(rows(&mut cluster, at, 10)[&row(1)], listed);
    }
}

#[test]
fn a_list_does_without_one_replica_and_is_refused_without_two() {
    let mut cluster = with_locks(3);
    put(&mut cluster, 1, &row(1), "one");
    cluster.kill(3);
    cluster.run();
    put(&mut cluster, 1, &row(1), "two");
    put(&mut cluster, 1, &row(2), "new");
    let wanted: BTreeMap<_, _> = [(row(1), (2, "two".to_owned())), (row(2), (1, "new".to_owned()))].into();
    assert_eq!(rows(&mut cluster, 2, 10), wanted);
    // It is behind, and is asked together with one that is not.
    cluster.restart(3);
    cluster.run();
    cluster.kill(1);
    cluster.run();
    assert_eq!(rows(&mut cluster, 3, 10), wanted);
    cluster.kill(2);
    cluster.run();
    let answer = cluster.ask(3, Request::Scan(list(None, 10)));
    let is_refused = matches!(answer, Response::Refused(Refusal::OutOfReach { needed: 2, reachable: 1 }));
    assert!(is_refused, "{answer:?}");
}

#[test]
fn lists_go_on_over_changes_of_the_ring() {
    let mut cluster = with_locks(3);
    let mut wanted = BTreeMap::new();
    for number in 0..20 {
        put(&mut cluster, 1, &row(number), "v");
        wanted.insert(row(number), (1, "v".to_owned()));
    }
    for id in 4..=6 {
        cluster.join(id);
        for at in 1..=id {
            assert_eq!(rows(&mut cluster, at, 6), wanted, "at {at} of {id}");
        }
    }
}
