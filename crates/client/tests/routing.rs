//! Where requests go: to replicas, by the newest ring, past nodes that fail; and who asks.

mod support;

use client::policy::{ConsistentHashing, RoundRobin, TokenAware};
use client::{BreakerSettings, Client, Error, Span, Why};
use serde_json::json;
use support::{Act, cluster, eventually, quick, ring, written};

/// Of four nodes, `key_2` (token 1388…) belongs to the first, `key_3` (07ef…) too, `key_20` (ba37…) to the third.
#[tokio::test]
async fn a_request_goes_to_a_replica_of_its_key() {
    let nodes = cluster(4, 2, |_| written()).await;
    let client = quick(&nodes).policy(TokenAware::over(RoundRobin::default())).build().unwrap();
    for _ in 0..4 {
        client.bucket("default").put("key_2", "v").await.unwrap();
    }
    assert_eq!(nodes.iter().map(|node| node.asked().len()).collect::<Vec<_>>(), [2, 2, 0, 0]);
    client.bucket("default").put("key_20", "v").await.unwrap();
    client.bucket("default").put("key_20", "v").await.unwrap();
    assert_eq!(nodes.iter().map(|node| node.asked().len()).collect::<Vec<_>>(), [0, 0, 1, 1]);
    // Changes of one linearizable item go to its owner, where proposers do not meet.
    for _ in 0..3 {
        client.bucket("locks").put("key_20", "v").await.unwrap();
    }
    assert_eq!(nodes.iter().map(|node| node.asked().len()).collect::<Vec<_>>(), [0, 0, 3, 0]);
}

#[tokio::test]
async fn clients_agree_on_the_node_of_a_key_by_hashing() {
    let nodes = cluster(4, 3, |_| written()).await;
    for _ in 0..3 {
        let client = quick(&nodes).policy(ConsistentHashing).build().unwrap();
        client.bucket("default").put("key_2", "v").await.unwrap();
    }
    let mut counts: Vec<_> = nodes.iter().map(|node| node.asked().len()).collect();
    counts.sort_unstable();
    assert_eq!(counts, [0, 0, 0, 3]);
}

#[tokio::test]
async fn a_newer_epoch_is_learnt_and_followed() {
    let nodes = cluster(2, 1, |_| Act::AtEpoch(8, json!({ "key": "k", "acknowledged": 1 }))).await;
    let client = quick(&nodes).build().unwrap();
    let bucket = client.bucket("default");
    bucket.put("key_2", "v").await.unwrap();
    let asked = nodes[0].asked();
    assert_eq!(asked[0].headers["alianza-epoch"], "7");
    // Now the nodes have changed places.
    let newer = ring(8, &[&nodes[1], &nodes[0]], 1);
    for node in &nodes {
        let newer = newer.clone();
        node.script(move |asked| match asked.path.as_str() {
            "/v1/ring" => Act::Answer(200, newer.clone()),
            _ => Act::AtEpoch(8, json!({ "key": "k", "acknowledged": 1 })),
        });
    }
    // The ring that was asked for because of the first answer may have been the old one.
    bucket.put("key_2", "v").await.unwrap();
    eventually("the newer ring is learnt", || client.epoch() == Some(8)).await;
    nodes.iter().for_each(|node| drop(node.asked()));
    bucket.put("key_2", "v").await.unwrap();
    assert_eq!(nodes.iter().map(|node| node.asked().len()).collect::<Vec<_>>(), [0, 1]);
}

#[tokio::test]
async fn a_node_that_keeps_failing_is_left_alone() {
    let nodes = cluster(2, 2, |_| written()).await;
    nodes[1].script(|_| Act::Break);
    let breaker = BreakerSettings { failures: 2, base: Span::secs(3600), max: Span::secs(3600) };
    let client = quick(&nodes).policy(RoundRobin::default()).breaker(breaker).build().unwrap();
    for _ in 0..20 {
        client.bucket("default").put("k", "v").await.unwrap();
    }
    assert_eq!(nodes[0].asked().len(), 20);
    assert_eq!(nodes[1].asked().len(), 2);
}

#[tokio::test]
async fn a_cluster_that_nobody_reaches_is_said_so() {
    let gone = cluster(1, 1, |_| written()).await.remove(0).uri.clone();
    let retries = client::RetrySettings { attempts_max: 2, base: Span::millis(1), ..Default::default() };
    let client = Client::builder([gone.as_str()]).retries(retries).build().unwrap();
    let error = client.bucket("default").get("k").await.unwrap_err();
    assert!(matches!(&error, Error::Unreachable { why: Why::Refused, .. }), "{error:?}");
    assert!(!error.may_have_been_applied());
    assert_eq!(error.to_string(), format!("cannot reach {gone}: nothing listens there"));
}

#[tokio::test]
async fn who_asks_is_said_and_not_shown() {
    let nodes = cluster(1, 1, |_| written()).await;
    let builder = quick(&nodes).token("alianza_id_secret");
    assert!(!format!("{builder:?}").contains("secret"));
    let client = builder.build().unwrap();
    assert!(!format!("{client:?}").contains("secret"));
    client.bucket("default").put("k", "v").await.unwrap();
    assert_eq!(nodes[0].asked()[0].headers["authorization"], "Bearer alianza_id_secret");
}

#[tokio::test]
async fn only_the_named_nodes_are_asked_if_so_wished() {
    let nodes = cluster(3, 1, |_| written()).await;
    let client = quick(&nodes).only_these().build().unwrap();
    for key in ["key_2", "key_7", "key_20"] {
        client.bucket("default").put(key, "v").await.unwrap();
    }
    assert_eq!(nodes.iter().map(|node| node.asked().len()).collect::<Vec<_>>(), [3, 0, 0]);
    assert_eq!(client.epoch(), None);
}

#[tokio::test]
async fn what_cannot_be_is_said_before_anybody_is_asked() {
    let say = |builder: client::Builder| builder.build().unwrap_err().to_string();
    assert!(say(Client::builder(Vec::<String>::new())).contains("no node is named"));
    assert!(say(Client::builder(["http://a", "https://b"])).contains("give one kind"));
    assert!(say(Client::builder(["ftp://a"])).contains("not an address"));
    let client = Client::connect(["https://127.0.0.1:1"]).unwrap();
    assert!(client.bucket("default").get("k").await.unwrap_err().to_string().contains("no authority is named"));
}
