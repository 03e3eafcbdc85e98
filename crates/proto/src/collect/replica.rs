//! This node as a replica of what another one, or itself, wants to collect.
//!
//! Invariant: it says yes only to what is on its disk exactly so, and names the round after it has looked; it lets go only
//! if it is itself clear of everything that began before all had agreed, durably.

use super::ROUNDS;
use crate::core::Core;
use crate::ids::{Epoch, SessionId};
use crate::input::Note;
use crate::message::{Message, Spent};
use crate::store::{Purpose, StoreOp, StoreOutcome};
use ring::{NodeId, Token};
use stdx::Wall;
use stdx::bugs::planted;

/// A replica is asked what it holds.
pub(crate) fn on_agree(core: &mut Core, from: NodeId, session: SessionId, epoch: Epoch, wall: Wall, items: Vec<Spent>) {
    if wall > core.now.wall || !is_ours(core, epoch, &items) {
        let (round, wall) = (core.round, core.now.wall);
        return core.say(from, Message::Agreed { session, round, wall, items: Vec::new() });
    }
    let idle_max = core.config.idle_actors_max;
    core.store(Purpose::AnswerAgree { to: from, session }, StoreOp::Agree { items, wall, idle_max });
}

/// A replica is told to let go.
pub(crate) fn on_collect(
    core: &mut Core,
    from: NodeId,
    session: SessionId,
    epoch: Epoch,
    (round, wall): (u64, Wall),
    items: Vec<Spent>,
) {
    let hasty = planted("collected without rounds") || planted("collected a round after the agreement");
    let is_clear = core.own_progress().clear >= round.saturating_add(ROUNDS) || hasty;
    if !is_clear || wall > core.now.wall || !is_ours(core, epoch, &items) {
        return core.say(from, Message::Collected { session, ok: false });
    }
    let idle_max = core.config.idle_actors_max;
    core.store(Purpose::AnswerCollect { to: from, session }, StoreOp::Collect { items, wall, idle_max });
}

/// Storage has looked, or has let go.
pub(crate) fn on_stored(core: &mut Core, purpose: Purpose, outcome: StoreOutcome) {
    match purpose {
        Purpose::AnswerAgree { to, session } => {
            let items = if let StoreOutcome::Wanted(items) = outcome { items } else { Vec::new() };
            let (round, wall) = (core.round, core.now.wall);
            core.say(to, Message::Agreed { session, round, wall, items });
        }
        Purpose::AnswerCollect { to, session } => {
            let ok = matches!(outcome, StoreOutcome::Collected(_));
            if let StoreOutcome::Collected(items @ 1..) = outcome {
                core.note(Note::Collected(items));
            }
            core.say(to, Message::Collected { session, ok });
        }
        other => unreachable!("not about collection: {other:?}"),
    }
}

/// True if the ring rests in this epoch and all of these are with this node.
fn is_ours(core: &Core, epoch: Epoch, items: &[Spent]) -> bool {
    let view = core.history.current();
    let grid = core.history.genesis().grid;
    core.epoch() == epoch
        && core.stable() == epoch
        && items.iter().all(|item| {
            let partition = grid.partition_of(&Token::of(&item.key.partition_key));
            view.buckets.contains_key(&item.bucket) && view.replicas(partition, item.bucket).contains(&core.node)
        })
}
