//! What clients ask for, as it is forwarded to the node that coordinates it.

use super::admin::WireAdmin;
use super::amended::WireAmending;
use super::bucket::{durability, level, wire_durability, wire_level};
use super::causal::WireContext;
use super::item::{WireKey, WireSortKeys, partition};
use super::record::{WireRecord, WireValue};
use super::register::WireCas;
use super::watch::WireWatch;
use super::{may, need};
use crate::error::DecodeError;
use causal::Context;
use proto::explain::Explain;
use proto::{Get, Put, Request, Restore, Scan, Scope};
use stdx::Span;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireRequest {
    #[prost(oneof = "WireAsk", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")]
    ask: Option<WireAsk>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireAsk {
    #[prost(message, tag = "1")]
    Get(WireGet),
    #[prost(message, tag = "2")]
    Put(WirePut),
    #[prost(message, tag = "3")]
    Scan(WireScanAsk),
    #[prost(message, tag = "4")]
    Admin(WireAdmin),
    #[prost(message, tag = "5")]
    Dump(WireScanAsk),
    #[prost(message, tag = "6")]
    Restore(WireRestore),
    #[prost(message, tag = "7")]
    Explain(WireExplain),
    #[prost(message, tag = "8")]
    Cas(WireCas),
    #[prost(message, tag = "9")]
    Amend(WireAmending),
    #[prost(message, tag = "10")]
    Watch(WireWatch),
}

impl From<&Request> for WireRequest {
    fn from(request: &Request) -> WireRequest {
        let ask = match request {
            Request::Get(get) => WireAsk::Get(get.into()),
            Request::Put(put) => WireAsk::Put(put.into()),
            Request::Cas(cas) => WireAsk::Cas(cas.into()),
            Request::Amend(amending) => WireAsk::Amend(amending.into()),
            Request::Scan(scan) => WireAsk::Scan(scan.into()),
            Request::Dump(scan) => WireAsk::Dump(scan.into()),
            Request::Restore(restore) => WireAsk::Restore(restore.into()),
            Request::Explain(explain) => WireAsk::Explain(explain.into()),
            Request::Admin(admin) => WireAsk::Admin(admin.into()),
            Request::Watch(watch) => WireAsk::Watch(watch.into()),
        };
        WireRequest { ask: Some(ask) }
    }
}

impl TryFrom<WireRequest> for Request {
    type Error = DecodeError;

    fn try_from(wire: WireRequest) -> Result<Request, DecodeError> {
        match wire.ask.ok_or(DecodeError::newer("a request"))? {
            WireAsk::Get(get) => get.try_into().map(Request::Get),
            WireAsk::Put(put) => put.try_into().map(Request::Put),
            WireAsk::Cas(cas) => cas.try_into().map(Request::Cas),
            WireAsk::Amend(amending) => amending.try_into().map(Request::Amend),
            WireAsk::Scan(scan) => scan.try_into().map(Request::Scan),
            WireAsk::Dump(scan) => scan.try_into().map(Request::Dump),
            WireAsk::Restore(restore) => restore.try_into().map(Request::Restore),
            WireAsk::Explain(explain) => explain.try_into().map(Request::Explain),
            WireAsk::Watch(watch) => watch.try_into().map(Request::Watch),
            WireAsk::Admin(admin) => admin.try_into().map(Request::Admin),
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireGet {
    #[prost(string, tag = "1")]
    bucket: String,
    #[prost(message, optional, tag = "2")]
    key: Option<WireKey>,
    #[prost(uint32, optional, tag = "3")]
    level: Option<u32>,
}

impl From<&Get> for WireGet {
    fn from(get: &Get) -> WireGet {
        WireGet { bucket: get.bucket.clone(), key: Some((&get.key).into()), level: get.level.map(wire_level) }
    }
}

impl TryFrom<WireGet> for Get {
    type Error = DecodeError;

    fn try_from(wire: WireGet) -> Result<Get, DecodeError> {
        let level = wire.level.map(level).transpose()?;
        Ok(Get { bucket: wire.bucket, key: need(wire.key, "a key")?, level })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct WirePut {
    #[prost(string, tag = "1")]
    bucket: String,
    #[prost(message, optional, tag = "2")]
    key: Option<WireKey>,
    /// Left out for a deletion.
    #[prost(message, optional, tag = "3")]
    value: Option<WireValue>,
    #[prost(message, optional, tag = "4")]
    context: Option<WireContext>,
    #[prost(uint32, optional, tag = "5")]
    level: Option<u32>,
    #[prost(uint32, tag = "6")]
    durability: u32,
    #[prost(uint64, optional, tag = "7")]
    ttl_micros: Option<u64>,
}

impl From<&Put> for WirePut {
    fn from(put: &Put) -> WirePut {
        WirePut {
            bucket: put.bucket.clone(),
            key: Some((&put.key).into()),
            value: put.value.as_ref().map(WireValue::from),
            context: put.context.as_ref().map(WireContext::from),
            level: put.level.map(wire_level),
            durability: wire_durability(put.durability),
            ttl_micros: put.ttl.map(Span::as_micros),
        }
    }
}

impl TryFrom<WirePut> for Put {
    type Error = DecodeError;

    fn try_from(wire: WirePut) -> Result<Put, DecodeError> {
        Ok(Put {
            bucket: wire.bucket,
            key: need(wire.key, "a key")?,
            value: may(wire.value)?,
            context: wire.context.map(Context::from),
            level: wire.level.map(level).transpose()?,
            durability: durability(wire.durability)?,
            ttl: wire.ttl_micros.map(Span::micros),
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireRestore {
    #[prost(string, tag = "1")]
    bucket: String,
    #[prost(message, optional, tag = "2")]
    key: Option<WireKey>,
    #[prost(message, optional, tag = "3")]
    record: Option<WireRecord>,
    #[prost(uint32, optional, tag = "4")]
    level: Option<u32>,
}

impl From<&Restore> for WireRestore {
    fn from(restore: &Restore) -> WireRestore {
        let Restore { bucket, key, record, level } = restore;
        let (key, record) = (Some(key.into()), Some(record.into()));
        WireRestore { bucket: bucket.clone(), key, record, level: level.map(wire_level) }
    }
}

impl TryFrom<WireRestore> for Restore {
    type Error = DecodeError;

    fn try_from(wire: WireRestore) -> Result<Restore, DecodeError> {
        let level = wire.level.map(level).transpose()?;
        Ok(Restore {
            bucket: wire.bucket,
            key: need(wire.key, "a key")?,
            record: need(wire.record, "a record")?,
            level,
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireExplain {
    #[prost(string, tag = "1")]
    bucket: String,
    #[prost(message, optional, tag = "2")]
    key: Option<WireKey>,
}

impl From<&Explain> for WireExplain {
    fn from(explain: &Explain) -> WireExplain {
        WireExplain { bucket: explain.bucket.clone(), key: Some((&explain.key).into()) }
    }
}

impl TryFrom<WireExplain> for Explain {
    type Error = DecodeError;

    fn try_from(wire: WireExplain) -> Result<Explain, DecodeError> {
        Ok(Explain { bucket: wire.bucket, key: need(wire.key, "a key")? })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireScanAsk {
    #[prost(string, tag = "1")]
    bucket: String,
    #[prost(uint32, tag = "2")]
    limit: u32,
    #[prost(uint32, optional, tag = "3")]
    level: Option<u32>,
    #[prost(oneof = "WireScope", tags = "4, 5")]
    scope: Option<WireScope>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireScope {
    #[prost(message, tag = "4")]
    SortKeys(WireSortKeys),
    #[prost(message, tag = "5")]
    Partition(WirePartitionScope),
}

#[derive(Clone, PartialEq, prost::Message)]
struct WirePartitionScope {
    #[prost(uint32, tag = "1")]
    partition: u32,
    #[prost(message, optional, tag = "2")]
    after: Option<WireKey>,
}

impl From<&Scan> for WireScanAsk {
    fn from(scan: &Scan) -> WireScanAsk {
        WireScanAsk {
            bucket: scan.bucket.clone(),
            limit: scan.limit,
            level: scan.level.map(wire_level),
            scope: Some(WireScope::from(&scan.scope)),
        }
    }
}

impl TryFrom<WireScanAsk> for Scan {
    type Error = DecodeError;

    fn try_from(wire: WireScanAsk) -> Result<Scan, DecodeError> {
        let scope = wire.scope.ok_or(DecodeError::newer("the scope of a scan"))?.try_into()?;
        Ok(Scan { bucket: wire.bucket, scope, limit: wire.limit, level: wire.level.map(level).transpose()? })
    }
}

impl From<&Scope> for WireScope {
    fn from(scope: &Scope) -> WireScope {
        match scope {
            Scope::SortKeys { partition_key, from, to, after } => WireScope::SortKeys(WireSortKeys {
                bucket: 0,
                partition_key: partition_key.clone(),
                from: from.clone(),
                to: to.clone(),
                after: after.as_ref().map(WireKey::from),
            }),
            Scope::Partition { partition, after } => WireScope::Partition(WirePartitionScope {
                partition: u32::from(partition.0),
                after: after.as_ref().map(WireKey::from),
            }),
        }
    }
}

impl TryFrom<WireScope> for Scope {
    type Error = DecodeError;

    fn try_from(wire: WireScope) -> Result<Scope, DecodeError> {
        match wire {
            WireScope::SortKeys(run) => Ok(Scope::SortKeys {
                partition_key: run.partition_key,
                from: run.from,
                to: run.to,
                after: may(run.after)?,
            }),
            WireScope::Partition(run) => {
                Ok(Scope::Partition { partition: partition(run.partition)?, after: may(run.after)? })
            }
        }
    }
}
