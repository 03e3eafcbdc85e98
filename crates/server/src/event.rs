//! Everything that can wake the event loop, in one closed enum.
//!
//! Invariant: the queue of events is bounded. It has room for every request that may be outstanding (`seats`), and for others:
//! clients are refused before it is full, and everybody else waits, and whoever waits goes before new clients.
//! Refuses to know what the machine makes of an event.

use crate::measures::Gauges;
use crate::seats::Answer;
use node::LocalItems;
use proto::{Message, Request, TraceMark};
use ring::NodeId;
use stdx::Span;
use storage::{Seq, StorageError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Events that may wait besides the requests of clients that have a seat.
pub(crate) const EVENTS_MAX: usize = 4_096;

/// Something that happened.
pub(crate) enum Event {
    /// A client asks for something.
    Client {
        /// What.
        request: Box<Request>,
        /// How long it may take, from when it was asked.
        within: Span,
        /// When it was asked.
        asked: Instant,
        /// The trace that it belongs to.
        mark: Option<TraceMark>,
        /// Where the answer goes.
        reply: Answer,
    },
    /// A frame of a peer arrived.
    Peer {
        /// Whose.
        from: NodeId,
        /// What was in it.
        messages: Vec<Message>,
    },
    /// A connection to a peer stands.
    Connected {
        /// To whom.
        peer: NodeId,
    },
    /// A peer could not be reached, or a connection to it broke.
    Unreachable {
        /// Whom.
        peer: NodeId,
    },
    /// A peer says that this node was put out of the cluster; the sentence says what to do.
    Ejected(String),
    /// An fsync has ended.
    Synced(Result<Seq, StorageError>),
    /// Somebody wants to look at the items of this node.
    Items {
        /// Where the view goes.
        reply: oneshot::Sender<LocalItems>,
    },
    /// Somebody wants to know how things stand.
    Gauges {
        /// Where the answer goes.
        reply: oneshot::Sender<Gauges>,
    },
}

pub(crate) type EventSender = mpsc::Sender<Event>;

/// The queue of the event loop, with room for so many requests of clients.
pub(crate) fn queue(requests_max: usize) -> (EventSender, mpsc::Receiver<Event>) {
    mpsc::channel(EVENTS_MAX + requests_max)
}
