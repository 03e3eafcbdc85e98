//! One opening of a model disk, behind the traits of the crate.
//!
//! Invariant: a handle of an opening that has ended (by drop or by crash) returns `Closed` and changes nothing.
//! Refuses to know content and failures, which belong to the disk.

use std::ops::ControlFlow;

use bytes::Bytes;

use crate::batch::Batch;
use crate::engine::{Engine, Reader, Seq, Syncer, Visit};
use crate::error::StorageError;
use crate::model::ModelDisk;
use crate::model::state::{Opening, between};
use crate::space::Space;

/// An open engine on a [`ModelDisk`]. Dropping it closes the disk and loses nothing.
pub struct ModelEngine {
    handle: Handle,
}

/// What an engine, its readers and its syncers share.
#[derive(Clone)]
struct Handle {
    disk: ModelDisk,
    opening: Opening,
}

impl ModelEngine {
    pub(super) fn new(disk: ModelDisk, opening: Opening) -> ModelEngine {
        ModelEngine { handle: Handle { disk, opening } }
    }
}

impl Drop for ModelEngine {
    fn drop(&mut self) {
        self.handle.disk.lock().close(self.handle.opening);
    }
}

impl Engine for ModelEngine {
    fn apply(&mut self, batch: Batch) -> Result<Seq, StorageError> {
        let mut state = self.handle.disk.lock();
        state.check_opening(self.handle.opening)?;
        state.apply(batch)
    }

    fn applied(&self) -> Seq {
        self.handle.disk.applied()
    }

    fn found(&self) -> u64 {
        self.handle.disk.lock().found()
    }

    fn syncer(&self) -> Box<dyn Syncer> {
        Box::new(self.handle.clone())
    }

    fn reader(&self) -> Box<dyn Reader + Send> {
        Box::new(self.handle.clone())
    }

    fn size(&self) -> Result<u64, StorageError> {
        let state = self.handle.disk.lock();
        state.check_opening(self.handle.opening)?;
        Ok(state.size())
    }
}

impl Reader for ModelEngine {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.handle.get(space, key)
    }

    fn scan(&self, space: Space, start: &[u8], end: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StorageError> {
        self.handle.scan(space, start, end, visit)
    }
}

impl Reader for Handle {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        let mut state = self.disk.lock();
        state.check_opening(self.opening)?;
        state.get(space, key)
    }

    fn scan(&self, space: Space, start: &[u8], end: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StorageError> {
        let snapshot = {
            let mut state = self.disk.lock();
            state.check_opening(self.opening)?;
            state.snapshot(space)?
        };
        for (key, value) in between(&snapshot, start, end) {
            if let ControlFlow::Break(()) = visit(key, value) {
                break;
            }
        }
        Ok(())
    }
}

impl Syncer for Handle {
    fn sync(&mut self) -> Result<Seq, StorageError> {
        let mut state = self.disk.lock();
        state.check_opening(self.opening)?;
        let applied = state.applied();
        state.sync_to(applied)
    }
}
