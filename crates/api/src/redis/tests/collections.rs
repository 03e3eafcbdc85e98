//! Hashes and sets at a node that keeps them in memory.

use super::{Client, store};
use crate::database::Database;
use crate::redis::RedisOptions;
use proto::{Request, Response};
use std::sync::Arc;

#[tokio::test]
async fn fields_are_written_read_and_removed() {
    let mut client = Client::new(RedisOptions::default()).await;
    for (line, reply) in [
        ("HGET h f", "$-1\r\n"),
        ("HLEN h", ":0\r\n"),
        ("HSET h f 1 g 2", ":2\r\n"),
        ("HSET h f 3 i 4", ":1\r\n"),
        ("HGET h f", "$1\r\n3\r\n"),
        ("HMGET h g none i", "*3\r\n$1\r\n2\r\n$-1\r\n$1\r\n4\r\n"),
        ("HEXISTS h f", ":1\r\n"),
        ("HEXISTS h none", ":0\r\n"),
        ("HSTRLEN h f", ":1\r\n"),
        ("HLEN h", ":3\r\n"),
        ("TYPE h", "+hash\r\n"),
        ("EXISTS h", ":1\r\n"),
        ("HDEL h f none", ":1\r\n"),
        ("HLEN h", ":2\r\n"),
        ("HDEL h g i", ":2\r\n"),
        ("EXISTS h", ":0\r\n"),
        ("TYPE h", "+none\r\n"),
        ("HMSET h f 1", "+OK\r\n"),
        ("HGETALL h", "*2\r\n$1\r\nf\r\n$1\r\n1\r\n"),
        ("HKEYS h", "*1\r\n$1\r\nf\r\n"),
        ("HVALS h", "*1\r\n$1\r\n1\r\n"),
        ("HSET h f", "-ERR wrong number of arguments for 'hset' command\r\n"),
        ("DEL h", ":1\r\n"),
        ("HLEN h", ":0\r\n"),
    ] {
        client.ask(line, reply).await;
    }
}

#[tokio::test]
async fn fields_are_counted_with() {
    let mut client = Client::new(RedisOptions::default()).await;
    for (line, reply) in [
        ("HINCRBY h n 5", ":5\r\n"),
        ("HINCRBY h n -7", ":-2\r\n"),
        ("HGET h n", "$2\r\n-2\r\n"),
        ("HSET h n 10 word abc", ":1\r\n"),
        ("HINCRBY h n 1", ":11\r\n"),
        ("HINCRBYFLOAT h n 0.5", "$4\r\n11.5\r\n"),
        ("HINCRBY h n 1", "-ERR hash value is not an integer\r\n"),
        ("HINCRBY h word 1", "-ERR hash value is not an integer\r\n"),
        ("HINCRBYFLOAT h word 1", "-ERR hash value is not a float\r\n"),
        ("HINCRBY h n abc", "-ERR value is not an integer or out of range\r\n"),
        ("HDEL h word", ":1\r\n"),
        ("HGETALL h", "*2\r\n$1\r\nn\r\n$4\r\n11.5\r\n"),
        ("HDEL h n", ":1\r\n"),
        ("EXISTS h", ":0\r\n"),
        ("HINCRBY h n 9223372036854775807", ":9223372036854775807\r\n"),
        ("HINCRBY h n 1", "-ERR increment or decrement would overflow\r\n"),
        ("DEL h", ":1\r\n"),
        ("HINCRBY h n 3", ":3\r\n"),
        ("EXPIRE h 100", ":1\r\n"),
        ("TTL h", ":100\r\n"),
        ("HINCRBY h other 1", ":1\r\n"),
        ("HINCRBY h n 1", ":4\r\n"),
        ("HDEL h n", ":1\r\n"),
        ("TTL h", ":100\r\n"),
        ("PERSIST h", ":1\r\n"),
        ("TTL h", ":-1\r\n"),
        ("SET s x", "+OK\r\n"),
        ("HINCRBY s n 1", "-WRONGTYPE"),
    ] {
        client.ask(line, reply).await;
    }
}

#[tokio::test]
async fn members_are_added_and_removed() {
    let mut client = Client::new(RedisOptions::default()).await;
    for (line, reply) in [
        ("SADD s a b a", ":2\r\n"),
        ("SADD s b c", ":1\r\n"),
        ("SCARD s", ":3\r\n"),
        ("SISMEMBER s a", ":1\r\n"),
        ("SMISMEMBER s a x c", "*3\r\n:1\r\n:0\r\n:1\r\n"),
        ("SREM s a x", ":1\r\n"),
        ("SREM s b", ":1\r\n"),
        ("SMEMBERS s", "*1\r\n$1\r\nc\r\n"),
        ("TYPE s", "+set\r\n"),
        ("HELLO 3", "%7"),
    ] {
        client.ask(line, reply).await;
    }
    while client.line().await != "*0" {}
    client.ask("SMEMBERS s", "~1\r\n$1\r\nc\r\n").await;
    client.ask("HGETALL none", "%0\r\n").await;
}

#[tokio::test]
async fn keys_of_another_kind_are_refused() {
    let mut client = Client::new(RedisOptions::default()).await;
    client.ask("SET string x", "+OK\r\n").await;
    client.ask("HSET hash f v", ":1\r\n").await;
    client.ask("SADD set m", ":1\r\n").await;
    for line in [
        "GET hash",
        "GET set",
        "STRLEN hash",
        "GETRANGE set 0 1",
        "APPEND hash x",
        "SETRANGE set 0 x",
        "GETEX hash",
        "HGET string f",
        "HSET string f v",
        "HGETALL set",
        "HLEN string",
        "HSCAN set 0",
        "HDEL string f",
        "HMGET set f",
        "SADD string m",
        "SADD hash m",
        "SMEMBERS hash",
        "SCARD string",
        "SISMEMBER hash m",
        "SSCAN string 0",
        "SREM hash m",
    ] {
        client.ask(line, "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n").await;
    }
    client.ask("MGET hash string", "*2\r\n$-1\r\n$1\r\nx\r\n").await;
    client.ask("EXISTS hash string set none", ":3\r\n").await;
    client.ask("DEL hash string set none", ":3\r\n").await;
    client.ask("DBSIZE", ":0\r\n").await;
}

#[tokio::test]
async fn collections_have_times_to_live() {
    let mut client = Client::new(RedisOptions::default()).await;
    for (line, reply) in [
        ("EXPIRE h 10", ":0\r\n"),
        ("HSET h f 1 g 2", ":2\r\n"),
        ("TTL h", ":-1\r\n"),
        ("EXPIRE h 100 XX", ":0\r\n"),
        ("EXPIRE h 100", ":1\r\n"),
        ("TTL h", ":100\r\n"),
        ("HGET h f", "$1\r\n1\r\n"),
        ("HSET h new 3", ":1\r\n"),
        ("HDEL h f g", ":2\r\n"),
        ("TTL h", ":100\r\n"),
        ("PERSIST h", ":1\r\n"),
        ("PERSIST h", ":0\r\n"),
        ("TTL h", ":-1\r\n"),
        ("HGET h new", "$1\r\n3\r\n"),
        ("EXPIREAT h 1", ":1\r\n"),
        ("EXISTS h", ":0\r\n"),
    ] {
        client.ask(line, reply).await;
    }
}

#[tokio::test]
async fn a_removal_takes_away_only_what_it_has_seen() {
    let database = Arc::new(store());
    let mut client = Client::of(Arc::<crate::fake::Fake>::clone(&database), RedisOptions::default()).await;
    client.ask("SADD s m", ":1\r\n").await;
    client.ask("SREM s m", ":1\r\n").await;
    let removal = {
        let asked = database.asked.lock().unwrap();
        let removal = asked.iter().find(|(request, _)| matches!(request, Request::Put(put) if put.value.is_none()));
        removal.unwrap().0.clone()
    };
    // It comes once more, as if it had been on its way, after the member was added anew.
    client.ask("SADD s m", ":1\r\n").await;
    let Response::Written(_) = database.call(removal, None).await else { panic!("it is not taken") };
    client.ask("SISMEMBER s m", ":1\r\n").await;
}

#[tokio::test]
async fn every_element_comes_once_in_a_scan() {
    let mut client = Client::new(RedisOptions::default()).await;
    let fields: Vec<String> = (0..200).map(|at| format!("f{at} {at}")).collect();
    client.ask(&format!("HSET h {}", fields.join(" ")), ":200\r\n").await;
    client.ask("SET string x", "+OK\r\n").await;
    let (mut cursor, mut seen) = ("0".to_owned(), Vec::new());
    loop {
        let (next, texts) = client.scan(&format!("HSCAN h {cursor} COUNT 7")).await;
        assert!(texts.len() <= 14, "{texts:?}");
        seen.extend(texts.chunks(2).map(|pair| pair.join(" ")));
        cursor = next;
        if cursor == "0" {
            break;
        }
    }
    seen.sort();
    let mut all = fields.clone();
    all.sort();
    assert_eq!(seen, all);
    let (cursor, members) = client.scan("HSCAN h 0 COUNT 1000 MATCH f19?").await;
    assert_eq!((cursor.as_str(), members.len()), ("0", 20));
    // A key comes once however many fields it has.
    let (cursor, mut keys) = client.scan("SCAN 0 COUNT 1000").await;
    keys.sort();
    assert_eq!((cursor.as_str(), keys), ("0", vec!["h".to_owned(), "string".to_owned()]));
    let (_, keys) = client.scan("SCAN 0 COUNT 1000 TYPE hash").await;
    assert_eq!(keys, ["h"]);
}

#[tokio::test]
async fn a_name_or_value_that_is_too_long_is_refused_in_words_of_redis() {
    let options = RedisOptions { value_bytes_max: 40_000, ..RedisOptions::default() };
    let mut client = Client::new(options).await;
    let (longest, longer) = ("n".repeat(32_760), "n".repeat(32_761));
    client.ask(&format!("HSET h {longest} 1"), ":1\r\n").await;
    client.ask(&format!("SADD s {longest}"), ":1\r\n").await;
    for line in [format!("HSET h {longer} 1"), format!("HINCRBY h {longer} 1"), format!("SADD s {longer}")] {
        client.ask(&line, "-ERR a field or member has at most 32,760 bytes\r\n").await;
    }
    // One byte of a value is for what kind it is.
    client
        .send(format!("*4\r\n$4\r\nHSET\r\n$1\r\nh\r\n$1\r\nf\r\n$40000\r\n{}\r\n", "v".repeat(40_000)).as_bytes())
        .await;
    client.expect("-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n").await;
}
