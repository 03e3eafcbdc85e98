//! Who gets through which door with what, over a scripted node.

use super::{draw_token, peer_authorization};
use crate::database::Database as _;
use crate::fake::{self, Fake};
use crate::redis::RedisOptions;
use crate::redis::tests::{Client, store};
use crate::routes::ROUTES;
use crate::tests::{Reply, send};
use crate::{Options, Service};
use axum::body::Body;
use axum::http::{Method, Request as Http, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Channel};
use hyper::service::Service as _;
use proto::{Admin, ApiToken, Bucket, BucketId, Found, Rate, Request, Response, Right};
use std::convert::Infallible;
use std::sync::Arc;
use stdx::Wall;
use tokio::time::Instant;

fn nothing() -> Response {
    Response::Found(Found { siblings: Vec::new(), context: Default::default(), newest: None, answered: 2 })
}

/// A node that has the buckets `default` and `carts` and nothing in them, and needs a token.
fn node() -> Arc<Fake> {
    let fake = Fake::new(|request| match request {
        Request::Get(_) => nothing(),
        Request::Put(_) => Response::Written(proto::Written { context: Default::default(), acknowledged: 2 }),
        Request::Admin(Admin::Status) => {
            let mut status = fake::status(&["Ted"]);
            let id = BucketId(1);
            status.buckets.push(Bucket { id, name: "carts".to_owned(), ..Bucket::default_bucket(3) });
            Response::Status(Box::new(status))
        }
        Request::Admin(Admin::History) => Response::History(Vec::new()),
        _ => Response::Changed { history: Vec::new(), node: None, progress: Vec::new() },
    });
    fake.tokens.pretend([]);
    Arc::new(fake)
}

/// A token of these scopes at `node`, besides those that it has.
fn token(node: &Fake, scopes: &str) -> String {
    with(node, scopes, |_| {})
}

fn with(node: &Fake, scopes: &str, how: impl FnOnce(&mut ApiToken)) -> String {
    let (text, id, digest) = draw_token().unwrap();
    let scopes: Vec<Right> = scopes.split(',').map(|scope| Right::parse(scope).unwrap()).collect();
    let mut token = ApiToken { id, name: format!("t-{id}"), digest, scopes, rate: None, expires: None };
    how(&mut token);
    let all: Vec<ApiToken> = node.tokens.all().values().cloned().chain([token]).collect();
    node.tokens.pretend(all);
    text
}

fn request(method: &Method, path: &str, token: &str, body: &str) -> Http<Body> {
    let mut request = Http::builder().method(method).uri(path);
    if !token.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

async fn ask(node: &Arc<Fake>, method: Method, path: &str, token: &str, body: &str) -> Reply {
    send(node, request(&method, path, token, body)).await
}

#[tokio::test]
async fn without_a_token_every_way_in_is_closed_but_those_that_say_nothing() {
    const FREE: &[&str] =
        &["/", "/v1/openapi.json", "/console", "/console/{file}", "/problems", "/problems/{slug}", "/livez", "/readyz"];
    let node = node();
    for route in ROUTES {
        let method = Method::from_bytes(route.method.to_ascii_uppercase().as_bytes()).unwrap();
        let path = route.path.replace(['{', '}'], "");
        let login = matches!(
            (route.method, route.path),
            ("post", "/console/login" | "/console/logout") | ("get", "/console/session")
        );
        let is_free = login || (route.method == "get" && FREE.contains(&route.path));
        for shown in ["", "nonsense", &draw_token().unwrap().0] {
            let reply = ask(&node, method.clone(), &path, shown, "{}").await;
            assert_eq!(reply.status == 401, !is_free, "{method} {path} {shown}: {}", reply.status);
            if !is_free {
                assert_eq!(reply.problem(), "unauthenticated");
                assert_eq!(reply.headers[header::WWW_AUTHENTICATE], "Bearer");
            }
        }
    }
    let asked = node.asked.lock().unwrap();
    assert!(asked.iter().all(|(request, _)| matches!(request, Request::Admin(Admin::Status))), "{asked:?}");
}

#[tokio::test]
async fn while_there_is_no_token_nobody_needs_one() {
    let fake = Arc::new(Fake::new(|_| nothing()));
    assert_eq!(ask(&fake, Method::GET, "/v1/buckets/default/items/k", "", "").await.problem(), "not-found");
    assert_eq!(ask(&fake, Method::GET, "/v1/buckets/default/items/k", "nonsense", "").await.problem(), "not-found");
}

#[tokio::test]
async fn scopes_say_what_and_where() {
    let node = node();
    let reader = token(&node, "read:carts");
    let writer = token(&node, "write:carts");
    let monitor = token(&node, "monitor");
    let admin = token(&node, "admin");
    let carts = "/v1/buckets/carts/items/k";
    let status =
        async |method: Method, path: &str, token: &str| ask(&node, method, path, token, "v").await.status.as_u16();
    for (token, get, put) in [(&reader, 404, 403), (&writer, 403, 200), (&monitor, 403, 403), (&admin, 404, 200)] {
        assert_eq!(status(Method::GET, carts, token).await, get);
        assert_eq!(status(Method::PUT, carts, token).await, put);
        let elsewhere = if *token == admin { 404 } else { 403 };
        assert_eq!(status(Method::GET, "/v1/buckets/default/items/k", token).await, elsewhere);
        assert_eq!(status(Method::GET, "/v1/cluster", token).await, 200);
        assert_eq!(status(Method::GET, "/v1/stats", token).await, 200);
    }
    let said = ask(&node, Method::GET, "/v1/buckets/default/items/k", &reader, "").await;
    assert_eq!(said.problem(), "not-allowed");
    assert!(said.json()["detail"].as_str().unwrap().contains("read:default"), "{}", said.json());
}

#[tokio::test]
async fn what_only_admins_may() {
    let node = node();
    let (both, admin, of_carts) = (token(&node, "read,write"), token(&node, "admin"), token(&node, "admin:carts"));
    let change = r#"{"leave":"Ted"}"#;
    let acts: [(Method, &str, &str); 8] = [
        (Method::POST, "/shutdown", ""),
        (Method::POST, "/v1/cluster/abort", ""),
        (Method::POST, "/v1/repair", ""),
        (Method::POST, "/v1/cluster/plan", change),
        (Method::PUT, "/v1/buckets/default", r#"{"n":2}"#),
        (Method::GET, "/v1/tokens", ""),
        (Method::POST, "/v1/tokens", r#"{"name":"x","scopes":"read"}"#),
        (Method::DELETE, "/v1/tokens/x", ""),
    ];
    for (method, path, body) in acts {
        for (token, allowed) in [(&both, false), (&of_carts, false), (&admin, true)] {
            let reply = ask(&node, method.clone(), path, token, body).await;
            assert_eq!(reply.status != 403, allowed, "{method} {path}: {}", reply.status);
        }
    }
    assert!(ask(&node, Method::PUT, "/v1/buckets/carts", &of_carts, r#"{"n":2}"#).await.status.is_success());
    let read_all = [("/console/sql", r#"{"sql":"select 1"}"#), ("/v1/backup/page", r#"{"buckets":"default"}"#)];
    for (path, body) in read_all {
        let reply = ask(&node, Method::POST, path, &token(&node, "read:carts"), body).await;
        assert_eq!(reply.status, 403, "{path}");
    }
}

#[tokio::test]
async fn operations_in_bodies_are_looked_at_one_by_one() {
    let node = node();
    let reader = token(&node, "read:carts");
    let get = |bucket: &str| format!(r#"{{"type":"GET","key":"k","bucket":"{bucket}"}}"#);
    assert_eq!(ask(&node, Method::POST, "/", &reader, &get("carts")).await.problem(), "not-found");
    assert_eq!(ask(&node, Method::POST, "/", &reader, &get("default")).await.problem(), "not-allowed");
    let lines = format!("{}\n{}\n", get("carts"), get("default"));
    let reply = ask(&node, Method::POST, "/v1/batch", &reader, &lines).await;
    let text = String::from_utf8(reply.body).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].contains("not-found") && lines[1].contains("not-allowed"), "{text}");
    let call = |bucket: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"item.get","params":{{"key":"k","bucket":"{bucket}"}}}}"#)
    };
    let rpc = async |bucket: &str| ask(&node, Method::POST, "/rpc", &reader, &call(bucket)).await.json().to_string();
    assert!(rpc("carts").await.contains("not-found") && rpc("default").await.contains("not-allowed"));
}

#[tokio::test]
async fn revoked_and_ended_tokens_are_nobodys_also_in_the_middle() {
    let node = node();
    let ended = with(&node, "admin", |token| token.expires = Some(Wall(1)));
    assert_eq!(ask(&node, Method::GET, "/v1/cluster", &ended, "").await.problem(), "unauthenticated");
    let text = token(&node, "admin");
    let service = Service::new(Arc::<Fake>::clone(&node), Options::default());
    let get = async || {
        let response = service.call(request(&Method::GET, "/v1/cluster", &text, "")).await.unwrap();
        let status = response.status();
        response.into_body().collect().await.unwrap();
        status.as_u16()
    };
    assert_eq!(get().await, 200);
    node.tokens.pretend([]);
    assert_eq!(get().await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_used_no_faster_than_its_rate() {
    let node = node();
    let text = with(&node, "read", |token| token.rate = Some(Rate { per_second: 1, burst: 3 }));
    let service = Service::new(Arc::<Fake>::clone(&node), Options::default());
    let get = async || {
        let path = "/v1/buckets/default/items/k";
        let response = service.call(request(&Method::GET, path, &text, "")).await.unwrap();
        (response.status().as_u16(), response.headers().get(header::RETRY_AFTER).cloned())
    };
    for _ in 0..3 {
        assert_eq!(get().await, (404, None));
    }
    assert_eq!(get().await, (429, Some(1.into())));
    // Each line of a batch is an operation.
    tokio::time::advance(std::time::Duration::from_secs(10)).await;
    let lines = "{\"type\":\"GET\",\"key\":\"k\"}\n".repeat(5);
    let reply = service.call(request(&Method::POST, "/v1/batch", &text, &lines)).await.unwrap();
    let answers = String::from_utf8(reply.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    assert_eq!(answers.matches("not-found").count(), 3, "{answers}");
    assert_eq!(answers.matches("too-many-requests").count(), 2, "{answers}");
}

#[tokio::test]
async fn the_rate_of_a_token_is_one_for_all_ways_in() {
    let node = Arc::new(store());
    let text = with(&node, "read", |token| token.rate = Some(Rate { per_second: 1, burst: 20 }));
    let service = Service::new(Arc::<Fake>::clone(&node), Options::default());
    let mut redis = Client::beside(service.clone(), RedisOptions::default()).await;
    redis.ask(&format!("AUTH {text}"), "+OK\r\n").await;
    // What is not there takes more than one operation of Redis.
    for _ in 0..8 {
        redis.ask("GET k", "$-1\r\n").await;
    }
    let mut refused = 0;
    for _ in 0..20 {
        let reply = service.call(request(&Method::GET, "/v1/buckets/default/items/k", &text, "")).await.unwrap();
        refused += u32::from(reply.status() == 429);
    }
    assert!(refused > 0, "the burst was had twice");
}

#[tokio::test]
async fn another_node_may_look_and_do_no_more() {
    let node = node();
    let as_node = async |method: Method, path: &str, key: &[u8; 32]| {
        let request = Http::builder().method(method).uri(path).header(header::AUTHORIZATION, peer_authorization(key));
        send(&node, request.body(Body::empty()).unwrap()).await.status.as_u16()
    };
    assert_eq!(as_node(Method::GET, "/v1/stats", &node.context_key()).await, 200);
    assert_eq!(as_node(Method::GET, "/v1/stats", &[8; 32]).await, 401);
    assert_eq!(as_node(Method::GET, "/v1/buckets/default/items/k", &node.context_key()).await, 403);
    assert_eq!(as_node(Method::POST, "/v1/cluster/abort", &node.context_key()).await, 403);
}

#[tokio::test]
async fn redis_clients_say_a_token_as_their_password() {
    let node = Arc::new(store());
    node.tokens.pretend([]);
    let reader = token(&node, "read:default");
    let writer = with(&node, "write:default", |token| token.name = "app".to_owned());
    let mut client = Client::of(Arc::<Fake>::clone(&node), RedisOptions::default()).await;
    client.ask("GET k", "-NOAUTH Authentication required.\r\n").await;
    client.ask("PING", "-NOAUTH Authentication required.\r\n").await;
    client.ask("AUTH nonsense", "-WRONGPASS ").await;
    client.line().await;
    client.ask(&format!("AUTH {reader}"), "+OK\r\n").await;
    client.ask("PING", "+PONG\r\n").await;
    client.ask("GET k", "$-1\r\n").await;
    client.ask("SET k v", "-NOPERM User t-").await;
    assert!(client.line().await.ends_with("has no permissions to run the 'set' command"));
    client.ask(&format!("HELLO 3 AUTH app {writer}"), "%7\r\n").await;
    let mut other = Client::of(Arc::<Fake>::clone(&node), RedisOptions::default()).await;
    other.ask(&format!("AUTH somebody {writer}"), "-WRONGPASS ").await;
    other.line().await;
    other.ask(&format!("AUTH app {writer}"), "+OK\r\n").await;
    other.ask("GET k", "-NOPERM User app has no permissions to run the 'get' command\r\n").await;
    node.tokens.pretend([]);
    other.ask("PING", "-NOAUTH Authentication required.\r\n").await;
}

#[tokio::test]
async fn redis_clients_that_were_there_before_the_first_token_need_one_then() {
    let fresh = Arc::new(store());
    let mut client = Client::of(Arc::<Fake>::clone(&fresh), RedisOptions::default()).await;
    client.ask("GET k", "$-1\r\n").await;
    fresh.tokens.pretend([]);
    client.ask("GET k", "-NOAUTH Authentication required.\r\n").await;
}

#[tokio::test]
async fn a_login_at_the_console_is_a_cookie_that_only_its_own_page_may_use_for_changes() {
    let node = node();
    let text = token(&node, "admin");
    let service = Service::new(Arc::<Fake>::clone(&node), Options::default());
    let send = async |method: Method, path: &str, headers: &[(&str, &str)], body: String| {
        let mut request = Http::builder().method(method).uri(path).header("host", "localhost:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = service.call(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (status, cookie) = (response.status().as_u16(), response.headers().get(header::SET_COOKIE).cloned());
        response.into_body().collect().await.unwrap();
        (status, cookie.map(|cookie| cookie.to_str().unwrap().to_owned()))
    };
    let json = ("content-type", "application/json");
    let login = |token: &str| format!(r#"{{"token":"{token}"}}"#);
    assert_eq!(send(Method::POST, "/console/login", &[json], login("nonsense")).await.0, 401);
    assert_eq!(send(Method::POST, "/console/login", &[("content-type", "text/plain")], login(&text)).await.0, 403);
    let (status, cookie) = send(Method::POST, "/console/login", &[json], login(&text)).await;
    let cookie = cookie.unwrap();
    assert_eq!(status, 200);
    assert!(
        cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Strict") && !cookie.contains(&text),
        "{cookie}"
    );
    let shown = ("cookie", cookie.split(';').next().unwrap());
    assert_eq!(send(Method::GET, "/v1/cluster", &[shown], String::new()).await.0, 200);
    let abort =
        async |headers: &[(&str, &str)]| send(Method::POST, "/v1/cluster/abort", headers, String::new()).await.0;
    assert_eq!(abort(&[shown]).await, 403, "nothing says which page sent it");
    assert_eq!(abort(&[shown, ("origin", "http://localhost:3000")]).await, 403);
    assert_eq!(abort(&[shown, ("sec-fetch-site", "cross-site")]).await, 403);
    assert_eq!(abort(&[shown, ("origin", "http://localhost:8080")]).await, 202);
    let own = ("sec-fetch-site", "same-origin");
    let (_, gone) = send(Method::POST, "/console/logout", &[shown, own], String::new()).await;
    assert!(gone.unwrap().contains("Max-Age=0"));
    assert_eq!(send(Method::GET, "/v1/cluster", &[shown], String::new()).await.0, 401);
    // A session is worth nothing without its token.
    let (_, cookie) = send(Method::POST, "/console/login", &[json], login(&text)).await;
    let cookie = cookie.unwrap();
    node.tokens.pretend([]);
    assert_eq!(
        send(Method::GET, "/v1/cluster", &[("cookie", cookie.split(';').next().unwrap())], String::new()).await.0,
        401
    );
}

#[tokio::test(start_paused = true)]
async fn a_stranger_who_logs_in_takes_no_more_than_a_login_needs() {
    let node = node();
    let text = token(&node, "admin");
    let login = async |body: Body| {
        let request = Http::post("/console/login").header(header::CONTENT_TYPE, "application/json");
        send(&node, request.body(body).unwrap()).await
    };
    let of = |bytes: usize| {
        let json = format!(r#"{{"token":"{text}"}}"#);
        json.clone() + &" ".repeat(bytes - json.len())
    };
    assert_eq!(login(Body::from(of(4_096))).await.status, 200);
    assert_eq!(login(Body::from(of(4_097))).await.problem(), "too-large");
    assert_eq!(login(Body::from(of(5_000))).await.problem(), "too-large");
    // Also where it is not said beforehand how long it is.
    let (mut sender, endless) = Channel::<Bytes, Infallible>::new(1);
    let sending = async { while sender.send_data(Bytes::from_static(b"          ")).await.is_ok() {} };
    assert_eq!(tokio::join!(login(Body::new(endless)), sending).0.problem(), "too-large");
    let (sender, silent) = Channel::<Bytes, Infallible>::new(1);
    let begun = Instant::now();
    assert_eq!(login(Body::new(silent)).await.problem(), "slow-body");
    assert_eq!(begun.elapsed().as_secs(), 5);
    drop(sender);
}

#[tokio::test]
async fn stored_bytes_are_no_script_of_a_page() {
    let fake = Arc::new(Fake::new(|_| nothing()));
    for (wanted, status) in [("script", 403), ("style", 403), ("iframe", 403), ("document", 404), ("empty", 404)] {
        let request = Http::builder().uri("/v1/buckets/default/items/k").header("sec-fetch-dest", wanted);
        assert_eq!(send(&fake, request.body(Body::empty()).unwrap()).await.status, status, "{wanted}");
    }
    let request = Http::builder().uri("/console/app.js").header("sec-fetch-dest", "script");
    assert_eq!(send(&fake, request.body(Body::empty()).unwrap()).await.status, 200);
}

/// A node with an audit log, and where that is.
fn logged() -> (Arc<Fake>, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let mut fake = Arc::into_inner(node()).unwrap();
    let audit = server::Audit::open(directory.path(), ring::NodeId(1), Arc::default()).unwrap();
    fake.audit = Some(Arc::new(audit));
    (Arc::new(fake), directory)
}

/// The lines of its log, as an administrator reads them.
async fn audit(node: &Fake) -> Vec<serde_json::Value> {
    let audit = node.audit.as_ref().unwrap();
    // Whatever was told without waiting is before this.
    audit.told(&server::By::LOCAL, server::Deed::new("mark", serde_json::json!({})), &server::Outcome::Done).await;
    let text = audit.read(0, Wall(0)).unwrap().lines;
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

#[tokio::test]
async fn the_audit_log_tells_who_did_what_and_no_secret() {
    let (node, _directory) = logged();
    let admin = with(&node, "admin", |token| token.name = "root".to_owned());
    let reader = token(&node, "read:default");
    let put = ask(&node, Method::PUT, "/v1/buckets/carts", &admin, "{\"n\":2}").await;
    assert_eq!(put.status, 200, "{:?}", put.json());
    let made = r#"{"name":"app","scopes":"read"}"#;
    let secret =
        ask(&node, Method::POST, "/v1/tokens", &admin, made).await.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(ask(&node, Method::PUT, "/v1/buckets/carts", &reader, "{\"n\":2}").await.status, 403);
    assert_eq!(ask(&node, Method::POST, "/v1/cluster/abort", &secret, "").await.status, 401);
    assert_eq!(ask(&node, Method::GET, "/v1/audit", &reader, "").await.status, 403);
    let lines = audit(&node).await;
    let told: Vec<(&str, &str, &str)> = lines
        .iter()
        .map(|line| {
            let text =
                |value: &'_ serde_json::Value| -> &'static str { value.as_str().unwrap_or("").to_owned().leak() };
            (text(&line["what"]), text(&line["state"]), text(&line["by"]["name"]))
        })
        .collect();
    let refused = lines.iter().find(|line| line["state"] == "refused" && line["what"] == "bucket.set").unwrap();
    assert!(refused["by"]["name"].as_str().unwrap().starts_with("t-"), "{refused}");
    for expected in [
        ("bucket.set", "begun", "root"),
        ("bucket.set", "done", "root"),
        ("token.create", "begun", "root"),
        ("token.create", "done", "root"),
        ("login", "refused", ""),
    ] {
        assert!(told.contains(&expected), "{expected:?} is not among {told:?}");
    }
    assert!(told.iter().any(|(what, state, _)| (*what, *state) == ("administration", "refused")), "{told:?}");
    let text = serde_json::to_string(&lines).unwrap();
    for secret in [&admin, &secret] {
        assert!(!text.contains(secret.rsplit('_').next().unwrap()), "{text}");
    }
    let answer = ask(&node, Method::GET, "/v1/audit?since=1h", &admin, "").await;
    let body = String::from_utf8(answer.body).unwrap();
    assert!(
        body.lines().count() > 5 && body.ends_with(&format!("{{\"end\":true,\"cursor\":\"{}\"}}\n", lines.len())),
        "{body}"
    );
    assert_eq!(ask(&node, Method::GET, "/v1/audit?cursor=x", &admin, "").await.problem(), "invalid-cursor");
    let rpc = async |token: &str, params: &str| {
        let call = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"audit.read","params":{params}}}"#);
        ask(&node, Method::POST, "/rpc", token, &call).await.json()
    };
    let page = rpc(&admin, "{}").await["result"].clone();
    assert_eq!(page["lines"].as_array().unwrap()[..], lines[..], "the same lines");
    let cursor = lines[1]["seq"].to_string();
    let behind = rpc(&admin, &format!(r#"{{"since":"1h","cursor":"{cursor}"}}"#)).await["result"].clone();
    assert_eq!(behind["lines"].as_array().unwrap()[..], lines[2..], "those behind the second");
    assert_eq!((&behind["cursor"], &behind["more"]), (&lines.len().to_string().into(), &false.into()));
    assert_eq!(rpc(&reader, "{}").await["error"]["code"], -32_003, "only for administrators");
    assert_eq!(ask(&node, Method::GET, "/v1/audit?since=x", &admin, "").await.problem(), "invalid-field");
}

#[tokio::test]
async fn the_audit_log_tells_of_refusals_by_the_node_and_where_nobody_needs_a_token() {
    let directory = tempfile::tempdir().unwrap();
    let mut fake = Fake::refusing(proto::Refusal::NoAnswer { write: true });
    fake.audit = Some(Arc::new(server::Audit::open(directory.path(), ring::NodeId(1), Arc::default()).unwrap()));
    let fake = Arc::new(fake);
    assert_eq!(crate::tests::ask(&fake, Method::POST, "/v1/cluster/abort", "").await.status, 503);
    let lines = audit(&fake).await;
    assert_eq!((&lines[0]["what"], &lines[0]["state"]), (&"cluster.abort".into(), &"begun".into()));
    assert_eq!(
        (&lines[1]["state"], &lines[1]["of"], &lines[1]["by"]["who"]),
        (&"unknown".into(), &1.into(), &"anyone".into())
    );
}
