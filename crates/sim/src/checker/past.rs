//! What has been asked so far of each item: the index that the checkers of reads look things up in.
//!
//! Invariant: fed with every put when it is asked and again when it ends, in order of time, so that at any moment it
//! holds exactly what had happened by then.

use crate::history::{Operation, Reach};
use crate::time::Time;
use bytes::Bytes;
use causal::Context;
use node::proto::{ItemKey, Put};
use std::collections::BTreeMap;

/// An item by the name of its bucket.
pub(crate) type Named = (String, ItemKey);

/// All puts so far.
#[derive(Default)]
pub(crate) struct Past {
    items: BTreeMap<Named, ItemPast>,
    by_value: BTreeMap<Bytes, Vec<usize>>,
}

/// The puts of one item so far.
#[derive(Default)]
pub(crate) struct ItemPast {
    /// Everything that any write asked for so far claims to have seen: a version in here may be gone, one that is not
    /// may not.
    pub(crate) superseding: Context,
    /// A delete, or a write with a time to live, was asked for.
    pub(crate) is_fickle: bool,
    /// Acknowledged durable writes of values, by number; those that are superseded for certain are forgotten.
    pub(crate) acknowledged: Vec<usize>,
    /// Acknowledged durable writes, by who has to know of them: from when on, and the number. What they had seen is gone for
    /// good. In order of time.
    burials: BTreeMap<Reach, Vec<(Time, usize)>>,
}

impl Past {
    /// A put is asked for.
    pub(crate) fn asked(&mut self, number: usize, put: &Put, context: &Context) {
        let item = self.items.entry((put.bucket.clone(), put.key.clone())).or_default();
        item.superseding.merge(context);
        item.is_fickle |= put.value.is_none() || put.ttl.is_some();
        if let Some(value) = &put.value {
            self.by_value.entry(value.bytes.clone()).or_default().push(number);
        }
    }

    /// A request has ended. `apart`: a node that nobody listens to any more took it alone, so no other has to know.
    pub(crate) fn ended(&mut self, number: usize, operation: &Operation, apart: bool) {
        let Some(put) = operation.put().filter(|_| operation.is_durable_write()) else { return };
        let item = self.items.entry((put.bucket.clone(), put.key.clone())).or_default();
        if put.value.is_some() {
            item.acknowledged.push(number);
        }
        for reach in Reach::of_write(put.level).iter().filter(|_| !apart) {
            item.burials.entry(*reach).or_default().push((operation.ended, number));
        }
    }

    /// The puts of an item.
    pub(crate) fn item(&self, item: &Named) -> Option<&ItemPast> {
        self.items.get(item)
    }

    /// All items of a bucket that anybody ever wrote to.
    pub(crate) fn items_of(&self, bucket: &str) -> impl Iterator<Item = (&Named, &ItemPast)> {
        let first = (bucket.to_owned(), ItemKey::plain(""));
        self.items.range(first..).take_while(move |((name, _), _)| name == bucket)
    }

    /// The requests that wrote a value: several if a client asked again.
    pub(crate) fn of_value(&self, value: &Bytes) -> &[usize] {
        self.by_value.get(value).map_or(&[], Vec::as_slice)
    }
}

impl ItemPast {
    /// The writes that a read of this reach that begins at `at` has to know of, by number: what they had seen must not show.
    pub(crate) fn burials(&self, reach: Reach, at: Time) -> impl Iterator<Item = usize> {
        let burials = self.burials.get(&reach).map_or(&[][..], Vec::as_slice);
        burials.iter().take_while(move |(since, _)| *since <= at).map(|(_, number)| *number)
    }
}
