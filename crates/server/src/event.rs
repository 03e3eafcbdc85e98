//! Everything that can wake the event loop, in one closed enum.
//!
//! Invariant: the queue of events is bounded. Clients are refused when it is full; everybody else waits, and whoever
//! waits goes before new clients.
//! Refuses to know what the machine makes of an event.

use crate::measures::Gauges;
use node::LocalItems;
use proto::{Message, Request, Response, TraceMark};
use ring::NodeId;
use stdx::Span;
use storage::{Seq, StorageError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Events that may wait. More than the machine coordinates at once would only wait longer to be refused.
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
        reply: oneshot::Sender<Response>,
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

/// The queue of the event loop.
pub(crate) fn queue() -> (EventSender, mpsc::Receiver<Event>) {
    mpsc::channel(EVENTS_MAX)
}
