//! What this crate needs of a node: a seam so narrow that tests put a scripted node behind it.
//!
//! Invariant: `call` always answers, at the latest when the request's time is over.
//! Refuses to know how the node is run.

use node::LocalItems;
use proto::{Act, Refusal, Request, Response};
use ring::NodeId;
use server::{Address, Audit, By, Counters, Gauges, Measures, News, Stream, Tls, TlsError, Tokens};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use stdx::Span;

/// Something to wait for.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A node that answers requests.
pub trait Database: Send + Sync + 'static {
    /// Asks the node. `within` is how long the client waits; the configured time if `None`.
    fn call(&self, request: Request, within: Option<Span>) -> Waiting<'_, Response>;

    /// The answer to a read for which the node's own copy is enough, at once; `None` if `call` must ask.
    fn read(&self, request: &Request) -> Option<Response> {
        let _ = request;
        None
    }

    /// The node's id.
    fn node_id(&self) -> NodeId;

    /// Authenticates context tokens in this cluster.
    fn context_key(&self) -> [u8; 32];

    /// The items this node stores, as a look that may be taken to another thread. `None` if the node is ending.
    fn items(&self) -> Waiting<'_, Option<LocalItems>>;

    /// How things stand in the process. `None` if the node is ending.
    fn gauges(&self) -> Waiting<'_, Option<Gauges>>;

    /// What clients asked for and how it went.
    fn measures(&self) -> &Measures;

    /// What the process has done so far.
    fn counters(&self) -> &Counters;

    /// Word of membership events that arrive from now on.
    fn news(&self) -> News;

    /// A connection to another node on which to speak HTTP.
    fn connect<'a>(&'a self, to: &'a Address) -> Waiting<'a, Result<Stream, TlsError>> {
        Box::pin(async { server::connect(self.tls().as_deref(), to).await })
    }

    /// Whether whoever asks may do this in a bucket, or, without one, everywhere.
    fn may(&self, act: Act, bucket: Option<&str>) -> Result<(), Refusal> {
        let _ = (act, bucket);
        Ok(())
    }

    /// The audit log, if there is one.
    fn audit(&self) -> Option<Arc<Audit>> {
        None
    }

    /// Who asks, for the audit log.
    fn by(&self) -> By {
        By::default()
    }

    /// The API tokens that hold now.
    fn tokens(&self) -> Arc<Tokens> {
        Arc::default()
    }

    /// What TLS is spoken with, if it is.
    fn tls(&self) -> Option<Arc<Tls>> {
        None
    }

    /// Whether requests may be traced.
    fn is_traced(&self) -> bool {
        false
    }

    /// The epoch of the newest event this node has heard of.
    fn epoch(&self) -> u64 {
        self.news().epoch()
    }

    /// Ends the process, keeping the data.
    fn shutdown(&self);
}

impl Database for server::Handle {
    fn is_traced(&self) -> bool {
        self.traces().is_some()
    }

    fn call(&self, request: Request, within: Option<Span>) -> Waiting<'_, Response> {
        Box::pin(server::Handle::call(self, request, within))
    }

    fn read(&self, request: &Request) -> Option<Response> {
        server::Handle::read(self, request)
    }

    fn node_id(&self) -> NodeId {
        server::Handle::node_id(self)
    }

    fn context_key(&self) -> [u8; 32] {
        server::Handle::context_key(self)
    }

    fn items(&self) -> Waiting<'_, Option<LocalItems>> {
        Box::pin(server::Handle::items(self))
    }

    fn gauges(&self) -> Waiting<'_, Option<Gauges>> {
        Box::pin(server::Handle::gauges(self))
    }

    fn measures(&self) -> &Measures {
        server::Handle::measures(self)
    }

    fn counters(&self) -> &Counters {
        server::Handle::counters(self)
    }

    fn news(&self) -> News {
        server::Handle::news(self)
    }

    fn audit(&self) -> Option<Arc<Audit>> {
        Some(Arc::clone(server::Handle::audit(self)))
    }

    fn tokens(&self) -> Arc<Tokens> {
        Arc::clone(server::Handle::tokens(self))
    }

    fn tls(&self) -> Option<Arc<Tls>> {
        server::Handle::tls(self).cloned()
    }

    fn shutdown(&self) {
        server::Handle::shutdown(self);
    }
}
