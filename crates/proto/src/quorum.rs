//! Counting who has answered. Pure: knows sets of replicas and numbers, nothing of messages or time.
//!
//! Invariant: while the ring changes, the old and the new replicas are two sets that are counted apart; a write is done
//! only when each set has as many answers as its own size asks for (never "W + 1 over the union").

use crate::bucket::Level;
use ring::NodeId;
use std::sync::Arc;
use stdx::bugs::planted;

/// A set of replicas and how many of them must answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    /// The replicas, distinct.
    pub replicas: Arc<[NodeId]>,
    /// How many must answer.
    pub needed: usize,
}

/// How much of each replica set an operation needs; the sets change with the views in use.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Need {
    /// What the level asks for.
    Level(Level),
    /// So many replicas, or all if there are fewer.
    Copies(usize),
    /// The node a hint was kept for, or all replicas while the ring changes or if it is none any more.
    Hinted(NodeId),
}

/// Answers counted against one or more groups.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Quorum {
    groups: Vec<Group>,
    /// Ascending.
    answered: Vec<NodeId>,
}

impl Quorum {
    /// Nobody has answered yet.
    pub fn new(groups: Vec<Group>) -> Quorum {
        Quorum { groups, answered: Vec::new() }
    }

    /// From now on other groups count. Answers stay: what a replica has on disk it still has, or has handed over.
    pub fn regroup(&mut self, groups: Vec<Group>) {
        self.groups = groups;
    }

    /// A replica has answered. Repetition counts once.
    pub fn add(&mut self, node: NodeId) {
        match self.answered.binary_search(&node) {
            Ok(at) if planted("an answer counts twice") => self.answered.insert(at, node),
            Ok(_) => {}
            Err(at) => self.answered.insert(at, node),
        }
    }

    /// True if the replica has answered.
    pub fn has(&self, node: NodeId) -> bool {
        self.answered.contains(&node)
    }

    /// True if every group has the answers it needs.
    pub fn is_met(&self) -> bool {
        if planted("w plus one over the union") && self.groups.len() > 1 {
            return self.groups.iter().map(|group| group.needed + 1).max() <= Some(self.answered.len());
        }
        if planted("an answer counts twice") {
            return self.groups.iter().all(|group| self.answered.len() >= group.needed);
        }
        self.groups.iter().all(|group| self.count(group) >= group.needed)
    }

    /// True if every group could still be met if only the nodes that are `hopeful` answered from now on.
    pub fn can_be_met(&self, hopeful: impl Fn(NodeId) -> bool) -> bool {
        let (possible, needed) = self.within_reach(hopeful);
        possible >= needed
    }

    /// Replicas that have answered or may, and answers needed, in the group that lacks most.
    pub fn within_reach(&self, hopeful: impl Fn(NodeId) -> bool) -> (usize, usize) {
        let possible = |group: &Group| group.replicas.iter().filter(|node| self.has(**node) || hopeful(**node)).count();
        let counts = self.groups.iter().map(|group| (possible(group), group.needed));
        counts.max_by_key(|(possible, needed)| needed.saturating_sub(*possible)).unwrap_or((0, 0))
    }

    /// Every replica of every group, once.
    pub fn replicas(&self) -> Vec<NodeId> {
        if let [only] = self.groups.as_slice() {
            return only.replicas.to_vec();
        }
        let mut all: Vec<NodeId> = Vec::new();
        for node in self.groups.iter().flat_map(|group| group.replicas.iter()) {
            if !all.contains(node) {
                all.push(*node);
            }
        }
        all
    }

    /// True if every replica has answered, or is one of those.
    pub fn all_answered_or(&self, is_one_of_those: impl Fn(NodeId) -> bool) -> bool {
        self.groups.iter().flat_map(|group| group.replicas.iter()).all(|node| self.has(*node) || is_one_of_those(*node))
    }

    /// True if the node is a replica of some group.
    pub fn counts(&self, node: NodeId) -> bool {
        self.groups.iter().any(|group| group.replicas.contains(&node))
    }

    /// Replicas that have not answered.
    pub fn silent(&self) -> Vec<NodeId> {
        let mut silent = self.replicas();
        silent.retain(|node| !self.has(*node));
        silent
    }

    /// Answers had and answers needed, in the group that lacks most.
    pub fn worst(&self) -> (usize, usize) {
        self.groups
            .iter()
            .map(|group| (self.count(group), group.needed))
            .max_by_key(|(got, needed)| needed.saturating_sub(*got))
            .unwrap_or((0, 0))
    }

    /// How many have answered.
    pub fn answers(&self) -> usize {
        self.answered.len()
    }

    fn count(&self, group: &Group) -> usize {
        group.replicas.iter().filter(|node| self.has(**node)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::{Group, Quorum};
    use ring::NodeId;

    fn group(ids: &[u128], needed: usize) -> Group {
        Group { replicas: ids.iter().copied().map(NodeId).collect(), needed }
    }

    #[test]
    fn old_and_new_replicas_are_counted_apart() {
        let mut quorum = Quorum::new(vec![group(&[1, 2, 3], 2), group(&[3, 4, 5], 2)]);
        quorum.add(NodeId(1));
        quorum.add(NodeId(3));
        quorum.add(NodeId(3));
        assert!(!quorum.is_met(), "two of the old and one of the new are not a quorum of both");
        assert_eq!(quorum.worst(), (1, 2));
        quorum.add(NodeId(5));
        assert!(quorum.is_met());
        assert_eq!(quorum.silent(), [NodeId(2), NodeId(4)]);
    }

    #[test]
    fn a_quorum_is_given_up_only_when_it_is_out_of_reach() {
        let mut quorum = Quorum::new(vec![group(&[1, 2, 3], 2)]);
        assert!(quorum.can_be_met(|node| node != NodeId(1)));
        assert!(!quorum.can_be_met(|node| node == NodeId(1)));
        assert_eq!(quorum.within_reach(|node| node == NodeId(1)), (1, 2));
        quorum.add(NodeId(2));
        assert!(quorum.can_be_met(|node| node == NodeId(1)));
    }
}
