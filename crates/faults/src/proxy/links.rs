//! The rules of all links, the connections that stand, and what was done to them.

use super::Rule;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stdx::Prng;
use tokio::sync::{Notify, watch};

/// Where bytes come from or go to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum End {
    /// A node, by its number.
    Node(usize),
    /// All clients.
    Clients,
}

/// A direction.
pub(super) type Way = (End, End);

/// All links. Without a rule of its own, a direction is good.
#[derive(Debug)]
pub struct Links {
    rules: Mutex<BTreeMap<Way, Rule>>,
    changed: watch::Sender<u64>,
    open: Mutex<BTreeMap<u64, (Way, Arc<Notify>)>>,
    numbers: AtomicU64,
    prng: Mutex<Prng>,
    /// What was done.
    pub counts: Counts,
}

/// What was done to connections and pieces.
#[derive(Default, Debug)]
pub struct Counts {
    /// Connections opened.
    pub connections: AtomicU64,
    /// Pieces passed on, also those that something was done to.
    pub pieces: AtomicU64,
    /// Bytes between nodes.
    pub peer_bytes: AtomicU64,
    /// Pieces that met a cut and waited.
    pub held: AtomicU64,
    /// Connections reset.
    pub resets: AtomicU64,
    /// Pieces delayed.
    pub delayed: AtomicU64,
    /// Pieces that took much longer.
    pub stalled: AtomicU64,
    /// Pieces that trickled.
    pub trickled: AtomicU64,
    /// Pieces that arrived twice.
    pub repeated: AtomicU64,
    /// Pieces with a flipped bit.
    pub corrupted: AtomicU64,
    /// Pieces swallowed.
    pub swallowed: AtomicU64,
}

impl Counts {
    /// All of them by name.
    pub fn all(&self) -> BTreeMap<&'static str, u64> {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [
            ("connections", of(&self.connections)),
            ("pieces", of(&self.pieces)),
            ("peer bytes", of(&self.peer_bytes)),
            ("held by a cut", of(&self.held)),
            ("connections reset", of(&self.resets)),
            ("delayed", of(&self.delayed)),
            ("stalled", of(&self.stalled)),
            ("trickled", of(&self.trickled)),
            ("repeated", of(&self.repeated)),
            ("corrupted", of(&self.corrupted)),
            ("swallowed", of(&self.swallowed)),
        ]
        .into()
    }

    pub(super) fn add(count: &AtomicU64, more: u64) {
        count.fetch_add(more, Ordering::Relaxed);
    }
}

impl Links {
    pub(super) fn new(seed: u64) -> Arc<Links> {
        Arc::new(Links {
            rules: Mutex::default(),
            changed: watch::channel(0).0,
            open: Mutex::default(),
            numbers: AtomicU64::new(0),
            prng: Mutex::new(Prng::keyed(seed, "links", &[])),
            counts: Counts::default(),
        })
    }

    /// Sets the rule of some directions.
    pub fn set(&self, ways: impl IntoIterator<Item = (End, End)>, rule: Rule) {
        let mut rules = locked(&self.rules);
        for way in ways {
            rules.insert(way, rule);
        }
        drop(rules);
        self.changed.send_modify(|version| *version += 1);
    }

    /// Makes all links good.
    pub fn heal(&self) {
        locked(&self.rules).clear();
        self.changed.send_modify(|version| *version += 1);
    }

    /// Resets the connections that `which` names; how many there were.
    pub fn reset(&self, which: impl Fn((End, End)) -> bool) -> u64 {
        let open = locked(&self.open);
        let hit: Vec<_> = open.values().filter(|(way, _)| which(*way)).collect();
        hit.iter().for_each(|(_, reset)| reset.notify_one());
        Counts::add(&self.counts.resets, hit.len() as u64);
        hit.len() as u64
    }

    pub(super) fn rule(&self, way: Way) -> Rule {
        locked(&self.rules).get(&way).copied().unwrap_or_default()
    }

    /// Waits until a direction is not cut; true if it was.
    pub(super) async fn passable(&self, way: Way) -> bool {
        if !self.rule(way).cut {
            return false;
        }
        let mut changed = self.changed.subscribe();
        // The sender is here, so this cannot fail.
        let _ = changed.wait_for(|_| !self.rule(way).cut).await;
        true
    }

    pub(super) fn open(self: &Arc<Links>, from: End, to: End) -> Connection {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let reset = Arc::new(Notify::new());
        locked(&self.open).insert(number, ((from, to), Arc::clone(&reset)));
        Counts::add(&self.counts.connections, 1);
        Connection { links: Arc::clone(self), number, reset }
    }

    /// A number below `bound`.
    pub(super) fn below(&self, bound: u64) -> u64 {
        locked(&self.prng).below(bound.max(1))
    }
}

/// A connection that stands.
pub(super) struct Connection {
    links: Arc<Links>,
    number: u64,
    reset: Arc<Notify>,
}

impl Connection {
    pub(super) async fn when_reset(&self) {
        self.reset.notified().await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        locked(&self.links.open).remove(&self.number);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
