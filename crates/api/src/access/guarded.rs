//! The node as one client may use it.
//!
//! Invariant: fails closed. Who is not known may do nothing once a token is needed, whichever way the request came.

use super::audited;
use super::{Gate, Identity, need};
use crate::database::{Database, Waiting};
use node::LocalItems;
use proto::{Act, Refusal, Request, Response};
use ring::NodeId;
use server::{Address, Audit, By, Counters, Doer, Gauges, Measures, News, Stream, Tls, TlsError, Tokens};
use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use stdx::Span;

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) enum Who {
    /// Somebody who has shown nothing.
    Anyone,
    /// Somebody with a token.
    Token(Arc<Identity>),
    /// Whoever has said the password of the Redis port, which the settings of this node name.
    Password,
    /// Another node of the cluster.
    Peer,
}

/// The node as `who` may use it.
pub(crate) struct Guarded {
    pub(crate) database: Arc<dyn Database>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) who: Who,
    /// A Redis connection: commands that write must read what they write over.
    pub(crate) writers_read: bool,
    /// One operation of the rate was taken already, when the request came in.
    pub(crate) paid: AtomicBool,
    pub(crate) whence: Whence,
}

/// How a client came in.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Whence {
    /// By which way in; nothing is said of a client that nobody knows yet.
    pub(crate) via: &'static str,
    /// The other end of its connection.
    pub(crate) from: Option<SocketAddr>,
}

impl Guarded {
    /// For one request or one connection.
    pub(crate) fn new(database: &Arc<dyn Database>, gate: &Arc<Gate>, who: Who, whence: Whence) -> Guarded {
        let (database, gate) = (Arc::clone(database), Arc::clone(gate));
        Guarded { database, gate, who, writers_read: false, paid: AtomicBool::new(false), whence }
    }

    /// Whether an act is allowed in a bucket, or, without one, everywhere.
    pub(crate) fn may(&self, act: Act, bucket: Option<&str>) -> Result<(), Refusal> {
        let reads = self.writers_read && act == Act::Read && self.has_scope(Act::Write, bucket).is_ok();
        if reads { Ok(()) } else { self.has_scope(act, bucket) }
    }

    /// Whether an act itself is allowed in a bucket, or, without one, everywhere.
    pub(crate) fn has_scope(&self, act: Act, bucket: Option<&str>) -> Result<(), Refusal> {
        if self.gate.is_open() {
            return Ok(());
        }
        let allowed = match &self.who {
            Who::Anyone => false,
            Who::Password => act != Act::Admin,
            Who::Peer => act == Act::Monitor,
            Who::Token(identity) => {
                if !self.gate.still_knows(identity) {
                    return Err(Refusal::NotAllowed("the token was revoked or is over; use another".to_owned()));
                }
                identity.allows(act, bucket)
            }
        };
        if allowed { Ok(()) } else { Err(not_allowed(act, bucket)) }
    }

    fn admit(&self, request: &Request) -> Result<(), Refusal> {
        if self.gate.is_open() {
            return Ok(());
        }
        let (act, bucket) = match request {
            // How a Redis connection puts the edit of a value in its place; it chooses no stamps.
            Request::Restore(restore) if self.writers_read => (Act::Write, Some(restore.bucket.as_str())),
            _ => need::of(request),
        };
        // Whether a node is ready may be asked by anybody.
        let probe = matches!(request, Request::Admin(proto::Admin::Status));
        if !probe {
            self.may(act, bucket)?;
        }
        match &self.who {
            Who::Token(identity) if act != Act::Monitor && !self.paid.swap(false, Ordering::Relaxed) => {
                identity.take().map_err(|wait| Refusal::TooFast { wait })
            }
            _ => Ok(()),
        }
    }
}

fn not_allowed(act: Act, bucket: Option<&str>) -> Refusal {
    let act = act.word();
    let scope = bucket.map_or_else(|| act.to_owned(), |bucket| format!("{act} or {act}:{bucket}"));
    Refusal::NotAllowed(format!("this takes a token with the scope {scope}; ask whoever runs the cluster for one"))
}

impl Database for Guarded {
    fn call(&self, request: Request, within: Option<Span>) -> Waiting<'_, Response> {
        match self.admit(&request) {
            Ok(()) => match audited::deed(&request) {
                None => self.database.call(request, within),
                Some(deed) => Box::pin(async move {
                    let begun = audited::begin(self, deed).await;
                    let response = self.database.call(request, within).await;
                    audited::end(begun, &response).await;
                    response
                }),
            },
            Err(refusal) => {
                audited::refused(self, &request, &refusal);
                Box::pin(ready(Response::Refused(refusal)))
            }
        }
    }

    fn read(&self, request: &Request) -> Option<Response> {
        if !self.gate.is_open() {
            // What is refused, `call` words.
            let (act, bucket) = need::of(request);
            self.may(act, bucket).ok()?;
        }
        let response = self.database.read(request)?;
        match self.admit(request) {
            Ok(()) => Some(response),
            Err(refusal) => Some(Response::Refused(refusal)),
        }
    }

    fn node_id(&self) -> NodeId {
        self.database.node_id()
    }

    fn context_key(&self) -> [u8; 32] {
        self.database.context_key()
    }

    fn may(&self, act: Act, bucket: Option<&str>) -> Result<(), Refusal> {
        Guarded::may(self, act, bucket)
    }

    fn items(&self) -> Waiting<'_, Option<LocalItems>> {
        match self.may(Act::Read, None) {
            Ok(()) => self.database.items(),
            Err(_) => Box::pin(ready(None)),
        }
    }

    fn gauges(&self) -> Waiting<'_, Option<Gauges>> {
        self.database.gauges()
    }

    fn measures(&self) -> &Measures {
        self.database.measures()
    }

    fn counters(&self) -> &Counters {
        self.database.counters()
    }

    fn news(&self) -> News {
        self.database.news()
    }

    fn connect<'a>(&'a self, to: &'a Address) -> Waiting<'a, Result<Stream, TlsError>> {
        self.database.connect(to)
    }

    fn is_traced(&self) -> bool {
        self.database.is_traced()
    }

    fn epoch(&self) -> u64 {
        self.database.epoch()
    }

    fn audit(&self) -> Option<Arc<Audit>> {
        self.database.audit()
    }

    fn by(&self) -> By {
        let doer = match &self.who {
            Who::Anyone => Doer::Anyone,
            Who::Token(identity) => Doer::Token { id: identity.token.id, name: identity.name().to_owned() },
            Who::Password => Doer::Password,
            Who::Peer => Doer::Node,
        };
        By { doer, via: self.whence.via, from: self.whence.from }
    }

    fn tokens(&self) -> Arc<Tokens> {
        self.database.tokens()
    }

    fn tls(&self) -> Option<Arc<Tls>> {
        self.database.tls()
    }

    fn shutdown(&self) {
        if self.may(Act::Admin, None).is_ok() {
            self.database.shutdown();
        }
    }
}
