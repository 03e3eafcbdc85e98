//! Every way into this interface, once: method, path, handler, and what it takes and gives. The router and the OpenAPI document
//! are both made from this table, so neither can have what the other has not.
//!
//! Invariant: `docs/openapi.json` is what [`document::openapi`] makes of the table.

pub(crate) mod document;
mod schemas;
mod table;

use crate::router::Api;
use axum::Router;
use axum::routing::MethodRouter;
use std::sync::Arc;

/// One way in.
pub(crate) struct Route {
    /// The method, in small letters.
    pub(crate) method: &'static str,
    /// The path, its parameters in braces.
    pub(crate) path: &'static str,
    /// Its name for programs.
    pub(crate) id: &'static str,
    /// What it does.
    pub(crate) summary: &'static str,
    /// Parameters of path, query and headers, by their names in [`schemas::PARAMETERS`].
    pub(crate) parameters: &'static [&'static str],
    /// What its body is.
    pub(crate) body: Content,
    /// Status and body of the answer if it went well.
    pub(crate) answer: (u16, Content),
    add: fn(MethodRouter<Arc<Api>>) -> MethodRouter<Arc<Api>>,
}

/// What a body is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Content {
    /// There is none.
    Nothing,
    /// JSON of a schema in [`schemas`].
    Json(&'static str),
    /// Lines of JSON, each of a schema.
    Lines(&'static str),
    /// Any bytes.
    Bytes,
    /// The value or the values of an item.
    Item,
    /// Text of this media type.
    Text(&'static str),
}

/// All routes.
pub(crate) use table::ROUTES;

/// Adds all routes to a router, each path once.
pub(crate) fn add(mut router: Router<Arc<Api>>) -> Router<Arc<Api>> {
    let mut paths: Vec<&str> = ROUTES.iter().map(|route| route.path).collect();
    paths.sort_unstable();
    paths.dedup();
    for path in paths {
        let of_path = ROUTES.iter().filter(|route| route.path == path);
        router = router.route(path, of_path.fold(MethodRouter::new(), |methods, route| (route.add)(methods)));
    }
    router
}

/// `GET /v1/openapi.json`.
pub(crate) async fn openapi() -> axum::response::Response {
    crate::json::ok(&document::openapi())
}

#[cfg(test)]
mod tests;
