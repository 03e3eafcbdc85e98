//! Where a node keeps its bytes: atomic batches, point reads, ordered scans and group-committed durability over three
//! key spaces.
//!
//! Invariant: a batch is visible whole or not at all, also after a crash; batches become durable in the order in which
//! they were applied, and `Syncer::sync` never reports a batch durable that could still be lost.
//! Refuses to know what keys and values mean: tokens, versions and checksums of items belong to `codec` and `node`.
//!
//! Two engines implement `Engine`: `DiskEngine` keeps a data directory, `ModelEngine` lives on a `ModelDisk` in memory
//! that can crash, fill up and rot on command.

mod batch;
mod disk;
mod engine;
mod error;
mod model;
mod space;

pub use batch::{Batch, Change, KEY_BYTES_MAX, VALUE_BYTES_MAX};
#[doc(hidden)]
pub use disk::journal_batches;
pub use disk::{DiskEngine, DiskOptions, FORMAT_VERSION};
pub use engine::{Engine, Reader, Seq, Syncer, Upkeep, Visit};
pub use error::StorageError;
pub use model::{CrashLoss, Fault, ModelDisk, ModelEngine, Recovery};
pub use space::Space;
