//! Requests about the cluster itself. Of these only a join travels, from a newcomer to a seed; the others have numbers
//! so that a newer version may send them.

use super::bucket::WireBucket;
use super::item::partition;
use super::narrow;
use super::node::{WireId, digest, tokens, wire_digest, wire_token};
use crate::error::DecodeError;
use bytes::Bytes;
use proto::{Admin, Join};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireAdmin {
    #[prost(oneof = "WireAct", tags = "1, 2, 3, 4, 5, 6, 7, 8, 40, 41")]
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
    Leave(WireLeave),
    #[prost(message, tag = "5")]
    PlanLeave(WireId),
    #[prost(message, tag = "6")]
    SetBucket(WireBucket),
    #[prost(message, tag = "7")]
    Readdress(WireReaddressSelf),
    #[prost(message, tag = "8")]
    Restored(WireRestoredAsk),
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
struct WireLeave {
    #[prost(message, required, tag = "1")]
    node: WireId,
    #[prost(bytes = "bytes", optional, tag = "2")]
    plan: Option<Bytes>,
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
            Admin::Leave { node, plan } => {
                WireAct::Leave(WireLeave { node: node.into(), plan: plan.as_ref().map(wire_digest) })
            }
            Admin::RepairStatus { partition } => {
                WireAct::RepairStatus(WireRepairOf { partition: partition.map(|partition| u32::from(partition.0)) })
            }
            Admin::RepairRun => WireAct::RepairRun(()),
            Admin::PlanLeave { node } => WireAct::PlanLeave(node.into()),
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
            WireAct::Leave(WireLeave { node, plan }) => {
                Ok(Admin::Leave { node: node.into(), plan: plan.as_ref().map(digest).transpose()? })
            }
            WireAct::RepairStatus(of) => {
                Ok(Admin::RepairStatus { partition: of.partition.map(partition).transpose()? })
            }
            WireAct::RepairRun(()) => Ok(Admin::RepairRun),
            WireAct::PlanLeave(node) => Ok(Admin::PlanLeave { node: node.into() }),
            WireAct::SetBucket(bucket) => bucket.try_into().map(Admin::SetBucket),
            WireAct::Restored(WireRestoredAsk { backup, name, buckets, overwrite }) => {
                Ok(Admin::Restored { backup: digest(&backup)?, name, buckets, overwrite })
            }
            WireAct::Readdress(WireReaddressSelf { name, uri }) => Ok(Admin::Readdress { name, uri }),
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
