//! A node as an HTTP service. `POST /` goes straight to its handler, because it is nearly all of the traffic and the way
//! through the router costs as much as the rest of reading a request; everything else goes through the router.
//!
//! Invariant: the guard stands before both ways, and both answer alike.

use crate::Options;
use crate::access::Asker;
use crate::access::{self, Gate, Who};
use crate::database::Database;
use crate::guard;
use crate::items;
use crate::problem::Problem;
use crate::refusal;
use crate::router::{self, Api};
use axum::BoxError;
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderName, Method, Request};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use proto::Refusal;
use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

/// A client that goes by the ring names the epoch of the one it knows, and is told this node's.
const EPOCH: HeaderName = HeaderName::from_static("alianza-epoch");

type Answering = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// Answers HTTP requests by asking a node. Cloning is cheap.
#[derive(Clone)]
pub struct Service {
    api: Arc<Api>,
    router: TowerToHyperService<Router>,
}

impl Service {
    /// The service of a node.
    pub fn new(database: Arc<dyn Database>, options: Options) -> Service {
        let api = Arc::new(Api::new(database, options));
        Service { router: TowerToHyperService::new(router::router(Arc::clone(&api))), api }
    }

    /// The node without a guard, and whom to let in: one gate for all ways in, so that the rate of a token is one at each node.
    pub(crate) fn behind(&self) -> (Arc<dyn Database>, Arc<Gate>) {
        (Arc::clone(&self.api.open), Arc::clone(&self.api.gate))
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
            Err(_) | Ok(None) if is_free => return Ok(None),
            Ok(None) => return Err(access::missing()),
            Err(problem) => return Err(problem),
        };
        if let Who::Token(identity) = &who {
            identity.take().map_err(|wait| refusal::problem(Refusal::TooFast { wait }))?;
        }
        Ok(Some(Arc::new(self.api.of(who))))
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
        let request = request.map(Body::new);
        let knows_the_ring = request.headers().contains_key(EPOCH);
        let caller = caller(self.api.database(), request.headers());
        let answer = self.answer(request);
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

/// Who asks, if that is to be traced.
fn caller(database: &dyn Database, headers: &HeaderMap) -> Option<server::Caller> {
    if !database.is_traced() {
        return None;
    }
    server::Caller::parse(headers.get("traceparent")?.to_str().ok()?)
}

impl Service {
    fn answer(&self, mut request: Request<Body>) -> Answering {
        let mut api = &self.api;
        let asker;
        if !api.gate.is_open() {
            match self.asker(&request) {
                Ok(None) => {}
                Ok(Some(known)) => {
                    asker = known;
                    request.extensions_mut().insert(Asker(Arc::clone(&asker)));
                    api = &asker;
                }
                Err(problem) => return Box::pin(ready(Ok(problem.into_response()))),
            }
        }
        if request.method() == Method::POST && request.uri().path() == "/" {
            let answer = items::operate(Asker(Arc::clone(api)), request);
            return Box::pin(async { Ok(answer.await.unwrap_or_else(Problem::into_response)) });
        }
        Box::pin(self.router.call(request))
    }
}
