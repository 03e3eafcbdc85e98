//! Backups: what they look like on disk, and the stream in which a node gives its records away.
//!
//! A backup directory holds [`Part`]s, one file for the content of a partition, named by its hash, and manifests, each of
//! which names the parts of one backup ([`Manifest`]). Parts are shared by all backups that have the same content, which is
//! what makes the second backup incremental. `docs/backup.md` draws the formats.
//!
//! Invariant: a manifest that exists under its own name and passes its check names only parts that were whole on disk
//! before it was; nothing that exists is ever changed. Any bytes from outside give an error, never a panic.
//! Refuses to know nodes, requests and what a record means; records stay as they are stored (`codec`).

mod directory;
mod error;
mod manifest;
mod part;
mod session;
mod stream;
mod verify;

pub use directory::{Directory, Listed};
pub use error::Error;
pub use manifest::{BucketEntry, Manifest, Part};
pub use part::{Entry, PartReader, PartWriter, read_all};
pub use session::{Session, Written};
pub use stream::{Frame, FrameReader, write_frame};
pub use verify::{Flaw, verify};
