//! Scripted nodes: HTTP servers on free loopback ports that answer by a function and remember what they were asked.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file uses its part, and none of them is a library"
)]

use client::{Builder, Client, RetrySettings, Span};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What a scripted node does about a request.
pub enum Act {
    /// Answers with this status and JSON.
    Answer(u16, Value),
    /// The same, naming this epoch.
    AtEpoch(u64, Value),
    /// Answers with these lines.
    Lines(Vec<Value>),
    /// Answers with this text, and no more.
    Text(String),
    /// Breaks the connection.
    Break,
    /// Never answers.
    Hang,
}

/// A request that came in.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Value,
    pub lines: Vec<Value>,
}

type Script = dyn Fn(&Asked) -> Act + Send + Sync;

/// A node.
pub struct Scripted {
    pub uri: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    script: Arc<Mutex<Arc<Script>>>,
    task: JoinHandle<()>,
}

impl Scripted {
    pub async fn start() -> Scripted {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", socket.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let script: Arc<Mutex<Arc<Script>>> = Arc::new(Mutex::new(Arc::new(|_: &Asked| Act::Break)));
        let (log, by) = (Arc::clone(&asked), Arc::clone(&script));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                let (log, by) = (Arc::clone(&log), Arc::clone(&by));
                let service = service_fn(move |request| answer(request, Arc::clone(&log), Arc::clone(&by)));
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move { drop(connection.await) });
            }
        });
        Scripted { uri, asked, script, task }
    }

    pub fn script(&self, script: impl Fn(&Asked) -> Act + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Arc::new(script);
    }

    /// What it was asked about items, since it was looked at last; not about the ring.
    pub fn asked(&self) -> Vec<Asked> {
        let all = std::mem::take(&mut *self.asked.lock().unwrap());
        all.into_iter().filter(|asked| asked.path != "/v1/ring").collect()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    request: Request<Incoming>,
    log: Arc<Mutex<Vec<Asked>>>,
    script: Arc<Mutex<Arc<Script>>>,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let lines = body.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let asked = Asked {
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
        lines,
    };
    let script = Arc::clone(&script.lock().unwrap());
    log.lock().unwrap().push(asked.clone());
    let response = |status: u16, body: String| Response::builder().status(status).body(Full::from(body)).unwrap();
    match script(&asked) {
        Act::Answer(status, json) => Ok(response(status, json.to_string())),
        Act::AtEpoch(epoch, json) => {
            let mut response = response(200, json.to_string());
            response.headers_mut().insert("alianza-epoch", epoch.into());
            Ok(response)
        }
        Act::Lines(lines) => Ok(response(200, lines.iter().map(|line| format!("{line}\n")).collect())),
        Act::Text(text) => Ok(response(200, text)),
        Act::Break => Err(io::Error::other("scripted")),
        Act::Hang => std::future::pending().await,
    }
}

/// The ring of these nodes, each with an equal part of 16 partitions: of four nodes, the first owns the tokens up to 4000….
pub fn ring(epoch: u64, nodes: &[&Scripted], copies: usize) -> Value {
    let part = 16 / nodes.len();
    let member = |(at, node): (usize, &&Scripted)| {
        json!({ "nodeId": format!("00000000-0000-0000-0000-{at:012}"), "name": format!("n{at}"), "uri": node.uri, "zone": null,
            "weight": 100, "tokens": [format!("{:x}{}", (at + 1) * part % 16, "0".repeat(39))] })
    };
    let bucket = |name: &str, mode: &str, rule: &str| json!({ "name": name, "n": copies, "mode": mode, "rule": rule });
    json!({ "epoch": epoch, "partitions": 16, "n": copies, "members": nodes.iter().enumerate().map(member).collect::<Vec<_>>(),
        "buckets": [bucket("default", "eventual", "lww"), bucket("carts", "eventual", "siblings"), bucket("locks", "linearizable", "lww")] })
}

/// Nodes that know each other and answer by `script`.
pub async fn cluster(
    count: usize,
    copies: usize,
    script: impl Fn(&Asked) -> Act + Clone + Send + Sync + 'static,
) -> Vec<Scripted> {
    let mut nodes = Vec::new();
    for _ in 0..count {
        nodes.push(Scripted::start().await);
    }
    let ring = ring(7, &nodes.iter().collect::<Vec<_>>(), copies);
    for node in &nodes {
        let (ring, script) = (ring.clone(), script.clone());
        node.script(move |asked| if asked.path == "/v1/ring" { Act::Answer(200, ring.clone()) } else { script(asked) });
    }
    nodes
}

/// A client of the first of these that does not wait long.
pub fn quick(nodes: &[Scripted]) -> Builder {
    let retries = RetrySettings { base: Span::millis(1), max: Span::millis(5), ..RetrySettings::default() };
    Client::builder([nodes[0].uri.as_str()]).retries(retries).patience(Duration::from_secs(20))
}

/// A refusal.
pub fn refused(status: u16, slug: &str, applied: bool) -> Act {
    let body = json!({ "type": format!("/problems/{slug}"), "status": status, "detail": "No.", "mayHaveBeenApplied": applied });
    Act::Answer(status, body)
}

/// That a write was done.
pub fn written() -> Act {
    Act::Answer(200, json!({ "key": "k", "acknowledged": 2 }))
}

/// Asks again and again until it is so, at most for half a minute.
pub async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let asking = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking).await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
}
