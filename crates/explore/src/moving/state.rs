//! A state of the model: the nodes and what is on its way between them, by their numbers, and what clients know.
//!
//! Invariant: letters are in one order, so states that go on alike are equal.

use super::Moving;
use super::case::Deed;
use super::world::{Answer, Cause, World};

/// What became of a client's one operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Fate {
    /// Not begun.
    Idle,
    /// Begun, when these versions were owed to it.
    Open(u8),
    /// Acknowledged, or read.
    Done,
    /// Without an answer, or refused.
    Unknown,
}

/// Everything.
#[derive(Clone, Hash)]
pub struct State {
    /// In the order of the nodes of the case.
    pub(super) nodes: Vec<u32>,
    /// In order.
    pub(super) letters: Vec<u32>,
    pub(super) fates: Vec<Fate>,
    /// Versions that every quorum read must show from now on: they were acknowledged, or one has shown them.
    pub(super) owed: u8,
    pub(super) deaths: u8,
    pub(super) breaks: u8,
    pub(super) delays: u8,
}

impl State {
    pub(super) fn new(model: &Moving, nodes: Vec<u32>) -> State {
        let fates = vec![Fate::Idle; model.case.clients.len()];
        State { nodes, letters: Vec::new(), fates, owed: 0, deaths: 0, breaks: 0, delays: 0 }
    }

    /// Something happens to the node at a place.
    pub(super) fn happen(
        &mut self,
        model: &Moving,
        world: &mut World,
        place: usize,
        cause: Cause,
    ) -> Result<(), String> {
        let outcome = world.outcome(model, self.nodes[place], cause);
        self.nodes[place] = outcome.node;
        for letter in &outcome.letters {
            // The same thing said twice while it is on its way arrives once: a second time is as if it had been late.
            if model.place(world.letter(*letter).to).is_some()
                && let Err(at) = self.letters.binary_search(letter)
            {
                self.letters.insert(at, *letter);
            }
        }
        outcome.answers.iter().try_for_each(|(client, answer)| self.tell(model, *client, *answer))
    }

    fn tell(&mut self, model: &Moving, client: u8, answer: Answer) -> Result<(), String> {
        let fate = &mut self.fates[usize::from(client)];
        let Fate::Open(floor) = *fate else { return Err(format!("client {client} is answered twice")) };
        *fate = match (model.case.clients[usize::from(client)].0, answer) {
            (Deed::Put, Answer::Written) => {
                self.owed |= 1 << client;
                Fate::Done
            }
            (Deed::Get, Answer::Found(seen)) => {
                let floor = floor & model.case.versions_of(client);
                if seen & floor != floor {
                    return Err(format!("client {client} read {seen:#b} and was owed {floor:#b}"));
                }
                self.owed |= seen;
                Fate::Done
            }
            _ => Fate::Unknown,
        };
        Ok(())
    }

    /// No read that happened at one blow in this state, on whichever node and from whichever replicas, would miss what is
    /// owed.
    pub(super) fn check(&self, model: &Moving, world: &World) -> Result<(), String> {
        if self.owed == 0 {
            return Ok(());
        }
        for reader in &self.nodes {
            let reader = world.node(*reader);
            let Some((epoch, replicas)) = &reader.facts.reads else { continue };
            let answers = replicas.iter().filter_map(|replica| model.place(*replica));
            let answers = answers.map(|place| world.node(self.nodes[place]));
            let answers = answers.filter(|node| node.facts.answers >> epoch & 1 == 1);
            let (mut count, mut lacking) = ([0; 8], 0);
            for node in answers {
                lacking |= self.owed & !node.facts.versions;
                (0..8).for_each(|version| count[version] += (self.owed & !node.facts.versions) >> version & 1);
            }
            let needed = replicas.len() as u8 / 2 + 1;
            if lacking != 0
                && let Some(version) = count.iter().position(|count| *count >= needed)
            {
                let (id, n) = (reader.id, replicas.len());
                return Err(format!("a read on {id} by view {epoch} could miss version {version} on a quorum of {n}"));
            }
        }
        Ok(())
    }

    /// At the end the change is over and every client has its answer.
    pub(super) fn check_end(&self, model: &Moving, world: &World) -> Result<(), String> {
        if let Some(client) = self.fates.iter().position(|fate| matches!(fate, Fate::Open(_))) {
            return Err(format!("client {client} never gets an answer"));
        }
        let mut nodes = self.nodes.iter().map(|node| world.node(*node));
        match nodes.find(|node| node.disk.progress.settled < model.newest) {
            Some(node) => Err(format!("node {} stays at {:?}", node.id, node.disk.progress)),
            None => Ok(()),
        }
    }
}

/// The versions that a node holds, one bit for each.
pub(super) fn versions(disk: &super::disk::Disk) -> u8 {
    let versions = disk.records.values().flat_map(proto::Record::versions);
    let values = versions.filter_map(|(_, version)| version.value.as_ref());
    values.fold(0, |held, value| held | 1 << value.bytes[0])
}
