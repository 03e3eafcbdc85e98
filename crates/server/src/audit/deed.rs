//! What is done to a cluster, for the audit log: a word, and what tells this deed from others of its kind.
//!
//! Invariant: no secret and no digest of one is in it; a request that changes the cluster and is not named here does not compile.

use proto::{Admin, ApiToken, Bucket, Mode, Rule};
use serde_json::{Value, json};

/// Bytes of what is told of a deed; names that clients choose may be longer.
const ABOUT_BYTES_MAX: usize = 4 << 10;

/// Something that is done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deed {
    /// Its kind, like `bucket.set`.
    pub what: &'static str,
    /// What else there is to tell, as an object.
    pub about: Value,
}

impl Deed {
    /// A deed of some kind.
    pub fn new(what: &'static str, about: Value) -> Deed {
        Deed { what, about: bounded(about) }
    }

    /// What a request to the cluster does; `None` if it only looks.
    pub fn of(admin: &Admin) -> Option<Deed> {
        let (what, about) = match admin {
            Admin::Status | Admin::History | Admin::RepairStatus { .. } => return None,
            Admin::Join(join) => {
                ("cluster.join", json!({ "node": join.node.to_string(), "name": join.name, "uri": join.uri }))
            }
            Admin::Leave { node } => ("cluster.leave", json!({ "node": node.to_string() })),
            Admin::Remove { node } => ("cluster.remove", json!({ "node": node.to_string() })),
            Admin::Replace { old, join } => (
                "cluster.replace",
                json!({ "old": old, "node": join.node.to_string(), "name": join.name, "uri": join.uri }),
            ),
            Admin::Reweigh { node, weight } => {
                ("cluster.reweigh", json!({ "node": node.to_string(), "weight": weight }))
            }
            Admin::Abort => ("cluster.abort", json!({})),
            Admin::Plan(change) => ("cluster.plan", json!({ "change": inner(change) })),
            Admin::Apply { change, plan } => {
                ("cluster.apply", json!({ "change": inner(change), "plan": plan.to_string() }))
            }
            Admin::RepairRun => ("repair.run", json!({})),
            Admin::SetBucket(bucket) => ("bucket.set", settings(bucket)),
            Admin::Grant(token) => ("token.create", shown(token)),
            Admin::Revoke { token } => ("token.revoke", json!({ "id": token.to_string() })),
            Admin::Restored { backup, name, buckets, overwrite } => (
                "restore.begin",
                json!({ "backup": backup.to_string(), "name": name, "buckets": buckets, "overwrite": overwrite }),
            ),
            Admin::Readdress { name, uri } => ("cluster.readdress", json!({ "name": name, "uri": uri })),
        };
        Some(Deed::new(what, about))
    }
}

fn inner(change: &Admin) -> Value {
    let Some(Deed { what, about }) = Deed::of(change) else { return Value::Null };
    json!({ "what": what, "about": about })
}

fn settings(bucket: &Bucket) -> Value {
    json!({
        "name": bucket.name,
        "n": bucket.n,
        "r": bucket.r.to_string(),
        "w": bucket.w.to_string(),
        "mode": match bucket.mode { Mode::Eventual => "eventual", Mode::Linearizable => "linearizable" },
        "rule": match bucket.rule { Rule::LastWriterWins => "lww", Rule::Siblings => "siblings" },
        "ttlMs": bucket.ttl.map(|ttl| ttl.as_micros() / 1_000),
    })
}

fn shown(token: &ApiToken) -> Value {
    json!({
        "id": token.id.to_string(),
        "name": token.name,
        "scopes": token.scopes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "rate": token.rate.map(|rate| rate.per_second),
        "expires": token.expires.map(|at| at.0),
    })
}

fn bounded(about: Value) -> Value {
    let text = about.to_string();
    if text.len() <= ABOUT_BYTES_MAX {
        return about;
    }
    json!({ "cut": text.chars().take(ABOUT_BYTES_MAX / 4).collect::<String>() })
}

#[cfg(test)]
mod tests {
    use super::{ABOUT_BYTES_MAX, Deed};
    use proto::{Admin, ApiToken, Digest, Right, TokenId};
    use serde_json::json;

    #[test]
    fn a_token_is_told_without_its_digest() {
        let token = ApiToken {
            id: TokenId(7),
            name: "root".to_owned(),
            digest: Digest([0xab; 32]),
            scopes: vec![Right::ALL],
            rate: None,
            expires: None,
        };
        let deed = Deed::of(&Admin::Grant(token)).unwrap();
        assert_eq!((deed.what, &deed.about["name"]), ("token.create", &json!("root")));
        assert!(!deed.about.to_string().contains("abab"), "{}", deed.about);
    }

    #[test]
    fn what_clients_choose_is_bounded() {
        let name = "x".repeat(1 << 20);
        let restored = Admin::Restored { backup: Digest::default(), name, buckets: Vec::new(), overwrite: false };
        let deed = Deed::of(&Admin::Plan(Box::new(restored))).unwrap();
        assert!(deed.about.to_string().len() <= ABOUT_BYTES_MAX, "{}", deed.about.to_string().len());
    }
}
