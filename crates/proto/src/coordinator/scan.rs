//! One scan: a page of items in storage order, as a quorum of replicas sees it.
//!
//! Invariant: nothing is filtered before merging. A replica sends its first records of the range, tombstones among
//! them; the page ends at the last key that every answering replica has reached, because behind it some replica may
//! hold a version (or a tombstone) that was not sent. Items that differ are written back before the answer.

use super::read::siblings;
use super::write::{BEHIND_AGAIN, impossible, out_of_reach, small};
use super::{Asker, Listing, Operation, Operations, Writing};
use crate::bucket::{Bucket, Level, Mode};
use crate::core::Core;
use crate::ids::{Epoch, OpId};
use crate::input::Note;
use crate::item::{ItemKey, Range, Slot};
use crate::message::{Message, ScanAnswer};
use crate::quorum::Need;
use crate::read_repair::{behind, merged};
use crate::record::Record;
use crate::request::{Page, Records, Refusal, Response, Scan};
use crate::store::{Purpose, StoreOp, StoreOutcome};
use ring::NodeId;
use std::collections::BTreeMap;
use std::sync::Arc;
use stdx::bugs::planted;
use stdx::{Mono, Span};

/// Bytes of records one replica sends for one page.
pub(crate) const PAGE_BYTES: usize = 4 << 20;

/// Items of one page that may be written back; the page ends there.
const WRITE_BACKS_MAX: usize = 256;

/// Position of an item in storage order inside one bucket and partition.
type Place = (ring::Token, ItemKey);

#[derive(Clone, Debug)]
struct Held {
    items: Vec<(Place, Record)>,
    more: bool,
}

/// A scan in flight.
#[derive(Clone, Debug)]
pub(crate) struct Scanning {
    asker: Asker,
    /// The view it reads by.
    epoch: Epoch,
    bucket: Bucket,
    range: Range,
    limit: u32,
    /// Give records as they are, and repair nothing.
    raw: bool,
    /// The round in which it began.
    round: u64,
    replicas: Arc<[NodeId]>,
    level: Level,
    needed: usize,
    answers: BTreeMap<NodeId, Held>,
    lost: Vec<NodeId>,
    /// Replicas that knew more or less than we of a change of the ring, to be asked again at `behind_at`.
    behind: Vec<NodeId>,
    behind_at: Mono,
    /// The answer, to be given once this many write-backs are done.
    waiting: Option<(Response, usize)>,
    answered: bool,
    deadline: Mono,
}

impl Scanning {
    /// Begins a scan.
    pub(crate) fn start(
        ops: &mut Operations,
        core: &mut Core,
        asker: Asker,
        scan: Scan,
        raw: bool,
        bucket: &Bucket,
        within: Span,
    ) {
        if bucket.mode == Mode::Linearizable {
            return Listing::start(ops, core, asker, scan, raw, bucket, within);
        }
        let range = scan.scope.range(bucket.id);
        let partition = range.partition(core.history.genesis().grid);
        let level = scan.level.unwrap_or(bucket.r);
        let replicas = core.read_set(partition, bucket.id);
        let Some(needed) = level.needed(replicas.len()) else {
            return ops.refuse(core, &asker, impossible(level, replicas.len()));
        };
        let needed = if raw && planted("a dump asks one replica") { 1 } else { needed };
        let scanning = Scanning {
            asker,
            epoch: core.reading(),
            bucket: bucket.clone(),
            range,
            limit: scan.limit.clamp(1, 10_000),
            raw,
            round: core.round,
            replicas,
            level,
            needed,
            answers: BTreeMap::new(),
            lost: Vec::new(),
            behind: Vec::new(),
            behind_at: Mono::default(),
            waiting: None,
            answered: false,
            deadline: core.now.mono + within,
        };
        let id = core.next_op();
        ops.read_begins(scanning.epoch);
        scanning.replicas.iter().for_each(|node| scanning.ask(core, id, *node));
        scanning.keep(ops, core, id);
    }

    /// The round in which it began.
    pub(crate) fn round(&self) -> u64 {
        self.round
    }

    fn ask(&self, core: &mut Core, id: OpId, node: NodeId) {
        let (range, limit) = (self.range.clone(), self.limit);
        if node == core.node {
            core.store(Purpose::Local(id), StoreOp::Scan { range, items_max: limit, bytes_max: PAGE_BYTES });
        } else if !core.is_down(node) {
            core.send(node, Message::Scan { op: id, epoch: self.epoch, range, limit });
        }
    }

    /// The local replica has answered.
    pub(crate) fn on_stored(self, ops: &mut Operations, core: &mut Core, id: OpId, outcome: StoreOutcome) {
        let own = core.node;
        self.on_answer(ops, core, id, own, outcome.into());
    }

    /// A replica has answered.
    pub(crate) fn on_answer(
        mut self,
        ops: &mut Operations,
        core: &mut Core,
        id: OpId,
        from: NodeId,
        answer: ScanAnswer,
    ) {
        match answer {
            ScanAnswer::Held { items, more } if self.replicas.contains(&from) => {
                let own_bucket = self.bucket.id;
                let placed = |(bucket, key, record)| (bucket == own_bucket).then(|| (place(key), record));
                self.answers.insert(from, Held { items: items.into_iter().filter_map(placed).collect(), more });
            }
            ScanAnswer::Held { .. } => {}
            ScanAnswer::Stale(_) => {
                self.behind.push(from);
                self.behind_at = core.now.mono + BEHIND_AGAIN;
            }
            ScanAnswer::Failed => self.lost.push(from),
        }
        if self.waiting.is_none() && !self.answered && self.answers.len() >= self.needed {
            self.conclude(ops, core, id);
        }
        self.keep(ops, core, id);
    }

    /// Enough replicas have answered: find the page and write back what differs.
    fn conclude(&mut self, ops: &mut Operations, core: &mut Core, id: OpId) {
        let end = self.reached();
        let mut by_place: BTreeMap<Place, BTreeMap<NodeId, Option<Record>>> = BTreeMap::new();
        let nodes: Vec<NodeId> = self.answers.keys().copied().collect();
        for (node, held) in &self.answers {
            for (place, record) in held.items.iter().filter(|(place, _)| end.as_ref().is_none_or(|end| place <= end)) {
                let answers =
                    by_place.entry(place.clone()).or_insert_with(|| nodes.iter().map(|node| (*node, None)).collect());
                answers.insert(*node, Some(record.clone()));
            }
        }
        let next = end.map(|(_, key)| key);
        let mut records = Records { items: Vec::new(), next: next.clone() };
        let mut page = Page { items: Vec::new(), next };
        let (mut write_backs, mut last) = (0, None);
        for ((_, key), answers) in by_place {
            let Some(record) = merged(&answers) else { continue };
            if write_backs >= WRITE_BACKS_MAX {
                page.next = last;
                break;
            }
            last = Some(key.clone());
            if self.raw {
                records.items.push((key, record));
                continue;
            }
            if self.needed > 1 && !planted("scans repair nothing") {
                write_backs += usize::from(self.write_back(ops, core, id, key.clone(), &record, &answers));
            }
            let visible = siblings(&record, core.now.wall);
            if !visible.is_empty() {
                page.items.push((key, visible));
            }
        }
        let response = if self.raw { Response::Records(records) } else { Response::Page(page) };
        self.waiting = Some((response, write_backs));
        self.answer_if_done(ops, core);
    }

    /// The last place that every answering replica has reached; `None` if all reached the end of the range.
    fn reached(&self) -> Option<Place> {
        let ends = self.answers.values().filter(|held| held.more).filter_map(|held| held.items.last());
        if planted("a page ends where the longest answer ends") {
            return ends.map(|(place, _)| place.clone()).max();
        }
        ends.map(|(place, _)| place.clone()).min()
    }

    fn write_back(
        &self,
        ops: &mut Operations,
        core: &mut Core,
        id: OpId,
        key: ItemKey,
        record: &Record,
        answers: &BTreeMap<NodeId, Option<Record>>,
    ) -> bool {
        let differing = behind(Some(record), answers);
        if differing.is_empty() {
            return false;
        }
        core.note(Note::ReadRepair(differing.len() as u32));
        let equal: Vec<NodeId> = answers.keys().copied().filter(|node| !differing.contains(node)).collect();
        let slot = Slot::new(core.history.genesis().grid, self.bucket.id, key);
        let need = Need::Copies(self.needed);
        let within = self.deadline.since(core.now.mono);
        let asker = Asker::WriteBack { parent: id };
        Writing::write_back(ops, core, asker, slot, record.clone(), need, &equal, within, self.round);
        true
    }

    /// One write-back is done, or is not going to be.
    pub(crate) fn on_write_back(mut self, ops: &mut Operations, core: &mut Core, id: OpId, done: bool) {
        match &mut self.waiting {
            Some((_, left)) if done => *left -= 1,
            _ => self.give_up(ops, core),
        }
        self.answer_if_done(ops, core);
        self.keep(ops, core, id);
    }

    fn answer_if_done(&mut self, ops: &mut Operations, core: &mut Core) {
        if self.answered || self.waiting.as_ref().is_none_or(|(_, left)| *left > 0) {
            return;
        }
        if let Some((response, _)) = self.waiting.take() {
            self.answered = true;
            ops.answer(core, &self.asker, response);
            ops.read_ends(self.epoch);
        }
    }

    /// Other views are in use: if reads go by another one now, this one begins again by that.
    pub(crate) fn on_views(mut self, ops: &mut Operations, core: &mut Core, id: OpId) {
        let reading = core.reading();
        if self.waiting.is_none() && !self.answered && reading != self.epoch {
            ops.read_ends(self.epoch);
            ops.read_begins(reading);
            self.epoch = reading;
            let partition = self.range.partition(core.history.genesis().grid);
            let replicas = core.read_set(partition, self.bucket.id);
            if replicas != self.replicas {
                self.needed = self.level.needed(replicas.len()).unwrap_or(replicas.len());
                self.replicas = replicas;
                self.answers.clear();
                self.lost.clear();
                self.behind.clear();
                self.replicas.iter().for_each(|node| self.ask(core, id, *node));
            }
        }
        self.keep(ops, core, id);
    }

    /// A connection to a replica stands again: ask it again.
    pub(crate) fn on_connected(self, ops: &mut Operations, core: &mut Core, id: OpId, peer: NodeId) {
        if !self.answered && self.replicas.contains(&peer) && !self.answers.contains_key(&peer) {
            self.ask(core, id, peer);
        }
        self.keep(ops, core, id);
    }

    /// Time has passed, or somebody's condition has changed.
    pub(crate) fn on_time(mut self, ops: &mut Operations, core: &mut Core, id: OpId) {
        if core.now.mono >= self.behind_at {
            std::mem::take(&mut self.behind).into_iter().for_each(|node| self.ask(core, id, node));
        }
        self.keep(ops, core, id);
    }

    fn keep(mut self, ops: &mut Operations, core: &mut Core, id: OpId) {
        let hopeless = self.waiting.is_none() && self.reachable(core) < self.needed;
        if !self.answered && (hopeless || core.now.mono >= self.deadline) {
            self.give_up(ops, core);
        }
        if !self.answered {
            let wake = if self.behind.is_empty() { self.deadline } else { self.deadline.min(self.behind_at) };
            ops.put_back(id, Operation::Scan(Box::new(self)), wake);
        }
    }

    /// Replicas that have answered or may.
    fn reachable(&self, core: &Core) -> usize {
        let possible =
            |node: &&NodeId| self.answers.contains_key(*node) || !self.lost.contains(*node) && !core.is_down(**node);
        self.replicas.iter().filter(possible).count()
    }

    fn give_up(&mut self, ops: &mut Operations, core: &mut Core) {
        if self.answered {
            return;
        }
        self.answered = true;
        core.note(Note::QuorumUnmet);
        let (reachable, needed, got) = (self.reachable(core), self.needed, self.answers.len());
        let refusal = match reachable < needed {
            true => out_of_reach(reachable, needed),
            false => Refusal::QuorumUnmet { needed: small(needed), got: small(got), write: false },
        };
        ops.refuse(core, &self.asker, refusal);
        ops.read_ends(self.epoch);
    }
}

fn place(key: ItemKey) -> Place {
    (ring::Token::of(&key.partition_key), key)
}
