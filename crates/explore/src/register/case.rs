//! What is explored: who does what, what may go wrong, and which bug is planted in the model's half of the protocol (what
//! is durable, which ballots are given out, when a change of the replicas takes its steps).

use proto::quorum::Group;
use ring::NodeId;

/// One operation of a proposer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed {
    /// Append its name.
    Append,
    /// Append its name if nothing was appended yet.
    First,
    /// Read.
    Read,
}

/// A configuration.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is called.
    pub name: &'static str,
    /// Replicas before a change.
    pub before: Vec<u8>,
    /// A change of the replicas.
    pub change: Option<Move>,
    /// What each proposer does, one operation after the other.
    pub proposers: Vec<Vec<Deed>>,
    /// Attempts of an operation before it is given up for good.
    pub attempts: u8,
    /// How often a replica may lose what is not durable.
    pub deaths: u8,
    /// How often a proposer may die and begin a new life.
    pub rebirths: u8,
    /// What is wrong, if anything.
    pub bug: Option<Bug>,
}

/// A change of the replicas.
#[derive(Clone, Debug)]
pub struct Move {
    /// The replicas after it.
    pub after: Vec<u8>,
    /// A replica that the change does not wait for: it is cut off, not dead.
    pub absent: Option<u8>,
}

/// Something wrong that the search must find.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bug {
    /// A promise is said before it is durable.
    PromiseNotStored,
    /// An acceptance is said before it is durable.
    AcceptNotStored,
    /// A ballot and its cell are used again although their accept was not decided (protocols note b7, trap 1).
    BallotUsedAgain,
    /// A proposer does not know after a death that it had an earlier life, so it gives its ballots out again.
    LifeForgotten,
    /// Replicas answer proposers of every epoch.
    NoFence,
    /// Joiners are not given what the old replicas hold.
    JoinerNotSeeded,
    /// Joiners are given it before the old replicas have fenced the old epoch.
    SeededBeforeFence,
    /// While the replicas change, the new ones alone decide.
    NewAlone,
}

impl Case {
    /// Three replicas that stay, and nothing dies.
    pub fn of(name: &'static str, proposers: &[&[Deed]]) -> Case {
        Case {
            name,
            before: vec![0, 1, 2],
            change: None,
            proposers: proposers.iter().map(|deeds| deeds.to_vec()).collect(),
            attempts: 1,
            deaths: 0,
            rebirths: 0,
            bug: None,
        }
    }

    /// How many replicas there are, before and after.
    pub fn replicas(&self) -> usize {
        let after = self.change.iter().flat_map(|change| &change.after);
        self.before.iter().chain(after).max().map_or(0, |highest| usize::from(*highest) + 1)
    }

    /// Those who take over.
    pub(super) fn joiners(&self) -> Vec<u8> {
        let after = self.change.iter().flat_map(|change| change.after.iter().copied());
        after.filter(|replica| !self.before.contains(replica)).collect()
    }

    /// Replicas of the same kind are in all views in the same way. Joiners are told apart, because gifts name them.
    pub(super) fn kind(&self, replica: u8) -> u8 {
        let stays = self.change.as_ref().is_none_or(|change| change.after.contains(&replica));
        match self.before.contains(&replica) {
            true => u8::from(stays) | u8::from(self.is_absent(replica)) << 1,
            false => 4 + replica,
        }
    }

    pub(super) fn is_absent(&self, replica: u8) -> bool {
        self.change.as_ref().is_some_and(|change| change.absent == Some(replica))
    }

    /// The quorums of a proposer: under epoch 1, under epoch 2 while the old view is in use, and when it is not.
    pub(super) fn groups(&self, epoch: u8, stable: u8) -> Vec<Group> {
        let after = self.change.as_ref().map(|change| group(&change.after));
        match (epoch, stable, after) {
            (2, 1, Some(after)) if self.bug == Some(Bug::NewAlone) => vec![after],
            (2, 1, Some(after)) => vec![group(&self.before), after],
            (2, _, Some(after)) => vec![after],
            _ => vec![group(&self.before)],
        }
    }
}

fn group(replicas: &[u8]) -> Group {
    let nodes = replicas.iter().map(|replica| NodeId(u128::from(*replica))).collect();
    Group { replicas: nodes, needed: replicas.len() / 2 + 1 }
}
