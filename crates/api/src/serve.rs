//! Carrying connections to the service: HTTP/1.1 with keep-alive and pipelining, until no more connections come.
//!
//! Invariant: when it returns, every request that had been read was answered, or the patience for that was over. Whoever
//! asks on an idle connection while the end comes is answered, too, and told to go elsewhere.
//! Refuses to know who accepts connections, and what is asked on them.

use crate::Service;
use crate::patient::Patient;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// How long a client may take for the head of a request.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// How long a client may take none of an answer.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// How long requests that are under way at the end may still take.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// How long idle connections stay open at the end: a client that has just sent a request on one would else never know
/// whether it was carried out.
const LINGER: Duration = Duration::from_millis(300);

/// A connection, and where it comes from.
type Stream = server::HttpStream;

/// Serves the connections that come out of `streams` until it is closed.
pub async fn serve(mut streams: mpsc::Receiver<Stream>, service: Service) {
    let (end, ending) = watch::channel(false);
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= service.connections_max() {
            connections.join_next().await;
            continue;
        }
        let Some((stream, from)) = streams.recv().await else { break };
        connections.spawn(connection(stream, from, service.of(from), ending.clone()));
    }
    end.send_replace(true);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(END_PATIENCE, all_ended).await.is_err() {
        tracing::debug!("ending with requests unanswered");
    }
}

async fn connection(stream: server::Stream, from: SocketAddr, service: Service, mut ending: watch::Receiver<bool>) {
    // Answers are written whole, so waiting for more to send would only delay them.
    if let Err(error) = stream.socket().set_nodelay(true) {
        tracing::debug!(%from, %error, "cannot set TCP_NODELAY");
    }
    let entered = service.clone();
    let _entered = entered.enter();
    let has_ended = ending.clone();
    let until_the_end = service_fn(|request| {
        let answer = service.call(request);
        let has_ended = has_ended.clone();
        async move {
            let mut answer = answer.await?;
            if *has_ended.borrow() {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .pipeline_flush(true)
        .serve_connection(TokioIo::new(Patient::new(stream, WRITE_PATIENCE)), until_the_end);
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        _ = ending.changed() => match tokio::time::timeout(LINGER, connection.as_mut()).await {
            Ok(result) => result,
            Err(_) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        },
    };
    if let Err(error) = result {
        tracing::debug!(%from, %error, "connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::serve;
    use crate::fake::{self, Fake};
    use crate::{Options, Service};
    use proto::Response;
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::mpsc;
    use tokio::task::JoinHandle;

    /// A client's end of a connection that is being served, and what ends the serving.
    async fn connected() -> (TcpStream, mpsc::Sender<super::Stream>, JoinHandle<()>) {
        let fake = Fake::new(|_| Response::Status(Box::new(fake::status(&["Ted"]))));
        let (streams, receiver) = mpsc::channel(1);
        let serving = tokio::spawn(serve(receiver, Service::new(Arc::new(fake), Options::default())));
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(socket.local_addr().unwrap()).await.unwrap();
        let (stream, from) = socket.accept().await.unwrap();
        streams.send((stream.into(), from)).await.unwrap();
        (client, streams, serving)
    }

    async fn read_until(client: &mut TcpStream, answers: usize) -> String {
        let mut text = String::new();
        while text.matches("\"status\":").count() < answers {
            let mut bytes = [0; 4_096];
            let count = client.read(&mut bytes).await.unwrap();
            assert!(count > 0, "{text}");
            text += std::str::from_utf8(&bytes[..count]).unwrap();
        }
        text
    }

    #[tokio::test]
    async fn requests_in_a_row_are_answered_in_order_on_one_connection() {
        let (mut client, _streams, _serving) = connected().await;
        let row = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n";
        client.write_all(row.as_bytes()).await.unwrap();
        let text = read_until(&mut client, 2).await;
        assert!(text.find("200 OK").unwrap() < text.find("404 Not Found").unwrap(), "{text}");
    }

    #[tokio::test]
    async fn at_the_end_idle_connections_are_closed_soon() {
        let (mut client, streams, serving) = connected().await;
        client.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        assert!(!read_until(&mut client, 1).await.contains("connection: close"));
        drop(streams);
        let started = std::time::Instant::now();
        serving.await.unwrap();
        assert!(started.elapsed() < super::END_PATIENCE);
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_request_that_comes_as_the_end_begins_is_answered_and_the_last() {
        let (mut client, streams, serving) = connected().await;
        client.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        read_until(&mut client, 1).await;
        drop(streams);
        tokio::task::yield_now().await;
        client.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        assert!(read_until(&mut client, 1).await.contains("connection: close"));
        serving.await.unwrap();
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_asks_and_does_not_read_is_given_up() {
        const ASKED: usize = 300;
        let (mut client, _streams, _serving) = connected().await;
        let request = b"GET /v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
        client.write_all(&request.repeat(ASKED)).await.unwrap();
        tokio::time::sleep(2 * super::WRITE_PATIENCE).await;
        let mut answers = Vec::new();
        // Whether the end is a clean one is up to the system.
        let _ = client.read_to_end(&mut answers).await;
        let count = answers.windows(12).filter(|window| window == b"HTTP/1.1 200").count();
        assert!((1..ASKED).contains(&count), "{count}");
    }
}
