//! What was noted lately, by key.
//!
//! Invariant: there are never more than a fixed number; the oldest is forgotten for the newest.

use std::collections::{BTreeMap, VecDeque};

/// How many are kept.
const KEPT_MAX: usize = 4_096;

/// Notes by key.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    notes: BTreeMap<K, (u64, V)>,
    order: VecDeque<(u64, K)>,
    next: u64,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Recent<K, V> {
        Recent { notes: BTreeMap::new(), order: VecDeque::new(), next: 0 }
    }
}

impl<K: Ord + Copy, V> Recent<K, V> {
    /// Notes something.
    pub(super) fn note(&mut self, key: K, value: V) {
        self.next += 1;
        self.notes.insert(key, (self.next, value));
        self.order.push_back((self.next, key));
        while self.order.len() > KEPT_MAX {
            let Some((at, oldest)) = self.order.pop_front() else { break };
            // It may have been noted anew since.
            if self.notes.get(&oldest).is_some_and(|(noted, _)| *noted == at) {
                self.notes.remove(&oldest);
            }
        }
    }

    /// What was noted.
    pub(super) fn get(&self, key: K) -> Option<&V> {
        self.notes.get(&key).map(|(_, value)| value)
    }

    /// Takes what was noted.
    pub(super) fn take(&mut self, key: K) -> Option<V> {
        self.notes.remove(&key).map(|(_, value)| value)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT_MAX, Recent};

    #[test]
    fn the_oldest_are_forgotten_but_not_what_was_noted_anew() {
        let mut recent = Recent::default();
        recent.note(0, 'a');
        recent.note(1, 'b');
        recent.note(0, 'c');
        (2..KEPT_MAX + 1).for_each(|key| recent.note(key, 'x'));
        assert_eq!((recent.get(0), recent.get(1)), (Some(&'c'), None));
        assert_eq!(recent.take(0), Some('c'));
        assert!(recent.get(0).is_none() && !recent.is_empty());
    }
}
