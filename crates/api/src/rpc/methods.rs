//! The methods there are, and how each is carried out.

use super::discover;
use super::protocol::{Fault, INTERNAL, INVALID_PARAMS, METHOD_NOT_FOUND, Params};
use crate::fields::Fields;
use crate::items;
use crate::operation::Operation;
use crate::problem::{Kind, Problem};
use crate::router::Api;
use crate::{buckets, cluster, explain, health, history, repair, ring_view, stats};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde_json::{Map, Value};
use std::sync::Arc;

/// One method.
pub(super) struct Method {
    /// Its name.
    pub(super) name: &'static str,
    /// What it does.
    pub(super) summary: &'static str,
    /// Parameters that may be given by position, in order.
    pub(super) positions: &'static [&'static str],
    /// How it is carried out.
    pub(super) act: Act,
    /// The schema of its result.
    pub(super) result: &'static str,
}

/// How a method is carried out.
pub(super) enum Act {
    /// As the operation of this type; its parameters are those of the schema.
    Operate(&'static str, &'static str),
    /// As a request whose body has the parameters of the schema.
    Body(&'static str),
    /// As a request whose query has the parameters at the positions.
    Query,
    /// It tells about the others.
    Discover,
}

const fn method(
    name: &'static str,
    summary: &'static str,
    positions: &'static [&'static str],
    act: Act,
    result: &'static str,
) -> Method {
    Method { name, summary, positions, act, result }
}

/// All of them.
pub(super) static METHODS: &[Method] = &[
    method("item.get", "Read an item", &["key", "bucket", "sort"], Act::Operate("GET", "Get"), "Outcome"),
    method("item.put", "Write an item", &["key", "value", "bucket", "sort"], Act::Operate("PUT", "Put"), "Outcome"),
    method("item.delete", "Delete an item", &["key", "bucket", "sort"], Act::Operate("DELETE", "Delete"), "Outcome"),
    method("item.add", "Add to a counter", &["key", "by", "bucket", "sort"], Act::Operate("ADD", "Add"), "Outcome"),
    method("item.scan", "Read a page of items", &["key", "bucket"], Act::Operate("SCAN", "Scan"), "Outcome"),
    method(
        "item.explain",
        "Everything that is known of a key",
        &["key", "bucket", "sort"],
        Act::Body("ExplainKey"),
        "Object",
    ),
    method("bucket.list", "Buckets and their settings", &[], Act::Query, "Buckets"),
    method("cluster.status", "Members, how they look from here, what is moving", &[], Act::Query, "Object"),
    method("cluster.plan", "What a change would move, without doing it", &[], Act::Body("Change"), "Object"),
    method("cluster.ring", "Who owns what", &[], Act::Query, "Object"),
    method("cluster.history", "Every event of the membership history", &[], Act::Query, "Object"),
    method("repair.status", "How equal the replicas are of what this node holds", &["partition"], Act::Query, "Object"),
    method("node.stats", "What a node has done and how it stands", &["node"], Act::Query, "Stats"),
    method("node.health", "How this node is", &[], Act::Query, "Object"),
    method("rpc.discover", "This interface as an OpenRPC document", &[], Act::Discover, "Object"),
];

/// Carries out a call.
pub(super) async fn call(api: &Arc<Api>, name: &str, params: Params) -> Result<Vec<u8>, Fault> {
    let Some(method) = METHODS.iter().find(|method| method.name == name) else {
        return Err(Fault::new(METHOD_NOT_FOUND, "Method not found; rpc.discover lists all"));
    };
    let params = named(method, params)?;
    let outcome = match method.act {
        Act::Operate(kind, _) => operate(api, kind, &params).await,
        Act::Body(_) => ask(api, name, body(&params)).await,
        Act::Query => match query(method, &params) {
            Ok(request) => ask(api, name, request).await,
            Err(problem) => Err(problem),
        },
        Act::Discover => Ok(discover::document().to_string().into()),
    };
    outcome.map_err(fault)
}

/// Parameters by name, whichever way they were given.
fn named(method: &Method, params: Params) -> Result<Map<String, Value>, Fault> {
    let listed = match params {
        Params::Named(named) => return Ok(named),
        Params::Listed(listed) => listed,
    };
    if listed.len() > method.positions.len() {
        let list = method.positions.join(", ");
        let message = format!("Invalid params: by position there are only [{list}]; give the others by name");
        return Err(Fault::new(INVALID_PARAMS, message));
    }
    Ok(method.positions.iter().map(|name| (*name).to_owned()).zip(listed).collect())
}

async fn operate(api: &Api, kind: &str, params: &Map<String, Value>) -> Result<Vec<u8>, Problem> {
    let text: Bytes = Value::from(params.clone()).to_string().into();
    let operation = Operation::of(kind, Fields::read(&text)?, &api.options)?;
    items::perform(api, &operation).await
}

fn body(params: &Map<String, Value>) -> Request {
    Request::new(Body::from(Value::from(params.clone()).to_string()))
}

fn query(method: &Method, params: &Map<String, Value>) -> Result<Request, Problem> {
    let mut query = String::new();
    for (name, value) in params {
        let known = method.positions.contains(&name.as_str());
        let text = match value {
            Value::String(text) if known => text.clone(),
            Value::Number(number) if known => number.to_string(),
            _ if known => return Err(crate::fields::invalid(name, "must be a string or a number")),
            _ => {
                let list = method.positions.join(", ");
                let detail = format!(
                    "\"{}\" is not a parameter of {}; it takes [{list}].",
                    crate::fields::excerpt(name.as_bytes()),
                    method.name
                );
                return Err(Problem::new(Kind::UnknownField, detail));
            }
        };
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        query.push_str(&format!("{}{name}={encoded}", if query.is_empty() { "?" } else { "&" }));
    }
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = format!("/{query}")
        .parse()
        .map_err(|_| Problem::new(Kind::TooLarge, "The parameters are too long; shorten them."))?;
    Ok(request)
}

/// Asks the page that the method stands for.
async fn ask(api: &Arc<Api>, name: &str, mut request: Request) -> Result<Vec<u8>, Problem> {
    let state = State(Arc::clone(api));
    // The only parameter that is a number in a query without percent-encoding.
    if name == "repair.status"
        && let Some(query) = request.uri().query()
    {
        let plain = crate::query::Query::read(Some(query))?.text("partition")?.unwrap_or_default();
        let digits: String = plain.chars().filter(char::is_ascii_digit).take(9).collect();
        *request.uri_mut() = format!("/?partition={digits}").parse().unwrap_or_default();
    }
    let answer: Response = match name {
        "item.explain" => explain::by_body(state, request).await?,
        "bucket.list" => buckets::list(state).await?,
        "cluster.status" => cluster::status(state).await?,
        "cluster.plan" => cluster::plan(state, request).await?,
        "cluster.ring" => ring_view::view(state).await?,
        "cluster.history" => history::list(state).await?,
        "repair.status" => repair::status(state, request).await?,
        "node.stats" => stats::stats(state, request).await?,
        "node.health" => health::health(state).await?,
        _ => return Err(broken()),
    };
    let body = answer.into_body().collect().await.map_err(|_| broken())?;
    Ok(body.to_bytes().to_vec())
}

fn broken() -> Problem {
    Problem::new(Kind::Internal, "The method could not be carried out; please report this as a bug.")
}

/// A problem as JSON-RPC tells it: malformed requests and faults of ours by their standard codes, everything else by the last two
/// digits of its status: -32004 for 404, -32053 for 503.
fn fault(problem: Problem) -> Fault {
    let code = match problem.kind().status() {
        400 => INVALID_PARAMS,
        500 => INTERNAL,
        status if status > 500 => -32_050 - i64::from(status - 500),
        status => -32_000 - i64::from(status - 400),
    };
    Fault { code, message: problem.detail().to_owned(), data: Some(problem.to_json()) }
}
