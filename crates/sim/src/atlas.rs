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
use crate::plan::Plan;
use crate::time::Time;
use node::proto::Level;
use std::collections::{BTreeMap, BTreeSet};

/// How many hosts a plan may destroy: n − quorum of the bucket with the fewest copies it ever has.
pub(crate) fn victims_max(plan: &Plan) -> usize {
    let copies = plan.faults.iter().filter_map(|timed| match timed.fault {
        Fault::SetCopies { n, .. } => Some(n),
        _ => None,
    });
    let fewest = copies.chain([plan.n, plan.sibling_copies]).min().unwrap_or(1);
    // Fewer hosts than copies keep fewer copies.
    let fewest = usize::from(fewest).min(plan.founders);
    fewest - quorum(fewest)
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
    /// The fewest copies that any bucket had.
    copies: usize,
}

impl Atlas {
    pub(crate) fn new(plan: &Plan) -> Atlas {
        Atlas { hits: BTreeMap::new(), banned: BTreeSet::new(), copies: usize::from(plan.n.min(plan.sibling_copies)) }
    }

    /// A bucket has so many copies from now on.
    pub(crate) fn copies(&mut self, n: u8) {
        self.copies = self.copies.min(usize::from(n));
    }

    /// Something on a host was destroyed.
    pub(crate) fn hit(&mut self, at: Time, host: HostId) {
        self.hits.insert(host, at);
    }

    /// A host was put out as dead.
    pub(crate) fn ban(&mut self, host: HostId) {
        self.banned.insert(host);
    }

    /// True if a durable acknowledged write is still owed.
    pub(crate) fn recoverable(&self, operation: &Operation) -> bool {
        let mut hit: BTreeSet<&HostId> =
            self.hits.iter().filter(|(_, at)| **at >= operation.started).map(|(host, _)| host).collect();
        let level = operation.put().and_then(|put| put.level).unwrap_or(Level::Quorum);
        let copies = self.copies.max(1);
        let needed = level.needed(copies).unwrap_or(1);
        if needed < quorum(copies) || !hit.is_empty() {
            hit.extend(&self.banned);
        }
        hit.len() < needed
    }
}

#[cfg(test)]
mod tests {
    use super::victims_max;
    use crate::fault::{Fault, HostId};
    use crate::plan::Plan;
    use stdx::Span;

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
