//! Bytes of requests and of replies, counted in what all connections of the node hold.
//!
//! Invariant: what is counted is taken back exactly once, when the one that stands for it is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A request of fewer bytes is not counted: what a connection holds of such is bounded by its window.
const COUNTED_FROM: usize = 1 << 20;

/// Stands for the bytes of one request, until it is dropped.
pub(crate) struct Held {
    all: Arc<AtomicUsize>,
    bytes: usize,
}

impl Held {
    /// Stands for so many bytes.
    pub(crate) fn new(all: &Arc<AtomicUsize>, bytes: usize) -> Held {
        all.fetch_add(counted(bytes), Ordering::Relaxed);
        Held { all: Arc::clone(all), bytes }
    }

    /// The bytes that it stands for, counted or not.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Stands for so many bytes from now on. False if they count and all together are more than `max`.
    pub(crate) fn set(&mut self, bytes: usize, max: usize) -> bool {
        if counted(bytes) == counted(self.bytes) && counted(bytes) == 0 {
            self.bytes = bytes;
            return true;
        }
        let before = self.all.fetch_sub(counted(self.bytes), Ordering::Relaxed) - counted(self.bytes);
        self.bytes = bytes;
        self.all.fetch_add(counted(bytes), Ordering::Relaxed);
        counted(bytes) == 0 || before + counted(bytes) <= max
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.fetch_sub(counted(self.bytes), Ordering::Relaxed);
    }
}

fn counted(bytes: usize) -> usize {
    if bytes > COUNTED_FROM { bytes } else { 0 }
}
