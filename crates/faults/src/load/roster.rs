//! The addresses that clients know, shared with whoever adds nodes while they work.
//!
//! Invariant: an address keeps its place for ever, so that a place names a node. Refuses to know which nodes run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Addresses of nodes by their numbers. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Roster(Arc<Mutex<Vec<String>>>);

impl Roster {
    /// Replaces the addresses by a list that begins with them.
    pub fn set(&self, urls: Vec<String>) {
        let mut known = self.lock();
        assert!(urls.starts_with(&known), "an address keeps its place");
        *known = urls;
    }

    /// Adds those to `urls` that came since.
    pub(super) fn extend(&self, urls: &mut Vec<String>) {
        let known = self.lock();
        if let Some(more) = known.get(urls.len()..) {
            urls.extend_from_slice(more);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<&[String]> for Roster {
    fn from(urls: &[String]) -> Roster {
        Roster(Arc::new(Mutex::new(urls.to_vec())))
    }
}
