//! What can happen in a state, and what comes of it.

use super::Moving;
use super::node::SETTLED;
use super::state::{Fate, State};
use super::world::{Cause, World};
use proto::{Epoch, Message};
use std::collections::BTreeSet;

/// Something that happens. Nodes and messages are named by their places in the state it happens in.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// A client begins.
    Begin(u8),
    /// A message arrives.
    Arrive(u8),
    /// A node learns of the changes.
    Hear(u8),
    /// A node learns that all others, but one who is cut off, have taken their next step.
    Learn(u8),
    /// A node learns that the one who is cut off has taken its next step.
    LearnOfCut(u8),
    /// A node does again what was refused or failed.
    Wake(u8),
    /// What a node writes about its progress is on its disk.
    Write(u8),
    /// A node holds pages of its streams to be lost and sends them again.
    LosePatience(u8),
    /// A node dies and starts again.
    Die(u8),
    /// The connection between two nodes breaks, and stands again.
    Break(u8, u8),
}

impl State {
    pub(super) fn actions(&self, model: &Moving, world: &World, actions: &mut Vec<Action>) {
        if let Some(place) = self.tidying(model, world) {
            return actions.push(Action::Arrive(place as u8));
        }
        let idle = self.fates.iter().enumerate().filter(|(_, fate)| **fate == Fate::Idle);
        actions.extend(idle.map(|(client, _)| Action::Begin(client as u8)));
        for (place, letter) in self.letters.iter().enumerate() {
            let letter = world.letter(*letter);
            // Whoever does not know an epoch yet refuses it and is asked again: as if the message were late.
            let to = model.place(letter.to).map(|to| world.node(self.nodes[to]).disk.epoch);
            if to >= epoch_of(&letter.message) {
                actions.push(Action::Arrive(place as u8));
            }
        }
        (0..self.nodes.len()).for_each(|place| self.actions_of(model, world, place, actions));
        if self.breaks < model.case.breaks {
            let ends = self.letters.iter().map(|letter| world.letter(*letter));
            let links =
                ends.filter_map(|letter| Some((model.place(letter.from)? as u8, model.place(letter.to)? as u8)));
            let links: BTreeSet<(u8, u8)> = links.map(|(from, to)| (from.min(to), from.max(to))).collect();
            actions.extend(links.into_iter().map(|(a, b)| Action::Break(a, b)));
        }
    }

    fn actions_of(&self, model: &Moving, world: &World, place: usize, actions: &mut Vec<Action>) {
        let node = world.node(self.nodes[place]);
        let at = place as u8;
        if node.disk.epoch < model.newest {
            actions.push(Action::Hear(at));
        } else {
            if self.have_reached(model, world, node.id, node.told.0 + 1, false) {
                actions.push(Action::Learn(at));
            }
            if self.have_reached(model, world, node.id, node.told.1 + 1, true) {
                actions.push(Action::LearnOfCut(at));
            }
        }
        let is_cut = model.case.cut == Some(node.id);
        let may = [
            (node.facts.wants_wake, Action::Wake(at)),
            (!node.writing.is_empty(), Action::Write(at)),
            (self.delays < model.case.delays, Action::LosePatience(at)),
            (self.deaths < model.case.deaths && !is_cut, Action::Die(at)),
        ];
        actions.extend(may.into_iter().filter(|(may, _)| *may).map(|(_, action)| action));
    }

    /// A message that may as well arrive before anything else happens: it goes with everything that can happen before it, in
    /// either order, and nobody would see the difference. Only where nobody dies and nothing gets lost.
    fn tidying(&self, model: &Moving, world: &World) -> Option<usize> {
        let tidies = |letter: &u32| {
            let letter = world.letter(*letter);
            model.place(letter.to).is_some_and(|to| world.node(self.nodes[to]).machine.only_tidies(&letter.message))
        };
        if model.case.is_calm() { self.letters.iter().position(tidies) } else { None }
    }

    /// Whether those that a node hears of together have taken a step: the one who is cut off, or all others.
    fn have_reached(&self, model: &Moving, world: &World, id: u8, step: u8, cut: bool) -> bool {
        let nodes = self.nodes.iter().map(|node| world.node(*node));
        let mut others = nodes.filter(|other| other.id != id && (Some(other.id) == model.case.cut) == cut).peekable();
        if step > SETTLED || others.peek().is_none() {
            return false;
        }
        if step == SETTLED && !cut {
            others.any(|other| other.facts.step >= step)
        } else {
            others.all(|other| other.facts.step >= step)
        }
    }

    pub(super) fn apply(&mut self, model: &Moving, world: &mut World, action: Action) -> Result<(), String> {
        match action {
            Action::Begin(client) => {
                self.fates[usize::from(client)] = Fate::Open(self.owed);
                let at = model.place(model.case.clients[usize::from(client)].1).expect("clients are with nodes");
                self.happen(model, world, at, Cause::Client(client))?;
            }
            Action::Arrive(place) => {
                let letter = self.letters.remove(usize::from(place));
                let at = model.place(world.letter(letter).to).expect("only such are posted");
                self.happen(model, world, at, Cause::Letter(letter))?;
            }
            Action::Hear(at) => self.happen(model, world, usize::from(at), Cause::Hear)?,
            Action::Learn(at) => self.learn(model, world, usize::from(at), false)?,
            Action::LearnOfCut(at) => self.learn(model, world, usize::from(at), true)?,
            Action::Wake(at) => self.happen(model, world, usize::from(at), Cause::Wake)?,
            Action::Write(at) => self.happen(model, world, usize::from(at), Cause::Write)?,
            Action::LosePatience(at) => {
                self.delays += 1;
                self.happen(model, world, usize::from(at), Cause::LosePatience)?;
            }
            Action::Die(at) => self.die(model, world, usize::from(at))?,
            Action::Break(a, b) => {
                self.breaks += 1;
                self.reconnect(model, world, usize::from(a), usize::from(b))?;
            }
        }
        self.check(model, world)
    }

    fn learn(&mut self, model: &Moving, world: &mut World, at: usize, cut: bool) -> Result<(), String> {
        let node = world.node(self.nodes[at]);
        let step = if cut { node.told.1 } else { node.told.0 } + 1;
        let has_settled = |other: &u32| world.node(*other).facts.step >= SETTLED && *other != self.nodes[at];
        let settled = self.nodes.iter().find(|other| has_settled(other)).map(|other| world.node(*other).id);
        self.happen(model, world, at, Cause::Learn(cut, settled.filter(|_| step == SETTLED)))
    }

    fn die(&mut self, model: &Moving, world: &mut World, at: usize) -> Result<(), String> {
        self.deaths += 1;
        let id = world.node(self.nodes[at]).id;
        for (fate, (_, at)) in self.fates.iter_mut().zip(&model.case.clients) {
            if *at == id && matches!(fate, Fate::Open(_)) {
                *fate = Fate::Unknown;
            }
        }
        self.happen(model, world, at, Cause::Die)?;
        let mut others = (0..self.nodes.len()).filter(|other| *other != at);
        others.try_for_each(|other| self.reconnect(model, world, other, at))
    }

    /// What is on its way between two nodes is lost, and both know.
    fn reconnect(&mut self, model: &Moving, world: &mut World, a: usize, b: usize) -> Result<(), String> {
        let (one, other) = (world.node(self.nodes[a]).id, world.node(self.nodes[b]).id);
        self.letters.retain(|letter| {
            let letter = world.letter(*letter);
            !matches!((letter.from, letter.to), ends if ends == (one, other) || ends == (other, one))
        });
        self.happen(model, world, a, Cause::Reconnect(other))?;
        self.happen(model, world, b, Cause::Reconnect(one))
    }

    pub(super) fn describe(&self, world: &World, action: Action) -> String {
        let node = |at: u8| world.node(self.nodes[usize::from(at)]).id;
        match action {
            Action::Begin(client) => format!("client {client} begins"),
            Action::Arrive(place) => {
                let letter = world.letter(self.letters[usize::from(place)]);
                format!("{} to {}: {:?}", letter.from, letter.to, letter.message)
            }
            Action::Hear(at) => format!("{} hears of the changes", node(at)),
            Action::Learn(at) => format!("{} learns how far the others are", node(at)),
            Action::LearnOfCut(at) => format!("{} learns how far the one is who is cut off", node(at)),
            Action::Wake(at) => format!("{} tries again", node(at)),
            Action::Write(at) => format!("{} has its progress on disk", node(at)),
            Action::LosePatience(at) => format!("{} waits no longer for its pages", node(at)),
            Action::Die(at) => format!("{} dies and starts again", node(at)),
            Action::Break(a, b) => format!("the connection of {} and {} breaks", node(a), node(b)),
        }
    }
}

/// The epoch that the receiver of a message must know, if any.
fn epoch_of(message: &Message) -> Option<Epoch> {
    match message {
        Message::Replicate { epoch, .. }
        | Message::Read { epoch, .. }
        | Message::Offer { epoch, .. }
        | Message::Push { epoch, .. } => Some(*epoch),
        _ => None,
    }
}
