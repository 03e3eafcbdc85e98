//! Strings and their times to live at a node that keeps them in memory.

use super::{Client, put, store};
use crate::database::Database;
use crate::redis::RedisOptions;
use proto::{Durability, Request, Response};
use std::sync::Arc;

#[tokio::test]
async fn values_are_written_and_read() {
    let mut client = Client::new(RedisOptions::default()).await;
    for (line, reply) in [
        ("GET a", "$-1\r\n"),
        ("SET a 1", "+OK\r\n"),
        ("GET a", "$1\r\n1\r\n"),
        ("TYPE a", "+string\r\n"),
        ("TYPE b", "+none\r\n"),
        ("MSET b 2 c 3 b 4", "+OK\r\n"),
        ("MGET a b none c", "*4\r\n$1\r\n1\r\n$1\r\n4\r\n$-1\r\n$1\r\n3\r\n"),
        ("EXISTS a a none", ":2\r\n"),
        ("DEL a a none", ":1\r\n"),
        ("STRLEN b", ":1\r\n"),
        ("APPEND b 56", ":3\r\n"),
        ("SETRANGE b 5 x", ":6\r\n"),
        ("GET b", "$6\r\n456\0\0x\r\n"),
        ("GETRANGE b 1 2", "$2\r\n56\r\n"),
        ("SETRANGE new 1 \"\"", ":0\r\n"),
        ("EXISTS new", ":0\r\n"),
        ("SETRANGE b -1 x", "-ERR offset is out of range\r\n"),
    ] {
        client.ask(line, reply).await;
    }
}

#[tokio::test]
async fn times_to_live_are_kept_given_and_taken() {
    let mut client = Client::new(RedisOptions::default()).await;
    for (line, reply) in [
        ("TTL a", ":-2\r\n"),
        ("SET a 1 EX 100", "+OK\r\n"),
        ("TTL a", ":100\r\n"),
        ("APPEND a 2", ":2\r\n"),
        ("TTL a", ":100\r\n"),
        ("SET a 3 KEEPTTL", "+OK\r\n"),
        ("TTL a", ":100\r\n"),
        ("EXPIRE a 50 GT", ":0\r\n"),
        ("EXPIRE a 200 GT", ":1\r\n"),
        ("TTL a", ":200\r\n"),
        ("PERSIST a", ":1\r\n"),
        ("PERSIST a", ":0\r\n"),
        ("TTL a", ":-1\r\n"),
        ("PEXPIREAT a 32503680000000", ":1\r\n"),
        ("EXPIRETIME a", ":32503680000\r\n"),
        ("GETEX a PERSIST", "$1\r\n3\r\n"),
        ("TTL a", ":-1\r\n"),
        ("SETEX b 10 x", "+OK\r\n"),
        ("SET b y", "+OK\r\n"),
        ("TTL b", ":-1\r\n"),
        ("EXPIRE b -1", ":1\r\n"),
        ("EXISTS b", ":0\r\n"),
        ("EXPIRE none 5", ":0\r\n"),
        ("SET c 1 PXAT 1", "+OK\r\n"),
        ("EXISTS c", ":0\r\n"),
    ] {
        client.ask(line, reply).await;
    }
}

#[tokio::test]
async fn numbers_are_added_to() {
    let mut client = Client::new(RedisOptions::default()).await;
    for (line, reply) in [
        ("INCR n", ":1\r\n"),
        ("INCRBY n 10", ":11\r\n"),
        ("DECR n", ":10\r\n"),
        ("DECRBY n 20", ":-10\r\n"),
        ("INCRBYFLOAT n 0.5", "$4\r\n-9.5\r\n"),
        ("EXPIRE n 100", ":1\r\n"),
        ("INCRBYFLOAT n 0.5", "$2\r\n-9\r\n"),
        ("TTL n", ":100\r\n"),
        ("INCRBY n x", "-ERR value is not an integer or out of range\r\n"),
        ("DECRBY n -9223372036854775808", "-ERR decrement would overflow\r\n"),
        ("INCRBYFLOAT n x", "-ERR value is not a valid float\r\n"),
        ("SET text x", "+OK\r\n"),
        ("INCR text", "-ERR value is not an integer or out of range\r\n"),
    ] {
        client.ask(line, reply).await;
    }
}

/// How the writes of a client are acknowledged, and what CONFIG says of it.
async fn durabilities(mode: proto::Mode, durability: Durability) -> (Vec<Durability>, String) {
    let mut default = proto::Bucket::default_bucket(3);
    default.mode = mode;
    let store = store();
    let database = Arc::new(crate::fake::Fake::new(move |request| match request {
        Request::Admin(_) => {
            let mut status = crate::fake::status(&["Ted"]);
            status.buckets = vec![default.clone()];
            Response::Status(Box::new(status))
        }
        _ => store.answer(request),
    }));
    let options = RedisOptions { durability, ..RedisOptions::default() };
    let mut client = Client::of(Arc::<crate::fake::Fake>::clone(&database), options).await;
    client.ask("MSET a 1", "+OK\r\n").await;
    if mode == proto::Mode::Eventual {
        client.ask("INCR a", ":2\r\n").await;
    }
    client.send(b"CONFIG GET appendfsync\r\n").await;
    let said = client.texts().await.pop().unwrap();
    let asked = database.asked.lock().unwrap();
    let of = |request: &Request| match request {
        Request::Put(put) => Some(put.durability),
        Request::Amend(amending) => Some(amending.durability),
        _ => None,
    };
    (asked.iter().filter_map(|(request, _)| of(request)).collect(), said)
}

#[tokio::test]
async fn strings_are_acknowledged_from_memory_only_where_that_is_wanted_and_can_be_had() {
    use Durability::{Fsync, Memory};
    let (eventual, linearizable) = (proto::Mode::Eventual, proto::Mode::Linearizable);
    assert_eq!(durabilities(eventual, Fsync).await, (vec![Fsync, Fsync], "always".to_owned()));
    // Increments are on disk first, whatever is wanted.
    assert_eq!(durabilities(eventual, Memory).await, (vec![Memory, Fsync], "everysec".to_owned()));
    assert_eq!(durabilities(linearizable, Memory).await, (vec![Fsync], "everysec".to_owned()));
}

#[tokio::test]
async fn lengthening_does_not_undo_a_write_that_it_has_not_seen() {
    let database = Arc::new(store());
    let read = {
        let mut client = Client::of(Arc::<crate::fake::Fake>::clone(&database), RedisOptions::default()).await;
        client.ask("SET a old", "+OK\r\n").await;
        client.ask("APPEND a er", ":5\r\n").await;
        let asked = database.asked.lock().unwrap();
        asked.iter().find_map(|(r, _)| matches!(r, Request::Restore(_)).then(|| r.clone())).unwrap()
    };
    // The same once more, after another's write: as if it had come late.
    database.call(put("a", "new"), None).await;
    database.call(read, None).await;
    let mut client = Client::of(database, RedisOptions::default()).await;
    client.ask("GET a", "$3\r\nnew\r\n").await;
}

#[tokio::test]
async fn lengthening_what_is_deleted_does_not_undo_a_write_that_it_has_not_seen() {
    let database = Arc::new(store());
    let mut client = Client::of(Arc::<crate::fake::Fake>::clone(&database), RedisOptions::default()).await;
    client.ask("SET a old", "+OK\r\n").await;
    client.ask("DEL a", ":1\r\n").await;
    client.ask("APPEND a er", ":2\r\n").await;
    client.ask("GET a", "$2\r\ner\r\n").await;
    let is_restore = |request: &Request| matches!(request, Request::Restore(_)).then(|| request.clone());
    let late = database.asked.lock().unwrap().iter().find_map(|(request, _)| is_restore(request)).unwrap();
    database.call(put("a", "new"), None).await;
    database.call(late, None).await;
    client.ask("GET a", "$3\r\nnew\r\n").await;
    // Of a key that was never there nothing is known to write above.
    client.ask("SETRANGE b 1 x", ":2\r\n").await;
    client.ask("GET b", "$2\r\n\0x\r\n").await;
}

#[tokio::test]
async fn what_needs_one_order_is_refused_in_an_eventual_bucket() {
    let mut client = Client::new(RedisOptions::default()).await;
    for line in ["SET a 1 NX", "SET a 1 XX", "SET a 1 GET", "SETNX a 1", "GETSET a 1", "GETDEL a"] {
        client.ask(line, "-ERR ").await;
        client.expect(line.split(' ').next().unwrap()).await;
        let sentence = client.line().await;
        assert!(sentence.contains("select a database whose bucket is linearizable"), "{line}: {sentence}");
    }
    for line in ["MULTI", "EVAL x 0", "WATCH a", "RENAME a b", "LPUSH a b", "ZADD a 1 b", "SUBSCRIBE a"] {
        let mut client = Client::new(RedisOptions::default()).await;
        client.ask(line, &format!("-ERR {} is not served, because ", line.split(' ').next().unwrap())).await;
    }
}

#[tokio::test]
async fn a_string_is_copied_with_its_end() {
    let mut client = Client::new(RedisOptions::default()).await;
    client.ask("SET a 1 EX 100", "+OK\r\n").await;
    client.ask("SET b 2", "+OK\r\n").await;
    client.ask("COPY a b REPLACE", ":1\r\n").await;
    client.ask("GET b", "$1\r\n1\r\n").await;
    client.ask("TTL b", ":100\r\n").await;
    client.ask("GET a", "$1\r\n1\r\n").await;
    client.ask("COPY none b REPLACE", ":0\r\n").await;
    client.ask("GET b", "$1\r\n1\r\n").await;
    client.ask("COPY a c", "-ERR COPY without REPLACE ").await;
    client.line().await;
    client.ask("COPY a a REPLACE", "-ERR source and destination objects are the same\r\n").await;
    client.ask("COPY a b DB 1", "-ERR DB index is out of range\r\n").await;
    client.ask("HSET h f v", ":1\r\n").await;
    client.ask("COPY h b REPLACE", "-ERR COPY is served for strings only").await;
    client.line().await;
}

#[tokio::test]
async fn every_key_comes_once_in_a_scan() {
    let database = Arc::new(store());
    for at in 0..500 {
        let Response::Written(_) = database.call(put(&format!("key:{at}"), "x"), None).await else { panic!() };
    }
    let mut client = Client::of(database, RedisOptions::default()).await;
    let mut cursor = "0".to_owned();
    let mut seen = Vec::new();
    loop {
        let (next, keys) = client.scan(&format!("SCAN {cursor} COUNT 7 MATCH key:* TYPE string")).await;
        assert!(keys.len() <= 2 * 7, "{keys:?}");
        seen.extend(keys);
        cursor = next;
        if cursor == "0" {
            break;
        }
        assert!(cursor.parse::<u64>().unwrap() < 1 << 52);
    }
    seen.sort();
    let mut all: Vec<String> = (0..500).map(|at| format!("key:{at}")).collect();
    all.sort();
    assert_eq!(seen, all);
    client.ask("DBSIZE", ":500\r\n").await;
    client.ask("SCAN 0 TYPE hash COUNT 1000", "*2\r\n$1\r\n0\r\n*0\r\n").await;
    client.ask("KEYS key:7", "*1\r\n$5\r\nkey:7\r\n").await;
    client.ask("FLUSHDB", "-ERR Deleting everything must be allowed").await;
}

#[tokio::test]
async fn everything_is_deleted_if_that_is_allowed() {
    let mut client = Client::new(RedisOptions { flush: true, ..RedisOptions::default() }).await;
    client.ask("MSET a 1 b 2 c 3", "+OK\r\n").await;
    client.ask("HSET d f v", ":1\r\n").await;
    client.ask("RANDOMKEY", "$1\r\n").await;
    assert!("abcd".contains(&client.line().await));
    for line in ["FLUSHDB FOO", "FLUSHDB ASYNC SYNC", "FLUSHALL FOO", "FLUSHALL SYNC 1"] {
        client.ask(line, "-ERR syntax error\r\n").await;
    }
    client.ask("DBSIZE", ":4\r\n").await;
    client.ask("FLUSHDB", "+OK\r\n").await;
    client.ask("DBSIZE", ":0\r\n").await;
    for line in ["FLUSHDB ASYNC", "FLUSHALL sync"] {
        client.ask("SET a 1", "+OK\r\n").await;
        client.ask(line, "+OK\r\n").await;
        client.ask("DBSIZE", ":0\r\n").await;
    }
    client.ask("RANDOMKEY", "$-1\r\n").await;
}
