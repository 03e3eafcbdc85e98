//! Taking the newest change of the ring back before reads follow it.
//!
//! An abort is one more event, with a ring of its own that is the one before: until it has settled, writes go by the
//! rings of both, so it is as safe as any other change, whatever moves meanwhile.
//!
//! A newcomer that lives leaves again, and hands over what it was given alone. One that died, or never came up, is put
//! out: nobody can bring it up to date, and the change would wait for it. Nothing is lost by that, because whatever it
//! has acknowledged with others is with a quorum of the old replicas, too.
//!
//! Invariant: only the newest change of the ring is taken back, and a banned node never comes back.

use super::changes::refused;
use crate::core::Core;
use crate::event::{Change, Event};
use crate::history::View;
use crate::request::Refusal;
use liveness::Condition;
use ring::NodeId;

/// The change that takes the newest one back.
pub(super) fn abort(core: &Core, view: &View) -> Result<Option<Change>, Refusal> {
    let unsettled = core.history.events_from(core.stable().next());
    let Some(event) = unsettled.iter().rev().find(|event| event.change.is_of_the_ring()) else {
        return refused("no change is under way; there is nothing to take back".to_owned());
    };
    let switched = core.progress.values().any(|progress| progress.switched >= event.epoch);
    if switched || core.reading() >= event.epoch {
        return refused(format!(
            "reads already follow epoch {}, so it is not taken back any more; make the opposite change instead",
            event.epoch
        ));
    }
    let undo = Box::new(opposite(core, view, event)?);
    Ok(Some(Change::Abort { of: event.epoch, undo }))
}

fn opposite(core: &Core, view: &View, event: &Event) -> Result<Change, Refusal> {
    let before = core.history.view_of(event.epoch.previous()).expect("an unsettled event has others before it");
    let as_it_was = |node: &NodeId| before.ring.member(node).cloned();
    match &event.change {
        Change::Add { member, .. } => match core.condition(member.id) {
            Condition::Up => Ok(Change::Remove { member: member.clone() }),
            Condition::Down => Ok(Change::Eject { member: member.clone() }),
            Condition::Suspect | Condition::Unknown => Err(Refusal::NotReady(format!(
                "it is not yet clear whether {} [{}] is alive; try again in a few seconds",
                member.name, member.uri
            ))),
        },
        Change::Remove { member } if !core.is_usable(member.id) => refused(format!(
            "{} cannot be reached, so its leaving is not taken back; start it again, or remove it as dead",
            member.name
        )),
        Change::Remove { member } => Ok(Change::Add { member: member.clone(), seed: before.is_seed(member.id) }),
        Change::Reweigh { node, .. } => match (view.ring.member(node), as_it_was(node)) {
            (Some(_), Some(old)) => Ok(Change::Reweigh { node: *node, weight: old.weight, tokens: old.tokens }),
            _ => refused("the node whose weight was changed is no member any more".to_owned()),
        },
        Change::Bucket(bucket) => match before.buckets.get(&bucket.id) {
            Some(old) => Ok(Change::Bucket(old.clone())),
            None => refused(format!("bucket {} was made by this change, and buckets do not go", bucket.name)),
        },
        Change::Eject { member } => refused(format!(
            "{} was put out as dead, and a banned node never comes back; start a new node instead",
            member.name
        )),
        Change::Replace { member, .. } => refused(format!(
            "the node that {} replaces is banned and never comes back; let {} leave instead",
            member.name, member.name
        )),
        Change::Abort { of, .. } => {
            refused(format!("epoch {of} has just been taken back; make the change again if you want it after all"))
        }
        Change::Create(_)
        | Change::Readdress { .. }
        | Change::Restored(_)
        | Change::Grant(_)
        | Change::Revoke { .. } => unreachable!("settled, or passed over"),
    }
}
