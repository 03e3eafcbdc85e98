//! An engine in memory for simulation and tests: deterministic, cheap, and able to crash, fill up and rot on command.
//!
//! `ModelDisk` is the medium and survives crashes; `ModelEngine` is one opening of it. Content and unsynced batches are
//! in `state`, the planned failures in `faults`, the traits in `engine`.
//!
//! Invariant: what it promises is what `DiskEngine` promises, no more: a crash keeps a prefix of the unsynced batches
//! and never half of one, because the engine on disk checksums its batches and cuts what is not whole.
//! Refuses to know time: how long a sync takes is the simulator's business.

mod engine;
mod faults;
mod state;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use engine::ModelEngine;
pub use faults::{CrashLoss, Fault, Recovery};

use crate::engine::Seq;
use crate::error::StorageError;
use crate::space::Space;
use state::State;

/// A disk in memory. Clones are handles to the same disk.
#[derive(Clone, Default)]
pub struct ModelDisk {
    state: Arc<Mutex<State>>,
}

impl ModelDisk {
    /// An empty disk.
    pub fn new() -> ModelDisk {
        ModelDisk::default()
    }

    /// Opens the disk; everything found on it is durable from then on. `Locked` while another engine has it open.
    pub fn open(&self) -> Result<ModelEngine, StorageError> {
        let opening = self.lock().open()?;
        Ok(ModelEngine::new(self.clone(), opening))
    }

    /// Ends the current opening as a power cut would: every handle returns `Closed` from now on, and of the unsynced
    /// batches only those that `loss` grants remain. Returns how many batches were lost.
    pub fn crash(&self, loss: CrashLoss) -> usize {
        self.lock().crash(loss)
    }

    /// Makes every batch up to `seq` durable. This is what a sync does once it has ended, so a simulator that gives
    /// syncs a duration reads `applied` when one begins and calls this when it ends. Counts as a sync for
    /// [`ModelDisk::fail_sync`].
    pub fn mark_durable(&self, seq: Seq) -> Result<Seq, StorageError> {
        self.lock().sync_to(seq)
    }

    /// The last batch applied in the current opening.
    pub fn applied(&self) -> Seq {
        self.lock().applied()
    }

    /// The last batch durable in the current opening.
    pub fn durable(&self) -> Seq {
        self.lock().durable()
    }

    /// Batches that are durable, over the whole life of the disk.
    pub fn batches(&self) -> u64 {
        let state = self.lock();
        state.found() + state.durable().0
    }

    /// Fails the `nth` apply from now (1 is the next one).
    pub fn fail_apply(&self, nth: u64, fault: Fault) {
        self.lock().faults.apply.plan(nth, fault);
    }

    /// Fails the `nth` sync from now (1 is the next one).
    pub fn fail_sync(&self, nth: u64, fault: Fault) {
        self.lock().faults.sync.plan(nth, fault);
    }

    /// Fails the `nth` read (get or scan) from now (1 is the next one). Does not poison.
    pub fn fail_read(&self, nth: u64, fault: Fault) {
        self.lock().faults.read.plan(nth, fault);
    }

    /// Leaves room for so many bytes of items and hints, or for any number. A batch that puts more is refused with
    /// `Full`, whole, and harms nothing; deletions and the node's own records have a reserve.
    pub fn set_room(&self, bytes: Option<u64>) {
        self.lock().faults.room = bytes;
    }

    /// While set, syncs say that they are done and do nothing: a crash takes back what they reported.
    pub fn set_lying(&self, lying: bool) {
        self.lock().faults.lying = lying;
    }

    /// What recovery makes of a batch that is not whole. Anything but [`Recovery::Cuts`] is a planted bug.
    pub fn set_recovery(&self, recovery: Recovery) {
        self.lock().faults.recovery = recovery;
    }

    /// Ends every planned failure. Damage that was done stays.
    pub fn mend(&self) {
        let mut state = self.lock();
        let recovery = state.faults.recovery;
        state.faults = faults::Faults { recovery, ..faults::Faults::default() };
    }

    /// Flips one bit of a stored value, chosen by `bit` modulo the value's length in bits. False if there is no such
    /// value or it has no bits.
    pub fn corrupt(&self, space: Space, key: &[u8], bit: u64) -> bool {
        self.lock().corrupt(space, key, bit)
    }

    /// Flips a bit of one of the stored values of a space; `pick` names both. Returns the key, if there is any value.
    pub fn rot(&self, space: Space, pick: u64) -> Option<Vec<u8>> {
        self.lock().rot(space, pick)
    }

    /// Puts the content of `image` in place of this disk's own. The disk must be closed.
    ///
    /// # Panics
    /// If it is open.
    pub fn restore(&self, image: &ModelDisk) {
        let image = image.lock().fork();
        self.lock().restore(image);
    }

    /// True if nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.lock().size() == 0
    }

    /// An independent disk with the same content, closed: an image copied at this moment.
    pub fn fork(&self) -> ModelDisk {
        ModelDisk { state: Arc::new(Mutex::new(self.lock().fork())) }
    }

    /// A panic elsewhere cannot leave the state half changed in a way that matters to a test that already failed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place that errors of a model name.
fn model_path() -> PathBuf {
    PathBuf::from("model disk")
}
