//! What a node answers to a forwarded request.

use super::amended::WireOutcome;
use super::causal::{WireContext, WireDot};
use super::event::WireEvent;
use super::explain::WireExplanation;
use super::gossip::WireNodeProgress;
use super::item::WireKey;
use super::node::{WireId, digest, wire_digest};
use super::record::{WireRecord, WireVersion};
use super::refusal::WireRefusal;
use super::register::WireCurrent;
use super::status::WireStatus;
use super::tree::WireRepairStatus;
use super::watch::WireWatched;
use super::{all, list, may, narrow, need};
use crate::error::DecodeError;
use bytes::Bytes;
use causal::{Context, Stamp};
use proto::{Epoch, Found, ItemKey, Page, Plan, Record, Records, Response, Risk, Sibling, Written};
use ring::NodeId;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireResponse {
    #[prost(oneof = "WireAnswer", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 40, 14")]
    answer: Option<WireAnswer>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireAnswer {
    #[prost(message, tag = "1")]
    Found(WireFound),
    #[prost(message, tag = "2")]
    Written(WireWritten),
    #[prost(message, tag = "3")]
    Page(WirePage),
    #[prost(message, tag = "4")]
    Refused(WireRefusal),
    #[prost(message, tag = "5")]
    Changed(WireChanged),
    #[prost(message, tag = "6")]
    History(WireHistory),
    #[prost(message, tag = "7")]
    Plan(WirePlan),
    #[prost(message, tag = "40")]
    Repair(WireRepairStatus),
    #[prost(message, boxed, tag = "8")]
    Status(Box<WireStatus>),
    #[prost(message, tag = "9")]
    Records(WireRecords),
    #[prost(message, boxed, tag = "10")]
    Explained(Box<WireExplanation>),
    #[prost(message, tag = "11")]
    Current(WireCurrent),
    #[prost(message, tag = "12")]
    Swapped(WireCurrent),
    #[prost(message, tag = "13")]
    Amended(WireOutcome),
    #[prost(message, tag = "14")]
    Watched(WireWatched),
}

impl From<&Response> for WireResponse {
    fn from(response: &Response) -> WireResponse {
        let answer = match response {
            Response::Found(found) => WireAnswer::Found(found.into()),
            Response::Written(written) => WireAnswer::Written(written.into()),
            Response::Amended(outcome) => WireAnswer::Amended(outcome.into()),
            Response::Current(current) => WireAnswer::Current(current.into()),
            Response::Swapped(current) => WireAnswer::Swapped(current.into()),
            Response::Page(page) => WireAnswer::Page(page.into()),
            Response::Records(records) => WireAnswer::Records(records.into()),
            Response::Explained(explained) => WireAnswer::Explained(Box::new(explained.as_ref().into())),
            Response::Status(status) => WireAnswer::Status(Box::new(status.as_ref().into())),
            Response::History(events) => WireAnswer::History(WireHistory { events: list(events) }),
            Response::Changed { history, node, progress } => WireAnswer::Changed(WireChanged {
                history: list(history),
                node: node.as_ref().map(WireId::from),
                progress: list(progress),
            }),
            Response::Plan(plan) => WireAnswer::Plan(plan.into()),
            Response::Repair(status) => WireAnswer::Repair((&**status).into()),
            Response::Watched(watched) => WireAnswer::Watched((&**watched).into()),
            Response::Refused(refusal) => WireAnswer::Refused(refusal.into()),
        };
        WireResponse { answer: Some(answer) }
    }
}

impl TryFrom<WireResponse> for Response {
    type Error = DecodeError;

    fn try_from(wire: WireResponse) -> Result<Response, DecodeError> {
        match wire.answer.ok_or(DecodeError::newer("a response"))? {
            WireAnswer::Found(found) => found.try_into().map(Response::Found),
            WireAnswer::Written(written) => written.try_into().map(Response::Written),
            WireAnswer::Page(page) => page.try_into().map(Response::Page),
            WireAnswer::Records(records) => records.try_into().map(Response::Records),
            WireAnswer::Explained(explained) => Ok(Response::Explained(Box::new((*explained).try_into()?))),
            WireAnswer::Amended(outcome) => outcome.try_into().map(Response::Amended),
            WireAnswer::Watched(watched) => Ok(Response::Watched(Box::new(watched.try_into()?))),
            WireAnswer::Current(current) => current.try_into().map(Response::Current),
            WireAnswer::Swapped(current) => current.try_into().map(Response::Swapped),
            WireAnswer::Status(status) => Ok(Response::Status(Box::new((*status).try_into()?))),
            WireAnswer::History(history) => all(history.events).map(Response::History),
            WireAnswer::Changed(changed) => Ok(Response::Changed {
                history: all(changed.history)?,
                node: changed.node.map(NodeId::from),
                progress: all(changed.progress)?,
            }),
            WireAnswer::Plan(plan) => plan.try_into().map(Response::Plan),
            WireAnswer::Repair(status) => status.try_into().map(|status| Response::Repair(Box::new(status))),
            WireAnswer::Refused(refusal) => refusal.try_into().map(Response::Refused),
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireHistory {
    #[prost(message, repeated, tag = "1")]
    events: Vec<WireEvent>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireChanged {
    #[prost(message, repeated, tag = "1")]
    history: Vec<WireEvent>,
    #[prost(message, optional, tag = "2")]
    node: Option<WireId>,
    #[prost(message, repeated, tag = "3")]
    progress: Vec<WireNodeProgress>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireSibling {
    #[prost(message, optional, tag = "1")]
    dot: Option<WireDot>,
    #[prost(message, optional, tag = "2")]
    version: Option<WireVersion>,
}

impl From<&Sibling> for WireSibling {
    fn from(sibling: &Sibling) -> WireSibling {
        WireSibling { dot: Some((&sibling.dot).into()), version: Some((&sibling.version).into()) }
    }
}

impl TryFrom<WireSibling> for Sibling {
    type Error = DecodeError;

    fn try_from(wire: WireSibling) -> Result<Sibling, DecodeError> {
        Ok(Sibling { dot: need(wire.dot, "a dot")?, version: need(wire.version, "a version")? })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireFound {
    #[prost(message, repeated, tag = "1")]
    siblings: Vec<WireSibling>,
    #[prost(message, required, tag = "2")]
    context: WireContext,
    #[prost(uint32, tag = "3")]
    answered: u32,
    #[prost(fixed64, optional, tag = "4")]
    newest: Option<u64>,
}

impl From<&Found> for WireFound {
    fn from(found: &Found) -> WireFound {
        WireFound {
            siblings: list(&found.siblings),
            context: WireContext::from(&found.context),
            answered: u32::from(found.answered),
            newest: found.newest.map(Stamp::as_u64),
        }
    }
}

impl TryFrom<WireFound> for Found {
    type Error = DecodeError;

    fn try_from(wire: WireFound) -> Result<Found, DecodeError> {
        Ok(Found {
            siblings: all(wire.siblings)?,
            context: Context::from(wire.context),
            answered: narrow(wire.answered, "the number of answers")?,
            newest: wire.newest.map(Stamp::from_u64),
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireWritten {
    #[prost(message, required, tag = "1")]
    context: WireContext,
    #[prost(uint32, tag = "2")]
    acknowledged: u32,
}

impl From<&Written> for WireWritten {
    fn from(written: &Written) -> WireWritten {
        WireWritten { context: WireContext::from(&written.context), acknowledged: u32::from(written.acknowledged) }
    }
}

impl TryFrom<WireWritten> for Written {
    type Error = DecodeError;

    fn try_from(wire: WireWritten) -> Result<Written, DecodeError> {
        let acknowledged = narrow(wire.acknowledged, "the number of acknowledgements")?;
        Ok(Written { context: Context::from(wire.context), acknowledged })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct WirePage {
    #[prost(message, repeated, tag = "1")]
    items: Vec<WirePageItem>,
    #[prost(message, optional, tag = "2")]
    next: Option<WireKey>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WirePageItem {
    #[prost(message, optional, tag = "1")]
    key: Option<WireKey>,
    #[prost(message, repeated, tag = "2")]
    siblings: Vec<WireSibling>,
}

impl From<&(ItemKey, Vec<Sibling>)> for WirePageItem {
    fn from((key, siblings): &(ItemKey, Vec<Sibling>)) -> WirePageItem {
        WirePageItem { key: Some(key.into()), siblings: list(siblings) }
    }
}

impl TryFrom<WirePageItem> for (ItemKey, Vec<Sibling>) {
    type Error = DecodeError;

    fn try_from(wire: WirePageItem) -> Result<(ItemKey, Vec<Sibling>), DecodeError> {
        Ok((need(wire.key, "a key")?, all(wire.siblings)?))
    }
}

impl From<&Page> for WirePage {
    fn from(page: &Page) -> WirePage {
        WirePage { items: list(&page.items), next: page.next.as_ref().map(WireKey::from) }
    }
}

impl TryFrom<WirePage> for Page {
    type Error = DecodeError;

    fn try_from(wire: WirePage) -> Result<Page, DecodeError> {
        Ok(Page { items: all(wire.items)?, next: may(wire.next)? })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireRecords {
    #[prost(message, repeated, tag = "1")]
    items: Vec<WireKeyed>,
    #[prost(message, optional, tag = "2")]
    next: Option<WireKey>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireKeyed {
    #[prost(message, optional, tag = "1")]
    key: Option<WireKey>,
    #[prost(message, optional, tag = "2")]
    record: Option<WireRecord>,
}

impl From<&(ItemKey, Record)> for WireKeyed {
    fn from((key, record): &(ItemKey, Record)) -> WireKeyed {
        WireKeyed { key: Some(key.into()), record: Some(record.into()) }
    }
}

impl TryFrom<WireKeyed> for (ItemKey, Record) {
    type Error = DecodeError;

    fn try_from(wire: WireKeyed) -> Result<(ItemKey, Record), DecodeError> {
        Ok((need(wire.key, "a key")?, need(wire.record, "a record")?))
    }
}

impl From<&Records> for WireRecords {
    fn from(records: &Records) -> WireRecords {
        WireRecords { items: list(&records.items), next: records.next.as_ref().map(WireKey::from) }
    }
}

impl TryFrom<WireRecords> for Records {
    type Error = DecodeError;

    fn try_from(wire: WireRecords) -> Result<Records, DecodeError> {
        Ok(Records { items: all(wire.items)?, next: may(wire.next)? })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct WirePlan {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(uint64, tag = "2")]
    epoch: u64,
    #[prost(message, optional, tag = "3")]
    node: Option<WireId>,
    #[prost(message, repeated, tag = "4")]
    gains: Vec<WireGain>,
    #[prost(uint32, tag = "5")]
    partitions: u32,
    #[prost(uint64, tag = "6")]
    bytes: u64,
    #[prost(uint32, tag = "7")]
    at_risk: u32,
    #[prost(uint32, tag = "8")]
    lost: u32,
    #[prost(uint32, tag = "9")]
    single: u32,
    #[prost(uint32, tag = "10")]
    thin: u32,
    #[prost(uint64, tag = "11")]
    seconds: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireGain {
    #[prost(message, required, tag = "1")]
    node: WireId,
    #[prost(uint32, tag = "2")]
    copies: u32,
}

impl From<&(NodeId, u32)> for WireGain {
    fn from((node, copies): &(NodeId, u32)) -> WireGain {
        WireGain { node: node.into(), copies: *copies }
    }
}

impl From<&Plan> for WirePlan {
    fn from(plan: &Plan) -> WirePlan {
        WirePlan {
            id: wire_digest(&plan.id),
            epoch: plan.epoch.0,
            node: plan.node.as_ref().map(WireId::from),
            gains: list(&plan.gains),
            partitions: plan.partitions,
            bytes: plan.bytes,
            at_risk: plan.risk.at_risk,
            lost: plan.risk.lost,
            single: plan.risk.single,
            thin: plan.risk.thin,
            seconds: plan.seconds,
        }
    }
}

impl TryFrom<WirePlan> for Plan {
    type Error = DecodeError;

    fn try_from(wire: WirePlan) -> Result<Plan, DecodeError> {
        Ok(Plan {
            id: digest(&wire.id)?,
            epoch: Epoch(wire.epoch),
            node: wire.node.map(NodeId::from),
            gains: wire.gains.into_iter().map(|gain| (gain.node.into(), gain.copies)).collect(),
            partitions: wire.partitions,
            bytes: wire.bytes,
            seconds: wire.seconds,
            risk: Risk { at_risk: wire.at_risk, lost: wire.lost, single: wire.single, thin: wire.thin },
        })
    }
}
