//! Operators: they let nodes in and out and change buckets, ask again when there is no good answer, and are often two
//! at once on two nodes.
//!
//! Invariant: a newcomer keeps its id through all tries, so a try whose answer was lost is not a second node.

use crate::describe::host_of;
use crate::fault::HostId;
use crate::history::{Asker, Outcome, Seen};
use crate::world::{Event, World};
use node::proto::{Admin, Bucket, BucketId, Level, Mode, Refusal, Request, Response, Rule};
use stdx::{Prng, Span};

/// The bucket that keeps siblings.
pub(crate) const SIBLINGS: &str = "siblings";
/// How long a member may take to decide.
const DECISION_TIME: Span = Span::secs(10);
/// Tries of a task that may fail.
const TRIES_MAX: u32 = 4;

/// What an operator wants.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    Join(HostId),
    Leave(HostId),
    SetBucket(Bucket),
}

/// One wish of an operator.
#[derive(Debug)]
pub(crate) struct Task {
    work: Work,
    through: HostId,
    tries: u32,
    pub(crate) is_over: bool,
}

impl World {
    /// Gives an operator something to do.
    pub(crate) fn employ(&mut self, work: Work, through: HostId) {
        let task = self.tasks.len();
        self.tasks.push(Task { work, through, tries: 0, is_over: false });
        self.after(Span::micros(1), Event::OperatorTurn { task });
    }

    /// The sibling bucket with so many copies.
    pub(crate) fn sibling_bucket(&self, n: u8) -> Bucket {
        Bucket {
            id: BucketId(0),
            name: SIBLINGS.to_owned(),
            n,
            r: Level::Quorum,
            w: Level::Quorum,
            mode: Mode::Eventual,
            rule: Rule::Siblings,
            ttl: None,
        }
    }

    /// An operator asks, or asks again.
    pub(crate) fn operator_turn(&mut self, task: usize) {
        let Some(this) = self.tasks.get_mut(task).filter(|task| !task.is_over) else { return };
        this.tries += 1;
        let (tries, work, first) = (this.tries, this.work.clone(), this.through);
        let newcomer = if let Work::Join(host) = work { Some(host) } else { None };
        let running: Vec<HostId> =
            self.hosts.iter().filter(|host| host.is_up() && Some(host.id) != newcomer).map(|host| host.id).collect();
        let mut prng = Prng::keyed(self.plan.seed, "operator", &[task as u64, u64::from(tries)]);
        let picked = prng.pick(&running).copied();
        let through = if tries == 1 && running.contains(&first) { Some(first) } else { picked };
        let Some(through) = through else { return self.try_later(task) };
        let admin = match work {
            Work::Join(host) => Admin::Join(self.join_of(host)),
            Work::Leave(host) => Admin::Leave { node: self.hosts[host.0].node_id() },
            Work::SetBucket(bucket) => Admin::SetBucket(bucket),
        };
        let within =
            if prng.below(4) == 0 { Some(Span::millis(prng.between(300, 3_000))) } else { Some(DECISION_TIME) };
        self.ask(Asker::Operator(task), through, Request::Admin(admin), Seen::default(), within);
    }

    /// An operator has an answer, or knows that there is none.
    pub(crate) fn operator_hears(&mut self, task: usize, outcome: &Outcome) {
        let Some(this) = self.tasks.get(task) else { return };
        let (work, tries) = (this.work.clone(), this.tries);
        match (outcome, work) {
            (Outcome::Answered(response), work) => match (response.as_ref(), work) {
                (Response::Changed { history, node, progress }, work) => {
                    if let Some(Err(what)) = history.iter().map(|event| self.epochs.see(event)).find(Result::is_err) {
                        self.fail("unique epochs", format!("an operator was told: {what}"));
                    }
                    self.tasks[task].is_over = true;
                    match work {
                        Work::Join(host) if node.map(host_of) == Some(host) => {
                            let (history, progress) = (history.clone(), progress.clone());
                            self.adopt(host, &history, &progress);
                        }
                        Work::Join(_) => self.fail("join", format!("the answer is about another node: {node:?}")),
                        Work::Leave(_) => {}
                        Work::SetBucket(bucket) => self.learn_bucket(&bucket.name, history),
                    }
                }
                (Response::Refused(Refusal::ChangeRefused(_)), Work::Leave(_)) if tries >= TRIES_MAX => {
                    self.tasks[task].is_over = true;
                }
                (Response::Refused(_), Work::Leave(_) | Work::SetBucket(_))
                    if tries >= TRIES_MAX && !self.must(task) =>
                {
                    self.tasks[task].is_over = true;
                }
                (Response::Refused(_), _) => self.try_later(task),
                (other, work) => self.fail("operator", format!("{work:?} was answered by {other:?}")),
            },
            (_, Work::Leave(_) | Work::SetBucket(_)) if tries >= TRIES_MAX && !self.must(task) => {
                self.tasks[task].is_over = true;
            }
            _ => self.try_later(task),
        }
    }

    /// The first bucket must be made, or there is no workload.
    fn must(&self, task: usize) -> bool {
        matches!(&self.tasks[task].work, Work::SetBucket(bucket) if !self.buckets.contains_key(&bucket.name))
    }

    fn try_later(&mut self, task: usize) {
        let ids = [task as u64, u64::from(self.tasks[task].tries)];
        let after = Span(Prng::keyed(self.plan.seed, "operator waits", &ids).between(250_000, 2_000_000));
        self.after(after, Event::OperatorTurn { task });
    }

    fn learn_bucket(&mut self, name: &str, history: &[node::proto::Event]) {
        let made = history.iter().rev().find_map(|event| match &event.change {
            node::proto::Change::Bucket(bucket) if bucket.name == name => Some((bucket.id, bucket.rule)),
            _ => None,
        });
        match made {
            Some(bucket) => {
                self.buckets.insert(name.to_owned(), bucket);
            }
            None => self.fail("buckets", format!("{name} was made, but the history does not know it")),
        }
    }
}
