//! Comparisons of hash trees, and what a node knows of how equal its replicas are.

use super::item::partition;
use super::node::WireId;
use super::{all, list, narrow, need};
use crate::error::{DecodeError, Fault};
use proto::tree::{FAN, Patch, Tree};
use proto::{BucketId, Differences, Epoch, Message, RepairStatus, SessionId, Spot, TreeStatus};
use ring::NodeId;
use stdx::Wall;

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireTree {
    #[prost(uint32, tag = "1")]
    partition: u32,
    #[prost(uint32, tag = "2")]
    bucket: u32,
}

impl From<&Tree> for WireTree {
    fn from(tree: &Tree) -> WireTree {
        WireTree { partition: u32::from(tree.partition.0), bucket: tree.bucket.0 }
    }
}

impl TryFrom<WireTree> for Tree {
    type Error = DecodeError;

    fn try_from(wire: WireTree) -> Result<Tree, DecodeError> {
        Ok(Tree { partition: partition(wire.partition)?, bucket: BucketId(wire.bucket) })
    }
}

/// Branches are numbered below [`FAN`].
fn branch(wire: u32) -> Result<u8, DecodeError> {
    let branch = narrow::<u8>(wire, "a branch")?;
    if usize::from(branch) < FAN { Ok(branch) } else { Err(DecodeError::new("a branch", Fault::OutOfRange)) }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireCompare {
    #[prost(uint64, tag = "1")]
    session: u64,
    #[prost(uint64, tag = "2")]
    epoch: u64,
    #[prost(message, repeated, tag = "3")]
    spots: Vec<WireSpot>,
}

impl WireCompare {
    pub(crate) fn new(session: SessionId, epoch: Epoch, spots: &[(Spot, Vec<u64>)]) -> WireCompare {
        WireCompare { session: session.0, epoch: epoch.0, spots: list(spots) }
    }
}

impl TryFrom<WireCompare> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireCompare) -> Result<Message, DecodeError> {
        let session = SessionId(wire.session);
        Ok(Message::Compare { session, epoch: Epoch(wire.epoch), spots: all(wire.spots)? })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireSpot {
    #[prost(oneof = "WireWhere", tags = "1, 2, 3, 4")]
    at: Option<WireWhere>,
    #[prost(fixed64, repeated, tag = "5")]
    hashes: Vec<u64>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireWhere {
    #[prost(message, tag = "1")]
    Window(WireWindow),
    #[prost(message, tag = "2")]
    Roots(WireRoots),
    #[prost(message, tag = "3")]
    Branches(WireTree),
    #[prost(message, tag = "4")]
    Leaves(WireBranch),
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireWindow {
    #[prost(uint32, tag = "1")]
    from: u32,
    #[prost(uint32, tag = "2")]
    to: u32,
    #[prost(fixed64, tag = "3")]
    list: u64,
}

/// Trees as two lists of the same length, which packs them.
#[derive(Clone, PartialEq, prost::Message)]
struct WireRoots {
    #[prost(uint32, repeated, tag = "1")]
    partitions: Vec<u32>,
    #[prost(uint32, repeated, tag = "2")]
    buckets: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireBranch {
    #[prost(message, required, tag = "1")]
    tree: WireTree,
    #[prost(uint32, tag = "2")]
    branch: u32,
}

impl From<&(Spot, Vec<u64>)> for WireSpot {
    fn from((spot, hashes): &(Spot, Vec<u64>)) -> WireSpot {
        let at = match spot {
            Spot::Window { from, to, list } => {
                WireWhere::Window(WireWindow { from: u32::from(from.0), to: u32::from(to.0), list: *list })
            }
            Spot::Roots(trees) => {
                let (partitions, buckets) =
                    trees.iter().map(|tree| (u32::from(tree.partition.0), tree.bucket.0)).unzip();
                WireWhere::Roots(WireRoots { partitions, buckets })
            }
            Spot::Branches(tree) => WireWhere::Branches(tree.into()),
            Spot::Leaves(tree, branch) => {
                WireWhere::Leaves(WireBranch { tree: tree.into(), branch: u32::from(*branch) })
            }
        };
        WireSpot { at: Some(at), hashes: hashes.clone() }
    }
}

impl TryFrom<WireSpot> for (Spot, Vec<u64>) {
    type Error = DecodeError;

    fn try_from(wire: WireSpot) -> Result<(Spot, Vec<u64>), DecodeError> {
        let spot = match wire.at.ok_or(DecodeError::newer("a place in a tree"))? {
            WireWhere::Window(window) => {
                Spot::Window { from: partition(window.from)?, to: partition(window.to)?, list: window.list }
            }
            WireWhere::Roots(roots) if roots.partitions.len() != roots.buckets.len() => {
                return Err(DecodeError::malformed("a list of trees"));
            }
            WireWhere::Roots(roots) => {
                let trees = roots.partitions.into_iter().zip(roots.buckets);
                let trees = trees.map(|(partition, bucket)| WireTree { partition, bucket }.try_into());
                Spot::Roots(trees.collect::<Result<_, _>>()?)
            }
            WireWhere::Branches(tree) => Spot::Branches(tree.try_into()?),
            WireWhere::Leaves(of) => Spot::Leaves(of.tree.try_into()?, branch(of.branch)?),
        };
        Ok((spot, wire.hashes))
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireDiffer {
    #[prost(uint64, tag = "1")]
    session: u64,
    #[prost(message, repeated, tag = "2")]
    spots: Vec<WireDifferences>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireDifferences {
    #[prost(uint32, repeated, tag = "1")]
    differ: Vec<u32>,
    #[prost(uint32, repeated, tag = "2")]
    unknown: Vec<u32>,
}

impl WireDiffer {
    pub(crate) fn new(session: SessionId, spots: &[Differences]) -> WireDiffer {
        let wire = |spot: &Differences| WireDifferences { differ: spot.differ.clone(), unknown: spot.unknown.clone() };
        WireDiffer { session: session.0, spots: spots.iter().map(wire).collect() }
    }
}

impl From<WireDiffer> for Message {
    fn from(wire: WireDiffer) -> Message {
        let spots = wire.spots.into_iter().map(|spot| Differences { differ: spot.differ, unknown: spot.unknown });
        Message::Differ { session: SessionId(wire.session), spots: spots.collect() }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireFetch {
    #[prost(uint64, tag = "1")]
    epoch: u64,
    #[prost(message, repeated, tag = "2")]
    patches: Vec<WirePatch>,
}

impl WireFetch {
    pub(crate) fn new(epoch: Epoch, patches: &[Patch]) -> WireFetch {
        WireFetch { epoch: epoch.0, patches: list(patches) }
    }
}

impl TryFrom<WireFetch> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireFetch) -> Result<Message, DecodeError> {
        Ok(Message::Fetch { epoch: Epoch(wire.epoch), patches: all(wire.patches)? })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WirePatch {
    #[prost(uint32, tag = "1")]
    partition: u32,
    #[prost(uint32, tag = "2")]
    bucket: u32,
    #[prost(uint32, tag = "3")]
    branch: u32,
    #[prost(fixed32, tag = "4")]
    leaves: u32,
}

impl From<&Patch> for WirePatch {
    fn from(patch: &Patch) -> WirePatch {
        WirePatch {
            partition: u32::from(patch.tree.partition.0),
            bucket: patch.tree.bucket.0,
            branch: u32::from(patch.branch),
            leaves: patch.leaves,
        }
    }
}

impl TryFrom<WirePatch> for Patch {
    type Error = DecodeError;

    fn try_from(wire: WirePatch) -> Result<Patch, DecodeError> {
        let tree = WireTree { partition: wire.partition, bucket: wire.bucket }.try_into()?;
        Ok(Patch { tree, branch: branch(wire.branch)?, leaves: wire.leaves })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireRepairStatus {
    #[prost(message, optional, tag = "1")]
    node: Option<WireId>,
    #[prost(uint32, tag = "2")]
    trees: u32,
    #[prost(uint32, tag = "3")]
    identical: u32,
    #[prost(uint32, tag = "4")]
    differing: u32,
    #[prost(uint64, optional, tag = "5")]
    oldest: Option<u64>,
    #[prost(uint32, tag = "6")]
    building: u32,
    #[prost(uint32, tag = "7")]
    comparing: u32,
    #[prost(uint32, tag = "8")]
    left_in_pass: u32,
    #[prost(uint32, tag = "9")]
    repairing: u32,
    #[prost(uint32, tag = "11")]
    damaged: u32,
    #[prost(uint32, tag = "12")]
    spent: u32,
    #[prost(uint64, tag = "13")]
    collected: u64,
    #[prost(string, repeated, tag = "14")]
    uncollected: Vec<String>,
    #[prost(message, repeated, tag = "10")]
    listed: Vec<WireTreeStatus>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireTreeStatus {
    #[prost(message, optional, tag = "1")]
    tree: Option<WireTree>,
    #[prost(uint64, optional, tag = "2")]
    identical_at: Option<u64>,
    #[prost(message, repeated, tag = "3")]
    differing: Vec<WireSince>,
    #[prost(message, repeated, tag = "4")]
    not_compared: Vec<WireId>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireSince {
    #[prost(message, required, tag = "1")]
    node: WireId,
    #[prost(uint64, tag = "2")]
    since: u64,
}

impl From<&RepairStatus> for WireRepairStatus {
    fn from(status: &RepairStatus) -> WireRepairStatus {
        WireRepairStatus {
            node: status.node.as_ref().map(WireId::from),
            trees: status.trees,
            identical: status.identical,
            differing: status.differing,
            oldest: status.oldest.map(|wall| wall.0),
            building: status.building,
            comparing: status.comparing,
            left_in_pass: status.left_in_pass,
            repairing: status.repairing,
            damaged: status.damaged,
            spent: status.spent,
            collected: status.collected,
            uncollected: status.uncollected.clone(),
            listed: list(&status.listed),
        }
    }
}

impl TryFrom<WireRepairStatus> for RepairStatus {
    type Error = DecodeError;

    fn try_from(wire: WireRepairStatus) -> Result<RepairStatus, DecodeError> {
        Ok(RepairStatus {
            node: wire.node.map(NodeId::from),
            trees: wire.trees,
            identical: wire.identical,
            differing: wire.differing,
            oldest: wire.oldest.map(Wall),
            building: wire.building,
            comparing: wire.comparing,
            left_in_pass: wire.left_in_pass,
            repairing: wire.repairing,
            damaged: wire.damaged,
            spent: wire.spent,
            collected: wire.collected,
            uncollected: wire.uncollected,
            listed: all(wire.listed)?,
        })
    }
}

impl From<&TreeStatus> for WireTreeStatus {
    fn from(status: &TreeStatus) -> WireTreeStatus {
        let since = |(node, since): &(NodeId, Wall)| WireSince { node: node.into(), since: since.0 };
        WireTreeStatus {
            tree: Some((&status.tree).into()),
            identical_at: status.identical_at.map(|wall| wall.0),
            differing: status.differing.iter().map(since).collect(),
            not_compared: list(&status.not_compared),
        }
    }
}

impl TryFrom<WireTreeStatus> for TreeStatus {
    type Error = DecodeError;

    fn try_from(wire: WireTreeStatus) -> Result<TreeStatus, DecodeError> {
        let differing = wire.differing.into_iter().map(|since| (since.node.into(), Wall(since.since)));
        Ok(TreeStatus {
            tree: need(wire.tree, "a tree")?,
            identical_at: wire.identical_at.map(Wall),
            differing: differing.collect(),
            not_compared: wire.not_compared.into_iter().map(NodeId::from).collect(),
        })
    }
}
