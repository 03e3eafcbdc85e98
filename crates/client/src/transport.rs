//! HTTP to nodes: connections that are kept and used again, TLS, the token.
//!
//! Invariant: an [`Error::Unreachable`] means that not a byte of the request was sent. Refuses to know which node is asked, what
//! for, and whether again.

use crate::address::Address;
use crate::error::{Error, Why};
use crate::tls;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use std::borrow::Cow;
use std::error::Error as _;
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The epoch whose ring the client goes by, and in answers the one that the node goes by.
pub(crate) const EPOCH: HeaderName = HeaderName::from_static("alianza-epoch");
/// An idle connection is closed after this; nodes keep them for longer.
const IDLE: Duration = Duration::from_secs(20);
const KEEPALIVE: Duration = Duration::from_secs(30);

/// How to get through to nodes.
#[derive(Clone, Default)]
pub(crate) struct Access {
    /// The certificate of whoever signs the nodes' certificates, in PEM.
    pub(crate) ca: Option<Vec<u8>>,
    /// Who asks.
    pub(crate) token: Option<String>,
    /// How long a connection may take to come about.
    pub(crate) connect: Duration,
}

/// Sends requests. Clones share their connections.
#[derive(Clone)]
pub(crate) struct Transport {
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    authorization: Option<HeaderValue>,
    has_ca: bool,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: Cow<'static, str>,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) body: Bytes,
    /// The epoch the client goes by.
    pub(crate) epoch: Option<u64>,
    /// Whether it would change something.
    pub(crate) changes: bool,
    /// A good answer is read bit by bit, for it may never end.
    pub(crate) streams: bool,
}

impl Ask {
    /// A GET of a path.
    pub(crate) fn get(path: impl Into<Cow<'static, str>>) -> Ask {
        Ask {
            method: Method::GET,
            path: path.into(),
            content_type: None,
            body: Bytes::new(),
            epoch: None,
            changes: false,
            streams: false,
        }
    }

    /// JSON for a path.
    pub(crate) fn json(method: Method, path: impl Into<Cow<'static, str>>, body: impl Into<Bytes>) -> Ask {
        let content_type = Some("application/json");
        let (path, body) = (path.into(), body.into());
        Ask { method, path, content_type, body, epoch: None, changes: true, streams: false }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The body of a good answer that is read bit by bit.
    pub(crate) stream: Option<Incoming>,
}

impl Reply {
    /// A header that is a number.
    pub(crate) fn number(&self, name: &HeaderName) -> Option<u64> {
        self.headers.get(name)?.to_str().ok()?.trim().parse().ok()
    }

    /// When it makes sense to ask again, in seconds.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.number(&RETRY_AFTER)
    }
}

impl Transport {
    /// Connects to nobody yet.
    pub(crate) fn new(access: &Access) -> Result<Transport, Error> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_connect_timeout(Some(access.connect));
        let config: ClientConfig = tls::config(access.ca.as_deref())?;
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().wrap_connector(tcp);
        let http = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector);
        let authorization = access.token.as_deref().map(authorization).transpose()?;
        Ok(Transport { http, authorization, has_ca: access.ca.is_some() })
    }

    /// Asks a node and waits for all of its answer, of at most `bytes_max`; of one that streams, for its head.
    pub(crate) async fn send(
        &self,
        node: &Address,
        ask: Ask,
        deadline: Instant,
        bytes_max: usize,
    ) -> Result<Reply, Error> {
        if node.is_tls() && !self.has_ca {
            let why = Why::Tls("no authority is named whose certificates could be trusted".to_owned());
            return Err(Error::Unreachable { node: node.to_string(), why });
        }
        let (applied, streams) = (ask.changes, ask.streams);
        let request = self.request(node, ask)?;
        let whole = async {
            let response = self.http.request(request).await.map_err(|error| failed(node, &error, applied))?;
            if streams && response.status() == StatusCode::OK {
                let (head, body) = response.into_parts();
                return Ok(Reply { status: 200, headers: head.headers, body: Bytes::new(), stream: Some(body) });
            }
            collect(node, response, applied, bytes_max).await
        };
        timeout_at(deadline, whole).await.unwrap_or_else(|_| Err(Error::TimedOut { node: node.to_string(), applied }))
    }

    fn request(&self, node: &Address, ask: Ask) -> Result<Request<Full<Bytes>>, Error> {
        let mut request = Request::new(Full::new(ask.body));
        *request.method_mut() = ask.method;
        *request.uri_mut() = node.under(&ask.path)?;
        let headers = request.headers_mut();
        if let Some(kind) = ask.content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        if let Some(epoch) = ask.epoch {
            headers.insert(EPOCH, epoch.into());
        }
        if let Some(value) = &self.authorization {
            headers.insert(AUTHORIZATION, value.clone());
        }
        Ok(request)
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

fn authorization(token: &str) -> Result<HeaderValue, Error> {
    let value = HeaderValue::from_str(&format!("Bearer {}", token.trim()));
    let mut value =
        value.map_err(|_| Error::Usage("the token has characters that no token has; check the file".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

async fn collect(
    node: &Address,
    response: Response<Incoming>,
    applied: bool,
    bytes_max: usize,
) -> Result<Reply, Error> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, bytes_max).collect().await.map_err(|error| Error::Broken {
        node: node.to_string(),
        why: innermost(&*error),
        applied,
    })?;
    Ok(Reply { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes(), stream: None })
}

fn failed(node: &Address, error: &legacy::Error, applied: bool) -> Error {
    let node = node.to_string();
    if error.is_connect() {
        Error::Unreachable { node, why: why(error) }
    } else {
        Error::Broken { node, why: innermost(error), applied }
    }
}

fn why(error: &legacy::Error) -> Why {
    error.source().and_then(known).unwrap_or_else(|| Why::Other(innermost(error)))
}

/// The first cause that says something. An I/O error hides what it was made of from `source`, so that is looked at, too.
fn known(error: &(dyn std::error::Error + 'static)) -> Option<Why> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(Why::Tls(error.to_string()));
    }
    if error.to_string().starts_with("dns error") {
        return Some(Why::NoSuchHost);
    }
    let io = error.downcast_ref::<io::Error>();
    if let Some(why) = io.and_then(io::Error::get_ref).and_then(|inner| known(inner)) {
        return Some(why);
    }
    match io.map(io::Error::kind) {
        Some(ErrorKind::ConnectionRefused) => Some(Why::Refused),
        Some(ErrorKind::TimedOut) => Some(Why::TimedOut),
        _ => error.source().and_then(known),
    }
}

/// What the last cause says.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(inner) = last.source() {
        last = inner;
    }
    last.to_string()
}
