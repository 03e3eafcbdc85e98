//! The client crate against real nodes: no hop between nodes for what one of them can do, and no failed operation while a node
//! is killed.

mod support;

use client::policy::{RoundRobin, TokenAware};
use client::{BucketChange, Client, Edit, Error, Level, Rule, Told, Value, Why};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::{Process, cluster, eventually, run, temporary};

fn forwards(nodes: &[Process]) -> u64 {
    nodes.iter().map(|node| node.get("/v1/stats").json()["counters"]["forwards"].as_u64().expect("a number")).sum()
}

fn operations(node: &Process, kind: &str) -> u64 {
    let stats = node.get("/v1/stats").json();
    let all = stats["operations"].as_array().expect("a list").clone();
    all.iter().filter(|of| of["operation"] == kind).map(|of| of["count"].as_u64().expect("a number")).sum()
}

fn one_more(count: Option<Value>) -> Edit {
    let count = count.map_or(0, |value| String::from_utf8_lossy(&value.bytes).parse::<u64>().expect("a number"));
    Edit::Put((count + 1).to_string().into())
}

fn connect(nodes: &[Process]) -> Client {
    Client::builder([nodes[0].uri()]).policy(TokenAware::over(RoundRobin::default())).build().expect("a client")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_make_no_hop() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 3, &[]);
    let client = connect(&nodes);
    // With one copy there is one node for each key, so anything but a hit is a hop.
    client.set_bucket("single", &BucketChange::default().copies(1)).await.unwrap();
    client.set_bucket("locks", &BucketChange::default().copies(3).rule(Rule::Linearizable)).await.unwrap();
    // All nodes have to know the buckets, or a key has other replicas there.
    for node in &nodes {
        eventually("all nodes know the buckets", || {
            let ring = node.get("/v1/ring").json();
            ring["epoch"].as_u64() == client.epoch() && node.get("/v1/cluster").json()["stable"] == ring["epoch"]
        });
    }
    let before = forwards(&nodes);
    let (single, locks) = (client.bucket("single"), client.bucket("locks"));
    for at in 0..60 {
        let key = format!("key_{at}");
        single.put(key.clone(), "v").await.unwrap();
        single.delete(format!("other_{at}")).await.unwrap();
        single.add(format!("count_{at}"), 1).await.unwrap();
        assert_eq!(single.value(key.clone()).await.unwrap().unwrap(), "v");
        locks.add(key.clone(), 1).await.unwrap();
    }
    let mut batch = client.batch();
    for at in 0..60 {
        batch.push(single.put(format!("key_{at}"), "w"));
    }
    assert!(batch.run().await.unwrap().iter().all(Result::is_ok));
    assert_eq!(forwards(&nodes), before);
    // Reads are not handed on but asked around; that each went to a replica is what the counts say: a node that holds a key
    // alone was asked for it.
    let gets: Vec<u64> = nodes.iter().map(|node| operations(node, "get")).collect();
    let owned = nodes.iter().map(|node| {
        let keys: BTreeSet<String> =
            node.own_keys_of("single").into_iter().filter(|key| key.starts_with("key_")).collect();
        keys.len() as u64
    });
    assert_eq!(gets, owned.collect::<Vec<_>>());
    // The same from a client that does not know the ring does hop, so the counter counts.
    let blind = Client::builder([nodes[0].uri()]).only_these().build().unwrap();
    for at in 0..60 {
        blind.bucket("single").put(format!("key_{at}"), "x").await.unwrap();
    }
    assert!(forwards(&nodes) > before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_operation_fails_while_a_node_is_killed() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 3, &[]);
    let client = connect(&nodes);
    let carts = BucketChange::default().copies(3).rule(Rule::Linearizable);
    client.set_bucket("locks", &carts).await.unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let (client, done) = (client.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                let (items, locks) = (client.bucket("default"), client.bucket("locks"));
                let mut added = 0;
                for round in 0.. {
                    let key = format!("{worker}-{round}");
                    items.put(key.clone(), key.clone()).await.unwrap();
                    assert_eq!(
                        items.get(key.clone()).level(Level::Quorum).await.unwrap().value().unwrap().unwrap().bytes,
                        key
                    );
                    // Counted once, whatever became of the first attempt: changes there have names, and here a version, from
                    // which a node can tell whether one was made.
                    locks.update(format!("count_{worker}"), |_| unreachable!("one value"), one_more).await.unwrap();
                    added += 1;
                    if done.fetch_add(1, Ordering::SeqCst) > 800 {
                        break;
                    }
                }
                (worker, added)
            })
        })
        .collect();
    eventually("a part is done", || done.load(Ordering::SeqCst) > 200);
    nodes[2].kill();
    for worker in workers {
        let (worker, added) = worker.await.expect("no operation fails");
        let sum = client.bucket("locks").value(format!("count_{worker}")).await.unwrap().unwrap();
        assert_eq!(sum, added.to_string());
    }
    let status = client.status().await.unwrap();
    assert_eq!(status.members.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybodys_changes_are_kept() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 3, &[]);
    let client = connect(&nodes);
    client.set_bucket("carts", &BucketChange::default().rule(Rule::Siblings)).await.unwrap();
    client.set_bucket("locks", &BucketChange::default().rule(Rule::Linearizable)).await.unwrap();
    let join = |values: Vec<Value>| {
        let lines: BTreeSet<Vec<u8>> =
            values.iter().flat_map(|value| value.bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec)).collect();
        Value::plain(lines.into_iter().collect::<Vec<_>>().join(&b'\n'))
    };
    for bucket in ["carts", "locks"] {
        let workers = (0..6).map(|worker| {
            let bucket = client.bucket(bucket);
            tokio::spawn(async move {
                let more = format!("line {worker}");
                let change = |cart: Option<Value>| {
                    Edit::Put(join([cart, Some(more.clone().into())].into_iter().flatten().collect()))
                };
                bucket.update("k", join, change).await.unwrap();
            })
        });
        for worker in workers.collect::<Vec<_>>() {
            worker.await.unwrap();
        }
        let item = client.bucket(bucket).settle("k", join).await.unwrap();
        let text = String::from_utf8(item.value().unwrap().unwrap().bytes.to_vec()).unwrap();
        assert_eq!(text.lines().collect::<Vec<_>>(), (0..6).map(|at| format!("line {at}")).collect::<Vec<_>>());
    }
    // All of a bucket, page by page.
    let items = client.bucket("default");
    for at in 0..25 {
        items.put(format!("k{at}"), "v").await.unwrap();
    }
    let (mut scan, mut keys) = (items.scan().page(7), BTreeSet::new());
    while let Some(item) = scan.next().await.unwrap() {
        assert!(keys.insert(item.key));
    }
    assert_eq!(keys.len(), 25);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_named_authority_is_trusted() {
    let directory = temporary();
    let [ours, theirs] = ["ours", "theirs"].map(|name| {
        let dir = directory.path().join(name);
        let dir = dir.to_str().unwrap();
        assert!(run(&["cert", "ca", dir]).status.success());
        assert!(run(&["cert", "node", dir, "--host", "127.0.0.1"]).status.success());
        ["node.pem", "node.key", "ca.pem"].map(|file| format!("{dir}/{file}"))
    });
    let [cert, key, ca] = &ours;
    let node = Process::start(directory.path(), &["--tls-cert", cert, "--tls-key", key, "--tls-ca", ca]);
    assert!(node.uri().starts_with("https://"));
    let with = |ca: &str| Client::builder([node.uri()]).ca_file(ca).unwrap().build().unwrap().bucket("default");
    with(ca).put("k", "v").await.unwrap();
    assert_eq!(with(ca).value("k").await.unwrap().unwrap(), "v");
    let strange = with(&theirs[2]).get("k").await.unwrap_err();
    assert!(matches!(&strange, Error::Unreachable { why: Why::Tls(_), .. }), "{strange:?}");
}

fn wait_all_up(nodes: &[Process]) {
    eventually("everybody looks up to everybody", || {
        nodes.iter().all(|node| {
            let status = node.try_get("/v1/cluster").filter(|answer| answer.status == 200);
            let is_up = |member: &serde_json::Value| member["condition"] == "up";
            status.is_some_and(|answer| answer.json()["members"].as_array().is_some_and(|all| all.iter().all(is_up)))
        })
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_misses_nothing_while_nodes_are_killed() {
    const KEYS: usize = 120;
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 3, &[]);
    let items = connect(&nodes).bucket("default");
    let mut watch = items.watch().prefix("w_");
    assert_eq!(watch.next().await.unwrap(), Some(Told::Ready));
    let writer = {
        let items = items.clone();
        tokio::spawn(async move {
            for at in 0..KEYS {
                // Each node is away once, so the one that tells is, too.
                if at % 40 == 20 {
                    // Two that are away at once would be no quorum.
                    tokio::task::block_in_place(|| wait_all_up(&nodes));
                    nodes[at / 40].kill();
                } else if at % 40 == 39 {
                    nodes[at / 40].launch();
                }
                items.put(format!("w_{at}"), "v").await.unwrap();
            }
            nodes
        })
    };
    let mut told = BTreeSet::new();
    let hearing = async {
        while told.len() < KEYS {
            match watch.next().await {
                Ok(Some(Told::Change(change))) => drop(told.insert(change.key.partition)),
                Ok(Some(Told::Ready | Told::Gap(_))) => {
                    for at in 0..KEYS {
                        let key = format!("w_{at}");
                        if items.value(key.clone()).await.unwrap().is_some() {
                            told.insert(key.into());
                        }
                    }
                }
                Ok(None) => panic!("nobody has ended the watch"),
                // For a moment there was none who could tell.
                Err(error) => assert!(error.problem().is_none_or(|problem| problem.status >= 500), "{error}"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(90), hearing).await.expect("every change is told");
    drop(writer.await.unwrap());
}
