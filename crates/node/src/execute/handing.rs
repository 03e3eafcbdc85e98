//! The receiver's side of a hand-over: what is here of what another replica has described or offered.
//!
//! Invariant: what is said to be here is on disk before it is said, for the sender counts it as handed over.

use super::{Answer, Executor, failure};
use proto::hash::{list_hash, version_hash};
use proto::{Likeness, Offered, Outline, Slot, StoreFailure, StoreOutcome};
use std::ops::ControlFlow;
use stdx::bugs::planted;
use storage::{Engine, Seq, Space};

/// Records that are passed for one outline, of its buckets or not, and their bytes: nothing else is done meanwhile.
const VISITS_MAX: usize = 1_024;
const VISITED_BYTES_MAX: usize = 8 << 20;

impl<E: Engine> Executor<E> {
    /// What is here of a stretch, beside what was described.
    pub(super) fn outline(&mut self, outline: &Outline) -> Answer {
        let place = |(bucket, key): &(proto::BucketId, proto::ItemKey)| {
            codec::slot_key(&Slot::new(self.grid, *bucket, key.clone()))
        };
        let (start, mut end) = (place(&outline.first), place(&outline.last));
        // No key lies between a key and the same one with a zero behind it.
        end.push(0);
        let (mut hashes, mut visits, mut bytes, mut damaged) = (Vec::new(), 0, 0, Vec::new());
        let mut is_other = start > end;
        if !is_other {
            let visited = self.engine.scan(Space::Items, &start, Some(&end), &mut |key, value| {
                (visits, bytes) = (visits + 1, bytes + value.len());
                let is_far = visits > VISITS_MAX || bytes > VISITED_BYTES_MAX;
                is_other |= is_far || hashes.len() > outline.items as usize;
                if is_other {
                    return ControlFlow::Break(());
                }
                if codec::parse_slot_key(key).is_ok_and(|parsed| !outline.buckets.contains(&parsed.bucket)) {
                    return ControlFlow::Continue(());
                }
                match codec::decode_stored(key, value) {
                    Ok((bucket, key, record)) => hashes.push(version_hash(bucket, &key, &record)),
                    Err(error) => damaged.push((key.to_vec(), error.to_string())),
                }
                ControlFlow::Continue(())
            });
            visited.map_err(failure)?;
        }
        is_other |= !damaged.is_empty();
        for (key, what) in damaged {
            self.found_damage(&key, what, None);
        }
        let likeness = if is_other {
            Likeness::Other
        } else if hashes.is_empty() {
            Likeness::Nothing
        } else if hashes.len() == outline.items as usize && list_hash(hashes.into_iter()) == outline.hash {
            Likeness::Same
        } else {
            Likeness::Other
        };
        Ok((self.all_there_is(), StoreOutcome::Outlined(likeness)))
    }

    /// Which of the offered items are missing here, or differ.
    pub(super) fn lacking(&mut self, items: Vec<Offered>) -> Answer {
        let mut wanted = Vec::new();
        for (item, at) in items.into_iter().zip(0u32..) {
            let slot = Slot::new(self.grid, item.bucket, item.key);
            match self.get(&codec::slot_key(&slot), &slot) {
                Ok(held) => {
                    let hash = held.map_or(0, |record| version_hash(slot.bucket, &slot.key, &record));
                    if hash != item.hash {
                        wanted.push(at);
                    }
                }
                // It is unknown, so it is wanted.
                Err(StoreFailure::Corrupt(_)) => wanted.push(at),
                Err(failure) => return Err(failure),
            }
        }
        Ok((self.all_there_is(), StoreOutcome::Wanted(wanted)))
    }

    /// What is not wanted must be as durable as what will be pushed.
    fn all_there_is(&self) -> Seq {
        if planted("an offer is answered before fsync") { Seq(0) } else { self.engine.applied() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Executor;
    use causal::{Actor, Dot, Stamp};
    use proto::hash::{list_hash, version_hash};
    use proto::{BucketId, ItemKey, Likeness, Outline, Record, Slot, StoreOutcome, Value, Version};
    use ring::Grid;
    use storage::{Engine, ModelDisk, ModelEngine, Seq};

    const BUCKET: BucketId = BucketId::DEFAULT;

    fn item(key: &str, counter: u64) -> (ItemKey, Record) {
        let dot = Dot { actor: Actor { node: 1, incarnation: 1 }, counter };
        let value = Some(Value::plain(key.to_owned()));
        let version = Version { stamp: Stamp::from_u64(counter), expires: None, value };
        // One partition key, so that all are neighbours.
        (ItemKey::sorted("list", key.to_owned()), Record::Latest { dot, version })
    }

    struct Bench(Executor<ModelEngine>);

    impl Bench {
        fn new() -> Bench {
            let engine = ModelDisk::new().open().expect("an empty disk");
            Bench(Executor::new(engine, Grid::new(16).expect("a power of two"), 1))
        }

        fn slot(&self, key: &ItemKey) -> Slot {
            Slot::new(self.0.grid, BUCKET, key.clone())
        }

        fn store(&mut self, (key, record): (ItemKey, Record)) {
            let slot = self.slot(&key);
            self.0.merge(slot, record, false).expect("a disk that works");
        }

        /// What is said of the page, and what must be on disk before.
        fn ask(&mut self, items: &[(ItemKey, Record)]) -> (StoreOutcome, Seq) {
            let hashes = items.iter().map(|(key, record)| version_hash(BUCKET, key, record));
            let outline = Outline {
                partition: self.slot(&items[0].0).partition,
                buckets: vec![BUCKET],
                first: (BUCKET, items[0].0.clone()),
                last: (BUCKET, items[items.len() - 1].0.clone()),
                items: items.len() as u32,
                hash: list_hash(hashes),
            };
            let (seq, outcome) = self.0.outline(&outline).expect("a disk that works");
            (outcome, seq)
        }

        fn likeness(&mut self, items: &[(ItemKey, Record)]) -> StoreOutcome {
            self.ask(items).0
        }
    }

    fn said(likeness: Likeness) -> StoreOutcome {
        StoreOutcome::Outlined(likeness)
    }

    #[test]
    fn a_stretch_is_the_same_or_empty_or_something_else() {
        let mut bench = Bench::new();
        let page = [item("b", 1), item("c", 2), item("d", 3)];
        assert_eq!(bench.likeness(&page), said(Likeness::Nothing));
        // What lies before and behind the stretch does not matter.
        bench.store(item("a", 4));
        bench.store(item("e", 5));
        assert_eq!(bench.likeness(&page), said(Likeness::Nothing));
        bench.store(page[0].clone());
        assert_eq!(bench.likeness(&page), said(Likeness::Other));
        bench.store(page[1].clone());
        bench.store(page[2].clone());
        assert_eq!(bench.likeness(&page), said(Likeness::Same));
        // A newer version of one of them, and one more among them.
        bench.store(item("c", 9));
        assert_eq!(bench.likeness(&page), said(Likeness::Other));
        bench.store(item("bb", 10));
        assert_eq!(bench.likeness(&[item("b", 1), item("c", 9), item("d", 3)]), said(Likeness::Other));
    }

    #[test]
    fn nothing_is_said_to_be_here_before_it_is_on_disk() {
        let mut bench = Bench::new();
        let page = [item("b", 1), item("c", 2)];
        page.iter().for_each(|item| bench.store(item.clone()));
        let written = bench.0.engine.applied();
        assert!(written > Seq(0));
        assert_eq!(bench.ask(&page), (said(Likeness::Same), written));
    }

    #[test]
    fn an_outline_that_ends_before_it_begins_is_like_nothing_here() {
        assert_eq!(Bench::new().likeness(&[item("c", 1), item("b", 2)]), said(Likeness::Other));
    }
}
