//! Sets kept in siblings, as an application would keep them: a client adds an element by writing the union of the
//! elements it has seen and its own, with the context it has, or blindly with none. Whoever reads takes the union of the
//! siblings. Every element whose addition was acknowledged is in every later union.
//!
//! Knows nothing of dots, stamps and contexts: what an application loses, it loses here, whatever the cause.

use crate::describe;
use crate::history::{Operation, Outcome, Reach};
use crate::workload::elements;
use node::proto::{ItemKey, Record, Request, Response};
use std::collections::{BTreeMap, BTreeSet};

/// The additions so far, by set, in the order in which they were acknowledged.
#[derive(Default)]
pub(crate) struct Sets {
    added: BTreeMap<ItemKey, Vec<Addition>>,
    asked: BTreeMap<ItemKey, BTreeSet<u64>>,
}

struct Addition {
    element: u64,
    write: Operation,
    reach: &'static [Reach],
}

impl Sets {
    /// A request is made; `number` is the element if it is an addition.
    pub(crate) fn asked(&mut self, number: usize, request: &Request) {
        if let Request::Put(put) = request
            && let Some(value) = put.value.as_ref()
            && let Some(all) = elements(&value.bytes)
        {
            let asked = self.asked.entry(put.key.clone()).or_default();
            asked.insert(number as u64);
            asked.extend(all.last());
        }
    }

    /// A request has ended. `owed` tells if a write must still be there.
    pub(crate) fn ended(&mut self, operation: &Operation, owed: impl Fn(&Operation) -> bool) -> Result<(), String> {
        let Outcome::Answered(response) = &operation.outcome else { return Ok(()) };
        match (&operation.request, response.as_ref()) {
            (Request::Put(put), Response::Written(_)) => {
                let all = put.value.as_ref().and_then(|value| elements(&value.bytes));
                if let Some(element) = all.and_then(|all| all.last().copied()) {
                    let addition = Addition { element, write: operation.clone(), reach: Reach::of_write(put.level) };
                    self.added.entry(put.key.clone()).or_default().push(addition);
                }
                Ok(())
            }
            (Request::Get(get), Response::Found(found)) => {
                let values = found.siblings.iter().filter_map(|sibling| sibling.version.value.as_ref());
                let union = union(values.map(|value| value.bytes.as_ref()));
                let reach = Reach::of_read(get.level);
                let must = |addition: &&Addition| {
                    let (write, is_met) = (&addition.write, addition.reach.contains(&reach));
                    is_met && write.ended <= operation.started && owed(write)
                };
                self.compare(&get.key, &union, must)
            }
            _ => Ok(()),
        }
    }

    /// The sets that have lost something at the end.
    pub(crate) fn lost<'a>(
        &self,
        finally: impl Fn(&ItemKey) -> Option<&'a Record>,
        owed: impl Fn(&Operation) -> bool,
    ) -> Vec<String> {
        let keys = self.added.keys();
        let lost = |key: &ItemKey| {
            let held = finally(key).map(Record::versions).unwrap_or_default();
            let values = held.iter().filter_map(|(_, version)| version.value.as_ref());
            self.compare(key, &union(values.map(|value| value.bytes.as_ref())), |addition| owed(&addition.write)).err()
        };
        keys.filter_map(lost).collect()
    }

    fn compare(&self, key: &ItemKey, union: &BTreeSet<u64>, must: impl Fn(&&Addition) -> bool) -> Result<(), String> {
        let nothing = Vec::new();
        let mut added = self.added.get(key).unwrap_or(&nothing).iter().filter(must);
        if let Some(lost) = added.find(|addition| !union.contains(&addition.element)) {
            let name = describe::key(key);
            return Err(format!(
                "{name} has lost element {}, which was added for good at {}",
                lost.element, lost.write.ended
            ));
        }
        let invented = union.iter().find(|element| self.asked.get(key).is_none_or(|asked| !asked.contains(element)));
        invented
            .map_or(Ok(()), |element| Err(format!("{} has element {element}, which nobody added", describe::key(key))))
    }
}

fn union<'a>(values: impl Iterator<Item = &'a [u8]>) -> BTreeSet<u64> {
    values.filter_map(elements).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Story;
    use super::Sets;
    use node::proto::Level;

    #[test]
    fn an_element_is_in_every_union_after_it_was_added() {
        let mut story = Story::default();
        story.wrote(1, Some("v0c0+0"), 0, Level::Quorum).wrote(2, Some("v1c1+1"), 0, Level::Quorum);
        let mut sets = Sets::default();
        for (number, write) in story.history.iter().enumerate() {
            sets.asked(number, &write.request);
            assert_eq!(sets.ended(write, |_| true), Ok(()));
        }
        assert_eq!(sets.ended(&story.get(30, Level::Quorum, &[1, 2], 2), |_| true), Ok(()));
        let what = sets.ended(&story.get(30, Level::Quorum, &[2], 2), |_| true);
        assert!(what.is_err_and(|what| what.contains("lost element 0")));
        assert_eq!(
            sets.ended(&story.get(30, Level::Quorum, &[2], 2), |_| false),
            Ok(()),
            "destroyed beyond the promise"
        );
        assert_eq!((sets.lost(|_| None, |_| true).len(), sets.lost(|_| None, |_| false).len()), (1, 0));
        let mut forgetful = Sets::default();
        forgetful.asked(0, &story.history[0].request);
        let what = forgetful.ended(&story.get(30, Level::One, &[2], 2), |_| true);
        assert!(what.is_err_and(|what| what.contains("nobody added")));
    }
}
