//! A background task that ends when its owner lets go of it.
//!
//! Invariant: a dropped `Task` does not run on.

use std::future::Future;

use tokio::task::AbortHandle;

/// Owns a spawned task.
#[derive(Debug)]
pub(crate) struct Task(AbortHandle);

impl Task {
    /// Starts `future` in the background.
    pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Task {
        Task(tokio::spawn(future).abort_handle())
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
