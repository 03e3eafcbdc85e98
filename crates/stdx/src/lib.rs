//! Small additions to the standard library that every pure crate may use: time as plain integers, a seeded
//! pseudo-random generator, coverage marks, and planted bugs for builds that test the tests.
//!
//! Invariant: nothing here reads a clock, a socket, a file or ambient randomness.
//! Refuses to know any word of the database.

pub mod bugs;
pub mod hash;
pub mod marks;
pub mod prng;
pub mod time;
pub mod utc;

pub use prng::Prng;
pub use time::{Mono, Now, Span, Wall};
