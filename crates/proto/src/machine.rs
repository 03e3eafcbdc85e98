//! The machine: one input at a time, effects out.
//!
//! This file only hands inputs to the part that they are for and, before it returns, lets every part follow up what the
//! input changed. The parts: `coordinator` (operations for clients), `replica` (answers to peers), `membership` (history
//! and ring changes), `streams` (hand-over), `anti_entropy`, `hints`.

mod follow;
mod messages;
mod own;
mod stored;

use crate::anti_entropy::AntiEntropy;
use crate::collect::{self, Collector};
use crate::config::Config;
use crate::coordinator::{Asker, Handed, Operation, Operations};
use crate::core::Core;
use crate::event::{Change, Event, Genesis};
use crate::healing::Healing;
use crate::hints::Hints;
use crate::history::History;
use crate::ids::{ClientId, Epoch, OpId};
use crate::input::{Effect, Input};
use crate::membership::{Acceptors, Gossip, Proposals, Transition, tell_peers};
use crate::message::Progress;
use crate::paxos::AcceptorState;
use crate::pulse::Pulse;
use crate::request::{Join, Refusal, Request};
use crate::store::{Purpose, Ticket};
use crate::streams::Streams;
use ring::{Grid, Member, NodeId};
use std::collections::BTreeMap;
use stdx::bugs::planted;
use stdx::{Mono, Now, Prng, Span};

/// The longest a request may take, whatever its client says: changes of the ring wait for requests that began before.
const WITHIN_MAX: Span = Span::secs(60);

/// What a node finds on its disk when it starts.
#[derive(Clone, Debug)]
pub struct Boot {
    /// Who we are.
    pub node: NodeId,
    /// The incarnation of the last start; this one takes the next.
    pub incarnation: u64,
    /// The membership history.
    pub history: History,
    /// How far each node was, as far as it was written down.
    pub progress: BTreeMap<NodeId, Progress>,
    /// What this node has promised and accepted.
    pub acceptors: BTreeMap<Epoch, AcceptorState<Event>>,
    /// Nodes for which hints are kept.
    pub hints: Vec<NodeId>,
    /// The last pulse of this node, and the highest heard of others.
    pub pulses: BTreeMap<NodeId, Pulse>,
    /// Batches that were on disk when this life began, over all lives; 0 if nobody counts them.
    pub batches: u64,
}

/// One node's decisions.
#[derive(Clone)]
pub struct Machine {
    pub(crate) core: Core,
    pub(crate) ops: Operations,
    pub(crate) streams: Streams,
    pub(crate) hints: Hints,
    pub(crate) healing: Healing,
    pub(crate) transition: Transition,
    pub(crate) proposals: Proposals,
    acceptors: Acceptors,
    pub(crate) gossip: Gossip,
    pub(crate) anti_entropy: AntiEntropy,
    pub(crate) collector: Collector,
    handed: Handed,
    /// The oldest epoch in use, the one reads use, and the newest, as operations know them.
    views: (Epoch, Epoch, Epoch),
}

impl Machine {
    /// Starts a new life of a node. It takes writes when its incarnation is durable.
    pub fn new(boot: Boot, config: Config, seed: u64, now: Now) -> (Machine, Vec<Effect>) {
        let mut core = Core::new(config, now, boot.node, boot.history, seed);
        core.last_incarnation(boot.incarnation);
        let settled = boot.progress.values().map(|progress| progress.settled).max().unwrap_or_default();
        core.history.forget_below(settled);
        core.begin_with(boot.progress);
        core.last_pulses(boot.pulses, boot.batches);
        core.observe_restores();
        let mut machine = Machine {
            core,
            ops: Operations::default(),
            streams: Streams::default(),
            hints: Hints::new(boot.hints.into_iter().filter(|_| !planted("hints forgotten at restart"))),
            healing: Healing::default(),
            transition: Transition::default(),
            proposals: Proposals::default(),
            acceptors: Acceptors::new(boot.acceptors),
            gossip: Gossip::default(),
            anti_entropy: AntiEntropy::default(),
            collector: Collector::default(),
            handed: Handed::default(),
            views: Default::default(),
        };
        machine.core.renew_incarnation();
        if planted("incarnation before fsync") {
            machine.core.begin_incarnation(((boot.incarnation >> 32) + 1) << 32);
        }
        if let Some(why) = machine.core.ejected() {
            return (machine, vec![Effect::Ejected(why)]);
        }
        machine.transition.begin(&mut machine.core);
        tell_peers(&mut machine.core);
        machine.follow_up();
        let effects = std::mem::take(&mut machine.core.out);
        (machine, effects)
    }

    /// The first two events of a new cluster: it is created, and this node is its first member.
    pub fn found(genesis: Genesis, join: &Join, seed: u64, now: Now) -> Result<Vec<Event>, Refusal> {
        let mut prng = Prng::keyed(seed, "found", &[]);
        let create = Event {
            epoch: Epoch(1),
            previous: crate::ids::Digest::default(),
            at: now.wall,
            nonce: prng.next_u64(),
            change: Change::Create(genesis),
        };
        let broken = |error: crate::history::BrokenHistory| Refusal::ChangeRefused(error.what);
        let history = History::fold(vec![create.clone()]).map_err(broken)?;
        let view = history.current().clone();
        let mut core = Core::new(Config::default(), now, join.node, history, seed);
        let member = crate::membership::member_for(&mut core, &view, join)?;
        let add = Event {
            epoch: Epoch(2),
            previous: create.hash(),
            at: now.wall,
            nonce: prng.next_u64(),
            change: Change::Add { member, seed: true },
        };
        core.history.admits(&add).map_err(broken)?;
        Ok(vec![create, add])
    }

    /// Handles one input and appends what is to be done, in order.
    pub fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Effect>) {
        self.core.now = now;
        self.core.unanswered = self.ops.unanswered();
        if self.core.is_out() {
            return self.refuse_all(input, out);
        }
        match input {
            Input::Client { client, request, within } => self.on_client(client, request, within),
            Input::Peer { from, message } if self.core.is_banned(from) && !planted("a banned node is heard") => {
                self.teach(from, &message);
            }
            Input::Peer { from, message } => {
                self.core.detector.on_sign_of_life(now.mono, from);
                self.on_message(from, message);
            }
            Input::Connected { peer } if self.core.is_banned(peer) => {}
            Input::Connected { peer } => self.on_connected(peer),
            Input::Unreachable { peer } => self.on_unreachable(peer),
            Input::Stored { ticket: Ticket(Purpose::Dropped), outcome } => {
                self.transition.on_dropped(&mut self.core, &outcome);
                // One of as many as there are partitions, and before the last of them nothing follows. To look at
                // everybody's progress each time would keep a node of a large cluster busy for seconds.
                if self.transition.is_dropping() {
                    return out.append(&mut self.core.out);
                }
            }
            Input::Stored { ticket: Ticket(purpose), outcome } => self.on_stored(purpose, outcome),
            Input::Healed => self.core.renew_incarnation(),
            Input::Damaged(slot) => self.healing.found(&self.core, slot),
            Input::Tick => self.on_tick(),
        }
        if !self.core.is_out() {
            self.follow_up();
        }
        out.append(&mut self.core.out);
    }

    /// Put out as dead, or on an old copy of its records, this node serves nobody.
    fn refuse_all(&mut self, input: Input, out: &mut Vec<Effect>) {
        if let Input::Client { client, request, within } = input {
            self.on_client(client, request, within);
        }
        out.append(&mut self.core.out);
    }

    /// When the next [`Input::Tick`] is due.
    pub fn next_deadline(&self) -> Option<Mono> {
        let core = &self.core;
        if core.is_out() {
            return None;
        }
        [
            self.ops.next_deadline(),
            self.streams.next_deadline(core),
            self.hints.next_deadline(core),
            self.healing.next_deadline(),
            self.proposals.next_deadline(),
            self.gossip.next_deadline(core),
            self.anti_entropy.next_deadline(core),
            self.collector.next_deadline(core),
            core.detector.next_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// This node's id.
    pub fn node(&self) -> NodeId {
        self.core.node
    }

    /// How this node introduces itself.
    pub fn pulse(&self) -> Pulse {
        self.core.pulse()
    }

    /// What this node may say of itself when so many of its batches are on disk.
    pub fn vouched(&self, batches: u64) -> Option<Pulse> {
        self.core.vouched(batches)
    }

    /// What a node is to be told that introduces itself with this pulse, if it runs on old records.
    pub fn outdated(&self, node: NodeId, pulse: Pulse) -> Option<String> {
        let known = self.core.progress.get(&node)?.pulse;
        known.outdates(pulse).then(|| crate::pulse::outdated(&self.core.name_of(node).0, known, pulse))
    }

    /// This node as the newest view in which it is a member has it.
    pub fn member(&self) -> Option<Member> {
        self.core.history.views().rev().find_map(|view| view.ring.member(&self.core.node).cloned())
    }

    /// What was fixed when the cluster was created.
    pub fn genesis(&self) -> &Genesis {
        self.core.history.genesis()
    }

    /// The grid of partitions.
    pub fn grid(&self) -> Grid {
        self.genesis().grid
    }

    /// The history and the views in use; for checkers.
    pub fn history(&self) -> &History {
        &self.core.history
    }

    /// How far a node is with the changes of the ring, as far as is known here; for checkers.
    pub fn progress_of(&self, node: NodeId) -> Progress {
        self.core.progress.get(&node).copied().unwrap_or_default()
    }

    /// True if nothing is under way: no operation, no stream, no change of the ring, no hint.
    pub fn is_quiet(&self) -> bool {
        self.under_way().is_empty()
    }

    /// False if what is being collected has stamps too far ahead of this node's clock; for checkers.
    pub fn follows_stamps(&self) -> bool {
        collect::clocks_agree(&self.core)
    }

    /// What is under way, by kind.
    pub fn under_way(&self) -> Vec<&'static str> {
        let core = &self.core;
        let kinds = [
            ("a start", core.incarnation().is_none()),
            ("operations", self.ops.len() > 0),
            ("hand-overs", self.streams.moving() > 0),
            ("hints", !self.hints.is_empty()),
            ("damaged records", self.healing.len() > 0),
            ("a late hand-over", self.transition.is_late()),
            ("repairs", !self.anti_entropy.is_quiet()),
            ("collection", !self.collector.is_quiet()),
            ("a change of the ring", core.stable() != core.epoch() || core.own_progress().settled != core.epoch()),
        ];
        kinds.into_iter().filter(|(_, is_under_way)| *is_under_way).map(|(kind, _)| kind).collect()
    }

    /// Tells how many bytes this node has on disk; used for plans only.
    pub fn set_disk_bytes(&mut self, bytes: u64) {
        self.core.disk_bytes = bytes;
    }

    /// Takes an operation out if it is of the expected kind; an answer to another kind is a stray.
    fn take_if(&mut self, id: OpId, kind: impl Fn(&Operation) -> bool) -> Option<Operation> {
        if self.ops.get(id).is_some_and(kind) { self.ops.take(id) } else { None }
    }

    fn on_client(&mut self, client: ClientId, request: Request, within: Option<Span>) {
        let within = within.unwrap_or(self.core.config.request_time).min(WITHIN_MAX);
        self.on_request(Asker::Client(client), request, within);
    }
}
