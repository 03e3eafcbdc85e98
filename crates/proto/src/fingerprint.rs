//! What a search through all schedules needs of a machine: whether two of them would go on alike, names that do not depend
//! on the order of things that have nothing to do with each other, and what a read would be told right now.
//!
//! Invariant: machines of the same node with equal fingerprints go on alike, whatever comes, as long as their clocks stand
//! still, nobody asks for anti-entropy and membership is not decided meanwhile. (Those parts are left out.)
//! Refuses to change what a machine decides.

use crate::coordinator::Operation;
use crate::ids::{BucketId, Epoch};
use crate::machine::Machine;
use crate::message::{Ack, Message};
use ring::{NodeId, PartitionId};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

impl Machine {
    /// Hashes what decides how this machine goes on. What decides the names of versions that clients will make here is
    /// left out unless `makes_versions`.
    pub fn fingerprint<H: Hasher>(&self, makes_versions: bool, hasher: &mut H) {
        self.core.hash_state(hasher);
        if makes_versions {
            self.core.hash_names(hasher);
        }
        self.ops.hash(hasher);
        self.streams.hash(hasher);
        self.hints.hash(hasher);
        self.transition.hash(hasher);
        self.gossip.hash(hasher);
    }

    /// From now on operations and streams are named by the numbers after this one. Returns the last number given before.
    pub fn name_after(&mut self, number: u64) -> u64 {
        self.core.name_after(number)
    }

    /// True if a message is an answer that changes nothing but this machine's own bookkeeping, and would change the same if
    /// it came earlier: nobody waits for it any more, or it only lets a stream go on.
    pub fn only_tidies(&self, message: &Message) -> bool {
        match message {
            Message::Replicated { op, ack: Ack::Done, .. } => match self.ops.get(*op) {
                Some(Operation::Write(writing)) => writing.is_answered(),
                other => other.is_none(),
            },
            Message::Replicated { op, .. } | Message::ReadReply { op, .. } => self.ops.get(*op).is_none(),
            Message::Outlined { likeness, .. } => likeness.is_some(),
            Message::Want { items, .. } => items.is_some(),
            Message::Pushed { ok, .. } => *ok,
            _ => false,
        }
    }

    /// By which view this node reads, and whom it asks.
    pub fn reads_from(&self, partition: PartitionId, bucket: BucketId) -> (Epoch, Arc<[NodeId]>) {
        (self.core.reading(), self.core.read_set(partition, bucket))
    }

    /// Whether this node as a replica would answer a read by the view of this epoch.
    pub fn answers_reads(&self, epoch: Epoch, partition: PartitionId, bucket: BucketId) -> bool {
        self.core.serves_read(epoch, partition, bucket)
    }
}
