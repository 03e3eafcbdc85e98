//! Streams of changes over a scripted replica: when they end, and how they get on. The clock is tokio's, which stands still until
//! everybody waits.

use super::changes;
use super::id::Id;
use crate::Options;
use crate::access::{Asker, Who, draw_token};
use crate::fake::Fake;
use crate::router::Api;
use crate::segment::Segment;
use axum::body::Body;
use axum::http::Request as Http;
use http_body_util::BodyExt as _;
use proto::watch::{Changed, Followed, Places, Position, Watch, Watched};
use proto::{ApiToken, BucketId, Epoch, ItemKey, Refusal, Request, Response, Right};
use ring::{NodeId, PartitionId};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Longer than anything here may take.
const LONG: Duration = Duration::from_secs(120);

/// One replica, which holds everything.
#[derive(Default)]
struct Replica {
    epoch: AtomicU64,
    is_down: AtomicBool,
    /// Items that it has taken in, one after the other.
    taken_in: AtomicU64,
}

fn change(seq: u64) -> Changed {
    let (bucket, partition) = (BucketId::DEFAULT, PartitionId(0));
    Changed { seq, bucket, partition, key: ItemKey::plain(format!("k{seq}")), stamp: None, expires: None, gone: false }
}

impl Replica {
    fn answer(&self, request: &Request) -> Response {
        let epoch = Epoch(self.epoch.load(SeqCst));
        let watched = match request {
            Request::Watch(Watch::Places { bucket, .. }) => Watched::Places(Places {
                bucket: bucket.as_ref().map(|_| BucketId::DEFAULT),
                views: (epoch, epoch, epoch),
                of: bucket.iter().map(|_| (NodeId(1), vec![PartitionId(0)])).collect(),
            }),
            Request::Watch(Watch::Follow { .. }) if self.is_down.load(SeqCst) => {
                return Response::Refused(Refusal::NoAnswer { write: false });
            }
            Request::Watch(Watch::Follow { interests, after, limit, .. }) => {
                let end = self.taken_in.load(SeqCst);
                let after = after.map_or(end, |after| after.seq);
                let seq = end.min(after + u64::from(*limit));
                let (at, since) = (Position { life: 1, seq }, vec![0; interests.len()]);
                let changes = (after + 1..=seq).map(change).collect();
                Watched::Followed(Followed { at, oldest: 0, since, changes, more: seq < end })
            }
            other => panic!("{other:?}"),
        };
        Response::Watched(Box::new(watched))
    }
}

fn node() -> (Arc<Replica>, Arc<Fake>, Api) {
    let replica = Arc::new(Replica::default());
    let script = Arc::clone(&replica);
    let fake = Arc::new(Fake::new(move |request| script.answer(request)));
    let api = Api::new(Arc::<Fake>::clone(&fake), Options::default());
    (replica, fake, api)
}

/// Opens a stream and reads its first word.
async fn open(api: &Arc<Api>, query: &str) -> (Body, String) {
    let request = Http::builder().uri(format!("/v1/buckets/default/changes{query}")).body(Body::empty()).unwrap();
    let answer = changes(Asker(Arc::clone(api)), Segment("default".to_owned()), request).await;
    let mut body = answer.expect("a stream").into_body();
    let first = piece(&mut body).await.expect("a first word");
    (body, first)
}

/// What comes next; `None` if the stream has ended.
async fn piece(body: &mut Body) -> Option<String> {
    let frame = timeout(LONG, body.frame()).await.expect("it goes on or ends")?;
    Some(String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap())
}

/// Waits until there are as many free places as at the beginning.
async fn freed(api: &Api, before: usize) {
    let all = timeout(LONG, api.listeners.acquire_many(before as u32)).await;
    assert!(all.expect("every place is free again").is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_token_and_gives_its_place_back() {
    let (replica, fake, api) = node();
    let places = api.listeners.available_permits();
    let (text, id, digest) = draw_token().unwrap();
    let scopes = vec![Right::parse("read:default").unwrap()];
    fake.tokens.pretend([ApiToken { id, name: "t".to_owned(), digest, scopes, rate: None, expires: None }]);
    let identity = api.gate.by_text(text.as_bytes()).expect("a token");
    let api = Arc::new(api.of(Who::Token(identity), Default::default()));
    let (mut body, first) = open(&api, "").await;
    assert!(first.contains("event: ready"), "{first}");
    assert!(piece(&mut body).await.expect("a sign of life").starts_with(":\nid: "));
    // That it was revoked is an event, after which places are sought again.
    fake.tokens.pretend([]);
    replica.epoch.fetch_add(1, SeqCst);
    let last = piece(&mut body).await.expect("a last word");
    assert!(last.contains("event: end\n") && last.contains("/problems/not-allowed"), "{last}");
    assert_eq!(piece(&mut body).await, None);
    freed(&api, places).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_the_time_of_its_token_is_over_though_nothing_happens() {
    let (_, fake, mut api) = node();
    let places = api.listeners.available_permits();
    api.database = Arc::<Fake>::clone(&fake);
    let api = Arc::new(api);
    let (mut body, _) = open(&api, "").await;
    assert!(piece(&mut body).await.is_some(), "it goes on");
    fake.shut.store(true, SeqCst);
    let last = piece(&mut body).await.expect("a last word");
    assert!(last.contains("event: end\n"), "{last}");
    assert_eq!(piece(&mut body).await, None);
    freed(&api, places).await;
}

#[tokio::test(start_paused = true)]
async fn while_no_place_can_be_had_clients_hear_so_and_those_that_go_are_missed() {
    let (replica, _, api) = node();
    let places = api.listeners.available_permits();
    let api = Arc::new(api);
    let (mut stays, _) = open(&api, "").await;
    let (goes, _) = open(&api, "").await;
    replica.is_down.store(true, SeqCst);
    let begin = Instant::now();
    while begin.elapsed() < LONG {
        let word = piece(&mut stays).await.expect("it goes on");
        assert!(word.starts_with(':'), "nothing is told as long as nothing is followed: {word}");
    }
    assert_eq!(api.listeners.available_permits(), places - 2);
    drop(goes);
    let one = timeout(LONG, api.listeners.acquire_many(places as u32 - 1)).await;
    assert!(one.expect("its place is free again").is_ok());
    replica.is_down.store(false, SeqCst);
    while !piece(&mut stays).await.expect("it goes on").contains("event: gap") {}
    drop(stays);
    freed(&api, places).await;
}

#[tokio::test(start_paused = true)]
async fn who_is_far_behind_and_wants_little_of_it_does_not_wait() {
    let (replica, _, api) = node();
    let api = Arc::new(api);
    replica.taken_in.store(40_000, SeqCst);
    // Somebody follows already, so that the cache begins here.
    let (_body, first) = open(&api, "").await;
    let id = first.lines().find_map(|line| line.strip_prefix("id: ")).expect("an id");
    let mut id = Id::read(id).expect("an id");
    assert_eq!(id.of, [(NodeId(1), Position { life: 1, seq: 40_000 })]);
    id.of[0].1.seq = 1;
    let begin = Instant::now();
    let (mut late, word) = open(&api, &format!("?key=k39999&from={}", id.write())).await;
    assert!(word.contains("event: resumed"), "{word}");
    let told = piece(&mut late).await.expect("it goes on");
    assert!(told.contains("event: change\ndata: {\"key\":\"k39999\"}"), "{told}");
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}
