//! Anti-entropy: every so often this node compares a window of partitions with a random peer by one hash each, and both
//! sides stream the partitions that differ to each other.
//!
//! Invariant: only partitions and buckets that both nodes hold by the newest view are compared, and only if that is
//! the same view for both. Between identical replicas nothing
//! but the hashes travels.

use crate::core::Core;
use crate::ids::{BucketId, Epoch};
use crate::input::Note;
use crate::message::Message;
use crate::store::{Purpose, StoreOp, StoreOutcome};
use crate::streams::Streams;
use ring::{NodeId, PartitionId};
use std::collections::BTreeMap;
use stdx::{Mono, Span};

/// The state of anti-entropy on this node.
#[derive(Default)]
pub(crate) struct Comparing {
    next_at: Mono,
    /// Where the next window begins, for each peer.
    cursor: BTreeMap<NodeId, usize>,
}

impl Comparing {
    pub(crate) fn next_deadline(&self, core: &Core) -> Option<Mono> {
        (core.config.compare_every > Span::ZERO && core.history.current().ring.len() > 1).then_some(self.next_at)
    }

    pub(crate) fn on_time(&mut self, core: &mut Core) {
        let every = core.config.compare_every;
        if every == Span::ZERO || self.next_at > core.now.mono {
            return;
        }
        self.next_at = core.now.mono + Span(every.0 / 2 + core.prng.below(every.0));
        // While the ring changes, replicas differ because one hands over to the other.
        if core.stable() != core.epoch() {
            return;
        }
        let own = core.node;
        let ring = core.history.current().ring.clone();
        let peers: Vec<NodeId> = ring.members().map(|m| m.id).filter(|id| *id != own && core.is_usable(*id)).collect();
        let Some(peer) = core.prng.pick(&peers).copied() else { return };
        let partitions = self.window(core, peer);
        if !partitions.is_empty() {
            core.store(Purpose::StartCompare { with: peer }, StoreOp::Roots { partitions });
        }
    }

    /// The next few partitions that both hold, round and round, with the buckets that both hold there.
    fn window(&mut self, core: &Core, peer: NodeId) -> Vec<(PartitionId, Vec<BucketId>)> {
        let grid = core.history.genesis().grid;
        let count = grid.count() as usize;
        let start = self.cursor.get(&peer).copied().unwrap_or(0);
        let mut window = Vec::new();
        let mut passed = 0;
        for partition in grid.partitions().cycle().skip(start).take(count) {
            passed += 1;
            let buckets = shared(core, peer, partition);
            if !buckets.is_empty() {
                window.push((partition, buckets));
            }
            if window.len() >= core.config.compare_partitions {
                break;
            }
        }
        self.cursor.insert(peer, (start + passed) % count);
        window
    }
}

/// Our own hashes are known: ask the peer about them.
pub(crate) fn on_roots(core: &mut Core, with: NodeId, outcome: StoreOutcome) {
    if let StoreOutcome::Roots(roots) = outcome {
        core.send(with, Message::Compare { epoch: core.epoch(), roots });
    }
}

/// A peer asks about its hashes.
pub(crate) fn on_compare(core: &mut Core, from: NodeId, epoch: Epoch, roots: Vec<(PartitionId, u64)>) {
    let partitions: Vec<(PartitionId, Vec<BucketId>)> =
        roots.iter().map(|(partition, _)| (*partition, shared(core, from, *partition))).collect();
    if epoch == core.epoch() && !partitions.is_empty() {
        core.store(Purpose::AnswerCompare { to: from, roots }, StoreOp::Roots { partitions });
    }
}

/// Our own hashes are known: say which differ, and offer ours.
pub(crate) fn on_compared(
    core: &mut Core,
    streams: &mut Streams,
    with: NodeId,
    theirs: &[(PartitionId, u64)],
    outcome: StoreOutcome,
) {
    let StoreOutcome::Roots(ours) = outcome else { return };
    let differing: Vec<PartitionId> = ours
        .into_iter()
        .filter(|own| theirs.iter().any(|other| own.0 == other.0 && own.1 != other.1))
        .map(|own| own.0)
        .collect();
    if differing.is_empty() || stdx::bugs::planted("differing partitions are left") {
        return;
    }
    stdx::marks::hit("anti_entropy_found_a_difference");
    core.note(Note::Differing(with, differing.len() as u32));
    let epoch = core.epoch();
    core.send(with, Message::Differ { epoch, partitions: differing.clone() });
    repair(core, streams, with, differing);
}

/// A peer found partitions that differ: offer ours.
pub(crate) fn on_differ(
    core: &mut Core,
    streams: &mut Streams,
    from: NodeId,
    epoch: Epoch,
    partitions: Vec<PartitionId>,
) {
    if epoch == core.epoch() {
        repair(core, streams, from, partitions);
    }
}

fn repair(core: &mut Core, streams: &mut Streams, with: NodeId, partitions: Vec<PartitionId>) {
    for partition in partitions {
        if !shared(core, with, partition).is_empty() {
            streams.repair(core, partition, with);
        }
    }
}

/// Buckets whose part of the partition both this node and the peer hold by the newest view.
fn shared(core: &Core, peer: NodeId, partition: PartitionId) -> Vec<BucketId> {
    let view = core.history.current();
    let both = |bucket: &BucketId| {
        let replicas = view.replicas(partition, *bucket);
        replicas.contains(&core.node) && replicas.contains(&peer)
    };
    view.buckets.keys().copied().filter(both).collect()
}
