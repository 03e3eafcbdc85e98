//! From what an operator asks for to the event that would do it, checked against the newest view.
//!
//! Refuses to know how the event is agreed on.

use super::plan::plan_of;
use super::{abort, access, removals};
use crate::bucket::{Bucket, Level, Mode};
use crate::core::Core;
use crate::event::{Change, Event, Restored};
use crate::history::View;
use crate::ids::{BucketId, Digest};
use crate::record::Rule;
use crate::request::{Admin, Join, Plan, Refusal, Risk};
use ring::{Allocation, Member, Newcomer, NodeId, Ring, Token};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use stdx::bugs::planted;

/// Most changes under way at once.
const UNSETTLED_MAX: u64 = 8;
/// Weights that a member may have.
const WEIGHTS: RangeInclusive<u32> = 1..=10_000;
/// Backups name themselves by time and hash, in fewer bytes than this.
const BACKUP_NAME_BYTES_MAX: usize = 256;

/// The event that carries out a change; `None` if everything is so already.
pub(crate) fn event_for(core: &mut Core, admin: &Admin) -> Result<Option<Event>, Refusal> {
    let (wanted, seen) = match admin {
        Admin::Apply { change, plan } => (change.as_ref(), Some(*plan)),
        other => (other, None),
    };
    let Some((event, plan)) = drafted(core, wanted)? else { return Ok(None) };
    match seen {
        Some(seen) if plan.id != seen => Err(Refusal::PlanChanged),
        None if plan.risk.at_risk > 0 && matches!(wanted, Admin::Remove { .. } | Admin::Replace { .. }) => {
            refused(risky(wanted, plan.risk))
        }
        _ => Ok(Some(event)),
    }
}

/// What a change would move.
pub(crate) fn plan_for(core: &mut Core, admin: &Admin) -> Result<Plan, Refusal> {
    match drafted(core, admin)? {
        Some((_, plan)) => Ok(plan),
        None => refused("everything is so already; there is nothing to do".to_owned()),
    }
}

/// The event for a change as things are now, and what it would move.
fn drafted(core: &mut Core, admin: &Admin) -> Result<Option<(Event, Plan)>, Refusal> {
    let view = core.history.current().clone();
    let Some(change) = change_for(core, &view, admin)? else { return Ok(None) };
    check_queue(core, admin)?;
    let event = Event {
        epoch: core.epoch().next(),
        previous: core.history.head(),
        at: core.now.wall,
        nonce: core.prng.next_u64(),
        change,
    };
    match core.history.admits(&event) {
        Ok(after) => {
            let plan = plan_of(core, &event.change, &after);
            Ok(Some((event, plan)))
        }
        Err(broken) => refused(broken.what),
    }
}

fn change_for(core: &mut Core, view: &View, admin: &Admin) -> Result<Option<Change>, Refusal> {
    match admin {
        Admin::Join(join) => join_change(core, view, join),
        Admin::Leave { node } => leave_change(view, *node),
        Admin::Remove { node } => removals::eject(core, *node),
        Admin::Replace { old, join } => removals::replace(core, view, old, join),
        Admin::Reweigh { node, weight } => reweigh_change(view, *node, *weight),
        Admin::Abort => abort::abort(core, view),
        Admin::SetBucket(bucket) => bucket_change(view, bucket),
        Admin::Grant(token) => access::grant(view, token),
        Admin::Revoke { token } => access::revoke(view, *token),
        Admin::Readdress { name, uri } => readdress_change(core, view, name, uri),
        Admin::Restored { backup, name, buckets, overwrite } => {
            restored_change(core, view, (*backup, name), buckets, *overwrite).map(Some)
        }
        Admin::Status
        | Admin::History
        | Admin::Plan(_)
        | Admin::Apply { .. }
        | Admin::RepairStatus { .. }
        | Admin::RepairRun => Ok(None),
    }
}

/// Changes may be queued, but not without end: every epoch that has not settled is one more ring that writes go by.
/// What helps a change on that is stuck is let in when others are not.
fn check_queue(core: &Core, admin: &Admin) -> Result<(), Refusal> {
    let helps = matches!(
        admin,
        Admin::Remove { .. } | Admin::Replace { .. } | Admin::Abort | Admin::Readdress { .. } | Admin::Revoke { .. }
    );
    let most = if helps { UNSETTLED_MAX * 4 } else { UNSETTLED_MAX };
    let unsettled = core.epoch().0 - core.stable().0;
    if unsettled < most {
        return Ok(());
    }
    Err(Refusal::NotReady(format!(
        "{unsettled} changes are under way, and no more may be queued; wait until some have settled, and see the \
         cluster's status for what they wait for"
    )))
}

fn risky(admin: &Admin, risk: Risk) -> String {
    let what = if matches!(admin, Admin::Remove { .. }) { "removing" } else { "replacing" };
    format!(
        "{what} this node now may lose data: of {} partitions too few replicas are left that answer, and of {} none; \
         start the other nodes that are down first, or look at a plan and apply exactly that one",
        risk.at_risk, risk.lost
    )
}

/// The node a change is about.
pub(crate) fn node_of(admin: &Admin, core: &Core) -> Option<NodeId> {
    match admin {
        Admin::Join(join) | Admin::Replace { join, .. } => Some(join.node),
        Admin::Leave { node } | Admin::Remove { node } | Admin::Reweigh { node, .. } => Some(*node),
        Admin::Readdress { .. } => Some(core.node),
        Admin::Apply { change, .. } | Admin::Plan(change) => node_of(change, core),
        Admin::SetBucket(_)
        | Admin::Grant(_)
        | Admin::Revoke { .. }
        | Admin::Restored { .. }
        | Admin::Abort
        | Admin::Status
        | Admin::History
        | Admin::RepairStatus { .. }
        | Admin::RepairRun => None,
    }
}

/// The member a newcomer becomes in a cluster with this view.
pub(crate) fn member_for(core: &mut Core, view: &View, join: &Join) -> Result<Member, Refusal> {
    if let Some(other) = view.ring.members().find(|member| member.uri == join.uri) {
        return refused(address_taken(other));
    }
    let name = free_name(&view.ring, join)?;
    let mut tokens = if join.tokens.is_empty() {
        let how = if join.random_tokens { Allocation::Random } else { Allocation::Even };
        let count = usize::from(join.token_count.max(1));
        let newcomer = Newcomer { weight: join.weight, zone: join.zone.clone(), count };
        let n = view.buckets.get(&BucketId::DEFAULT).map_or(1, |bucket| usize::from(bucket.n));
        ring::allocate(&view.ring, &newcomer, n, how, &mut core.prng).or_else(|error| refused(error.to_string()))?
    } else {
        let grid = view.ring.grid();
        join.tokens.iter().map(|token| grid.round_up(token)).collect::<Vec<Token>>()
    };
    tokens.sort_unstable();
    tokens.dedup();
    Ok(Member { id: join.node, name, uri: join.uri.clone(), tokens, weight: join.weight, zone: join.zone.clone() })
}

fn join_change(core: &mut Core, view: &View, join: &Join) -> Result<Option<Change>, Refusal> {
    if view.ring.member(&join.node).is_some() {
        return Ok(None);
    }
    if core.history.knows(join.node) && !planted("an id comes back") {
        return refused("this node has left the cluster for good; start it with an empty data directory".to_owned());
    }
    let member = member_for(core, view, join)?;
    Ok(Some(Change::Add { member, seed: join.seed }))
}

pub(super) fn address_taken(other: &Member) -> String {
    let Member { name, uri, .. } = other;
    format!(
        "{uri} is already the address of {name}; if the data directory of {name} is lost, start this node with \
         --replace {name}; if not, start it with that directory, or give this node another --advertise"
    )
}

pub(super) fn free_name(ring: &Ring, join: &Join) -> Result<String, Refusal> {
    let taken = |name: &str| ring.members().any(|member| member.name == name);
    if !taken(&join.name) {
        return Ok(join.name.clone());
    }
    if join.name_is_fixed {
        return refused(format!(
            "a node called {name} is already in the cluster; choose another --name, or, if the data directory of \
             {name} is lost, start this node with --replace {name}",
            name = join.name
        ));
    }
    let numbered = (2u32..).map(|number| format!("{} {number}", join.name)).find(|name| !taken(name));
    Ok(numbered.expect("numbers do not run out"))
}

fn leave_change(view: &View, node: NodeId) -> Result<Option<Change>, Refusal> {
    let Some(member) = view.ring.member(&node) else {
        return Ok(None);
    };
    if view.ring.len() == 1 {
        return refused(format!("{} is the last node; there is nobody to take its data", member.name));
    }
    Ok(Some(Change::Remove { member: member.clone() }))
}

/// The new tokens follow from the ring alone, so that what is applied is what a plan showed.
fn reweigh_change(view: &View, node: NodeId, weight: u32) -> Result<Option<Change>, Refusal> {
    let Some(member) = view.ring.member(&node) else {
        return refused("there is no such member".to_owned());
    };
    if !WEIGHTS.contains(&weight) {
        let (least, most) = (WEIGHTS.start(), WEIGHTS.end());
        return refused(format!("a weight is from {least} to {most}, and 100 is normal; {weight} is not"));
    }
    if member.weight == weight {
        return Ok(None);
    }
    let n = view.buckets.get(&BucketId::DEFAULT).map_or(1, |bucket| usize::from(bucket.n));
    match ring::reweigh(&view.ring, node, weight, n) {
        Ok(tokens) => Ok(Some(Change::Reweigh { node, weight, tokens })),
        Err(error) => refused(error.to_string()),
    }
}

fn bucket_change(view: &View, wanted: &Bucket) -> Result<Option<Change>, Refusal> {
    if !Bucket::name_is_valid(&wanted.name) {
        let rule = "a bucket's name has 1 to 64 characters of a-z, 0-9, '-', '_' and '.'";
        return refused(format!("{:?} cannot name a bucket: {rule}", wanted.name));
    }
    if wanted.n == 0 || wanted.n > 16 {
        return refused(format!("n is {}; a bucket has 1 to 16 copies", wanted.n));
    }
    if wanted.mode == Mode::Linearizable {
        let plain = wanted.ttl.is_none() && wanted.rule == Rule::LastWriterWins;
        if !plain || (wanted.r, wanted.w) != (Level::Quorum, Level::Quorum) {
            let what = "a linearizable bucket has no time to live, no conflict rule, and no other level than quorum";
            return refused(what.to_owned());
        }
    }
    let bucket = match view.bucket(&wanted.name) {
        Some(old) if old.rule != wanted.rule => {
            return refused(format!("the conflict rule of bucket {} is fixed; make another bucket", old.name));
        }
        Some(old) if old.mode != wanted.mode => {
            return refused(format!("the mode of bucket {} is fixed; make another bucket", old.name));
        }
        Some(old) => Bucket { id: old.id, ..wanted.clone() },
        None => {
            let highest = view.buckets.keys().next_back().map_or(0, |id| id.0);
            Bucket { id: BucketId(highest.saturating_add(1)), ..wanted.clone() }
        }
    };
    let same = view.buckets.get(&bucket.id) == Some(&bucket);
    Ok((!same).then_some(Change::Bucket(bucket)))
}

fn readdress_change(core: &Core, view: &View, name: &str, uri: &str) -> Result<Option<Change>, Refusal> {
    let Some(member) = view.ring.member(&core.node) else {
        return refused("this node is not a member any more".to_owned());
    };
    let others = || view.ring.members().filter(|member| member.id != core.node);
    if let Some(other) = others().find(|other| other.uri == uri || other.name == name) {
        return refused(format!("{} [{}] has that name or address already", other.name, other.uri));
    }
    let same = member.name == name && member.uri == uri;
    let change = Change::Readdress { node: core.node, name: name.to_owned(), uri: uri.to_owned() };
    Ok((!same).then_some(change))
}

fn restored_change(
    core: &mut Core,
    view: &View,
    (backup, name): (Digest, &str),
    buckets: &[String],
    overwrite: bool,
) -> Result<Change, Refusal> {
    if let Some(unknown) = buckets.iter().find(|bucket| view.bucket(bucket).is_none()) {
        return Err(Refusal::UnknownBucket(unknown.clone()));
    }
    // An event is kept for ever and everywhere.
    if name.len() > BACKUP_NAME_BYTES_MAX {
        return refused(format!("the name of the backup is longer than {BACKUP_NAME_BYTES_MAX} bytes; shorten it"));
    }
    if buckets.iter().collect::<BTreeSet<_>>().len() < buckets.len() {
        return refused("a bucket of the restore is named twice; name each once".to_owned());
    }
    let (name, buckets) = (name.to_owned(), buckets.to_vec());
    Ok(Change::Restored(Restored { backup, name, buckets, overwrite, stamp: core.next_stamp() }))
}

pub(super) fn refused<T>(sentence: String) -> Result<T, Refusal> {
    Err(Refusal::ChangeRefused(sentence))
}
