//! Whose turn it is to change an item of a linearizable bucket: this node carries one change of a key at a time, the
//! others wait. And what the last change left for the next: a ballot that a quorum has promised already.
//!
//! Invariant: a cache is handed out once, and only in the epoch and the views it was made in. Both the waiting and the
//! caches are bounded.

use crate::ids::{Epoch, OpId};
use crate::item::Slot;
use crate::paxos::register::Cache;
use crate::record::Version;
use std::collections::{BTreeMap, VecDeque};
use stdx::bugs::planted;

/// Changes of one key that may wait here.
const WAITING_MAX: usize = 256;
/// Keys whose next change may skip a round trip.
const CACHES_MAX: usize = 4_096;
/// Larger values are not kept in memory for it.
const CACHED_BYTES_MAX: usize = 16 << 10;

/// The newest epoch and the oldest one in use: together they say which views are.
type Views = (Epoch, Epoch);

/// Queues and caches of this node, by key.
#[derive(Clone, Default)]
pub(crate) struct Turns {
    /// Keys under change, each with those who wait.
    waiting: BTreeMap<Slot, VecDeque<OpId>>,
    caches: BTreeMap<Slot, (u64, Views, Cache<Version>)>,
    /// Oldest first.
    order: BTreeMap<u64, Slot>,
    kept: u64,
}

/// What became of asking for a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// Begin.
    Now,
    /// Others are before.
    Later,
    /// Too many are.
    Never,
}

impl Turns {
    /// Asks for a turn.
    pub(crate) fn ask(&mut self, slot: &Slot, id: OpId) -> Turn {
        match self.waiting.get_mut(slot) {
            None => {
                self.waiting.insert(slot.clone(), VecDeque::new());
                Turn::Now
            }
            Some(queue) if queue.len() >= WAITING_MAX => Turn::Never,
            Some(queue) => {
                queue.push_back(id);
                Turn::Later
            }
        }
    }

    /// The turn is over: who is next, if anybody.
    pub(crate) fn pass(&mut self, slot: &Slot) -> Option<OpId> {
        let next = self.waiting.get_mut(slot).and_then(VecDeque::pop_front);
        if next.is_none() {
            self.waiting.remove(slot);
        }
        next
    }

    /// Somebody does not want to wait any longer.
    pub(crate) fn leave(&mut self, slot: &Slot, id: OpId) {
        if let Some(queue) = self.waiting.get_mut(slot) {
            queue.retain(|waiting| *waiting != id);
        }
    }

    /// Keeps what a decided change left.
    pub(crate) fn keep(&mut self, slot: Slot, views: Views, cache: Cache<Version>) {
        self.forget(&slot);
        let value = cache.cell.value.as_ref().and_then(|version| version.value.as_ref());
        if value.map_or(0, |value| value.bytes.len()) > CACHED_BYTES_MAX {
            return;
        }
        if self.order.len() >= CACHES_MAX
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.caches.remove(&oldest);
        }
        self.kept += 1;
        self.order.insert(self.kept, slot.clone());
        self.caches.insert(slot, (self.kept, views, cache));
    }

    /// What the last change left, if it is still good.
    pub(crate) fn take(&mut self, slot: &Slot, views: Views) -> Option<Cache<Version>> {
        let (made, cache) = self.forget(slot)?;
        (made == views || planted("a cached ballot outlives its views")).then_some(cache)
    }

    fn forget(&mut self, slot: &Slot) -> Option<(Views, Cache<Version>)> {
        let (at, views, cache) = self.caches.remove(slot)?;
        self.order.remove(&at);
        Some((views, cache))
    }
}

#[cfg(test)]
mod tests {
    use super::{Turn, Turns};
    use crate::ids::{BucketId, Epoch, OpId};
    use crate::item::{ItemKey, Slot};
    use crate::paxos::Ballot;
    use crate::paxos::register::{Cache, Cell};
    use ring::Grid;

    fn slot(key: &'static str) -> Slot {
        Slot::new(Grid::default(), BucketId(1), ItemKey::plain(key))
    }

    #[test]
    fn one_at_a_time_in_the_order_of_asking() {
        let mut turns = Turns::default();
        assert_eq!(turns.ask(&slot("a"), OpId(1)), Turn::Now);
        assert_eq!(turns.ask(&slot("b"), OpId(2)), Turn::Now);
        assert_eq!(turns.ask(&slot("a"), OpId(3)), Turn::Later);
        assert_eq!(turns.ask(&slot("a"), OpId(4)), Turn::Later);
        turns.leave(&slot("a"), OpId(3));
        assert_eq!(turns.pass(&slot("a")), Some(OpId(4)));
        assert_eq!(turns.pass(&slot("a")), None);
        assert_eq!(turns.ask(&slot("a"), OpId(5)), Turn::Now);
    }

    #[test]
    fn a_cache_is_good_once_and_not_in_other_views() {
        let mut turns = Turns::default();
        let cache = || Cache { ballot: Ballot::default(), cell: Cell::default(), groups: Vec::new() };
        let views = (Epoch(4), Epoch(4));
        turns.keep(slot("a"), views, cache());
        assert!(turns.take(&slot("a"), views).is_some());
        assert!(turns.take(&slot("a"), views).is_none());
        turns.keep(slot("a"), views, cache());
        assert!(turns.take(&slot("a"), (Epoch(5), Epoch(4))).is_none());
        assert!(turns.take(&slot("a"), views).is_none(), "it is not kept for later either");
    }
}
