//! The register that consensus is made of: one value, decided once per key, by a majority of acceptors (CASPaxos,
//! Rystsov 2018; single-decree Paxos, Lamport 2001). The membership history uses one register per event number.
//!
//! Ballots and acceptors are shared with the registers of linearizable buckets (`register`), which change for ever.
//!
//! Refuses to know what the value means and who the acceptors are.

mod acceptor;
mod ballot;
mod proposer;
pub mod register;

pub use acceptor::{AcceptorState, Answer};
pub use ballot::Ballot;
pub use proposer::{Proposer, Step};
