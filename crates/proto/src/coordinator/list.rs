//! One list of items of a linearizable bucket: a page of keys, and of each key what is decided at some moment while the page
//! is made.
//!
//! Every replica is asked for its records of the range, and each key is then weighed as a read of it alone would be: if a
//! majority of every replica set in use has voted for the same ballot, that is decided (`paxos::register::decided`). What is
//! not clear from this, because a change was under way or a replica is behind, is read through the register itself.
//!
//! Invariants: answers count under one epoch and the replica sets in use when they were asked for, as those to proposers do;
//! under others the list begins anew. The page ends at the last key that every answering replica has reached, for behind it
//! some replica may have voted for something that it did not send.
//! Refuses to say anything about two keys at one moment.

use super::write::{BEHIND_AGAIN, impossible, out_of_reach, small};
use super::{Asker, Deciding, Operation, Operations};
use crate::bucket::{Bucket, Level};
use crate::core::Core;
use crate::ids::{Epoch, OpId};
use crate::input::Note;
use crate::item::{ItemKey, Range};
use crate::message::{Message, ScanAnswer};
use crate::paxos::register::{Cell, Held, Register, decided};
use crate::quorum::{Group, Need, Quorum};
use crate::record::{Record, Version};
use crate::request::{Current, Page, Records, Refusal, Response, Scan, Sibling};
use crate::store::{Purpose, StoreOp, StoreOutcome};
use causal::{Actor, Dot};
use ring::{NodeId, Token};
use std::collections::BTreeMap;
use stdx::bugs::planted;
use stdx::{Mono, Span};

use super::scan::PAGE_BYTES;
use super::swap::current;

/// Keys of one page that are read through their registers; the page ends there.
const READS_MAX: usize = 64;
/// How long a list waits for the replicas that a majority can do without, so that fewer keys are to be read one by one.
const PATIENCE: Span = Span::millis(30);
/// Before silent replicas are asked again.
const ASK_AGAIN: Span = Span::millis(400);

/// Position of an item in storage order inside one partition.
type Place = (Token, ItemKey);

#[derive(Clone, Debug)]
struct Part {
    registers: BTreeMap<Place, Register<Version>>,
    last: Option<Place>,
    more: bool,
}

/// A list being made.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    asker: Asker,
    /// The epoch it counts under as unfinished.
    epoch: Epoch,
    /// The newest epoch and the oldest view in use, as the answers have them.
    views: (Epoch, Epoch),
    bucket: Bucket,
    range: Range,
    limit: u32,
    /// To be given as records, for a backup.
    raw: bool,
    groups: Vec<Group>,
    parts: BTreeMap<NodeId, Part>,
    lost: Vec<NodeId>,
    /// Replicas of another epoch than ours, to be asked again at `behind_at`.
    behind: Vec<NodeId>,
    behind_at: Mono,
    /// At this time a majority is enough, and silent replicas are asked again.
    until: Mono,
    /// What is known, once enough replicas have answered.
    found: Option<Found>,
    deadline: Mono,
}

/// A page whose unclear keys are being read.
#[derive(Clone, Debug)]
struct Found {
    items: BTreeMap<Place, Option<Current>>,
    /// Keys by the number under which their read answers.
    reading: BTreeMap<u32, Place>,
    next: Option<ItemKey>,
}

impl Listing {
    /// Begins a list.
    pub(crate) fn start(
        ops: &mut Operations,
        core: &mut Core,
        asker: Asker,
        scan: Scan,
        raw: bool,
        bucket: &Bucket,
        within: Span,
    ) {
        if !matches!(scan.level, None | Some(Level::Quorum)) {
            let sentence = format!("bucket {} is linearizable: it is listed at level quorum only", bucket.name);
            return ops.refuse(core, &asker, Refusal::Invalid(sentence));
        }
        let listing = Listing {
            asker,
            epoch: core.epoch(),
            views: (core.epoch(), core.stable()),
            bucket: bucket.clone(),
            range: scan.scope.range(bucket.id),
            limit: scan.limit.clamp(1, 10_000),
            raw,
            groups: Vec::new(),
            parts: BTreeMap::new(),
            lost: Vec::new(),
            behind: Vec::new(),
            behind_at: Mono::default(),
            until: Mono::default(),
            found: None,
            deadline: core.now.mono + within,
        };
        ops.write_begins(listing.epoch);
        listing.begin(ops, core);
    }

    /// Asks everybody, under the views in use now. Answers to earlier questions are strays.
    fn begin(mut self, ops: &mut Operations, core: &mut Core) {
        let id = core.next_op();
        self.views = (core.epoch(), core.stable());
        let partition = self.range.partition(core.history.genesis().grid);
        self.groups = core.groups(partition, self.bucket.id, Need::Level(Level::Quorum));
        if self.groups.is_empty() {
            return self.end(ops, core, Response::Refused(impossible(Level::Quorum, 0)));
        }
        self.parts.clear();
        self.lost.clear();
        self.behind.clear();
        self.until = core.now.mono + PATIENCE;
        self.silent().into_iter().for_each(|node| self.ask(core, id, node));
        self.keep(ops, core, id);
    }

    fn ask(&self, core: &mut Core, id: OpId, node: NodeId) {
        let (range, limit) = (self.range.clone(), self.limit);
        if node == core.node {
            core.store(Purpose::Local(id), StoreOp::Scan { range, items_max: limit, bytes_max: PAGE_BYTES });
        } else if !core.is_down(node) {
            core.send(node, Message::Scan { op: id, epoch: self.views.0, range, limit });
        }
    }

    /// Those who have answered.
    fn answered(&self) -> Quorum {
        let mut quorum = Quorum::new(self.groups.clone());
        self.parts.keys().for_each(|node| quorum.add(*node));
        quorum
    }

    /// Those who have not answered and still may.
    fn silent(&self) -> Vec<NodeId> {
        self.answered().silent().into_iter().filter(|node| !self.lost.contains(node)).collect()
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
        if self.found.is_none() {
            match answer {
                ScanAnswer::Held { items, more } => {
                    let part = Part::new(&self.bucket, items, more);
                    self.parts.insert(from, part);
                }
                ScanAnswer::Stale(_) => {
                    self.behind.push(from);
                    self.behind_at = core.now.mono + BEHIND_AGAIN;
                }
                ScanAnswer::Failed => self.lost.push(from),
            }
            self.conclude(ops, core, id);
        }
        self.keep(ops, core, id);
    }

    /// Makes the page, if everybody has answered who will, or a majority has and there was time for the others.
    fn conclude(&mut self, ops: &mut Operations, core: &mut Core, id: OpId) {
        let is_met = self.answered().is_met() || planted("a list asks one replica") && !self.parts.is_empty();
        if self.found.is_some() || !is_met {
            return;
        }
        let end = self.reached();
        let places = self.places(end.as_ref());
        let is_waiting = core.now.mono < self.until && self.silent().iter().any(|node| !core.is_down(*node));
        if is_waiting && places.iter().any(|place| self.weigh(place).is_none()) {
            return;
        }
        let mut found =
            Found { items: BTreeMap::new(), reading: BTreeMap::new(), next: end.clone().map(|(_, key)| key) };
        for place in places {
            match self.weigh(&place) {
                Some(cell) => {
                    found.items.insert(place, Some(current(&cell, core.now.wall)));
                }
                None if planted("a list leaves out what is not clear") => {}
                None if found.reading.len() == READS_MAX => {
                    found.next = found.items.last_key_value().map(|((_, key), _)| key.clone());
                    break;
                }
                None => {
                    found.reading.insert(found.reading.len() as u32, place.clone());
                    found.items.insert(place, None);
                }
            }
        }
        let within = self.deadline.since(core.now.mono);
        for (number, (_, key)) in &found.reading {
            stdx::marks::hit("list_reads_a_register");
            let asker = Asker::List { parent: id, number: *number };
            Deciding::read(ops, core, asker, &self.bucket, key.clone(), within);
        }
        self.found = Some(found);
    }

    /// The last place that every answering replica has reached; `None` if all reached the end of the range.
    fn reached(&self) -> Option<Place> {
        let ends = self.parts.values().filter(|part| part.more).filter_map(|part| part.last.clone());
        ends.min()
    }

    /// Places of which a replica has accepted something.
    fn places(&self, end: Option<&Place>) -> Vec<Place> {
        let is_in = |place: &&Place| end.is_none_or(|end| *place <= end);
        let mut places: Vec<Place> =
            self.parts.values().flat_map(|part| part.registers.keys().filter(is_in)).cloned().collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// What is decided for a key, if the answers say so.
    fn weigh(&self, place: &Place) -> Option<Cell<Version>> {
        let none = Register::default();
        let held = |part: &Part| part.registers.get(place).unwrap_or(&none).held();
        let held: BTreeMap<NodeId, Held<Version>> = self.parts.iter().map(|(node, part)| (*node, held(part))).collect();
        if planted("a list asks one replica") {
            return held.into_values().find_map(|held| held.accepted).map(|(_, cell)| cell);
        }
        decided(&self.groups, &held)
    }

    /// A register that was read for this list has said what is decided.
    pub(crate) fn on_read(mut self, ops: &mut Operations, core: &mut Core, id: OpId, number: u32, read: Response) {
        let Some(found) = &mut self.found else { return self.keep(ops, core, id) };
        match (found.reading.remove(&number), read) {
            (Some(place), Response::Current(current)) => {
                found.items.insert(place, Some(current));
                self.keep(ops, core, id);
            }
            (_, Response::Refused(refusal)) => self.end(ops, core, Response::Refused(refusal)),
            _ => self.keep(ops, core, id),
        }
    }

    /// Other views are in use: whatever was asked under those before is answered by nobody who knows better.
    pub(crate) fn on_views(mut self, ops: &mut Operations, core: &mut Core, id: OpId) {
        let views = (core.epoch(), core.stable());
        if std::mem::replace(&mut self.views, views) == views {
            return self.keep(ops, core, id);
        }
        ops.write_ends(self.epoch);
        self.epoch = core.epoch();
        ops.write_begins(self.epoch);
        // Registers that are being read follow by themselves, and what is decided stays decided.
        if self.found.is_some() || core.now.mono >= self.deadline {
            return self.keep(ops, core, id);
        }
        stdx::marks::hit("list_met_other_views");
        self.begin(ops, core);
    }

    /// A connection to a replica stands again: ask it again.
    pub(crate) fn on_connected(self, ops: &mut Operations, core: &mut Core, id: OpId, peer: NodeId) {
        if self.found.is_none() && self.silent().contains(&peer) {
            self.ask(core, id, peer);
        }
        self.keep(ops, core, id);
    }

    /// Time has passed, or somebody's condition has changed.
    pub(crate) fn on_time(mut self, ops: &mut Operations, core: &mut Core, id: OpId) {
        let now = core.now.mono;
        if self.found.is_none() {
            if now >= self.behind_at {
                std::mem::take(&mut self.behind).into_iter().for_each(|node| self.ask(core, id, node));
            }
            self.conclude(ops, core, id);
        }
        if self.found.is_none() && now >= self.until {
            self.until = now + ASK_AGAIN;
            self.silent().into_iter().for_each(|node| self.ask(core, id, node));
        }
        self.keep(ops, core, id);
    }

    /// Answers, gives up if there is no hope, or stays.
    fn keep(mut self, ops: &mut Operations, core: &mut Core, id: OpId) {
        let is_hopeful = |node: NodeId| !self.lost.contains(&node) && !core.is_down(node);
        let (reachable, needed) = self.answered().within_reach(is_hopeful);
        let hopeless = self.found.is_none() && reachable < needed;
        if let Some(found) = self.found.take_if(|found| found.reading.is_empty()) {
            let response = self.response(found);
            return self.end(ops, core, response);
        }
        if hopeless || core.now.mono >= self.deadline {
            core.note(Note::QuorumUnmet);
            let (got, needed) = self.answered().worst();
            let refusal = match hopeless {
                true => out_of_reach(reachable, needed),
                false => Refusal::QuorumUnmet { needed: small(needed), got: small(got), write: false },
            };
            return self.end(ops, core, Response::Refused(refusal));
        }
        let again = Some(self.behind_at).filter(|_| !self.behind.is_empty());
        let asks = [again, Some(self.until)].into_iter().flatten().filter(|_| self.found.is_none());
        let wake = asks.fold(self.deadline, Mono::min);
        ops.put_back(id, Operation::List(Box::new(self)), wake);
    }

    fn response(&self, found: Found) -> Response {
        let there = |(place, current): (Place, Option<Current>)| {
            let current = current?;
            Some((place.1, current.version, version(current)?))
        };
        let items = found.items.into_iter().filter_map(there);
        if self.raw {
            let items = items.map(|(key, number, version)| (key, Record::Register(Register::kept(number, version))));
            return Response::Records(Records { items: items.collect(), next: found.next });
        }
        let items = items.map(|(key, number, version)| (key, vec![Sibling { dot: numbered(number), version }]));
        Response::Page(Page { items: items.collect(), next: found.next })
    }

    fn end(self, ops: &mut Operations, core: &mut Core, response: Response) {
        ops.answer(core, &self.asker, response);
        ops.write_ends(self.epoch);
    }
}

impl Part {
    fn new(bucket: &Bucket, items: Vec<(crate::ids::BucketId, ItemKey, Record)>, more: bool) -> Part {
        let place = |key: ItemKey| (Token::of(&key.partition_key), key);
        let last = items.last().map(|(_, key, _)| place(key.clone()));
        let accepted = |(of, key, record)| match record {
            Record::Register(register) if of == bucket.id && register.cell().is_some() => Some((place(key), register)),
            _ => None,
        };
        Part { registers: items.into_iter().filter_map(accepted).collect(), last, more }
    }
}

/// The version that a client is shown.
fn version(current: Current) -> Option<Version> {
    let Current { value, expires, stamp, .. } = current;
    value.map(|value| Version { stamp: stamp.unwrap_or_default(), expires, value: Some(value) })
}

/// How the version of an item of a linearizable bucket is told on a page: nobody's dot, with the version as its counter.
fn numbered(number: u64) -> Dot {
    Dot { actor: Actor { node: 0, incarnation: 0 }, counter: number }
}
