//! The preference list: which nodes hold a partition, in order.
//!
//! The rule: walk clockwise from the partition's boundary and take the first n distinct nodes, skipping a node whose
//! zone is represented already while some zone is not; if zones run out, the skipped nodes follow in the order of the
//! walk. A node without a zone is a zone of its own, so without zones this is the plain list of Dynamo (section 4.3).
//!
//! Invariant: a list has no node twice, begins with the owner, and is a prefix of every longer one.
//! Refuses to know identities: it works on positions in the ring's member table.

/// The zone of each member, as small numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Zones {
    /// By member: the number of its zone.
    of: Vec<u32>,
    /// How many zones there are.
    count: usize,
    /// How many members there are.
    members: usize,
}

impl Zones {
    /// Numbers the zones of members given in order. Each member without a zone gets a number of its own.
    pub(crate) fn number<'a>(zones: impl Iterator<Item = Option<&'a str>>) -> Zones {
        let mut names = std::collections::BTreeMap::new();
        let mut count = 0;
        let mut fresh = || {
            count += 1;
            count - 1
        };
        let of: Vec<u32> = zones
            .map(|zone| match zone {
                Some(name) => *names.entry(name).or_insert_with(&mut fresh),
                None => fresh(),
            })
            .collect();
        Zones { count: count as usize, members: of.len(), of }
    }

    pub(crate) fn of(&self, member: u32) -> u32 {
        self.of[member as usize]
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The same numbers, but with the counts as if the last member were not there.
    pub(crate) fn without_counting_last(mut self) -> Zones {
        self.members = self.of.len() - 1;
        // Numbers are given in order, so the highest tells how many there are.
        self.count = self.of[..self.members].iter().max().map_or(0, |highest| *highest as usize + 1);
        self
    }
}

/// Fills `list` with the first `n` members of a clockwise walk, by the rule above. The walk may meet a member often.
pub(crate) fn fill(list: &mut Vec<u32>, walk: impl Iterator<Item = u32>, zones: &Zones, n: usize) {
    list.clear();
    let fresh_wanted = n.min(zones.count());
    let skipped_wanted = n.min(zones.members) - fresh_wanted;
    // The fresh ones are list[..fresh]; the skipped ones follow them and are pushed back by each fresh one.
    let mut fresh = 0;
    for member in walk {
        if fresh == fresh_wanted && list.len() == fresh_wanted + skipped_wanted {
            return;
        }
        if fresh < fresh_wanted && !list[..fresh].iter().any(|m| zones.of(*m) == zones.of(member)) {
            list.insert(fresh, member);
            fresh += 1;
        } else if list.len() - fresh < skipped_wanted && !list.contains(&member) {
            list.push(member);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Zones, fill};

    fn list(walk: &[u32], zones: &[Option<&str>], n: usize) -> Vec<u32> {
        let mut list = vec![99];
        fill(&mut list, walk.iter().copied(), &Zones::number(zones.iter().copied()), n);
        list
    }

    #[test]
    fn without_zones_it_is_the_first_distinct_nodes() {
        let none = [None; 4];
        assert_eq!(list(&[2, 2, 0, 2, 1, 3], &none, 3), [2, 0, 1]);
        assert_eq!(list(&[2, 2, 0, 2, 1, 3], &none, 9), [2, 0, 1, 3]);
        assert_eq!(list(&[2, 2, 0, 2, 1, 3], &none, 0), []);
    }

    #[test]
    fn no_zone_comes_twice_while_another_remains() {
        let zones = [Some("a"), Some("a"), Some("b"), Some("c"), Some("b")];
        assert_eq!(list(&[0, 1, 2, 4, 3], &zones, 3), [0, 2, 3]);
        assert_eq!(list(&[0, 1, 2, 4, 3], &zones, 4), [0, 2, 3, 1]);
        assert_eq!(list(&[0, 1, 2, 4, 3], &zones, 5), [0, 2, 3, 1, 4]);
        assert_eq!(list(&[0, 1, 2, 4, 3], &zones, 2), [0, 2]);
    }

    #[test]
    fn when_zones_run_out_the_skipped_follow_clockwise() {
        let zones = [Some("a"), Some("a"), Some("a"), Some("b")];
        assert_eq!(list(&[2, 1, 3, 0], &zones, 3), [2, 3, 1]);
        assert_eq!(list(&[3, 2, 1, 0], &zones, 3), [3, 2, 1]);
    }

    #[test]
    fn a_node_without_a_zone_is_a_zone_of_its_own() {
        let zones = [Some("a"), Some("a"), None, None];
        assert_eq!(list(&[0, 1, 2, 3], &zones, 3), [0, 2, 3]);
    }
}
