//! Group commit: makes everything applied so far durable without stopping the thread that applies.
//!
//! Invariant: the reported batch was appended before the journal was synced.
//! Refuses to know what is in the journal.

use std::sync::Arc;

use super::Opened;
use crate::engine::{Seq, Syncer};
use crate::error::StorageError;

/// Syncs the journal of one opening.
pub(super) struct DiskSyncer {
    opened: Arc<Opened>,
}

impl DiskSyncer {
    pub(super) fn new(opened: Arc<Opened>) -> DiskSyncer {
        DiskSyncer { opened }
    }
}

impl Syncer for DiskSyncer {
    fn sync(&mut self) -> Result<Seq, StorageError> {
        self.opened.store.journal.sync().map(|lsn| self.opened.seq(lsn))
    }
}
