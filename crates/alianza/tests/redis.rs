//! Redis clients at real nodes: a library and the command line tool, against three of them, one killed in the middle.

mod support;

use redis::{Commands as _, Connection, RedisError, RedisResult};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Process, eventually, free_port, temporary};

/// A node with its port for Redis clients.
struct Node {
    process: Process,
    redis: u16,
}

impl Node {
    fn connect(&self) -> RedisResult<Connection> {
        redis::Client::open(format!("redis://127.0.0.1:{}/?protocol=resp3", self.redis))?.get_connection()
    }

    fn connected(&self) -> Connection {
        self.connect().expect("the node takes Redis clients")
    }
}

/// A settled cluster whose nodes serve Redis clients.
fn cluster(directory: &Path, count: usize, more: &[&str]) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for _ in 0..count {
        let redis = free_port();
        let address = format!("127.0.0.1:{redis}");
        let seed = nodes.first().map(|node| node.process.uri());
        let mut arguments = vec!["--redis", address.as_str()];
        arguments.extend(more);
        if let Some(seed) = &seed {
            arguments.extend(["--seeds", seed.as_str()]);
        }
        nodes.push(Node { process: Process::start(directory, &arguments), redis });
    }
    nodes.iter().for_each(|node| node.process.wait_settled(count));
    nodes
}

#[test]
fn any_node_serves_any_key_and_other_interfaces_see_the_same() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 3, &[]);
    let mut clients: Vec<Connection> = nodes.iter().map(Node::connected).collect();
    for at in 0..30 {
        let _: () = clients[at % 3].set(format!("key:{at}"), at).expect("a value is written");
    }
    for at in 0..30 {
        assert_eq!(clients[(at + 1) % 3].get::<_, Option<usize>>(format!("key:{at}")), Ok(Some(at)));
    }
    assert_eq!(nodes[0].process.value("key:7").as_deref(), Some("7"));
    assert_eq!(nodes[1].process.put("key:7", "from HTTP").status, 200);
    assert_eq!(clients[2].get::<_, String>("key:7").as_deref(), Ok("from HTTP"));

    let bytes: Vec<u8> = (0..=255).collect();
    let _: () = clients[0].set(&bytes, &bytes).expect("keys and values are any bytes");
    assert_eq!(clients[1].get::<_, Vec<u8>>(&bytes), Ok(bytes.clone()));
    assert_eq!(clients[1].del::<_, usize>((&bytes, "none")), Ok(1));

    let _: () = clients[0].set_ex("short", "x", 100).expect("a value with a time to live");
    let left: i64 = clients[1].pttl("short").expect("it has one");
    assert!((1..=100_000).contains(&left), "{left}");
    let seen: BTreeSet<String> =
        clients[2].scan_match("key:*").expect("a scan").map(|key| key.expect("a key")).collect();
    assert_eq!(seen, (0..30).map(|at| format!("key:{at}")).collect());
}

#[test]
fn a_client_goes_on_at_another_node_when_its_own_is_killed() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 3, &[]);
    let mut client = nodes[0].connected();
    let mut acknowledged = BTreeMap::new();
    for at in 0..300 {
        if at == 100 {
            nodes[0].process.kill();
        }
        let (key, value) = (format!("key:{}", at % 120), at);
        let mut written: RedisResult<()> = client.set(&key, value);
        if written.as_ref().is_err_and(RedisError::is_connection_dropped)
            || written.as_ref().is_err_and(|e| e.is_io_error())
        {
            // Whether this write was taken is not known, so it is made again at another node.
            client = nodes[1].connected();
            written = client.set(&key, value);
        }
        if written.is_ok() {
            acknowledged.insert(key, value);
        }
    }
    assert!(acknowledged.values().any(|value| *value > 200), "no write was taken after the kill: {acknowledged:?}");
    let mut other = nodes[2].connected();
    for (key, value) in &acknowledged {
        let mut read = None;
        eventually("a quorum answers", || {
            read = other.get::<_, Option<i32>>(key).ok();
            read.is_some()
        });
        assert_eq!(read, Some(Some(*value)), "{key}");
    }
}

#[test]
fn a_pipeline_is_answered_in_order() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 1, &[]);
    let mut client = nodes[0].connected();
    let mut pipe = redis::pipe();
    for at in 0..1_000 {
        pipe.cmd("SET").arg(format!("key:{}", at % 10)).arg(at).ignore();
        pipe.cmd("GET").arg(format!("key:{}", at % 10));
    }
    let values: Vec<i32> = pipe.query(&mut client).expect("the pipeline is answered");
    assert_eq!(values, (0..1_000).collect::<Vec<_>>());
    let refused = redis::cmd("MULTI").query::<()>(&mut client).expect_err("there are no transactions").to_string();
    assert!(refused.contains("MULTI is not served"), "{refused}");
}

#[test]
fn a_linearizable_bucket_gives_what_needs_one_order() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 3, &["--redis-databases", "1=locks"]);
    let path = format!("{}/v1/buckets/locks", nodes[0].process.uri());
    let answer = support::agent().put(path).send(json!({"mode": "linearizable"}).to_string()).expect("an answer");
    assert!(answer.status().is_success(), "{answer:?}");
    let mut clients: Vec<Connection> = nodes.iter().map(Node::connected).collect();
    for (node, client) in nodes.iter().zip(&mut clients) {
        eventually("every node knows the bucket", || node.process.get("/v1/buckets").body.contains("\"locks\""));
        let _: () = redis::cmd("SELECT").arg(1).query(client).expect("database 1 is there");
    }
    assert_eq!(clients[0].set_nx("lock", "first"), Ok(true));
    assert_eq!(clients[1].set_nx("lock", "second"), Ok(false));
    assert_eq!(clients[2].getset("lock", "third"), Ok("first".to_owned()));
    assert_eq!(redis::cmd("COPY").arg("lock").arg("copied").query(&mut clients[2]), Ok(1));
    assert_eq!(redis::cmd("COPY").arg("lock").arg("copied").query(&mut clients[0]), Ok(0), "there is one");
    assert_eq!(redis::cmd("GETDEL").arg("lock").query(&mut clients[1]), Ok("third".to_owned()));
    assert_eq!(clients[1].exists("lock"), Ok(false));
    let unknown = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for client in &mut clients {
            scope.spawn(|| {
                for _ in 0..20 {
                    let results: [RedisResult<i64>; 2] = [client.incr("count", 1), client.append("log", "x")];
                    for error in results.into_iter().filter_map(Result::err) {
                        let error = error.to_string();
                        // Others have changed the item meanwhile: it was made, only the sum is not known.
                        if error.contains("was changed as asked") {
                            continue;
                        }
                        // They have changed it so often that nobody knows; it may be there once.
                        assert!(error.contains("it cannot be told whether"), "{error}");
                        unknown.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let (count, appended): (usize, usize) = (clients[0].get("count").unwrap(), clients[0].strlen("log").unwrap());
    let made = count + appended;
    assert!(made <= 120 && made + unknown.into_inner() >= 120, "{count} increments, {appended} letters");
    // A node that was lost sight of meanwhile may have made it, so it may have to be asked for again.
    eventually("it gets an end", || clients[0].expire("count", 500) == Ok(true));
    assert!((400..=500).contains(&clients[1].ttl::<_, i64>("count").unwrap()));
    eventually("it stays", || clients[0].persist::<_, bool>("count").is_ok());
    assert_eq!(clients[1].ttl("count"), Ok(-1));
    assert_eq!(clients[1].expire("none", 5), Ok(false));
}

#[test]
fn a_lock_ends_or_is_let_go_by_its_holder_alone() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 3, &["--redis-databases", "1=locks"]);
    let path = format!("{}/v1/buckets/locks", nodes[0].process.uri());
    let answer = support::agent().put(path).send(json!({"mode": "linearizable"}).to_string()).expect("an answer");
    assert!(answer.status().is_success(), "{answer:?}");
    let mut clients: Vec<Connection> = nodes.iter().map(Node::connected).collect();
    for (node, client) in nodes.iter().zip(&mut clients) {
        eventually("every node knows the bucket", || node.process.get("/v1/buckets").body.contains("\"locks\""));
        let _: () = redis::cmd("SELECT").arg(1).query(client).expect("database 1 is there");
    }
    let take = |client: &mut Connection, who: &str, millis: u64| -> Option<String> {
        redis::cmd("SET").arg(&["l", who, "NX", "PX", &millis.to_string()]).query(client).expect("an answer")
    };
    let token = |client: &mut Connection| -> Option<(u64, String, i64)> {
        redis::cmd("ALIANZA.VERSION").arg("l").query(client).expect("an answer")
    };
    let release = |client: &mut Connection, who: &str| -> i64 {
        redis::cmd("DELEX").arg(&["l", "IFEQ", who]).query(client).expect("an answer")
    };
    assert!(take(&mut clients[0], "one", 600_000).is_some());
    assert_eq!(take(&mut clients[1], "two", 600_000), None);
    let (version, holder, left) = token(&mut clients[2]).expect("it is held");
    assert!(version == 1 && holder == "one" && left > 0 && left <= 600_000, "{version} {holder} {left}");
    assert_eq!(release(&mut clients[1], "two"), 0);
    // The holder wants less than it had, and is late.
    let shorter =
        redis::cmd("SET").arg(&["l", "one", "IFEQ", "one", "PX", "1"]).query::<Option<String>>(&mut clients[0]);
    assert_eq!(shorter, Ok(Some("OK".to_owned())));
    eventually("the lock ends by itself", || take(&mut clients[1], "two", 600_000).is_some());
    assert_eq!(release(&mut clients[0], "one"), 0, "whose lock has ended lets nobody else's go");
    let (version, holder, _) = token(&mut clients[0]).expect("it is held");
    assert!(version > 2 && holder == "two", "the token goes on: {version} {holder}");
    assert_eq!(release(&mut clients[2], "two"), 1);
    assert_eq!(token(&mut clients[1]), None);
}

#[test]
fn changes_of_different_fields_and_members_never_overwrite_each_other() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 3, &[]);
    let mut clients: Vec<Connection> = nodes.iter().map(Node::connected).collect();
    std::thread::scope(|scope| {
        for (who, client) in clients.iter_mut().enumerate() {
            scope.spawn(move || {
                for at in 0..30 {
                    let _: () = client.hset("hash", format!("{who}:{at}"), at).expect("a field is written");
                    let _: () = client.sadd("set", format!("{who}:{at}")).expect("a member is added");
                    let _: () = client.sadd("set", "everybody's").expect("a member is added");
                    if at % 3 == 0 {
                        assert_eq!(client.srem("set", format!("{who}:{at}")), Ok(1));
                    }
                }
            });
        }
    });
    nodes[1].process.kill();
    let mut members = BTreeSet::from(["everybody's".to_owned()]);
    let mut fields = BTreeMap::new();
    for (who, at) in (0..3).flat_map(|who| (0..30).map(move |at| (who, at))) {
        fields.insert(format!("{who}:{at}"), at);
        if at % 3 != 0 {
            members.insert(format!("{who}:{at}"));
        }
    }
    for at in [0, 2] {
        eventually("a quorum answers", || clients[at].scard::<_, usize>("set").is_ok());
        assert_eq!(clients[at].smembers("set"), Ok(members.clone()));
        assert_eq!(clients[at].hgetall("hash"), Ok(fields.clone()));
        let scanned: RedisResult<BTreeSet<String>> = clients[at].sscan("set").expect("a scan").collect();
        assert_eq!(scanned, Ok(members.clone()));
    }
    let wrong = clients[0].get::<_, String>("set").expect_err("it is no string");
    assert!(wrong.to_string().contains("WRONGTYPE"), "{wrong}");
    assert_eq!(clients[0].del(("set", "hash")), Ok(2));
    assert_eq!(clients[2].exists("hash"), Ok(false));
}

#[test]
fn no_increment_is_lost_on_three_nodes_at_once_and_over_a_kill() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 3, &[]);
    let mut clients: Vec<Connection> = nodes.iter().map(Node::connected).collect();
    let count = |clients: &mut [Connection]| {
        let unknown = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for client in clients {
                let unknown = &unknown;
                scope.spawn(move || {
                    for _ in 0..50 {
                        let made: RedisResult<i64> = client.incr("count", 1);
                        unknown.fetch_add(usize::from(made.is_err()), Ordering::Relaxed);
                    }
                });
            }
        });
        unknown.into_inner()
    };
    assert_eq!(count(&mut clients), 0);
    assert_eq!(clients[1].get("count"), Ok(150));
    assert_eq!(clients[2].incr("count", 0.25), Ok(150.25));
    assert_eq!(clients[0].incr("count", 0.75), Ok(151));
    assert_eq!(clients[1].expire("count", 1_000), Ok(true));
    nodes[0].process.kill();
    let unknown = count(&mut clients[1..]);
    let sum: usize = clients[2].get("count").expect("a quorum answers");
    assert!(sum <= 251 && sum + unknown >= 251, "{sum} with {unknown} unknown");
    let left: i64 = clients[2].ttl("count").expect("it has an end");
    assert!((900..=1_000).contains(&left), "{left}");
}

#[test]
fn a_scan_misses_no_key_while_a_node_joins() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 2, &[]);
    let mut client = nodes[0].connected();
    let mut pipe = redis::pipe();
    for at in 0..2_000 {
        pipe.set(format!("key:{at}"), "x".repeat(500)).ignore();
    }
    pipe.query::<()>(&mut client).expect("the keys are written");
    let page = |client: &mut Connection, cursor: u64| -> (u64, Vec<String>) {
        redis::cmd("SCAN").arg(cursor).arg("COUNT").arg(20).query(client).expect("a page")
    };
    let (mut cursor, first) = page(&mut client, 0);
    let mut seen: BTreeSet<String> = first.into_iter().collect();
    let redis = free_port();
    let (address, seed) = (format!("127.0.0.1:{redis}"), nodes[0].process.uri());
    let mut process = Process::prepare(directory.path(), &["--redis", &address, "--seeds", &seed]);
    process.spawn();
    let mut pages = 1;
    while cursor != 0 && pages < 40 {
        let (next, keys) = page(&mut client, cursor);
        (cursor, pages) = (next, pages + 1);
        seen.extend(keys);
    }
    assert!(cursor != 0, "the scan was over before the node had come in");
    eventually("the node is ready", || process.try_get("/readyz").is_some_and(|answer| answer.status == 200));
    process.wait_settled(3);
    nodes.push(Node { process, redis });
    // A cursor is as good at the node that has just come in.
    let mut client = nodes[2].connected();
    while cursor != 0 {
        let (next, keys) = page(&mut client, cursor);
        cursor = next;
        seen.extend(keys);
    }
    assert_eq!(seen.len(), 2_000);
}

#[test]
fn strangers_need_the_password() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 1, &["--redis-password", "sesame"]);
    let url = |user: &str| format!("redis://{user}127.0.0.1:{}/?protocol=resp3", nodes[0].redis);
    let connect = |user: &str| redis::Client::open(url(user)).and_then(|client| client.get_connection());
    assert!(connect("").and_then(|mut client| client.get::<_, Option<String>>("a")).is_err());
    assert!(connect(":wrong@").is_err());
    let mut client = connect(":sesame@").expect("the password is right");
    assert_eq!(client.get::<_, Option<String>>("a"), Ok(None));
    let output = support::run(&["start", "--redis", "0.0.0.0:0", "--port", "0"]);
    let words = support::text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("without a password"), "{words}");
}
