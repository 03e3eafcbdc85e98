//! `GET /v1/stats`: what this node has done since it started and how it stands, in numbers, for whoever shows them.
//!
//! Invariant: numbers that grow are counted since the process started; whoever wants rates takes the difference of two
//! answers. Refuses to judge the numbers.

use crate::access::Asker;
use crate::bucket_names;
use crate::cluster::condition_text;
use crate::elsewhere;
use crate::json;
use crate::node_name;
use crate::problem::{Kind, Problem};
use crate::query::Query;
use crate::router::Api;
use axum::extract;
use axum::response::Response;
use proto::{MemberStatus, Status};
use serde_json::{Map, Value, json};
use server::{BOUNDS, Counters, Gauges, Measured, Measures, Process};

/// What is known at one moment.
pub(crate) struct Snapshot {
    pub(crate) status: Box<Status>,
    pub(crate) gauges: Gauges,
    pub(crate) process: Process,
}

impl Snapshot {
    /// Asks the node.
    pub(crate) async fn take(api: &Api) -> Result<Snapshot, Problem> {
        let status = bucket_names::status(api.database()).await?;
        let ending = || Problem::new(Kind::NotReady, "The node is ending; ask another one.");
        let gauges = api.database().gauges().await.ok_or_else(ending)?;
        Ok(Snapshot { status, gauges, process: Process::now() })
    }

    /// Hints kept here.
    pub(crate) fn hints(&self) -> u64 {
        self.status.hints.iter().map(|hints| hints.waiting).sum()
    }

    /// The other members.
    pub(crate) fn peers(&self) -> impl Iterator<Item = &MemberStatus> {
        self.status.members.iter().filter(|member| member.member.id != self.status.node)
    }
}

/// `GET /v1/stats`.
pub(crate) async fn stats(Asker(api): Asker, request: extract::Request) -> Result<Response, Problem> {
    let mut query = Query::read(request.uri().query())?;
    let node = query.text("node")?;
    query.finish(&["node"])?;
    let snapshot = Snapshot::take(&api).await?;
    if let Some(name) = node {
        let member = node_name::find(&snapshot.status, &name)?;
        if member.member.id != snapshot.status.node {
            return elsewhere::get(api.database(), member, "/v1/stats").await;
        }
    }
    Ok(json::ok(&stats_json(&snapshot, api.database().measures(), api.database().counters())))
}

fn stats_json(snapshot: &Snapshot, measures: &Measures, counters: &Counters) -> Value {
    let Snapshot { status, gauges, process } = snapshot;
    let connections = &measures.connections;
    json!({
        "node": node_name::of(status, status.node),
        "nodeId": status.node.to_string(),
        "uptime": measures.uptime().as_secs_f64(),
        "operations": measures.operations().iter().map(operation).collect::<Vec<_>>(),
        "refusals": measures.refusals().iter().map(|(kind, reason, count)| json!({
            "operation": kind.name(), "reason": reason.name(), "count": count
        })).collect::<Vec<_>>(),
        "connections": { "http": connections.http.get(), "redis": connections.redis.get() },
        "storage": { "bytes": gauges.stored_bytes, "free": gauges.free_bytes },
        "queues": {
            "events": gauges.events,
            "requests": gauges.requests,
            "peerMessages": gauges.peers.iter().map(|queue| queue.messages).sum::<usize>(),
            "peerBytes": gauges.peers.iter().map(|queue| queue.bytes).sum::<usize>(),
        },
        "hints": snapshot.hints(),
        "epoch": status.epoch.0,
        "moving": status.moving,
        "bytesLeft": status.left.0,
        "counters": counters.all().iter().map(|(name, count)| (camel(name), Value::from(*count))).collect::<Map<_, _>>(),
        "process": {
            "cpu": process.cpu.as_secs_f64(),
            "memory": process.resident_bytes,
            "files": process.files,
        },
        "peers": snapshot.peers().map(|peer| peer_json(peer, gauges)).collect::<Vec<_>>(),
    })
}

fn operation(measured: &Measured) -> Value {
    let buckets = BOUNDS.iter().zip(measured.times.up_to).map(|(bound, count)| json!([*bound as f64 / 1e6, count]));
    json!({
        "operation": measured.kind.name(),
        "level": measured.level.name(),
        "count": measured.times.count,
        "errors": measured.failures,
        "seconds": measured.times.sum.as_secs_f64(),
        "buckets": buckets.collect::<Vec<_>>(),
    })
}

fn peer_json(peer: &MemberStatus, gauges: &Gauges) -> Value {
    let queue = gauges.peers.iter().find(|queue| queue.peer == peer.member.id);
    json!({
        "node": peer.member.name,
        "nodeId": peer.member.id.to_string(),
        "condition": condition_text(peer.condition),
        "rtt": peer.round_trip.map(|span| span.as_micros() as f64 / 1e6),
        "phi": f64::from(peer.phi) / 1e2,
        "waitingMessages": queue.map_or(0, |queue| queue.messages),
        "waitingBytes": queue.map_or(0, |queue| queue.bytes),
    })
}

/// `peer_bytes_in` as `peerBytesIn`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut all, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        all.push_str(&head.to_ascii_uppercase());
        all + tail
    })
}

#[cfg(test)]
mod tests {
    use super::camel;
    use crate::fake::{self, Fake};
    use crate::tests::ask;
    use axum::http::Method;
    use proto::Response;
    use std::sync::Arc;

    #[tokio::test]
    async fn numbers_of_one_node() {
        let fake = Arc::new(Fake::new(|_| Response::Status(Box::new(fake::status(&["Ted", "Greta"])))));
        let json = ask(&fake, Method::GET, "/v1/stats", "").await.json();
        assert_eq!((json["node"].as_str(), json["hints"].as_u64()), (Some("Ted"), Some(0)));
        assert_eq!((json["storage"]["bytes"].as_u64(), json["storage"]["free"].as_u64()), (Some(12_345), Some(999)));
        assert_eq!(json["peers"][0]["node"], "Greta");
        assert_eq!(json["peers"][0]["waitingMessages"], 3);
        assert_eq!(json["queues"]["peerBytes"], 300);
        assert!(json["counters"]["peerBytesIn"].is_u64() && json["uptime"].is_f64(), "{json}");
    }

    #[tokio::test]
    async fn another_node_is_asked_by_name() {
        let greta = Arc::new(Fake::new(|_| Response::Status(Box::new(fake::status(&["Greta"])))));
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", socket.local_addr().unwrap());
        let (streams, receiver) = tokio::sync::mpsc::channel(1);
        tokio::spawn(crate::serve(receiver, crate::Service::new(greta, crate::Options::default())));
        tokio::spawn(async move {
            let (stream, from) = socket.accept().await.unwrap();
            streams.send((stream.into(), from)).await.unwrap();
            drop(socket);
        });
        let ted = Arc::new(Fake::new(move |_| {
            let mut status = fake::status(&["Ted", "Greta"]);
            status.members[1].member.uri = uri.clone();
            Response::Status(Box::new(status))
        }));
        let of = async |name: &str| ask(&ted, Method::GET, &format!("/v1/stats?node={name}"), "").await;
        assert_eq!(of("Ted").await.json()["node"], "Ted");
        assert_eq!(of("Greta").await.json()["node"], "Greta");
        assert_eq!(of("Greta").await.problem(), "no-answer");
        assert_eq!(of("Nobody").await.problem(), "unknown-node");
        assert_eq!(ask(&ted, Method::GET, "/v1/stats?nide=Ted", "").await.problem(), "unknown-field");
    }

    #[test]
    fn names_as_in_json() {
        assert_eq!(camel("fsyncs"), "fsyncs");
        assert_eq!(camel("peer_bytes_in"), "peerBytesIn");
    }
}
