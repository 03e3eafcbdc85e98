//! One run from its first event to its verdict: the cluster is formed, things go wrong under load, all faults end, the
//! cluster comes to rest, every client shows that everything works, and the stores are judged.
//!
//! Invariant: the report depends on the plan alone.

mod ordered;

use crate::checker::convergence::{Resident, Stores, differences, item, stores, unrest};
use crate::checker::counters::Counters;
use crate::checker::durability::{Evidence, Finally};
use crate::checker::{Failure, placement, restored};
use crate::fault::{Fault, HostId};
use crate::history::{Operation, Outcome};
use crate::host::{Host, Stage};
use crate::keeper;
use crate::operator::{SIBLINGS, Work};
use crate::plan::Plan;
use crate::registers;
use crate::time::Time;
use crate::trace::Sink;
use crate::world::{Counts, Event, World};
use node::proto::record::STAMP_AHEAD_MAX;
use node::proto::{BucketId, Change, ItemKey, Record};
use std::collections::BTreeMap;
use stdx::Span;

/// How long forming the cluster may take.
const FORMING_MAX: Span = Span::secs(120);
/// How long the cluster may take to come to rest when all faults are over.
const REST_MAX: Span = Span::secs(120);
/// A run in which nodes look more seldom for what is spent may end before they do.
const COLLECTED_EVERY_MAX: Span = Span::secs(10);
/// Requests each client makes at the end.
const PROOFS: u32 = 8;
/// How long they may take together.
const PROVING_MAX: Span = Span::secs(60);

/// What came of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The plan's seed.
    pub seed: u64,
    /// What must not be and was; empty if all is well.
    pub failures: Vec<Failure>,
    /// Simulated time.
    pub time: Time,
    /// Events of the trace.
    pub events: u64,
    /// Hash over all of them.
    pub hash: u64,
    /// What was counted.
    pub counts: Counts,
    /// Coverage marks that were hit.
    pub marks: BTreeMap<&'static str, u64>,
    /// Reads that were checked against something, versions seen, membership events.
    pub checked: [u64; 3],
}

impl Report {
    /// True if nothing failed.
    pub fn is_ok(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Carries a plan out.
pub fn run(plan: Plan) -> Report {
    run_with(plan, None)
}

/// Carries a plan out and writes a trace.
pub fn run_with(plan: Plan, sink: Option<Sink>) -> Report {
    stdx::marks::start();
    plan.mutant.plant();
    let seed = plan.seed;
    let mut world = World::new(plan, sink);
    world.live();
    Report {
        seed,
        time: world.now,
        events: world.trace.events(),
        hash: world.trace.hash(),
        marks: stdx::marks::stop(),
        checked: [world.reads.checked(), world.dots.len() as u64, world.epochs.len() as u64],
        counts: world.counts,
        failures: world.failures,
    }
}

impl World {
    fn live(&mut self) {
        self.form();
        self.storm();
        self.heal();
        self.come_to_rest("convergence");
        self.prove(PROOFS);
        if !self.run_while(PROVING_MAX, World::is_proven) {
            self.fail("everything works after healing", "the clients did not get through in time".to_owned());
        }
        self.come_to_rest("convergence after the last requests");
        self.hear_the_rest();
        self.judge();
    }

    /// Watchers hear what there is to hear.
    fn hear_the_rest(&mut self) {
        let rounds: Vec<u64> = self.watchers.iter().map(|watcher| watcher.rounds).collect();
        if !self.run_while(REST_MAX, |world| world.are_watchers_done(&rounds)) {
            self.fail("watches", "a watcher was not told that there is nothing more".to_owned());
        }
    }

    /// The founders come together and make the sibling bucket.
    fn form(&mut self) {
        self.found();
        self.employ(Work::SetBucket(self.sibling_bucket(self.plan.sibling_copies)), HostId(0));
        if self.plan.workload.register_percent > 0 || self.plan.workload.lock_percent > 0 {
            self.employ(Work::SetBucket(registers::bucket(self.plan.n)), HostId(0));
        }
        if self.plan.workload.restores {
            self.employ(Work::SetBucket(keeper::bucket(&self.plan)), HostId(0));
        }
        for host in (1..self.plan.founders).map(HostId) {
            self.employ(Work::Join(host), HostId(0));
        }
        let formed =
            self.run_while(FORMING_MAX, |world| world.tasks.iter().all(|task| task.is_over) && world.is_at_peace());
        if !formed {
            let unrest = self.unrest().join("; ");
            self.fail("forming", format!("the cluster did not form: {unrest}"));
        }
    }

    fn storm(&mut self) {
        for number in 0..self.plan.faults.len() {
            let at = self.plan.faults[number].at;
            self.after(at, Event::Fault { number });
            if let Fault::OldImage { age, .. } = self.plan.faults[number].fault {
                self.after(Span(at.0.saturating_sub(age.0)), Event::TakeImage { number });
            }
        }
        self.trace.line(self.now, "----", || "the cluster stands".to_owned());
        self.wake_clients();
        for watcher in 0..self.watchers.len() {
            self.after(Span::millis(5), Event::WatcherTurn { watcher });
        }
        self.run_until(self.now.after(self.plan.storm));
        self.is_quiet_time = true;
    }

    fn come_to_rest(&mut self, property: &'static str) {
        let rests = |world: &World| {
            world.pending() == 0
                && world.is_at_peace()
                && world.stores_unrest().is_empty()
                && world.uncollected().is_empty()
        };
        if self.run_while(REST_MAX, rests) {
            self.images.are_equal_again();
            return;
        }
        let mut missing = self.unrest();
        if missing.is_empty() {
            missing = self.stores_unrest();
        }
        if missing.is_empty() {
            missing = self.uncollected();
        }
        missing.truncate(8);
        self.fail(property, missing.join("; "));
    }

    /// Copies that differ, lack or are in the wrong place.
    fn stores_unrest(&self) -> Vec<String> {
        let found = match self.look() {
            Ok(found) => found,
            Err(what) => return vec![what],
        };
        let running: Vec<HostId> = self.hosts.iter().filter(|host| host.is_up()).map(|host| host.id).collect();
        let Some(view) = self.residents().first().map(|resident| resident.history.current().clone()) else {
            return vec!["no node runs".to_owned()];
        };
        let mut wrong = placement::misplaced(&found, &view, &running);
        wrong.extend(differences(&found));
        wrong
    }

    /// What should have been collected: records of which something is spent by every clock.
    fn uncollected(&self) -> Vec<String> {
        let Ok(found) = self.look() else { return Vec::new() };
        let every = self.plan.config.collect_every;
        if every == Span::ZERO || every > COLLECTED_EVERY_MAX {
            return Vec::new();
        }
        let walls = || self.hosts.iter().map(|host| host.clock.now(self.now).wall);
        let slowest = walls().min().unwrap_or_default();
        // Clocks that are far apart keep everybody from collecting.
        let is_apart = walls().any(|wall| wall > slowest.plus(STAMP_AHEAD_MAX));
        let mut nodes = self.hosts.iter().filter_map(|host| host.node.as_ref());
        if is_apart || nodes.any(|node| !node.machine().follows_stamps()) {
            return Vec::new();
        }
        let idle_max = self.plan.config.idle_actors_max as usize;
        // What was deleted since a restore began keeps its tombstone for longer than a run takes.
        let residents = self.residents();
        let events = residents.iter().flat_map(|resident| resident.history.events());
        let restores = events.filter_map(|event| match &event.change {
            Change::Restored(restored) => Some(restored.stamp),
            _ => None,
        });
        let kept_above = restores.min();
        let is_due = |record: &Record| {
            let spent = record.spent(slowest, idle_max);
            spent.is_some_and(|(_, stamp)| kept_above.is_none_or(|above| stamp <= above))
        };
        let of = |(key, copies): (&Vec<u8>, &BTreeMap<HostId, bytes::Bytes>)| {
            let mut records = copies.values().filter_map(|copy| codec::decode_stored(key, copy).ok());
            let (.., record) = records.find(|(.., record)| is_due(record))?;
            Some(format!("{} is not collected: {}", item(key), crate::describe::record(&record)))
        };
        found.iter().filter_map(of).collect()
    }

    /// True if everybody runs, all operators are done, and no node has anything under way.
    fn is_at_peace(&self) -> bool {
        self.tasks.iter().all(|task| task.is_over)
            && self.hosts.iter().all(|host| host.stage != Stage::Down)
            && self.hosts.iter().filter_map(|host| host.node.as_ref()).all(|node| node.machine().is_quiet())
            && unrest(&self.residents()).is_empty()
    }

    fn unrest(&self) -> Vec<String> {
        let mut missing = self.missing();
        missing.extend(unrest(&self.residents()));
        missing
    }

    fn residents(&self) -> Vec<Resident<'_>> {
        self.hosts.iter().filter_map(resident).collect()
    }

    fn look(&self) -> Result<Stores, String> {
        stores(&self.residents())
    }

    /// The history, with what the atlas does not owe as if nobody knew its outcome.
    fn owed_history(&self) -> Vec<Operation> {
        let owed = |operation: &Operation| {
            let mut operation = operation.clone();
            if operation.is_durable_write() && !self.atlas.recoverable(&operation) {
                operation.outcome = Outcome::Lost;
            }
            operation
        };
        self.history.iter().map(owed).collect()
    }

    /// The verdict on what the cluster holds at the end.
    fn judge(&mut self) {
        for host in self.images.unnoticed() {
            self.fail("old images", format!("{host} lost what others had heard of, and nobody noticed"));
        }
        self.judge_registers();
        if !self.failures.is_empty() {
            return;
        }
        self.judge_watches();
        let found = match self.look() {
            Ok(found) => found,
            Err(what) => return self.fail("storage", what),
        };
        let finally = finally(&found);
        self.judge_vault(&finally);
        let history = self.owed_history();
        let evidence = Evidence { history: &history, dots: &self.dots, finally: &finally };
        let bucket = |name: &str| self.buckets.get(name).copied();
        let set = |key: &ItemKey| finally.get(&(self.buckets.get(SIBLINGS)?.0, key.clone()));
        let restored = self.keeper.bucket().map(|bucket| restored::Evidence {
            history: &self.history,
            dots: &self.dots,
            atlas: &self.atlas,
            finally: &finally,
            bucket,
            restoring: self.keeper.restoring.as_ref(),
        });
        let counters =
            Counters::new(&self.history, &self.dots, self.plan.clocks_apart(), |write| self.atlas.recoverable(write));
        let counters = counters.wrong(self.now, |key| finally.get(&(BucketId::DEFAULT, key.clone())));
        let wrong = [
            ("restore", restored.map(|evidence| evidence.wrong()).unwrap_or_default()),
            ("durability", evidence.lost(bucket)),
            ("no resurrection", evidence.risen(bucket)),
            ("counters", counters),
            ("sets", self.sets.lost(set, |write| self.atlas.recoverable(write))),
        ];
        for (property, sentences) in wrong {
            sentences.into_iter().for_each(|what| self.fail(property, what));
        }
    }
}

/// What the cluster holds of each item; all copies are the same by now.
fn finally(stores: &Stores) -> Finally {
    let mut finally = Finally::new();
    for (key, copies) in stores {
        for value in copies.values() {
            if let Ok((bucket, item, record)) = codec::decode_stored(key, value) {
                let merged = Record::merged(finally.remove(&(bucket, item.clone())), Some(&record));
                if let Some(merged) = merged {
                    finally.insert((bucket, item), merged);
                }
            }
        }
    }
    finally
}

fn resident(host: &Host) -> Option<Resident<'_>> {
    let node = host.node.as_ref()?;
    let machine = node.machine();
    Some(Resident {
        host: host.id,
        history: machine.history(),
        under_way: machine.under_way(),
        status: machine.status(),
        reader: node.engine(),
    })
}
