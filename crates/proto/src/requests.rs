//! Clients' requests, before any of them becomes an operation: bounds, buckets, and who coordinates.

use crate::amendment::Amendment;
use crate::coordinator::{Asker, Deciding, Explaining, Forwarding, Reading, Scanning, Writing, check_key};
use crate::core::Core;
use crate::machine::Machine;
use crate::membership::{blocked, estimated_bytes, estimated_seconds, plan_for, steps};
use crate::message::Progress;
use crate::paxos::register::{ChangeId, Tried};
use crate::record::{Rule, Value};
use crate::request::{
    Admin, Amending, Cas, Edit, Ends, Expect, Get, MemberStatus, Put, Refusal, RepairStatus, Request, Response,
    Restore, Scan, Status,
};
use crate::{Bucket, BucketId, Durability, ItemKey, Level, Mode, Slot};
use ring::{Member, NodeId, PartitionId};
use std::collections::BTreeMap;
use stdx::Span;
use stdx::bugs::planted;

impl Machine {
    /// Begins a request of a client here, or of a client of a peer that forwarded it.
    pub(crate) fn on_request(&mut self, asker: Asker, request: Request, within: Span) {
        if let Some(why) = self.core.ejected() {
            return self.ops.refuse(&mut self.core, &asker, Refusal::NotReady(why));
        }
        if self.transition.is_out(&self.core) {
            let refusal = Refusal::NotReady("this node has left the cluster; ask another one".to_owned());
            return self.ops.refuse(&mut self.core, &asker, refusal);
        }
        if self.ops.unanswered() >= self.core.config.requests_max {
            stdx::marks::hit("request_shed");
            return self.ops.refuse(&mut self.core, &asker, Refusal::Overloaded);
        }
        match request {
            Request::Get(get) => self.on_get(asker, get, within),
            Request::Put(put) => self.on_put(asker, put, within),
            Request::Cas(cas) => self.on_cas(asker, cas, within),
            Request::Amend(amending) => self.on_amend(asker, amending, within),
            Request::Scan(scan) => self.on_scan(asker, scan, false, within),
            Request::Dump(scan) => self.on_scan(asker, scan, true, within),
            Request::Restore(restore) => self.on_restore(asker, restore, within),
            Request::Explain(explain) => match find_bucket(&self.core, &explain.bucket) {
                Ok(bucket) => Explaining::start(&mut self.ops, &mut self.core, asker, explain, bucket, within),
                Err(refusal) => self.ops.refuse(&mut self.core, &asker, refusal),
            },
            Request::Admin(admin) => self.on_admin(asker, admin, within),
            Request::Watch(watch) => self.on_watch(asker, watch, within),
        }
    }

    fn on_get(&mut self, asker: Asker, get: Get, within: Span) {
        match find_bucket(&self.core, &get.bucket).and_then(|bucket| check_key(&self.core, &get.key).map(|()| bucket)) {
            Ok(bucket) if self.is_leaving() => {
                let slot = Slot::new(self.grid(), bucket.id, get.key.clone());
                let (partition, key) = (slot.partition, get.key.clone());
                self.hand_on(asker, "get", key, (partition, bucket.id), Request::Get(get), within);
            }
            Ok(bucket) if bucket.mode == Mode::Linearizable => self.on_current(asker, get, &bucket, within),
            Ok(bucket) => Reading::start(&mut self.ops, &mut self.core, asker, get, &bucket, within),
            Err(refusal) => self.ops.refuse(&mut self.core, &asker, refusal),
        }
    }

    /// A read of an item of a linearizable bucket.
    fn on_current(&mut self, asker: Asker, get: Get, bucket: &Bucket, within: Span) {
        let (ops, core) = (&mut self.ops, &mut self.core);
        match get.level {
            None | Some(Level::Quorum) => Deciding::read(ops, core, asker, bucket, get.key, within),
            Some(Level::Any | Level::One) => Reading::start(ops, core, asker, get, bucket, within),
            Some(level) => {
                let sentence = format!(
                    "bucket {} is linearizable: it is read at level quorum (the newest value) or one (one replica's, \
                     which may be old), not {level}",
                    bucket.name
                );
                ops.refuse(core, &asker, Refusal::Invalid(sentence));
            }
        }
    }

    fn on_scan(&mut self, asker: Asker, scan: Scan, raw: bool, within: Span) {
        match find_bucket(&self.core, &scan.bucket) {
            Ok(bucket) if self.is_leaving() => {
                let partition = scan.scope.range(bucket.id).partition(self.grid());
                let key = ItemKey::plain(bucket.name.into_bytes());
                let request = if raw { Request::Dump(scan) } else { Request::Scan(scan) };
                self.hand_on(asker, "scan", key, (partition, bucket.id), request, within);
            }
            Ok(bucket) => Scanning::start(&mut self.ops, &mut self.core, asker, scan, raw, &bucket, within),
            Err(refusal) => self.ops.refuse(&mut self.core, &asker, refusal),
        }
    }

    /// True if this node has given up its tokens. The others soon stop waiting for it, and then it must not read by its
    /// own view any more.
    fn is_leaving(&self) -> bool {
        self.core.history.current().ring.member(&self.core.node).is_none()
    }

    /// Hands a read to a node that stays, once.
    fn hand_on(
        &mut self,
        asker: Asker,
        what: &'static str,
        key: ItemKey,
        (partition, bucket): (PartitionId, BucketId),
        request: Request,
        within: Span,
    ) {
        let (ops, core) = (&mut self.ops, &mut self.core);
        if matches!(asker, Asker::Peer { .. }) {
            let refusal = Refusal::NotReady("this node is leaving the cluster; ask another one".to_owned());
            return ops.refuse(core, &asker, refusal);
        }
        let replicas = core.history.current().replicas(partition, bucket).to_vec();
        Forwarding::start(ops, core, asker, what, key, request, replicas, within);
    }

    fn on_put(&mut self, asker: Asker, put: Put, within: Span) {
        let bucket = match self.check_put(&put) {
            Ok(bucket) => bucket,
            Err(refusal) => return self.ops.refuse(&mut self.core, &asker, refusal),
        };
        if bucket.mode == Mode::Linearizable {
            return match swap_of(put, &bucket) {
                Ok(cas) => self.on_checked_cas(asker, cas, &bucket, within),
                Err(refusal) => self.ops.refuse(&mut self.core, &asker, refusal),
            };
        }
        let (ops, core) = (&mut self.ops, &mut self.core);
        let slot = Slot::new(core.history.genesis().grid, bucket.id, put.key.clone());
        let replicas = core.read_set(slot.partition, bucket.id);
        let here = replicas.contains(&core.node);
        let forwarded = matches!(asker, Asker::Peer { .. });
        let any_without_replica =
            put.level.unwrap_or(bucket.w) == Level::Any && !replicas.iter().any(|node| core.is_usable(*node));
        if here || forwarded || any_without_replica {
            if self.core.is_gone() {
                return self.refuse_as_leaver(&asker);
            }
            let (ops, core) = (&mut self.ops, &mut self.core);
            return Writing::start(ops, core, asker, put, slot, &bucket, within);
        }
        let what = if put.value.is_some() { "put" } else { "delete" };
        let key = put.key.clone();
        Forwarding::start(ops, core, asker, what, key, Request::Put(put), replicas.to_vec(), within);
    }

    fn refuse_as_leaver(&mut self, asker: &Asker) {
        let refusal = Refusal::NotReady("this node has left the cluster; ask another one".to_owned());
        self.ops.refuse(&mut self.core, asker, refusal);
    }

    fn on_restore(&mut self, asker: Asker, restore: Restore, within: Span) {
        if self.core.is_gone() {
            return self.refuse_as_leaver(&asker);
        }
        let checked = check_key(&self.core, &restore.key).and_then(|()| find_bucket(&self.core, &restore.bucket));
        let started = checked.and_then(|bucket| {
            Writing::restore(&mut self.ops, &mut self.core, asker.clone(), restore, &bucket, within)
        });
        if let Err(refusal) = started {
            self.ops.refuse(&mut self.core, &asker, refusal);
        }
    }

    fn check_put(&self, put: &Put) -> Result<Bucket, Refusal> {
        check_key(&self.core, &put.key)?;
        self.check_value(put.value.as_ref())?;
        find_bucket(&self.core, &put.bucket)
    }

    fn check_value(&self, value: Option<&Value>) -> Result<(), Refusal> {
        let max = self.core.config.value_bytes_max;
        let bytes = value.map_or(0, |value| value.bytes.len());
        if bytes > max {
            return Err(Refusal::Invalid(format!("the value has {bytes} bytes; at most {max} are taken")));
        }
        Ok(())
    }

    fn on_cas(&mut self, asker: Asker, cas: Cas, within: Span) {
        match self.check_cas(&cas) {
            Ok(bucket) => self.on_checked_cas(asker, cas, &bucket, within),
            Err(refusal) => self.ops.refuse(&mut self.core, &asker, refusal),
        }
    }

    fn check_cas(&self, cas: &Cas) -> Result<Bucket, Refusal> {
        check_key(&self.core, &cas.key)?;
        match &cas.edit {
            Edit::Put(value) => self.check_value(Some(value))?,
            Edit::Restore { version, .. } => self.check_value(version.value.as_ref())?,
            Edit::Delete | Edit::Add(_) | Edit::End { .. } => {}
        }
        let bucket = find_bucket(&self.core, &cas.bucket)?;
        if bucket.mode != Mode::Linearizable {
            let sentence =
                format!("bucket {} is eventual; conditions and ids of changes need a linearizable bucket", bucket.name);
            return Err(Refusal::Invalid(sentence));
        }
        Ok(bucket)
    }

    fn on_amend(&mut self, asker: Asker, amending: Amending, within: Span) {
        let bucket = match check_key(&self.core, &amending.key).and_then(|()| find_bucket(&self.core, &amending.bucket))
        {
            Ok(bucket) => bucket,
            Err(refusal) => return self.ops.refuse(&mut self.core, &asker, refusal),
        };
        if bucket.mode == Mode::Linearizable {
            return match change_of(amending, &bucket) {
                Ok(cas) => self.on_checked_cas(asker, cas, &bucket, within),
                Err(refusal) => self.ops.refuse(&mut self.core, &asker, refusal),
            };
        }
        if let Err(refusal) = self.check_amending(&amending, &bucket) {
            return self.ops.refuse(&mut self.core, &asker, refusal);
        }
        if self.core.is_gone() {
            return self.refuse_as_leaver(&asker);
        }
        let (ops, core) = (&mut self.ops, &mut self.core);
        let slot = Slot::new(core.history.genesis().grid, bucket.id, amending.key.clone());
        let replicas = core.read_set(slot.partition, bucket.id);
        if replicas.contains(&core.node) || matches!(asker, Asker::Peer { .. }) {
            return Reading::amend(ops, core, asker, amending, &bucket, within);
        }
        let key = amending.key.clone();
        Forwarding::start(ops, core, asker, "change", key, Request::Amend(amending), replicas.to_vec(), within);
    }

    fn check_amending(&self, amending: &Amending, bucket: &Bucket) -> Result<(), Refusal> {
        let is_element = amending.key.is_element();
        let sentence = match &amending.amendment {
            Amendment::Put(value) if is_element => return self.check_value(value.as_ref()),
            Amendment::Put(_) => "only elements are put in the place of what is there",
            _ if bucket.rule_for(&amending.key) == Rule::Siblings && !is_element => {
                "only items of which the last writer wins, and elements, are counted with and given another end"
            }
            _ => return Ok(()),
        };
        Err(Refusal::Invalid(sentence.to_owned()))
    }

    /// The first usable replica carries out the changes of a key, so that proposers seldom meet and its next change takes
    /// one round trip. Any other node could.
    fn on_checked_cas(&mut self, asker: Asker, mut cas: Cas, bucket: &Bucket, within: Span) {
        let (ops, core) = (&mut self.ops, &mut self.core);
        let slot = Slot::new(core.history.genesis().grid, bucket.id, cas.key.clone());
        let replicas = core.history.current().replicas(slot.partition, bucket.id).to_vec();
        let preferred = replicas.iter().copied().find(|node| core.is_usable(*node));
        let forwarded = matches!(asker, Asker::Peer { .. });
        if forwarded || preferred.is_none_or(|node| node == core.node) {
            return Deciding::change(ops, core, asker, bucket, cas, within);
        }
        // Whoever it is handed to, it is the same change.
        cas.id = cas.id.or_else(|| Some(ChangeId(core.prng.next_u64())));
        let key = cas.key.clone();
        Forwarding::start(ops, core, asker, "change", key, Request::Cas(cas), replicas, within);
    }

    fn on_admin(&mut self, asker: Asker, admin: Admin, within: Span) {
        match admin {
            Admin::Status => {
                let status = Response::Status(Box::new(self.status()));
                self.ops.answer(&mut self.core, &asker, status);
            }
            Admin::History => {
                let history = Response::History(self.core.history.events().to_vec());
                self.ops.answer(&mut self.core, &asker, history);
            }
            Admin::RepairStatus { partition } => {
                let status = Response::Repair(Box::new(self.repair_status(partition)));
                self.ops.answer(&mut self.core, &asker, status);
            }
            Admin::RepairRun => {
                self.anti_entropy.run_now(&mut self.core);
                let status = Response::Repair(Box::new(self.repair_status(None)));
                self.ops.answer(&mut self.core, &asker, status);
            }
            Admin::Plan(change) => {
                let response = match plan_for(&mut self.core, &change) {
                    Ok(plan) => Response::Plan(plan),
                    Err(refusal) => Response::Refused(refusal),
                };
                self.ops.answer(&mut self.core, &asker, response);
            }
            change if leaver(&change).is_some_and(|node| node != self.core.node) => {
                let node = leaver(&change).expect("just found");
                self.ask_to_leave(asker, node, change, within);
            }
            change => self.proposals.start(&mut self.ops, &mut self.core, asker, change, within),
        }
    }

    /// A node leaves by its own decision: it is asked to.
    fn ask_to_leave(&mut self, asker: Asker, node: NodeId, admin: Admin, within: Span) {
        let core = &mut self.core;
        let (name, uri) = core.name_of(node);
        let refusal = if core.history.current().ring.member(&node).is_none() {
            Some("there is no such member".to_owned())
        } else if matches!(asker, Asker::Peer { .. }) {
            Some("the request reached the wrong node; ask the node itself".to_owned())
        } else if !core.is_usable(node) {
            Some(format!(
                "{name} [{uri}] cannot be reached, and a node hands its data over itself; start it again first, or, if \
                 it is lost, remove or replace it"
            ))
        } else {
            None
        };
        match refusal {
            Some(sentence) => self.ops.refuse(core, &asker, Refusal::ChangeRefused(sentence)),
            None => {
                let key = crate::ItemKey::plain(name.into_bytes());
                let request = Request::Admin(admin);
                Forwarding::start(&mut self.ops, core, asker, "leave", key, request, vec![node], within);
            }
        }
    }

    fn repair_status(&self, partition: Option<PartitionId>) -> RepairStatus {
        let mut status = self.anti_entropy.status(&self.core, partition);
        status.damaged = self.healing.len() as u32;
        self.collector.tell(&self.core, &mut status);
        status
    }

    /// What this node knows of the cluster.
    pub fn status(&self) -> Status {
        let core = &self.core;
        let view = core.history.current();
        let n = view.buckets.get(&BucketId::DEFAULT).map_or(1, |bucket| usize::from(bucket.n));
        let copies = view.ring.shares(n);
        let mut members: Vec<MemberStatus> =
            view.ring.members().map(|member| self.member_status(member, &copies, false)).collect();
        let older = core.history.views().flat_map(|view| view.ring.members());
        let leavers = core.unsettled_leavers().filter(|_| !planted("a leaver that died is not named"));
        for member in older.chain(leavers) {
            if !core.is_banned(member.id) && members.iter().all(|known| known.member.id != member.id) {
                members.push(self.member_status(member, &copies, true));
            }
        }
        let moving = self.streams.moving();
        let left = if moving == 0 { 0 } else { estimated_bytes(core, moving as u64) };
        let seconds = self.streams.seconds_left(core.now.mono);
        Status {
            node: core.node,
            cluster: core.history.genesis().cluster,
            epoch: core.epoch(),
            stable: core.stable(),
            reading: core.reading(),
            partitions: core.history.genesis().grid.count(),
            members,
            buckets: view.buckets.values().cloned().collect(),
            voters: view.voters(),
            moving: moving as u32,
            hints: self.hints.waiting(core),
            steps: steps(core),
            left: (left, seconds.unwrap_or_else(|| estimated_seconds(core, left, 1))),
            blocked: blocked(core, &self.streams),
            leaving: view.ring.member(&core.node).is_none(),
        }
    }

    fn member_status(&self, member: &Member, copies: &BTreeMap<NodeId, u32>, leaving: bool) -> MemberStatus {
        let core = &self.core;
        let view = core.history.current();
        MemberStatus {
            member: member.clone(),
            leaving,
            seed: view.is_seed(member.id),
            condition: core.condition(member.id),
            reached_by_others: core.is_reached_by_others(member.id),
            round_trip: core.detector.round_trip(&member.id),
            phi: core.detector.phi(core.now.mono, &member.id),
            progress: core.progress.get(&member.id).copied().unwrap_or_else(Progress::default),
            copies: copies.get(&member.id).copied().unwrap_or(0),
        }
    }
}

/// The node that a change asks to leave.
fn leaver(admin: &Admin) -> Option<NodeId> {
    match admin {
        Admin::Leave { node } => Some(*node),
        Admin::Apply { change, .. } => leaver(change),
        _ => None,
    }
}

/// A write in a linearizable bucket: a change without a condition.
fn swap_of(put: Put, bucket: &Bucket) -> Result<Cas, Refusal> {
    let refused = |what: &str| Err(Refusal::Invalid(format!("bucket {} is linearizable: {what}", bucket.name)));
    if !matches!(put.level, None | Some(Level::Quorum)) {
        return refused("it is written at level quorum only");
    }
    if put.durability == Durability::Memory {
        return refused("whatever is written is on disk");
    }
    if put.context.is_some() {
        return refused("its items have versions, not contexts; use a condition on the version");
    }
    let edit = put.value.map_or(Edit::Delete, Edit::Put);
    let ends = put.ttl.map_or(Ends::Never, Ends::After);
    Ok(Cas { bucket: put.bucket, key: put.key, expect: Expect::Any, edit, ends, id: None, tried: Tried::No })
}

/// An amendment in a linearizable bucket: one change of the register.
fn change_of(amending: Amending, bucket: &Bucket) -> Result<Cas, Refusal> {
    let Amending { key, amendment, level, durability, .. } = amending;
    let refused = |what: &str| Err(Refusal::Invalid(format!("bucket {} is linearizable: {what}", bucket.name)));
    let edit = match amendment {
        Amendment::Add { by, whole: true } => by.as_i64().map(Edit::Add),
        Amendment::Add { .. } => None,
        Amendment::End { expires, when } => Some(Edit::End { expires, when }),
        Amendment::Put(_) => return refused("it has no elements"),
    };
    let Some(edit) = edit else { return refused("whole numbers are added to its items") };
    if !matches!(level, None | Some(Level::Quorum)) || durability == Durability::Memory {
        return refused("it is written at level quorum only, and to disk");
    }
    let (expect, ends) = (Expect::Any, Ends::Never);
    Ok(Cas { bucket: bucket.name.clone(), key, expect, edit, ends, id: None, tried: Tried::No })
}

fn find_bucket(core: &Core, name: &str) -> Result<Bucket, Refusal> {
    let bucket = core.history.current().bucket(name).cloned();
    bucket.ok_or_else(|| Refusal::UnknownBucket(name.to_owned()))
}
