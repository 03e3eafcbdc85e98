//! The machine: one input at a time, effects out.
//!
//! This file only hands inputs to the part that they are for and, before it returns, lets every part follow up what the
//! input changed. The parts: `coordinator` (operations for clients), `replica` (answers to peers), `membership` (history
//! and ring changes), `streams` (hand-over), `anti_entropy`, `hints`.

use crate::anti_entropy::AntiEntropy;
use crate::collect::{self, Collector};
use crate::config::Config;
use crate::coordinator::{self, Asker, Handed, Inner, Operation, Operations};
use crate::core::Core;
use crate::event::{Change, Event, Genesis};
use crate::fences::Fences;
use crate::healing::Healing;
use crate::hints::Hints;
use crate::history::History;
use crate::ids::{ClientId, Epoch, OpId};
use crate::input::{Effect, Input, Note};
use crate::membership::{Acceptors, Gossip, Proposals, Transition, tell_peers, tell_some};
use crate::message::{Message, Progress};
use crate::paxos::AcceptorState;
use crate::pulse::Pulse;
use crate::replica;
use crate::request::{Join, Refusal, Request};
use crate::store::{Hint, Purpose, StoreFailure, StoreOutcome, Ticket};
use crate::streams::Streams;
use liveness::Condition;
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
        core.last_pulses(boot.pulses);
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

    fn on_message(&mut self, from: NodeId, message: Message) {
        let core = &mut self.core;
        match message {
            Message::Replicate { op, epoch, bucket, key, record, fsync, round } => {
                replica::on_replicate(core, from, op, epoch, bucket, key, record, fsync, round);
            }
            Message::Replicated { op, ack } => {
                if let crate::message::Ack::Stale(fences) = ack {
                    self.catch_up(from, fences);
                }
                if let Some(Operation::Write(writing)) = self.take_if(op, |op| matches!(op, Operation::Write(_))) {
                    writing.on_ack(&mut self.ops, &mut self.core, op, from, ack);
                }
            }
            Message::KeepHint { op, target, bucket, key, record, round } => {
                let hint = Hint { id: crate::ids::HintId::default(), target, bucket, key, record };
                replica::on_keep_hint(core, from, op, hint, round);
            }
            Message::Read { op, epoch, bucket, key } => replica::on_read(core, from, op, epoch, bucket, key),
            Message::ReadReply { op, answer } => {
                if let crate::message::ReadAnswer::Stale(fences) = answer {
                    self.catch_up(from, fences);
                }
                if self.healing.on_answer(&mut self.core, from, op, &answer) {
                    return;
                }
                if let Some(Operation::Read(reading)) = self.take_if(op, |op| matches!(op, Operation::Read(_))) {
                    reading.on_answer(&mut self.ops, &mut self.core, op, from, answer);
                }
            }
            Message::Register { op, epoch, bucket, key, ask } => {
                replica::on_register(core, from, op, epoch, bucket, key, ask);
            }
            Message::RegisterReply { op, answer } => {
                if let crate::message::RegisterAnswer::Stale(fences) = answer {
                    self.catch_up(from, fences);
                }
                if let Some(Operation::Register(deciding)) = self.take_if(op, |op| matches!(op, Operation::Register(_)))
                {
                    deciding.on_answer(&mut self.ops, &mut self.core, op, from, answer);
                }
            }
            Message::Scan { op, epoch, range, limit } => replica::on_scan(core, from, op, epoch, range, limit),
            Message::ScanReply { op, answer } => {
                if let crate::message::ScanAnswer::Stale(fences) = answer {
                    self.catch_up(from, fences);
                }
                if let Some(Operation::Scan(scanning)) = self.take_if(op, |op| matches!(op, Operation::Scan(_))) {
                    scanning.on_answer(&mut self.ops, &mut self.core, op, from, answer);
                }
            }
            Message::Explain { op, bucket, key } => coordinator::on_explain(core, from, op, bucket, key),
            Message::Explained { op, account } => {
                if let Some(Operation::Explain(explaining)) = self.take_if(op, |op| matches!(op, Operation::Explain(_)))
                {
                    explaining.on_account(&mut self.ops, &mut self.core, op, from, *account);
                }
            }
            Message::Forward { op, request, within, life } => {
                if matches!(request, Request::Cas(_) | Request::Amend(_)) && !self.handed.takes(core, from, op, life) {
                    return;
                }
                let asker = Asker::Peer { node: from, op };
                let within = within.min(WITHIN_MAX);
                self.on_request(asker, request, within);
            }
            Message::Introduce { op, life } => {
                core.lives.insert(from, life);
                core.lives_unsure.remove(&from);
                if let Some(Operation::Forward(forwarding)) = self.take_if(op, |op| matches!(op, Operation::Forward(_)))
                {
                    forwarding.on_introduced(&mut self.ops, &mut self.core, op, (from, life));
                }
            }
            Message::Forwarded { op, response } => {
                if let Some(Operation::Forward(forwarding)) = self.take_if(op, |op| matches!(op, Operation::Forward(_)))
                {
                    forwarding.on_answer(&mut self.ops, &mut self.core, op, from, *response);
                }
            }
            Message::Offer { session, epoch, items, .. } => {
                replica::on_offer(core, from, session, epoch, items);
            }
            Message::Want { session, items } => {
                if !self.anti_entropy.repairs.on_want(core, from, session, &items) {
                    self.streams.on_want(core, from, session, items);
                }
            }
            Message::Push { session, epoch, items, round } => {
                replica::on_push(core, from, session, epoch, items, round)
            }
            Message::Pushed { session, ok } => {
                if !self.anti_entropy.repairs.on_pushed(core, from, session, ok) {
                    self.streams.on_pushed(core, from, session, ok);
                }
            }
            Message::Compare { session, epoch, spots } => {
                self.anti_entropy.on_compare(core, from, session, epoch, spots);
            }
            Message::Differ { session, spots } => self.anti_entropy.on_differ(core, from, session, spots),
            Message::Agree { session, epoch, wall, items } => {
                collect::on_agree(core, from, session, epoch, wall, items);
            }
            Message::Agreed { session, round, wall, items } => {
                self.collector.on_agreed(core, from, session, (round, wall), &items);
            }
            Message::Collect { session, epoch, round, wall, items } => {
                collect::on_collect(core, from, session, epoch, (round, wall), items);
            }
            Message::Collected { session, ok } => self.collector.on_collected(core, from, session, ok),
            Message::Fetch { epoch, patches } => self.anti_entropy.on_fetch(core, from, epoch, patches),
            Message::Ping { .. } | Message::Pong { .. } | Message::ProbeFor { .. } | Message::ProbedFor { .. } => {
                self.on_probe_message(from, message);
            }
            other => self.on_membership_message(from, other),
        }
    }

    fn on_probe_message(&mut self, from: NodeId, message: Message) {
        let core = &mut self.core;
        let now = core.now.mono;
        let outgoing = match message {
            Message::Ping { nonce } => {
                core.send(from, Message::Pong { nonce });
                None
            }
            Message::Pong { nonce } => core.detector.on_echo(now, from, nonce),
            Message::ProbeFor { about, nonce } => core.detector.on_asked(now, from, about, nonce),
            Message::ProbedFor { about, nonce, reached } => {
                core.detector.on_report(now, about, nonce, reached);
                None
            }
            other => unreachable!("not about reachability: {other:?}"),
        };
        outgoing.into_iter().for_each(|outgoing| core.send_probe(outgoing));
    }

    /// A node that was put out as dead is heard no more, but may learn that it was.
    fn teach(&mut self, banned: NodeId, message: &Message) {
        stdx::marks::hit("a_banned_node_spoke");
        let lacks = match message {
            Message::Gossip { epoch, .. } => epoch.next(),
            Message::PullEvents { from } => *from,
            _ => return,
        };
        self.gossip.on_pull(&mut self.core, banned, lacks);
    }

    fn on_membership_message(&mut self, from: NodeId, message: Message) {
        let core = &mut self.core;
        match message {
            Message::Gossip { epoch, head, progress, answer } => {
                self.transition.hear(core, from, &progress);
                self.gossip.on_gossip(core, from, epoch, head, progress, answer);
                self.collector.on_gossip(core);
            }
            Message::PullEvents { from: first } => self.gossip.on_pull(core, from, first),
            Message::Events { events } => self.gossip.on_events(core, from, events),
            Message::Prepare { epoch, ballot } => self.acceptors.on_prepare(core, from, epoch, ballot),
            Message::Promise { epoch, ballot, accepted } => {
                self.proposals.on_promise(core, from, epoch, ballot, accepted);
            }
            Message::Accept { epoch, ballot, event } => self.acceptors.on_accept(core, from, epoch, ballot, event),
            Message::Accepted { epoch, ballot } => {
                if let Some(event) = self.proposals.on_accepted(from, epoch, ballot) {
                    let own = core.node;
                    self.gossip.on_events(core, own, vec![event]);
                }
            }
            Message::Nack { epoch, ballot, promised } => self.proposals.on_nack(core, epoch, ballot, promised),
            _ => core.note(Note::Nonsense(from, "a message of an unknown kind")),
        }
    }

    /// A peer refused us because of our epoch: if it is ahead, ask for its events.
    fn catch_up(&mut self, peer: NodeId, fences: Fences) {
        self.core.hear_fences(fences);
        if fences.epoch > self.core.epoch() {
            let from = self.core.epoch().next();
            self.core.send(peer, Message::PullEvents { from });
        }
    }

    /// Takes an operation out if it is of the expected kind; an answer to another kind is a stray.
    fn take_if(&mut self, id: OpId, kind: impl Fn(&Operation) -> bool) -> Option<Operation> {
        if self.ops.get(id).is_some_and(kind) { self.ops.take(id) } else { None }
    }

    fn on_client(&mut self, client: ClientId, request: Request, within: Option<Span>) {
        let within = within.unwrap_or(self.core.config.request_time).min(WITHIN_MAX);
        self.on_request(Asker::Client(client), request, within);
    }

    fn on_connected(&mut self, peer: NodeId) {
        self.core.lives_unsure.insert(peer);
        for id in self.ops.ids() {
            let (ops, core) = (&mut self.ops, &mut self.core);
            match ops.take(id) {
                Some(Operation::Write(writing)) => writing.on_connected(ops, core, id, peer),
                Some(Operation::Read(reading)) => reading.on_connected(ops, core, id, peer),
                Some(Operation::Scan(scanning)) => scanning.on_connected(ops, core, id, peer),
                Some(Operation::Register(deciding)) => deciding.on_connected(ops, core, id, peer),
                Some(Operation::Forward(forwarding)) => forwarding.keep(ops, id),
                Some(Operation::Explain(explaining)) => explaining.on_connected(ops, core, id, peer),
                None => {}
            }
        }
    }

    fn on_unreachable(&mut self, peer: NodeId) {
        self.core.detector.on_unreachable(self.core.now.mono, peer);
        self.core.lives_unsure.insert(peer);
        self.streams.on_unreachable(&mut self.core, peer);
        self.anti_entropy.on_unreachable(&mut self.core, peer);
        for id in self.ops.ids() {
            if let Some(Operation::Forward(forwarding)) = self.take_if(id, |op| matches!(op, Operation::Forward(_))) {
                forwarding.on_unreachable(&mut self.ops, &mut self.core, id, peer);
            }
        }
    }

    fn on_stored(&mut self, purpose: Purpose, outcome: StoreOutcome) {
        if let StoreOutcome::Failed(StoreFailure::Corrupt(what)) = &outcome {
            self.core.note(Note::Damaged(what.clone()));
        }
        let (ops, core) = (&mut self.ops, &mut self.core);
        match purpose {
            Purpose::Local(id) => match ops.take(id) {
                Some(Operation::Write(writing)) => writing.on_stored(ops, core, id, outcome),
                Some(Operation::Read(reading)) => reading.on_stored(ops, core, id, outcome),
                Some(Operation::Scan(scanning)) => scanning.on_stored(ops, core, id, outcome),
                Some(Operation::Register(deciding)) => deciding.on_stored(ops, core, id, outcome),
                Some(Operation::Forward(forwarding)) => forwarding.keep(ops, id),
                Some(Operation::Explain(explaining)) => explaining.on_stored(ops, core, id, outcome),
                None => {}
            },
            Purpose::LocalHint(id, target) => {
                let kept = outcome == StoreOutcome::Done;
                core.hints_on_way -= 1;
                if kept {
                    self.hints.kept(core, target);
                }
                if let Some(Operation::Write(writing)) = self.take_if(id, |op| matches!(op, Operation::Write(_))) {
                    writing.on_hint(&mut self.ops, &mut self.core, id, target, kept);
                }
            }
            Purpose::KeptFor { to, op, target } => {
                core.hints_on_way -= 1;
                if outcome == StoreOutcome::Done {
                    self.hints.kept(core, target);
                }
                replica::on_stored(core, Purpose::AnswerWrite { to, op }, outcome);
            }
            Purpose::Compare(session) => self.anti_entropy.on_hashes(core, session, outcome),
            Purpose::AnswerCompare { to, session, asked } => {
                self.anti_entropy.on_asked(core, to, session, asked, outcome);
            }
            Purpose::Healed(op) => self.healing.on_written(core, op, &outcome),
            Purpose::RepairPage(session) => self.anti_entropy.repairs.on_page(core, session, outcome),
            Purpose::Built { again } => self.anti_entropy.on_built(core, again, outcome),
            Purpose::Swept => self.collector.on_swept(core, outcome),
            Purpose::AnswerAgree { .. } | Purpose::AnswerCollect { .. } => {
                if let StoreOutcome::Collected(items) = outcome {
                    self.collector.count(items);
                }
                collect::on_stored(core, purpose, outcome);
            }
            Purpose::StreamPage(session) => self.streams.on_page(core, session, outcome),
            Purpose::HintPage(target) => self.hints.on_page(ops, core, target, outcome),
            Purpose::AnswerExplain { to, op, slot } => coordinator::on_inspected(core, to, op, &slot, outcome),
            Purpose::Dropped => self.transition.on_dropped(core, &outcome),
            Purpose::Remembered => self.collector.on_remembered(&outcome),
            Purpose::Forget => {}
            Purpose::History { .. }
            | Purpose::Progress(_)
            | Purpose::Incarnation(_)
            | Purpose::Pulse(_)
            | Purpose::Promised { .. }
            | Purpose::Accepted { .. } => self.on_meta_stored(purpose, outcome),
            answer => replica::on_stored(core, answer, outcome),
        }
    }

    fn on_meta_stored(&mut self, purpose: Purpose, outcome: StoreOutcome) {
        let core = &mut self.core;
        if let Purpose::Pulse(pulse) = purpose {
            return core.on_pulse_written(pulse, outcome == StoreOutcome::Done);
        }
        if outcome != StoreOutcome::Done {
            // What a node must not forget could not be written: it goes on only from what is on disk.
            core.out.push(Effect::Stop(format!("membership could not be written to disk: {outcome:?}")));
            return;
        }
        match purpose {
            Purpose::History { events, incarnation } => self.on_events_durable(events, incarnation),
            Purpose::Progress(progress) => self.transition.on_written(core, progress),
            Purpose::Incarnation(incarnation) => core.begin_incarnation(incarnation),
            Purpose::Promised { to, epoch, ballot } => self.acceptors.on_promised(core, to, epoch, ballot),
            Purpose::Accepted { to, epoch, ballot } => self.acceptors.on_accepted(core, to, epoch, ballot),
            other => unreachable!("not about membership: {other:?}"),
        }
    }

    fn on_events_durable(&mut self, events: Vec<Event>, incarnation: Option<u64>) {
        self.gossip.on_written();
        let core = &mut self.core;
        if let Some(incarnation) = incarnation {
            core.begin_incarnation(incarnation);
        }
        for event in events {
            core.history.append(event.clone()).expect("the event was checked before it was written");
            // What is written from now on is later than what is restored, however far behind our clock is.
            if matches!(event.change, Change::Restored(_)) {
                core.observe_restores();
            }
            core.note(Note::EventArrived(event));
        }
        if let Some(why) = core.ejected() {
            return core.out.push(Effect::Ejected(why));
        }
        let epoch = core.epoch();
        self.streams.forget_banned(core);
        self.acceptors.forget(core, epoch);
        tell_peers(core);
        tell_some(core);
        self.proposals.on_history(&mut self.ops, core);
    }

    fn on_tick(&mut self) {
        let now = self.core.now.mono;
        for outgoing in self.core.detector.tick(now) {
            self.core.send_probe(outgoing);
        }
        for id in self.ops.due(now) {
            self.wake(id);
        }
        self.transition.on_time(&mut self.core);
        self.streams.on_time(&mut self.core);
        self.hints.on_time(&mut self.core);
        self.healing.on_time(&self.ops, &mut self.core);
        self.gossip.on_time(&mut self.core);
        self.anti_entropy.on_time(&mut self.core);
        let pages = (&self.streams, &self.anti_entropy.repairs);
        self.collector.on_time(&mut self.core, &self.ops, &self.healing, pages, &self.transition);
        self.proposals.on_time(&mut self.ops, &mut self.core);
    }

    fn wake(&mut self, id: OpId) {
        let (ops, core) = (&mut self.ops, &mut self.core);
        match ops.take(id) {
            Some(Operation::Write(writing)) => writing.on_time(ops, core, id),
            Some(Operation::Read(reading)) => reading.on_time(ops, core, id),
            Some(Operation::Scan(scanning)) => scanning.on_time(ops, core, id),
            Some(Operation::Register(deciding)) => deciding.on_time(ops, core, id),
            Some(Operation::Forward(forwarding)) => forwarding.on_time(ops, core, id),
            Some(Operation::Explain(explaining)) => explaining.keep(ops, core, id),
            None => {}
        }
    }

    /// Lets every part follow up what the input changed, until nothing moves.
    fn follow_up(&mut self) {
        loop {
            for message in std::mem::take(&mut self.core.to_self) {
                let own = self.core.node;
                self.on_message(own, message);
            }
            for inner in std::mem::take(&mut self.ops.inner) {
                self.on_inner(inner);
            }
            if self.core.to_self.is_empty() && self.ops.inner.is_empty() {
                break;
            }
        }
        self.follow_conditions();
        self.follow_views();
        self.core.hints_kept = !self.hints.is_empty() || self.core.hints_on_way > 0;
        let undecided = self.acceptors.undecided(&self.core);
        self.proposals.watch(undecided, &mut self.core);
        self.transition.advance(&self.ops, &mut self.core, &mut self.streams, undecided.is_some());
        self.follow_views();
        self.ops.forget_ended();
        let is_busy = self.ops.len() > 0 || !self.hints.is_empty();
        if self.transition.has_left(&self.core, is_busy) {
            self.core.out.push(Effect::Left);
        }
    }

    /// Lets operations follow when other views are in use than before.
    fn follow_views(&mut self) {
        let views = (self.core.stable(), self.core.reading(), self.core.epoch());
        if std::mem::replace(&mut self.views, views) == views {
            return;
        }
        for id in self.ops.ids() {
            let (ops, core) = (&mut self.ops, &mut self.core);
            match ops.take(id) {
                Some(Operation::Write(writing)) => writing.on_views(ops, core, id),
                Some(Operation::Read(reading)) => reading.on_views(ops, core, id),
                Some(Operation::Scan(scanning)) => scanning.on_views(ops, core, id),
                Some(Operation::Register(deciding)) => deciding.on_views(ops, core, id),
                Some(Operation::Forward(forwarding)) => forwarding.keep(ops, id),
                Some(Operation::Explain(explaining)) => explaining.keep(ops, core, id),
                None => {}
            }
        }
    }

    fn on_inner(&mut self, inner: Inner) {
        let (ops, core) = (&mut self.ops, &mut self.core);
        match inner {
            Inner::WriteBack { parent, done } => match ops.take(parent) {
                Some(Operation::Read(reading)) => reading.on_write_back(ops, core, parent, done),
                Some(Operation::Scan(scanning)) => scanning.on_write_back(ops, core, parent, done),
                Some(Operation::Write(_) | Operation::Forward(_) | Operation::Explain(_) | Operation::Register(_)) => {
                    unreachable!("only reads write back")
                }
                None => {}
            },
            Inner::Hint { target, id, done } => self.hints.on_replayed(core, target, id, done),
        }
    }

    fn follow_conditions(&mut self) {
        let changes = self.core.detector.changes();
        let mut someone_went_down = false;
        for (peer, condition) in changes {
            someone_went_down |= condition == Condition::Down;
            let name = self.core.name_of(peer).0;
            self.core.note(Note::Condition { peer, name, condition });
        }
        if someone_went_down {
            for id in self.ops.ids() {
                self.wake(id);
            }
        }
    }
}
