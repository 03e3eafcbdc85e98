//! A version vector: for each actor, the highest counter seen (Parker et al. 1983).
//!
//! Invariant: no counter of zero is kept, so two vectors are equal exactly when they know the same. It stands for a
//! set of events without gaps as far as one key is concerned: with a dot, it holds every earlier dot that the same
//! actor made for that key. Entries lie in the order of actors, side by side: most vectors have one, and every write makes
//! one. Refuses to know values, and offers no total order, for there is none.

use crate::{Actor, Dot};

/// For each actor, the highest counter seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct VersionVector(Vec<(Actor, u64)>);

impl VersionVector {
    /// A vector that has seen nothing.
    pub fn new() -> VersionVector {
        VersionVector::default()
    }

    /// The highest counter seen of `actor`; zero if none.
    pub fn get(&self, actor: &Actor) -> u64 {
        self.place(actor).map_or(0, |at| self.0[at].1)
    }

    /// Whether `dot` was seen.
    pub fn covers(&self, dot: &Dot) -> bool {
        dot.counter <= self.get(&dot.actor)
    }

    /// Has seen `dot` from now on, and so everything its actor made before.
    pub fn include(&mut self, dot: Dot) {
        self.raise(dot.actor, dot.counter);
    }

    /// Has seen from now on what `other` has seen.
    pub fn merge(&mut self, other: &VersionVector) {
        for (actor, counter) in other.iter() {
            self.raise(actor, counter);
        }
    }

    /// Whether everything `other` has seen was seen here. True of equal vectors.
    pub fn descends_from(&self, other: &VersionVector) -> bool {
        other.iter().all(|(actor, counter)| counter <= self.get(&actor))
    }

    /// Whether each of the two has seen something that the other has not.
    pub fn concurrent_with(&self, other: &VersionVector) -> bool {
        !self.descends_from(other) && !other.descends_from(self)
    }

    /// Actors and the highest counter seen of each, in the order of actors. No counter is zero.
    pub fn iter(&self) -> impl Iterator<Item = (Actor, u64)> + '_ {
        self.0.iter().copied()
    }

    /// How many actors were seen.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn raise(&mut self, actor: Actor, counter: u64) {
        if counter == 0 {
            return;
        }
        match self.place(&actor) {
            Ok(at) => self.0[at].1 = self.0[at].1.max(counter),
            Err(at) => self.0.insert(at, (actor, counter)),
        }
    }

    /// Where the actor is, or where it would have to be.
    fn place(&self, actor: &Actor) -> Result<usize, usize> {
        // Entries mostly come in order.
        match self.0.last() {
            Some((last, _)) if last < actor => Err(self.0.len()),
            _ => self.0.binary_search_by(|(other, _)| other.cmp(actor)),
        }
    }
}

impl FromIterator<(Actor, u64)> for VersionVector {
    /// Counters of zero are left out; of an actor that comes twice, the higher counter counts.
    fn from_iter<I: IntoIterator<Item = (Actor, u64)>>(entries: I) -> VersionVector {
        let mut entries: Vec<(Actor, u64)> = entries.into_iter().filter(|(_, counter)| *counter > 0).collect();
        entries.sort_unstable_by(|(a, low), (b, high)| a.cmp(b).then(high.cmp(low)));
        entries.dedup_by_key(|(actor, _)| *actor);
        VersionVector(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::VersionVector;
    use crate::{Actor, Dot};

    fn actor(node: u128) -> Actor {
        Actor { node, incarnation: 1 }
    }

    fn vector(entries: &[(u128, u64)]) -> VersionVector {
        entries.iter().map(|(node, counter)| (actor(*node), *counter)).collect()
    }

    #[test]
    fn a_dot_brings_everything_before_it() {
        let mut seen = VersionVector::new();
        seen.include(Dot { actor: actor(1), counter: 5 });
        seen.include(Dot { actor: actor(1), counter: 3 });
        assert_eq!(seen.get(&actor(1)), 5);
        assert!(seen.covers(&Dot { actor: actor(1), counter: 4 }));
        assert!(!seen.covers(&Dot { actor: actor(1), counter: 6 }));
        assert!(!seen.covers(&Dot { actor: Actor { node: 1, incarnation: 2 }, counter: 1 }));
    }

    #[test]
    fn merging_takes_the_higher_of_each() {
        let mut left = vector(&[(1, 5), (2, 1)]);
        left.merge(&vector(&[(1, 2), (3, 7)]));
        assert_eq!(left, vector(&[(1, 5), (2, 1), (3, 7)]));
        assert_eq!(left.len(), 3);
    }

    #[test]
    fn zero_is_never_kept() {
        let empty = vector(&[(1, 0), (2, 0)]);
        assert!(empty.is_empty());
        assert_eq!(empty, VersionVector::default());
        assert_eq!(vector(&[(1, 3), (1, 2), (1, 0)]), vector(&[(1, 3)]));
    }

    #[test]
    fn either_one_descends_or_they_are_concurrent() {
        let (low, high, aside) = (vector(&[(1, 1)]), vector(&[(1, 2), (2, 1)]), vector(&[(3, 1)]));
        assert!(high.descends_from(&low) && !low.descends_from(&high));
        assert!(low.descends_from(&low) && low.descends_from(&VersionVector::new()));
        assert!(high.concurrent_with(&aside) && aside.concurrent_with(&high));
        assert!(!high.concurrent_with(&low) && !low.concurrent_with(&low));
    }
}
