//! Operations this node drives for clients: one struct per operation, found again by its id, ended by an answer or by
//! its deadline.
//!
//! Invariant: an operation answers its asker exactly once. After the answer it may stay a while to take late answers
//! in, then it goes; no operation outlives its deadline.
//! Refuses to know storage and sockets; the local replica answers like any other.

mod explain;
mod forward;
mod handed;
mod list;
mod places;
mod read;
mod register;
mod route;
mod scan;
mod swap;
mod turns;
mod write;

pub(crate) use explain::{Explaining, on_explain, on_inspected};
pub(crate) use forward::Forwarding;
pub(crate) use handed::Handed;
pub(crate) use list::Listing;
pub(crate) use read::{Reading, found};
pub(crate) use register::Deciding;
pub(crate) use route::Routes;
pub(crate) use scan::{PAGE_BYTES, Scanning};
pub(crate) use write::{Writing, check_key};

use crate::core::Core;
use crate::ids::{ClientId, Epoch, HintId, OpId};
use crate::item::Slot;
use crate::message::Message;
use crate::request::{Refusal, Response};
use places::Places;
use ring::NodeId;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use stdx::Mono;
use stdx::bugs::planted;

/// Who waits for an operation.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Asker {
    /// A client of this node.
    Client(ClientId),
    /// A peer that forwarded its client's request, which it took in this round, and that says whether it still waits, if asked.
    Peer { node: NodeId, op: OpId, round: u64, confirms: bool },
    /// Another operation here; it wants to know when the write-back of one of its records is done.
    WriteBack { parent: OpId },
    /// A list here; it has so numbered the register that is read.
    List { parent: OpId, number: u32 },
    /// The collector: what has ended is deleted.
    Burial,
    /// The hint replay.
    Hint { target: NodeId, id: HintId },
    /// Nobody.
    Nobody,
}

/// An operation in flight. It is moved with every answer, so what is behind it lies still.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Write(Box<Writing>),
    Read(Box<Reading>),
    Scan(Box<Scanning>),
    Forward(Box<Forwarding>),
    Explain(Box<Explaining>),
    Register(Box<Deciding>),
    List(Box<Listing>),
}

/// What came of an operation that somebody inside the machine waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Inner {
    WriteBack { parent: OpId, done: bool },
    List { parent: OpId, number: u32, read: Response },
    Burial,
    Hint { target: NodeId, id: HintId, done: bool },
}

/// All operations in flight.
#[derive(Clone, Default)]
pub(crate) struct Operations {
    by_id: Places<(Operation, Mono)>,
    /// When each operation wants to be woken; one entry for each.
    wakes: BTreeSet<(Mono, OpId)>,
    /// Operations that were taken out, with their entries; those that do not come back lose them.
    taken: Vec<(Mono, OpId)>,
    /// Unanswered writes by the epoch they began under.
    writes: BTreeMap<Epoch, usize>,
    /// Unanswered reads by the epoch they read by.
    reads: BTreeMap<Epoch, usize>,
    /// Who may change which item of a linearizable bucket.
    pub(crate) turns: turns::Turns,
    /// Results for parts of the machine, to be handed out before `handle` returns.
    pub(crate) inner: Vec<Inner>,
}

impl Hash for Operations {
    /// What is under way; the rest follows from it.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        for (id, (operation, wake)) in self.by_id.iter() {
            (id, wake).hash(hasher);
            match operation {
                Operation::Write(writing) => writing.hash(hasher),
                Operation::Read(reading) => reading.hash(hasher),
                other => format!("{other:?}").hash(hasher),
            }
        }
    }
}

impl Operations {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Reads and writes whose askers still wait.
    pub(crate) fn unanswered(&self) -> usize {
        self.writes.values().chain(self.reads.values()).sum()
    }

    pub(crate) fn get(&self, id: OpId) -> Option<&Operation> {
        self.by_id.get(id).map(|(operation, _)| operation)
    }

    /// The earliest round of the operations that may still send a record.
    pub(crate) fn oldest_round(&self) -> u64 {
        let round = |operation: &Operation| match operation {
            Operation::Write(writing) => writing.round(),
            Operation::Read(reading) => reading.round(),
            Operation::Scan(scanning) => scanning.round(),
            Operation::Register(_) | Operation::Forward(_) if planted("registers hold up no round") => u64::MAX,
            Operation::Register(deciding) => deciding.round(),
            Operation::Forward(forwarding) => forwarding.round(),
            // They send no records.
            Operation::Explain(_) | Operation::List(_) => u64::MAX,
        };
        self.by_id.iter().map(|(_, (operation, _))| round(operation)).min().unwrap_or(u64::MAX)
    }

    pub(crate) fn ids(&self) -> Vec<OpId> {
        self.by_id.ids().collect()
    }

    /// Takes an operation out, to be put back with [`Operations::put_back`] if it goes on.
    pub(crate) fn take(&mut self, id: OpId) -> Option<Operation> {
        let (operation, wake) = self.by_id.take(id)?;
        self.taken.push((wake, id));
        Some(operation)
    }

    /// Puts an operation in, or back, to be woken at `wake`.
    pub(crate) fn put_back(&mut self, id: OpId, operation: Operation, wake: Mono) {
        if let Some(at) = self.taken.iter().position(|(_, taken)| *taken == id) {
            let before = self.taken.swap_remove(at);
            if before.0 != wake {
                self.wakes.remove(&before);
            }
        }
        self.wakes.insert((wake, id));
        self.by_id.insert(id, (operation, wake));
    }

    /// Forgets operations that were taken out and are over.
    pub(crate) fn forget_ended(&mut self) {
        for entry in self.taken.drain(..) {
            self.wakes.remove(&entry);
            self.by_id.forget(entry.1);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Mono> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// Operations whose time has come.
    pub(crate) fn due(&mut self, now: Mono) -> Vec<OpId> {
        let mut due = Vec::new();
        while let Some((at, id)) = self.wakes.first().copied()
            && at <= now
        {
            self.wakes.pop_first();
            due.push(id);
        }
        due
    }

    /// True if a write of this slot is under way that `node` has acknowledged.
    pub(crate) fn counts_us(&self, slot: &Slot, node: NodeId) -> bool {
        self.by_id.iter().any(|(_, (op, _))| matches!(op, Operation::Write(writing) if writing.counts(slot, node)))
    }

    pub(crate) fn write_begins(&mut self, epoch: Epoch) {
        *self.writes.entry(epoch).or_insert(0) += 1;
    }

    pub(crate) fn write_ends(&mut self, epoch: Epoch) {
        decrement(&mut self.writes, epoch);
    }

    pub(crate) fn read_begins(&mut self, epoch: Epoch) {
        *self.reads.entry(epoch).or_insert(0) += 1;
    }

    pub(crate) fn read_ends(&mut self, epoch: Epoch) {
        decrement(&mut self.reads, epoch);
    }

    /// The oldest epoch under which an unanswered write began.
    pub(crate) fn oldest_write(&self) -> Option<Epoch> {
        self.writes.keys().next().copied()
    }

    /// The oldest epoch by which an unanswered read reads.
    pub(crate) fn oldest_read(&self) -> Option<Epoch> {
        self.reads.keys().next().copied()
    }

    /// Hands a response to whoever asked.
    pub(crate) fn answer(&mut self, core: &mut Core, asker: &Asker, response: Response) {
        match asker {
            Asker::Client(client) => core.reply(*client, response),
            Asker::Peer { node, op, .. } => {
                core.send(*node, Message::Forwarded { op: *op, response: Box::new(response) });
            }
            Asker::WriteBack { parent } => {
                let done = matches!(response, Response::Written(_));
                self.inner.push(Inner::WriteBack { parent: *parent, done });
            }
            Asker::List { parent, number } => {
                self.inner.push(Inner::List { parent: *parent, number: *number, read: response });
            }
            Asker::Burial => self.inner.push(Inner::Burial),
            Asker::Hint { target, id } => {
                let done = matches!(response, Response::Written(_));
                self.inner.push(Inner::Hint { target: *target, id: *id, done });
            }
            Asker::Nobody => {}
        }
    }

    pub(crate) fn refuse(&mut self, core: &mut Core, asker: &Asker, refusal: Refusal) {
        self.answer(core, asker, Response::Refused(refusal));
    }
}

fn decrement(counts: &mut BTreeMap<Epoch, usize>, epoch: Epoch) {
    let count = counts.get_mut(&epoch).expect("an operation ends under the epoch it began under");
    *count -= 1;
    if *count == 0 {
        counts.remove(&epoch);
    }
}
