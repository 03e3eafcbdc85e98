//! One comparison as its driver sees it: where in the trees it is and what it has found.
//!
//! Invariant: it only goes down; what it will act on was different twice.

use super::knowledge::Knowledge;
use super::shared::list_hash;
use crate::message::{Differences, Spot};
use crate::tree::{FAN, Patch, Tree, TreePart};
use ring::{NodeId, PartitionId};
use std::collections::BTreeMap;
use stdx::{Mono, Wall};

/// Branches looked into in one comparison; the next one finds the rest.
const BRANCHES_MAX: usize = 1_024;

/// How far down a comparison is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// One hash for all roots.
    Window,
    /// The roots.
    Roots,
    /// The branches of trees whose roots differ.
    Branches,
    /// The leaves of branches that differ.
    Leaves,
    /// Waiting for what was on its way.
    Pause,
    /// The same leaves again.
    Again,
}

/// A comparison with one peer.
#[derive(Clone, Debug)]
pub(super) struct Round {
    pub(super) with: NodeId,
    pub(super) phase: Phase,
    /// Trees of the window.
    window: Vec<Tree>,
    /// Those whose roots differ.
    trees: Vec<Tree>,
    /// Branches that differ.
    branches: Vec<(Tree, u8)>,
    /// Leaves that differed at the first look, one bit each.
    leaves: BTreeMap<(Tree, u8), u32>,
    /// When our own hashes were looked up.
    looked_at: Wall,
    /// When to go on or to give up.
    pub(super) wake_at: Mono,
}

/// What follows from an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Look further down.
    Ask,
    /// Look again later.
    Pause,
    /// Nothing differs, or it cannot be told.
    Over,
    /// These leaves differ.
    Found(Vec<Patch>),
}

impl Round {
    pub(super) fn new(with: NodeId, window: Vec<Tree>, wake_at: Mono) -> Round {
        Round {
            with,
            phase: Phase::Window,
            window,
            trees: Vec::new(),
            branches: Vec::new(),
            leaves: BTreeMap::new(),
            looked_at: Wall(0),
            wake_at,
        }
    }

    /// The parts of our own trees that are needed next.
    pub(super) fn parts(&self) -> Vec<TreePart> {
        match self.phase {
            Phase::Window | Phase::Roots => self.window.iter().copied().map(TreePart::Root).collect(),
            Phase::Branches => self.trees.iter().copied().map(TreePart::Branches).collect(),
            Phase::Leaves | Phase::Pause | Phase::Again => {
                self.branches.iter().map(|(tree, branch)| TreePart::Leaves(*tree, *branch)).collect()
            }
        }
    }

    /// What to ask the peer, with our own hashes. What we do not know ourselves is left out and given back.
    pub(super) fn question(&mut self, hashes: Vec<Vec<u64>>, at: Wall) -> (Vec<(Spot, Vec<u64>)>, Vec<PartitionId>) {
        self.looked_at = at;
        let mut unknown = Vec::new();
        let mut known = |tree: Tree, hashes: &[u64]| {
            if hashes.is_empty() {
                unknown.push(tree.partition);
            }
            !hashes.is_empty()
        };
        let spots = match self.phase {
            Phase::Window | Phase::Roots => {
                let roots: Vec<(Tree, u64)> = self
                    .window
                    .iter()
                    .zip(&hashes)
                    .filter(|(tree, hashes)| known(**tree, hashes))
                    .filter_map(|(tree, hashes)| Some((*tree, *hashes.first()?)))
                    .collect();
                let is_whole = roots.len() == self.window.len();
                let all = roots.iter().fold(0, |all, (_, root)| all ^ root);
                let (trees, roots): (Vec<Tree>, Vec<u64>) = roots.into_iter().unzip();
                match (trees.first(), trees.last()) {
                    (Some(first), Some(last)) if is_whole && self.phase == Phase::Window => {
                        let (from, to, list) = (first.partition, last.partition, list_hash(&trees));
                        vec![(Spot::Window { from, to, list }, vec![all])]
                    }
                    (Some(_), _) => {
                        self.phase = Phase::Roots;
                        self.window.clone_from(&trees);
                        vec![(Spot::Roots(trees), roots)]
                    }
                    _ => Vec::new(),
                }
            }
            Phase::Branches => {
                let (trees, spots) = keep_known(&self.trees, hashes, |tree, hashes| known(*tree, hashes));
                self.trees = trees;
                self.trees.iter().copied().map(Spot::Branches).zip(spots).collect()
            }
            Phase::Leaves | Phase::Pause | Phase::Again => {
                let (branches, spots) = keep_known(&self.branches, hashes, |(tree, _), hashes| known(*tree, hashes));
                self.branches = branches;
                self.branches.iter().map(|(tree, branch)| Spot::Leaves(*tree, *branch)).zip(spots).collect()
            }
        };
        (spots, unknown)
    }

    /// The peer has answered.
    pub(super) fn answered(&mut self, knowledge: &mut Knowledge, answers: &[Differences]) -> Next {
        match self.phase {
            Phase::Window => self.on_window(knowledge, answers),
            Phase::Roots => self.on_roots(knowledge, answers),
            Phase::Branches => {
                let branches = self.trees.iter().zip(answers).flat_map(|(tree, answer)| {
                    answer.differ.iter().filter(|at| **at < FAN as u32).map(|at| (*tree, *at as u8))
                });
                self.branches = branches.take(BRANCHES_MAX).collect();
                self.down(Phase::Leaves, self.branches.is_empty())
            }
            Phase::Leaves => {
                self.leaves = self.differing_leaves(answers);
                self.branches = self.leaves.keys().copied().collect();
                self.phase = Phase::Pause;
                if self.branches.is_empty() { Next::Over } else { Next::Pause }
            }
            // It was not asked yet.
            Phase::Pause => Next::Over,
            Phase::Again => {
                let again = self.differing_leaves(answers);
                let both = again.into_iter().filter_map(|(at, leaves)| {
                    let leaves = leaves & self.leaves.get(&at).copied().unwrap_or(0);
                    (leaves != 0).then_some(Patch { tree: at.0, branch: at.1, leaves })
                });
                let patches: Vec<Patch> = both.collect();
                patches.iter().for_each(|patch| knowledge.differs(patch.tree, self.with, self.looked_at));
                if patches.is_empty() { Next::Over } else { Next::Found(patches) }
            }
        }
    }

    fn on_window(&mut self, knowledge: &mut Knowledge, answers: &[Differences]) -> Next {
        match answers {
            [answer] if answer.differ.is_empty() && answer.unknown.is_empty() => {
                self.window.iter().for_each(|tree| knowledge.equal(*tree, self.with, self.looked_at));
                Next::Over
            }
            [_] => self.down(Phase::Roots, false),
            _ => Next::Over,
        }
    }

    fn on_roots(&mut self, knowledge: &mut Knowledge, answers: &[Differences]) -> Next {
        let [answer] = answers else { return Next::Over };
        for (tree, at) in self.window.iter().zip(0u32..) {
            if answer.differ.contains(&at) {
                self.trees.push(*tree);
            } else if !answer.unknown.contains(&at) {
                knowledge.equal(*tree, self.with, self.looked_at);
            }
        }
        self.down(Phase::Branches, self.trees.is_empty())
    }

    fn down(&mut self, phase: Phase, is_over: bool) -> Next {
        self.phase = phase;
        if is_over { Next::Over } else { Next::Ask }
    }

    fn differing_leaves(&self, answers: &[Differences]) -> BTreeMap<(Tree, u8), u32> {
        let bits = |answer: &Differences| {
            answer.differ.iter().filter(|at| **at < FAN as u32).fold(0u32, |bits, at| bits | 1 << at)
        };
        let found = self.branches.iter().zip(answers).map(|(at, answer)| (*at, bits(answer)));
        found.filter(|(_, leaves)| *leaves != 0).collect()
    }
}

fn keep_known<T: Copy>(
    of: &[T],
    hashes: Vec<Vec<u64>>,
    mut known: impl FnMut(&T, &[u64]) -> bool,
) -> (Vec<T>, Vec<Vec<u64>>) {
    of.iter().copied().zip(hashes).filter(|(one, hashes)| known(one, hashes)).unzip()
}

#[cfg(test)]
mod tests {
    use super::super::knowledge::Knowledge;
    use super::{Next, Phase, Round};
    use crate::ids::BucketId;
    use crate::message::Differences;
    use crate::tree::{FAN, Patch, Tree};
    use ring::{NodeId, PartitionId};
    use stdx::{Mono, Wall};

    fn tree(partition: u16) -> Tree {
        Tree { partition: PartitionId(partition), bucket: BucketId(0) }
    }

    fn differ(at: &[u32]) -> Vec<Differences> {
        vec![Differences { differ: at.to_vec(), unknown: Vec::new() }]
    }

    fn at_the_leaves() -> (Round, Knowledge) {
        let (mut round, mut knowledge) = (Round::new(NodeId(2), vec![tree(1), tree(2)], Mono(0)), Knowledge::default());
        round.question(vec![vec![1], vec![2]], Wall(1));
        assert_eq!(round.answered(&mut knowledge, &differ(&[0])), Next::Ask);
        round.question(vec![vec![1], vec![2]], Wall(1));
        assert_eq!(round.answered(&mut knowledge, &differ(&[1])), Next::Ask);
        round.question(vec![vec![0; FAN]], Wall(1));
        assert_eq!(round.answered(&mut knowledge, &differ(&[7])), Next::Ask);
        round.question(vec![vec![0; FAN]], Wall(1));
        (round, knowledge)
    }

    #[test]
    fn only_what_differs_twice_is_acted_on() {
        let (mut round, mut knowledge) = at_the_leaves();
        assert_eq!(round.answered(&mut knowledge, &differ(&[3, 9])), Next::Pause);
        round.phase = Phase::Again;
        round.question(vec![vec![0; FAN]], Wall(2));
        let patch = Patch { tree: tree(2), branch: 7, leaves: 1 << 9 };
        assert_eq!(round.answered(&mut knowledge, &differ(&[9, 12])), Next::Found(vec![patch]));
    }

    #[test]
    fn what_was_on_its_way_is_no_difference() {
        let (mut round, mut knowledge) = at_the_leaves();
        assert_eq!(round.answered(&mut knowledge, &differ(&[3])), Next::Pause);
        round.phase = Phase::Again;
        round.question(vec![vec![0; FAN]], Wall(2));
        assert_eq!(round.answered(&mut knowledge, &differ(&[4])), Next::Over);
    }

    #[test]
    fn a_tree_that_is_unknown_here_is_left_out() {
        let mut round = Round::new(NodeId(2), vec![tree(1), tree(2)], Mono(0));
        let (spots, unknown) = round.question(vec![vec![], vec![2]], Wall(1));
        assert_eq!((spots.len(), unknown), (1, vec![PartitionId(1)]));
        assert_eq!(round.phase, Phase::Roots, "half a window has no hash");
        let (spots, _) = Round::new(NodeId(2), vec![tree(1)], Mono(0)).question(vec![vec![]], Wall(1));
        assert!(spots.is_empty());
    }
}
