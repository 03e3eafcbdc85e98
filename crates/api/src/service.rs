//! A node as an HTTP service. `POST /` and reads of one item go straight to their handlers, because they are nearly all of the
//! traffic and the way through the router costs as much as the rest of reading a request; everything else goes through the
//! router.
//!
//! Invariant: the guard stands before both ways, and both answer alike.

use crate::Options;
use crate::access::Asker;
use crate::access::{self, Gate, Whence, Who, audited};
use crate::database::Database;
use crate::fields::excerpt;
use crate::guard;
use crate::item;
use crate::items;
use crate::problem::{Kind, Problem};
use crate::refusal;
use crate::router::{self, Api};
use axum::BoxError;
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderName, Method, Request, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use proto::Refusal;
use serde_json::json;
use server::Deed;
use std::convert::Infallible;
use std::future::{Future, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

/// A client that goes by the ring names the epoch of the one it knows, and is told this node's.
const EPOCH: HeaderName = HeaderName::from_static("alianza-epoch");

type Answering = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// Answers HTTP requests by asking a node. Cloning is cheap.
#[derive(Clone)]
pub struct Service {
    api: Arc<Api>,
    /// The other end of the connection, if this serves one.
    from: Option<SocketAddr>,
    router: TowerToHyperService<Router>,
}

impl Service {
    /// The service of a node.
    pub fn new(database: Arc<dyn Database>, options: Options) -> Service {
        let api = Arc::new(Api::new(database, options));
        Service { router: TowerToHyperService::new(router::router(Arc::clone(&api))), from: None, api }
    }

    /// The node without a guard, and whom to let in: one gate for all ways in, so that the rate of a token is one at each node.
    pub(crate) fn behind(&self) -> (Arc<dyn Database>, Arc<Gate>) {
        (Arc::clone(&self.api.open), Arc::clone(&self.api.gate))
    }

    /// The same for one connection.
    pub(crate) fn of(&self, from: SocketAddr) -> Service {
        Service { from: Some(from), ..self.clone() }
    }

    /// Counts a connection that is being served.
    pub(crate) fn enter(&self) -> server::Entered<'_> {
        self.api.database().measures().connections.http.enter()
    }

    /// The interface as the sender of a request may use it; `None` for those who need to show nothing and show nothing.
    fn asker<B>(&self, request: &Request<B>) -> Result<Option<Arc<Api>>, Problem> {
        let is_free = access::needs_nothing(request.method(), request.uri().path());
        let who = match self.api.gate.identify(request.method(), request.headers()) {
            Ok(Some(who)) => who,
            Err(_) | Ok(None) if is_free => return Ok(self.anyone(request)),
            Ok(None) => return Err(access::missing()),
            Err(problem) => {
                let what = if problem.kind() == Kind::Unauthenticated { "login" } else { "cross-site" };
                let deed = Deed::new(what, json!({ "path": excerpt(request.uri().path().as_bytes()) }));
                let nobody = self.api.of(Who::Anyone, self.whence(request));
                audited::turned_away(nobody.database(), deed, problem.detail());
                return Err(problem);
            }
        };
        if let Who::Token(identity) = &who {
            identity.take().map_err(|wait| refusal::problem(Refusal::TooFast { wait }))?;
        }
        Ok(Some(Arc::new(self.api.of(who, self.whence(request)))))
    }

    /// The interface as somebody may use it who has shown nothing, with what the audit log tells of him if he changes something;
    /// reading, and writing items, goes without.
    fn anyone<B>(&self, request: &Request<B>) -> Option<Arc<Api>> {
        let path = request.uri().path();
        let is_of_items = path == "/" || path.strip_prefix("/v1/buckets/").is_some_and(|rest| rest.contains('/'));
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        (!reads && !is_of_items).then(|| Arc::new(self.api.of(Who::Anyone, self.whence(request))))
    }

    /// Where a request comes from; browsers say that they are some.
    fn whence<B>(&self, request: &Request<B>) -> Whence {
        let headers = request.headers();
        let browser = headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site");
        Whence { via: if browser { "console" } else { "http" }, from: self.from }
    }

    /// Connections to serve at once.
    pub(crate) fn connections_max(&self) -> usize {
        self.api.options.connections_max.max(1)
    }
}

impl<B> hyper::service::Service<Request<B>> for Service
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<B>) -> Self::Future {
        if let Err(problem) = guard::check(&request, &self.api.options) {
            return Box::pin(ready(Ok(problem.into_response())));
        }
        let way = Way::of(request.method(), request.uri().path());
        // What a read has for a body is nobody's; there is none, as a rule, and wrapping it takes memory.
        let request = if way == Way::Item { request.map(|_| Body::empty()) } else { request.map(Body::new) };
        let knows_the_ring = request.headers().contains_key(EPOCH);
        let caller = caller(self.api.database(), request.headers());
        let answer = self.answer(way, request);
        let answer = match caller {
            Some(caller) => Box::pin(server::called_by(caller, answer)),
            None => answer,
        };
        if !knows_the_ring {
            return answer;
        }
        let api = Arc::clone(&self.api);
        Box::pin(async move {
            let mut answer = answer.await?;
            answer.headers_mut().insert(EPOCH, api.database().epoch().into());
            Ok(answer)
        })
    }
}

/// Who answers a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// `POST /`.
    Operation,
    /// A GET of `/v1/buckets/{bucket}/items/{key}` or `…/{key}/{sort}`, as the table of routes has them.
    Item,
    /// The router.
    Routed,
}

impl Way {
    fn of(method: &Method, path: &str) -> Way {
        match *method {
            Method::POST if path == "/" => Way::Operation,
            Method::GET if is_of_item(path) => Way::Item,
            _ => Way::Routed,
        }
    }
}

fn is_of_item(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("/v1/buckets/") else { return false };
    // Bytes, for searching a text for a letter takes longer than all else here.
    let mut segments = rest.as_bytes().split(|byte| *byte == b'/');
    let starts = segments.next().is_some_and(|bucket| !bucket.is_empty()) && segments.next() == Some(b"items");
    let is_key = |segment: Option<&[u8]>| segment.is_some_and(|segment| !segment.is_empty());
    starts
        && is_key(segments.next())
        && segments.next().is_none_or(|sort| is_key(Some(sort)))
        && segments.next().is_none()
}

/// Who asks, if that is to be traced.
fn caller(database: &dyn Database, headers: &HeaderMap) -> Option<server::Caller> {
    if !database.is_traced() {
        return None;
    }
    server::Caller::parse(headers.get("traceparent")?.to_str().ok()?)
}

impl Service {
    fn answer(&self, way: Way, mut request: Request<Body>) -> Answering {
        let mut api = &self.api;
        let asker;
        let known = match (api.gate.is_open(), way) {
            (true, Way::Routed) => Ok(self.anyone(&request)),
            (true, _) => Ok(None),
            (false, _) => self.asker(&request),
        };
        match known {
            Ok(None) => {}
            Ok(Some(known)) => {
                asker = known;
                request.extensions_mut().insert(Asker(Arc::clone(&asker)));
                api = &asker;
            }
            Err(problem) => return Box::pin(ready(Ok(problem.into_response()))),
        }
        match way {
            Way::Operation => {
                let answer = items::operate(Asker(Arc::clone(api)), request);
                Box::pin(async { Ok(answer.await.unwrap_or_else(Problem::into_response)) })
            }
            Way::Item => {
                let answer = item::get(Asker(Arc::clone(api)), request);
                Box::pin(async { Ok(answer.await.unwrap_or_else(Problem::into_response)) })
            }
            Way::Routed => Box::pin(self.router.call(request)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Way;
    use axum::http::Method;

    #[test]
    fn reads_of_one_item_and_operations_need_no_router() {
        let get = |path: &str| Way::of(&Method::GET, path);
        assert_eq!(get("/v1/buckets/default/items/key"), Way::Item);
        assert_eq!(get("/v1/buckets/default/items/a%2Fb/sort"), Way::Item);
        for path in ["items", "items/", "items/key/", "items/key//", "items/key/sort/more", "item?key=key", "changes"] {
            assert_eq!(get(&format!("/v1/buckets/default/{path}")), Way::Routed, "{path}");
        }
        assert_eq!(get("/v1/buckets//items/key"), Way::Routed);
        assert_eq!(get("/v1/cluster"), Way::Routed);
        assert_eq!(get("/"), Way::Routed);
        for method in [Method::HEAD, Method::PUT] {
            assert_eq!(Way::of(&method, "/v1/buckets/default/items/key"), Way::Routed);
        }
        assert_eq!(Way::of(&Method::POST, "/"), Way::Operation);
    }
}
