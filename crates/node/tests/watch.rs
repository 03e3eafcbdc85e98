//! Following replicas for changes over a few nodes: whichever way a replica gets them, and where it cannot be gone on with.

mod support;

use node::proto::watch::{Followed, Interest, Places, Position, Watch, Watched};
use node::proto::{BucketId, Refusal, Request, Response};
use ring::NodeId;
use support::Cluster;

const ALL: Interest = Interest { bucket: BucketId::DEFAULT, partition: None };

fn follow(cluster: &mut Cluster, through: u128, node: u128, after: Option<Position>) -> Followed {
    let watch = Watch::Follow { node: NodeId(node), interests: vec![ALL], after, limit: 100 };
    match cluster.ask(through, Request::Watch(watch)) {
        Response::Watched(watched) => match *watched {
            Watched::Followed(followed) => followed,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn places(cluster: &mut Cluster, at: u128, prefer: Vec<NodeId>, avoid: Option<NodeId>) -> Places {
    let bucket = Some("default".to_owned());
    let watch = Watch::Places { bucket, partition_key: Some("a".into()), prefer, avoid };
    match cluster.ask(at, Request::Watch(watch)) {
        Response::Watched(watched) => match *watched {
            Watched::Places(places) => places,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn keys(followed: &Followed) -> Vec<String> {
    let key = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
    followed.changes.iter().map(|change| key(&change.key.partition_key)).collect()
}

#[test]
fn what_a_replica_gets_is_told_through_any_node() {
    let mut cluster = Cluster::of(3, 4);
    let first = follow(&mut cluster, 4, 2, None);
    assert!(first.changes.is_empty());
    cluster.put(1, "default", "a", Some("1"), None);
    cluster.put(3, "default", "a", None, None);
    cluster.run();
    for through in [1, 2, 4] {
        let holds = cluster.copies(2) > 0;
        let told = follow(&mut cluster, through, 2, Some(first.at));
        if holds {
            assert_eq!(keys(&told), ["a", "a"]);
            assert_eq!(told.changes.iter().map(|change| change.gone).collect::<Vec<_>>(), [false, true]);
        }
        assert_eq!(told.at.life, first.at.life);
    }
}

#[test]
fn what_a_replica_missed_is_told_when_it_gets_it() {
    let mut cluster = Cluster::of(3, 3);
    let first = follow(&mut cluster, 1, 3, None);
    for other in [1, 2] {
        cluster.cut.insert((NodeId(other), NodeId(3)));
        cluster.cut.insert((NodeId(3), NodeId(other)));
    }
    cluster.put(1, "default", "a", Some("1"), None);
    cluster.cut.clear();
    assert!(keys(&follow(&mut cluster, 3, 3, Some(first.at))).is_empty(), "it has not heard of it");
    // A read at every replica repairs it.
    cluster.get(1, "default", "a", Some(node::proto::Level::All));
    cluster.run();
    assert_eq!(keys(&follow(&mut cluster, 2, 3, Some(first.at))), ["a"]);
}

#[test]
fn another_life_is_seen_and_places_are_chosen() {
    let mut cluster = Cluster::of(3, 3);
    let first = follow(&mut cluster, 1, 2, None);
    cluster.kill(2);
    let disk = cluster.disks[&NodeId(2)].clone();
    let engine = disk.open().expect("the disk opens again");
    cluster.open_as(NodeId(2), 77, disk, engine);
    cluster.run();
    let again = follow(&mut cluster, 1, 2, Some(first.at));
    assert!(again.changes.is_empty() && again.at.life != first.at.life);
    let chosen = |places: &Places| places.of.iter().map(|(node, _)| node.0).collect::<Vec<_>>();
    assert_eq!(chosen(&places(&mut cluster, 1, Vec::new(), None)), [1], "itself");
    assert_eq!(chosen(&places(&mut cluster, 1, vec![NodeId(3)], None)), [3]);
    assert_eq!(chosen(&places(&mut cluster, 1, vec![NodeId(9)], None)), [1]);
    assert_ne!(chosen(&places(&mut cluster, 1, Vec::new(), Some(NodeId(1)))), [1]);
    let unknown = Watch::Places { bucket: Some("no".to_owned()), partition_key: None, prefer: vec![], avoid: None };
    let answer = cluster.ask(1, Request::Watch(unknown));
    assert!(matches!(answer, Response::Refused(Refusal::UnknownBucket(_))), "{answer:?}");
}
