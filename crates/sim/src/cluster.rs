//! The lives of hosts: founding, opening, crashing, ending.
//!
//! Invariant: a crash takes from the disk what the plan says and nothing that an fsync had covered; a node is opened on
//! what is left, under a new seed.

use crate::describe;
use crate::disk::{Watch, WatchedEngine};
use crate::fault::{HostId, Loss};
use crate::history::Outcome;
use crate::host::Stage;
use crate::time::Time;
use crate::world::{Event, World};
use node::proto::{Event as Membership, Genesis, Join, Progress};
use node::storage::{CrashLoss, Engine, ModelDisk, StorageError};
use node::{Founding, Node, NodeEffect, NodeInput, OpenError};
use ring::{Grid, NodeId};
use stdx::marks::hit;
use stdx::{Prng, Span};

/// As the server does.
const INTRODUCED_WITHIN: Span = Span::millis(300);

impl World {
    /// The first host founds the cluster and runs.
    pub(crate) fn found(&mut self) {
        let host = HostId(0);
        let mut prng = Prng::keyed(self.plan.seed, "found", &[]);
        let genesis = Genesis {
            cluster: prng.next_u128(),
            grid: Grid::new(self.plan.grid_bits).unwrap_or_default(),
            n: self.plan.n,
            context_key: [7; 32],
        };
        let founding = Founding { genesis, join: self.join_of(host) };
        let now = self.hosts[host.0].now(self.now);
        let seed = prng.next_u64();
        self.write_origin(host, |engine| Node::found(engine, founding, seed, now));
        self.open(host);
    }

    /// A host that was taken in writes down what it was told, and runs.
    pub(crate) fn adopt(&mut self, host: HostId, history: &[Membership], progress: &[(NodeId, Progress)]) {
        let node = self.host(host).node_id();
        self.write_origin(host, |engine| Node::adopt(engine, node, history, progress));
        self.open(host);
    }

    fn write_origin(&mut self, host: HostId, write: impl FnOnce(&mut WatchedEngine) -> Result<(), OpenError>) {
        let disk = self.host(host).disk.clone();
        let watch = self.host(host).watch.clone();
        if let Err(error) = with_engine(&disk, watch, write) {
            self.fail("origin", format!("{host} could not become a node: {error}"));
        }
    }

    /// What a host says when it asks to be taken in.
    pub(crate) fn join_of(&self, host: HostId) -> Join {
        Join {
            node: self.hosts[host.0].node_id(),
            name: format!("{host}"),
            name_is_fixed: false,
            uri: format!("http://{host}:8080"),
            tokens: Vec::new(),
            token_count: self.plan.tokens,
            random_tokens: false,
            weight: 100,
            zone: None,
            seed: host.0 < 3,
        }
    }

    /// Starts the node that is stored on a host.
    pub(crate) fn open(&mut self, host: HostId) {
        if !self.failures.is_empty() {
            return;
        }
        let (plan_seed, config) = (self.plan.seed, self.plan.config.clone());
        let (mutant, is_healed) = (self.plan.mutant, self.is_healed);
        let now = self.now;
        let this = self.host(host);
        this.life += 1;
        let life = this.life;
        let mut prng = Prng::keyed(plan_seed, "life", &[host.0 as u64, u64::from(life)]);
        let clock = this.clock.next_life(prng.below(1 << 40));
        self.watch_disk(host);
        let this = self.host(host);
        let engine = match this.disk.open() {
            Ok(engine) => WatchedEngine::new(engine, this.watch.clone(), mutant),
            Err(error) => return self.fail("open", format!("the disk of {host} could not be opened: {error}")),
        };
        match Node::open(engine, config, prng.next_u64(), clock.now(now)) {
            Err(OpenError::Storage(StorageError::Io { .. })) if !is_healed => self.start_later(host),
            Err(error) => self.fail("open", format!("{host} could not start: {error}")),
            Ok((mut node, effects)) => {
                node.introduce_first(clock.now(now), INTRODUCED_WITHIN, &effects);
                let history = node.machine().history();
                if history.oldest().epoch < history.epoch() {
                    hit("ring.start_while_it_changes");
                }
                if !node.machine().status().hints.is_empty() {
                    hit("crash.with_hints");
                }
                this.begin_life(node, clock);
                self.trace.event(now, host, "open", u64::from(life));
                self.trace.line(now, host, || format!("starts, life {life}"));
                self.look_at_stores(host);
                self.carry_out_all(host, effects);
                self.plan_tick(host);
            }
        }
    }

    /// The disk could not be read while the process started: it is started again.
    fn start_later(&mut self, host: HostId) {
        stdx::marks::hit("sim.start_failed_and_was_repeated");
        let this = self.host(host);
        this.end_life(Stage::Down);
        let life = this.life;
        self.after(Span::millis(300), Event::Restart { host, life });
    }

    /// Gives a node an input and does what it wants done.
    pub(crate) fn feed(&mut self, host: HostId, input: NodeInput) {
        let mut effects: Vec<NodeEffect> = std::mem::take(&mut self.effects);
        let now = self.now;
        let this = self.host(host);
        let clock = this.clock;
        let Some(node) = this.node.as_mut() else { return };
        node.handle(clock.now(now), input, &mut effects);
        if this.slowness > 1 {
            this.work(now);
        }
        self.look_at_stores(host);
        self.strike_leaver(host, true);
        self.carry_out_all(host, effects);
        self.strike_leaver(host, false);
        self.plan_tick(host);
    }

    /// The process dies. It starts again after `down`.
    pub(crate) fn crash(&mut self, host: HostId, down: Span, loss: Loss) {
        let now = self.now;
        let seed = self.plan.seed;
        let this = self.host(host);
        if !this.is_up() {
            return;
        }
        let life = this.life;
        let seed = Prng::keyed(seed, "crash", &[host.0 as u64, u64::from(life)]).next_u64();
        let changing = this.node.as_ref().is_some_and(|node| {
            let status = node.machine().history();
            status.oldest().epoch < status.epoch()
        });
        if changing {
            hit("ring.crash_while_it_changes");
        }
        if this.syncs.is_first() {
            hit("crash.in_the_first_fsync");
        }
        let lost = this.disk.crash(match loss {
            Loss::Nothing => CrashLoss::Nothing,
            Loss::Some => CrashLoss::Suffix { seed },
            Loss::Torn => CrashLoss::Torn { seed },
            Loss::All => CrashLoss::Unsynced,
        });
        if lost > 0 {
            hit(if lost > 5 { "crash.lost_many_batches" } else { "crash.lost_batches" });
            if loss == Loss::Torn {
                hit("crash.tore_a_batch");
            }
        }
        this.end_life(Stage::Down);
        this.watch.borrow_mut().clear();
        self.counts.lost_batches += lost as u64;
        self.trace.event(now, host, "crash", lost as u64);
        self.trace.line(now, host, || format!("CRASHES and loses {lost} batches; down for {down:?}"));
        if self.hosts.iter().all(|host| !host.is_up()) {
            hit("crash.everybody_is_down");
        }
        self.forget_process(host, life);
        self.after(down, Event::Restart { host, life });
    }

    /// The process of a node that has left ends. Sometimes it is started again, once, on the disk that still holds what it gave.
    pub(crate) fn end(&mut self, host: HostId, life: u32) {
        if !self.host(host).lives(life) {
            return;
        }
        let now = self.now;
        self.host(host).end_life(Stage::Gone);
        if !self.is_healed && !self.atlas.is_out(host) && self.hosts[host.0].returns.is_none() {
            let mut prng = Prng::keyed(self.plan.seed, "leaver returns", &[host.0 as u64]);
            let returns = prng.below(2) == 0;
            self.host(host).returns = Some(returns);
            if returns {
                let away = Span::millis(prng.between(100, 60_000));
                self.after(away, Event::Restart { host, life });
            }
        }
        self.trace.event(now, host, "end", 0);
        self.trace.line(now, host, || "ends: it has left the cluster".to_owned());
        self.forget_process(host, life);
    }

    /// The newest view that a running process knows.
    pub(crate) fn newest_view(&self) -> Option<std::sync::Arc<node::proto::View>> {
        let views = self.hosts.iter().filter_map(|host| Some(host.node.as_ref()?.machine().history().current()));
        views.max_by_key(|view| view.epoch).cloned()
    }

    /// Whoever was connected to a process, or waited for an answer of it, will notice that it died.
    fn forget_process(&mut self, host: HostId, life: u32) {
        self.resume(host);
        self.drop_backlog(host);
        let lost: Vec<usize> = (0..self.history.len())
            .filter(|number| {
                let operation = &self.history[*number];
                operation.host == host
                    && operation.life == life
                    && operation.outcome == Outcome::Pending
                    && !operation.replied
            })
            .collect();
        for operation in lost {
            self.history[operation].replied = true;
            self.after(Span::millis(1), Event::NoAnswer { operation, taken: true });
        }
        let mut prng = Prng::keyed(self.plan.seed, "resets", &[host.0 as u64, u64::from(life)]);
        for peer in 0..self.hosts.len() {
            if self.hosts[peer].is_up() && self.hosts[peer].connections.stands(host) {
                let after = Span::micros(prng.between(200, 100_000));
                let life = self.hosts[peer].life;
                self.after(after, Event::Break { host: HostId(peer), life, peer: host, for_sure: true });
            }
        }
    }

    /// A process that died is started again.
    pub(crate) fn restart(&mut self, host: HostId, life: u32) {
        let this = self.host(host);
        let returns = this.stage == Stage::Gone && this.returns == Some(true);
        if (this.stage == Stage::Down || returns) && this.life == life {
            if returns {
                this.returns = Some(false);
                hit("sim.a_leaver_returned");
            }
            self.open(host);
            self.give_up_forsaken(host);
        }
    }

    /// An operator ends, when all is calm, a process that was put out while it was away and knows nobody any more who could
    /// tell it.
    fn give_up_forsaken(&mut self, host: HostId) {
        let this = &self.hosts[host.0];
        let Some(node) = this.node.as_ref().filter(|_| self.is_healed && self.atlas.is_out(host)) else { return };
        let life = this.life;
        let knows = node.machine().history().current().ring.members().map(|member| describe::host_of(member.id));
        let is_there = |stage: Stage| matches!(stage, Stage::Up | Stage::Down);
        let runs = |other: &HostId| self.hosts.get(other.0).is_some_and(|other| is_there(other.stage));
        if !knows.into_iter().any(|other| other != host && runs(&other) && !self.atlas.is_out(other)) {
            hit("sim.a_banned_node_knew_nobody_any_more");
            self.end(host, life);
        }
    }

    /// A node's deadline has come, or what looked like it.
    pub(crate) fn tick(&mut self, host: HostId, life: u32) {
        let now = self.now;
        let this = self.host(host);
        if !this.lives(life) || this.tick_at.is_none_or(|at| at > now) {
            return;
        }
        this.tick_at = None;
        let due = this.node.as_ref().and_then(Node::next_deadline).is_some_and(|at| at <= this.now(now).mono);
        if !due {
            return self.plan_tick(host);
        }
        this.ticks = if now.since(this.ticks_since) < Span::millis(1) { this.ticks + 1 } else { 0 };
        if this.ticks == 0 {
            this.ticks_since = now;
        }
        if this.ticks > 500 {
            self.fail("sleep", format!("{host} wants to be woken again and again without end"));
        }
        self.trace.event(now, host, "tick", 0);
        self.sample(host);
        self.feed(host, NodeInput::Tick);
    }

    /// Plans the next tick, unless one is planned early enough.
    pub(crate) fn plan_tick(&mut self, host: HostId) {
        let now = self.now;
        let this = self.host(host);
        let Some(deadline) = this.node.as_ref().and_then(Node::next_deadline) else { return };
        let at = this.clock.time_of(deadline).max(Time(now.0 + 1));
        if this.tick_at.is_none_or(|planned| planned > at) {
            this.tick_at = Some(at);
            let life = this.life;
            self.queue.add(at, Event::Tick { host, life });
        }
    }
}

/// Opens a disk, lets somebody write to it, and makes that durable.
fn with_engine(
    disk: &ModelDisk,
    watch: Watch,
    write: impl FnOnce(&mut WatchedEngine) -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    let engine = disk.open().map_err(OpenError::Storage)?;
    let mut engine = WatchedEngine::new(engine, watch, crate::mutant::Mutant::None);
    write(&mut engine)?;
    disk.mark_durable(engine.applied()).map_err(OpenError::Storage).map(|_| ())
}
