//! Outgoing streams: one partition to one node, page by page, to hand partitions over when the ring changes.
//!
//! A page is described first: by one hash over all of it, and if the receiver holds something else there, by names and
//! hashes. Only what the receiver lacks is pushed, so that three replicas which all hand over the same partition
//! send each item about once, and those who come later say little.
//!
//! No more is pushed in a second than the budget allows, which gives way to clients.
//!
//! Invariant: a hand-over counts as done only when the receiver has acknowledged every page as durable. A page that is
//! not answered in time is begun again under a new session; answers of an old session are ignored.

mod transfers;

use crate::budget::{Budget, ITEM_COST};
use crate::core::Core;
use crate::hash::{list_hash, version_hash};
use crate::ids::{BucketId, Epoch, SessionId};
use crate::item::{ItemKey, Range};
use crate::message::{Likeness, Message, Offered, Outline};
use crate::record::Record;
use crate::store::{Purpose, StoreOp, StoreOutcome};
use crate::waits;
use ring::{NodeId, PartitionId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{Hash, Hasher};
use stdx::bugs::planted;
use stdx::{Mono, Span};
use transfers::{Transfers, in_order, late_transfers, transfers};

/// Most records in one page.
const PAGE_ITEMS: u32 = 64;
/// A page that is not answered for this long is begun again.
const PAGE_TIME: Span = Span::secs(10);
/// Before a page that failed is tried again.
const RETRY_AFTER: Span = Span::millis(500);

type Item = (BucketId, ItemKey, Record);
/// The last item of a partition that was dealt with.
type Position = Option<(BucketId, ItemKey)>;

/// What a stream said last about its page; only an answer to that counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Said {
    /// One hash over all of it.
    Outline,
    /// Names and hashes.
    Offer,
    /// What the receiver lacked of it: only that it is durable there counts now.
    Push,
}

#[derive(Clone, Hash, Debug)]
struct Stream {
    partition: PartitionId,
    to: NodeId,
    /// The last item of the page before.
    after: Position,
    page: Vec<Item>,
    /// The round in which it was read.
    round: u64,
    more: bool,
    /// What was said last.
    said: Said,
    give_up_at: Mono,
}

/// All outgoing streams of this node.
#[derive(Clone, Default)]
pub(crate) struct Streams {
    waiting: VecDeque<(PartitionId, NodeId)>,
    retry: BTreeSet<(Mono, PartitionId, NodeId)>,
    active: BTreeMap<SessionId, Stream>,
    /// The epoch whose hand-over is being streamed.
    target: Option<Epoch>,
    /// Hand-overs of the target that are not done, and how far each is: everything up to there is durable at the
    /// receiver, and later writes reach it anyway.
    open: BTreeMap<(PartitionId, NodeId), Position>,
    /// Those of them whose receiver held the partition before: a quorum holds everything without them, too.
    spare: BTreeSet<(PartitionId, NodeId)>,
    budget: Budget,
    /// When the hand-over began, and how much it was.
    begun: (Mono, usize),
}

impl Hash for Streams {
    /// Without the budget, and without times.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (&self.waiting, &self.active, self.target, &self.open, &self.spare).hash(hasher);
        let retry: BTreeSet<(PartitionId, NodeId)> =
            self.retry.iter().map(|(_, partition, to)| (*partition, *to)).collect();
        retry.hash(hasher);
    }
}

impl Streams {
    /// Streams being sent.
    pub(crate) fn active(&self) -> usize {
        self.active.len()
    }

    /// Partitions still to hand over.
    pub(crate) fn moving(&self) -> usize {
        self.open.len()
    }

    /// How many seconds the rest takes if it goes on as until now; `None` while nobody can say.
    pub(crate) fn seconds_left(&self, now: Mono) -> Option<u64> {
        let (at, all) = self.begun;
        let done = all.checked_sub(self.open.len()).filter(|done| *done > 0)?;
        let micros = u128::from(now.since(at).as_micros()) * self.open.len() as u128 / done as u128;
        u64::try_from(micros.div_ceil(1_000_000)).ok()
    }

    /// Who still has to take over what it does not hold.
    pub(crate) fn needed(&self) -> BTreeSet<NodeId> {
        self.open.keys().filter(|open| !self.spare.contains(open)).map(|(_, to)| *to).collect()
    }

    /// The epoch whose hand-over is running or done.
    pub(crate) fn target(&self) -> Option<Epoch> {
        self.target
    }

    /// True if the hand-over of the target epoch is complete, but for nodes that it can do without.
    pub(crate) fn is_done(&self, absent: &BTreeSet<NodeId>) -> bool {
        self.open.keys().all(|open| self.spare.contains(open) && absent.contains(&open.1))
    }

    /// Begins to hand over everything that the views after the oldest one in use give to others. All nodes must have
    /// acknowledged `target`, so that no write is in flight that the receivers do not get anyway.
    pub(crate) fn hand_over(&mut self, core: &mut Core, target: Epoch) {
        let open = transfers(core);
        self.begin(core, target, open);
    }

    fn begin(&mut self, core: &mut Core, target: Epoch, transfers: Transfers) {
        self.target = Some(target);
        let transfers = if planted("joiner not seeded") { Transfers::new() } else { transfers };
        self.spare = transfers.iter().filter(|(_, gained)| !**gained).map(|(open, _)| *open).collect();
        self.open = transfers.into_keys().map(|open| (open, None)).collect();
        self.begun = (core.now.mono, self.open.len());
        self.active.clear();
        self.waiting.clear();
        self.retry.clear();
        self.waiting.extend(in_order(core, self.open.keys().copied()));
        self.fill(core);
    }

    /// Begins to hand over what this node holds by no view in use, because the others went on without it: to all
    /// replicas of today.
    pub(crate) fn hand_over_late(&mut self, core: &mut Core) {
        let stable = core.stable();
        self.begin(core, stable, late_transfers(core));
    }

    /// Nothing goes to nodes that were put out as dead.
    pub(crate) fn forget_banned(&mut self, core: &mut Core) {
        self.open.retain(|(_, to), _| !core.is_banned(*to));
        self.spare.retain(|(_, to)| !core.is_banned(*to));
        self.active.retain(|_, stream| !core.is_banned(stream.to));
        self.waiting.retain(|(.., to)| !core.is_banned(*to));
        self.retry.retain(|(.., to)| !core.is_banned(*to));
        self.fill(core);
    }

    /// Starts waiting streams while there is room, and something left to push.
    fn fill(&mut self, core: &mut Core) {
        self.budget.earn(core.now.mono, rate(core), core.unanswered);
        if !self.budget.is_left() && !self.waiting.is_empty() {
            stdx::marks::hit("stream.waited_for_its_budget");
            return;
        }
        while self.active.len() < core.config.streams_max
            && let Some((partition, to)) = self.waiting.pop_front()
        {
            let after = self.open.get(&(partition, to)).cloned().flatten();
            let (page, give_up_at) = (Vec::new(), Mono::default());
            let stream = Stream { partition, to, after, page, round: 0, more: false, said: Said::Outline, give_up_at };
            self.next_page(core, stream);
        }
    }

    /// Reads the next page of a stream under a new session.
    fn next_page(&mut self, core: &mut Core, mut stream: Stream) {
        let session = core.next_session();
        stream.give_up_at = core.now.mono + PAGE_TIME;
        stream.round = core.round;
        let range = Range::Partition { partition: stream.partition, bucket: None, after: stream.after.clone() };
        self.active.insert(session, stream);
        let bytes_max = core.config.stream_page_bytes;
        core.store(Purpose::StreamPage(session), StoreOp::Scan { range, items_max: PAGE_ITEMS, bytes_max });
    }

    /// A page has been read.
    pub(crate) fn on_page(&mut self, core: &mut Core, session: SessionId, outcome: StoreOutcome) {
        let Some(mut stream) = self.active.remove(&session) else { return };
        let StoreOutcome::Page { items, more, damaged } = outcome else {
            return self.again(core, stream);
        };
        if damaged && can_be_healed(core, stream.partition) {
            // What is damaged here is handed over, too, as soon as the other replicas have given it back.
            stdx::marks::hit("hand_over_waits_for_healing");
            return self.again(core, stream);
        }
        stream.more = more;
        stream.after = items.last().map(|(bucket, key, _)| (*bucket, key.clone())).or(stream.after);
        let (partition, to) = (stream.partition, stream.to);
        stream.page = items.into_iter().filter(|(bucket, ..)| core.is_replica(to, partition, *bucket)).collect();
        if stream.page.is_empty() {
            return self.page_done(core, stream);
        }
        self.budget.spend(stream.page.len() * ITEM_COST);
        let epoch = core.epoch();
        // Of a single item the name and the hash say as much.
        let message = match outline(partition, &stream.page) {
            Some(outline) if stream.page.len() > 1 => {
                stream.said = Said::Outline;
                Message::Outline { session, epoch, outline }
            }
            _ => {
                stream.said = Said::Offer;
                Message::Offer { session, epoch, partition, items: offer(&stream.page) }
            }
        };
        core.send(to, message);
        self.active.insert(session, stream);
    }

    /// The receiver says what it holds where the page belongs.
    pub(crate) fn on_outlined(
        &mut self,
        core: &mut Core,
        from: NodeId,
        session: SessionId,
        likeness: Option<Likeness>,
    ) {
        let Some(mut stream) = self.take(session, from, Said::Outline) else { return };
        match likeness {
            None => self.again(core, stream),
            Some(Likeness::Same) => self.page_done(core, stream),
            Some(Likeness::Nothing) => {
                let page = std::mem::take(&mut stream.page);
                self.push(core, session, stream, page);
            }
            Some(Likeness::Other) => {
                stream.said = Said::Offer;
                stream.give_up_at = core.now.mono + PAGE_TIME;
                let (epoch, partition) = (core.epoch(), stream.partition);
                core.send(from, Message::Offer { session, epoch, partition, items: offer(&stream.page) });
                self.active.insert(session, stream);
            }
        }
    }

    /// The receiver says what it lacks. It may say so twice: the second time nothing is left to choose from, which does not
    /// mean that it lacks nothing.
    pub(crate) fn on_want(&mut self, core: &mut Core, from: NodeId, session: SessionId, items: Option<Vec<u32>>) {
        let Some(mut stream) = self.take(session, from, Said::Offer) else { return };
        let Some(wanted) = items else { return self.again(core, stream) };
        let wanted: BTreeSet<u32> = wanted.into_iter().collect();
        let page = std::mem::take(&mut stream.page);
        let items: Vec<Item> =
            page.into_iter().zip(0u32..).filter(|(_, at)| wanted.contains(at)).map(|(item, _)| item).collect();
        if items.is_empty() {
            return self.page_done(core, stream);
        }
        self.push(core, session, stream, items);
    }

    fn push(&mut self, core: &mut Core, session: SessionId, mut stream: Stream, items: Vec<Item>) {
        self.budget.spend(items.iter().map(|(_, key, record)| ITEM_COST + key.len() + record.weight()).sum());
        core.send(stream.to, Message::Push { session, epoch: core.epoch(), items, round: stream.round });
        if planted("a page counts before it is acknowledged") {
            return self.page_done(core, stream);
        }
        stream.said = Said::Push;
        stream.give_up_at = core.now.mono + PAGE_TIME;
        self.active.insert(session, stream);
    }

    /// The receiver has what it lacked, or failed.
    pub(crate) fn on_pushed(&mut self, core: &mut Core, from: NodeId, session: SessionId, ok: bool) {
        let Some(stream) = self.take(session, from, Said::Push) else { return };
        if ok { self.page_done(core, stream) } else { self.again(core, stream) }
    }

    /// The stream that an answer is about, if it waits for that kind of answer.
    fn take(&mut self, session: SessionId, from: NodeId, said: Said) -> Option<Stream> {
        let session = match self.active.iter().find(|(_, stream)| stream.to == from) {
            Some((any, _)) if planted("answers of an old session count") => *any,
            _ => session,
        };
        let waits = |stream: &Stream| stream.said == said || planted("an answer about a page counts twice");
        let stream = self.active.get(&session)?;
        if stream.to != from || !waits(stream) {
            return None;
        }
        self.active.remove(&session)
    }

    fn page_done(&mut self, core: &mut Core, stream: Stream) {
        if stream.more {
            if let Some(position) = self.open.get_mut(&(stream.partition, stream.to)) {
                position.clone_from(&stream.after);
            }
            // First among those that wait, if it has to.
            self.waiting.push_front((stream.partition, stream.to));
            return self.fill(core);
        }
        self.open.remove(&(stream.partition, stream.to));
        self.fill(core);
    }

    /// Puts a stream back for later.
    fn again(&mut self, core: &mut Core, stream: Stream) {
        let jitter = Span(core.prng.below(RETRY_AFTER.0));
        let at = core.now.mono + RETRY_AFTER + jitter;
        self.retry.insert((at, stream.partition, stream.to));
        self.fill(core);
    }

    /// A peer cannot be reached: what was being said to it is to be said again.
    pub(crate) fn on_unreachable(&mut self, core: &mut Core, peer: NodeId) {
        let lost: Vec<SessionId> =
            self.active.iter().filter(|(_, stream)| stream.to == peer).map(|(session, _)| *session).collect();
        for session in lost {
            if let Some(stream) = self.active.remove(&session) {
                self.again(core, stream);
            }
        }
    }

    pub(crate) fn next_deadline(&self, core: &Core) -> Option<Mono> {
        let retry = self.retry.first().map(|(at, ..)| *at);
        let held_back = !self.waiting.is_empty() && self.active.len() < core.config.streams_max;
        let budget = held_back.then(|| self.budget.left_at(rate(core), core.unanswered));
        let give_up = self.active.values().map(|stream| stream.give_up_at).min();
        [retry, give_up, budget].into_iter().flatten().min()
    }

    pub(crate) fn on_time(&mut self, core: &mut Core) {
        let late: Vec<SessionId> = self
            .active
            .iter()
            .filter(|(_, stream)| stream.give_up_at <= core.now.mono)
            .map(|(session, _)| *session)
            .collect();
        for session in late {
            if let Some(stream) = self.active.remove(&session) {
                self.again(core, stream);
            }
        }
        while let Some((at, partition, to)) = self.retry.first().copied()
            && at <= core.now.mono
        {
            self.retry.pop_first();
            if self.open.contains_key(&(partition, to)) {
                self.waiting.push_back((partition, to));
            }
        }
        self.fill(core);
    }
}

/// The page by names and hashes.
fn offer(page: &[Item]) -> Vec<Offered> {
    let offered = |(bucket, key, record): &Item| Offered {
        bucket: *bucket,
        key: key.clone(),
        hash: version_hash(*bucket, key, record),
    };
    page.iter().map(offered).collect()
}

/// The page by one hash, as far as the page begins and ends; `None` of an empty one.
fn outline(partition: PartitionId, page: &[Item]) -> Option<Outline> {
    let ((first, key, _), (bucket, last, _)) = (page.first()?, page.last()?);
    let buckets: BTreeSet<BucketId> = page.iter().map(|(bucket, ..)| *bucket).collect();
    Some(Outline {
        partition,
        buckets: buckets.into_iter().collect(),
        first: (*first, key.clone()),
        last: (*bucket, last.clone()),
        items: page.len() as u32,
        hash: list_hash(page.iter().map(|(bucket, key, record)| version_hash(*bucket, key, record))),
    })
}

/// What streams may do in a second, in bytes, as long as clients wait as long as now.
fn rate(core: &Core) -> u64 {
    let whole = core.config.move_bytes_per_second;
    let share = u128::from(whole) * u128::from(core.waits.share(core.now.mono)) / u128::from(waits::WHOLE);
    u64::try_from(share).unwrap_or(whole).max(1)
}

/// True if somebody else holds what this node holds of a partition.
fn can_be_healed(core: &Core, partition: PartitionId) -> bool {
    let buckets = core.history.current().buckets.keys();
    let mut sets = buckets.flat_map(|bucket| core.write_sets(partition, *bucket));
    sets.any(|set| set.len() > 1 && set.contains(&core.node))
}
