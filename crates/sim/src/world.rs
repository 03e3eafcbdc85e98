//! The whole simulated cluster and the loop that moves it on: one event at a time, in order of time.
//!
//! What belongs to one concern is in a file of its own and adds methods to [`World`]: hosts and their lives (`cluster`),
//! what nodes want done (`effects`), messages (`mail`), faults (`nemesis`), operators (`operator`), clients (`client`).
//!
//! Invariant: everything that happens follows from the plan; the loop itself draws nothing.

use crate::atlas::{Atlas, DEFAULT};
use crate::checker::Failure;
use crate::checker::dots::Dots;
use crate::checker::epochs::Epochs;
use crate::checker::past::Past;
use crate::checker::reads::Reads;
use crate::checker::sets::Sets;
use crate::client::Client;
use crate::dumper::Dumper;
use crate::explained::Watched;
use crate::fault::{Fault, HostId};
use crate::history::Operation;
use crate::host::Host;
use crate::images::Images;
use crate::keeper::Keeper;
use crate::network::{Network, Packet};
use crate::operator::Task;
use crate::plan::Plan;
use crate::probes;
use crate::queue::Queue;
use crate::time::Time;
use crate::trace::{Sink, Trace};
use crate::watcher::Watcher;
use node::NodeEffect;
use node::proto::watch::Watch;
use node::proto::{BucketId, Response, Rule};
use node::storage::Seq;
use std::collections::BTreeMap;
use stdx::Span;
use stdx::marks::hit;

/// Something that will happen.
pub(crate) enum Event {
    /// A message arrives.
    Arrive(Box<Packet>),
    /// A node's deadline has come.
    Tick { host: HostId, life: u32 },
    /// An fsync ends that began when `upto` was the last batch.
    SyncEnds { host: HostId, life: u32, upto: Seq },
    /// A host tries to connect to a peer.
    Dial { host: HostId, life: u32, peer: HostId },
    /// A host notices that a connection is broken, if it still is.
    Break { host: HostId, life: u32, peer: HostId, for_sure: bool },
    /// A request reaches its host.
    Request { operation: usize },
    /// An answer reaches whoever asked.
    Answer { operation: usize, response: Box<Response> },
    /// Whoever asked learns that there will be no answer.
    NoAnswer { operation: usize, taken: bool },
    /// By now the node must have answered.
    Overdue { operation: usize },
    /// A client does something.
    ClientTurn { client: usize },
    /// The next page of a backup is asked for.
    DumperTurn,
    /// Whoever restores a backup goes on.
    KeeperTurn,
    /// A watcher asks the next thing.
    WatcherTurn { watcher: usize },
    /// Its question reaches a host.
    Watch { host: HostId, number: u64, watch: Box<Watch> },
    /// It has an answer, or has waited for one long enough.
    Watched { watcher: usize, questions: u64, response: Option<Box<Response>> },
    /// An operator does something.
    OperatorTurn { task: usize },
    /// The n-th fault of the plan.
    Fault { number: usize },
    /// The n-th fault goes on or ends.
    FaultGoesOn { number: usize, step: u32 },
    /// An image of a disk is taken, for the n-th fault.
    TakeImage { number: usize },
    /// A slow process has done one input and begins the next.
    NextInput { host: HostId },
    /// A process that stood still goes on.
    Resume { host: HostId },
    /// An armed crash strikes, if the process it was meant for still runs.
    Crash { life: u32, fault: Box<Fault> },
    /// A cut ends.
    Mend { from: HostId, to: HostId },
    /// A clog ends.
    Release { from: HostId, to: HostId },
    /// A process is started again.
    Restart { host: HostId, life: u32 },
    /// A node that has left ends.
    End { host: HostId, life: u32 },
    /// A process that runs on an old disk ends.
    EndOutdated { host: HostId, life: u32 },
}

/// What a run counts.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    /// Faults that were carried out, by class.
    pub faults: BTreeMap<&'static str, u64>,
    /// Messages said, lost, doubled, held back and damaged.
    pub messages: [u64; 5],
    /// The largest sizes seen, by what they are of.
    pub peaks: BTreeMap<&'static str, u64>,
    /// Batches that crashes took back.
    pub lost_batches: u64,
    /// Fsyncs.
    pub fsyncs: u64,
    /// Clients' requests that were done, refused, and whose outcome nobody knows.
    pub requests: [u64; 3],
    /// Items of the linearizable bucket whose operations had an order, and those whose search was given up.
    pub registers: [u64; 2],
    /// What was asked of locks and judged.
    pub locks: u64,
}

/// The simulated cluster.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) now: Time,
    pub(crate) queue: Queue<Event>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) network: Network,
    pub(crate) clients: Vec<Client>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) watchers: Vec<Watcher>,
    pub(crate) dumper: Dumper,
    pub(crate) keeper: Keeper,
    /// What is explained at the moment, by the number of the request.
    pub(crate) watched: BTreeMap<usize, Watched>,
    pub(crate) history: Vec<Operation>,
    /// Buckets by name, once they are made.
    pub(crate) buckets: BTreeMap<String, (BucketId, Rule)>,
    /// Clients begin nothing new.
    pub(crate) is_quiet_time: bool,
    /// The faults are over.
    pub(crate) is_healed: bool,
    /// Every request from then on must succeed.
    pub(crate) proving_since: Option<Time>,
    pub(crate) dots: Dots,
    pub(crate) epochs: Epochs,
    pub(crate) reads: Reads,
    pub(crate) past: Past,
    pub(crate) sets: Sets,
    pub(crate) failures: Vec<Failure>,
    pub(crate) trace: Trace,
    pub(crate) counts: Counts,
    pub(crate) effects: Vec<NodeEffect>,
    pub(crate) atlas: Atlas,
    /// Images of disks that come back.
    pub(crate) images: Images,
}

/// Failures that are kept; the first ones matter.
const FAILURES_MAX: usize = 20;

impl World {
    pub(crate) fn new(plan: Plan, sink: Option<Sink>) -> World {
        let hosts = (0..plan.hosts).map(HostId).map(|id| Host::new(id, plan.clock(id))).collect();
        World {
            now: Time(0),
            queue: Queue::new(),
            hosts,
            network: Network::new(plan.seed, plan.network.clone()),
            clients: Client::all(&plan),
            tasks: Vec::new(),
            watchers: Watcher::all(&plan),
            dumper: Dumper::new(&plan),
            keeper: Keeper::new(&plan),
            watched: BTreeMap::new(),
            history: Vec::new(),
            buckets: [(DEFAULT.to_owned(), (BucketId::DEFAULT, Rule::LastWriterWins))].into(),
            is_quiet_time: true,
            is_healed: false,
            proving_since: None,
            dots: Dots::default(),
            epochs: Epochs::default(),
            reads: Reads::default(),
            past: Past::default(),
            sets: Sets::default(),
            failures: Vec::new(),
            trace: Trace::new(plan.seed, sink),
            counts: Counts::default(),
            effects: Vec::new(),
            atlas: Atlas::new(&plan),
            images: Images::default(),
            plan,
        }
    }

    /// Lets an event happen after a while.
    pub(crate) fn after(&mut self, span: Span, event: Event) {
        self.queue.add(self.now.after(span), event);
    }

    /// Notes that a property does not hold.
    pub(crate) fn fail(&mut self, property: &'static str, what: String) {
        self.trace.line(self.now, "****", || format!("{property}: {what}"));
        if self.failures.len() < FAILURES_MAX {
            self.failures.push(Failure { at: self.now, property, what });
        }
    }

    /// Moves on to `end`, or to the first failure.
    pub(crate) fn run_until(&mut self, end: Time) {
        while self.failures.is_empty()
            && let Some((at, event)) = self.queue.next_until(end)
        {
            self.now = at;
            self.happen(event);
        }
        self.now = self.now.max(end);
    }

    /// Moves on until `done`, looking every so often, for at most `limit`. True if it came to that.
    pub(crate) fn run_while(&mut self, limit: Span, mut done: impl FnMut(&World) -> bool) -> bool {
        const LOOK_EVERY: Span = Span::millis(100);
        let end = self.now.after(limit);
        while self.failures.is_empty() && !done(self) {
            if self.now >= end {
                return false;
            }
            self.run_until(self.now.after(LOOK_EVERY));
        }
        true
    }

    pub(crate) fn host(&mut self, host: HostId) -> &mut Host {
        &mut self.hosts[host.0]
    }

    fn happen(&mut self, event: Event) {
        if let Some(host) = event.host(&self.history) {
            let now = self.now;
            let this = self.host(host);
            if this.paused_until > now {
                return this.held.push(event);
            }
            if this.busy_until > now || !this.backlog.is_empty() {
                return self.wait_for_cpu(host, event);
            }
        }
        self.happen_now(event);
    }

    /// Lets an event happen whose host has time for it.
    pub(crate) fn happen_now(&mut self, event: Event) {
        match event {
            Event::Arrive(packet) => self.arrive(*packet),
            Event::Tick { host, life } => self.tick(host, life),
            Event::SyncEnds { host, life, upto } => self.sync_ends(host, life, upto),
            Event::Dial { host, life, peer } => self.dial(host, life, peer),
            Event::Break { host, life, peer, for_sure } => self.break_connection(host, life, peer, for_sure),
            Event::Request { operation } if self.is_cut_off(operation) => self.no_answer(operation, false),
            Event::Answer { operation, .. } if self.is_cut_off(operation) => self.no_answer(operation, true),
            Event::Request { operation } => self.request_arrives(operation),
            Event::Answer { operation, response } => {
                probes::see_response(&response);
                self.answer_arrives(operation, response);
            }
            Event::NoAnswer { operation, taken } => {
                hit(if taken { "request.node_died_before_it_answered" } else { "request.nobody_took_it" });
                self.no_answer(operation, taken);
            }
            Event::Overdue { operation } => self.overdue(operation),
            Event::ClientTurn { client } => self.client_turn(client),
            Event::DumperTurn => self.dumper_turn(),
            Event::KeeperTurn => self.keeper_turn(),
            Event::WatcherTurn { watcher } => self.watcher_turn(watcher),
            Event::Watch { host, number, watch } => self.watch_arrives(host, number, *watch),
            Event::Watched { watcher, questions, response } => self.watcher_hears(watcher, questions, response),
            Event::OperatorTurn { task } => self.operator_turn(task),
            Event::Fault { number } => self.carry_out_fault(number),
            Event::FaultGoesOn { number, step } => self.go_on(number, step),
            Event::TakeImage { number } => self.take_image(number),
            Event::NextInput { host } => self.next_input(host),
            Event::Resume { host } => self.resume(host),
            Event::Crash { life, fault } => self.strike(life, *fault),
            Event::Mend { from, to } => self.mend(from, to),
            Event::Release { from, to } => self.release(from, to),
            Event::Restart { host, life } => self.restart(host, life),
            Event::End { host, life } => self.end(host, life),
            Event::EndOutdated { host, life } => self.end_outdated(host, life),
        }
    }
}

impl Event {
    /// The host whose process has to run for this to happen now.
    fn host(&self, history: &[Operation]) -> Option<HostId> {
        match self {
            Event::Arrive(packet) => Some(packet.to),
            Event::Tick { host, .. }
            | Event::SyncEnds { host, .. }
            | Event::Dial { host, .. }
            | Event::Break { host, .. }
            | Event::End { host, .. }
            | Event::Watch { host, .. }
            | Event::EndOutdated { host, .. } => Some(*host),
            Event::Request { operation } => history.get(*operation).map(|operation| operation.host),
            _ => None,
        }
    }
}
