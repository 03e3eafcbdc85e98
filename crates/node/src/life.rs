//! A node's life: founding a cluster or joining one, opening what is stored, handling inputs.

use proto::{ClientId, Config, Event, Message, Note, Progress, Request, Response};
use ring::{Member, NodeId, Token};
use std::fmt;
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
    /// An fsync has ended: everything up to this batch is durable, or it failed for good.
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
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Storage(error) => error.fmt(f),
            OpenError::Damaged(what) => write!(f, "the data directory is damaged: {what}; restore it or start with an empty one"),
            OpenError::Empty => f.write_str("the data directory holds no node yet"),
        }
    }
}

impl std::error::Error for OpenError {}

/// One node.
pub struct Node<E: Engine> {
    engine: E,
}

impl<E: Engine> Node<E> {
    /// Who is stored in `engine`, if anybody.
    pub fn identity(engine: &E) -> Result<Option<Identity>, OpenError> {
        let _ = engine;
        unimplemented!()
    }

    /// Writes the first two events of a new cluster into an empty engine. Not durable yet: sync before opening.
    pub fn found(engine: &mut E, founding: Founding, seed: u64, now: Now) -> Result<(), OpenError> {
        let _ = (engine, founding, seed, now);
        unimplemented!()
    }

    /// Writes what the answer to a join brought into an empty engine. Not durable yet: sync before opening.
    pub fn adopt(
        engine: &mut E,
        node: NodeId,
        history: &[Event],
        progress: &[(NodeId, Progress)],
    ) -> Result<(), OpenError> {
        let _ = (engine, node, history, progress);
        unimplemented!()
    }

    /// Opens what is stored and begins a new incarnation. `seed` must differ from start to start outside of tests.
    pub fn open(engine: E, config: Config, seed: u64, now: Now) -> Result<(Node<E>, Vec<NodeEffect>), OpenError> {
        let _ = (config, seed, now);
        let _ = Node { engine };
        unimplemented!()
    }

    /// Handles one input and appends what is to be done.
    pub fn handle(&mut self, now: Now, input: NodeInput, out: &mut Vec<NodeEffect>) {
        let _ = (now, input, out);
        unimplemented!()
    }

    /// When to give the next `Tick` at the latest.
    pub fn next_deadline(&self) -> Option<Mono> {
        unimplemented!()
    }

    /// The engine, for its reader and its size.
    pub fn engine(&self) -> &E {
        &self.engine
    }

    /// The engine, for the simulator's faults.
    pub fn engine_mut(&mut self) -> &mut E {
        &mut self.engine
    }

    /// The node's id.
    pub fn id(&self) -> NodeId {
        unimplemented!()
    }

    /// The node as the history has it.
    pub fn member(&self) -> Option<Member> {
        unimplemented!()
    }

    /// The key that authenticates context tokens in this cluster.
    pub fn context_key(&self) -> [u8; 32] {
        unimplemented!()
    }

    /// The cluster's name for itself.
    pub fn cluster(&self) -> u128 {
        unimplemented!()
    }

    /// Explicit tokens rounded up to the cluster's boundaries, as they would stand in the history.
    pub fn rounded(&self, tokens: &[Token]) -> Vec<Token> {
        let _ = tokens;
        unimplemented!()
    }
}
