//! One item as an HTTP resource: paths, media types, ETags and conditions.

use super::{Reply, send};
use crate::context;
use crate::fake::{self, Fake};
use axum::body::Body;
use axum::http::Request as Http;
use causal::{Actor, Context, Dot, Stamp};
use proto::{
    Bucket, BucketId, Current, Durability, Edit, Expect, Found, ItemKey, Level, Mode, Request, Response, Rule, Sibling,
    Value, Version, Written,
};
use std::sync::Arc;
use stdx::{Span, Wall};

const ACTOR: Actor = Actor { node: 9, incarnation: 1 };

fn sibling(counter: u64, bytes: &'static str, kind: Option<&str>) -> Sibling {
    let value = Value { bytes: bytes.into(), content_type: kind.map(str::to_owned) };
    let version = Version { stamp: Stamp::new(1, 0), expires: (counter == 3).then_some(Wall(99)), value: Some(value) };
    Sibling { dot: Dot { actor: ACTOR, counter }, version }
}

fn seen(counter: u64) -> Context {
    [(ACTOR, counter)].into_iter().collect()
}

/// A cluster with the buckets `default`, `cart` (siblings) and `locks` (linearizable); these values are everywhere.
fn cluster(values: Vec<Sibling>) -> Arc<Fake> {
    Arc::new(Fake::new(move |request| match request {
        Request::Get(get) if get.bucket == "locks" => {
            let value = values.first().and_then(|sibling| sibling.version.value.clone());
            Response::Current(Current { version: value.as_ref().map_or(0, |_| 7), value, ..Current::default() })
        }
        Request::Get(_) => {
            Response::Found(Found { siblings: values.clone(), context: seen(5), newest: None, answered: 2 })
        }
        Request::Cas(_) => Response::Swapped(Current { version: 8, ..Current::default() }),
        Request::Put(_) => Response::Written(Written { context: seen(6), acknowledged: 2 }),
        _ => {
            let mut status = fake::status(&["Ted"]);
            let bucket = |id, name: &str| Bucket { id: BucketId(id), name: name.into(), ..Bucket::default_bucket(3) };
            status.buckets.push(Bucket { rule: Rule::Siblings, ..bucket(4, "cart") });
            status.buckets.push(Bucket { mode: Mode::Linearizable, ..bucket(5, "locks") });
            Response::Status(Box::new(status))
        }
    }))
}

async fn go(fake: &Arc<Fake>, method: &str, path: &str, headers: &[(&str, &str)], body: &'static str) -> Reply {
    let mut request = Http::builder().method(method).uri(format!("/v1/buckets/{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(fake, request.body(Body::from(body)).unwrap()).await
}

fn last(fake: &Arc<Fake>) -> Request {
    fake.asked.lock().unwrap().last().unwrap().0.clone()
}

fn tag(bucket: u32, key: &ItemKey, counter: u64) -> String {
    format!("\"c.{}\"", context::seal(&[7; 32], BucketId(bucket), key, &seen(counter)))
}

#[tokio::test]
async fn a_value_comes_back_as_the_bytes_and_the_media_type_that_were_written() {
    let fake = cluster(vec![sibling(3, "<b>nueve</b>", Some("text/html"))]);
    let reply = go(&fake, "GET", "default/items/9", &[], "").await;
    assert_eq!((reply.status.as_u16(), reply.body.as_slice()), (200, &b"<b>nueve</b>"[..]));
    assert_eq!(reply.headers["content-type"], "text/html");
    assert_eq!(reply.headers["content-security-policy"], "default-src 'none'; sandbox");
    assert_eq!(reply.headers["cross-origin-resource-policy"], "same-origin");
    assert_eq!(reply.headers["alianza-expires"], "99");
    let etag = reply.headers["etag"].to_str().unwrap().to_owned();
    let fresh = go(&fake, "GET", "default/items/9", &[("if-none-match", &etag)], "").await;
    assert_eq!((fresh.status.as_u16(), fresh.body.len()), (304, 0));
    for name in ["etag", "vary", "cache-control"] {
        assert_eq!(fresh.headers[name], reply.headers[name]);
    }
    let staying = cluster(vec![sibling(4, "<b>nueve</b>", Some("text/html"))]);
    let changed = go(&staying, "GET", "default/items/9", &[("if-none-match", &etag)], "").await;
    assert_eq!((changed.status.as_u16(), changed.headers.get("alianza-expires")), (200, None));
    let head = go(&fake, "HEAD", "default/items/9", &[], "").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.headers["content-length"], "12");
    assert_eq!(go(&fake, "GET", "default/items/9", &[("if-match", "\"h0\"")], "").await.problem(), "condition-failed");
    let plain = go(&cluster(vec![sibling(1, "x", None)]), "GET", "default/items/9", &[], "").await;
    assert_eq!(plain.headers["content-type"], "application/octet-stream");
    let json = go(&fake, "GET", "default/items/9", &[("accept", "application/vnd.alianza.item+json")], "").await;
    assert_eq!(json.json()["contentType"], "text/html");
    assert_eq!(json.json()["expires"], 99);
}

#[tokio::test]
async fn keys_are_any_bytes() {
    let fake = cluster(vec![sibling(1, "x", None)]);
    for (path, key) in [
        ("default/items/a%2Fb+c", ItemKey::plain("a/b+c")),
        ("default/items/a/b%20c", ItemKey::sorted("a", "b c")),
        ("default/items/%FF", ItemKey::plain(&b"\xff"[..])),
        ("default/item?key=..&sort=", ItemKey::sorted("..", "")),
        ("default/item?key_base64=_wA", ItemKey::plain(&b"\xff\0"[..])),
    ] {
        assert_eq!(go(&fake, "GET", path, &[], "").await.status, 200, "{path}");
        let Request::Get(get) = last(&fake) else { panic!() };
        assert_eq!(get.key, key, "{path}");
    }
    for (path, problem) in [
        ("default/items/%F", "invalid-field"),
        ("default/items/a?key=b", "invalid-field"),
        ("default/item", "missing-field"),
        ("default/item?key=a&kolour=b", "unknown-field"),
        ("nowhere/items/a", "unknown-bucket"),
        ("%FF/items/a", "unknown-bucket"),
        ("default/items/a/b/c", "unknown-path"),
    ] {
        assert_eq!(go(&fake, "GET", path, &[], "").await.problem(), problem, "{path}");
    }
}

#[tokio::test]
async fn a_write_says_how_it_is_to_be_made_in_headers_or_in_the_query() {
    let fake = cluster(Vec::new());
    let headers = [("content-type", "text/plain"), ("alianza-level", "all"), ("alianza-ttl", "30s")];
    let reply = go(&fake, "PUT", "default/items/9?durability=memory&timeout=2s", &headers, "nueve").await;
    assert_eq!((reply.status.as_u16(), reply.json()["acknowledged"].as_u64()), (200, Some(2)));
    let Request::Put(put) = last(&fake) else { panic!() };
    assert_eq!(put.value, Some(Value { bytes: "nueve".into(), content_type: Some("text/plain".into()) }));
    assert_eq!((put.level, put.durability, put.ttl), (Some(Level::All), Durability::Memory, Some(Span::secs(30))));
    assert_eq!(fake.asked.lock().unwrap().last().unwrap().1, Some(Span::secs(2)));
    let twice = go(&fake, "PUT", "default/items/9?level=one", &headers, "x").await;
    assert_eq!(twice.problem(), "invalid-field");
    let Request::Put(gone) = ({
        go(&fake, "DELETE", "default/items/9", &[], "").await;
        last(&fake)
    }) else {
        panic!()
    };
    assert_eq!(gone.value, None);
}

#[tokio::test]
async fn where_siblings_are_kept_the_tag_is_the_context() {
    let key = ItemKey::plain("9");
    let fake = cluster(vec![sibling(1, "uno", Some("text/plain")), sibling(2, "dos", None)]);
    let reply = go(&fake, "GET", "cart/items/9", &[], "").await;
    assert_eq!((reply.status.as_u16(), reply.headers["etag"].to_str().unwrap()), (409, &*tag(4, &key, 5)));
    assert_eq!(reply.problem(), "several-values");
    assert_eq!(reply.json()["values"][0]["contentType"], "text/plain");
    let mixed = go(&fake, "GET", "cart/items/9", &[("accept", "multipart/mixed")], "").await;
    assert_eq!(mixed.status, 200);
    let boundary = mixed.headers["content-type"].to_str().unwrap().split_once("boundary=").unwrap().1.to_owned();
    let text = String::from_utf8(mixed.body.clone()).unwrap();
    assert_eq!(
        text,
        format!(
            "--{boundary}\r\nContent-Type: text/plain\r\n\r\nuno\r\n--{boundary}\r\n\
             Content-Type: application/octet-stream\r\n\r\ndos\r\n--{boundary}--\r\n"
        )
    );
    let json = go(&fake, "GET", "cart/items/9", &[("accept", "application/vnd.alianza.item+json")], "").await;
    let tags = [&reply, &mixed, &json].map(|reply| reply.headers["etag"].to_str().unwrap().to_owned());
    assert_eq!(tags.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "each form has its own: {tags:?}");
    for (form, accept) in ["text/plain", "multipart/mixed", "application/vnd.alianza.item+json"].into_iter().enumerate()
    {
        for (other, tag) in tags.iter().enumerate() {
            let fresh = go(&fake, "GET", "cart/items/9", &[("accept", accept), ("if-none-match", tag)], "").await;
            // A conflict is no answer of which a client has a copy.
            assert_eq!(fresh.status == 304, form == other && form != 0, "{accept} {tag}: {}", fresh.status);
        }
        let over = go(&fake, "PUT", "cart/items/9", &[("if-match", &tags[form])], "tres").await;
        let Request::Put(put) = last(&fake) else { panic!("{}", over.status) };
        assert_eq!(put.context, Some(seen(5)), "the tag of any form is good for a write");
    }
    let settled = go(&fake, "PUT", "cart/items/9", &[("if-match", &tag(4, &key, 5))], "tres").await;
    assert_eq!(settled.headers["etag"].to_str().unwrap(), tag(4, &key, 6));
    let Request::Put(put) = last(&fake) else { panic!() };
    assert_eq!(put.context, Some(seen(5)));
    let other_key = go(&fake, "PUT", "cart/items/8", &[("if-match", &tag(4, &key, 5))], "x").await;
    assert_eq!(other_key.problem(), "invalid-context");
    let create = go(&fake, "PUT", "cart/items/9", &[("if-none-match", "*")], "x").await;
    assert_eq!(create.problem(), "condition-unsupported");
    let gone = go(&cluster(Vec::new()), "GET", "cart/items/9", &[], "").await;
    assert_eq!(gone.headers["etag"].to_str().unwrap(), tag(4, &key, 5));
    assert_eq!(gone.problem(), "not-found");
}

#[tokio::test]
async fn in_a_linearizable_bucket_the_tag_is_the_version() {
    let fake = cluster(vec![sibling(1, "uno", None)]);
    assert_eq!(go(&fake, "GET", "locks/items/9", &[], "").await.headers["etag"], "\"v7\"");
    let changed = go(&fake, "PUT", "locks/items/9", &[("if-match", "\"v7\"")], "dos").await;
    assert_eq!(changed.headers["etag"], "\"v8\"");
    let Request::Cas(cas) = last(&fake) else { panic!() };
    assert_eq!((cas.expect, cas.edit), (Expect::Version(7), Edit::Put(Value::plain("dos"))));
    go(&fake, "DELETE", "locks/items/9", &[("if-none-match", "*")], "").await;
    let Request::Cas(cas) = last(&fake) else { panic!() };
    assert_eq!((cas.expect, cas.edit), (Expect::Version(0), Edit::Delete));
    assert_eq!(go(&fake, "PUT", "locks/items/9", &[("if-match", "\"x\"")], "").await.problem(), "condition-failed");
}

#[tokio::test]
async fn where_the_last_writer_wins_conditions_are_refused() {
    let fake = cluster(Vec::new());
    for (name, value) in [("if-match", "\"h1\""), ("if-match", "*"), ("if-none-match", "*")] {
        let reply = go(&fake, "PUT", "default/items/9", &[(name, value)], "x").await;
        assert_eq!(reply.status.as_u16(), 409);
        assert_eq!(reply.problem(), "condition-unsupported");
    }
    assert!(fake.asked.lock().unwrap().iter().all(|(request, _)| !matches!(request, Request::Put(_))));
}
