//! Locks that outlive a panic elsewhere, and the first failure after which nothing more is written.
//!
//! Invariant: the first failure stays the one that is told.
//! Refuses to know what failed.

use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::error::StorageError;

/// Locks. A thread that panicked while holding the lock has failed a test or the process; what it left is looked at.
pub(super) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits to be told.
pub(super) fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Locks for reading.
pub(super) fn read<T: ?Sized>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Locks for writing.
pub(super) fn write<T: ?Sized>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// The first failure of a write that left it unknown what is on disk.
#[derive(Default)]
pub(super) struct Poison(OnceLock<String>);

impl Poison {
    /// `Poisoned` once something has failed.
    pub(super) fn check(&self) -> Result<(), StorageError> {
        self.0.get().map_or(Ok(()), |why| Err(StorageError::Poisoned { why: why.clone() }))
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.get().is_some()
    }

    /// Stops all further writes because of `error`, and gives it back.
    pub(super) fn set(&self, error: StorageError) -> StorageError {
        // A second failure finds the first one set, which is the one worth telling.
        let _ = self.0.set(error.to_string());
        error
    }
}
