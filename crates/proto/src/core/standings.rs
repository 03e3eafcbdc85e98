//! How far each node has said it is, and how far the last of them is, which is asked for with every input while the ring changes.
//!
//! Invariant: no part of anybody's progress ever goes back; `version` changes with every change, so whatever is remembered of
//! one version is true of it.
//! Refuses to know views, and who is waited for.

use crate::ids::Epoch;
use crate::message::Progress;
use crate::paxos::register::Floor;
use crate::pulse::Pulse;
use causal::Stamp;
use ring::NodeId;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::ops::Deref;

/// Progress by node.
#[derive(Clone, Default)]
pub(crate) struct Standings {
    of: BTreeMap<NodeId, Progress>,
    /// Changes so far, but for those of pulses.
    version: u64,
    /// Of whom something new was heard since this was asked last.
    news: BTreeSet<NodeId>,
    least: Remembered<Least>,
    target: Remembered<Epoch>,
    most: Most,
}

/// What the answer to a question follows from: the version, the oldest and the newest epoch in use, and how often those
/// who are not waited for have changed.
pub(crate) type Asked = (u64, Epoch, Epoch, u64);

/// The newest answer to a question, and what it is true of.
type Remembered<T> = Cell<Option<(Asked, T)>>;

/// How far the last of those is that a change waits for.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Least {
    pub(crate) acked: Epoch,
    pub(crate) synced: Epoch,
    pub(crate) switched: Epoch,
}

impl Least {
    /// The lesser of each part.
    pub(crate) fn min(self, other: Least) -> Least {
        Least {
            acked: self.acked.min(other.acked),
            synced: self.synced.min(other.synced),
            switched: self.switched.min(other.switched),
        }
    }
}

impl From<Progress> for Least {
    fn from(progress: Progress) -> Least {
        Least { acked: progress.acked, synced: progress.synced, switched: progress.switched }
    }
}

/// The furthest that anybody is.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Most {
    pub(crate) synced: Epoch,
    pub(crate) settled: Epoch,
    pub(crate) collected: Stamp,
    pub(crate) floor: Floor,
}

impl Standings {
    /// As they were written down.
    pub(crate) fn new(of: BTreeMap<NodeId, Progress>) -> Standings {
        let mut standings = Standings::default();
        of.into_iter().for_each(|(node, progress)| standings.hear(node, progress));
        standings
    }

    /// Hears how far a node is.
    pub(crate) fn hear(&mut self, node: NodeId, progress: Progress) {
        let known = self.of.entry(node).or_default();
        let merged = known.merged(progress);
        if merged.steps() != known.steps() {
            self.version += 1;
            self.news.insert(node);
        }
        *known = merged;
        self.most.synced = self.most.synced.max(progress.synced);
        self.most.settled = self.most.settled.max(progress.settled);
        self.most.collected = self.most.collected.max(progress.collected);
        self.most.floor = self.most.floor.merged(progress.floor.unwrap_or_default());
    }

    /// The newest pulse of a node.
    pub(crate) fn set_pulse(&mut self, node: NodeId, pulse: Pulse) {
        self.of.entry(node).or_default().pulse = pulse;
    }

    pub(crate) fn most(&self) -> Most {
        self.most
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Nodes of whom something new was heard since they were last taken from here.
    pub(crate) fn news(&mut self) -> &mut BTreeSet<NodeId> {
        &mut self.news
    }

    /// How far the last one is: what was remembered, or what `find` finds.
    pub(crate) fn least(&self, asked: Asked, find: impl FnOnce() -> Least) -> Least {
        remember(&self.least, asked, find)
    }

    /// The epoch to hand over to: what was remembered, or what `find` finds.
    pub(crate) fn target(&self, asked: Asked, find: impl FnOnce() -> Epoch) -> Epoch {
        remember(&self.target, asked, find)
    }
}

fn remember<T: Copy>(remembered: &Remembered<T>, asked: Asked, find: impl FnOnce() -> T) -> T {
    if let Some((_, answer)) = remembered.get().filter(|(known, _)| *known == asked) {
        return answer;
    }
    let answer = find();
    remembered.set(Some((asked, answer)));
    answer
}

impl Deref for Standings {
    type Target = BTreeMap<NodeId, Progress>;

    fn deref(&self) -> &BTreeMap<NodeId, Progress> {
        &self.of
    }
}

impl Hash for Standings {
    /// What was remembered decides nothing.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.of.hash(hasher);
    }
}

#[cfg(test)]
mod tests {
    use super::{Least, Standings};
    use crate::ids::Epoch;
    use crate::message::Progress;
    use crate::pulse::Pulse;
    use ring::NodeId;

    #[test]
    fn what_is_remembered_is_of_the_version_that_was_asked_about() {
        let mut standings = Standings::default();
        standings.hear(NodeId(1), Progress { acked: Epoch(3), synced: Epoch(2), ..Progress::default() });
        let asked = |standings: &Standings| (standings.version(), Epoch(1), Epoch(3), 0);
        let three = Least { acked: Epoch(3), ..Least::default() };
        assert_eq!(standings.least(asked(&standings), || three), three);
        assert_eq!(standings.least(asked(&standings), || unreachable!("it is remembered")), three);
        standings.hear(NodeId(1), Progress { acked: Epoch(2), ..Progress::default() });
        standings.set_pulse(NodeId(1), Pulse { number: 9, life: 1, batches: 0 });
        assert_eq!(standings.least(asked(&standings), || unreachable!("nothing new was heard")), three);
        standings.hear(NodeId(2), Progress { synced: Epoch(3), ..Progress::default() });
        assert_eq!(standings.least(asked(&standings), Least::default), Least::default(), "somebody new");
        assert_eq!((standings.most().synced, standings.most().settled), (Epoch(3), Epoch(0)));
        assert_eq!(standings.news().len(), 2);
    }
}
