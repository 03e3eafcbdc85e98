//! Exhaustive search through small models made of the database's own pure machines: every schedule, every loss, every death
//! within the bounds of a case. What the simulator tries at random in the large is tried here completely in the small.
//!
//! Invariant: nothing random, no clock; the same case always has the same number of states.
//! Refuses to judge by itself: a model says what must not be.

pub mod cases;
pub mod collecting;
pub mod moving;
pub mod order;
pub mod register;
pub mod search;
