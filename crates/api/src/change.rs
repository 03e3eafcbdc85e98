//! The changes of the cluster that can be planned and applied, as clients name them.
//!
//! Invariant: a request names exactly one change; a plan and the request to apply it name it in the same fields.
//! Refuses to judge a change; the node does.

use crate::fields::{Fields, invalid};
use crate::node_name;
use crate::problem::{Kind, Problem};
use proto::{Admin, Bucket, Join, Status};
use ring::NodeId;
use serde_json::{Value, json};

/// The fields that name a change.
pub(crate) const FIELDS: &[&str] = &["leave", "remove", "replace", "reweigh", "weight", "bucket", "n"];

/// In a plan, the node that is to come in has this id.
const NEWCOMER: NodeId = NodeId(0);

/// A change that somebody wishes.
#[derive(Debug)]
pub(crate) struct Wish {
    /// The field that names it.
    pub(crate) kind: &'static str,
    /// What the node is asked.
    pub(crate) admin: Admin,
    subject: Subject,
}

#[derive(Debug)]
enum Subject {
    Node(NodeId, String),
    Bucket(Bucket),
}

impl Wish {
    /// Takes the fields that name a change.
    pub(crate) fn read(fields: &mut Fields<'_>, status: &Status) -> Result<Wish, Problem> {
        let mut wishes = Vec::new();
        for kind in ["leave", "remove", "replace", "reweigh"] {
            if let Some(text) = fields.text(kind)? {
                let member = &node_name::find(status, &text)?.member;
                let admin = match kind {
                    "leave" => Admin::Leave { node: member.id },
                    "remove" => Admin::Remove { node: member.id },
                    "replace" => Admin::Replace { old: member.id.to_string(), join: newcomer() },
                    _ => Admin::Reweigh { node: member.id, weight: weight(fields)? },
                };
                wishes.push(Wish { kind, admin, subject: Subject::Node(member.id, member.name.clone()) });
            }
        }
        if let Some(name) = fields.text("bucket")? {
            let bucket = with_copies(fields, status, &name)?;
            let admin = Admin::SetBucket(bucket.clone());
            wishes.push(Wish { kind: "bucket", admin, subject: Subject::Bucket(bucket) });
        }
        match (wishes.pop(), wishes.is_empty()) {
            (Some(wish), true) => Ok(wish),
            (Some(_), false) => Err(several()),
            (None, _) => Err(none()),
        }
    }

    /// Adds what the change is about to an answer.
    pub(crate) fn describe(&self, answer: &mut Value) {
        answer[self.kind] = match &self.subject {
            Subject::Node(node, name) => json!({ "nodeId": node.to_string(), "name": name }),
            Subject::Bucket(bucket) => json!({ "name": bucket.name, "n": bucket.n }),
        };
        if let Admin::Reweigh { weight, .. } = &self.admin {
            answer["weight"] = (*weight).into();
        }
    }

    /// The name of a node that gains something.
    pub(crate) fn name_of(&self, status: &Status, node: NodeId) -> String {
        if node == NEWCOMER { "the new node".to_owned() } else { node_name::of(status, node) }
    }
}

fn weight(fields: &mut Fields<'_>) -> Result<u32, Problem> {
    let weight = fields.whole("weight", 1..=10_000)?;
    weight.map(|weight| weight as u32).ok_or_else(|| crate::fields::missing("weight"))
}

fn with_copies(fields: &mut Fields<'_>, status: &Status, name: &str) -> Result<Bucket, Problem> {
    let bucket = status.buckets.iter().find(|bucket| bucket.name == name).cloned();
    let bucket = bucket.ok_or_else(|| crate::bucket_names::unknown(name))?;
    let n = fields.whole("n", 1..=16)?.ok_or_else(|| crate::fields::missing("n"))?;
    Ok(Bucket { n: n as u8, ..bucket })
}

/// Stands for the node that is to come in: a plan does not depend on which one it is.
fn newcomer() -> Join {
    Join {
        node: NEWCOMER,
        name: "new node".to_owned(),
        name_is_fixed: false,
        uri: "http://new.invalid:1".to_owned(),
        tokens: Vec::new(),
        token_count: 1,
        random_tokens: false,
        weight: 100,
        zone: None,
        seed: false,
    }
}

fn several() -> Problem {
    invalid("leave", "stands alone: name one change at a time")
}

fn none() -> Problem {
    let detail = "No change is named; give one of \"leave\", \"remove\", \"replace\" with the name of a node, \"reweigh\" \
                  with a node and \"weight\", or \"bucket\" with a bucket and \"n\".";
    Problem::new(Kind::MissingField, detail).with("field", "leave")
}
