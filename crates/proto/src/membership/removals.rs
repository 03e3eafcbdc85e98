//! Putting dead nodes out: with nobody in their place, or with a new node that takes their tokens.
//!
//! A node that is put out is banned: from the moment a node has the event on disk it listens to nothing the banned one
//! says, so when all others have acknowledged the event, the banned node is part of no quorum and what it held can be
//! made anew from those who remain.
//!
//! Invariant: nobody is put out who looks alive from here; whoever runs can leave.

use super::changes::{address_taken, free_name, refused};
use crate::core::Core;
use crate::event::Change;
use crate::history::View;
use crate::request::{Join, Refusal};
use liveness::Condition;
use ring::{Member, NodeId};
use stdx::bugs::planted;

/// Puts a dead node out. It may be on its way out already, or have left without settling: then the others wait no more for
/// what it still had to do.
pub(super) fn eject(core: &Core, node: NodeId) -> Result<Option<Change>, Refusal> {
    if core.is_banned(node) {
        return Ok(None);
    }
    let member = core.history.views().rev().find_map(|view| view.ring.member(&node));
    let leaver = || core.unsettled_leavers().find(|member| member.id == node);
    let member = member.or_else(|| leaver().filter(|_| !planted("a leaver that died is no member")));
    let Some(member) = member.cloned() else {
        return refused("there is no such member".to_owned());
    };
    check_dead(core, &member)?;
    if core.history.current().ring.members().all(|other| other.id == node) {
        return refused(format!("{} is the last node; nobody would be left", member.name));
    }
    Ok(Some(Change::Eject { member }))
}

/// Puts a new node in the place of a dead one.
pub(super) fn replace(core: &Core, view: &View, old: &str, join: &Join) -> Result<Option<Change>, Refusal> {
    if view.ring.member(&join.node).is_some() {
        return Ok(None);
    }
    if core.history.knows(join.node) {
        return refused("this node has left the cluster for good; start it with an empty data directory".to_owned());
    }
    let old = find(core, view, old)?;
    check_dead(core, &old)?;
    let others = view.ring.without(&old.id);
    if let Some(other) = others.members().find(|member| member.uri == join.uri) {
        return refused(address_taken(other));
    }
    let member = Member {
        id: join.node,
        name: free_name(&others, join)?,
        uri: join.uri.clone(),
        tokens: old.tokens.clone(),
        weight: old.weight,
        zone: old.zone.clone(),
    };
    Ok(Some(Change::Replace { old: old.id, member, seed: view.is_seed(old.id) || join.seed }))
}

/// The member that is called so.
fn find(core: &Core, view: &View, text: &str) -> Result<Member, Refusal> {
    let id = text.parse::<NodeId>().ok();
    let called = |member: &&Member| Some(member.id) == id || member.name == text;
    if let Some(member) = view.ring.members().find(called) {
        return Ok(member.clone());
    }
    let events = core.history.events().iter().rev();
    let gone = events.filter_map(|event| event.change.admits()).find(called);
    match gone {
        Some(member) if core.is_banned(member.id) => {
            refused(format!("{} has been removed or replaced already; start this node without --replace", member.name))
        }
        Some(member) => refused(format!("{} has left the cluster; start this node without --replace", member.name)),
        None => refused(format!("there is no member called {text}")),
    }
}

/// Refuses unless the node looks dead from here.
fn check_dead(core: &Core, member: &Member) -> Result<(), Refusal> {
    let Member { name, uri, .. } = member;
    match core.condition(member.id) {
        Condition::Down => Ok(()),
        Condition::Up => refused(format!(
            "{name} [{uri}] is alive, and only dead nodes are put out; let it leave instead, or stop its process first"
        )),
        Condition::Suspect | Condition::Unknown => Err(Refusal::NotReady(format!(
            "it is not yet clear that {name} [{uri}] is dead; try again in a few seconds"
        ))),
    }
}
