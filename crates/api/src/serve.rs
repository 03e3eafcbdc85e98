//! Carrying connections to the router: HTTP/1.1 with keep-alive and pipelining, until no more connections come.
//!
//! Invariant: when it returns, every request that had been read was answered, or the patience for that was over.
//! Refuses to know who accepts connections, and what is asked on them.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// How long a client may take for the head of a request.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// How long requests that are under way at the end may still take.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// Serves the connections that come out of `streams`, at most `connections_max` at once, until it is closed.
pub async fn serve(mut streams: mpsc::Receiver<(TcpStream, SocketAddr)>, router: Router, connections_max: usize) {
    let (end, ending) = watch::channel(false);
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= connections_max.max(1) {
            connections.join_next().await;
            continue;
        }
        let Some((stream, from)) = streams.recv().await else { break };
        connections.spawn(connection(stream, from, router.clone(), ending.clone()));
    }
    end.send_replace(true);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(END_PATIENCE, all_ended).await.is_err() {
        tracing::debug!("ending with requests unanswered");
    }
}

async fn connection(stream: TcpStream, from: SocketAddr, router: Router, mut ending: watch::Receiver<bool>) {
    // Answers are written whole, so waiting for more to send would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%from, %error, "cannot set TCP_NODELAY");
    }
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .pipeline_flush(true)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        _ = ending.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%from, %error, "connection ended");
    }
}
