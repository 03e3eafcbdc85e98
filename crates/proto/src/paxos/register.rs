//! The register that linearizable buckets are made of: one value per key that changes, each change decided by a quorum
//! of every replica set in use (CASPaxos, Rystsov 2018). Pure state machines without network, clock or storage, so that
//! the machine, the simulator and the exhaustive explorer all run this very code.
//!
//! Why a change of the replicas is safe (`docs/adr/0006-linearizable-register.md` has the argument): acceptors answer
//! under their own epoch only; every quorum under epoch e has a majority of the newest replica set of e; and before any
//! quorum does without the older set, everything that its members have promised and accepted is with the newer one.
//!
//! Refuses to know epochs, keys and who the replicas are; the caller brings groups and ballots and gives no ballot twice.

mod cell;
#[cfg(test)]
mod collected;
mod floor;
mod replica;
mod round;
#[cfg(test)]
mod tests;

pub use cell::{Cell, Change, ChangeId, REMEMBERED, Verdict};
pub use floor::Floor;
pub use replica::{Answer, Ask, Held, Register};
pub use round::{Cache, Outcome, Round, Step, Tried, Work, decided};
