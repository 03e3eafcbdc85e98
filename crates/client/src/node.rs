//! One node, asked as it is: whatever path, JSON in and out. For tools that are told which node to talk to; nothing is tried
//! again, and nobody else is asked.
//!
//! Invariant: a status of success with JSON is an answer, a problem+json is [`Error::Refused`], anything else is
//! [`Error::Strange`].

use crate::address::Address;
use crate::error::Error;
use crate::problem::Problem;
use crate::transport::{Access, Ask, Reply, Transport};
use bytes::Bytes;
use hyper::Method;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// Largest answer.
const ANSWER_BYTES_MAX: usize = 2 << 30;
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);

/// A node at an address. Cloning is cheap, and clones share connections.
#[derive(Clone, Debug)]
pub struct Node {
    transport: Transport,
    address: Address,
    patience: Duration,
}

/// An answer that is not JSON.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its body.
    pub body: Bytes,
    /// Where the next one begins, if there is more.
    pub cursor: Option<String>,
}

impl Node {
    /// The node at this address, which is waited for so long. `ca` is the certificate in PEM of whoever signs the node's
    /// certificate, if it speaks TLS; `token` says who asks.
    pub fn new(address: &str, patience: Duration, ca: Option<Vec<u8>>, token: Option<String>) -> Result<Node, Error> {
        let address = Address::parse(address)?;
        let transport = Transport::new(&Access { ca, token, connect: CONNECT.min(patience) })?;
        Ok(Node { transport, address, patience })
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Reads what is under a path.
    pub async fn get(&self, path: &str) -> Result<Value, Error> {
        self.json(Ask::get(path.to_owned())).await
    }

    /// Reads what is under a path that answers with something else than one JSON value.
    pub async fn get_bytes(&self, path: &str) -> Result<Bytes, Error> {
        let reply = self.send(Ask::get(path.to_owned())).await?;
        if reply.status != 200 {
            read(&self.address, &reply)?;
            return Err(Error::Strange { node: self.address.to_string(), status: reply.status });
        }
        Ok(reply.body)
    }

    /// Sends JSON to a path.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.json(Ask::json(Method::POST, path.to_owned(), body.to_string())).await
    }

    /// Puts JSON under a path.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.json(Ask::json(Method::PUT, path.to_owned(), body.to_string())).await
    }

    /// Deletes what is under a path.
    pub async fn delete(&self, path: &str) -> Result<Value, Error> {
        self.json(Ask { method: Method::DELETE, changes: true, ..Ask::get(path.to_owned()) }).await
    }

    /// Sends bytes to a path.
    pub async fn post_bytes(&self, path: &str, body: Bytes) -> Result<Value, Error> {
        let ask =
            Ask { content_type: Some("application/octet-stream"), ..Ask::json(Method::POST, path.to_owned(), body) };
        self.json(ask).await
    }

    /// Sends JSON to a path that answers with something else.
    pub async fn post_for_bytes(&self, path: &str, body: &Value) -> Result<Page, Error> {
        let reply = self.send(Ask::json(Method::POST, path.to_owned(), body.to_string())).await?;
        if reply.status != 200 {
            read(&self.address, &reply)?;
            return Err(Error::Strange { node: self.address.to_string(), status: reply.status });
        }
        let cursor = reply.headers.get("alianza-cursor").and_then(|cursor| cursor.to_str().ok()).map(str::to_owned);
        Ok(Page { body: reply.body, cursor })
    }

    async fn json(&self, ask: Ask) -> Result<Value, Error> {
        read(&self.address, &self.send(ask).await?)
    }

    async fn send(&self, ask: Ask) -> Result<Reply, Error> {
        self.transport.send(&self.address, ask, Instant::now() + self.patience, ANSWER_BYTES_MAX).await
    }
}

/// What an answer says.
pub(crate) fn read(node: &Address, reply: &Reply) -> Result<Value, Error> {
    let status = reply.status;
    let strange = || Error::Strange { node: node.to_string(), status };
    let json: Value = serde_json::from_slice(&reply.body).map_err(|_| strange())?;
    match status {
        200..300 => Ok(json),
        _ => Err(refusal(status, reply.retry_after(), json).unwrap_or_else(strange)),
    }
}

/// The same, of an answer that nobody needs any more.
pub(crate) fn read_whole(node: &Address, reply: Reply) -> Result<Value, Error> {
    read(node, &reply)
}

/// The refusal that an answer is, if it is one.
pub(crate) fn refusal(status: u16, retry_after: Option<u64>, body: Value) -> Option<Error> {
    let problem = (400..600).contains(&status).then(|| Problem::read(status, retry_after, body)).flatten()?;
    Some(Error::Refused(Box::new(problem)))
}
