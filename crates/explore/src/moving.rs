//! One item of an eventual bucket while the ring changes once: the nodes are `proto`'s own machines, whole, each with a
//! disk; clients write and read it at quorum on any of them.
//!
//! Messages come in any order and at any time. Which event is next is decided already (that is `register`'s and the
//! simulator's); each node learns of it when it likes. How far the others are is told in the steps that a node waits for:
//! that all have taken one. (Knowing it of some but not of all changes nothing a node does.)
//!
//! Clocks stand still. What a node would do again after a pause it may do again at any moment; hints, pages that time out,
//! requests that time out, anti-entropy and the detector of failures are left out.

mod act;
mod case;
mod disk;
mod node;
mod sight;
mod state;
mod world;

pub use act::Action;
pub use case::{Case, Deed, Turn};
pub use state::State;

use crate::search::Model;
use disk::Disk;
use node::Node;
use proto::{ClientId, Durability, Epoch, Get, History, Input, Progress, Put, Request, Value};
use ring::NodeId;
use std::cell::RefCell;
use std::collections::BTreeMap;
use stdx::Mono;
use world::World;

/// When nodes start: late enough that what a node may send at once has been saved up.
const START: Mono = Mono(1_000_000_000);

/// A case, ready to be searched.
pub struct Moving {
    case: Case,
    /// All events.
    history: History,
    /// The epoch that is in use at first.
    before: Epoch,
    /// The epoch of the last change.
    newest: Epoch,
    nodes: Vec<u8>,
    world: RefCell<World>,
}

impl Moving {
    /// Of this case. Its bug is planted on this thread.
    pub fn new(case: Case) -> Moving {
        stdx::bugs::plant(case.bug.unwrap_or_default());
        let history = case.history();
        let (before, newest) = (case.before(&history), history.epoch());
        let nodes = case.nodes();
        Moving { case, history, before, newest, nodes, world: RefCell::default() }
    }

    /// How many different nodes, messages, and nodes with inputs were met.
    pub fn met(&self) -> (usize, usize, usize) {
        self.world.borrow().sizes()
    }

    /// The place of a node among those that are there.
    fn place(&self, node: u8) -> Option<usize> {
        self.nodes.iter().position(|other| *other == node)
    }

    /// Some other node that is not cut off, for what could come from any.
    fn another(&self, node: u8) -> u8 {
        let mut others = self.nodes.iter().filter(|other| **other != node && Some(**other) != self.case.cut);
        others.next().copied().unwrap_or(node)
    }

    /// How far everybody is before the changes.
    fn at_first(&self) -> Progress {
        let epoch = self.before;
        Progress { acked: epoch, synced: epoch, switched: epoch, settled: epoch, ..Progress::default() }
    }

    /// What a node is told when it learns that others have taken this step, and no more than that.
    fn progress(&self, node: u8, step: u8, cut: bool, settled: Option<u8>) -> Vec<(NodeId, Progress)> {
        let reached = |least: u8| if step >= least { self.newest } else { self.before };
        let others = self.nodes.iter().filter(|other| **other != node && (Some(**other) == self.case.cut) == cut);
        let of = |other: &u8| Progress {
            acked: reached(1),
            synced: reached(2),
            switched: reached(3),
            settled: if settled == Some(*other) { self.newest } else { self.before },
            ..Progress::default()
        };
        others.map(|other| (case::id(*other), of(other))).collect()
    }

    /// What a client asks.
    fn request(&self, client: u8) -> Input {
        let (bucket, key) = (case::NAME.to_owned(), self.case.slot_of(client).key);
        let request = match self.case.clients[usize::from(client)].0 {
            Deed::Put => Request::Put(Put {
                bucket,
                key,
                value: Some(Value::plain(vec![client])),
                context: None,
                level: None,
                durability: Durability::Fsync,
                ttl: None,
            }),
            Deed::Get => Request::Get(Get { bucket, key, level: None }),
        };
        Input::Client { client: ClientId(u64::from(client)), request, within: None }
    }

    fn disk(&self, node: u8) -> Disk {
        let is_new = self.case.is_new(node);
        Disk {
            grid: case::grid(),
            records: BTreeMap::new(),
            hints: Vec::new(),
            epoch: if is_new { self.newest } else { self.before },
            incarnation: 0,
            progress: if is_new { Progress::default() } else { self.at_first() },
        }
    }
}

impl Model for Moving {
    type State = State;
    type Action = Action;

    fn start(&self) -> State {
        let mut nodes: Vec<Node> =
            self.nodes.iter().map(|node| Node::start(self, *node, self.disk(*node), 0, START)).collect();
        if let Some(cut) = self.case.cut {
            sight::lose(&mut nodes, cut);
        }
        assert!(nodes.iter().all(|node| !node.facts.wants_wake), "a clock that stands still reaches no deadline");
        let mut world = self.world.borrow_mut();
        State::new(self, nodes.into_iter().map(|node| world.enter(node)).collect())
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        state.actions(self, &self.world.borrow(), actions);
    }

    fn apply(&self, state: &mut State, action: Action) -> Result<(), String> {
        state.apply(self, &mut self.world.borrow_mut(), action)
    }

    fn at_end(&self, state: &State) -> Result<(), String> {
        state.check_end(self, &self.world.borrow())
    }

    fn describe(&self, state: &State, action: Action) -> String {
        state.describe(&self.world.borrow(), action)
    }
}
