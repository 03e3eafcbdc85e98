//! Every node and every message that was met so far, by number, and what became of each node at each input: a node that
//! was met before with the same input need not be asked again. A search meets few different nodes and very many
//! combinations of them.
//!
//! Invariant: equal nodes have equal numbers, and so have equal messages.

use super::Moving;
use super::case;
use super::node::{Node, Said};
use crate::search::Both;
use proto::{Input, Message, Response};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::Hash;
use std::rc::Rc;

/// A message on its way.
pub(super) struct Letter {
    pub(super) from: u8,
    pub(super) to: u8,
    pub(super) message: Message,
    pub(super) hash: u128,
}

/// What happens to a node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Cause {
    /// This client begins.
    Client(u8),
    /// This message arrives.
    Letter(u32),
    /// It hears of the changes.
    Hear,
    /// It learns that others have taken a step: the one who is cut off, or all others; and who has settled, if that is it.
    Learn(bool, Option<u8>),
    /// See [`super::Action`].
    Wake,
    Write,
    LosePatience,
    Die,
    /// The connection to this node broke, and stands again.
    Reconnect(u8),
}

/// What comes of it.
pub(super) struct Outcome {
    pub(super) node: u32,
    pub(super) letters: Vec<u32>,
    pub(super) answers: Vec<(u8, Answer)>,
}

/// What a client is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    Written,
    /// These versions.
    Found(u8),
    Refused,
}

/// Everything that was met so far.
#[derive(Default)]
pub(super) struct World {
    nodes: Vec<Rc<Node>>,
    nodes_by_hash: HashMap<u128, u32>,
    letters: Vec<Rc<Letter>>,
    letters_by_hash: HashMap<u128, u32>,
    outcomes: HashMap<(u32, Cause), Rc<Outcome>>,
}

impl World {
    /// How many different nodes, messages, and nodes with inputs were met.
    pub(super) fn sizes(&self) -> (usize, usize, usize) {
        (self.nodes.len(), self.letters.len(), self.outcomes.len())
    }

    pub(super) fn node(&self, number: u32) -> &Rc<Node> {
        &self.nodes[number as usize]
    }

    pub(super) fn letter(&self, number: u32) -> &Rc<Letter> {
        &self.letters[number as usize]
    }

    /// The number of a node.
    pub(super) fn enter(&mut self, node: Node) -> u32 {
        let next = self.nodes.len() as u32;
        let number = *self.nodes_by_hash.entry(node.hash).or_insert(next);
        if number == next {
            self.nodes.push(Rc::new(node));
        }
        number
    }

    /// What comes of it if this happens to a node.
    pub(super) fn outcome(&mut self, model: &Moving, number: u32, cause: Cause) -> Rc<Outcome> {
        if let Some(known) = self.outcomes.get(&(number, cause)) {
            return Rc::clone(known);
        }
        let mut node = Node::clone(&self.nodes[number as usize]);
        let (from, said) = (node.id, self.happen(model, &mut node, cause));
        let mut outcome = Outcome { node: self.enter(node), letters: Vec::new(), answers: Vec::new() };
        for said in said {
            match said {
                Said::Client(client, response) => outcome.answers.push((client.0 as u8, answer(&response))),
                Said::To(to, message) if travels(&message) => {
                    let to = case::node(to);
                    let letter = Letter { from, to, hash: hash_of(from, to, &message), message: *message };
                    outcome.letters.push(self.post(letter));
                }
                Said::To(..) => {}
            }
        }
        let outcome = Rc::new(outcome);
        self.outcomes.insert((number, cause), Rc::clone(&outcome));
        outcome
    }

    fn happen(&self, model: &Moving, node: &mut Node, cause: Cause) -> Vec<Said> {
        let from = |id: u8, message: Message| Input::Peer { from: case::id(id), message };
        match cause {
            Cause::Client(client) => node.input(16 + u64::from(client), model.request(client)),
            Cause::Letter(letter) => {
                let letter = &self.letters[letter as usize];
                node.input(letter.hash as u64 >> 16, from(letter.from, letter.message.clone()))
            }
            Cause::Hear => {
                let events = model.history.events_from(model.before.next()).to_vec();
                node.input(1, from(model.another(node.id), Message::Events { events }))
            }
            Cause::Learn(cut, settled) => {
                let step = node.learns(cut);
                let progress = model.progress(node.id, step, cut, settled);
                let (epoch, head) = (node.machine.history().epoch(), node.machine.history().head());
                let message = Message::Gossip { epoch, head, progress, answer: false };
                node.input(32 + u64::from(step), from(model.another(node.id), message))
            }
            Cause::Wake => node.wake(),
            Cause::Write => node.written(),
            Cause::LosePatience => node.lose_patience(),
            Cause::Die => {
                *node = Node::start(model, node.id, node.disk.clone(), node.life + 1, node.clock);
                Vec::new()
            }
            Cause::Reconnect(peer) => node.reconnect(case::id(peer)),
        }
    }

    fn post(&mut self, letter: Letter) -> u32 {
        let next = self.letters.len() as u32;
        let number = *self.letters_by_hash.entry(letter.hash).or_insert(next);
        if number == next {
            self.letters.push(Rc::new(letter));
        }
        number
    }
}

fn answer(response: &Response) -> Answer {
    match response {
        Response::Written(_) => Answer::Written,
        Response::Found(found) => {
            let values = found.siblings.iter().filter_map(|sibling| sibling.version.value.as_ref());
            Answer::Found(values.fold(0, |seen, value| seen | 1 << value.bytes[0]))
        }
        _ => Answer::Refused,
    }
}

/// How far everybody is, and events, are told in steps of their own; nobody is probed.
pub(super) fn travels(message: &Message) -> bool {
    !matches!(
        message,
        Message::Gossip { .. }
            | Message::Events { .. }
            | Message::PullEvents { .. }
            | Message::Ping { .. }
            | Message::Pong { .. }
            | Message::ProbeFor { .. }
            | Message::ProbedFor { .. }
    )
}

fn hash_of(from: u8, to: u8, message: &Message) -> u128 {
    let mut text = Text(Both::new());
    let _ = write!(text, "{from} {to} {message:?}");
    text.0.both()
}

/// Hashes text as it is written.
struct Text(Both);

impl std::fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        text.hash(&mut self.0);
        Ok(())
    }
}
