//! The verdict on linearizable buckets: is there an order of what clients asked of each item, and of what was restored of it?
//!
//! Refuses to look for one; `checker::linearizable` does.

use crate::checker::durability::Finally;
use crate::checker::linearizable::{Event, Verdict, by_item, check};
use crate::checker::locks::Locks;
use crate::history::{Asker, Operation, Outcome};
use crate::world::World;
use crate::{keeper, registers};
use causal::Stamp;
use node::proto::{Cas, Edit, ItemKey, Request, Response};
use ring::Grid;
use std::collections::BTreeMap;

impl World {
    /// Whether the linearizable bucket was. A replica that goes back to an image that lacks what only it knew of forgets promises,
    /// and nobody notices: what is promised ends there (docs/guarantees.md).
    pub(super) fn judge_registers(&mut self) {
        if self.images.was_anything_unheard() {
            stdx::marks::hit("sim.registers_were_not_judged");
            return;
        }
        let locks = Locks::new(&self.history, registers::REGISTERS, self.plan.clocks_apart());
        self.counts.locks += locks.checked();
        for what in locks.wrong() {
            self.fail("locks", what);
        }
        self.judge_order(by_item(&self.history, registers::REGISTERS, self.grid(), None));
    }

    /// Whether there is an order of the operations on each item.
    fn judge_order(&mut self, items: BTreeMap<ItemKey, Vec<Event>>) {
        for (key, events) in items {
            match check(&events) {
                Verdict::Linearizable => self.counts.registers[0] += 1,
                Verdict::Undecided => self.counts.registers[1] += 1,
                Verdict::Not => {
                    let key = crate::describe::key(&key);
                    self.fail("linearizability", format!("no order explains what {key} was: {events:?}"));
                }
            }
        }
    }

    /// Whether a linearizable bucket is what it must be after its restore: what the cluster holds at the end is one read more.
    pub(super) fn judge_vault(&mut self, finally: &Finally) {
        let restored = self.keeper.restoring.as_ref().map(|restoring| restoring.event.stamp);
        let mut items = by_item(&self.history, keeper::VAULT, self.grid(), restored);
        let Some(bucket) = self.keeper.bucket() else { return };
        if self.images.was_anything_unheard() {
            return;
        }
        for (key, events) in &mut items {
            events.push(Event::at_the_end(self.now, finally.get(&(bucket, key.clone()))));
        }
        self.judge_order(items);
        let late = self.history.iter().filter(|operation| is_below(operation, restored));
        let late: Vec<String> = late.map(|operation| crate::describe::request(&operation.request)).collect();
        late.iter().for_each(|what| self.fail("restore", format!("{what}: asked after the restore and is below it")));
    }

    fn grid(&self) -> Grid {
        Grid::new(self.plan.grid_bits).unwrap_or_default()
    }
}

/// True if a change was asked for when everybody knew of the restore, and has a stamp below it.
fn is_below(operation: &Operation, restored: Option<Stamp>) -> bool {
    let Outcome::Answered(response) = &operation.outcome else { return false };
    match (&operation.request, response.as_ref()) {
        (Request::Cas(Cas { edit: Edit::Put(_), .. }), Response::Swapped(current)) => {
            operation.asker == Asker::Keeper
                && operation.after_restore
                && current.stamp.is_some()
                && current.stamp < restored
        }
        _ => false,
    }
}
