//! What is explored of collections: who does what, what may go wrong, and which bug is planted.

use proto::quorum::Group;
use ring::NodeId;

/// One operation of a proposer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed {
    /// Append its name.
    Append,
    /// Ask again for the append before it, of which the outcome may not be known.
    Again,
    /// Delete.
    Delete,
    /// Read.
    Read,
}

/// A configuration.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is called.
    pub name: &'static str,
    /// How many replicas there are.
    pub replicas: u8,
    /// What each proposer does, one operation after the other.
    pub proposers: Vec<Vec<Deed>>,
    /// Attempts of a change before it is given up for good.
    pub attempts: u8,
    /// How often all replicas may agree that what they hold may go.
    pub collections: u8,
    /// How often a replica may be given what another one holds.
    pub repairs: u8,
    /// What is wrong, if anything.
    pub bug: Option<Bug>,
}

/// Something wrong that the search must find.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bug {
    /// Replicas let go before everybody has heard of the floor.
    FloorUnheard,
    /// Replicas take what was asked before a collection.
    LateAsks,
    /// A ballot that a quorum promised before a collection is used after it.
    CacheBeneathTheFloor,
    /// A replica lets go of whatever it holds.
    LetsGoOfAnything,
    /// In the nodes: a change that is asked for again is made if nothing is held.
    MadeAgain,
    /// In the nodes: what begins anew counts from 0.
    NumbersBeginAnew,
}

impl Bug {
    /// The name of a bug in the nodes' own code, or none.
    pub fn planted(self) -> &'static str {
        match self {
            Bug::MadeAgain => "a change is made again when its register is gone",
            Bug::NumbersBeginAnew => "versions begin anew after a collection",
            _ => "",
        }
    }
}

impl Case {
    /// Replicas, and what proposers do; one collection, no repair.
    pub fn of(name: &'static str, replicas: u8, proposers: &[&[Deed]]) -> Case {
        let proposers = proposers.iter().map(|deeds| deeds.to_vec()).collect();
        Case { name, replicas, proposers, attempts: 1, collections: 1, repairs: 0, bug: None }
    }

    /// A majority.
    pub(super) fn groups(&self) -> Vec<Group> {
        let replicas = (0..self.replicas).map(|replica| NodeId(u128::from(replica))).collect();
        vec![Group { replicas, needed: usize::from(self.replicas) / 2 + 1 }]
    }

    pub(super) fn is(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }
}
