//! What every part of the machine shares: who we are, what the cluster agreed on, who is reachable, the clock of
//! versions, and the list of effects being collected.
//!
//! Invariant: a dot is handed out once (`names`).

#[cfg(test)]
mod alone;
mod names;
mod sets;
mod standings;

use crate::config::Config;
use crate::coordinator::{Asker, Routes};
use crate::event::{Change, Event};
use crate::fences::{Absent, Fences};
use crate::history::History;
use crate::ids::{ClientId, Epoch};
use crate::input::{Effect, Note};
use crate::message::{Message, Progress};
use crate::paxos::register::Floor;
use crate::pulse::{self, Pulses};
use crate::request::Response;
use crate::store::{Purpose, StoreOp, Ticket};
use crate::waits::{Kind, Waits};
use causal::{Actor, HybridClock, Stamp};
use liveness::{Condition, Detector, Outgoing, Report};
use ring::{Member, NodeId};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use stdx::bugs::planted;
use stdx::{Mono, Now, Prng};

pub(crate) use standings::Least;
use standings::Standings;

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
    pub(crate) progress: Standings,
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
    /// Where registers begin anew once what we want collected is.
    pub(crate) floor_wanted: Floor,
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
            progress: Standings::default(),
            heard: Fences::default(),
            absent: Absent::default(),
            round: 0,
            clear_wanted: 0,
            switching: Epoch::default(),
            collected_wanted: Stamp::MIN,
            floor_wanted: Floor::default(),
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

    /// What decides how this node goes on, without what only names new things: see [`Core::hash_names`].
    pub(crate) fn hash_state<H: Hasher>(&self, hasher: &mut H) {
        (self.epoch(), self.stable(), self.actor, self.newest_incarnation).hash(hasher);
        (&self.progress, self.heard, self.absent.nodes(), &self.hints_full).hash(hasher);
        (self.round, self.clear_wanted, self.switching, self.hints_on_way, self.hints_kept).hash(hasher);
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

    /// With how far everybody is, as far as it was written down.
    pub(crate) fn begin_with(&mut self, progress: BTreeMap<NodeId, Progress>) {
        let mut progress = progress;
        if planted("the guard is forgotten at restart")
            && let Some(own) = progress.get_mut(&self.node)
        {
            own.clear = 0;
        }
        // Whoever tells a floor, be it 0, knows what one is.
        let own = progress.entry(self.node).or_default();
        own.floor = Some(own.floor.unwrap_or_default());
        self.progress = Standings::new(progress);
        self.round = self.own_progress().clear;
        self.clear_wanted = self.round;
        self.stamp_above(self.progress.most().collected);
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

    /// Whether a replica may answer a question about a register, or a change may be taken, whose operation began in this
    /// round. Before any register is collected, nodes that name no round are heard, too.
    pub(crate) fn admits_to_registers(&self, round: u64) -> bool {
        self.floor().is_zero() || self.admits(round) || planted("late asks pass the guard")
    }

    /// Where registers begin anew, as far as this node has heard.
    pub(crate) fn floor(&self) -> Floor {
        self.progress.most().floor
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

    /// The nodes that the last few events let go with their consent, and those that have not settled since.
    pub(crate) fn lately_removed(&self) -> Vec<Member> {
        let removed = |event: &Event| event.change.lets_go().cloned();
        let lately = self.history.events().iter().rev().take(EVENTS_REMEMBERED).filter_map(removed);
        lately.chain(self.unsettled_leavers().cloned()).collect()
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
        let member = member.or_else(|| self.unsettled_leavers().find(|member| member.id == node));
        member.map_or_else(|| (node.to_string(), String::new()), |member| (member.name.clone(), member.uri.clone()))
    }
}
