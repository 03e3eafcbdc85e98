//! A backup is taken again and again while everything goes wrong: bucket by bucket, partition by partition, page by page, each
//! page asked of any node until one gives it, as `alianza backup` does.
//!
//! *backup*: each item of a whole dump holds every write that was acknowledged at a quorum before the dump began, or what
//! superseded it, and nothing that such a write had superseded.
//!
//! Refuses to know files; `crates/backup` has them.

use crate::atlas::DEFAULT;
use crate::checker::durability::{Evidence, Finally};
use crate::fault::HostId;
use crate::history::{Asker, Operation, Outcome, Reach, Seen};
use crate::operator::SIBLINGS;
use crate::plan::Plan;
use crate::time::Time;
use crate::world::{Event, World};
use node::proto::{ItemKey, Level, Records, Request, Response, Scan, Scope};
use ring::PartitionId;
use stdx::{Prng, Span};

/// The buckets, in turn.
const BUCKETS: [&str; 2] = [DEFAULT, SIBLINGS];

/// Whoever takes the backups.
pub(crate) struct Dumper {
    prng: Prng,
    partitions: u16,
    /// Dumps of one bucket that are still to be begun.
    left: u64,
    bucket: usize,
    partition: u16,
    after: Option<ItemKey>,
    began: Time,
    taken: Finally,
    is_asking: bool,
}

impl Dumper {
    pub(crate) fn new(plan: &Plan) -> Dumper {
        Dumper {
            prng: Prng::keyed(plan.seed, "dumper", &[]),
            partitions: 1 << plan.grid_bits,
            left: plan.workload.dumps,
            bucket: 0,
            partition: 0,
            after: None,
            began: Time(0),
            taken: Finally::new(),
            is_asking: false,
        }
    }
}

impl World {
    /// The next page, or the first one of the next dump.
    pub(crate) fn dumper_turn(&mut self) {
        let (now, is_quiet) = (self.now, self.is_quiet_time);
        let this = &mut self.dumper;
        if is_quiet || this.left == 0 || this.is_asking {
            return;
        }
        if this.partition == 0 && this.after.is_none() {
            this.began = now;
        }
        let running: Vec<HostId> = self.hosts.iter().filter(|host| host.is_up()).map(|host| host.id).collect();
        let Some(host) = this.prng.pick(&running).copied() else { return self.after(Span::secs(1), Event::DumperTurn) };
        this.is_asking = true;
        let scope = Scope::Partition { partition: PartitionId(this.partition), after: this.after.clone() };
        let limit = this.prng.between(1, 12) as u32;
        let scan = Scan { bucket: BUCKETS[this.bucket].to_owned(), scope, limit, level: Some(Level::Quorum) };
        self.ask(Asker::Dumper, host, Request::Dump(scan), Seen::default(), None);
    }

    /// A page has come, or will not.
    pub(crate) fn dumper_hears(&mut self, outcome: &Outcome) {
        self.dumper.is_asking = false;
        let mut pause = Span::millis(100);
        if let Outcome::Answered(response) = outcome
            && let Response::Records(records) = response.as_ref()
        {
            pause = Span::millis(self.dumper.prng.below(20));
            self.take_page(records);
        }
        self.after(pause, Event::DumperTurn);
    }

    fn take_page(&mut self, records: &Records) {
        let Some((bucket, _)) = self.buckets.get(BUCKETS[self.dumper.bucket]).copied() else { return };
        let this = &mut self.dumper;
        this.taken.extend(records.items.iter().map(|(key, record)| ((bucket, key.clone()), record.clone())));
        this.after.clone_from(&records.next);
        if this.after.is_some() {
            return;
        }
        this.partition += 1;
        if this.partition == this.partitions {
            self.judge_dump();
            let this = &mut self.dumper;
            this.partition = 0;
            this.left -= 1;
            this.bucket = (this.bucket + 1) % BUCKETS.len();
            this.taken.clear();
        }
    }

    /// A bucket is complete.
    fn judge_dump(&mut self) {
        stdx::marks::hit("answer.a_whole_dump");
        let (name, began) = (BUCKETS[self.dumper.bucket], self.dumper.began);
        let owed = |operation: &Operation| {
            let mut operation = operation.clone();
            let reaches = operation.put().is_some_and(|put| Reach::of_write(put.level).contains(&Reach::Quorum));
            if operation.ended > began || !reaches || !self.atlas.recoverable(&operation) {
                operation.outcome = Outcome::Lost;
            }
            operation
        };
        let writes = self.history.iter().filter(|operation| operation.put().is_some_and(|put| put.bucket == name));
        let history: Vec<Operation> = writes.map(owed).collect();
        let evidence = Evidence { history: &history, dots: &self.dots, finally: &self.dumper.taken };
        let bucket = |of: &str| self.buckets.get(of).copied().filter(|_| of == name);
        let wrong: Vec<String> = evidence.lost(bucket).into_iter().chain(evidence.risen(bucket)).collect();
        for what in wrong {
            self.fail("backup", format!("a dump of {name} begun at {began}: {what}"));
        }
    }
}
