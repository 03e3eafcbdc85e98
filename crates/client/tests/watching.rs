//! Watches, against scripted nodes.

#![allow(clippy::unwrap_used, reason = "clippy does not see that this file's functions serve tests only")]

mod support;

use client::{Change, Error, Key, Reason, Told};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Act, Asked, cluster, quick, refused};

/// Answers the requests for streams one after the other with these, and then with nothing.
fn streams<const N: usize>(texts: [&'static str; N]) -> impl Fn(&Asked) -> Act + Clone + Send + Sync {
    let at = Arc::new(AtomicUsize::new(0));
    move |_| match texts.get(at.fetch_add(1, Ordering::Relaxed)) {
        Some(text) => Act::Text((*text).to_owned()),
        None => Act::Hang,
    }
}

fn changed(key: &str, sort: Option<&str>) -> Told {
    let key = sort.map_or_else(|| Key::from(key.to_owned()), |sort| Key::sorted(key.to_owned(), sort.to_owned()));
    Told::Change(Change { key, at: Some(7), expires: None, gone: false })
}

#[tokio::test]
async fn a_watch_goes_on_behind_what_it_told_when_its_node_ends() {
    let first = "retry: 2000\n\nid: A\nevent: ready\ndata: {}\n\nid: B\nevent: change\ndata: {\"key\":\"k\",\"at\":7}\n\n:\nid: C\n\nid: D\nevent: cha";
    let second =
        "id: C\nevent: resumed\ndata: {}\n\nid: E\nevent: change\ndata: {\"key\":\"k\",\"sort\":\"s\",\"at\":7}\n\n";
    let third = "id: F\nevent: gap\ndata: {\"reason\":\"too far back\"}\n\n";
    let nodes = cluster(1, 1, streams([first, second, third])).await;
    let mut watch = quick(&nodes).build().unwrap().bucket("default").watch().key("k");
    assert_eq!(watch.position(), None);
    assert_eq!(watch.next().await.unwrap(), Some(Told::Ready));
    assert_eq!(watch.next().await.unwrap(), Some(changed("k", None)));
    assert_eq!(watch.position(), Some("B"));
    assert_eq!(watch.next().await.unwrap(), Some(changed("k", Some("s"))));
    assert_eq!(watch.next().await.unwrap(), Some(Told::Gap("too far back".into())));
    assert_eq!(watch.position(), Some("F"));
    let asked: Vec<_> = nodes[0].asked().into_iter().map(|asked| asked.query).collect();
    assert_eq!(asked, ["key=k", "key=k&from=C", "key=k&from=E"]);
}

#[tokio::test]
async fn a_watch_goes_to_another_node_when_its_own_cannot_be_reached() {
    let nodes = cluster(2, 1, streams(["id: A\nevent: ready\ndata: {}\n\n"])).await;
    let client = quick(&nodes).build().unwrap();
    let mut watch = client.bucket("default").watch().prefix("a b/").resume("x");
    assert_eq!(watch.next().await.unwrap(), Some(Told::Ready));
    let (there, other): (Vec<_>, Vec<_>) = nodes.into_iter().partition(|node| !node.asked().is_empty());
    there[0].script(|_| Act::Break);
    other[0].script(|_| Act::Text("id: B\nevent: gap\ndata: {\"reason\":\"r\"}\n\n".to_owned()));
    assert_eq!(watch.next().await.unwrap(), Some(Told::Gap("r".into())));
    assert_eq!(other[0].asked()[0].query, "prefix=a%20b%2F&from=A");
}

#[tokio::test]
async fn the_last_word_of_the_cluster_ends_a_watch() {
    let end = "id: A\nevent: end\ndata: {\"type\":\"/problems/not-allowed\",\"status\":403,\"detail\":\"No.\",\"mayHaveBeenApplied\":false}\n\n";
    let nodes = cluster(1, 1, streams([end])).await;
    let mut watch = quick(&nodes).build().unwrap().bucket("default").watch();
    assert!(matches!(watch.next().await, Err(Error::Refused(problem)) if problem.reason == Reason::NotAllowed));
    assert_eq!(watch.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_watch_that_is_refused_says_why_and_may_be_asked_again() {
    let nodes = cluster(1, 1, |_: &Asked| refused(404, "unknown-bucket", false)).await;
    let mut watch = quick(&nodes).build().unwrap().bucket("none").watch();
    for _ in 0..2 {
        assert!(matches!(watch.next().await, Err(Error::Refused(problem)) if problem.reason == Reason::UnknownBucket));
    }
}
