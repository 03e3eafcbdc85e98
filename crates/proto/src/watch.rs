//! Watching for changes: which replica is followed for which partition, and what it has taken in since a position.
//!
//! Invariant: what a replica tells of one life is in the order in which it took it in, and whoever asks from a position on is told
//! everything behind it, or that something of it is not known any more. Nothing is told that a crash could still take back.
//! Refuses to know who watches, and to choose for them when a replica is gone: they ask for places again.

use crate::coordinator::{Asker, Forwarding};
use crate::core::Core;
use crate::ids::{BucketId, Epoch};
use crate::item::ItemKey;
use crate::machine::Machine;
use crate::request::{Refusal, Request, Response};
use crate::store::{Purpose, StoreOp, StoreOutcome};
use bytes::Bytes;
use causal::Stamp;
use ring::{NodeId, PartitionId, Token};
use std::collections::BTreeMap;
use stdx::{Span, Wall};

/// A replica that does not say within this what it has taken in is asked again, or another one is.
const WAIT_MAX: Span = Span::secs(2);

/// What a watcher asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Watch {
    /// Which replicas to follow.
    Places {
        /// The bucket; without one only the views in use are told.
        bucket: Option<String>,
        /// Only the partition of this key.
        partition_key: Option<Bytes>,
        /// Nodes to choose where they can be chosen, the first one first.
        prefer: Vec<NodeId>,
        /// A node to leave out where another can be chosen.
        avoid: Option<NodeId>,
    },
    /// What a replica has taken in.
    Follow {
        /// The replica.
        node: NodeId,
        /// Of what.
        interests: Vec<Interest>,
        /// Since then; from now on if none.
        after: Option<Position>,
        /// At most so many changes.
        limit: u32,
    },
}

/// What is followed: a bucket, or its items of one partition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Interest {
    /// The bucket.
    pub bucket: BucketId,
    /// Only this partition.
    pub partition: Option<PartitionId>,
}

/// A point in what one replica has taken in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Position {
    /// A stretch of the replica's life in which it counted on and let go of no partition.
    pub life: u64,
    /// Changes before it.
    pub seq: u64,
}

/// An item that a replica has taken something in of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    /// The position behind it.
    pub seq: u64,
    /// The bucket.
    pub bucket: BucketId,
    /// Where the item lies.
    pub partition: PartitionId,
    /// The item.
    pub key: ItemKey,
    /// When the newest version was written that the replica holds.
    pub stamp: Option<Stamp>,
    /// When it ends, if it is one value and does.
    pub expires: Option<Wall>,
    /// The replica holds no value of it.
    pub gone: bool,
}

/// What an answer to [`Watch`] says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Watched {
    /// To `Places`.
    Places(Places),
    /// To `Follow`.
    Followed(Followed),
}

/// Which replicas to follow.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Places {
    /// The bucket.
    pub bucket: Option<BucketId>,
    /// The newest event, the view that reads use, and the oldest in use, as the node that was asked has them. While they stay, so
    /// do the places, but for nodes that go down.
    pub views: (Epoch, Epoch, Epoch),
    /// For each replica the partitions to follow it for.
    pub of: Vec<(NodeId, Vec<PartitionId>)>,
}

/// What a replica has taken in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Followed {
    /// Behind the last change that is told, or that there is.
    pub at: Position,
    /// Everything behind this is known.
    pub oldest: u64,
    /// Since when each interest is followed: what was taken in before is not known.
    pub since: Vec<u64>,
    /// The changes.
    pub changes: Vec<Changed>,
    /// There are more.
    pub more: bool,
}

impl Machine {
    pub(crate) fn on_watch(&mut self, asker: Asker, watch: Watch, within: Span) {
        let (ops, core) = (&mut self.ops, &mut self.core);
        match watch {
            Watch::Places { bucket, partition_key, prefer, avoid } => {
                let response = match places(core, bucket, partition_key, &prefer, avoid) {
                    Ok(places) => Response::Watched(Box::new(Watched::Places(places))),
                    Err(refusal) => Response::Refused(refusal),
                };
                ops.answer(core, &asker, response);
            }
            Watch::Follow { node, interests, after, limit } if node == core.node => {
                core.store(Purpose::Followed { asker }, StoreOp::Follow { interests, after, limit });
            }
            Watch::Follow { node, .. } if core.is_down(node) || matches!(asker, Asker::Peer { .. }) => {
                ops.refuse(core, &asker, Refusal::NoAnswer { write: false });
            }
            Watch::Follow { node, .. } => {
                let (key, within) = (ItemKey::plain(""), within.min(WAIT_MAX));
                Forwarding::start(ops, core, asker, "watch", key, Request::Watch(watch), vec![node], within);
            }
        }
    }

    pub(crate) fn on_followed(&mut self, asker: &Asker, outcome: StoreOutcome) {
        let response = match outcome {
            StoreOutcome::Followed(followed) => Response::Watched(Box::new(Watched::Followed(*followed))),
            _ => Response::Refused(Refusal::NoAnswer { write: false }),
        };
        self.ops.answer(&mut self.core, asker, response);
    }
}

fn places(
    core: &Core,
    bucket: Option<String>,
    partition_key: Option<Bytes>,
    prefer: &[NodeId],
    avoid: Option<NodeId>,
) -> Result<Places, Refusal> {
    let views = (core.epoch(), core.reading(), core.stable());
    let Some(name) = bucket else { return Ok(Places { views, ..Places::default() }) };
    let bucket = core.history.current().bucket(&name).map(|bucket| bucket.id).ok_or(Refusal::UnknownBucket(name))?;
    let grid = core.history.genesis().grid;
    let only = partition_key.map(|key| grid.partition_of(&Token::of(&key)));
    let partitions: Vec<PartitionId> = match only {
        Some(partition) => vec![partition],
        None => grid.partitions().collect(),
    };
    let mut of: BTreeMap<NodeId, Vec<PartitionId>> = BTreeMap::new();
    for partition in partitions {
        let replicas = core.read_set(partition, bucket);
        let good = |node: &&NodeId| replicas.contains(node) && core.is_usable(**node) && Some(**node) != avoid;
        let chosen = prefer.iter().chain([&core.node]).chain(replicas.iter()).find(good);
        if let Some(node) = chosen.or(replicas.first()) {
            of.entry(*node).or_default().push(partition);
        }
    }
    Ok(Places { bucket: Some(bucket), views, of: of.into_iter().collect() })
}
