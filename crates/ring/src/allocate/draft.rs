//! A ring under change: the members' tokens and the newcomer's so far, with every node's load kept up to date.
//!
//! Tokens form a circle linked both ways. The *gap* of a token is the run of partitions it ends, that is, back to the
//! token before. For each gap the draft keeps what would happen if the newcomer took a boundary inside it: who would
//! lose replicas, and how many. A new token touches only the few gaps behind it that do not meet enough other nodes
//! before it, so all of this is repaired locally.
//!
//! Invariant: lists, loads and effects are what a computation from nothing would give (a law in this file's tests).
//! Refuses to judge which change is good.

mod effect;

use crate::Ring;
use crate::preference_list::{self, Zones};

/// No member.
pub(crate) const NOBODY: u32 = u32::MAX;

/// A token in the circle, and its gap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// The partition that the token ends.
    pub(crate) end: u32,
    /// The number of partitions in the gap; 0 marks a slot that is out of the circle.
    pub(crate) length: u32,
    /// Who has the token.
    pub(crate) member: u32,
    next: u32,
    previous: u32,
    /// Who would lose a replica of each partition of this gap at or before the newcomer's boundary.
    pub(crate) partial: u32,
    /// The place of this gap's [`Loss`]es in the pool.
    first_loss: u32,
    losses: u32,
    /// How many gaps, this one and backwards, must be looked at to know the effect.
    depth: u32,
}

/// A member that would lose replicas, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    pub(crate) member: u32,
    pub(crate) partitions: u32,
}

/// The circle of tokens.
#[derive(Clone)]
pub(crate) struct Draft {
    n: usize,
    partitions: u32,
    /// Of all members and the newcomer, but counting only the members' zones.
    zones: Zones,
    /// The newcomer's number, one above the members'.
    newcomer: u32,
    slots: Vec<Slot>,
    /// `n` members for each slot: who holds the partitions of its gap.
    lists: Vec<u32>,
    /// For each entry of `lists`: how many partitions clockwise of the gap's end its first token is.
    met: Vec<u32>,
    /// Losses of all gaps; those of recomputed gaps are left behind as garbage.
    pool: Vec<Loss>,
    loads: Vec<i64>,
    scratch: Vec<u32>,
    spare: Vec<u32>,
}

impl Draft {
    /// The draft of a ring with members. `zones` has the newcomer as the last and `n` is at most the number of
    /// members, and of their zones if the newcomer's is a new one.
    pub(crate) fn new(ring: &Ring, zones: &Zones, n: usize) -> Draft {
        let newcomer = ring.len() as u32;
        let count = ring.vnodes().len() as u32;
        let slots = (0..).zip(ring.vnodes()).map(|(at, vnode)| Slot {
            end: u32::from(vnode.end.0),
            length: 0,
            member: vnode.member,
            next: (at + 1) % count,
            previous: (at + count - 1) % count,
            partial: NOBODY,
            first_loss: 0,
            losses: 0,
            depth: 0,
        });
        let mut draft = Draft {
            n,
            partitions: ring.grid().count(),
            zones: zones.clone().without_counting_last(),
            newcomer,
            slots: slots.collect(),
            lists: vec![NOBODY; n * count as usize],
            met: vec![0; n * count as usize],
            pool: Vec::new(),
            loads: vec![0; newcomer as usize + 1],
            scratch: Vec::with_capacity(n + 1),
            spare: Vec::new(),
        };
        (0..count).for_each(|slot| draft.measure(slot));
        (0..count).for_each(|slot| draft.renew_list(slot));
        (0..count).for_each(|slot| draft.renew_effect(slot));
        draft
    }

    /// All slots; those with a gap of length 0 are out of the circle.
    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Who would lose, and how much, in the gaps behind this one.
    pub(crate) fn losses(&self, slot: &Slot) -> &[Loss] {
        &self.pool[slot.first_loss as usize..(slot.first_loss + slot.losses) as usize]
    }

    /// By member, the newcomer last: the partition replicas held.
    pub(crate) fn loads(&self) -> &[i64] {
        &self.loads
    }

    /// Gives the newcomer the boundary `depth` partitions into the gap of a slot and returns the new token's slot.
    pub(crate) fn insert(&mut self, slot: u32, into: u32) -> u32 {
        assert!(0 < into && into < self.at(slot).length, "the boundary is not inside the gap");
        let stale_after = self.looking_at(slot);
        // Before a token of its own, the newcomer joins no further list but is met sooner.
        let behind = self.at(slot).depth.max(self.brought_by(slot));
        self.credit(slot, -1);
        let token = self.link(slot, into);
        self.credit_empty(token, slot);
        self.repair(token, behind, slot, stale_after);
        token
    }

    /// The gap in which a free boundary lies and how deep; `None` if somebody has it.
    pub(crate) fn place_of(&self, end: u32) -> Option<(u32, u32)> {
        let gap = |slot: &Slot| {
            let into = self.distance(self.at(slot.previous).end, end);
            (0 < into && into < slot.length).then_some(into)
        };
        (0..).zip(&self.slots).filter(|(_, slot)| slot.length > 1).find_map(|(at, slot)| Some((at, gap(slot)?)))
    }

    /// Takes a token from the newcomer again.
    pub(crate) fn remove(&mut self, token: u32) {
        let stale_after = self.looking_at(token);
        let behind = self.brought_by(token);
        let slot = self.at(token).next;
        self.credit(token, -1);
        self.credit(slot, -1);
        self.unlink(token);
        self.credit(slot, 1);
        self.repair(slot, behind, slot, stale_after.saturating_sub(1));
    }

    fn at(&self, slot: u32) -> &Slot {
        &self.slots[slot as usize]
    }

    /// Renews lists and effects of a gap and those behind it, `behind` in all, and the effects of `ahead` gaps from
    /// `from` on.
    fn repair(&mut self, last: u32, behind: u32, from: u32, ahead: u32) {
        let back = self.chain(last, behind, |slot| slot.previous);
        for slot in &back {
            self.renew_list(*slot);
        }
        for slot in back {
            self.renew_effect(slot);
        }
        for slot in self.chain(from, ahead, |slot| slot.next) {
            self.renew_effect(slot);
        }
    }

    /// Up to `count` slots in one direction, none twice.
    fn chain(&self, first: u32, count: u32, step: impl Fn(&Slot) -> u32) -> Vec<u32> {
        let mut slots = Vec::with_capacity(count as usize);
        let mut slot = first;
        for _ in 0..count {
            slots.push(slot);
            slot = step(self.at(slot));
            if slot == first {
                break;
            }
        }
        slots
    }

    /// How many gaps, this one and onwards, look at this one for their effect. Those that do follow one another.
    fn looking_at(&self, slot: u32) -> u32 {
        let mut distance = 0;
        let mut other = slot;
        while self.at(other).depth > distance {
            distance += 1;
            other = self.at(other).next;
            if other == slot {
                break;
            }
        }
        distance
    }

    /// How many gaps, this one and backwards, the newcomer holds by this token.
    fn brought_by(&self, token: u32) -> u32 {
        let mut gaps = 0;
        let mut slot = token;
        while self.list(slot).iter().zip(self.met_of(slot)).any(|(member, met)| {
            *member == self.newcomer && *met == self.distance(self.at(slot).end, self.at(token).end)
        }) {
            gaps += 1;
            slot = self.at(slot).previous;
            if slot == token {
                break;
            }
        }
        gaps
    }

    fn measure(&mut self, slot: u32) {
        let (end, start) = (self.at(slot).end, self.at(self.at(slot).previous).end);
        let length = self.distance(start, end);
        self.slots[slot as usize].length = if length == 0 { self.partitions } else { length };
    }

    /// Puts a token of the newcomer into the gap of a slot. Its list and its effect are not yet right.
    fn link(&mut self, slot: u32, into: u32) -> u32 {
        let previous = self.at(slot).previous;
        let end = (self.at(previous).end + into) % self.partitions;
        let new = Slot { end, member: self.newcomer, next: slot, previous, length: 0, ..*self.at(slot) };
        let token = self.spare.pop().unwrap_or(self.slots.len() as u32);
        if token as usize == self.slots.len() {
            self.slots.push(new);
            self.lists.resize(self.lists.len() + self.n, NOBODY);
            self.met.resize(self.lists.len(), 0);
        } else {
            self.slots[token as usize] = new;
        }
        self.slots[previous as usize].next = token;
        self.slots[slot as usize].previous = token;
        self.measure(token);
        self.measure(slot);
        token
    }

    fn unlink(&mut self, token: u32) {
        let Slot { next, previous, .. } = *self.at(token);
        self.slots[previous as usize].next = next;
        self.slots[next as usize].previous = previous;
        self.slots[token as usize].length = 0;
        self.spare.push(token);
        self.measure(next);
    }

    fn list(&self, slot: u32) -> &[u32] {
        &self.lists[slot as usize * self.n..][..self.n]
    }

    fn met_of(&self, slot: u32) -> &[u32] {
        &self.met[slot as usize * self.n..][..self.n]
    }

    /// Adds the replicas of a gap to the loads of its list, or takes them away.
    fn credit(&mut self, slot: u32, sign: i64) {
        let length = i64::from(self.at(slot).length) * sign;
        for at in slot as usize * self.n..(slot as usize + 1) * self.n {
            if let Some(load) = self.loads.get_mut(self.lists[at] as usize) {
                *load += length;
            }
        }
    }

    /// After a token was put before `slot`, whose own list stays what it was: the new gap has no list yet.
    fn credit_empty(&mut self, token: u32, slot: u32) {
        let start = token as usize * self.n;
        self.lists[start..start + self.n].fill(NOBODY);
        self.credit(slot, 1);
    }

    fn renew_list(&mut self, slot: u32) {
        let mut list = std::mem::take(&mut self.scratch);
        preference_list::fill(&mut list, self.circle(slot).map(|slot| slot.member), &self.zones, self.n);
        if list != self.list(slot) {
            self.credit(slot, -1);
            self.lists[slot as usize * self.n..][..self.n].copy_from_slice(&list);
            self.credit(slot, 1);
        }
        self.scratch = list;
        self.renew_met(slot);
    }

    /// Notes where the members of a gap's list are met first.
    fn renew_met(&mut self, slot: u32) {
        let start = slot as usize * self.n;
        let mut met = std::mem::take(&mut self.scratch);
        met.clear();
        met.resize(self.n, NOBODY);
        let mut missing = self.n;
        for other in self.circle(slot) {
            let Some(at) = self.list(slot).iter().position(|member| *member == other.member) else { continue };
            if met[at] == NOBODY {
                met[at] = self.distance(self.at(slot).end, other.end);
                missing -= 1;
            }
            if missing == 0 {
                break;
            }
        }
        self.met[start..start + self.n].copy_from_slice(&met);
        self.scratch = met;
    }

    /// The slots met clockwise from one, once around.
    fn circle(&self, from: u32) -> impl Iterator<Item = &Slot> {
        let mut next = Some(from);
        std::iter::from_fn(move || {
            let slot = self.at(next?);
            next = Some(slot.next).filter(|next| *next != from);
            Some(slot)
        })
    }

    /// The number of partitions clockwise from one boundary to another.
    fn distance(&self, from: u32, to: u32) -> u32 {
        (to + self.partitions - from) % self.partitions
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stdx::Prng;

    use super::{Draft, Slot};
    use crate::preference_list::Zones;
    use crate::{Grid, Member, NodeId, PartitionId, Ring};

    /// A ring of 64 partitions and the zones of its members, then the newcomer's.
    fn ring(shape: &[(usize, Option<u8>)], seed: u64) -> (Ring, Zones) {
        let grid = Grid::new(6).unwrap();
        let mut places: Vec<u16> = (0..64).collect();
        Prng::new(seed).shuffle(&mut places);
        let mut ring = Ring::empty(grid);
        for (id, (count, zone)) in shape[1..].iter().enumerate() {
            let tokens = places.drain(..*count).map(|p| grid.boundary(PartitionId(p))).collect();
            let zone = zone.map(|zone| zone.to_string());
            let id = NodeId(id as u128);
            ring =
                ring.with(Member { id, name: id.to_string(), uri: String::new(), tokens, weight: 100, zone }).unwrap();
        }
        let zone = shape[0].1.map(|zone| zone.to_string());
        let zones = Zones::number(ring.members().map(|m| m.zone.as_deref()).chain([zone.as_deref()]));
        (ring, zones)
    }

    /// The loads that a ring with the newcomer's tokens has.
    fn true_loads(draft: &Draft, ring: &Ring, zone: Option<u8>, n: usize) -> Vec<i64> {
        let mine = |slot: &&Slot| slot.length > 0 && slot.member == draft.newcomer;
        let ends = draft.slots().iter().filter(mine).map(|slot| PartitionId(slot.end as u16));
        let tokens: Vec<_> = ends.map(|end| ring.grid().boundary(end)).collect();
        let id = NodeId(u128::from(draft.newcomer));
        let newcomer = Member {
            id,
            name: String::new(),
            uri: String::new(),
            tokens,
            weight: 100,
            zone: zone.map(|z| z.to_string()),
        };
        let ring = if newcomer.tokens.is_empty() { ring.clone() } else { ring.with(newcomer).unwrap() };
        let mut loads: Vec<i64> = ring.shares(n).into_values().map(i64::from).collect();
        loads.resize(draft.loads().len(), 0);
        loads
    }

    /// The loads that the kept effects foretell for a token in a gap.
    fn foretold(draft: &Draft, at: usize, into: u32) -> Vec<i64> {
        let slot = draft.slots()[at];
        let mut loads = draft.loads().to_vec();
        let mut pass = |from: u32, partitions: u32| {
            if let Some(load) = loads.get_mut(from as usize) {
                *load -= i64::from(partitions);
                loads[draft.newcomer as usize] += i64::from(partitions);
            }
        };
        pass(slot.partial, into);
        draft.losses(&slot).iter().for_each(|loss| pass(loss.member, loss.partitions));
        loads
    }

    proptest! {
        #[test]
        fn loads_and_effects_stay_true_through_every_change(
            shape in prop::collection::vec((1_usize..6, prop::option::of(0_u8..4)), 2..8),
            zoned in any::<bool>(),
            copies in 1_usize..5,
            seed in any::<u64>(),
        ) {
            let shape: Vec<_> = shape.into_iter().map(|(count, zone)| (count, zone.filter(|_| zoned))).collect();
            let (ring, zones) = ring(&shape, seed);
            let others = zones.clone().without_counting_last();
            let room = if others.count() < zones.count() { others.count() } else { ring.len() };
            let n = copies.min(room);
            let mut draft = Draft::new(&ring, &zones, n);
            let mut prng = Prng::new(seed);
            let mut tokens = Vec::new();
            for _ in 0..24 {
                let gaps: Vec<usize> = (0..draft.slots().len()).filter(|at| draft.slots()[*at].length > 1).collect();
                if !tokens.is_empty() && prng.chance(400_000) {
                    draft.remove(tokens.swap_remove(prng.index(tokens.len()).unwrap()));
                } else if let Some(at) = prng.pick(&gaps).copied() {
                    let into = prng.between(1, u64::from(draft.slots()[at].length) - 1) as u32;
                    let foretold = foretold(&draft, at, into);
                    tokens.push(draft.insert(at as u32, into));
                    prop_assert_eq!(draft.loads(), foretold);
                }
                prop_assert_eq!(draft.loads(), true_loads(&draft, &ring, shape[0].1, n));
            }
        }
    }
}
