//! One machine of the simulated cluster: a disk that outlives everything, and the node that runs on it, life after life.
//!
//! Invariant: an event that was meant for one life of a host never reaches another, except messages, which may.
//! Refuses to know other hosts.

use crate::clock::{ClockError, HostClock};
use crate::connection::Connections;
use crate::disk::{Syncs, Watch, WatchedEngine};
use crate::fault::{Fault, HostId, Loss};
use crate::time::Time;
use crate::world::Event;
use node::Node;
use node::storage::ModelDisk;
use ring::NodeId;
use std::collections::VecDeque;
use stdx::{Now, Span};

/// What a host is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// It has never been part of the cluster.
    Outside,
    /// Its node runs, or stands still for a while.
    Up,
    /// Its process is dead and will be started again.
    Down,
    /// Its node has left the cluster.
    Gone,
}

/// A crash that waits for its moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Armed {
    pub(crate) down: Span,
    pub(crate) loss: Loss,
}

/// What an input takes on a slow host, times its slowness; on others it takes no time.
const WORK: Span = Span::micros(20);

/// One machine.
pub(crate) struct Host {
    pub(crate) id: HostId,
    pub(crate) stage: Stage,
    pub(crate) disk: ModelDisk,
    pub(crate) node: Option<Node<WatchedEngine>>,
    /// Which life of the process this is, or was.
    pub(crate) life: u32,
    pub(crate) clock: HostClock,
    pub(crate) connections: Connections,
    pub(crate) syncs: Syncs,
    /// Puts that the node has applied and nobody has looked at.
    pub(crate) watch: Watch,
    /// When the next tick is planned.
    pub(crate) tick_at: Option<Time>,
    /// Ticks given at `ticks_since`, to notice a node that never sleeps.
    pub(crate) ticks: u32,
    pub(crate) ticks_since: Time,
    /// It stands still until then.
    pub(crate) paused_until: Time,
    /// What has happened to it since it stands still.
    pub(crate) held: Vec<Event>,
    /// How long it has stood still in all.
    pub(crate) paused: Span,
    pub(crate) crash_in_sync: Option<Armed>,
    pub(crate) crash_in_effects: Option<Armed>,
    /// It dies when it has got so far with leaving, in whatever life.
    pub(crate) dies_leaving: Option<Fault>,
    /// It has left, and somebody will start its process again, who does not know that.
    pub(crate) returns: Option<bool>,
    /// The next fsync fails.
    pub(crate) fails_sync: bool,
    /// What every fsync takes more.
    pub(crate) slow_disk: Span,
    /// Every input takes this many times its usual time.
    pub(crate) slowness: u32,
    /// It works on an input until then.
    pub(crate) busy_until: Time,
    /// What waits until it has done that.
    pub(crate) backlog: VecDeque<Event>,
    /// When the first of it has its turn.
    pub(crate) turn_at: Time,
    /// Clients do not reach it, so many times over.
    pub(crate) no_clients: u32,
}

impl Host {
    pub(crate) fn new(id: HostId, clock: ClockError) -> Host {
        Host {
            id,
            stage: Stage::Outside,
            disk: ModelDisk::new(),
            node: None,
            life: 0,
            clock: HostClock::new(clock, 0),
            connections: Connections::default(),
            syncs: Syncs::default(),
            watch: Watch::default(),
            tick_at: None,
            ticks: 0,
            ticks_since: Time(0),
            paused_until: Time(0),
            held: Vec::new(),
            paused: Span::ZERO,
            crash_in_sync: None,
            crash_in_effects: None,
            dies_leaving: None,
            returns: None,
            fails_sync: false,
            slow_disk: Span::ZERO,
            slowness: 1,
            busy_until: Time(0),
            backlog: VecDeque::new(),
            turn_at: Time(0),
            no_clients: 0,
        }
    }

    pub(crate) fn node_id(&self) -> NodeId {
        NodeId(self.id.0 as u128 + 1)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.stage == Stage::Up
    }

    /// True if this life is still the one that runs.
    pub(crate) fn lives(&self, life: u32) -> bool {
        self.is_up() && self.life == life
    }

    pub(crate) fn now(&self, time: Time) -> Now {
        self.clock.now(time)
    }

    /// A slow process takes its time over an input. That counts as standing still if others wait.
    pub(crate) fn work(&mut self, now: Time) {
        let takes = WORK.times(u64::from(self.slowness));
        self.busy_until = self.busy_until.max(now).after(takes);
        self.paused = Span(self.paused.0 + takes.0);
    }

    /// Begins a new life: everything in memory is as after a start.
    pub(crate) fn begin_life(&mut self, node: Node<WatchedEngine>, clock: HostClock) {
        self.node = Some(node);
        self.stage = Stage::Up;
        self.clock = clock;
        self.connections = Connections::default();
        self.syncs = Syncs::default();
        self.tick_at = None;
        self.paused_until = Time(0);
        self.busy_until = Time(0);
    }

    /// Ends the process. What was armed for this life goes with it.
    pub(crate) fn end_life(&mut self, stage: Stage) {
        self.node = None;
        self.stage = stage;
        self.paused_until = Time(0);
        self.crash_in_sync = None;
        self.crash_in_effects = None;
        self.fails_sync = false;
    }
}
