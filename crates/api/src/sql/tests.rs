//! SQL over the items of a model engine: what can be asked, what is refused, and what is cut off.

use super::feed::Origin;
use super::statement::{self, Bounds};
use super::table::Source;
use crate::fake::{self, Fake};
use crate::problem::{Kind, Problem};
use crate::tests::ask;
use axum::http::Method;
use causal::{Actor, Dot, Stamp};
use proto::{Bucket, BucketId, ItemKey, Mode, Page, Refusal, Request, Response, Scan, Scope, Sibling, Version};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stdx::Wall;

const CART: BucketId = BucketId(4);

fn node() -> Arc<Fake> {
    let fake = Fake::new(|_| Response::Status(Box::new(fake::status(&["Ted"]))));
    for (key, value) in [("key_2", "two"), ("key_3", "three"), ("key_7", "seven"), ("key_20", "twenty")] {
        fake.store(BucketId::DEFAULT, ItemKey::plain(key), value.as_bytes());
    }
    fake.store(CART, ItemKey::sorted("ana", "2024"), &[0xff, 0x00]);
    Arc::new(fake)
}

fn query_with(fake: &Arc<Fake>, sql: &str, rows: usize, time: Duration) -> Result<Value, Problem> {
    let items = Arc::clone(fake);
    let source = Source {
        items: Box::new(move |_| Some(Origin::Node(items.local_items()))),
        shortfall: Arc::default(),
        wall: Wall(1_000_000),
        buckets: BTreeMap::from([(BucketId::DEFAULT, "default".to_owned()), (CART, "cart".to_owned())]),
        deadline: Instant::now() + time,
    };
    let bytes = statement::run(sql, source, Bounds { rows, time })?;
    Ok(serde_json::from_slice(&bytes).expect("rows in JSON"))
}

fn query(sql: &str) -> Result<Value, Problem> {
    query_with(&node(), sql, 10_000, Duration::from_secs(5))
}

fn rows(sql: &str) -> Value {
    query(sql).unwrap_or_else(|problem| panic!("{sql}: {}", problem.detail()))["rows"].clone()
}

fn refused(sql: &str) -> Problem {
    query(sql).err().unwrap_or_else(|| panic!("{sql} is allowed"))
}

#[test]
fn the_query_of_the_reference_gives_hash_key_value_in_the_order_of_the_ring() {
    for sql in ["SELECT * FROM ITEM;", "select * from item", " SELECT * FROM Item ; ", "SELECT * FROM item -- all"] {
        let answer = query(sql).unwrap();
        assert_eq!(answer["columns"], json!(["hash", "key", "value"]));
        let items = answer["rows"].as_array().unwrap();
        assert_eq!(items.len(), 5, "{sql}");
        assert_eq!(items[0], json!(["07ef8d138b76050981f170dd9dd79cae91ea3ce3", "key_3", "three"]));
        assert!(items.is_sorted_by_key(|row| row[0].as_str().unwrap().to_owned()));
        assert!(answer.get("truncated").is_none());
    }
}

#[test]
fn sql_is_sql() {
    assert_eq!(rows("SELECT value FROM item WHERE key = 'key_7'"), json!([["seven"]]));
    assert_eq!(rows("SELECT count(*), max(length(key)) FROM item WHERE bucket = 'default'"), json!([[4, 6]]));
    assert_eq!(rows("SELECT key FROM item WHERE key LIKE 'key_2%' ORDER BY key DESC LIMIT 1"), json!([["key_20"]]));
    let pairs = rows("SELECT count(*) FROM item a JOIN item b ON a.hash < b.hash");
    assert_eq!(pairs, json!([[10]]));
    assert_eq!(
        rows("WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i+1 FROM n WHERE i<3) SELECT i FROM n"),
        json!([[1], [2], [3]])
    );
    assert_eq!(rows("SELECT 1, 2.5, NULL, 'text', 1e999"), json!([[1, 2.5, null, "text", "inf"]]));
}

#[test]
fn hidden_columns_and_bytes_are_shown_on_request() {
    let row = rows("SELECT bucket, sort, key, value, typeof(value) FROM item WHERE sort IS NOT NULL");
    assert_eq!(row, json!([["cart", "2024", "ana", { "base64": "/wA=" }, "blob"]]));
}

#[test]
fn only_reading_is_allowed() {
    for sql in [
        "INSERT INTO item(key) VALUES ('x')",
        "DELETE FROM item",
        "UPDATE item SET value = 'x'",
        "CREATE TABLE t(x)",
        "CREATE TEMP TABLE t(x)",
        "DROP TABLE item",
        "ATTACH DATABASE '/tmp/x.db' AS x",
        "PRAGMA hard_heap_limit=0",
        "PRAGMA table_info(item)",
        "SELECT * FROM pragma_database_list",
        "SELECT load_extension('x')",
        "VACUUM INTO '/tmp/x.db'",
        "BEGIN",
        "SELECT 1; SELECT 2",
        "EXPLAIN DELETE FROM item",
    ] {
        let problem = refused(sql);
        assert_eq!(problem.kind(), Kind::Sql, "{sql}");
        assert!(!problem.detail().contains("/tmp"), "{sql}: {}", problem.detail());
    }
}

#[test]
fn mistakes_are_told_in_the_words_of_sqlite() {
    assert_eq!(refused("SELEKT").detail(), "SQLite says: near \"SELEKT\": syntax error.");
    assert_eq!(refused("SELECT * FROM items").detail(), "SQLite says: no such table: items.");
    assert_eq!(refused("SELECT colour FROM item").detail(), "SQLite says: no such column: colour.");
    for sql in ["", " ; ", "-- nothing"] {
        assert_eq!(refused(sql).kind(), Kind::Sql, "{sql}");
    }
}

#[test]
fn rows_are_cut_off_and_that_is_said() {
    let answer = query_with(&node(), "SELECT key FROM item", 3, Duration::from_secs(5)).unwrap();
    assert_eq!(answer["rows"].as_array().unwrap().len(), 3);
    assert_eq!(answer["truncated"], true);
    let whole = query_with(&node(), "SELECT key FROM item", 5, Duration::from_secs(5)).unwrap();
    assert!(whole.get("truncated").is_none());
}

#[test]
fn time_is_bounded() {
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n";
    let started = Instant::now();
    let problem = query_with(&node(), endless, 10, Duration::from_millis(100)).unwrap_err();
    assert_eq!(problem.kind(), Kind::SqlLimit);
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[test]
fn memory_is_bounded() {
    let greedy = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) \
                  SELECT i, zeroblob(1000000) FROM n ORDER BY 2, 1";
    let problem = query_with(&node(), greedy, 10, Duration::from_secs(20)).unwrap_err();
    assert_eq!(problem.kind(), Kind::SqlLimit, "{}", problem.detail());
    let problem = refused("SELECT length(replace(hex(zeroblob(60000000)), '0', 'xxxxxxxxxx'))");
    assert!(matches!(problem.kind(), Kind::Sql | Kind::SqlLimit), "{}", problem.detail());
}

#[test]
fn many_items_are_streamed() {
    let fake = node();
    for n in 0..2_000 {
        fake.store(BucketId::DEFAULT, ItemKey::plain(format!("many_{n}")), &[b'x'; 1_000]);
    }
    let count = query_with(
        &fake,
        "SELECT count(*), sum(length(value)) FROM item WHERE key LIKE 'many%'",
        10,
        Duration::from_secs(20),
    );
    assert_eq!(count.unwrap()["rows"], json!([[2_000, 2_000_000]]));
    let few = query_with(&fake, "SELECT key FROM item LIMIT 2", 10, Duration::from_secs(5)).unwrap();
    assert_eq!(few["rows"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_script_can_ask() {
    let fake = node();
    let reply =
        ask(&fake, Method::POST, "/console/sql", r#"{"sql":"SELECT key, bucket FROM item WHERE key='key_2'"}"#).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["rows"]), (200, &json!([["key_2", "default"]])));
    let reply = ask(&fake, Method::POST, "/console/sql", r#"{"sql":"DROP TABLE item"}"#).await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (400, "sql"));
    assert_eq!(ask(&fake, Method::POST, "/console/sql", "{}").await.problem(), "missing-field");
}

/// A cluster of 16 partitions that is scanned; some of them cannot be read.
fn scanned(unreadable: &'static [u16]) -> Arc<Fake> {
    Arc::new(Fake::new(move |request| match request {
        Request::Admin(_) => {
            let mut status = fake::status(&["Ted", "Ana"]);
            status.buckets.push(Bucket { id: CART, name: "cart".into(), ..Bucket::default_bucket(3) });
            let locks = Bucket { id: BucketId(5), name: "locks".into(), ..Bucket::default_bucket(3) };
            status.buckets.push(Bucket { mode: Mode::Linearizable, ..locks });
            Response::Status(Box::new(status))
        }
        Request::Scan(Scan { scope: Scope::Partition { partition, .. }, .. }) if unreadable.contains(&partition.0) => {
            Response::Refused(Refusal::QuorumUnmet { needed: 2, got: 1, write: false })
        }
        Request::Scan(Scan { scope: Scope::Partition { partition, after }, bucket, .. }) => {
            // Two pages of one item in each partition of the first bucket and the last.
            let page = u8::from(after.is_some());
            let item = (ItemKey::plain(format!("p{}_{page}", partition.0)), vec![sibling(&[b'a' + page])]);
            let next = (page == 0).then(|| item.0.clone());
            let none = Page { items: Vec::new(), next: None };
            Response::Page(if bucket == "cart" { none } else { Page { items: vec![item], next } })
        }
        Request::Scan(Scan { scope: Scope::SortKeys { partition_key, after, .. }, bucket, .. }) => {
            // Two pages of one item under each key, in every bucket.
            let sort = if after.is_some() { "2" } else { "1" };
            let key = ItemKey { partition_key: partition_key.clone(), sort_key: Some(sort.into()) };
            let next = after.is_none().then(|| key.clone());
            Response::Page(Page { items: vec![(key, vec![sibling(bucket.as_bytes())])], next })
        }
        other => panic!("{other:?} was asked"),
    }))
}

fn sibling(value: &[u8]) -> Sibling {
    let version = Version { stamp: Stamp::new(1, 0), expires: None, value: Some(proto::Value::plain(value.to_vec())) };
    Sibling { dot: Dot { actor: Actor { node: 1, incarnation: 1 }, counter: 1 }, version }
}

async fn everywhere(fake: &Arc<Fake>, sql: &str) -> Value {
    let body = json!({ "sql": sql, "scope": "cluster" }).to_string();
    ask(fake, Method::POST, "/console/sql", body).await.json()
}

#[tokio::test]
async fn the_whole_cluster_is_read_each_partition_to_its_end() {
    let answer = everywhere(&scanned(&[]), "SELECT count(*), count(DISTINCT key), min(bucket) FROM item").await;
    assert_eq!(answer["rows"], json!([[64, 32, "default"]]), "of buckets of both modes");
    assert_eq!(answer["partial"], Value::Null);
}

#[tokio::test]
async fn rows_that_are_missing_are_named() {
    let answer = everywhere(&scanned(&[3, 7]), "SELECT value, count(*) FROM item GROUP BY value ORDER BY 1").await;
    assert_eq!(answer["rows"], json!([["a", 28], ["b", 28]]));
    assert_eq!((&answer["partial"]["unread"], &answer["partial"]["of"]), (&json!(6), &json!(48)));
    assert!(answer["partial"]["because"].as_str().unwrap().contains("replicas"), "{answer}");
}

/// Those partitions that cannot be read, and so show when they are looked at.
const ALL: &[u16] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

#[tokio::test]
async fn one_key_takes_no_look_at_whole_partitions() {
    let rows = |sql: &'static str| async move {
        let answer = everywhere(&scanned(ALL), sql).await;
        (answer["rows"].clone(), answer["partial"].clone())
    };
    let (found, partial) = rows("SELECT key, sort, value FROM item WHERE key = 'ann' ORDER BY value, sort").await;
    let of = |bucket: &str| [json!(["ann", "1", bucket]), json!(["ann", "2", bucket])];
    assert_eq!((found, partial), (json!([of("cart"), of("default"), of("locks")].concat()), Value::Null));
    let (found, partial) = rows("SELECT sort FROM item WHERE bucket = 'cart' AND 'ann' = key AND sort > '1'").await;
    assert_eq!((found, partial), (json!([["2"]]), Value::Null));
    let (found, partial) =
        rows("SELECT DISTINCT key FROM item WHERE key IN ('bob', 'ann') AND bucket = 'cart' ORDER BY 1").await;
    assert_eq!((found, partial), (json!([["ann"], ["bob"]]), Value::Null));
    let (found, partial) = rows("SELECT * FROM item WHERE key = 7").await;
    assert_eq!((found, partial), (json!([]), Value::Null), "no key is a number");
}

#[tokio::test]
async fn a_condition_under_which_other_keys_are_equal_does_not_narrow() {
    let answer = everywhere(&scanned(&[]), "SELECT key FROM item WHERE key = 'P3_0' COLLATE NOCASE").await;
    assert_eq!(answer["rows"], json!([["p3_0"], ["p3_0"]]), "in two buckets");
    let answer = everywhere(&scanned(ALL), "SELECT key FROM item WHERE bucket = 5").await;
    assert_eq!(answer["partial"]["unread"], 48, "a bucket may be named \"5\"");
    let answer = everywhere(&scanned(ALL), "SELECT key FROM item WHERE key > 'p3_0'").await;
    assert_eq!(answer["partial"]["unread"], 48);
}

#[tokio::test]
async fn a_scope_is_the_node_or_the_cluster() {
    let reply = ask(&node(), Method::POST, "/console/sql", r#"{"sql":"SELECT 1","scope":"galaxy"}"#).await;
    assert_eq!(reply.problem(), "invalid-field");
}
