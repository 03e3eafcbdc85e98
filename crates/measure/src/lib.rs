//! The hot paths of a node, each as a small piece of work that can be done again and again: `cargo bench -p measure` takes
//! their time (Criterion), `bench/instructions.py` counts their instructions (callgrind), which are the same on every run.
//!
//! Invariant: no clock, no thread, no disk, no randomness but a seed, so that counts can be compared between commits.
//! Refuses to know how it is measured.

mod cluster;
mod paths;

pub use paths::{NAMES, prepare};

/// A piece of work, prepared. Each call does it once.
pub type Work = Box<dyn FnMut()>;
