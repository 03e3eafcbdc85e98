//! From what an operator asks for to the event that would do it, checked against the newest view.
//!
//! Refuses to know how the event is agreed on.

use super::plan::leave_plan;
use crate::bucket::{Bucket, Mode};
use crate::core::Core;
use crate::event::{Change, Event, Restored};
use crate::history::View;
use crate::ids::{BucketId, Digest};
use crate::request::{Admin, Join, Refusal};
use ring::{Allocation, Member, Newcomer, NodeId, Token};
use std::collections::BTreeSet;

/// Backups name themselves by time and hash, in fewer bytes than this.
const BACKUP_NAME_BYTES_MAX: usize = 256;

/// The event that carries out a change; `None` if everything is so already.
pub(crate) fn event_for(core: &mut Core, admin: &Admin) -> Result<Option<Event>, Refusal> {
    let view = core.history.current().clone();
    let change = match admin {
        Admin::Join(join) => join_change(core, &view, join)?,
        Admin::Leave { node, plan } => leave_change(core, &view, *node, *plan)?,
        Admin::SetBucket(bucket) => bucket_change(&view, bucket)?,
        Admin::Readdress { name, uri } => readdress_change(core, &view, name, uri)?,
        Admin::Restored { backup, name, buckets, overwrite } => {
            Some(restored_change(core, &view, (*backup, name), buckets, *overwrite)?)
        }
        Admin::Status | Admin::History | Admin::PlanLeave { .. } | Admin::RepairStatus { .. } | Admin::RepairRun => {
            None
        }
    };
    let Some(change) = change else { return Ok(None) };
    let event = Event {
        epoch: core.epoch().next(),
        previous: core.history.head(),
        at: core.now.wall,
        nonce: core.prng.next_u64(),
        change,
    };
    match core.history.admits(&event) {
        Ok(()) => Ok(Some(event)),
        Err(broken) => refused(broken.what),
    }
}

/// The node a change is about.
pub(crate) fn node_of(admin: &Admin, core: &Core) -> Option<NodeId> {
    match admin {
        Admin::Join(join) => Some(join.node),
        Admin::Leave { node, .. } | Admin::PlanLeave { node } => Some(*node),
        Admin::Readdress { .. } => Some(core.node),
        Admin::SetBucket(_)
        | Admin::Restored { .. }
        | Admin::Status
        | Admin::History
        | Admin::RepairStatus { .. }
        | Admin::RepairRun => None,
    }
}

/// The member a newcomer becomes in a cluster with this view.
pub(crate) fn member_for(core: &mut Core, view: &View, join: &Join) -> Result<Member, Refusal> {
    if let Some(other) = view.ring.members().find(|member| member.uri == join.uri) {
        let sentence = format!(
            "{} is already the address of {}; give this node another --advertise, or let {} leave first",
            join.uri, other.name, other.name
        );
        return refused(sentence);
    }
    let name = free_name(view, join)?;
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
    let known = |event: &Event| matches!(&event.change, Change::Add { member, .. } if member.id == join.node);
    if core.history.events().iter().any(known) {
        return refused("this node has left the cluster for good; start it with an empty data directory".to_owned());
    }
    let member = member_for(core, view, join)?;
    Ok(Some(Change::Add { member, seed: join.seed }))
}

fn free_name(view: &View, join: &Join) -> Result<String, Refusal> {
    let taken = |name: &str| view.ring.members().any(|member| member.name == name);
    if !taken(&join.name) {
        return Ok(join.name.clone());
    }
    if join.name_is_fixed {
        return refused(format!("a node called {} is already in the cluster; choose another --name", join.name));
    }
    let numbered = (2u32..).map(|number| format!("{} {number}", join.name)).find(|name| !taken(name));
    Ok(numbered.expect("numbers do not run out"))
}

fn leave_change(
    core: &mut Core,
    view: &View,
    node: NodeId,
    plan: Option<crate::ids::Digest>,
) -> Result<Option<Change>, Refusal> {
    let Some(member) = view.ring.member(&node) else {
        return Ok(None);
    };
    if view.ring.len() == 1 {
        return refused(format!("{} is the last node; there is nobody to take its data", member.name));
    }
    if let Some(plan) = plan
        && leave_plan(core, view, node).is_none_or(|current| current.id != plan)
    {
        return Err(Refusal::PlanChanged);
    }
    Ok(Some(Change::Remove { member: member.clone() }))
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
        return Err(Refusal::ModeUnsupported(wanted.name.clone()));
    }
    let bucket = match view.bucket(&wanted.name) {
        Some(old) if old.rule != wanted.rule => {
            return refused(format!("the conflict rule of bucket {} is fixed; make another bucket", old.name));
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

fn refused<T>(sentence: String) -> Result<T, Refusal> {
    Err(Refusal::ChangeRefused(sentence))
}
