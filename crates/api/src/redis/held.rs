//! Bytes of requests and of replies, counted in what all connections of the node hold.
//!
//! Invariant: what is counted is taken back exactly once, when the one that stands for it is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A request of fewer bytes is not counted: what a connection holds of such is bounded by its window.
const COUNTED_FROM: usize = 1 << 20;

/// Stands for bytes, until it is dropped.
pub(crate) struct Held {
    /// None for what is not counted and never will be: most requests are small, and cost nothing here.
    all: Option<Arc<AtomicUsize>>,
    bytes: usize,
}

impl Held {
    /// Stands for no bytes yet.
    pub(crate) fn new(all: &Arc<AtomicUsize>) -> Held {
        Held { all: Some(Arc::clone(all)), bytes: 0 }
    }

    /// Stands for the bytes of one whole request.
    pub(crate) fn of_request(all: &Arc<AtomicUsize>, bytes: usize) -> Held {
        let mut held = Held { all: (counted(bytes) > 0).then(|| Arc::clone(all)), bytes: 0 };
        held.set(bytes, usize::MAX);
        held
    }

    /// The bytes that it stands for, counted or not.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Stands for so many bytes from now on. False if they count and all together are more than `max`.
    pub(crate) fn set(&mut self, bytes: usize, max: usize) -> bool {
        let (old, new) = (counted(std::mem::replace(&mut self.bytes, bytes)), counted(bytes));
        let Some(all) = self.all.as_ref().filter(|_| old + new > 0) else { return true };
        let before = all.fetch_sub(old, Ordering::Relaxed) - old;
        all.fetch_add(new, Ordering::Relaxed);
        new == 0 || before + new <= max
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.set(0, usize::MAX);
    }
}

fn counted(bytes: usize) -> usize {
    if bytes > COUNTED_FROM { bytes } else { 0 }
}
