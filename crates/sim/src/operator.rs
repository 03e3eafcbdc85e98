//! Operators: they let nodes in and out and change buckets, ask again when there is no good answer, and are often two
//! at once on two nodes.
//!
//! Invariant: a newcomer keeps its id through all tries, so a try whose answer was lost is not a second node.

use crate::describe::host_of;
use crate::fault::HostId;
use crate::history::{Asker, Outcome, Seen};
use crate::keeper::VAULT;
use crate::world::{Event, World};
use liveness::Condition;
use node::proto::{Admin, Bucket, BucketId, Digest, Level, Mode, Refusal, Request, Response, Rule, Status};
use ring::NodeId;
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
    /// With force, what may be lost is looked at first and accepted.
    Eject {
        host: HostId,
        force: bool,
    },
    /// Looks at the status until it names the host as dead, and puts it out then.
    GiveUp {
        host: HostId,
        force: bool,
    },
    Replace {
        old: HostId,
        host: HostId,
    },
    Reweigh(HostId, u32),
    Abort,
}

impl Work {
    /// The host that is to come in.
    fn newcomer(&self) -> Option<HostId> {
        match self {
            Work::Join(host) | Work::Replace { host, .. } => Some(*host),
            _ => None,
        }
    }

    /// After so many tries without success it is given up; never if something would be missing for ever.
    fn tries_max(&self) -> Option<u32> {
        match self {
            Work::Join(_) | Work::Eject { force: true, .. } | Work::GiveUp { force: true, .. } => None,
            Work::Leave(_) | Work::SetBucket(_) | Work::Reweigh(..) | Work::Abort => Some(TRIES_MAX),
            // It takes a while until a dead node looks dead.
            Work::Eject { .. } | Work::GiveUp { .. } | Work::Replace { .. } => Some(TRIES_MAX * 3),
        }
    }
}

/// One wish of an operator.
#[derive(Debug)]
pub(crate) struct Task {
    work: Work,
    through: HostId,
    tries: u32,
    /// The plan that was shown, where one is asked for first.
    plan: Option<Digest>,
    pub(crate) is_over: bool,
}

impl World {
    /// Members that operators want to go.
    pub(crate) fn leaving(&self) -> usize {
        let leaves = |task: &&Task| !task.is_over && matches!(task.work, Work::Leave(_) | Work::Eject { .. });
        self.tasks.iter().filter(leaves).count()
    }

    /// Gives an operator something to do.
    pub(crate) fn employ(&mut self, work: Work, through: HostId) {
        let task = self.tasks.len();
        self.tasks.push(Task { work, through, tries: 0, plan: None, is_over: false });
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
        let (tries, work, first, plan) = (this.tries, this.work.clone(), this.through, this.plan);
        let newcomer = work.newcomer();
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
            Work::Eject { host, force } => {
                let change = Admin::Remove { node: self.hosts[host.0].node_id() };
                match plan {
                    Some(plan) => Admin::Apply { change: Box::new(change), plan },
                    None if force => Admin::Plan(Box::new(change)),
                    None => change,
                }
            }
            Work::Replace { old, host } => {
                Admin::Replace { old: self.hosts[old.0].node_id().to_string(), join: self.join_of(host) }
            }
            Work::GiveUp { .. } => Admin::Status,
            Work::Reweigh(host, weight) => Admin::Reweigh { node: self.hosts[host.0].node_id(), weight },
            Work::Abort => Admin::Abort,
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
                        Work::Join(host) | Work::Replace { host, .. } if node.map(host_of) == Some(host) => {
                            let (history, progress) = (history.clone(), progress.clone());
                            self.adopt(host, &history, &progress);
                        }
                        Work::Join(_) | Work::Replace { .. } => {
                            self.fail("join", format!("the answer is about another node: {node:?}"));
                        }
                        Work::SetBucket(bucket) => self.learn_bucket(&bucket.name, history),
                        Work::Leave(_) | Work::Eject { .. } | Work::GiveUp { .. } | Work::Reweigh(..) | Work::Abort => {
                        }
                    }
                }
                (Response::Status(status), Work::GiveUp { host, force }) => {
                    if !is_named(status, self.hosts[host.0].node_id()) {
                        return self.fall_short(task, tries);
                    }
                    self.tasks[task].is_over = true;
                    self.employ(Work::Eject { host, force }, HostId(0));
                }
                (Response::Plan(plan), Work::Eject { .. }) => {
                    self.tasks[task].plan = Some(plan.id);
                    self.after(Span::micros(1), Event::OperatorTurn { task });
                }
                (Response::Refused(Refusal::ChangeRefused(why)), Work::Join(host) | Work::Replace { host, .. })
                    if why.contains("for good") =>
                {
                    // It was taken in, and out again before it heard of it; somebody has to say that it will never come.
                    stdx::marks::hit("ring.a_newcomer_was_too_late");
                    self.tasks[task].is_over = true;
                    self.employ(Work::Eject { host, force: true }, HostId(0));
                }
                (Response::Refused(Refusal::ChangeRefused(why)), Work::Join(_))
                    if why.contains("no further node fits") =>
                {
                    self.tasks[task].is_over = true;
                }
                (Response::Refused(Refusal::ChangeRefused(why)), Work::Eject { force: true, .. })
                    if why.contains("no such member") || why.contains("nothing to do") =>
                {
                    self.tasks[task].is_over = true;
                }
                (Response::Refused(_), _) => self.fall_short(task, tries),
                (other, work) => self.fail("operator", format!("{work:?} was answered by {other:?}")),
            },
            _ => self.fall_short(task, tries),
        }
    }

    /// It was not done: it is tried again, or given up.
    fn fall_short(&mut self, task: usize, tries: u32) {
        let (too_often, must) = (self.tasks[task].work.tries_max().is_some_and(|max| tries >= max), self.must(task));
        let this = &mut self.tasks[task];
        this.plan = None;
        match this.work {
            Work::Replace { old, host } if too_often => {
                this.work = Work::Join(host);
                // One that runs on an old disk never comes back, so somebody has to put it out.
                let is_old = self.images.was_noticed(old);
                if is_old {
                    self.employ(Work::Eject { host: old, force: true }, HostId(0));
                }
            }
            _ if too_often && !must => {
                this.is_over = true;
                return;
            }
            _ => {}
        }
        self.try_later(task);
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
            Some((id, _)) if name == VAULT => self.keeper.found_bucket(id),
            Some(bucket) => {
                self.buckets.insert(name.to_owned(), bucket);
            }
            None => self.fail("buckets", format!("{name} was made, but the history does not know it")),
        }
    }
}

/// True if a status shows a node as leaving and dead.
fn is_named(status: &Status, node: NodeId) -> bool {
    let is_it = |member: &node::proto::MemberStatus| {
        member.member.id == node && member.leaving && member.condition == Condition::Down
    };
    status.members.iter().any(is_it)
}
