//! Collection of what nobody can see any more: tombstones, expired versions, and actors of which a record holds nothing.
//!
//! Each node passes through its records and takes those that are spent and of which it is the first replica. All replicas
//! must say that they hold exactly that, durably, and would let go of the same. Then every node of the cluster has to be
//! clear of everything that began before they said so ([`rounds`]). Then the replicas let go, each if it still holds
//! exactly that.
//!
//! Invariant: no replica lets go of a record while anything older than it is on a disk or in the memory of any node; and
//! what the network still has of that is refused from then on, for good. Nothing is collected while a node is down, while
//! the ring changes, or while any node keeps a hint. No clock has a part in this: a wall clock says only what is
//! expired, and each replica's own must say so.
//! `docs/adr/0012-collection-of-tombstones.md` has the argument.

mod batch;
mod replica;
mod rounds;

pub(crate) use replica::{on_agree, on_collect, on_stored};
pub(crate) use rounds::clocks_agree;

use crate::anti_entropy::Repairs;
use crate::bucket::Mode;
use crate::coordinator::{Deciding, Operations};
use crate::core::Core;
use crate::event::Change;
use crate::healing::Healing;
use crate::ids::{BucketId, SessionId};
use crate::item::ItemKey;
use crate::membership::Transition;
use crate::message::{Message, Spent};
use crate::request::RepairStatus;
use crate::store::{Bookmark, Highest, Purpose, StoreOp, StoreOutcome};
use crate::streams::Streams;
use batch::Batch;
use causal::Stamp;
use ring::{NodeId, Token};
use rounds::Rounds;
use std::collections::BTreeMap;
use stdx::bugs::planted;
use stdx::{Mono, Span, Wall};

/// How much later the round must be of which everybody is clear than that in which the replicas agreed. What began before
/// they all had agreed began at most one round later than that, and a node refuses what began two rounds before the one
/// it is clear of.
pub(crate) const ROUNDS: u64 = 3;
/// Between two looks at how far the others are.
const POLL: Span = Span::millis(100);
/// Between two steps of a pass.
const STEP: Span = Span::millis(50);
/// Answers of replicas that take longer are not waited for.
const ANSWER_TIME: Span = Span::secs(10);
/// Items collected together, about.
const BATCH: usize = 256;
/// Bytes of the keys of items collected together, about.
const BATCH_KEY_BYTES: usize = 4 << 20;
/// What could not be collected by then is left to a later pass.
const CLEAR_TIME: Span = Span::secs(60);

#[derive(Clone, Default, Hash)]
enum Phase {
    /// Waits for the next step or pass.
    #[default]
    Idle,
    /// Storage looks for items.
    Sweeping,
    /// The replicas are asked whether they hold exactly that.
    Agreeing(Batch),
    /// They do; everybody has to be clear of what began before.
    Clearing(Batch),
    /// The replicas let go.
    Collecting(Batch),
}

/// What this node collects, and its part in the rounds.
#[derive(Clone, Default, Hash)]
pub(crate) struct Collector {
    phase: Phase,
    rounds: Rounds,
    /// When to look how far the others are, if there is a reason to.
    poll_at: Option<Mono>,
    /// When the pass, or the next one, goes on; none before the first look.
    sweep_at: Option<Mono>,
    /// Where the pass goes on.
    after: Option<Bookmark>,
    /// How far each replica's clock was behind ours when it last agreed or did not.
    behind: BTreeMap<NodeId, Span>,
    /// The pass has asked somebody.
    has_asked: bool,
    /// The time by which the pass takes items to be spent.
    wall: Wall,
    /// What it has found for the next batch.
    waiting: Vec<(Spent, Highest)>,
    /// Ended registers that are being deleted.
    burials: usize,
    /// Items of the pass so far, and of the last whole one.
    found: u32,
    spent: u32,
    collected: u64,
}

impl Collector {
    pub(crate) fn next_deadline(&self, core: &Core) -> Option<Mono> {
        let sweep_at = self.is_free().then(|| self.sweep_at.unwrap_or(core.now.mono));
        sweep_at.filter(|_| core.config.collect_every > Span::ZERO).into_iter().chain(self.poll_at).min()
    }

    /// True if nothing is being collected; it may wait for somebody.
    pub(crate) fn is_quiet(&self) -> bool {
        let is_asking = matches!(self.phase, Phase::Agreeing(_) | Phase::Collecting(_));
        !is_asking && self.waiting.is_empty() && self.burials == 0
    }

    /// True if the pass may go on.
    fn is_free(&self) -> bool {
        matches!(self.phase, Phase::Idle) && self.burials == 0
    }

    /// Somebody may have begun a round.
    pub(crate) fn on_gossip(&mut self, core: &Core) {
        if rounds::newest(core) > core.own_progress().clear || self.rounds.has_news(core) {
            self.poll_at = Some(core.now.mono);
        }
    }

    pub(crate) fn on_time(
        &mut self,
        core: &mut Core,
        ops: &Operations,
        healing: &Healing,
        (streams, repairs): (&Streams, &Repairs),
        transition: &Transition,
    ) {
        let now = core.now.mono;
        let every = core.config.collect_every;
        // Nodes that start together do not pass through their records together.
        let sweep_at = *self.sweep_at.get_or_insert_with(|| now + Span(core.prng.below(every.0.max(1))));
        let sweeps = self.is_free() && sweep_at <= now && every > Span::ZERO;
        if !sweeps && self.poll_at.is_none_or(|at| at > now) {
            return;
        }
        self.rounds.remember_leavers(core);
        let wants = matches!(&self.phase, Phase::Clearing(batch) if !batch.is_clear(core));
        let is_calm = !transition.is_late() && streams.active() == 0 && streams.moving() == 0 && healing.is_idle();
        let oldest = || ops.oldest_round().min(repairs.oldest_round());
        let follows = self.rounds.follow(core, wants, is_calm, oldest);
        self.step(core, sweeps);
        let polls = follows || !matches!(self.phase, Phase::Idle);
        self.poll_at = polls.then(|| now + POLL);
    }

    fn step(&mut self, core: &mut Core, sweeps: bool) {
        match std::mem::take(&mut self.phase) {
            Phase::Idle if sweeps => self.sweep(core),
            Phase::Idle => {}
            Phase::Sweeping => self.phase = Phase::Sweeping,
            Phase::Agreeing(batch) if batch.is_late(core) => self.rest(core),
            Phase::Agreeing(batch) => self.phase = Phase::Agreeing(batch),
            Phase::Clearing(batch) if batch.is_late(core) => {
                stdx::marks::hit("collect.not_clear_in_time");
                self.rest(core);
            }
            Phase::Clearing(batch) if batch.is_clear(core) => self.collect(core, batch),
            Phase::Clearing(batch) => self.phase = Phase::Clearing(batch),
            Phase::Collecting(batch) if batch.is_late(core) => self.rest(core),
            Phase::Collecting(batch) => self.phase = Phase::Collecting(batch),
        }
    }

    fn sweep(&mut self, core: &mut Core) {
        let (records_max, idle_max) = (core.config.collect_records_per_step, core.config.idle_actors_max);
        if self.after.is_none() {
            // Clocks are set right, too.
            let has_asked = std::mem::take(&mut self.has_asked);
            self.behind.retain(|node, _| has_asked && core.history.current().ring.member(node).is_some());
            let behind = self.behind.values().max().copied().unwrap_or_default();
            self.wall = Wall(core.now.wall.0.saturating_sub(behind.as_millis()));
        }
        let (after, wall) = (self.after.clone(), self.wall);
        self.phase = Phase::Sweeping;
        core.store(Purpose::Swept, StoreOp::Sweep { after, records_max, wall, idle_max });
    }

    /// Nothing is to be done before the next step of the pass, or the next pass.
    fn rest(&mut self, core: &Core) {
        let pause = if self.after.is_none() { core.config.collect_every.max(POLL) } else { STEP };
        self.sweep_at = Some(core.now.mono + pause);
    }

    /// Some records were looked at.
    pub(crate) fn on_swept(&mut self, ops: &mut Operations, core: &mut Core, outcome: StoreOutcome) {
        self.phase = Phase::Idle;
        let StoreOutcome::Swept { items, ended, after } = outcome else {
            self.after = None;
            self.waiting.clear();
            return self.rest(core);
        };
        if planted("tombstones go by age") {
            let items = items.iter().map(|(item, _)| item.clone()).collect();
            let (wall, idle_max) = (core.now.wall, core.config.idle_actors_max);
            let purpose = Purpose::AnswerCollect { to: core.node, session: SessionId(0) };
            core.store(purpose, StoreOp::Collect { items, wall, idle_max });
        }
        let ours: Vec<(Spent, Highest)> =
            items.into_iter().filter(|(item, _)| is_ours(core, item.bucket, &item.key)).collect();
        self.found += ours.len() as u32;
        self.bury(ops, core, ended);
        self.after = after;
        let is_over = self.after.is_none();
        if is_over {
            self.spent = std::mem::take(&mut self.found);
        }
        self.rest(core);
        let kept_above = restored_lately(core);
        let goes = |(_, highest): &(Spent, Highest)| kept_above.is_none_or(|above| highest.stamp <= above);
        self.waiting.extend(ours.into_iter().filter(goes));
        let bytes: usize = self.waiting.iter().map(|(item, _)| item.key.len()).sum();
        if self.waiting.is_empty() || !is_over && self.waiting.len() < BATCH && bytes < BATCH_KEY_BYTES {
            return;
        }
        let items = std::mem::take(&mut self.waiting);
        if !rounds::obstacles(core).is_empty() {
            return;
        }
        self.has_asked = true;
        let mut batch = Batch::new(core, self.wall, items);
        batch.ask(core, ANSWER_TIME, |session, epoch, (_, wall), items| Message::Agree { session, epoch, wall, items });
        self.phase = Phase::Agreeing(batch);
        self.poll_at = Some(core.now.mono + POLL);
    }

    /// Deletes registers of which the value has ended, if it could be collected then.
    fn bury(&mut self, ops: &mut Operations, core: &mut Core, ended: Vec<(BucketId, ItemKey, u64)>) {
        let ours = ended.into_iter().filter(|(bucket, key, _)| is_ours(core, *bucket, key));
        let ours: Vec<(BucketId, ItemKey, u64)> = ours.collect();
        self.found += ours.len() as u32;
        if !rounds::obstacles(core).is_empty() {
            return;
        }
        for (bucket, key, number) in ours {
            let Some(bucket) = core.history.current().buckets.get(&bucket).cloned() else { continue };
            stdx::marks::hit("collect.buried");
            self.burials += 1;
            Deciding::bury(ops, core, &bucket, key, number);
        }
    }

    /// A register was deleted, or not.
    pub(crate) fn on_buried(&mut self, core: &Core) {
        self.burials -= 1;
        if self.is_free() {
            self.sweep_at = self.sweep_at.map(|at| at.max(core.now.mono));
        }
    }

    /// A replica says what it holds exactly so.
    pub(crate) fn on_agreed(
        &mut self,
        core: &mut Core,
        from: NodeId,
        session: SessionId,
        (round, wall): (u64, Wall),
        items: &[u32],
    ) {
        self.behind.insert(from, Span::millis(core.now.wall.0.saturating_sub(wall.0)));
        let Phase::Agreeing(batch) = &mut self.phase else { return };
        if !batch.answered(from, session) {
            return;
        }
        batch.agree(from, round, items);
        if batch.is_answered() {
            let Phase::Agreeing(mut batch) = std::mem::take(&mut self.phase) else { return };
            batch.keep_agreed(core);
            if !batch.is_empty() {
                batch.wait(core, CLEAR_TIME);
                self.phase = Phase::Clearing(batch);
                self.poll_at = Some(core.now.mono);
            } else {
                self.rest(core);
            }
        }
    }

    fn collect(&mut self, core: &mut Core, mut batch: Batch) {
        batch.ask(core, ANSWER_TIME, |session, epoch, (round, wall), items| Message::Collect {
            session,
            epoch,
            round,
            wall,
            items,
        });
        self.phase = Phase::Collecting(batch);
    }

    /// A replica has let go.
    pub(crate) fn on_collected(&mut self, core: &Core, from: NodeId, session: SessionId, ok: bool) {
        let Phase::Collecting(batch) = &mut self.phase else { return };
        if !batch.answered(from, session) {
            return;
        }
        if !ok {
            stdx::marks::hit("collect.refused");
        }
        if batch.is_answered() {
            stdx::marks::hit("collect.everywhere");
            self.phase = Phase::Idle;
            self.rest(core);
        }
    }

    /// So many items were collected here.
    pub(crate) fn count(&mut self, items: u32) {
        self.collected += u64::from(items);
    }

    /// What others said of themselves is on disk, or not.
    pub(crate) fn on_remembered(&mut self, outcome: &StoreOutcome) {
        if *outcome != StoreOutcome::Done {
            self.rounds.forget_remembered();
        }
    }

    /// What waits, and why.
    pub(crate) fn tell(&self, core: &Core, status: &mut RepairStatus) {
        status.spent = self.spent.max(self.found);
        status.collected = self.collected;
        status.uncollected = rounds::obstacles(core);
        status.uncollected.extend(rounds::laggards(core, status.damaged));
        status.uncollected.extend(strangers(core).map(|name| {
            format!("{name} runs an older release: what is deleted in linearizable buckets waits for its update")
        }));
    }
}

/// True if this node is the one to collect an item: its first replica. Registers are collected only if everybody knows what a
/// floor is.
fn is_ours(core: &Core, bucket: BucketId, key: &ItemKey) -> bool {
    let view = core.history.current();
    let is_known = match view.buckets.get(&bucket).map(|bucket| bucket.mode) {
        None => false,
        Some(Mode::Eventual) => true,
        Some(Mode::Linearizable) => strangers(core).next().is_none(),
    };
    let partition = core.history.genesis().grid.partition_of(&Token::of(&key.partition_key));
    is_known && view.replicas(partition, bucket).first() == Some(&core.node)
}

/// Names of the nodes that have not told of a floor.
fn strangers(core: &Core) -> impl Iterator<Item = String> {
    let knows = |node: &NodeId| core.progress.get(node).is_some_and(|progress| progress.floor.is_some());
    core.participants().into_iter().filter(move |node| !knows(node)).map(|node| core.name_of(node).0)
}

/// What a restore that may still go on must find: tombstones above this stamp, or it would bring back what they stand for.
fn restored_lately(core: &Core) -> Option<Stamp> {
    let events = core.history.events().iter();
    let lately = events.filter(|event| event.at.plus(core.config.restore_time) > core.now.wall);
    let stamps = lately.filter_map(|event| match &event.change {
        Change::Restored(restored) => Some(restored.stamp),
        _ => None,
    });
    stamps.min()
}
