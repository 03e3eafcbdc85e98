//! The cases that are explored by name, and the planted bugs that must be found.

pub mod collecting;
pub mod moving;
pub mod register;
