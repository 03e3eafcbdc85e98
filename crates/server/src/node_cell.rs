//! The node, in the one place from which two reach it: the event loop, which gives it every input, and whoever serves a
//! client that asks for what this node's own copy answers. The second spares the way through the queue and back.
//!
//! Invariant: whether the own copy is enough is the machine's to say (`Node::read_alone`); it says so between two inputs, as
//! if the read had been the next one. Nobody waits for the node here: while it is busy, a read goes to the queue.
//! Refuses to know what is done with answers.

use crate::clock::Clock;
use node::Node;
use proto::{Get, Response};
use std::sync::{Mutex, MutexGuard};
use storage::Engine;
use tokio::time::Instant;

/// Reads that are answered at once.
pub(crate) trait OwnCopy: Send + Sync {
    /// The answer to a read of a client that begins now, if this node's own copy is enough.
    fn read(&self, get: &Get, now: Instant) -> Option<Response>;
}

/// Holds the node.
pub(crate) struct NodeCell<E: Engine> {
    node: Mutex<Node<E>>,
    clock: Clock,
}

impl<E: Engine> NodeCell<E> {
    pub(crate) fn new(node: Node<E>, clock: Clock) -> NodeCell<E> {
        NodeCell { node: Mutex::new(node), clock }
    }

    /// The node. For the event loop: a read that is under way ends soon.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Node<E>> {
        self.node.lock().expect("the node has not panicked")
    }
}

impl<E: Engine + Send> OwnCopy for NodeCell<E> {
    fn read(&self, get: &Get, now: Instant) -> Option<Response> {
        // A node that has panicked answers nobody, here neither.
        let mut node = self.node.try_lock().ok()?;
        node.read_alone(self.clock.now_at(now), get)
    }
}
