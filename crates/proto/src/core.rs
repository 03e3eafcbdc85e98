//! What every part of the machine shares: who we are, what the cluster agreed on, who is reachable, the clock of
//! versions, and the list of effects being collected.
//!
//! Invariant: a dot is handed out once; its incarnation is durable before the first dot.

use crate::config::Config;
use crate::coordinator::{Asker, Routes};
use crate::event::{Change, Event};
use crate::fences::{Absent, Fences};
use crate::history::History;
use crate::ids::{BucketId, ClientId, Epoch, HintId, OpId, SessionId};
use crate::input::{Effect, Note};
use crate::message::{Message, Progress};
use crate::paxos::Ballot;
use crate::pulse::{self, Pulses};
use crate::quorum::{Group, Need};
use crate::request::Response;
use crate::store::{Meta, Purpose, StoreOp, Ticket};
use crate::waits::{Kind, Waits};
use causal::{Actor, Dot, HybridClock, Stamp};
use liveness::{Condition, Detector, Outgoing, Report};
use ring::{Member, NodeId, PartitionId};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use stdx::bugs::planted;
use stdx::{Mono, Now, Prng};

/// A node that left in one of this many last events may still be talked to.
const EVENTS_REMEMBERED: usize = 16;

#[derive(Clone)]
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) now: Now,
    pub(crate) node: NodeId,
    pub(crate) prng: Prng,
    pub(crate) history: History,
    /// Nodes for which no more hints are kept.
    pub(crate) hints_full: BTreeSet<NodeId>,
    pub(crate) detector: Detector<NodeId>,
    /// How fast those answer to whom requests are handed.
    pub(crate) routes: Routes,
    /// Requests of clients that wait for an answer.
    pub(crate) unanswered: usize,
    /// How long they wait.
    pub(crate) waits: Waits,
    /// How far each node has said it is; our own entry is what we have durably and have said.
    pub(crate) progress: BTreeMap<NodeId, Progress>,
    /// The furthest fences of replicas that have refused us.
    pub(crate) heard: Fences,
    /// Participants that the change under way can do without.
    pub(crate) absent: Absent,
    /// The round in which what begins now begins: the one we are clear of, or the next.
    pub(crate) round: u64,
    /// The round we could say that we are clear of.
    pub(crate) clear_wanted: u64,
    /// The newest epoch that our reads follow, as far as it was told or is being written down to be told.
    pub(crate) switching: Epoch,
    /// The highest stamp of what we want collected.
    pub(crate) collected_wanted: Stamp,
    /// Hints that are on their way to disk.
    pub(crate) hints_on_way: usize,
    /// Hints are kept here, or on their way to disk.
    pub(crate) hints_kept: bool,
    pub(crate) out: Vec<Effect>,
    /// Messages between parts of this node, handed over before `handle` returns.
    pub(crate) to_self: Vec<Message>,
    /// Bytes on our disk, as last heard; for plans.
    pub(crate) disk_bytes: u64,
    pub(crate) pulses: Pulses,
    clock: HybridClock,
    actor: Option<Actor>,
    /// The newest incarnation that was written, or is on its way to disk.
    newest_incarnation: u64,
    dots: u64,
    ids: u64,
    hints: u64,
    ballots: u64,
    /// Names this life of the node: for peers that hand it changes, and in its pulse. Random, never 0.
    pub(crate) life: u64,
    /// The lives of peers, as they have introduced themselves.
    pub(crate) lives: BTreeMap<NodeId, u64>,
    /// Peers to which a connection was lost or made since: they may live another one.
    pub(crate) lives_unsure: BTreeSet<NodeId>,
}

impl Core {
    pub(crate) fn new(config: Config, now: Now, node: NodeId, history: History, seed: u64) -> Core {
        let detector = Detector::new(config.liveness, Prng::keyed(seed, "detector", &[]).next_u64());
        // An answer to an earlier life of this node must not be taken for an answer to this one.
        let ids =
            if planted("request ids come back after a restart") { 0 } else { Prng::keyed(seed, "ids", &[]).next_u64() };
        Core {
            config,
            now,
            node,
            prng: Prng::keyed(seed, "machine", &[]),
            history,
            hints_full: BTreeSet::new(),
            detector,
            routes: Routes::default(),
            unanswered: 0,
            waits: Waits::default(),
            progress: BTreeMap::new(),
            heard: Fences::default(),
            absent: Absent::default(),
            round: 0,
            clear_wanted: 0,
            switching: Epoch::default(),
            collected_wanted: Stamp::MIN,
            hints_on_way: 0,
            hints_kept: false,
            out: Vec::new(),
            to_self: Vec::new(),
            disk_bytes: 0,
            pulses: Pulses::default(),
            clock: HybridClock::new(),
            actor: None,
            newest_incarnation: 0,
            dots: 0,
            ids,
            hints: 0,
            ballots: 0,
            life: Prng::keyed(seed, "life", &[]).next_u64() | 1,
            lives: BTreeMap::new(),
            lives_unsure: BTreeSet::new(),
        }
    }

    /// Operations and streams are named by numbers after this one from now on. Returns the last number given before.
    pub(crate) fn name_after(&mut self, number: u64) -> u64 {
        std::mem::replace(&mut self.ids, number)
    }

    /// What decides how this node goes on, without what only names new things: see [`Core::hash_names`].
    pub(crate) fn hash_state<H: Hasher>(&self, hasher: &mut H) {
        (self.epoch(), self.stable(), self.actor, self.newest_incarnation).hash(hasher);
        (&self.progress, self.heard, self.absent.nodes(), &self.hints_full).hash(hasher);
        (self.round, self.clear_wanted, self.switching, self.hints_on_way, self.hints_kept).hash(hasher);
    }

    /// What decides the names and stamps of versions and hints made from now on.
    pub(crate) fn hash_names<H: Hasher>(&self, hasher: &mut H) {
        (&self.clock, self.dots, self.hints, self.ballots).hash(hasher);
    }

    pub(crate) fn send(&mut self, to: NodeId, message: Message) {
        debug_assert_ne!(to, self.node, "a node does not send to itself");
        self.out.push(Effect::Send { to, message });
    }

    /// Sends to a node that may be ourselves.
    pub(crate) fn say(&mut self, to: NodeId, message: Message) {
        if to == self.node {
            self.to_self.push(message);
        } else {
            self.send(to, message);
        }
    }

    pub(crate) fn send_probe(&mut self, outgoing: Outgoing<NodeId>) {
        match outgoing {
            Outgoing::Probe { to, nonce } => self.send(to, Message::Ping { nonce }),
            Outgoing::Ask { to, about, nonce } => self.send(to, Message::ProbeFor { about, nonce }),
            Outgoing::Report(report) => {
                let Report { to, about, nonce, reached } = report;
                self.send(to, Message::ProbedFor { about, nonce, reached });
            }
        }
    }

    pub(crate) fn reply(&mut self, client: ClientId, response: Response) {
        self.out.push(Effect::Reply { client, response });
    }

    pub(crate) fn store(&mut self, purpose: Purpose, op: StoreOp) {
        if op.writes() {
            self.before_write();
        }
        self.out.push(Effect::Store { ticket: Ticket(purpose), op });
    }

    pub(crate) fn note(&mut self, note: Note) {
        self.out.push(Effect::Note(note));
    }

    pub(crate) fn next_op(&mut self) -> OpId {
        self.ids = self.ids.wrapping_add(1);
        OpId(self.ids)
    }

    pub(crate) fn next_session(&mut self) -> SessionId {
        self.ids = self.ids.wrapping_add(1);
        SessionId(self.ids)
    }

    /// A name for a hint that no earlier life of this node has used: hints outlive it.
    pub(crate) fn next_hint(&mut self) -> HintId {
        self.hints += 1;
        if planted("hint ids come back after a restart") {
            return HintId(self.hints);
        }
        HintId(self.incarnation().unwrap_or(0) & !u64::from(u32::MAX) | self.hints)
    }

    /// What the disk says was the last incarnation of this node.
    pub(crate) fn last_incarnation(&mut self, incarnation: u64) {
        self.newest_incarnation = incarnation;
    }

    /// An incarnation that was never used and never asked for: two parts of the machine may want one at the same time,
    /// and a number that began twice would hand the same dots out twice. Its lower half is of this life alone, for a
    /// process on a copy of our records would count on from the same number.
    pub(crate) fn next_incarnation(&mut self) -> u64 {
        let lot =
            if planted("incarnations are counted") || planted("incarnation before fsync") { 0 } else { self.life };
        let number = (self.newest_incarnation >> 32) + 1;
        self.newest_incarnation = number << 32 | lot & u64::from(u32::MAX);
        self.newest_incarnation
    }

    /// Takes a new incarnation as soon as it is durable.
    pub(crate) fn renew_incarnation(&mut self) {
        let incarnation = self.next_incarnation();
        self.store(Purpose::Incarnation(incarnation), StoreOp::Meta(vec![Meta::Incarnation(incarnation)]));
    }

    /// From now on dots carry this incarnation, which is durable.
    pub(crate) fn begin_incarnation(&mut self, incarnation: u64) {
        // One that began twice would hand the same dots out twice.
        if self.incarnation() >= Some(incarnation) {
            return;
        }
        self.actor = Some(Actor { node: self.node.0, incarnation });
        self.dots = 0;
    }

    /// The incarnation dots carry, once it is durable.
    pub(crate) fn incarnation(&self) -> Option<u64> {
        self.actor.map(|actor| actor.incarnation)
    }

    /// A dot never used before, or `None` while no incarnation is durable.
    pub(crate) fn next_dot(&mut self) -> Option<Dot> {
        let actor = self.actor?;
        self.dots += 1;
        Some(Dot { actor, counter: self.dots })
    }

    /// A dot for a version made by a node that keeps no record of the slot. Its actor is used for this dot alone: a record
    /// that names a later dot of an actor without its earlier ones would make replicas drop them.
    pub(crate) fn lone_dot(&mut self) -> Option<Dot> {
        self.actor?;
        if planted("a lone dot names its node") {
            return self.next_dot();
        }
        Some(Dot { actor: Actor { node: self.prng.next_u128(), incarnation: 0 }, counter: 1 })
    }

    /// A ballot for a register, above `above` and above every one given before in this life: no two attempts of this node,
    /// on whichever key, share one. `None` while no incarnation is durable.
    pub(crate) fn next_ballot(&mut self, above: Ballot) -> Option<Ballot> {
        let incarnation = self.incarnation()?;
        self.ballots = self.ballots.max(above.counter) + 1;
        Some(Ballot { counter: self.ballots, node: self.node, incarnation })
    }

    /// A stamp later than all before.
    pub(crate) fn next_stamp(&mut self) -> Stamp {
        self.clock.tick(self.now.wall.0)
    }

    /// With how far everybody is, as far as it was written down.
    pub(crate) fn begin_with(&mut self, progress: BTreeMap<NodeId, Progress>) {
        self.progress = progress;
        if planted("the guard is forgotten at restart")
            && let Some(own) = self.progress.get_mut(&self.node)
        {
            own.clear = 0;
        }
        self.round = self.own_progress().clear;
        self.clear_wanted = self.round;
        let highest = self.progress.values().map(|progress| progress.collected).max().unwrap_or_default();
        self.stamp_above(highest);
    }

    /// Stamps given from now on are above this one.
    pub(crate) fn stamp_above(&mut self, stamp: Stamp) {
        self.clock = HybridClock::resume(self.clock.last().max(stamp));
    }

    /// True if this node is in no view in use: it has left, and the others go on to later rounds without it as soon as it has
    /// settled.
    pub(crate) fn is_gone(&self) -> bool {
        self.history.views().all(|view| view.ring.member(&self.node).is_none())
    }

    /// Whether a record may be taken in that an operation, a stream or a repair of this round sends: nothing older than what
    /// was collected here may come back (`docs/adr/0012-collection-of-tombstones.md`).
    pub(crate) fn admits(&self, round: u64) -> bool {
        let is_late = round.saturating_add(1) < self.own_progress().clear;
        if is_late {
            stdx::marks::hit("collect.late_record_refused");
        }
        !is_late || planted("late records pass the guard")
    }

    /// Follows a stamp seen in a peer's record, unless it is absurdly far ahead.
    pub(crate) fn observe(&mut self, stamp: Stamp) {
        let ahead_max = self.config.clock_ahead_max.as_millis();
        if let Err(ahead) = self.clock.observe(stamp, self.now.wall.0, ahead_max) {
            self.note(Note::ClockAhead(ahead.by_ms));
        }
    }

    /// Follows the stamps of restores that the history tells of.
    pub(crate) fn observe_restores(&mut self) {
        let stamp = |event: &Event| match &event.change {
            Change::Restored(restored) => Some(restored.stamp),
            _ => None,
        };
        let newest = self.history.events().iter().filter_map(stamp).max();
        let newest = newest.filter(|_| !planted("clocks do not follow a restore"));
        newest.into_iter().for_each(|stamp| self.observe(stamp));
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.history.epoch()
    }

    pub(crate) fn own_progress(&self) -> Progress {
        self.progress.get(&self.node).copied().unwrap_or_default()
    }

    /// The oldest epoch in use.
    pub(crate) fn stable(&self) -> Epoch {
        self.history.oldest().epoch
    }

    /// Somebody was given what they asked for; if it was a client, its wait counts. The request was taken up at `begun`.
    pub(crate) fn note_wait(&mut self, asker: &Asker, kind: Kind, begun: Mono) {
        if !matches!(asker, Asker::Client(_)) {
            return;
        }
        let (now, moving) = (self.now.mono, self.stable() != self.epoch());
        self.waits.note(now, kind, now.since(begun), moving);
    }

    /// Nodes that hold or take over data in any view in use, ourselves among them.
    pub(crate) fn participants(&self) -> BTreeSet<NodeId> {
        self.each_participant().collect()
    }

    /// The participants, some of them more than once. Asked for with every input while the ring changes.
    pub(crate) fn each_participant(&self) -> impl Iterator<Item = NodeId> {
        let current = self.history.current();
        let members = self.history.views().flat_map(|view| view.ring.members().map(|member| member.id));
        members.filter(|node| current.banned(*node).is_none()).chain([self.node])
    }

    /// The newest epoch that somebody says has settled: everybody it was to wait for has switched to it, so everything
    /// is with its replicas.
    pub(crate) fn told(&self) -> Epoch {
        let told = self.progress.values().map(|progress| progress.settled).max().unwrap_or_default();
        told.max(self.heard.stable).min(self.epoch())
    }

    /// The epoch reads use: everything older than it has been handed over to its replicas.
    pub(crate) fn reading(&self) -> Epoch {
        if self.stable() == self.epoch() {
            return self.epoch();
        }
        if planted("reads switch without a barrier") {
            return self.own_progress().synced.max(self.stable()).min(self.epoch());
        }
        let synced = self.least(|progress| progress.synced).min(self.epoch());
        let synced = if self.is_passed_over(synced) { self.stable() } else { synced };
        // Whoever the others do not wait for any more may never hear how far those were who have gone meanwhile.
        let switched = self.own_progress().switched.max(self.heard.switched).min(self.epoch());
        self.stable().max(switched).max(synced).max(self.told())
    }

    /// True if somebody has handed over to a newer view what it held before this epoch, and so not what it would hold by the
    /// view of this epoch alone: reads never follow that one.
    pub(crate) fn is_passed_over(&self, epoch: Epoch) -> bool {
        let passed = |progress: &Progress| progress.settled < epoch && progress.synced > epoch;
        epoch > self.stable()
            && self.each_participant().filter_map(|node| self.progress.get(&node)).any(passed)
            && !planted("views are passed over")
    }

    /// The distinct replica sets that a write must reach, oldest view first.
    pub(crate) fn write_sets(&self, partition: PartitionId, bucket: BucketId) -> Vec<Arc<[NodeId]>> {
        let mut sets: Vec<Arc<[NodeId]>> = Vec::with_capacity(1);
        for view in self.history.views() {
            if planted("writes go to the newest replicas alone") && view.epoch < self.epoch() {
                continue;
            }
            let replicas = view.replicas(partition, bucket);
            let same = |set: &Arc<[NodeId]>| set.len() == replicas.len() && replicas.iter().all(|r| set.contains(r));
            if !replicas.is_empty() && !sets.iter().any(same) {
                sets.push(replicas);
            }
        }
        sets
    }

    /// The replicas that reads ask.
    pub(crate) fn read_set(&self, partition: PartitionId, bucket: BucketId) -> Arc<[NodeId]> {
        self.read_set_by(self.reading(), partition, bucket)
    }

    /// The same while reads use a view that the caller has asked for, once for many partitions.
    pub(crate) fn read_set_by(&self, reading: Epoch, partition: PartitionId, bucket: BucketId) -> Arc<[NodeId]> {
        let reading = self.history.view(reading).epoch;
        // A bucket that is younger than the reading view is with the replicas it had first.
        let mut views = self.history.views().filter(|view| view.epoch >= reading);
        let replicas = views.find_map(|view| Some(view.replicas(partition, bucket)).filter(|list| !list.is_empty()));
        replicas.unwrap_or_else(|| Arc::from([]))
    }

    /// True if this node holds or takes over the bucket's part of the partition in any view in use.
    pub(crate) fn is_replica(&self, node: NodeId, partition: PartitionId, bucket: BucketId) -> bool {
        self.history.views().any(|view| view.replicas(partition, bucket).contains(&node))
    }

    /// Groups for an operation that needs so much of every replica set in use, as many as there are at most.
    pub(crate) fn groups(&self, partition: PartitionId, bucket: BucketId, need: Need) -> Vec<Group> {
        let sets = self.write_sets(partition, bucket);
        let needed = |replicas: usize| match need {
            Need::Level(level) => level.needed(replicas).unwrap_or(replicas),
            Need::Copies(copies) => copies.min(replicas),
            Need::Hinted(_) => replicas,
        };
        match (need, sets.as_slice()) {
            // While the ring changes, the target may have handed the partition over already, and what it is given now
            // would go when it drops the partition.
            (Need::Hinted(target), [only, ..])
                if only.contains(&target) && (sets.len() == 1 || planted("a hint goes to its target alone")) =>
            {
                vec![Group { replicas: Arc::from([target]), needed: 1 }]
            }
            _ => sets.into_iter().map(|replicas| Group { needed: needed(replicas.len()), replicas }).collect(),
        }
    }

    pub(crate) fn condition(&self, node: NodeId) -> Condition {
        match node {
            node if node == self.node => Condition::Up,
            node if self.is_banned(node) => Condition::Down,
            node => self.detector.condition(&node),
        }
    }

    /// True if the node was put out as dead: nothing it says counts any more.
    pub(crate) fn is_banned(&self, node: NodeId) -> bool {
        self.history.current().banned(node).is_some()
    }

    pub(crate) fn is_down(&self, node: NodeId) -> bool {
        self.condition(node) == Condition::Down
    }

    /// True if a node is down as far as anybody knows: neither we nor those whom we asked reach it.
    pub(crate) fn is_dead(&self, node: NodeId) -> bool {
        self.is_down(node) && !self.is_reached_by_others(node)
    }

    /// True if others reach a node that did not answer us lately.
    pub(crate) fn is_reached_by_others(&self, node: NodeId) -> bool {
        self.detector.is_reached_by_others(self.now.mono, &node)
    }

    /// Why this node must not serve any more, in a sentence, if it was put out as dead or runs on an old copy of its records.
    pub(crate) fn ejected(&self) -> Option<String> {
        let outdated = |known| pulse::outdated(&self.name_of(self.node).0, known, self.pulse());
        self.history.ejection(self.node).or_else(|| self.pulses.outlived_by.map(outdated))
    }

    pub(crate) fn is_usable(&self, node: NodeId) -> bool {
        node == self.node || (!self.is_banned(node) && self.detector.is_usable(&node))
    }

    /// The nodes that the last few events let go with their consent.
    pub(crate) fn lately_removed(&self) -> Vec<Member> {
        let removed = |event: &Event| event.change.lets_go().cloned();
        self.history.events().iter().rev().take(EVENTS_REMEMBERED).filter_map(removed).collect()
    }

    /// A change, for people.
    pub(crate) fn describe(&self, change: &Change) -> String {
        let name = |node: NodeId| self.name_of(node).0;
        match change {
            Change::Create(_) => "the cluster begins".to_owned(),
            Change::Add { member, .. } => format!("{} joins", member.name),
            Change::Remove { member } => format!("{} leaves", member.name),
            Change::Readdress { name, uri, .. } => format!("{name} is at {uri}"),
            Change::Bucket(bucket) => format!("bucket {} is set to {} copies", bucket.name, bucket.n),
            Change::Restored(restored) => format!("backup {} is restored", restored.name),
            Change::Grant(token) => format!("token {} is made", token.name),
            Change::Revoke { token } => format!("token {token} is revoked"),
            Change::Eject { member } => format!("{} is removed as dead", member.name),
            Change::Replace { old, member, .. } => format!("{} replaces {}", member.name, name(*old)),
            Change::Reweigh { node, weight, .. } => format!("{} gets weight {weight}", name(*node)),
            Change::Abort { of, undo } => format!("epoch {of} is taken back: {}", self.describe(undo)),
        }
    }

    /// A member's name and address, for people.
    pub(crate) fn name_of(&self, node: NodeId) -> (String, String) {
        let member = self.history.views().rev().find_map(|view| view.ring.member(&node));
        member.map_or_else(|| (node.to_string(), String::new()), |member| (member.name.clone(), member.uri.clone()))
    }
}
