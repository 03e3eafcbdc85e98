//! Many operations in few requests: each node gets those whose keys it owns, all nodes at the same time.
//!
//! Invariant: there is one answer for each operation, in the order in which they were added. Those on one item are carried out in
//! that order, for they go to the same node; nothing else ties them together. What is tried again is the whole part of a node,
//! and only if all of it may be carried out twice.

use crate::address::Address;
use crate::client::{Call, Client};
use crate::error::Error;
use crate::item::{Context, Item};
use crate::map::Map;
use crate::node;
use crate::nodes::About;
use crate::problem::Reason;
use crate::request::{Body, Request, Sum, Written, unfit};
use crate::retry::Idempotence;
use crate::transport::{Ask, Reply};
use hyper::Method;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Lines of one request; a node takes 10,000.
const LINES_MAX: usize = 1_000;

/// Operations to be carried out together.
#[derive(Debug)]
#[must_use = "a batch is carried out by run"]
pub struct Batch {
    client: Client,
    operations: Vec<Body>,
}

/// What became of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Done {
    /// It was read.
    Item(Item),
    /// It was written or deleted.
    Written(Written),
    /// It was added to.
    Sum(Sum),
}

impl Client {
    /// Operations to be carried out together.
    pub fn batch(&self) -> Batch {
        Batch { client: self.clone(), operations: Vec::new() }
    }
}

impl Batch {
    /// One more operation. Its own patience does not count.
    pub fn push<K>(&mut self, operation: Request<'_, K>) -> &mut Batch {
        self.operations.push(operation.into_body());
        self
    }

    /// Carries all of them out. Each succeeds or fails by itself.
    pub async fn run(self) -> Result<Vec<Result<Done, Error>>, Error> {
        let Batch { client, operations } = self;
        let map = client.map().await?;
        let mut answers: Vec<Option<Result<Done, Error>>> = operations.iter().map(|_| None).collect();
        let mut parts = JoinSet::new();
        for places in divide(map.as_deref(), &operations) {
            let part: Vec<Body> = places.iter().map(|place| operations[*place].clone()).collect();
            let (client, map) = (client.clone(), map.clone());
            parts.spawn(async move { (places, part_of(&client, map, part).await) });
        }
        while let Some(ended) = parts.join_next().await {
            let Ok((places, part)) = ended else { continue };
            match part {
                Ok(done) => places.into_iter().zip(done).for_each(|(place, done)| answers[place] = Some(done)),
                Err(error) => places.into_iter().for_each(|place| answers[place] = Some(Err(error.clone()))),
            }
        }
        Ok(answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(unfit()))).collect())
    }
}

/// Which operations go together: those of one owner, so many at a time.
fn divide(map: Option<&Map>, operations: &[Body]) -> Vec<Vec<usize>> {
    let mut parts: BTreeMap<Option<&Address>, Vec<usize>> = BTreeMap::new();
    for (place, operation) in operations.iter().enumerate() {
        let owner = map.and_then(|map| map.replicas(operation.bucket(), &operation.key.partition).into_iter().next());
        parts.entry(owner).or_default().push(place);
    }
    // Parts of one owner go one behind the other only if they fit into one request; operations on one item could else
    // overtake each other.
    parts.into_values().flat_map(|places| cut(operations, places)).collect()
}

/// Cuts what is too much for a request, keeping together what is about one key.
fn cut(operations: &[Body], places: Vec<usize>) -> Vec<Vec<usize>> {
    if places.len() <= LINES_MAX {
        return vec![places];
    }
    let mut keys: BTreeMap<(&str, &[u8]), Vec<usize>> = BTreeMap::new();
    for place in places {
        keys.entry((operations[place].bucket(), &operations[place].key.partition)).or_default().push(place);
    }
    let mut parts: Vec<Vec<usize>> = vec![Vec::new()];
    for places in keys.into_values() {
        match parts.last_mut() {
            Some(last) if last.len() + places.len() <= LINES_MAX => last.extend(places),
            _ => parts.push(places),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

async fn part_of(
    client: &Client,
    map: Option<Arc<Map>>,
    operations: Vec<Body>,
) -> Result<Vec<Result<Done, Error>>, Error> {
    let Some(first) = operations.first() else { return Ok(Vec::new()) };
    let rule = |operation: &Body| map.as_ref().and_then(|map| map.bucket(operation.bucket())).map(|bucket| bucket.rule);
    let is_safe = operations.iter().all(|operation| operation.may_be_repeated(rule(operation)));
    let lines: String = operations.iter().map(|operation| format!("{}\n", Json::Object(operation.line()))).collect();
    let changes = operations.iter().any(|operation| operation.kind() != "GET");
    let call = Call {
        about: About { key: Some((first.bucket(), &first.key.partition)), owner_first: true },
        idempotence: if is_safe { Idempotence::Safe } else { Idempotence::Once },
        patience: None,
        ask: &|_| Ask {
            content_type: Some("application/x-ndjson"),
            changes,
            ..Ask::json(Method::POST, "/v1/batch", lines.clone())
        },
        read: read_lines,
    };
    let answers = client.carry_out(&call).await?;
    if answers.len() != operations.len() {
        return Err(unfit());
    }
    Ok(operations.iter().zip(answers).map(|(operation, answer)| done(operation, answer)).collect())
}

fn read_lines(node: &Address, reply: Reply) -> Result<Vec<Json>, Error> {
    if reply.status != 200 {
        return Err(node::read(node, &reply).err().unwrap_or_else(unfit));
    }
    let lines = reply.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).map_err(|_| unfit())).collect()
}

fn done(operation: &Body, answer: Json) -> Result<Done, Error> {
    let status = answer["status"].as_u64().and_then(|status| u16::try_from(status).ok()).ok_or_else(unfit)?;
    let body = &answer["body"];
    if status == 200 {
        return match operation.kind() {
            "GET" => Item::read(body).map(Done::Item).ok_or_else(unfit),
            "ADD" => Ok(Done::Sum(Sum::read(body))),
            _ => Ok(Done::Written(Written::read(body))),
        };
    }
    match node::refusal(status, None, body.clone()).unwrap_or_else(unfit) {
        Error::Refused(problem) if problem.reason == Reason::NotFound && operation.kind() == "GET" => {
            let context = Context::read(body);
            Ok(Done::Item(Item { key: operation.key.clone(), values: Vec::new(), expires: None, context }))
        }
        error => Err(error),
    }
}
