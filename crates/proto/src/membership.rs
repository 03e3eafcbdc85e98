//! The membership history on this node: agreeing on the next event, learning events from others, and following the
//! changes of the ring until the old one is out of use.
//!
//! Invariant: an event is durable here before anybody hears of it from us and before it has any effect. Which event is
//! number e + 1 is decided by a register of its own whose acceptors are the voters of epoch e, so the acceptors of a
//! decision never change while it is made.

mod abort;
mod acceptors;
mod access;
mod changes;
mod foreign;
mod gossip;
mod plan;
mod progress;
mod proposals;
mod removals;

pub(crate) use acceptors::Acceptors;
pub(crate) use changes::{member_for, plan_for};
pub(crate) use gossip::{Gossip, tell_few, tell_some};
pub(crate) use plan::{estimated_bytes, estimated_seconds};
pub(crate) use progress::{Transition, blocked, steps, tell_peers};
pub(crate) use proposals::Proposals;
