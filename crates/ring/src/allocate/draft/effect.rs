//! What would happen if the newcomer took a boundary inside a gap.
//!
//! A preference list is the greedy choice of a matroid: put one more node into the walk, and either nothing changes or
//! that node takes the place of exactly one other. Going back from a boundary, the newcomer joins fewer and fewer lists,
//! so the search stops at the first gap whose list it would not join.
//!
//! Invariant: nothing here changes lists or loads.

use super::{Draft, Loss, NOBODY};
use crate::preference_list;

impl Draft {
    /// Finds who would lose what if the newcomer took a boundary inside this gap.
    pub(super) fn renew_effect(&mut self, target: u32) {
        let first_loss = self.pool.len();
        let mut partial = NOBODY;
        let mut depth = 0;
        let mut slot = target;
        loop {
            depth += 1;
            let Some(member) = self.displaced(slot, target) else { break };
            if slot == target {
                partial = member;
            } else if member != self.newcomer {
                self.note_loss(first_loss, Loss { member, partitions: self.at(slot).length });
            }
            slot = self.at(slot).previous;
            if slot == target {
                break;
            }
        }
        let losses = (self.pool.len() - first_loss) as u32;
        let partial = if partial == self.newcomer { NOBODY } else { partial };
        let slot = &mut self.slots[target as usize];
        (slot.partial, slot.first_loss, slot.losses, slot.depth) = (partial, first_loss as u32, losses, depth);
    }

    fn note_loss(&mut self, first_loss: usize, loss: Loss) {
        match self.pool[first_loss..].iter_mut().find(|known| known.member == loss.member) {
            Some(known) => known.partitions += loss.partitions,
            None => self.pool.push(loss),
        }
    }

    /// Whose place the newcomer would take in the list of a gap with a boundary just before `target`'s token: its own
    /// if it has one by a later token, and `None` if that boundary would bring it nothing.
    fn displaced(&mut self, slot: u32, target: u32) -> Option<u32> {
        // A token of the newcomer hides a further one behind it.
        if self.at(slot).member == self.newcomer {
            return None;
        }
        if self.n > self.zones.count() {
            self.displaced_by_walk(slot, target)
        } else {
            self.displaced_by_zone(slot, target)
        }
    }

    /// When no zone comes twice: the member of the newcomer's zone makes way, or else the last of the list, if it is
    /// met after the new boundary.
    fn displaced_by_zone(&self, slot: u32, target: u32) -> Option<u32> {
        let zone = self.zones.of(self.newcomer);
        let list = self.list(slot);
        let at = list.iter().position(|member| self.zones.of(*member) == zone).unwrap_or(self.n - 1);
        (self.met_of(slot)[at] >= self.distance(self.at(slot).end, self.at(target).end)).then_some(list[at])
    }

    /// When some zones come twice: by making the new list.
    fn displaced_by_walk(&mut self, slot: u32, target: u32) -> Option<u32> {
        let mut list = std::mem::take(&mut self.scratch);
        let guest = self.at(target).end;
        let walk = self.circle(slot).flat_map(|met| {
            let newcomer = (met.end == guest).then_some(self.newcomer);
            newcomer.into_iter().chain([met.member])
        });
        preference_list::fill(&mut list, walk, &self.zones, self.n);
        let loser = self.list(slot).iter().find(|member| !list.contains(member)).copied();
        let displaced = list.contains(&self.newcomer).then(|| loser.unwrap_or(self.newcomer));
        self.scratch = list;
        displaced
    }
}
