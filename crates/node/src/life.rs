//! A node's life: founding a cluster or joining one, opening what is stored, handling inputs.

use crate::door::Door;
use crate::execute::Executor;
use crate::recovery;
use crate::syncs::Syncs;
use crate::vouching::Vouching;
use proto::{
    ApiToken, Boot, ClientId, Config, Effect, Event, Input, Machine, Message, Note, Progress, Pulse, Request, Response,
    StoreOutcome, Ticket, TokenId,
};
use ring::{Member, NodeId, Token};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use stdx::{Mono, Now, Span};
use storage::{Engine, Seq, StorageError};

/// Something that happened to the node.
#[derive(Debug)]
pub enum NodeInput {
    /// A client asks for something.
    Client {
        /// Given back with the reply.
        client: ClientId,
        /// What it asks.
        request: Request,
        /// How long it waits; the configured time if `None`.
        within: Option<Span>,
    },
    /// A peer said something.
    Peer {
        /// Who.
        from: NodeId,
        /// What.
        message: Message,
    },
    /// A connection to a peer stands.
    Connected {
        /// To whom.
        peer: NodeId,
    },
    /// A peer cannot be reached, or a connection to it broke.
    Unreachable {
        /// Whom.
        peer: NodeId,
    },
    /// An fsync has ended: everything up to this batch is durable, or it failed; for good, unless the disk is full.
    Synced(Result<Seq, StorageError>),
    /// Time has passed.
    Tick,
}

/// Something to be done by whoever runs the node, in order.
#[derive(Debug)]
pub enum NodeEffect {
    /// Say something to a peer. May be lost.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        message: Message,
    },
    /// Answer a client.
    Reply {
        /// Whom.
        client: ClientId,
        /// With what.
        response: Response,
    },
    /// Make everything up to this batch durable, then give `Synced`. Several may be answered by one.
    Sync(Seq),
    /// From now on these are the peers this node may talk to, with their addresses.
    Peers(Vec<Member>),
    /// Something worth a line in the log or a count.
    Note(Note),
    /// This node has left the cluster and handed everything over; the process may end.
    Left,
    /// From now on whoever introduces itself as this node with a pulse that this one outdates is to be refused. Of this node
    /// itself: how it introduces itself.
    Pulse {
        /// Whose.
        of: NodeId,
        /// The highest known; durable.
        pulse: Pulse,
    },
    /// This node was put out as dead, or runs on an old copy of its records; the process must end at once. The sentence says
    /// what happened and what to do.
    Ejected(String),
    /// Storage has failed for good; the process must stop serving.
    Stop(String),
}

/// Who a stored node is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The node.
    pub node: NodeId,
    /// Its cluster.
    pub cluster: u128,
    /// Its name and address in the history.
    pub member: Option<Member>,
}

/// What a node that founds a cluster decides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Founding {
    /// The cluster's settings.
    pub genesis: proto::Genesis,
    /// The node itself, as it would ask to join.
    pub join: proto::Join,
}

/// Why a node could not be opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OpenError {
    /// Storage failed.
    Storage(StorageError),
    /// What is stored makes no sense; the sentence says what.
    Damaged(String),
    /// Nothing is stored yet: found a cluster or join one first.
    Empty,
    /// What was asked for cannot be done; the sentence says why.
    Impossible(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Storage(error) => error.fmt(f),
            OpenError::Damaged(what) => {
                write!(f, "the data directory is damaged: {what}; restore it or start with an empty one")
            }
            OpenError::Impossible(why) => f.write_str(why),
            OpenError::Empty => f.write_str("the data directory holds no node yet"),
        }
    }
}

impl std::error::Error for OpenError {}

/// One node.
pub struct Node<E: Engine> {
    machine: Machine,
    executor: Executor<E>,
    syncs: Syncs,
    vouching: Vouching,
    door: Door,
    effects: Vec<Effect>,
    /// Empty between two inputs; kept for their memory.
    carrying: Vec<Effect>,
    due: Vec<(Ticket, StoreOutcome)>,
}

impl<E: Engine> Node<E> {
    /// Who is stored in `engine`, if anybody.
    pub fn identity(engine: &E) -> Result<Option<Identity>, OpenError> {
        recovery::identity(engine)
    }

    /// The id that an empty engine keeps for the node it is to become, if it does.
    pub fn reserved(engine: &E) -> Result<Option<NodeId>, OpenError> {
        recovery::reserved(engine)
    }

    /// Keeps an id for the node this engine is to become. Sync before the id is told to anybody: a node that asks to
    /// join, crashes and asks again must be the same node, or the first one stays a member that nobody is.
    pub fn reserve(engine: &mut E, node: NodeId) -> Result<(), OpenError> {
        engine.apply(recovery::reserve(node)).map(|_| ()).map_err(OpenError::Storage)
    }

    /// Writes the first two events of a new cluster into an empty engine. Not durable yet: sync before opening.
    pub fn found(engine: &mut E, founding: Founding, seed: u64, now: Now) -> Result<(), OpenError> {
        let batch = recovery::found(founding, seed, now)?;
        engine.apply(batch).map(|_| ()).map_err(OpenError::Storage)
    }

    /// Writes what the answer to a join brought into an empty engine. Not durable yet: sync before opening.
    pub fn adopt(
        engine: &mut E,
        node: NodeId,
        history: &[Event],
        progress: &[(NodeId, Progress)],
    ) -> Result<(), OpenError> {
        let batch = recovery::adopt(node, history, progress)?;
        engine.apply(batch).map(|_| ()).map_err(OpenError::Storage)
    }

    /// Opens what is stored, all of which must be durable, and begins a new incarnation. `seed` must differ from start
    /// to start outside of tests.
    pub fn open(engine: E, config: Config, seed: u64, now: Now) -> Result<(Node<E>, Vec<NodeEffect>), OpenError> {
        let boot = Boot { batches: engine.found(), ..recovery::boot(&engine)? };
        Ok(Node::begin(engine, boot, config, seed, now))
    }

    /// Begins a new incarnation with what was read from an engine, or with what would be there. For tests and measurements.
    pub fn begin(engine: E, boot: Boot, config: Config, seed: u64, now: Now) -> (Node<E>, Vec<NodeEffect>) {
        let grid = boot.history.genesis().grid;
        let (syncs, vouching) = (Syncs::new(engine.applied()), Vouching::new(boot.batches));
        let (machine, effects) = Machine::new(boot, config, seed, now);
        let executor = Executor::new(engine, grid, seed);
        let door = Door::default();
        let mut node =
            Node { machine, executor, syncs, vouching, door, effects, carrying: Vec::new(), due: Vec::new() };
        let mut out = Vec::new();
        node.settle(now, &mut out);
        (node, out)
    }

    /// Keeps answers that follow from the disk back until everybody among `effects`, which opening the node gave, was reached or
    /// found away, for at most `within`: should the disk be an old one, whoever knows it says so first.
    pub fn introduce_first(&mut self, now: Now, within: Span, effects: &[NodeEffect]) {
        self.door.close(now.mono, within, effects);
    }

    /// Handles one input and appends what is to be done.
    pub fn handle(&mut self, now: Now, input: NodeInput, out: &mut Vec<NodeEffect>) {
        if !self.door.is_closed() {
            return self.handle_now(now, input, out);
        }
        if let Some(input) = self.door.pass(input) {
            self.handle_now(now, input, out);
        }
        for input in self.door.open(now.mono) {
            self.handle_now(now, input, out);
        }
    }

    fn handle_now(&mut self, now: Now, input: NodeInput, out: &mut Vec<NodeEffect>) {
        let input = match input {
            NodeInput::Client { client, request, within } => {
                if let Request::Get(get) = &request
                    && let Some(response) = self.read_alone(now, get)
                {
                    return out.push(NodeEffect::Reply { client, response });
                }
                if matches!(request, Request::Admin(proto::Admin::Plan(_) | proto::Admin::Status)) {
                    self.machine.set_disk_bytes(self.executor.engine.size().unwrap_or(0));
                }
                Some(Input::Client { client, request, within })
            }
            NodeInput::Peer { from, message } => Some(Input::Peer { from, message }),
            NodeInput::Connected { peer } => {
                self.vouching.connected(peer, true);
                Some(Input::Connected { peer })
            }
            NodeInput::Unreachable { peer } => {
                self.vouching.connected(peer, false);
                Some(Input::Unreachable { peer })
            }
            NodeInput::Tick => Some(Input::Tick),
            NodeInput::Synced(Ok(seq)) => {
                self.executor.synced(seq);
                self.vouching.synced(seq.0);
                self.syncs.synced(seq, self.executor.engine.applied());
                None
            }
            // What was applied is visible and may still become durable; whoever waits for that goes on waiting.
            NodeInput::Synced(Err(StorageError::Full { .. })) => {
                out.push(NodeEffect::Sync(self.syncs.asked()));
                None
            }
            NodeInput::Synced(Err(error)) => {
                let why = error.to_string();
                self.executor.sync_failed(&why);
                out.push(NodeEffect::Stop(why));
                None
            }
        };
        if let Some(input) = input {
            self.machine.handle(now, input, &mut self.effects);
        }
        self.settle(now, out);
    }

    /// The answer to a read for which this node's own copy is enough, if that is on disk. Changes nothing that is stored, and
    /// leaves nothing to do.
    pub fn read_alone(&mut self, now: Now, get: &proto::Get) -> Option<Response> {
        if self.door.is_closed() {
            return None;
        }
        let slot = self.machine.slot_of_own(get)?;
        let record = self.executor.look_at_durable(&slot)?;
        Some(self.machine.answer_of_own(now, record.as_ref()))
    }

    /// Carries out effects and hands outcomes back until only the shell's work is left.
    fn settle(&mut self, now: Now, out: &mut Vec<NodeEffect>) {
        loop {
            let mut effects = std::mem::replace(&mut self.effects, std::mem::take(&mut self.carrying));
            for effect in effects.drain(..) {
                self.carry_out(effect, out);
            }
            self.carrying = effects;
            let mut due = std::mem::take(&mut self.due);
            self.executor.take_due(&mut due);
            let healed = self.executor.take_healed();
            let found = self.executor.take_found();
            if due.is_empty() && !healed && found.is_empty() {
                self.due = due;
                break;
            }
            for slot in found {
                self.machine.handle(now, Input::Damaged(slot), &mut self.effects);
            }
            if healed {
                self.machine.handle(now, Input::Healed, &mut self.effects);
            }
            for (ticket, outcome) in due.drain(..) {
                self.machine.handle(now, Input::Stored { ticket, outcome }, &mut self.effects);
            }
            self.due = due;
        }
        self.vouching.tell(now.mono, &self.machine, out);
        let damaged = self.executor.take_damaged().into_iter();
        out.extend(damaged.map(|what| NodeEffect::Note(Note::Damaged(what))));
        let (applied, awaited) = (self.executor.engine.applied(), self.executor.awaited());
        out.extend(self.syncs.wanted(now.mono, applied, awaited).map(NodeEffect::Sync));
    }

    fn carry_out(&mut self, effect: Effect, out: &mut Vec<NodeEffect>) {
        let effect = match effect {
            Effect::Store { ticket, op } => return self.executor.execute(ticket, op),
            Effect::Send { to, message } => {
                let (first, message) = self.vouching.send(&self.machine, to, message);
                out.extend(first.map(|message| NodeEffect::Send { to, message }));
                NodeEffect::Send { to, message }
            }
            Effect::Reply { client, response } => NodeEffect::Reply { client, response },
            Effect::Peers(members) => NodeEffect::Peers(members),
            Effect::Note(note) => NodeEffect::Note(note),
            Effect::Left => NodeEffect::Left,
            Effect::Pulse { of, pulse } => NodeEffect::Pulse { of, pulse },
            Effect::Ejected(why) => NodeEffect::Ejected(why),
            Effect::Stop(why) => NodeEffect::Stop(why),
        };
        out.push(effect);
    }

    /// When to give the next `Tick` at the latest.
    pub fn next_deadline(&self) -> Option<Mono> {
        let deadlines =
            [self.machine.next_deadline(), self.syncs.deadline(), self.vouching.deadline(), self.door.deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// The engine, for its reader and its size.
    pub fn engine(&self) -> &E {
        &self.executor.engine
    }

    /// The engine, for the simulator's faults.
    pub fn engine_mut(&mut self) -> &mut E {
        &mut self.executor.engine
    }

    /// The machine, for checkers.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The node's id.
    pub fn id(&self) -> NodeId {
        self.machine.node()
    }

    /// The node as the history has it.
    pub fn member(&self) -> Option<Member> {
        self.machine.member()
    }

    /// How this node introduces itself.
    pub fn pulse(&self) -> Pulse {
        self.machine.pulse()
    }

    /// Nodes that were put out as dead, and what each is to be told.
    pub fn outcasts(&self) -> Vec<(NodeId, String)> {
        let history = self.machine.history();
        history.outcasts().filter_map(|node| Some((node, history.ejection(node)?))).collect()
    }

    /// Whether clients need a token as far as the history has arrived, and the tokens there are.
    pub fn tokens(&self) -> (bool, Arc<BTreeMap<TokenId, ApiToken>>) {
        let view = self.machine.history().current();
        (view.guarded, Arc::clone(&view.tokens))
    }

    /// The key that authenticates context tokens in this cluster.
    pub fn context_key(&self) -> [u8; 32] {
        self.machine.genesis().context_key
    }

    /// The cluster's name for itself.
    pub fn cluster(&self) -> u128 {
        self.machine.genesis().cluster
    }

    /// Explicit tokens rounded up to the cluster's boundaries, as they would stand in the history.
    pub fn rounded(&self, tokens: &[Token]) -> Vec<Token> {
        let grid = self.machine.grid();
        tokens.iter().map(|token| grid.round_up(token)).collect()
    }
}
