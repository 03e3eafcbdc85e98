//! The one task that owns the node: waits, makes inputs of what happened, hands them to the machine and carries out
//! what it answers.
//!
//! Invariant: clocks are read once per batch of events; effects are carried out in the order in which the machine gave
//! them, after the whole batch, so that messages of one batch share frames and writes of one batch share an fsync.
//! Refuses to decide anything, but that a request has waited too long to be begun (`patience`).

use std::pin::pin;
use std::time::Duration;

use node::{LocalItems, NodeEffect, NodeInput};
use proto::{Note, Refusal, Response, TraceMark};
use std::sync::Arc;
use stdx::{Mono, Now, Span};
use storage::Engine;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::counters::Counters;
use crate::disk_thread::DiskThread;
use crate::event::Event;
use crate::measures::Gauges;
use crate::news::Teller;
use crate::node_cell::NodeCell;
use crate::notes;
use crate::patience;
use crate::peer::directory::Directory;
use crate::phase::{Ended, PhaseCell};
use crate::replies::Replies;
use crate::stalls::{self, Watch};
use crate::tokens::Tokens;
use crate::traces::Threads;

/// Events handled between two looks at what is to be done about them.
const BATCH: usize = 256;

/// How long clients that wait are still served when the process ends.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// Between two looks at whether everything has been sent, when the process ends.
const DRAIN_LOOK: Duration = Duration::from_millis(5);

/// The node and everything it acts through.
pub(crate) struct EventLoop<E: Engine> {
    pub(crate) node: Arc<NodeCell<E>>,
    pub(crate) clock: Clock,
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) peers: Directory,
    pub(crate) disk: DiskThread,
    pub(crate) counters: Arc<Counters>,
    pub(crate) teller: Teller,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) phase: PhaseCell,
    pub(crate) replies: Replies,
    /// If traces are wanted.
    pub(crate) threads: Option<Threads>,
    /// Empty between two batches; kept for its memory.
    pub(crate) batch: Vec<Event>,
    /// What the machine wants done.
    pub(crate) effects: Vec<NodeEffect>,
    /// When the machine wants a tick at the latest, as of the last input.
    pub(crate) deadline: Option<Mono>,
    pub(crate) watch: Watch,
}

impl<E: Engine> EventLoop<E> {
    /// Serves until there is a reason to end, finishes what is under way and puts everything away.
    pub(crate) async fn run(mut self) {
        let fuse = Fuse(self.phase.clone());
        let why = self.serve().await;
        match &why {
            Ended::Failed(reason) => {
                error!("stopping at once: {reason}");
                self.replies.answer_all(&Response::Refused(Refusal::StorageFailed(reason.clone())));
            }
            Ended::Ejected(reason) => {
                error!("stopping at once: {reason}");
                self.replies.answer_all(&Response::Refused(Refusal::NotReady(reason.clone())));
            }
            Ended::Left | Ended::Stopped => self.drain().await,
        }
        self.put_away().await;
        fuse.0.over(why);
    }

    async fn serve(&mut self) -> Ended {
        let phase = self.phase.clone();
        let mut stopping = pin!(phase.stopping());
        self.carry_out();
        self.deadline = self.node.lock().next_deadline();
        loop {
            tokio::select! {
                biased;
                why = &mut stopping => return why,
                () = self.turn() => {}
            }
        }
    }

    /// Waits for events or for the machine's next deadline, and handles what came.
    async fn turn(&mut self) {
        match self.deadline {
            Some(deadline) => tokio::select! {
                biased;
                _ = self.events.recv_many(&mut self.batch, BATCH) => {}
                () = sleep_until(self.clock.instant(deadline)) => {}
            },
            None => drop(self.events.recv_many(&mut self.batch, BATCH).await),
        }
        let instant = Instant::now();
        let now = self.clock.now_at(instant);
        self.watch = Watch::begin(instant);
        let mut batch = std::mem::take(&mut self.batch);
        batch.drain(..).for_each(|event| self.on_event(now, event));
        self.batch = batch;
        self.deadline = self.node.lock().next_deadline();
        // Under load there is always another event, so the timer alone would never be looked at.
        if self.deadline.is_some_and(|deadline| deadline <= now.mono) {
            self.late(now, NodeInput::Tick);
        }
        self.carry_out();
        for peer in self.peers.take_overflowed() {
            warn!(%peer, "dropped messages to a peer because too many wait for it");
            self.late(now, NodeInput::Unreachable { peer });
        }
        self.carry_out();
        self.disk.kick();
    }

    /// An input after the batch, which may change when the next tick is due.
    fn late(&mut self, now: Now, input: NodeInput) {
        self.input(now, input);
        self.deadline = self.node.lock().next_deadline();
    }

    fn on_event(&mut self, now: Now, event: Event) {
        match event {
            Event::Client { request, within, asked, mark, reply } => {
                let queued = self.clock.instant(now.mono).saturating_duration_since(asked);
                match patience::left(within, Span::micros(queued.as_micros() as u64)) {
                    Some(left) => {
                        let client = self.replies.insert(reply);
                        let input = NodeInput::Client { client, request: *request, within: Some(left) };
                        self.traced(now, input, mark);
                    }
                    None => {
                        self.counters.shed.add(1);
                        // Whoever asked may have gone away meanwhile.
                        reply.send(Response::Refused(Refusal::Overloaded));
                    }
                }
            }
            Event::Peer { from, messages } => {
                for message in messages {
                    let mark = self.threads.as_mut().and_then(|threads| threads.heed(from, &message));
                    self.traced(now, NodeInput::Peer { from, message }, mark);
                }
            }
            Event::Ejected(reason) => self.phase.stop(Ended::Ejected(reason)),
            Event::Connected { peer } => self.input(now, NodeInput::Connected { peer }),
            Event::Unreachable { peer } => self.input(now, NodeInput::Unreachable { peer }),
            Event::Synced(result) => {
                self.disk.synced(&result);
                self.input(now, NodeInput::Synced(result));
            }
            Event::Items { reply } => {
                // Whoever asked may have gone away meanwhile.
                let _ = reply.send(LocalItems::new(self.node.lock().engine().reader()));
            }
            Event::Gauges { reply } => {
                let (stored_bytes, upkeep) = {
                    let node = self.node.lock();
                    (node.engine().size().ok(), node.engine().upkeep())
                };
                let gauges = Gauges {
                    stored_bytes,
                    upkeep,
                    free_bytes: None,
                    events: self.events.len(),
                    requests: self.replies.waiting(),
                    peers: self.peers.queues(),
                };
                // As above.
                let _ = reply.send(gauges);
            }
        }
    }

    fn input(&mut self, now: Now, input: NodeInput) {
        self.traced(now, input, None);
    }

    /// An input that belongs to a trace, if it does.
    fn traced(&mut self, now: Now, input: NodeInput, mark: Option<TraceMark>) {
        let (what, begin) = (stalls::kind(&input), self.effects.len());
        self.node.lock().handle(now, input, &mut self.effects);
        self.watch.lap(what);
        if let Some(threads) = &mut self.threads {
            threads.follow(mark, &mut self.effects, begin);
        }
    }

    fn carry_out(&mut self) {
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                NodeEffect::Send { to, message } => self.peers.send(to, message),
                NodeEffect::Reply { client, response } => {
                    self.replies.answer(client, response);
                }
                NodeEffect::Sync(seq) => self.disk.want(seq),
                NodeEffect::Peers(members) => {
                    self.peers.replace(&members);
                    self.peers.banish(self.node.lock().outcasts());
                }
                NodeEffect::Pulse { of, pulse } => self.peers.raise_pulse(of, pulse),
                NodeEffect::Note(note) => {
                    notes::record(&note, &self.counters);
                    if let Note::EventArrived(event) = &note {
                        self.tokens.set(self.node.lock().tokens());
                        self.teller.tell(event.epoch.0);
                    }
                }
                NodeEffect::Left => {
                    info!("this node has left the cluster and handed everything over");
                    self.phase.stop(Ended::Left);
                }
                NodeEffect::Ejected(reason) => self.phase.stop(Ended::Ejected(reason)),
                NodeEffect::Stop(reason) => self.phase.stop(Ended::Failed(reason)),
            }
        }
        self.effects = effects;
    }

    /// Serves those who wait, makes durable what is wanted and sends what is ready, but not for long.
    async fn drain(&mut self) {
        let draining = async {
            while !(self.replies.is_empty() && !self.disk.is_busy() && self.peers.is_flushed()) {
                // Writing to peers goes on in other tasks and makes no event.
                let _ = timeout(DRAIN_LOOK, self.turn()).await;
            }
        };
        if timeout(DRAIN_TIME, draining).await.is_err() {
            info!("some of what was under way is given up");
        }
    }

    /// Ends connections, makes everything durable and lets go of the data directory. Clients that still wait learn
    /// that there is no answer.
    async fn put_away(self) {
        let EventLoop { node, disk, events, peers, replies, .. } = self;
        drop((peers, replies, events));
        if !disk.finish().await {
            error!("the disk did not make the last writes durable in time");
        }
        drop(node);
    }
}

/// Tells everybody that the process is over if the event loop ends in a panic.
struct Fuse(PhaseCell);

impl Drop for Fuse {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.over(Ended::Failed("the event loop ended in a panic; the log above says where".to_owned()));
        }
    }
}
