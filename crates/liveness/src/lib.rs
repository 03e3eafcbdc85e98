//! Who is reachable and how fast: a failure detector, the pace of peers, circuit breakers and back-off.
//!
//! Invariant: what is said here is advice for routing and never changes who is responsible for what; every answer may
//! be wrong, and only costs time when it is. Refuses to know ring, epochs, messages, sockets and clocks: a peer is
//! whatever can be compared, and now is always an argument.
//!
//! What a node believes of a peer comes from its own probes. When one is missed, a few others are asked to probe the peer,
//! too, and what they say tells a dead node from a broken link; it does not make the peer reachable from here. Nothing is
//! spread further: hearsay through gossip kept dead nodes alive for minutes in systems that tried it.

mod backoff;
mod breaker;
mod config;
mod detector;
mod pace;
mod peer;
mod phi;
mod relay;

pub use backoff::Backoff;
pub use breaker::{Breaker, BreakerState};
pub use config::Config;
pub use detector::{Detector, Outgoing};
pub use pace::{Pace, is_slow};
pub use peer::Condition;
pub use relay::Report;
