//! Where operations in flight lie: found by their ids, in the order of these.
//!
//! An operation is taken out and put back with every answer. So each has a place in one table, which it keeps meanwhile, and the
//! map that keeps their order holds places only and changes when an operation begins or ends.
//!
//! Invariant: every id leads to a place of its own, and every other place is free.
//! Refuses to know what an operation is.

use crate::ids::OpId;
use std::collections::BTreeMap;

/// An empty table with more places than this gives them back.
const KEPT_PLACES: usize = 1_024;

/// Things by the id of their operation.
#[derive(Clone)]
pub(super) struct Places<T> {
    by_id: BTreeMap<OpId, u32>,
    places: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Places<T> {
    fn default() -> Places<T> {
        Places { by_id: BTreeMap::new(), places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Places<T> {
    /// How many there are, those that are taken out and not forgotten among them.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn get(&self, id: OpId) -> Option<&T> {
        self.at(*self.by_id.get(&id)?)
    }

    /// Puts something in, in the place of what was there under this id.
    pub(super) fn insert(&mut self, id: OpId, thing: T) {
        let place = self.by_id.get(&id).copied().unwrap_or_else(|| self.give_place(id));
        if let Some(slot) = self.places.get_mut(place as usize) {
            *slot = Some(thing);
        }
    }

    fn give_place(&mut self, id: OpId) -> u32 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() as u32 - 1
        });
        self.by_id.insert(id, place);
        place
    }

    /// Takes something out, to be put back with [`Places::insert`] or forgotten.
    pub(super) fn take(&mut self, id: OpId) -> Option<T> {
        let place = self.by_id.get(&id)?;
        self.places.get_mut(*place as usize)?.take()
    }

    /// Gives the place of what was taken out to others, unless it was put back.
    pub(super) fn forget(&mut self, id: OpId) {
        let Some(place) = self.by_id.get(&id).copied().filter(|place| self.at(*place).is_none()) else { return };
        self.by_id.remove(&id);
        self.free.push(place);
        if self.by_id.is_empty() && self.places.len() > KEPT_PLACES {
            *self = Places::default();
        }
    }

    /// All, in the order of their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (OpId, &T)> {
        self.by_id.iter().filter_map(|(id, place)| Some((*id, self.at(*place)?)))
    }

    /// The ids, ascending.
    pub(super) fn ids(&self) -> impl Iterator<Item = OpId> {
        self.iter().map(|(id, _)| id)
    }

    fn at(&self, place: u32) -> Option<&T> {
        self.places.get(place as usize)?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT_PLACES, Places};
    use crate::ids::OpId;
    use std::collections::BTreeMap;
    use stdx::Prng;

    #[test]
    fn it_is_a_map() {
        let mut prng = Prng::new(7);
        let (mut places, mut model) = (Places::default(), BTreeMap::new());
        for step in 0..20_000u64 {
            let id = OpId(prng.below(40));
            if prng.below(2) == 0 {
                places.insert(id, step);
                model.insert(id, step);
            } else {
                assert_eq!(places.take(id), model.remove(&id));
                assert_eq!(places.get(id), None);
                places.forget(id);
            }
            assert_eq!((places.len(), places.get(id)), (model.len(), model.get(&id)));
        }
        assert!(places.iter().eq(model.iter().map(|(id, thing)| (*id, thing))));
        assert!(places.ids().eq(model.keys().copied()));
        assert!(places.places.len() <= 40, "places are used again");
    }

    #[test]
    fn a_crowd_that_has_gone_leaves_no_room_behind() {
        let mut places = Places::default();
        let ids = || (0..2 * KEPT_PLACES as u64).map(OpId);
        ids().for_each(|id| places.insert(id, ()));
        ids().for_each(|id| places.forget(id));
        assert_eq!(places.len(), 2 * KEPT_PLACES, "they are all there");
        ids().for_each(|id| assert_eq!(places.take(id), Some(())));
        places.insert(OpId(7), ());
        ids().for_each(|id| places.forget(id));
        assert_eq!((places.len(), places.get(OpId(7))), (1, Some(&())), "it was put back");
        places.take(OpId(7));
        places.forget(OpId(7));
        assert_eq!((places.len(), places.places.capacity()), (0, 0));
    }
}
