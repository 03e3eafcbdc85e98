//! Real `alianza` processes on this machine under real faults, judged by what their clients saw.
//!
//! The way in: a [`scenario`] starts a [`fleet`] of processes (its peers' connections through the faulty [`proxy`]), puts a
//! [`load`] of clients on it, lets a [`nemesis`] do its worst, heals everything, reads everything back from every node,
//! and makes a [`report`]. `docs/testing.md` says how to run it.
//!
//! Invariant: processes are known by their ids and none outlives the run; a run whose faults did nothing fails; what the
//! machine does not permit is skipped by name. Refuses to look inside a node: only its client interface is used.

pub mod binary;
pub mod fleet;
pub mod http;
pub mod load;
pub mod nemesis;
pub mod node;
pub mod place;
pub mod probe;
pub mod proxy;
pub mod report;
pub mod scenario;
pub mod session;
pub mod signal;
pub mod stop;
pub mod verdict;
