//! The two doors of the machine: everything that can happen to it, and everything it can do.

use crate::ids::ClientId;
use crate::message::Message;
use crate::pulse::Pulse;
use crate::request::{Request, Response};
use crate::store::{StoreOp, StoreOutcome, Ticket};
use ring::{Member, NodeId};
use stdx::Span;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client asks for something.
    Client {
        /// Given back with the response.
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
    /// A peer cannot be reached, or a connection to it broke; what was sent may be lost.
    Unreachable {
        /// Whom.
        peer: NodeId,
    },
    /// Storage has done what was asked.
    Stored {
        /// As asked.
        ticket: Ticket,
        /// What became of it.
        outcome: StoreOutcome,
    },
    /// Storage overwrote damaged records with what other replicas hold, or found that it lost some: versions that this
    /// node made may be gone, so its next ones need a new incarnation.
    Healed,
    /// Storage found that what it holds of a slot is damaged.
    Damaged(crate::item::Slot),
    /// Time has passed. Given at the latest at `next_deadline`.
    Tick,
}

/// Something to be done by whoever runs the machine, in order.
#[derive(Clone, Debug)]
pub enum Effect {
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
    /// Carry out an operation on storage and hand the outcome back with the ticket. Operations take effect in the
    /// order in which they are asked for.
    Store {
        /// Whom the outcome is for.
        ticket: Ticket,
        /// What to do.
        op: StoreOp,
    },
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

/// Something worth a line in the log or a count. For people; nothing depends on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Note {
    /// A membership event arrived.
    EventArrived(crate::event::Event),
    /// A request goes to another node. `Forwarding put request "key" to Name[uri]`.
    Forwarded {
        /// `put`, `get` or `scan`.
        what: &'static str,
        /// The key.
        key: crate::item::ItemKey,
        /// Name of the node it goes to.
        name: String,
        /// Address of the node it goes to.
        uri: String,
    },
    /// A peer looks different.
    Condition {
        /// Which.
        peer: NodeId,
        /// Its name.
        name: String,
        /// How it looks now.
        condition: liveness::Condition,
    },
    /// The oldest epoch in use is now this one; data that went elsewhere is being dropped.
    Stable(crate::ids::Epoch),
    /// A read found replicas that differ and wrote the merge back to this many.
    ReadRepair(u32),
    /// A hint was stored for a node.
    HintKept(NodeId),
    /// No hint was stored for a node, for too many wait for it; anti-entropy brings it what it missed.
    HintLeft(NodeId),
    /// Hints reached their node.
    HintsDelivered(NodeId, u32),
    /// So many items of which only tombstones, expired versions or idle actors were left were collected, or those parts.
    Collected(u32),
    /// Anti-entropy found trees that differ from a peer's, twice.
    Differing(NodeId, u32),
    /// A write could not be acknowledged in time.
    QuorumUnmet,
    /// A peer's clock is this many milliseconds ahead of ours.
    ClockAhead(u64),
    /// A partition was read again and is not what was written: the disk lost or changed something.
    TreeChanged(ring::PartitionId),
    /// A stored record is damaged; the sentence says where.
    Damaged(String),
    /// A peer sent something that makes no sense; it was ignored.
    Nonsense(NodeId, &'static str),
}
