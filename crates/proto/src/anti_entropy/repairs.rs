//! Giving a peer what it lacks in leaves that differ: items are offered by name and hash, and what the peer wants is
//! sent.
//!
//! Invariant: one page under way to each peer, and few peers at once. Nothing here counts for anything: a page that
//! fails is dropped with the rest of its list, and the next comparison finds again what still differs.

use crate::core::Core;
use crate::ids::{BucketId, SessionId};
use crate::item::ItemKey;
use crate::message::{Message, Offered};
use crate::record::Record;
use crate::store::{Bookmark, Purpose, StoreOp, StoreOutcome};
use crate::tree::Patch;
use ring::{NodeId, PartitionId, Token};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use stdx::{Mono, Span};

/// Most records in one page.
const PAGE_ITEMS: u32 = 512;
/// Patches read for one page.
const PAGE_PATCHES: usize = 128;
/// A page that is not answered for this long is dropped.
const PAGE_TIME: Span = Span::secs(10);
/// Patches waiting for one peer; comparisons come back for the rest.
const WAITING_MAX: usize = 4_096;

#[derive(Clone, Debug)]
struct Page {
    to: NodeId,
    items: Vec<(BucketId, ItemKey, Record)>,
    /// The round in which they were read.
    round: u64,
    give_up_at: Mono,
}

#[derive(Clone, Default)]
struct Waiting {
    patches: VecDeque<Patch>,
    known: BTreeSet<Patch>,
    after: Option<Bookmark>,
}

/// All repairs that this node gives.
#[derive(Clone, Default)]
pub(crate) struct Repairs {
    waiting: BTreeMap<NodeId, Waiting>,
    active: BTreeMap<SessionId, Page>,
}

impl Repairs {
    /// Patches that wait, and pages under way.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.values().map(|waiting| waiting.patches.len()).sum::<usize>() + self.active.len()
    }

    /// The earliest round in which a page that may still be sent was read.
    pub(crate) fn oldest_round(&self) -> u64 {
        self.active.values().map(|page| page.round).min().unwrap_or(u64::MAX)
    }

    /// True if this peer has been given everything there was for it.
    pub(crate) fn is_idle(&self, peer: NodeId) -> bool {
        !self.waiting.contains_key(&peer) && !self.active.values().any(|page| page.to == peer)
    }

    /// Offers a peer what stands in these leaves.
    pub(crate) fn add(&mut self, core: &mut Core, to: NodeId, patches: Vec<Patch>) {
        if patches.is_empty() {
            return;
        }
        let waiting = self.waiting.entry(to).or_default();
        for patch in patches {
            if waiting.patches.len() < WAITING_MAX && waiting.known.insert(patch) {
                waiting.patches.push_back(patch);
            }
        }
        self.fill(core);
    }

    fn fill(&mut self, core: &mut Core) {
        let busy: BTreeSet<NodeId> = self.active.values().map(|page| page.to).collect();
        let room = core.config.repairs_max.saturating_sub(busy.len());
        let next: Vec<NodeId> = self.waiting.keys().copied().filter(|to| !busy.contains(to)).take(room).collect();
        for to in next {
            let Some(waiting) = self.waiting.get_mut(&to) else { continue };
            let count = waiting.patches.len().min(PAGE_PATCHES);
            let patches: Vec<Patch> = waiting.patches.drain(..count).collect();
            let after = waiting.after.take();
            let session = core.next_session();
            let give_up_at = core.now.mono + PAGE_TIME;
            self.active.insert(session, Page { to, items: Vec::new(), round: core.round, give_up_at });
            let bytes_max = core.config.stream_page_bytes;
            let op = StoreOp::ReadPatches { patches, after, items_max: PAGE_ITEMS, bytes_max };
            core.store(Purpose::RepairPage(session), op);
        }
    }

    /// A page has been read.
    pub(crate) fn on_page(&mut self, core: &mut Core, session: SessionId, outcome: StoreOutcome) {
        let Some(mut page) = self.active.remove(&session) else { return };
        let StoreOutcome::Patches { items, rest, after } = outcome else {
            return self.drop_all(core, page.to);
        };
        let waiting = self.waiting.entry(page.to).or_default();
        rest.into_iter().rev().for_each(|patch| waiting.patches.push_front(patch));
        waiting.after = after;
        waiting.known = waiting.patches.iter().copied().collect();
        page.items = items.into_iter().filter(|item| is_held_by(core, page.to, item)).collect();
        if page.items.is_empty() {
            return self.page_done(core, page.to);
        }
        let offered = |(bucket, key, record): &(BucketId, ItemKey, Record)| Offered {
            bucket: *bucket,
            key: key.clone(),
            hash: crate::hash::version_hash(*bucket, key, record),
        };
        let items: Vec<Offered> = page.items.iter().map(offered).collect();
        let Some(first) = items.first() else { return };
        let partition = partition_of(core, &first.key);
        core.send(page.to, Message::Offer { session, epoch: core.epoch(), partition, items });
        self.active.insert(session, page);
    }

    /// The peer says what it lacks. False if the session is none of ours.
    pub(crate) fn on_want(
        &mut self,
        core: &mut Core,
        from: NodeId,
        session: SessionId,
        items: &Option<Vec<u32>>,
    ) -> bool {
        let Some(mut page) = self.take(session, from) else { return false };
        let Some(wanted) = items else {
            self.drop_all(core, from);
            return true;
        };
        let wanted: BTreeSet<u32> = wanted.iter().copied().collect();
        let held = std::mem::take(&mut page.items).into_iter().zip(0u32..);
        let items: Vec<_> = held.filter(|(_, at)| wanted.contains(at)).map(|(item, _)| item).collect();
        if items.is_empty() {
            self.page_done(core, from);
            return true;
        }
        core.send(from, Message::Push { session, epoch: core.epoch(), items, round: page.round });
        page.give_up_at = core.now.mono + PAGE_TIME;
        self.active.insert(session, page);
        true
    }

    /// The peer has what it lacked, or failed. False if the session is none of ours.
    pub(crate) fn on_pushed(&mut self, core: &mut Core, from: NodeId, session: SessionId, ok: bool) -> bool {
        if self.take(session, from).is_none() {
            return false;
        }
        if ok {
            self.page_done(core, from)
        } else {
            self.drop_all(core, from)
        }
        true
    }

    fn take(&mut self, session: SessionId, from: NodeId) -> Option<Page> {
        if self.active.get(&session)?.to != from {
            return None;
        }
        self.active.remove(&session)
    }

    fn page_done(&mut self, core: &mut Core, to: NodeId) {
        if self.waiting.get(&to).is_some_and(|waiting| waiting.patches.is_empty()) {
            self.waiting.remove(&to);
        }
        self.fill(core);
    }

    fn drop_all(&mut self, core: &mut Core, to: NodeId) {
        self.waiting.remove(&to);
        self.fill(core);
    }

    /// A peer cannot be reached.
    pub(crate) fn on_unreachable(&mut self, core: &mut Core, peer: NodeId) {
        self.active.retain(|_, page| page.to != peer);
        self.drop_all(core, peer);
    }

    pub(crate) fn next_deadline(&self) -> Option<Mono> {
        self.active.values().map(|page| page.give_up_at).min()
    }

    pub(crate) fn on_time(&mut self, core: &mut Core) {
        let now = core.now.mono;
        let late: Vec<NodeId> =
            self.active.values().filter(|page| page.give_up_at <= now).map(|page| page.to).collect();
        for to in late {
            self.active.retain(|_, page| page.to != to);
            self.drop_all(core, to);
        }
    }
}

fn is_held_by(core: &Core, node: NodeId, (bucket, key, _): &(BucketId, ItemKey, Record)) -> bool {
    core.is_replica(node, partition_of(core, key), *bucket)
}

fn partition_of(core: &Core, key: &ItemKey) -> PartitionId {
    core.history.genesis().grid.partition_of(&Token::of(&key.partition_key))
}
