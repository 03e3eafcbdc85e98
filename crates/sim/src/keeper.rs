//! Somebody who has a bucket to himself: fills it, takes a backup of it, changes it, and restores the backup into it while
//! everything goes wrong, as `alianza restore` does, changing it all the while. One request at a time, so that at the end
//! it is known what each item must be (`checker::restored`).
//!
//! Refuses to know what a restored item becomes; `proto::restoring` does.

use crate::fault::HostId;
use crate::history::{Asker, Outcome, Seen};
use crate::host::Stage as HostStage;
use crate::plan::Plan;
use crate::world::{Event, World};
use node::proto::restoring::{Restoring, There, Verdict};
use node::proto::{
    Admin, Bucket, BucketId, Change, Digest, Durability, Found, Get, ItemKey, Level, Mode, Put, Record, Request,
    Response, Restore, Rule, Scan, Scope, Slot, Value,
};
use ring::{Grid, PartitionId};
use std::collections::VecDeque;
use stdx::{Prng, Span, Wall};

/// The bucket.
pub(crate) const VAULT: &str = "vault";
const KEYS: u64 = 8;
/// Changes before the backup, and between the backup and its restore.
const CHANGES: u32 = 20;

/// The bucket with so many copies.
pub(crate) fn bucket(n: u8) -> Bucket {
    Bucket {
        id: BucketId(0),
        name: VAULT.to_owned(),
        n,
        r: Level::Quorum,
        w: Level::Quorum,
        mode: Mode::Eventual,
        rule: Rule::LastWriterWins,
        ttl: None,
    }
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
    overwrite: bool,
    stage: Stage,
    is_asking: bool,
    /// The backup.
    taken: Vec<(ItemKey, Record)>,
    /// The restore, once it is in the history.
    pub(crate) restoring: Option<Restoring>,
    /// Items that are still to be restored; some come twice.
    todo: VecDeque<(ItemKey, Record)>,
    /// To be written to the first of them.
    record: Option<Record>,
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
            overwrite,
            stage,
            is_asking: false,
            taken: Vec::new(),
            restoring: None,
            todo: VecDeque::new(),
            record: None,
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
        if matches!(self.stage, Stage::Restoring) && self.record.is_none() && self.prng.below(100) < 30 {
            return Some(self.change(number));
        }
        match &self.stage {
            Stage::Changing(_) => Some(self.change(number)),
            Stage::Dumping { partition, after } => {
                let scope = Scope::Partition { partition: PartitionId(*partition), after: after.clone() };
                Some(Request::Dump(Scan { bucket: VAULT.to_owned(), scope, limit: 3, level: Some(Level::Quorum) }))
            }
            Stage::Beginning => {
                let (backup, name) = (Digest([7; 32]), "of the vault".to_owned());
                let buckets = vec![VAULT.to_owned()];
                Some(Request::Admin(Admin::Restored { backup, name, buckets, overwrite: self.overwrite }))
            }
            Stage::Restoring => {
                let (key, _) = self.todo.front()?;
                let (bucket, key, level) = (VAULT.to_owned(), key.clone(), Some(Level::Quorum));
                Some(match self.record.clone() {
                    Some(record) => Request::Restore(Restore { bucket, key, record, level }),
                    None => Request::Get(Get { bucket, key, level }),
                })
            }
            Stage::Over => None,
        }
    }

    fn change(&mut self, number: usize) -> Request {
        let delete = self.prng.below(4) == 0;
        Request::Put(Put {
            bucket: VAULT.to_owned(),
            key: ItemKey::plain(format!("vault-{}", self.prng.below(KEYS))),
            value: (!delete).then(|| Value::plain(format!("v{number}k").into_bytes())),
            context: None,
            level: Some(Level::Quorum),
            durability: Durability::Fsync,
            ttl: None,
        })
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
            (Request::Restore(_), Response::Written(_)) => self.done(),
            _ => {}
        }
    }

    /// What a quorum knows of the first item is known: what to write, if anything.
    fn decide(&mut self, found: &Found, wall: Wall) {
        let (Some((key, record)), Some(restoring), Some(bucket)) = (self.todo.front(), &self.restoring, self.id) else {
            return;
        };
        let storage_key = codec::slot_key(&Slot::new(self.grid, bucket, key.clone()));
        let versions = restoring.versions(&storage_key, record, wall);
        let live = !found.siblings.is_empty();
        let there = There { context: found.context.clone(), newest: found.newest, live };
        match restoring.verdict(Rule::LastWriterWins, versions, &there) {
            Verdict::Write(record) => self.record = Some(record),
            Verdict::Done | Verdict::Kept => self.done(),
        }
    }

    fn done(&mut self) {
        self.record = None;
        self.todo.pop_front();
        if self.todo.is_empty() {
            stdx::marks::hit("answer.a_whole_restore");
            self.stage = Stage::Over;
        }
    }
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
        if let (Request::Put(_), Stage::Changing(left)) = (request, &mut this.stage) {
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
