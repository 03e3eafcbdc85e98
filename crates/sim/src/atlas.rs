//! Which destruction the promises survive: a map of what may be damaged where, made before the run.
//!
//! A fault is *destructive* if it takes from a disk what an fsync had covered ([`Fault::is_destructive`]). An acknowledged
//! write is on a quorum of its n replicas, so it survives as long as fewer than a quorum of them are destroyed before what
//! was destroyed is repaired. How long repair takes is not the simulator's to know; therefore, in a drawn plan, at most
//! n − quorum hosts are ever hit, the same ones again and again. A plan written by hand may hit more.
//!
//! At the end [`Atlas::recoverable`] decides whether a loss was permitted: a write is owed unless as many hosts as had
//! acknowledged it were hit after it began. So levels below quorum lose what the documents say they may lose, and nothing
//! else has to be forgiven.
//!
//! A host that was put out as dead takes with it what it alone was given: writes below a quorum. Everything else is owed
//! however many hosts are put out, because what may lose more is refused.
//!
//! Refuses to know what a host held: hitting one value counts as hitting the host.

use crate::fault::{Fault, HostId};
use crate::history::Operation;
use crate::operator::SIBLINGS;
use crate::plan::Plan;
use crate::time::Time;
use node::proto::Level;
use std::collections::{BTreeMap, BTreeSet};

/// The bucket that every cluster has.
pub(crate) const DEFAULT: &str = "default";

/// How many hosts a plan may destroy: n − quorum of the bucket with the fewest copies it ever has.
pub(crate) fn victims_max(plan: &Plan) -> usize {
    let fewest = fewest_copies(plan);
    fewest - quorum(fewest)
}

/// The fewest copies that any bucket ever has, as long as no fewer members are left.
pub(crate) fn fewest_copies(plan: &Plan) -> usize {
    let copies = plan.faults.iter().filter_map(|timed| match timed.fault {
        Fault::SetCopies { n, .. } => Some(n),
        _ => None,
    });
    let fewest = copies.chain([plan.n, plan.sibling_copies]).min().unwrap_or(1);
    // Fewer hosts than copies keep fewer copies.
    usize::from(fewest).min(plan.founders)
}

fn quorum(n: usize) -> usize {
    n / 2 + 1
}

/// What was destroyed in a run.
#[derive(Default)]
pub(crate) struct Atlas {
    /// By host: the last time.
    hits: BTreeMap<HostId, Time>,
    /// Put out as dead.
    banned: BTreeSet<HostId>,
    /// Went back to an old image of their disk.
    gone_back: BTreeSet<HostId>,
    /// Somebody is to be put out, sooner or later.
    puts_out: bool,
    /// By bucket: how many copies it had.
    copies: BTreeMap<&'static str, Copies>,
}

/// The fewest and the most copies that a bucket ever had.
#[derive(Clone, Copy)]
struct Copies {
    fewest: usize,
    most: usize,
}

impl Copies {
    fn new(n: u8, founders: usize) -> Copies {
        Copies { fewest: usize::from(n).min(founders).max(1), most: usize::from(n).max(1) }
    }
}

impl Atlas {
    pub(crate) fn new(plan: &Plan) -> Atlas {
        let copies = [(DEFAULT, plan.n), (SIBLINGS, plan.sibling_copies)];
        let copies = copies.map(|(bucket, n)| (bucket, Copies::new(n, plan.founders)));
        let puts_out =
            |fault: &Fault| matches!(fault, Fault::Remove { .. } | Fault::Replace { .. } | Fault::DieLeaving { .. });
        let puts_out = plan.faults.iter().any(|timed| puts_out(&timed.fault));
        let (banned, gone_back) = (BTreeSet::new(), BTreeSet::new());
        Atlas { hits: BTreeMap::new(), banned, gone_back, puts_out, copies: copies.into() }
    }

    /// A bucket has so many copies from now on.
    pub(crate) fn copies(&mut self, bucket: &'static str, n: u8) {
        let n = usize::from(n);
        let copies = self.copies.entry(bucket).or_insert(Copies { fewest: n, most: n });
        *copies = Copies { fewest: copies.fewest.min(n), most: copies.most.max(n) };
    }

    /// So many members are left: fewer hosts than copies keep fewer copies.
    pub(crate) fn members(&mut self, count: usize) {
        for copies in self.copies.values_mut() {
            copies.fewest = copies.fewest.min(count).max(1);
        }
    }

    /// Something on a host was destroyed.
    pub(crate) fn hit(&mut self, at: Time, host: HostId) {
        self.hits.insert(host, at);
    }

    /// A host was put out as dead.
    pub(crate) fn ban(&mut self, host: HostId) {
        self.banned.insert(host);
    }

    /// A host went back to an old image of its disk.
    pub(crate) fn go_back(&mut self, at: Time, host: HostId) {
        self.hit(at, host);
        self.gone_back.insert(host);
    }

    /// True if a host went back to an old image of its disk.
    pub(crate) fn has_gone_back(&self, host: HostId) -> bool {
        self.gone_back.contains(&host)
    }

    /// True if what one replica alone was given may go with it in this run.
    pub(crate) fn puts_out(&self) -> bool {
        self.puts_out
    }

    /// True if a host was put out as dead, or has to be for its disk is an old one, whether it has heard of it or not.
    pub(crate) fn is_out(&self, host: HostId) -> bool {
        self.banned.contains(&host) || self.gone_back.contains(&host)
    }

    /// True if a durable acknowledged write is still owed.
    pub(crate) fn recoverable(&self, operation: &Operation) -> bool {
        let mut hit: BTreeSet<&HostId> =
            self.hits.iter().filter(|(_, at)| **at >= operation.started).map(|(host, _)| host).collect();
        let Some((bucket, level)) = operation.written_at() else { return true };
        let level = level.unwrap_or(Level::Quorum);
        let Copies { fewest, most } = self.copies.get(bucket).copied().unwrap_or(Copies { fewest: 1, most: 1 });
        let needed = level.needed(fewest).unwrap_or(1);
        // One copy is a quorum while a bucket has one, and was not while it had three.
        let below_quorum = level != Level::Quorum && level.needed(most).is_none_or(|needed| needed < quorum(most));
        if below_quorum || !hit.is_empty() {
            hit.extend(&self.banned);
        }
        hit.len() < needed
    }
}

#[cfg(test)]
mod tests {
    use super::{Atlas, DEFAULT, victims_max};
    use crate::checker::testing::operation;
    use crate::fault::{Fault, HostId};
    use crate::history::{Operation, Seen};
    use crate::operator::SIBLINGS;
    use crate::plan::Plan;
    use crate::time::Time;
    use causal::Context;
    use node::proto::{Durability, ItemKey, Level, Put, Request, Response, Value, Written};
    use stdx::Span;

    fn write(bucket: &str, level: Option<Level>) -> Operation {
        let put = Put {
            bucket: bucket.to_owned(),
            key: ItemKey::plain("k"),
            value: Some(Value::plain("v")),
            context: None,
            level,
            durability: Durability::Fsync,
            ttl: None,
        };
        let written = Response::Written(Written { context: Context::default(), acknowledged: 1 });
        operation(Request::Put(put), Seen::default(), 5, 6, written)
    }

    /// Sim seed 10565640442358842849: the copies of one bucket decided what was a quorum of another.
    #[test]
    fn who_is_put_out_takes_writes_below_a_quorum_of_their_own_bucket() {
        let mut plan = Plan::calm(1, 4, Span::secs(9));
        (plan.n, plan.sibling_copies) = (4, 1);
        let mut atlas = Atlas::new(&plan);
        let owed = |atlas: &Atlas, bucket, level| atlas.recoverable(&write(bucket, level));
        assert!(owed(&atlas, DEFAULT, Some(Level::One)));
        atlas.ban(HostId(0));
        assert!(!owed(&atlas, DEFAULT, Some(Level::One)) && owed(&atlas, DEFAULT, Some(Level::Count(2))));
        atlas.ban(HostId(1));
        assert!(!owed(&atlas, DEFAULT, Some(Level::Count(2))), "both that had it may be out");
        assert!(owed(&atlas, DEFAULT, None) && owed(&atlas, DEFAULT, Some(Level::All)));
        assert!(owed(&atlas, SIBLINGS, Some(Level::One)), "one of one is a quorum");
        atlas.copies(SIBLINGS, 3);
        assert!(!owed(&atlas, SIBLINGS, Some(Level::One)) && owed(&atlas, SIBLINGS, None));
        atlas.hit(Time(7), HostId(1));
        assert!(!owed(&atlas, SIBLINGS, None), "its quorum may have been one");
    }

    /// Sim seed 8557678314680522228: bits rotted on the only member that was left.
    #[test]
    fn a_small_cluster_keeps_fewer_copies() {
        let mut atlas = Atlas::new(&Plan::calm(1, 3, Span::secs(9)));
        atlas.hit(Time(7), HostId(1));
        assert!(atlas.recoverable(&write(DEFAULT, None)));
        atlas.members(1);
        assert!(!atlas.recoverable(&write(DEFAULT, None)));
    }

    #[test]
    fn one_of_three_may_be_destroyed_and_none_of_two() {
        let plan = |n: u8, founders: usize| {
            let mut plan = Plan::calm(1, founders, Span::secs(9));
            (plan.n, plan.sibling_copies) = (n, n);
            plan
        };
        assert_eq!([1, 2, 3, 4, 5].map(|n| victims_max(&plan(n, 5))), [0, 0, 1, 1, 2]);
        assert_eq!(victims_max(&plan(5, 3)), 1);
        let fewer = plan(5, 5).with(Span::secs(1), Fault::SetCopies { n: 2, through: HostId(0) });
        assert_eq!(victims_max(&fewer), 0);
    }
}
