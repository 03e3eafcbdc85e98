//! Somebody who has a bucket to himself: fills it, takes a backup of it, changes it, and restores the backup into it while
//! everything goes wrong, as `alianza restore` does, changing it all the while. One request at a time, so that at the end
//! it is known what each item must be (`checker::restored`). In some runs the bucket is linearizable: then items are changed and restored
//! by `Cas`, and an item may change between the look at it and its restore.
//!
//! Refuses to know what a restored item becomes; `proto::restoring` does.

use crate::fault::HostId;
use crate::history::{Asker, Outcome, Seen};
use crate::host::Stage as HostStage;
use crate::plan::Plan;
use crate::world::{Event, World};
use causal::Dot;
use node::proto::restoring::{Restoring, There, Verdict};
use node::proto::{
    Admin, Bucket, BucketId, Cas, Change, Current, Digest, Durability, Edit, Ends, Expect, Found, Get, ItemKey, Level,
    Mode, Put, Record, Request, Response, Restore, Rule, Scan, Scope, Slot, Tried, Value, Version,
};
use ring::{Grid, PartitionId};
use std::collections::VecDeque;
use stdx::{Prng, Span, Wall};

/// The bucket.
pub(crate) const VAULT: &str = "vault";
const KEYS: u64 = 8;
/// Changes before the backup, and between the backup and its restore.
const CHANGES: u32 = 20;

/// The bucket of a plan.
pub(crate) fn bucket(plan: &Plan) -> Bucket {
    Bucket {
        id: BucketId(0),
        name: VAULT.to_owned(),
        n: plan.n,
        r: Level::Quorum,
        w: Level::Quorum,
        mode: mode(plan),
        rule: Rule::LastWriterWins,
        ttl: None,
    }
}

fn mode(plan: &Plan) -> Mode {
    if plan.workload.restores_registers { Mode::Linearizable } else { Mode::Eventual }
}

/// What comes next.
enum Stage {
    /// So many changes, then the backup, or the restore if there is one.
    Changing(u32),
    Dumping {
        partition: u16,
        after: Option<ItemKey>,
    },
    Beginning,
    Restoring,
    Over,
}

/// Whoever does it.
pub(crate) struct Keeper {
    prng: Prng,
    grid: Grid,
    mode: Mode,
    overwrite: bool,
    stage: Stage,
    is_asking: bool,
    /// The backup.
    taken: Vec<(ItemKey, Record)>,
    /// The restore, once it is in the history.
    pub(crate) restoring: Option<Restoring>,
    /// Items that are still to be restored; some come twice.
    todo: VecDeque<(ItemKey, Record)>,
    /// What restores the first of them.
    write: Option<Request>,
    id: Option<BucketId>,
}

impl Keeper {
    pub(crate) fn new(plan: &Plan) -> Keeper {
        let mut prng = Prng::keyed(plan.seed, "keeper", &[]);
        let overwrite = prng.below(2) == 0;
        let stage = if plan.workload.restores { Stage::Changing(CHANGES) } else { Stage::Over };
        Keeper {
            prng,
            grid: Grid::new(plan.grid_bits).unwrap_or_default(),
            mode: mode(plan),
            overwrite,
            stage,
            is_asking: false,
            taken: Vec::new(),
            restoring: None,
            todo: VecDeque::new(),
            write: None,
            id: None,
        }
    }

    /// The bucket is there.
    pub(crate) fn found_bucket(&mut self, id: BucketId) {
        self.id = Some(id);
    }

    /// The bucket, once it is there.
    pub(crate) fn bucket(&self) -> Option<BucketId> {
        self.id
    }

    fn next(&mut self, number: usize) -> Option<Request> {
        if matches!(self.stage, Stage::Restoring) && self.write.is_none() && self.prng.below(100) < 30 {
            let key = self.any_key();
            return Some(self.change(key, number));
        }
        match &self.stage {
            Stage::Changing(_) => {
                let key = self.any_key();
                Some(self.change(key, number))
            }
            Stage::Dumping { partition, after } => {
                let scope = Scope::Partition { partition: PartitionId(*partition), after: after.clone() };
                Some(Request::Dump(Scan { bucket: VAULT.to_owned(), scope, limit: 3, level: self.level() }))
            }
            Stage::Beginning => {
                let (backup, name) = (Digest([7; 32]), "of the vault".to_owned());
                let buckets = vec![VAULT.to_owned()];
                Some(Request::Admin(Admin::Restored { backup, name, buckets, overwrite: self.overwrite }))
            }
            Stage::Restoring => {
                let key = self.todo.front()?.0.clone();
                match self.write.clone() {
                    // The restore looks once more at what is there.
                    Some(Request::Cas(_)) if self.prng.below(100) < 30 => Some(self.change(key, number)),
                    Some(write) => Some(write),
                    None => Some(Request::Get(Get { bucket: VAULT.to_owned(), key, level: self.level() })),
                }
            }
            Stage::Over => None,
        }
    }

    /// Linearizable buckets know no levels.
    fn level(&self) -> Option<Level> {
        (self.mode == Mode::Eventual).then_some(Level::Quorum)
    }

    fn any_key(&mut self) -> ItemKey {
        ItemKey::plain(format!("vault-{}", self.prng.below(KEYS)))
    }

    fn change(&mut self, key: ItemKey, number: usize) -> Request {
        let delete = self.prng.below(4) == 0;
        let value = (!delete).then(|| Value::plain(format!("v{number}k").into_bytes()));
        if self.mode == Mode::Linearizable {
            return cas(key, value.map_or(Edit::Delete, Edit::Put));
        }
        let (level, durability) = (self.level(), Durability::Fsync);
        Request::Put(Put { bucket: VAULT.to_owned(), key, value, context: None, level, durability, ttl: None })
    }

    fn learn(&mut self, request: &Request, response: &Response, wall: Wall) {
        match (request, response) {
            (Request::Dump(_), Response::Records(records)) => {
                self.taken.extend(records.items.iter().cloned());
                let Stage::Dumping { partition, .. } = self.stage else { return };
                self.stage = match &records.next {
                    Some(next) => Stage::Dumping { partition, after: Some(next.clone()) },
                    None if u32::from(partition) + 1 < self.grid.count() => {
                        Stage::Dumping { partition: partition + 1, after: None }
                    }
                    None => Stage::Changing(CHANGES),
                };
            }
            (Request::Admin(_), Response::Changed { history, .. }) => {
                let begun = history.iter().rev().find_map(|event| match &event.change {
                    Change::Restored(restored) => Some(Restoring { epoch: event.epoch, event: restored.clone() }),
                    _ => None,
                });
                self.restoring = begun;
                self.todo = self.taken.iter().chain(&self.taken).cloned().collect();
                self.prng.shuffle(self.todo.make_contiguous());
                self.stage = Stage::Restoring;
            }
            (Request::Get(_), Response::Found(found)) => self.decide(found, wall),
            (Request::Get(_), Response::Current(current)) => self.decide_register(current, wall),
            (Request::Restore(_), Response::Written(_)) => self.done(),
            (Request::Cas(Cas { edit: Edit::Restore { version, .. }, .. }), Response::Swapped(current)) => {
                if current.stamp.is_some_and(|stamp| stamp > version.stamp) {
                    stdx::marks::hit("sim.register_changed_before_its_restore");
                }
                self.done();
            }
            _ => {}
        }
    }

    /// What a quorum knows of the first item is known: what to write, if anything.
    fn decide(&mut self, found: &Found, wall: Wall) {
        let Some((key, restoring, versions)) = self.versions(wall) else { return };
        let live = !found.siblings.is_empty();
        let there = There { context: found.context.clone(), newest: found.newest, live };
        match restoring.verdict(Rule::LastWriterWins, versions, &there) {
            Verdict::Write(record) => {
                let (bucket, level) = (VAULT.to_owned(), self.level());
                self.write = Some(Request::Restore(Restore { bucket, key, record, level }));
            }
            Verdict::Done | Verdict::Kept => self.done(),
        }
    }

    /// The same of an item of a linearizable bucket. The change looks for itself, so that this look only spares changes; some are not
    /// spared.
    fn decide_register(&mut self, current: &Current, wall: Wall) {
        let is_spared = self.prng.below(3) > 0;
        let Some((key, restoring, versions)) = self.versions(wall) else { return };
        let (stamp, overwrite) = (restoring.event.stamp, restoring.event.overwrite);
        let has_come_since = current.stamp.is_some_and(|newest| newest >= stamp);
        let stays = has_come_since || current.value.is_some() && !overwrite;
        match versions.into_iter().next() {
            Some((_, version)) if !stays || !is_spared => {
                self.write = Some(cas(key, Edit::Restore { version, overwrite }));
            }
            _ => self.done(),
        }
    }

    /// The first item, its restore, and what of it is worth restoring.
    fn versions(&self, wall: Wall) -> Option<(ItemKey, &Restoring, Vec<(Dot, Version)>)> {
        let ((key, record), restoring) = (self.todo.front()?, self.restoring.as_ref()?);
        let storage_key = codec::slot_key(&Slot::new(self.grid, self.id?, key.clone()));
        Some((key.clone(), restoring, restoring.versions(&storage_key, record, wall)))
    }

    fn done(&mut self) {
        self.write = None;
        self.todo.pop_front();
        if self.todo.is_empty() {
            let is_register = self.mode == Mode::Linearizable;
            stdx::marks::hit(if is_register {
                "answer.a_whole_restore_of_registers"
            } else {
                "answer.a_whole_restore"
            });
            self.stage = Stage::Over;
        }
    }
}

fn cas(key: ItemKey, edit: Edit) -> Request {
    let (bucket, expect, ends) = (VAULT.to_owned(), Expect::Any, Ends::Never);
    Request::Cas(Cas { bucket, key, expect, edit, ends, id: None, tried: Tried::No })
}

impl World {
    /// The next request.
    pub(crate) fn keeper_turn(&mut self) {
        let (number, is_quiet) = (self.history.len(), self.is_quiet_time);
        let this = &mut self.keeper;
        if is_quiet || this.is_asking || this.id.is_none() {
            return;
        }
        let running: Vec<HostId> = self.hosts.iter().filter(|host| host.is_up()).map(|host| host.id).collect();
        let Some(host) = this.prng.pick(&running).copied() else { return self.after(Span::secs(1), Event::KeeperTurn) };
        let Some(request) = this.next(number) else { return };
        this.is_asking = true;
        self.ask(Asker::Keeper, host, request, Seen::default(), Some(Span::secs(3)));
    }

    /// True if every node that may serve knows of the restore, and follows its stamp.
    pub(crate) fn knows_of_restore(&self) -> bool {
        let Some(restoring) = &self.keeper.restoring else { return false };
        let knows = |host: &crate::host::Host| match (host.stage, &host.node) {
            (HostStage::Outside | HostStage::Gone, _) => true,
            (_, Some(node)) => node.machine().history().epoch() >= restoring.epoch,
            (_, None) => false,
        };
        self.plan.clocks_apart() < self.plan.config.clock_ahead_max && self.hosts.iter().all(knows)
    }

    /// An answer has come, or will not. What was not done is asked again, but for changes.
    pub(crate) fn keeper_hears(&mut self, request: &Request, outcome: &Outcome) {
        let wall = self.hosts[0].now(self.now).wall;
        let this = &mut self.keeper;
        this.is_asking = false;
        if let Outcome::Answered(response) = outcome {
            this.learn(request, response, wall);
        }
        if let (Request::Put(_) | Request::Cas(_), Stage::Changing(left)) = (request, &mut this.stage) {
            *left -= 1;
            if *left == 0 {
                let is_taken = !this.taken.is_empty();
                this.stage = if is_taken { Stage::Beginning } else { Stage::Dumping { partition: 0, after: None } };
            }
        }
        let pause = Span::millis(this.prng.below(60));
        self.after(pause, Event::KeeperTurn);
    }
}
