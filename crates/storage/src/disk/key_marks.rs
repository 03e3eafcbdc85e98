//! Which keys a memory table may hold, at a glance: nearly every read is of a key that none of the newest changes is about, and a search
//! through a tree that ends in nothing takes as long as one that finds something.
//!
//! Invariant: a key that was marked stays marked. Others may seem to be, the more so the more keys there are.
//! Refuses to know keys.

use std::sync::atomic::{AtomicU64, Ordering};

/// Marks for as many keys as a memory table of usual size holds, with a twentieth of all others seeming marked: 64 KiB.
const WORDS: usize = 8 << 10;

/// Marks of keys by their hashes. Marked by one thread at a time; read by any.
pub(super) struct KeyMarks(Box<[AtomicU64]>);

impl Default for KeyMarks {
    fn default() -> KeyMarks {
        KeyMarks((0..WORDS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl KeyMarks {
    /// Marks a key. Whoever learns of the change to the key afterwards finds it marked.
    pub(super) fn mark(&self, hash: u64) {
        let (word, bit) = self.place(hash);
        word.store(word.load(Ordering::Relaxed) | bit, Ordering::Relaxed);
    }

    /// False if no such key was marked.
    pub(super) fn may_have(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        word.load(Ordering::Relaxed) & bit != 0
    }

    fn place(&self, hash: u64) -> (&AtomicU64, u64) {
        (&self.0[(hash >> 6) as usize % WORDS], 1 << (hash & 63))
    }
}
