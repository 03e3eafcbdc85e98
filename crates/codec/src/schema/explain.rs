//! What nodes say of one slot to whoever explains it, and the explanation that is put together of it.

use super::bucket::WireBucket;
use super::gossip::WireProgress;
use super::item::{WireKey, WirePlace, partition};
use super::node::{WireId, ids, wire_ids, wire_token};
use super::record::WireRecord;
use super::status::{condition, wire_condition};
use super::{all, fixed, list, need};
use crate::error::DecodeError;
use bytes::Bytes;
use causal::Stamp;
use proto::explain::{Account, Explanation, Held, HintSeen, Inspected, Testimony, ViewUse, Witness};
use proto::{BucketId, Epoch, HintId, ItemKey, Message, OpId};
use ring::{NodeId, Token};
use stdx::Wall;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireExplainAsk {
    #[prost(uint64, tag = "1")]
    op: u64,
    #[prost(message, optional, tag = "2")]
    place: Option<WirePlace>,
}

impl WireExplainAsk {
    pub(crate) fn new(op: OpId, bucket: BucketId, key: &ItemKey) -> WireExplainAsk {
        WireExplainAsk { op: op.0, place: Some(WirePlace::new(bucket, key)) }
    }
}

impl TryFrom<WireExplainAsk> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireExplainAsk) -> Result<Message, DecodeError> {
        let (bucket, key) = need(wire.place, "a place")?;
        Ok(Message::Explain { op: OpId(wire.op), bucket, key })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireExplained {
    #[prost(uint64, tag = "1")]
    op: u64,
    #[prost(message, optional, tag = "2")]
    account: Option<WireAccount>,
}

impl WireExplained {
    pub(crate) fn new(op: OpId, account: &Account) -> WireExplained {
        WireExplained { op: op.0, account: Some(account.into()) }
    }
}

impl TryFrom<WireExplained> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireExplained) -> Result<Message, DecodeError> {
        Ok(Message::Explained { op: OpId(wire.op), account: Box::new(need(wire.account, "an account")?) })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireAccount {
    #[prost(uint64, tag = "1")]
    epoch: u64,
    #[prost(uint64, tag = "2")]
    stable: u64,
    #[prost(uint64, tag = "3")]
    reading: u64,
    #[prost(message, required, tag = "4")]
    progress: WireProgress,
    #[prost(bool, tag = "5")]
    replica: bool,
    #[prost(message, repeated, tag = "6")]
    hints: Vec<WireHintSeen>,
    #[prost(bool, tag = "7")]
    hints_cut: bool,
    #[prost(fixed64, optional, tag = "8")]
    root: Option<u64>,
    #[prost(oneof = "WireHeldHere", tags = "9, 10, 11")]
    held: Option<WireHeldHere>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireHeldHere {
    #[prost(message, tag = "9")]
    Nothing(()),
    #[prost(message, tag = "10")]
    Record(WirePreview),
    #[prost(string, tag = "11")]
    Failed(String),
}

#[derive(Clone, PartialEq, prost::Message)]
struct WirePreview {
    #[prost(message, optional, tag = "1")]
    record: Option<WireRecord>,
    #[prost(uint64, repeated, tag = "2")]
    sizes: Vec<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireHintSeen {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(message, required, tag = "2")]
    target: WireId,
    #[prost(fixed64, optional, tag = "3")]
    stamp: Option<u64>,
}

impl From<&HintSeen> for WireHintSeen {
    fn from(hint: &HintSeen) -> WireHintSeen {
        WireHintSeen { id: hint.id.0, target: WireId::from(&hint.target), stamp: hint.stamp.map(Stamp::as_u64) }
    }
}

impl From<WireHintSeen> for HintSeen {
    fn from(wire: WireHintSeen) -> HintSeen {
        HintSeen { id: HintId(wire.id), target: wire.target.into(), stamp: wire.stamp.map(Stamp::from_u64) }
    }
}

impl From<&Account> for WireAccount {
    fn from(account: &Account) -> WireAccount {
        let Inspected { held, hints, hints_cut, root } = &account.seen;
        let held = match held {
            Held::Nothing => WireHeldHere::Nothing(()),
            Held::Record { record, sizes } => {
                WireHeldHere::Record(WirePreview { record: Some(record.into()), sizes: sizes.clone() })
            }
            Held::Failed(why) => WireHeldHere::Failed(why.clone()),
        };
        WireAccount {
            epoch: account.epoch.0,
            stable: account.stable.0,
            reading: account.reading.0,
            progress: WireProgress::from(&account.progress),
            replica: account.replica,
            hints: list(hints),
            hints_cut: *hints_cut,
            root: *root,
            held: Some(held),
        }
    }
}

impl TryFrom<WireAccount> for Account {
    type Error = DecodeError;

    fn try_from(wire: WireAccount) -> Result<Account, DecodeError> {
        let held = match wire.held.ok_or(DecodeError::newer("what a node holds"))? {
            WireHeldHere::Nothing(()) => Held::Nothing,
            WireHeldHere::Record(preview) => {
                Held::Record { record: need(preview.record, "a record")?, sizes: preview.sizes }
            }
            WireHeldHere::Failed(why) => Held::Failed(why),
        };
        let hints = wire.hints.into_iter().map(HintSeen::from).collect();
        Ok(Account {
            epoch: Epoch(wire.epoch),
            stable: Epoch(wire.stable),
            reading: Epoch(wire.reading),
            progress: wire.progress.into(),
            replica: wire.replica,
            seen: Inspected { held, hints, hints_cut: wire.hints_cut, root: wire.root },
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireExplanation {
    #[prost(message, required, tag = "1")]
    by: WireId,
    #[prost(uint64, tag = "2")]
    at: u64,
    #[prost(message, optional, tag = "3")]
    bucket: Option<WireBucket>,
    #[prost(message, optional, tag = "4")]
    key: Option<WireKey>,
    #[prost(bytes = "bytes", tag = "5")]
    token: Bytes,
    #[prost(uint32, tag = "6")]
    partition: u32,
    #[prost(message, repeated, tag = "7")]
    views: Vec<WireViewUse>,
    #[prost(message, repeated, tag = "8")]
    witnesses: Vec<WireWitness>,
    #[prost(message, repeated, tag = "9")]
    origins: Vec<WireNamed>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireViewUse {
    #[prost(uint64, tag = "1")]
    epoch: u64,
    #[prost(message, repeated, tag = "2")]
    replicas: Vec<WireId>,
    #[prost(bool, tag = "3")]
    reads: bool,
    #[prost(bool, tag = "4")]
    writes: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireNamed {
    #[prost(message, required, tag = "1")]
    node: WireId,
    #[prost(string, tag = "2")]
    name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireWitness {
    #[prost(message, required, tag = "1")]
    node: WireId,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    uri: String,
    #[prost(uint32, tag = "4")]
    condition: u32,
    #[prost(oneof = "WireTestimony", tags = "5, 6, 7")]
    testimony: Option<WireTestimony>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireTestimony {
    #[prost(message, boxed, tag = "5")]
    Answered(Box<WireAccount>),
    #[prost(message, tag = "6")]
    Unreachable(()),
    #[prost(message, tag = "7")]
    Silent(()),
}

impl From<&ViewUse> for WireViewUse {
    fn from(view: &ViewUse) -> WireViewUse {
        let ViewUse { epoch, replicas, reads, writes } = view;
        WireViewUse { epoch: epoch.0, replicas: wire_ids(replicas), reads: *reads, writes: *writes }
    }
}

impl From<&Witness> for WireWitness {
    fn from(witness: &Witness) -> WireWitness {
        let testimony = match &witness.testimony {
            Testimony::Answered(account) => WireTestimony::Answered(Box::new(account.as_ref().into())),
            Testimony::Unreachable => WireTestimony::Unreachable(()),
            Testimony::Silent => WireTestimony::Silent(()),
        };
        WireWitness {
            node: WireId::from(&witness.node),
            name: witness.name.clone(),
            uri: witness.uri.clone(),
            condition: wire_condition(witness.condition),
            testimony: Some(testimony),
        }
    }
}

impl TryFrom<WireWitness> for Witness {
    type Error = DecodeError;

    fn try_from(wire: WireWitness) -> Result<Witness, DecodeError> {
        let testimony = match wire.testimony.ok_or(DecodeError::newer("the account of a node"))? {
            WireTestimony::Answered(account) => Testimony::Answered(Box::new((*account).try_into()?)),
            WireTestimony::Unreachable(()) => Testimony::Unreachable,
            WireTestimony::Silent(()) => Testimony::Silent,
        };
        let condition = condition(wire.condition)?;
        Ok(Witness { node: wire.node.into(), name: wire.name, uri: wire.uri, condition, testimony })
    }
}

impl From<&Explanation> for WireExplanation {
    fn from(explanation: &Explanation) -> WireExplanation {
        let named = |(node, name): &(NodeId, String)| WireNamed { node: node.into(), name: name.clone() };
        WireExplanation {
            by: WireId::from(&explanation.by),
            at: explanation.at.0,
            bucket: Some((&explanation.bucket).into()),
            key: Some((&explanation.key).into()),
            token: wire_token(&explanation.token),
            partition: u32::from(explanation.partition.0),
            views: list(&explanation.views),
            witnesses: list(&explanation.witnesses),
            origins: explanation.origins.iter().map(named).collect(),
        }
    }
}

impl TryFrom<WireExplanation> for Explanation {
    type Error = DecodeError;

    fn try_from(wire: WireExplanation) -> Result<Explanation, DecodeError> {
        let view = |view: WireViewUse| {
            let (epoch, replicas) = (Epoch(view.epoch), ids(view.replicas));
            ViewUse { epoch, replicas, reads: view.reads, writes: view.writes }
        };
        Ok(Explanation {
            by: wire.by.into(),
            at: Wall(wire.at),
            bucket: need(wire.bucket, "a bucket")?,
            key: need(wire.key, "a key")?,
            token: Token::from_bytes(fixed(&wire.token, "a token")?),
            partition: partition(wire.partition)?,
            views: wire.views.into_iter().map(view).collect(),
            witnesses: all(wire.witnesses)?,
            origins: wire.origins.into_iter().map(|named| (named.node.into(), named.name)).collect(),
        })
    }
}
