//! The methods there are, and how each is carried out.

use super::discover;
use super::protocol::{Fault, INTERNAL, INVALID_PARAMS, METHOD_NOT_FOUND};
use super::request::Params;
use crate::access::Asker;
use crate::fields::Fields;
use crate::items;
use crate::operation::Operation;
use crate::problem::{Kind, Problem};
use crate::router::Api;
use crate::scalar::Scalar;
use crate::{audit, buckets, cluster, explain, health, history, repair, ring_view, stats, tokens};
use axum::body::Body;
use axum::extract::{RawQuery, Request};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use std::borrow::Cow;
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
    method("token.list", "API tokens, without their secrets", &[], Act::Query, "Object"),
    method("audit.read", "A page of the audit log of this node", &["since", "cursor"], Act::Query, "Object"),
    method("node.health", "How this node is", &[], Act::Query, "Object"),
    method("rpc.discover", "This interface as an OpenRPC document", &[], Act::Discover, "Object"),
];

/// Carries out a call.
pub(super) async fn call(api: &Arc<Api>, name: &str, params: Params) -> Result<Vec<u8>, Fault> {
    let Some(method) = METHODS.iter().find(|method| method.name == name) else {
        return Err(Fault::new(METHOD_NOT_FOUND, "Method not found; rpc.discover lists all"));
    };
    let listed = params.listed();
    if listed.as_ref().is_some_and(|listed| listed.as_ref().is_none_or(|all| all.len() > method.positions.len())) {
        let list = method.positions.join(", ");
        let message = format!("Invalid params: by position there are only [{list}]; give the others by name");
        return Err(Fault::new(INVALID_PARAMS, message));
    }
    let given = Given { method, text: &params.0, listed: listed.flatten() };
    let outcome = match method.act {
        Act::Operate(kind, _) => operate(api, kind, &given).await,
        Act::Body(_) => ask(api, name, given.body()).await,
        Act::Query => match given.query() {
            Ok(request) => ask(api, name, request).await,
            Err(problem) => Err(problem),
        },
        Act::Discover => Ok(discover::document().to_string().into()),
    };
    outcome.map_err(fault)
}

/// The parameters of a call, whichever way they were given.
struct Given<'a> {
    method: &'static Method,
    /// JSON; an object if nothing is listed.
    text: &'a Bytes,
    /// Those by position, as JSON; not more than the method has positions.
    listed: Option<Vec<&'a str>>,
}

impl<'a> Given<'a> {
    fn fields(&self) -> Result<Fields<'a>, Problem> {
        let Some(listed) = &self.listed else { return Fields::read(self.text) };
        Fields::of(self.text, self.named(listed)?)
    }

    fn named(&self, listed: &[&'a str]) -> Result<Vec<(Cow<'a, str>, Scalar<'a>)>, Problem> {
        let named = self.method.positions.iter().zip(listed).map(|(name, json)| Ok(((*name).into(), scalar(json)?)));
        named.collect()
    }

    fn body(&self) -> Request {
        let Some(listed) = &self.listed else { return Request::new(Body::from(self.text.clone())) };
        let members: Vec<String> =
            self.method.positions.iter().zip(listed).map(|(name, json)| format!("\"{name}\":{json}")).collect();
        Request::new(Body::from(format!("{{{}}}", members.join(","))))
    }

    fn query(&self) -> Result<Request, Problem> {
        let members = match &self.listed {
            Some(listed) => self.named(listed)?,
            None => crate::fields::members(self.text)?,
        };
        let mut query = String::new();
        for (name, scalar) in members {
            if !self.method.positions.contains(&&*name) {
                return Err(self.unknown(&name));
            }
            let text = match scalar {
                Scalar::Text(text) => text,
                Scalar::Whole(number) => number.to_string().into(),
                Scalar::Number(number) => number.to_string().into(),
                _ => return Err(crate::fields::invalid(&name, "must be a string or a number")),
            };
            query.push_str(&format!("{}{name}=", if query.is_empty() { "?" } else { "&" }));
            for byte in text.bytes() {
                match byte {
                    b'0'..=b'9' => query.push(char::from(byte)),
                    _ => query.push_str(&format!("%{byte:02X}")),
                }
            }
        }
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = format!("/{query}")
            .parse()
            .map_err(|_| Problem::new(Kind::TooLarge, "The parameters are too long; shorten them."))?;
        Ok(request)
    }

    fn unknown(&self, name: &str) -> Problem {
        let (name, list) = (crate::fields::excerpt(name.as_bytes()), self.method.positions.join(", "));
        let detail = format!("\"{name}\" is not a parameter of {}; it takes [{list}].", self.method.name);
        Problem::new(Kind::UnknownField, detail)
    }
}

fn scalar(json: &str) -> Result<Scalar<'_>, Problem> {
    serde_json::from_str(json).map_err(|error| crate::fields::not_json(&error))
}

async fn operate(api: &Api, kind: &str, given: &Given<'_>) -> Result<Vec<u8>, Problem> {
    let operation = Operation::of(kind, given.fields()?, &api.options)?;
    items::perform(api, &operation).await
}

/// Asks the page that the method stands for.
async fn ask(api: &Arc<Api>, name: &str, request: Request) -> Result<Vec<u8>, Problem> {
    let state = Asker(Arc::clone(api));
    let answer: Response = match name {
        "item.explain" => explain::by_body(state, request).await?,
        "bucket.list" => buckets::list(state).await?,
        "cluster.status" => cluster::status(state).await?,
        "cluster.plan" => cluster::plan(state, request).await?,
        "cluster.ring" => ring_view::view(state).await?,
        "cluster.history" => history::list(state).await?,
        "repair.status" => repair::status(state, request).await?,
        "node.stats" => stats::stats(state, request).await?,
        "token.list" => tokens::list(state).await?,
        "audit.read" => audit::read(state, RawQuery(request.uri().query().map(str::to_owned))).await?,
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
