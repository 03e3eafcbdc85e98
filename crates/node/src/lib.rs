//! One node without its sockets, threads and clock: the machine of `proto`, the execution of its storage operations,
//! recovery, and the fences between what is visible and what is durable.
//!
//! The server and the simulator run this same type. Invariant: same inputs at the same times over the same engine
//! contents give the same effects.

mod changes;
mod door;
mod execute;
mod fence;
pub mod inspect;
pub mod life;
mod recovery;
mod syncs;
mod trees;
mod vouching;

pub use inspect::{LocalItem, LocalItems};
pub use life::{Founding, Identity, Node, NodeEffect, NodeInput, OpenError};
pub use proto::{self, Config};
pub use storage;
