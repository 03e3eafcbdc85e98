//! From what is on disk to what the machine starts with, and the first records of a new node.
//!
//! Invariant: a node starts only from a whole history; a record that does not decode stops the start with a sentence.

use crate::life::{Founding, Identity, OpenError};
use bytes::Bytes;
use codec::MetaRecord;
use proto::{Boot, Epoch, Event, History, Machine, Progress, Pulse};
use ring::NodeId;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use stdx::Now;
use stdx::bugs::planted;
use storage::{Batch, Reader, Space};

/// Everything the meta space holds.
#[derive(Default)]
struct Found {
    node: Option<NodeId>,
    incarnation: u64,
    events: Vec<Event>,
    acceptors: BTreeMap<Epoch, proto::paxos::AcceptorState<Event>>,
    progress: BTreeMap<NodeId, Progress>,
    own_progress: Progress,
    pulses: BTreeMap<NodeId, Pulse>,
}

/// Who is stored, if anybody.
pub(crate) fn identity(reader: &impl Reader) -> Result<Option<Identity>, OpenError> {
    let found = read_meta(reader)?;
    let Some(node) = found.node.filter(|_| !found.events.is_empty()) else { return Ok(None) };
    let history = fold(found.events)?;
    let member = history.views().rev().find_map(|view| view.ring.member(&node).cloned());
    Ok(Some(Identity { node, cluster: history.genesis().cluster, member }))
}

/// The id that an empty engine keeps for the node it is to become.
pub(crate) fn reserved(reader: &impl Reader) -> Result<Option<NodeId>, OpenError> {
    Ok(read_meta(reader)?.node)
}

/// The record that keeps an id.
pub(crate) fn reserve(node: NodeId) -> Batch {
    let mut batch = Batch::new();
    put(&mut batch, &MetaRecord::Node(node));
    batch
}

/// What the machine starts with.
pub(crate) fn boot(reader: &impl Reader) -> Result<Boot, OpenError> {
    let found = read_meta(reader)?;
    let Some(node) = found.node.filter(|_| !found.events.is_empty()) else { return Err(OpenError::Empty) };
    let mut progress = found.progress;
    progress.insert(node, found.own_progress);
    Ok(Boot {
        node,
        incarnation: found.incarnation,
        history: fold(found.events)?,
        progress,
        acceptors: found.acceptors,
        pulses: found.pulses,
        hints: hint_targets(reader)?,
        batches: 0,
    })
}

/// The first records of a node that founds a cluster.
pub(crate) fn found(founding: Founding, seed: u64, now: Now) -> Result<Batch, OpenError> {
    let node = founding.join.node;
    let events = Machine::found(founding.genesis, &founding.join, seed, now)
        .map_err(|refusal| OpenError::Impossible(format!("{refusal:?}")))?;
    let epoch = events.last().map_or(Epoch(0), |event| event.epoch);
    let progress = Progress { acked: epoch, synced: epoch, switched: epoch, settled: epoch, ..Progress::default() };
    let mut batch = first_records(node, &events);
    put(&mut batch, &MetaRecord::Progress { progress, stable: epoch });
    Ok(batch)
}

/// The first records of a node that was taken in.
pub(crate) fn adopt(node: NodeId, history: &[Event], progress: &[(NodeId, Progress)]) -> Result<Batch, OpenError> {
    fold(history.to_vec())?;
    let mut batch = first_records(node, history);
    put(&mut batch, &MetaRecord::Peers(progress.to_vec()));
    // It begins in the newest round, or it could take in what the others do not take in any more.
    let all = progress.iter().fold(Progress::default(), |all, (_, one)| all.merged(*one));
    let (clear, collected) = (if planted("a newcomer begins in round 0") { 0 } else { all.clear }, all.collected);
    let own = Progress { clear, collected, floor: all.floor, ..Progress::default() };
    put(&mut batch, &MetaRecord::Progress { progress: own, stable: Epoch(0) });
    Ok(batch)
}

fn first_records(node: NodeId, events: &[Event]) -> Batch {
    let mut batch = Batch::new();
    put(&mut batch, &MetaRecord::Node(node));
    put(&mut batch, &MetaRecord::Incarnation(0));
    events.iter().for_each(|event| put(&mut batch, &MetaRecord::Event(event.clone())));
    batch
}

fn put(batch: &mut Batch, record: &MetaRecord) {
    let (key, value): (Vec<u8>, Bytes) = codec::encode_meta(record);
    batch.put(Space::Meta, key, value);
}

fn fold(events: Vec<Event>) -> Result<History, OpenError> {
    History::fold(events).map_err(|broken| OpenError::Damaged(broken.to_string()))
}

fn read_meta(reader: &impl Reader) -> Result<Found, OpenError> {
    let mut found = Found::default();
    let mut damaged = None;
    let visited = reader.scan(Space::Meta, &[], None, &mut |key, value| match codec::decode_meta(key, value) {
        Ok(record) => {
            found.take(record);
            ControlFlow::Continue(())
        }
        Err(error) => {
            damaged = Some(error.to_string());
            ControlFlow::Break(())
        }
    });
    visited.map_err(OpenError::Storage)?;
    damaged.map_or(Ok(found), |what| Err(OpenError::Damaged(what)))
}

impl Found {
    fn take(&mut self, record: MetaRecord) {
        match record {
            MetaRecord::Node(node) => self.node = Some(node),
            MetaRecord::Incarnation(incarnation) => self.incarnation = incarnation,
            MetaRecord::Event(event) => self.events.push(event),
            MetaRecord::Acceptor { epoch, state } => {
                self.acceptors.insert(epoch, state);
            }
            MetaRecord::Progress { progress, .. } => self.own_progress = progress,
            MetaRecord::Peers(peers) => self.progress.extend(peers),
            MetaRecord::Pulses(pulses) => self.pulses.extend(pulses),
        }
    }
}

/// Every node that a hint is kept for: one look per node, not per hint.
fn hint_targets(reader: &impl Reader) -> Result<Vec<NodeId>, OpenError> {
    let mut targets = Vec::new();
    let mut start = Vec::new();
    loop {
        let mut next: Option<NodeId> = None;
        let visited = reader.scan(Space::Hints, &start, None, &mut |key, _| {
            next = codec::parse_hint_key(key).ok().map(|(target, _)| target);
            ControlFlow::Break(())
        });
        visited.map_err(OpenError::Storage)?;
        let Some(target) = next else { return Ok(targets) };
        targets.push(target);
        match codec::hint_bounds(target).1 {
            Some(end) => start = end,
            None => return Ok(targets),
        }
    }
}
