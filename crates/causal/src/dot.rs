//! The name of one event: who made it, and the how-manyeth of theirs it was.
//!
//! Invariant: an actor never gives the same counter twice, over all keys and over its whole life. Whoever cannot be
//! sure of that any more, having lost data, is a new actor (see [`Actor::incarnation`]). Refuses to know how counters
//! are made durable; that is the work of whoever hands them out.

/// One life of one replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor {
    /// The replica's identity.
    pub node: u128,
    /// Which life of it. A replica that lost data, or may have, takes a higher one before it makes another dot: others
    /// believe to have seen every event up to the highest counter they met, and would take a counter given twice for
    /// an old, overwritten event and throw its value away. The upper half counts, the lower half is drawn by lot once in
    /// each life of a process, so that two that run on copies of one data directory are different actors.
    pub incarnation: u64,
}

/// The name of one event of one actor.
///
/// Counters rise over all keys of the actor and not per key, so a key that was deleted and made again never meets an
/// old dot, and the counters that one key sees have gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dot {
    /// Who made the event.
    pub actor: Actor,
    /// At least 1, and higher than in every earlier dot of the actor.
    pub counter: u64,
}
