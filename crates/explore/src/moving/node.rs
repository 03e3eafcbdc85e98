//! One node of the model: the real machine, its disk, and what comes of one input.
//!
//! Invariant: a node's clock stands still, but for single ticks a little later (`wake`), so equal nodes stay equal.

use super::Moving;
use super::case::{self, Case};
use super::disk::Disk;
use super::state::versions;
use crate::search::Both;
use proto::{
    Boot, ClientId, Config, Effect, Epoch, History, Input, Machine, Message, Meta, Progress, Response, Slot, StoreOp,
    Ticket,
};
use ring::NodeId;
use std::collections::{BTreeMap, VecDeque};
use std::hash::Hash;
use stdx::{Mono, Now, Span, Wall};

/// Longer than anything here takes.
const EVER: Span = Span::secs(100_000);
/// What a node does again, it does again after less than this; hints and late pages come later.
const SOON: Span = Span::millis(1_500);
/// A page that was begun `SOON` and not answered is sent again before this.
const LATE: Span = Span::secs(12);

/// Names of what begins without a cause that has a name are above this.
const AGAIN: u64 = 1 << 62;

/// A node.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) id: u8,
    pub(super) machine: Machine,
    pub(super) disk: Disk,
    /// On its way to the disk.
    pub(super) writing: VecDeque<(Ticket, StoreOp)>,
    pub(super) life: u8,
    /// How far it knows the others to be: everybody but one who is cut off, and that one.
    pub(super) told: (u8, u8),
    /// How often something got a name that began without a cause of its own.
    named: u8,
    /// Versions will be made here.
    makes_versions: bool,
    /// Progress is written later.
    slow: bool,
    pub(super) clock: Mono,
    /// The first and the last in use.
    epochs: (Epoch, Epoch),
    pub(super) facts: Facts,
    /// Of everything that decides how it goes on.
    pub(super) hash: u128,
}

/// What follows from the rest of a node, and is asked for often.
#[derive(Clone, Default)]
pub(super) struct Facts {
    /// It would do something again soon.
    pub(super) wants_wake: bool,
    /// How many steps of the change it has taken.
    pub(super) step: u8,
    /// The versions it holds, one bit for each.
    pub(super) versions: u8,
    /// By which view it reads, counted from the first, and whom it asks; none if it is leaving.
    pub(super) reads: Option<(u64, Vec<u8>)>,
    /// Reads by which views it would answer, one bit for each.
    pub(super) answers: u64,
}

/// The steps of a change: acked, synced, switched, settled. The last counts as taken when somebody has taken it.
pub(super) const SETTLED: u8 = 4;

/// What leaves a node.
#[derive(Debug)]
pub(super) enum Said {
    To(NodeId, Box<Message>),
    Client(ClientId, Response),
}

impl Node {
    /// A node that starts. The history is as long as its disk says.
    pub(super) fn start(model: &Moving, id: u8, disk: Disk, life: u8, clock: Mono) -> Node {
        let (case, history) = (&model.case, &model.history);
        let events = history.events()[..disk.epoch.0 as usize].to_vec();
        let then = model.at_first();
        let progress: BTreeMap<NodeId, Progress> =
            case.members.iter().map(|node| (case::id(*node), then)).chain([(case::id(id), disk.progress)]).collect();
        let boot = Boot {
            node: case::id(id),
            incarnation: disk.incarnation,
            history: History::fold(events).expect("it is the beginning of a history"),
            progress,
            acceptors: BTreeMap::new(),
            hints: disk.targets(),
            pulses: BTreeMap::new(),
            batches: 0,
        };
        let seed = u64::from(id) << 8 | u64::from(life);
        let (machine, effects) = Machine::new(boot, config(case), seed, now(id, clock));
        let makes_versions = case.clients.iter().any(|(_, at)| *at == id);
        let (writing, slow) = (VecDeque::new(), case.slow);
        let (epochs, facts) = ((model.before, model.newest), Facts::default());
        let told = (0, 0);
        let mut node = Node {
            id,
            machine,
            disk,
            writing,
            life,
            told,
            named: 0,
            makes_versions,
            slow,
            clock,
            epochs,
            facts,
            hash: 0,
        };
        node.carry_out(effects, VecDeque::from([Input::Tick]), clock);
        node
    }

    /// Its time goes on to `clock`.
    pub(super) fn tick(&mut self, clock: Mono) -> Vec<Said> {
        self.clock = clock;
        self.carry_out(Vec::new(), VecDeque::from([Input::Tick]), clock)
    }

    /// Lets something happen; `cause` names it, and with it what begins now. It happens once in a life of the node.
    pub(super) fn input(&mut self, cause: u64, input: Input) -> Vec<Said> {
        self.machine.name_after(cause << 8);
        self.carry_out(Vec::new(), VecDeque::from([input]), self.clock)
    }

    /// It is to learn that others have taken their next step: the one who is cut off, or all others. Which one is that?
    pub(super) fn learns(&mut self, cut: bool) -> u8 {
        let step = if cut { &mut self.told.1 } else { &mut self.told.0 };
        *step += 1;
        *step
    }

    /// It does again what it wants to do again.
    pub(super) fn wake(&mut self) -> Vec<Said> {
        self.again(VecDeque::from([Input::Tick]), self.clock + SOON)
    }

    /// It holds what it streams and was not answered to be lost.
    pub(super) fn lose_patience(&mut self) -> Vec<Said> {
        self.clock += LATE;
        self.again(VecDeque::from([Input::Tick]), self.clock)
    }

    /// A connection broke, and stands again.
    pub(super) fn reconnect(&mut self, peer: NodeId) -> Vec<Said> {
        self.again(VecDeque::from([Input::Unreachable { peer }, Input::Connected { peer }]), self.clock)
    }

    /// What was being written is on the disk.
    pub(super) fn written(&mut self) -> Vec<Said> {
        let outcomes = self.writing.pop_front().map(|(ticket, op)| outcomes(&mut self.disk, &ticket, op));
        self.again(outcomes.into_iter().flatten().collect(), self.clock)
    }

    /// Lets something happen that may happen any number of times: what begins with it has names of its own each time.
    fn again(&mut self, inputs: VecDeque<Input>, at: Mono) -> Vec<Said> {
        let first = AGAIN | u64::from(self.named) << 8;
        self.machine.name_after(first);
        let said = self.carry_out(Vec::new(), inputs, at);
        if self.machine.name_after(0) != first {
            self.named += 1;
            self.renew_hash();
        }
        said
    }

    fn carry_out(&mut self, mut effects: Vec<Effect>, mut inputs: VecDeque<Input>, at: Mono) -> Vec<Said> {
        let mut said = Vec::new();
        loop {
            for effect in effects.drain(..) {
                match effect {
                    Effect::Send { to, message } => said.push(Said::To(to, Box::new(message))),
                    Effect::Reply { client, response } => said.push(Said::Client(client, response)),
                    Effect::Store { ticket, op } if self.slow && is_progress(&op) => {
                        self.writing.push_back((ticket, op))
                    }
                    Effect::Store { ticket, op } => inputs.extend(outcomes(&mut self.disk, &ticket, op)),
                    Effect::Peers(_) | Effect::Note(_) | Effect::Pulse { .. } | Effect::Left => {}
                    Effect::Ejected(why) | Effect::Stop(why) => unreachable!("node {}: {why}", self.id),
                }
            }
            let Some(input) = inputs.pop_front() else { break };
            self.machine.handle(now(self.id, at), input, &mut effects);
        }
        self.draw_conclusions();
        said
    }

    fn draw_conclusions(&mut self) {
        let Node { machine, disk, epochs: (before, newest), .. } = self;
        let Slot { partition, bucket, .. } = case::slot(0);
        let steps = [disk.progress.acked, disk.progress.synced, disk.progress.switched, disk.progress.settled];
        let (epoch, replicas) = machine.reads_from(partition, bucket);
        let is_member = machine.history().current().ring.member(&case::id(self.id)).is_some();
        let answers = |epoch: u64| machine.answers_reads(Epoch(epoch), partition, bucket);
        self.facts = Facts {
            wants_wake: machine.next_deadline().is_some_and(|at| at <= self.clock + SOON),
            step: steps.iter().take_while(|step| **step >= *newest).count() as u8,
            versions: versions(disk),
            reads: is_member.then(|| (epoch.0 - before.0, replicas.iter().map(|id| case::node(*id)).collect())),
            answers: (before.0..=newest.0).fold(0, |all, epoch| all | u64::from(answers(epoch)) << (epoch - before.0)),
        };
        self.renew_hash();
    }

    fn renew_hash(&mut self) {
        let mut both = Both::new();
        self.machine.fingerprint(self.makes_versions, &mut both);
        self.disk.hash(&mut both);
        (self.id, self.life, self.told, self.named, self.writing.len(), self.clock).hash(&mut both);
        self.hash = both.both();
    }
}

fn is_progress(op: &StoreOp) -> bool {
    matches!(op, StoreOp::Meta(metas) if matches!(metas.as_slice(), [Meta::Progress(_)]))
}

fn outcomes(disk: &mut Disk, ticket: &Ticket, op: StoreOp) -> Vec<Input> {
    disk.execute(op).into_iter().map(|outcome| Input::Stored { ticket: ticket.clone(), outcome }).collect()
}

/// Wall clocks are far apart, so that stamps seldom follow others'.
fn now(node: u8, mono: Mono) -> Now {
    Now { mono, wall: Wall(1_000_000 + 1_000 * u64::from(node)) }
}

fn config(case: &Case) -> Config {
    let mut config = Config {
        request_time: Span::secs(60),
        hedge_after: Span::ZERO,
        gossip_every: EVER,
        compare_every: Span::ZERO,
        collect_every: Span::ZERO,
        streams_max: case.streams,
        move_bytes_per_second: 1 << 40,
        clock_ahead_max: EVER,
        ..Config::default()
    };
    config.liveness.probe_every = Span(EVER.0 / 4);
    config.liveness.probe_timeout = Span(EVER.0 / 4);
    config.liveness.down_after = EVER;
    config
}
