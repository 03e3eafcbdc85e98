//! The database in a simulated world: the same node as in the server, on simulated networks, clocks and disks, with
//! faults, operators and clients, all decided by a seed; and checkers that judge what comes of it.
//!
//! The way in: a [`Plan`] (drawn from a seed or written by hand) is carried out by [`run`], which gives a [`Report`];
//! [`Sweep`] does that for many seeds. `docs/testing.md` says what is checked and what is not.
//!
//! Invariant: the same plan gives the same report, on every machine and in every build. Nothing here reads a clock, a
//! file, a socket or ambient randomness; `main` may.

mod atlas;
mod bounds;
mod checker;
mod client;
mod clock;
mod cluster;
mod connection;
mod counting;
mod describe;
mod disk;
mod dumper;
mod effects;
mod elements;
mod explained;
mod fault;
mod history;
mod host;
mod images;
mod keeper;
mod locks;
mod mail;
mod missing;
mod mutant;
mod nemesis;
mod network;
mod operator;
pub mod outside;
mod plan;
mod probes;
mod queue;
mod registers;
mod run;
mod scale;
mod shrink;
mod sweep;
mod time;
mod trace;
mod watcher;
mod workload;
mod world;

pub use checker::Failure;
pub use clock::ClockError;
pub use fault::{Fault, HostId, LeaveStep, Loss, Part, TimedFault};
pub use mutant::Mutant;
pub use plan::{DiskPlan, NetworkPlan, Plan, WorkloadPlan};
pub use probes::PROBES;
pub use run::{Report, run, run_with};
pub use scale::{Cost, Joined, Scaled, scale};
pub use shrink::{Shrunk, shrink};
pub use sweep::{Sweep, run_safely};
pub use time::Time;
pub use trace::Sink;
pub use world::Counts;
