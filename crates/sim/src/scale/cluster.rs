//! The nodes, and the one queue through which everything goes that they do.

use super::start;
use crate::clock::WALL_AT_START_MS;
use crate::describe::name_of;
use crate::queue::Queue;
use crate::time::Time;
use node::proto::{Admin, Boot, ClientId, Config, Epoch, History, Join, Message, Progress, Request, Response};
use node::storage::{ModelDisk, ModelEngine, Seq};
use node::{Node, NodeEffect, NodeInput};
use ring::NodeId;
use std::collections::BTreeMap;
use stdx::{Mono, Now, Prng, Span, Wall};

/// Messages take at least this, and up to twice.
const DELAY_MICROS: u64 = 300;
/// An fsync takes this.
const FSYNC: Span = Span::millis(1);

/// Messages and bytes by kind.
pub(super) type Traffic = BTreeMap<&'static str, [u64; 2]>;

enum Event {
    Arrive { from: usize, to: usize, message: Box<Message> },
    Tick { host: usize },
    Synced { host: usize, upto: Seq },
}

struct Host {
    node: Node<ModelEngine>,
    disk: ModelDisk,
    tick_at: Option<Time>,
    is_syncing: bool,
    wanted: Seq,
}

/// The cluster.
pub(super) struct Cluster {
    now: Time,
    queue: Queue<Event>,
    hosts: Vec<Host>,
    prng: Prng,
    traffic: Traffic,
    /// Bytes of a probe and its echo, which are by far the most.
    probe: u64,
    answer: Option<Response>,
    effects: Vec<NodeEffect>,
}

impl Cluster {
    /// So many nodes that have settled, each connected to every other one.
    pub(super) fn of(nodes: usize) -> Cluster {
        let history = start::history(nodes);
        let epoch = history.epoch();
        let settled = Progress { acked: epoch, synced: epoch, switched: epoch, settled: epoch, ..Progress::default() };
        let progress: BTreeMap<NodeId, Progress> = (0..nodes).map(|host| (id(host), settled)).collect();
        let mut cluster = Cluster {
            now: Time(0),
            queue: Queue::new(),
            hosts: Vec::new(),
            prng: Prng::keyed(nodes as u64, "scale", &[]),
            traffic: Traffic::new(),
            probe: bytes(&Message::Ping { nonce: u64::MAX / 3 }),
            answer: None,
            effects: Vec::new(),
        };
        let mut history = history;
        history.forget_below(epoch);
        for host in 0..nodes {
            cluster.start(host, history.clone(), progress.clone());
        }
        for one in 0..nodes {
            for other in (0..nodes).filter(|other| *other != one) {
                cluster.feed(one, NodeInput::Connected { peer: id(other) });
            }
        }
        cluster
    }

    pub(super) fn now(&self) -> Time {
        self.now
    }

    pub(super) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Lets some time pass.
    pub(super) fn run(&mut self, span: Span) {
        let end = self.now.after(span);
        self.run_to(end);
    }

    /// An event that moves no data: how long until half of the nodes, nine in ten and all know of it.
    pub(super) fn spread(&mut self, patience: Span) -> Result<[u64; 3], String> {
        let began = self.now;
        let epoch = self.epoch_of(0).next();
        self.ask(Admin::Readdress { name: "another".to_owned(), uri: "http://another:8080".to_owned() });
        let mut known = [0; 3];
        let all = self.hosts.len();
        self.run_until(patience, "the event did not get to everybody", |cluster| {
            let count = (0..all).filter(|host| cluster.epoch_of(*host) >= epoch).count();
            for (at, part) in known.iter_mut().zip([all.div_ceil(2), (all * 9).div_ceil(10), all]) {
                if *at == 0 && count >= part {
                    *at = cluster.now.since(began).0;
                }
            }
            count == all
        })?;
        Ok(known)
    }

    /// A node joins and everybody settles: how long it took until it was taken in.
    pub(super) fn join(&mut self, patience: Span) -> Result<u64, String> {
        let (began, host) = (self.now, self.hosts.len());
        self.ask(Admin::Join(Join {
            node: id(host),
            name: format!("n{}", host + 1),
            name_is_fixed: false,
            uri: format!("http://n{}:8080", host + 1),
            tokens: Vec::new(),
            token_count: start::tokens(host) as u16,
            random_tokens: false,
            weight: 100,
            zone: None,
            seed: false,
        }));
        self.run_until(patience, "nobody took the newcomer in", |cluster| cluster.answer.is_some())?;
        let taken_in = self.now.since(began).0;
        match self.answer.take() {
            Some(Response::Changed { history, progress, .. }) => {
                let history = History::fold(history).map_err(|broken| broken.to_string())?;
                self.start(host, history, progress.into_iter().collect());
            }
            other => return Err(format!("the newcomer was told {other:?}")),
        }
        for other in 0..host {
            self.feed(host, NodeInput::Connected { peer: id(other) });
            self.feed(other, NodeInput::Connected { peer: id(host) });
        }
        let epoch = self.epoch_of(host);
        self.run_until(patience, "the join did not settle", |cluster| {
            let is_settled = |host: &Host| {
                let history = host.node.machine().history();
                history.oldest().epoch >= epoch
                    && host.node.machine().progress_of(host.node.machine().node()).settled >= epoch
            };
            cluster.hosts.iter().all(is_settled)
        })?;
        Ok(taken_in)
    }

    fn epoch_of(&self, host: usize) -> Epoch {
        self.hosts[host].node.machine().history().epoch()
    }

    fn start(&mut self, host: usize, history: History, progress: BTreeMap<NodeId, Progress>) {
        let boot = Boot {
            node: id(host),
            incarnation: 0,
            history,
            progress,
            acceptors: BTreeMap::new(),
            hints: Vec::new(),
            pulses: BTreeMap::new(),
            batches: 0,
        };
        let disk = ModelDisk::new();
        let engine = disk.open().expect("a new disk opens");
        let seed = self.prng.next_u64();
        let (node, effects) = Node::begin(engine, boot, Config::default(), seed, self.clock());
        self.hosts.push(Host { node, disk, tick_at: None, is_syncing: false, wanted: Seq(0) });
        self.carry_out(host, effects);
        self.plan_tick(host);
    }

    fn clock(&self) -> Now {
        Now { mono: Mono(self.now.0 + 1_000_000), wall: Wall(WALL_AT_START_MS + self.now.0 / 1_000) }
    }

    /// The first node is asked to change the cluster.
    fn ask(&mut self, admin: Admin) {
        self.answer = None;
        self.feed(0, NodeInput::Client { client: ClientId(1), request: Request::Admin(admin), within: None });
    }

    fn feed(&mut self, host: usize, input: NodeInput) {
        let clock = self.clock();
        let mut effects = std::mem::take(&mut self.effects);
        self.hosts[host].node.handle(clock, input, &mut effects);
        self.carry_out(host, effects);
        self.plan_tick(host);
    }

    fn carry_out(&mut self, host: usize, mut effects: Vec<NodeEffect>) {
        for effect in effects.drain(..) {
            match effect {
                NodeEffect::Send { to, message } => self.send(host, to.0 as usize - 1, message),
                NodeEffect::Reply { response, .. } => self.answer = Some(response),
                NodeEffect::Sync(seq) => {
                    let this = &mut self.hosts[host];
                    this.wanted = this.wanted.max(seq);
                    self.begin_sync(host);
                }
                NodeEffect::Peers(_)
                | NodeEffect::Note(_)
                | NodeEffect::Left
                | NodeEffect::Pulse { .. }
                | NodeEffect::Ejected(_)
                | NodeEffect::Stop(_) => {}
            }
        }
        self.effects = effects;
    }

    fn begin_sync(&mut self, host: usize) {
        let this = &mut self.hosts[host];
        if !std::mem::replace(&mut this.is_syncing, true) {
            let upto = this.disk.applied();
            self.queue.add(self.now.after(FSYNC), Event::Synced { host, upto });
        }
    }

    fn send(&mut self, from: usize, to: usize, message: Message) {
        let is_probe = matches!(message, Message::Ping { .. } | Message::Pong { .. });
        let weight = if is_probe { self.probe } else { bytes(&message) };
        let sent = self.traffic.entry(name_of(&message).0).or_default();
        (sent[0], sent[1]) = (sent[0] + 1, sent[1] + weight);
        // A newcomer that does not run yet hears nothing.
        if to < self.hosts.len() {
            let at = self.now.after(Span(DELAY_MICROS + self.prng.below(DELAY_MICROS)));
            self.queue.add(at, Event::Arrive { from, to, message: Box::new(message) });
        }
    }

    fn plan_tick(&mut self, host: usize) {
        let this = &mut self.hosts[host];
        let Some(deadline) = this.node.next_deadline() else { return };
        let at = Time(deadline.0.saturating_sub(1_000_000)).max(Time(self.now.0 + 1));
        if this.tick_at.is_none_or(|planned| planned > at) {
            this.tick_at = Some(at);
            self.queue.add(at, Event::Tick { host });
        }
    }

    /// Moves on until `done`, looking after every millisecond.
    fn run_until(&mut self, patience: Span, what: &str, mut done: impl FnMut(&Cluster) -> bool) -> Result<(), String> {
        let end = self.now.after(patience);
        while !done(self) {
            if self.now >= end {
                return Err(format!("{what} within {patience:?}"));
            }
            self.run(Span::millis(1));
        }
        Ok(())
    }

    fn run_to(&mut self, end: Time) {
        while let Some((at, event)) = self.queue.next_until(end) {
            self.now = at;
            match event {
                Event::Arrive { from, to, message } => {
                    self.feed(to, NodeInput::Peer { from: id(from), message: *message });
                }
                Event::Tick { host } if self.hosts[host].tick_at == Some(at) => {
                    self.hosts[host].tick_at = None;
                    self.feed(host, NodeInput::Tick);
                }
                Event::Tick { .. } => {}
                Event::Synced { host, upto } => {
                    let this = &mut self.hosts[host];
                    this.is_syncing = false;
                    let result = this.disk.mark_durable(upto);
                    self.feed(host, NodeInput::Synced(result));
                    if self.hosts[host].wanted > upto {
                        self.begin_sync(host);
                    }
                }
            }
        }
        self.now = end;
    }
}

fn id(host: usize) -> NodeId {
    NodeId(host as u128 + 1)
}

/// Bytes of a message on the wire, in a frame of its own.
fn bytes(message: &Message) -> u64 {
    codec::encode_frame(std::slice::from_ref(message)).len() as u64
}
