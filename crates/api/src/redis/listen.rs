//! The Redis port: taking connections in, until the node ends.
//!
//! Invariant: connections served at once are bounded; at the end, what has been read is answered before the connection is
//! closed.

use super::connection::Connection;
use super::{Redis, RedisOptions};
use crate::Service;
use server::Tls;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long requests that are under way at the end may still take.
const END_PATIENCE: Duration = Duration::from_secs(2);
/// How long connections are still read at the end: a client that has just sent a request would else never know whether it
/// was carried out.
const LINGER: Duration = Duration::from_millis(300);
/// Between two tries to accept when the system has no room for another connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// What a client is told that is one too many, in Redis's words.
const TOO_MANY: &[u8] = b"-ERR max number of clients reached\r\n";

/// Takes the port.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves clients that come to `socket`, for the node of `service`, until `ending` is over.
pub async fn serve(socket: TcpListener, service: Service, options: RedisOptions, ending: impl Future<Output = ()>) {
    let redis = Arc::new(Redis::new(&service, options));
    drop(service);
    let tls = redis.database.tls();
    let (end, ended) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut ending = std::pin::pin!(ending);
    loop {
        tokio::select! {
            biased;
            () = &mut ending => break,
            accepted = socket.accept() => match accepted {
                Ok((stream, _)) if served(&mut connections) >= redis.options.connections_max => {
                    connections.spawn(refuse(stream));
                }
                Ok((stream, from)) => {
                    connections.spawn(connection(stream, from, tls.clone(), Arc::clone(&redis), ended.clone()));
                }
                Err(error) => {
                    tracing::warn!("could not accept a Redis connection: {error}");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            },
        }
    }
    drop(socket);
    end.send_replace(true);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(END_PATIENCE, all_ended).await.is_err() {
        tracing::debug!("ending with Redis requests unanswered");
    }
}

/// How many connections there are, those that have ended since the last look left out.
fn served(connections: &mut JoinSet<()>) -> usize {
    while connections.try_join_next().is_some() {}
    connections.len()
}

async fn refuse(mut stream: TcpStream) {
    // A client that does not take the sentence is closed without it.
    let _ = tokio::time::timeout(ACCEPT_AGAIN, stream.write_all(TOO_MANY)).await;
}

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    tls: Option<Arc<Tls>>,
    redis: Arc<Redis>,
    mut ended: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%from, %error, "cannot set TCP_NODELAY");
    }
    let stream = match tls {
        None => stream.into(),
        Some(tls) => match tls.accept_redis(stream).await {
            Ok(stream) => stream,
            Err(error) => return tracing::debug!(%from, %error, "a Redis connection did not begin TLS"),
        },
    };
    let database = Arc::clone(&redis.database);
    let _entered = database.measures().connections.redis.enter();
    let mut connection = Connection::new(stream, from, redis);
    let result = tokio::select! {
        result = connection.run() => result,
        () = over(&mut ended) => {
            match tokio::time::timeout(LINGER, connection.run()).await {
                Ok(result) => result,
                Err(_) => {
                    connection.finish();
                    connection.run().await
                }
            }
        }
    };
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            tracing::warn!(%from, %error, "closed a Redis connection");
        }
        Err(error) => tracing::debug!(%from, %error, "a Redis connection ended"),
        Ok(()) => {}
    }
}

/// Waits until nobody new is served.
async fn over(ended: &mut watch::Receiver<bool>) {
    // If the sender is gone, that is the end, too.
    let _ = ended.wait_for(|ended| *ended).await;
}
