//! TLS of this process: one pair of certificate and key for clients, Redis clients and peers, and the authority (CA) that every
//! node's certificate comes from.
//!
//! Invariant: whoever speaks as a peer has shown a certificate of the CA that is marked as a node's ([`mark`]); connections use
//! what was loaded last when they begin; files that cannot be used never take the place of ones that can.
//! Refuses to know what is said over a connection, and who clients are: they show tokens, not certificates.

mod error;
mod files;
mod mark;
mod stream;

#[cfg(test)]
pub(crate) mod tests;

pub use error::TlsError;
pub use files::TlsFiles;
pub use mark::NODE_MARK;
pub use stream::Stream;

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use files::{Loaded, Seen};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{LazyConfigAcceptor, TlsConnector};

use crate::address::Address;

/// How long the first exchange of a connection may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// How long a connection to another node may take to be made.
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// How long somebody who does not speak TLS may take to read that it is needed.
const SENTENCE_TIME: Duration = Duration::from_millis(100);

/// The name under which nodes ask for the protocol of peers (ALPN, RFC 7301).
const PEERS: &[u8] = b"alianza-peer";
const HTTP: &[u8] = b"http/1.1";

/// The first byte of whoever begins TLS.
const TLS_BEGINS: u8 = 0x16;

/// What an HTTP client is told that does not speak TLS.
const HTTP_SENTENCE: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\
    This port speaks TLS; use https:// instead of http://.\n";
/// What a Redis client is told that does not speak TLS.
const REDIS_SENTENCE: &[u8] = b"-ERR this port speaks TLS; use rediss:// or --tls\r\n";

/// Who is at the other end of an accepted connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shown {
    /// Somebody with the certificate of a node, who wants to speak as one.
    Node,
    /// Anybody else.
    Nothing,
}

/// Certificate, key and authority, as they were last loaded.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    /// How others reach this node: its certificate must say so.
    host: String,
    current: RwLock<Current>,
}

#[derive(Debug)]
struct Current {
    loaded: Arc<Loaded>,
    /// The files as they were when they were last looked at, whether they could be used or not.
    seen: Seen,
}

impl Tls {
    /// Loads the files of a node that others reach as `host`.
    pub fn load(files: TlsFiles, host: &str) -> Result<Tls, TlsError> {
        let seen = files.seen();
        let loaded = Arc::new(files.load(host)?);
        Ok(Tls { files, host: host.to_owned(), current: RwLock::new(Current { loaded, seen }) })
    }

    /// Loads the files again. If they cannot be used, those that were loaded before stay in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let seen = self.files.seen();
        let loaded = self.files.load(&self.host);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.seen = seen;
        current.loaded = Arc::new(loaded?);
        Ok(())
    }

    /// True if the files are others than when they were last looked at.
    pub fn has_changed(&self) -> bool {
        self.current.read().unwrap_or_else(PoisonError::into_inner).seen != self.files.seen()
    }

    fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).loaded)
    }

    /// Begins TLS with whoever came to the port of clients and peers.
    pub(crate) async fn accept(&self, stream: TcpStream) -> Result<(Stream, Shown), TlsError> {
        let stream = begins_tls(stream, HTTP_SENTENCE).await?;
        let accepting = async {
            let begun = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
            let is_peer = begun.client_hello().alpn().is_some_and(|mut names| names.any(|name| name == PEERS));
            let loaded = self.loaded();
            let (config, shown) = match is_peer {
                true => (&loaded.peers, Shown::Node),
                false => (&loaded.clients, Shown::Nothing),
            };
            let stream = begun.into_stream(Arc::clone(config)).await?;
            Ok((Stream::Tls(Box::new(stream.into())), shown))
        };
        timed(accepting).await
    }

    /// Begins TLS with whoever came to the port of Redis clients.
    pub async fn accept_redis(&self, stream: TcpStream) -> Result<Stream, TlsError> {
        let stream = begins_tls(stream, REDIS_SENTENCE).await?;
        let accepting = tokio_rustls::TlsAcceptor::from(Arc::clone(&self.loaded().redis)).accept(stream);
        timed(async { Ok(Stream::Tls(Box::new(accepting.await?.into()))) }).await
    }

    async fn dial(config: Arc<ClientConfig>, address: &Address, stream: TcpStream) -> Result<Stream, TlsError> {
        let name = ServerName::try_from(address.host.clone()).map_err(|_| TlsError::Name(address.host.clone()))?;
        let connecting = TlsConnector::from(config).connect(name, stream);
        timed(async { Ok(Stream::Tls(Box::new(connecting.await?.into()))) }).await
    }
}

/// A connection on which to speak as a peer.
pub(crate) async fn dial_peer(tls: Option<&Tls>, address: &Address) -> Result<Stream, TlsError> {
    dial(tls.map(|tls| Arc::clone(&tls.loaded().to_peers)), address).await
}

/// A connection to another node on which to speak HTTP.
pub async fn dial_http(tls: Option<&Tls>, address: &Address) -> Result<Stream, TlsError> {
    dial(tls.map(|tls| Arc::clone(&tls.loaded().to_http)), address).await
}

async fn dial(config: Option<Arc<ClientConfig>>, address: &Address) -> Result<Stream, TlsError> {
    let connecting = TcpStream::connect((address.host.as_str(), address.port));
    let stream = timeout(CONNECT_TIME, connecting).await.map_err(|_| TlsError::TooSlow)??;
    stream.set_nodelay(true)?;
    match config {
        Some(config) => Tls::dial(config, address, stream).await,
        None if address.tls => Err(TlsError::Unset),
        None => Ok(Stream::Plain(stream)),
    }
}

async fn timed<T>(handshake: impl Future<Output = Result<T, TlsError>>) -> Result<T, TlsError> {
    timeout(HANDSHAKE_TIME, handshake).await.unwrap_or(Err(TlsError::TooSlow))
}

/// Tells those who do not begin TLS that it is needed.
async fn begins_tls(mut stream: TcpStream, sentence: &[u8]) -> Result<TcpStream, TlsError> {
    let mut first = [0];
    match timeout(HANDSHAKE_TIME, stream.peek(&mut first)).await {
        Ok(Ok(1)) if first == [TLS_BEGINS] => Ok(stream),
        Ok(Ok(1)) => {
            let telling = async {
                stream.write_all(sentence).await?;
                stream.shutdown().await?;
                // What is not read would make the system take the sentence back.
                tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
            };
            // Whoever does not read it goes without.
            let _ = timeout(SENTENCE_TIME, telling).await;
            Err(TlsError::Plain)
        }
        Ok(Ok(_)) => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(TlsError::TooSlow),
    }
}
