//! Who is reachable: a failure detector by direct probes, circuit breakers and back-off.
//!
//! Invariant: what is said here is advice for routing and never changes who is responsible for what; every answer may
//! be wrong, and only costs time when it is. Refuses to know ring, epochs, messages, sockets and clocks: a peer is
//! whatever can be compared, and now is always an argument.
//!
//! Probes are direct, from the one who wants to know, over the connection that data uses. Hearsay through gossip kept
//! dead nodes alive for minutes in systems that tried it.

mod backoff;
mod breaker;
mod config;
mod detector;
mod peer;
mod phi;

pub use backoff::Backoff;
pub use breaker::{Breaker, BreakerState};
pub use config::Config;
pub use detector::{Detector, Probe};
pub use peer::Condition;
