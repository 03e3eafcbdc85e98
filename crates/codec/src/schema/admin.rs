//! Requests about the cluster itself. Of these only joins, replacements and the wish that a node leaves travel; the others
//! have numbers so that a newer version may send them.

use super::access::WireApiToken;
use super::bucket::WireBucket;
use super::item::partition;
use super::node::{WireId, digest, tokens, wire_digest, wire_token};
use super::{narrow, need};
use crate::error::DecodeError;
use bytes::Bytes;
use proto::{Admin, Join, TokenId};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireAdmin {
    #[prost(oneof = "WireAct", tags = "1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 40, 41")]
    act: Option<WireAct>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireAct {
    #[prost(message, tag = "1")]
    Status(()),
    #[prost(message, tag = "2")]
    History(()),
    #[prost(message, tag = "3")]
    Join(WireJoin),
    #[prost(message, tag = "4")]
    Leave(WireId),
    #[prost(message, tag = "6")]
    SetBucket(WireBucket),
    #[prost(message, tag = "7")]
    Readdress(WireReaddressSelf),
    #[prost(message, tag = "8")]
    Restored(WireRestoredAsk),
    #[prost(message, tag = "9")]
    Remove(WireId),
    #[prost(message, tag = "10")]
    Replace(WireReplace),
    #[prost(message, tag = "11")]
    Reweigh(WireReweigh),
    #[prost(message, tag = "12")]
    Abort(()),
    #[prost(message, tag = "13")]
    Plan(Box<WireAdmin>),
    #[prost(message, tag = "14")]
    Apply(Box<WireApply>),
    #[prost(message, tag = "15")]
    Grant(WireApiToken),
    #[prost(fixed64, tag = "16")]
    Revoke(u64),
    #[prost(message, tag = "40")]
    RepairStatus(WireRepairOf),
    #[prost(message, tag = "41")]
    RepairRun(()),
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireRepairOf {
    #[prost(uint32, optional, tag = "1")]
    partition: Option<u32>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireReplace {
    #[prost(string, tag = "1")]
    old: String,
    #[prost(message, optional, tag = "2")]
    join: Option<WireJoin>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireReweigh {
    #[prost(message, required, tag = "1")]
    node: WireId,
    #[prost(uint32, tag = "2")]
    weight: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireApply {
    #[prost(message, optional, boxed, tag = "1")]
    change: Option<Box<WireAdmin>>,
    #[prost(bytes = "bytes", tag = "2")]
    plan: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireReaddressSelf {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    uri: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireRestoredAsk {
    #[prost(bytes = "bytes", tag = "1")]
    backup: Bytes,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, repeated, tag = "3")]
    buckets: Vec<String>,
    #[prost(bool, tag = "4")]
    overwrite: bool,
}

impl From<&Admin> for WireAdmin {
    fn from(admin: &Admin) -> WireAdmin {
        let act = match admin {
            Admin::Status => WireAct::Status(()),
            Admin::History => WireAct::History(()),
            Admin::Join(join) => WireAct::Join(join.into()),
            Admin::Leave { node } => WireAct::Leave(node.into()),
            Admin::RepairStatus { partition } => {
                WireAct::RepairStatus(WireRepairOf { partition: partition.map(|partition| u32::from(partition.0)) })
            }
            Admin::RepairRun => WireAct::RepairRun(()),
            Admin::SetBucket(bucket) => WireAct::SetBucket(bucket.into()),
            Admin::Restored { backup, name, buckets, overwrite } => WireAct::Restored(WireRestoredAsk {
                backup: wire_digest(backup),
                name: name.clone(),
                buckets: buckets.clone(),
                overwrite: *overwrite,
            }),
            Admin::Readdress { name, uri } => {
                WireAct::Readdress(WireReaddressSelf { name: name.clone(), uri: uri.clone() })
            }
            Admin::Remove { node } => WireAct::Remove(node.into()),
            Admin::Replace { old, join } => WireAct::Replace(WireReplace { old: old.clone(), join: Some(join.into()) }),
            Admin::Reweigh { node, weight } => WireAct::Reweigh(WireReweigh { node: node.into(), weight: *weight }),
            Admin::Grant(token) => WireAct::Grant(token.into()),
            Admin::Revoke { token } => WireAct::Revoke(token.0),
            Admin::Abort => WireAct::Abort(()),
            Admin::Plan(change) => WireAct::Plan(Box::new(change.as_ref().into())),
            Admin::Apply { change, plan } => {
                let change = Some(Box::new(change.as_ref().into()));
                WireAct::Apply(Box::new(WireApply { change, plan: wire_digest(plan) }))
            }
        };
        WireAdmin { act: Some(act) }
    }
}

impl TryFrom<WireAdmin> for Admin {
    type Error = DecodeError;

    fn try_from(wire: WireAdmin) -> Result<Admin, DecodeError> {
        match wire.act.ok_or(DecodeError::newer("a request about the cluster"))? {
            WireAct::Status(()) => Ok(Admin::Status),
            WireAct::History(()) => Ok(Admin::History),
            WireAct::Join(join) => join.try_into().map(Admin::Join),
            WireAct::Leave(node) => Ok(Admin::Leave { node: node.into() }),
            WireAct::RepairStatus(of) => {
                Ok(Admin::RepairStatus { partition: of.partition.map(partition).transpose()? })
            }
            WireAct::RepairRun(()) => Ok(Admin::RepairRun),
            WireAct::SetBucket(bucket) => bucket.try_into().map(Admin::SetBucket),
            WireAct::Restored(WireRestoredAsk { backup, name, buckets, overwrite }) => {
                Ok(Admin::Restored { backup: digest(&backup)?, name, buckets, overwrite })
            }
            WireAct::Readdress(WireReaddressSelf { name, uri }) => Ok(Admin::Readdress { name, uri }),
            WireAct::Remove(node) => Ok(Admin::Remove { node: node.into() }),
            WireAct::Replace(WireReplace { old, join }) => Ok(Admin::Replace { old, join: need(join, "a newcomer")? }),
            WireAct::Reweigh(WireReweigh { node, weight }) => Ok(Admin::Reweigh { node: node.into(), weight }),
            WireAct::Grant(token) => token.try_into().map(Admin::Grant),
            WireAct::Revoke(token) => Ok(Admin::Revoke { token: TokenId(token) }),
            WireAct::Abort(()) => Ok(Admin::Abort),
            WireAct::Plan(change) => Ok(Admin::Plan(Box::new((*change).try_into()?))),
            WireAct::Apply(apply) => {
                let WireApply { change, plan } = *apply;
                let change = change.ok_or(DecodeError::missing("a change"))?;
                Ok(Admin::Apply { change: Box::new((*change).try_into()?), plan: digest(&plan)? })
            }
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireJoin {
    #[prost(message, required, tag = "1")]
    node: WireId,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(bool, tag = "3")]
    name_is_fixed: bool,
    #[prost(string, tag = "4")]
    uri: String,
    #[prost(bytes = "bytes", repeated, tag = "5")]
    tokens: Vec<Bytes>,
    #[prost(uint32, tag = "6")]
    token_count: u32,
    #[prost(bool, tag = "7")]
    random_tokens: bool,
    #[prost(uint32, tag = "8")]
    weight: u32,
    #[prost(string, optional, tag = "9")]
    zone: Option<String>,
    #[prost(bool, tag = "10")]
    seed: bool,
}

impl From<&Join> for WireJoin {
    fn from(join: &Join) -> WireJoin {
        WireJoin {
            node: WireId::from(&join.node),
            name: join.name.clone(),
            name_is_fixed: join.name_is_fixed,
            uri: join.uri.clone(),
            tokens: join.tokens.iter().map(wire_token).collect(),
            token_count: u32::from(join.token_count),
            random_tokens: join.random_tokens,
            weight: join.weight,
            zone: join.zone.clone(),
            seed: join.seed,
        }
    }
}

impl TryFrom<WireJoin> for Join {
    type Error = DecodeError;

    fn try_from(wire: WireJoin) -> Result<Join, DecodeError> {
        Ok(Join {
            node: wire.node.into(),
            name: wire.name,
            name_is_fixed: wire.name_is_fixed,
            uri: wire.uri,
            tokens: tokens(&wire.tokens)?,
            token_count: narrow(wire.token_count, "the number of tokens")?,
            random_tokens: wire.random_tokens,
            weight: wire.weight,
            zone: wire.zone,
            seed: wire.seed,
        })
    }
}
