//! A dot names one version of one item for ever, across restarts, joins and lost batches.
//!
//! Fed with every record that reaches a store or a wire. What it learns on the way (which version has which dot) is what
//! the other checkers look up.

use crate::describe;
use crate::history::Operation;
use crate::time::Time;
use bytes::Bytes;
use causal::{Dot, Stamp};
use node::proto::{BucketId, ItemKey, Record, Version};
use std::collections::BTreeMap;

/// The name of an item.
pub(crate) type Item = (BucketId, ItemKey);

/// What is known of a dot.
pub(crate) struct Fact {
    pub(crate) item: Item,
    pub(crate) version: Version,
    pub(crate) first_seen: Time,
}

/// All versions ever seen.
#[derive(Default)]
pub(crate) struct Dots {
    facts: BTreeMap<Dot, Fact>,
    by_value: BTreeMap<Bytes, Vec<Dot>>,
    tombstones: BTreeMap<Item, Vec<Dot>>,
    by_item: BTreeMap<Item, Vec<Dot>>,
}

impl Dots {
    /// Takes a record in. The error says which dot was given twice.
    pub(crate) fn see(&mut self, at: Time, bucket: BucketId, key: &ItemKey, record: &Record) -> Result<(), String> {
        match record {
            // What registers hold is named by ballots, which are another kind of name.
            Record::Register(_) => return Ok(()),
            // A sum has no name, but what was added to has.
            Record::Amended(amended) => {
                let base = amended.parts().base.as_ref();
                return base.map_or(Ok(()), |(dot, version)| self.see_version(at, bucket, key, *dot, version));
            }
            Record::Latest { .. } | Record::Siblings(_) | Record::Counted(_) => {}
        }
        record.versions().into_iter().try_for_each(|(dot, version)| self.see_version(at, bucket, key, dot, version))
    }

    fn see_version(
        &mut self,
        at: Time,
        bucket: BucketId,
        key: &ItemKey,
        dot: Dot,
        version: &Version,
    ) -> Result<(), String> {
        if let Some(fact) = self.facts.get(&dot) {
            if fact.item.0 == bucket && fact.item.1 == *key && fact.version == *version {
                return Ok(());
            }
            return Err(format!(
                "dot {} names {} {:?} and {} {:?}",
                describe::dot(dot),
                describe::key(&fact.item.1),
                fact.version,
                describe::key(key),
                version
            ));
        }
        let item = (bucket, key.clone());
        match &version.value {
            Some(value) => self.by_value.entry(value.bytes.clone()).or_default().push(dot),
            None => self.tombstones.entry(item.clone()).or_default().push(dot),
        }
        self.by_item.entry(item.clone()).or_default().push(dot);
        self.facts.insert(dot, Fact { item, version: version.clone(), first_seen: at });
        Ok(())
    }

    pub(crate) fn fact(&self, dot: &Dot) -> Option<&Fact> {
        self.facts.get(dot)
    }

    pub(crate) fn stamp(&self, dot: &Dot) -> Option<Stamp> {
        self.facts.get(dot).map(|fact| fact.version.stamp)
    }

    /// Dots under which a value was written; several if its request was handed on twice.
    pub(crate) fn of_value(&self, value: &Bytes) -> &[Dot] {
        self.by_value.get(value).map_or(&[], Vec::as_slice)
    }

    /// The dot of an acknowledged write. The answer to a write does not say which of the dots it knows is the write's
    /// own, and may leave that out: the value tells. Of a delete whose dot cannot be told, nothing can be said.
    pub(crate) fn of_write(&self, operation: &Operation) -> Option<Dot> {
        match self.all_of_write(operation).as_slice() {
            [own] => Some(*own),
            _ => None,
        }
    }

    /// The dots of an acknowledged write: more than one if it was handed to a node that could not be reached then, and to
    /// another one. Of several, only those that its answer knows are told, if it knows any.
    pub(crate) fn all_of_write(&self, operation: &Operation) -> Vec<Dot> {
        let Some(put) = operation.put().filter(|_| operation.is_written()) else { return Vec::new() };
        let candidates = match &put.value {
            Some(value) => self.of_value(&value.bytes).to_vec(),
            None => operation.news(),
        };
        let own = |dot: &Dot| {
            let fact = self.fact(dot)?;
            let same =
                fact.item.1 == put.key && fact.version.value == put.value && fact.first_seen >= operation.started;
            same.then_some(*dot)
        };
        let own: Vec<Dot> = candidates.iter().filter_map(own).collect();
        let told: Vec<Dot> = own.iter().copied().filter(|dot| operation.answer_covers(dot)).collect();
        if told.is_empty() { own } else { told }
    }

    /// Dots of all versions of an item.
    pub(crate) fn of_item(&self, item: &Item) -> &[Dot] {
        self.by_item.get(item).map_or(&[], Vec::as_slice)
    }

    /// Dots of an item's tombstones.
    pub(crate) fn tombstones(&self, item: &Item) -> &[Dot] {
        self.tombstones.get(item).map_or(&[], Vec::as_slice)
    }

    /// How many versions were ever seen.
    pub(crate) fn len(&self) -> usize {
        self.facts.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Dots;
    use crate::time::Time;
    use causal::{Actor, Dot, Stamp};
    use node::proto::{BucketId, ItemKey, Record, Value, Version};

    fn record(counter: u64, value: &'static str) -> Record {
        let dot = Dot { actor: Actor { node: 1, incarnation: 1 }, counter };
        let version = Version { stamp: Stamp::new(1, 0), expires: None, value: Some(Value::plain(value)) };
        Record::Latest { dot, version }
    }

    #[test]
    fn the_same_dot_for_another_version_or_item_is_noticed() {
        let mut dots = Dots::default();
        let (key, other) = (ItemKey::plain("a"), ItemKey::plain("b"));
        assert_eq!(dots.see(Time(1), BucketId(0), &key, &record(1, "x")), Ok(()));
        assert_eq!(dots.see(Time(2), BucketId(0), &key, &record(1, "x")), Ok(()));
        assert!(dots.see(Time(3), BucketId(0), &key, &record(1, "y")).is_err());
        assert!(dots.see(Time(3), BucketId(0), &other, &record(1, "x")).is_err());
        assert!(dots.see(Time(3), BucketId(1), &key, &record(1, "x")).is_err());
        assert_eq!((dots.len(), dots.of_value(&"x".into()).len()), (1, 1));
    }
}
