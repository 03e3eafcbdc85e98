//! The membership history as server-sent events.

use super::ask;
use crate::fake::{self, Fake};
use crate::{Options, Service};
use axum::body::Body;
use axum::http::{Method, Request as Http};
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use proto::{Admin, BucketId, Change, Digest, Epoch, Event, Request, Response};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn event(epoch: u64) -> Event {
    let change = Change::Bucket(proto::Bucket { id: BucketId(epoch as u32), ..proto::Bucket::default_bucket(3) });
    Event { epoch: Epoch(epoch), previous: Digest::default(), at: stdx::Wall(epoch), nonce: 0, change }
}

/// A node whose history has as many events as `count` says.
fn node(count: &Arc<AtomicU64>) -> Arc<Fake> {
    let count = Arc::clone(count);
    Arc::new(Fake::new(move |request| match request {
        Request::Admin(Admin::History) => Response::History((1..=count.load(Ordering::SeqCst)).map(event).collect()),
        _ => Response::Status(Box::new(fake::status(&["Ted"]))),
    }))
}

async fn open(fake: &Arc<Fake>, last: Option<&str>) -> Body {
    let mut request = Http::builder().uri("/v1/events?after=1");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let service = Service::new(Arc::<Fake>::clone(fake), Options::default());
    let response = service.call(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body()
}

/// The ids of the events in the next piece that has any.
async fn ids(body: &mut Body) -> Vec<u64> {
    loop {
        let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let text = String::from_utf8(piece.to_vec()).unwrap();
        let ids: Vec<u64> = text.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect();
        if !ids.is_empty() {
            assert!(text.contains("event: BUCKET\ndata: {\"epoch\":"), "{text}");
            return ids;
        }
    }
}

#[tokio::test]
async fn events_come_from_any_point_on_and_as_they_arrive() {
    let count = Arc::new(AtomicU64::new(3));
    let fake = node(&count);
    let mut body = open(&fake, None).await;
    assert_eq!(ids(&mut body).await, [2, 3]);
    count.store(5, Ordering::SeqCst);
    fake.tell();
    assert_eq!(ids(&mut body).await, [4, 5]);
    assert_eq!(ids(&mut open(&fake, Some("4")).await).await, [5]);
}

#[tokio::test]
async fn an_id_that_makes_no_sense_is_refused() {
    let fake = node(&Arc::default());
    assert_eq!(ask(&fake, Method::GET, "/v1/events?after=x", "").await.problem(), "invalid-field");
}

#[tokio::test]
async fn streams_are_a_quarter_of_the_connections_at_most() {
    let fake = node(&Arc::new(AtomicU64::new(3)));
    let options = Options { connections_max: 8, ..Options::default() };
    let service = Service::new(Arc::<Fake>::clone(&fake), options);
    let ask = async || service.call(Http::get("/v1/events").body(Body::empty()).unwrap()).await.unwrap();
    let mut streams = vec![ask().await, ask().await];
    assert!(streams.iter().all(|stream| stream.status() == 200));
    let refused = ask().await;
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (429, "15"));
    // Whoever leaves makes room, at the latest when it is sent a sign of life.
    streams.pop();
    tokio::time::pause();
    for _ in 0..60 {
        if ask().await.status() == 200 {
            return;
        }
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
    }
    panic!("nobody made room");
}

#[tokio::test]
async fn who_names_an_epoch_is_told_the_newest() {
    let fake = node(&Arc::new(AtomicU64::new(3)));
    fake.tell();
    for (path, epoch) in [("/v1/ring", Some("3")), ("/", Some("4")), ("/v1/ring", None)] {
        let request = Http::builder().method(if path == "/" { Method::POST } else { Method::GET }).uri(path);
        let request = epoch.into_iter().fold(request, |request, epoch| request.header("alianza-epoch", epoch));
        let reply = super::send(&fake, request.body(Body::empty()).unwrap()).await;
        assert_eq!(
            reply.headers.get("alianza-epoch").map(|value| value.to_str().unwrap()),
            epoch.map(|_| "4"),
            "{path}"
        );
    }
}
