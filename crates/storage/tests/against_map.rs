//! Random histories on the disk engine, the model engine and a plain map must agree, also after reopening.
#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::test_runner::Config;
use storage::{Batch, Change, DiskEngine, DiskOptions, Engine, ModelDisk, Reader, Seq, Space};

type Map = BTreeMap<(Space, Vec<u8>), Bytes>;

#[derive(Clone, Debug)]
enum Step {
    Apply(Vec<Change>),
    Sync,
    Reopen,
}

fn space() -> impl Strategy<Value = Space> {
    prop_oneof![3 => Just(Space::Items), 1 => Just(Space::Meta), 1 => Just(Space::Hints)]
}

/// Few short keys, so that histories overwrite, delete and cover each other.
fn key() -> impl Strategy<Value = Vec<u8>> {
    vec(0u8..4, 1..4)
}

fn change() -> impl Strategy<Value = Change> {
    let value = vec(any::<u8>(), 0..40).prop_map(Bytes::from);
    let end = proptest::option::of(vec(0u8..4, 0..4));
    prop_oneof![
        6 => (space(), key(), value).prop_map(|(space, key, value)| Change::Put { space, key, value }),
        2 => (space(), key()).prop_map(|(space, key)| Change::Delete { space, key }),
        1 => (space(), vec(0u8..4, 0..4), end).prop_map(|(space, start, end)| Change::DeleteRange { space, start, end }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => vec(change(), 0..6).prop_map(Step::Apply),
        2 => Just(Step::Sync),
        1 => Just(Step::Reopen),
    ]
}

fn apply_to_map(map: &mut Map, changes: &[Change]) {
    for change in changes {
        match change.clone() {
            Change::Put { space, key, value } => {
                map.insert((space, key), value);
            }
            Change::Delete { space, key } => {
                map.remove(&(space, key));
            }
            Change::DeleteRange { space, start, end } => {
                let inside =
                    |key: &[u8]| key >= start.as_slice() && end.as_ref().is_none_or(|end| key < end.as_slice());
                map.retain(|(of, key), _| *of != space || !inside(key));
            }
        }
    }
}

fn content(engine: &dyn Reader, space: Space, start: &[u8], end: Option<&[u8]>) -> Vec<(Vec<u8>, Bytes)> {
    let mut all = Vec::new();
    let mut visit = |key: &[u8], value: &Bytes| {
        all.push((key.to_vec(), value.clone()));
        ControlFlow::Continue(())
    };
    engine.scan(space, start, end, &mut visit).unwrap();
    all
}

fn check(engine: &dyn Reader, map: &Map) {
    for space in Space::ALL {
        let expected: Vec<_> = map.iter().filter(|((of, _), _)| *of == space).collect();
        let expected: Vec<_> = expected.into_iter().map(|((_, key), value)| (key.clone(), value.clone())).collect();
        assert_eq!(content(engine, space, b"", None), expected);
        let mut part = expected.clone();
        part.retain(|(key, _)| key.as_slice() >= &[1][..] && key.as_slice() < &[2, 1][..]);
        assert_eq!(content(engine, space, &[1], Some(&[2, 1])), part);
        for (key, value) in &expected {
            assert_eq!(engine.get(space, key).unwrap().as_ref(), Some(value));
        }
        assert_eq!(engine.get(space, b"absent").unwrap(), None);
    }
}

proptest! {
    #![proptest_config(Config { cases: 32, ..Config::default() })]
    #[test]
    fn engines_agree_with_a_map(steps in vec(step(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let options = DiskOptions::default();
        let disk = ModelDisk::new();
        let mut real = DiskEngine::open(dir.path(), &options).unwrap();
        let mut model = disk.open().unwrap();
        let mut map = Map::new();
        let mut seq = Seq(0);
        for step in steps {
            match step {
                Step::Apply(changes) => {
                    apply_to_map(&mut map, &changes);
                    seq = seq.next();
                    assert_eq!(real.apply(Batch::from(changes.clone())), Ok(seq));
                    assert_eq!(model.apply(Batch::from(changes)), Ok(seq));
                }
                Step::Sync => {
                    assert_eq!(real.syncer().sync(), Ok(seq));
                    assert_eq!(model.syncer().sync(), Ok(seq));
                }
                Step::Reopen => {
                    drop((real, model));
                    real = DiskEngine::open(dir.path(), &options).unwrap();
                    model = disk.open().unwrap();
                    seq = Seq(0);
                }
            }
            check(&real, &map);
            check(&*model.reader(), &map);
        }
        check(&*real.reader(), &map);
    }
}

/// Long enough for memory tables to be written out and tables to be merged, range deletions among them.
#[test]
fn the_disk_engine_agrees_with_a_map_through_its_tables() {
    let dir = tempfile::tempdir().unwrap();
    let options =
        DiskOptions { memtable_bytes: 64 << 10, journal_bytes: 2 << 20, cache_bytes: 1 << 20, reserve_bytes: 0 };
    let mut engine = DiskEngine::open(dir.path(), &options).unwrap();
    let mut map = Map::new();
    let mut prng = stdx::Prng::new(3);
    for step in 0..4_000u64 {
        let changes: Vec<Change> = (0..prng.between(1, 4)).map(|_| random_change(&mut prng)).collect();
        apply_to_map(&mut map, &changes);
        engine.apply(Batch::from(changes)).unwrap();
        if step % 401 == 400 {
            check(&engine, &map);
        }
        if step % 900 == 899 {
            drop(engine);
            engine = DiskEngine::open(dir.path(), &options).unwrap();
            check(&engine, &map);
        }
    }
    check(&engine, &map);
    let tables = std::fs::read_dir(dir.path().join("engine/items/tables")).unwrap().count();
    assert!(tables > 0, "nothing was written out");
}

fn random_change(prng: &mut stdx::Prng) -> Change {
    let space = *prng.pick(&[Space::Items, Space::Items, Space::Hints]).unwrap();
    let key = |prng: &mut stdx::Prng| (0..3).map(|_| prng.below(7) as u8).collect::<Vec<u8>>();
    match prng.below(40) {
        0 => {
            let start = key(prng);
            let mut end = start.clone();
            end[prng.below(3) as usize] += 1;
            Change::DeleteRange { space, start, end: Some(end) }
        }
        1..=8 => Change::Delete { space, key: key(prng) },
        _ => {
            let value = vec![prng.below(256) as u8; prng.below(2_000) as usize];
            Change::Put { space, key: key(prng), value: Bytes::from(value) }
        }
    }
}
