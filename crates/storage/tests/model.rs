//! What the model disk does when it crashes, fails and rots.
#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use std::ops::ControlFlow;

use bytes::Bytes;
use storage::{Batch, CrashLoss, Engine, Fault, ModelDisk, ModelEngine, Reader, Recovery, Seq, Space, StorageError};

fn put(key: &str, value: &str) -> Batch {
    let mut batch = Batch::new();
    batch.put(Space::Items, key.as_bytes(), value.to_owned());
    batch
}

fn get(engine: &dyn Reader, key: &str) -> Option<Bytes> {
    engine.get(Space::Items, key.as_bytes()).unwrap()
}

/// Ten batches of two keys each; the first three are durable.
fn ten_batches(disk: &ModelDisk) -> ModelEngine {
    let mut engine = disk.open().unwrap();
    for n in 1..=10 {
        let mut batch = put(&format!("a{n}"), "one");
        batch.put(Space::Hints, format!("b{n}"), "two");
        batch.put(Space::Items, *b"last", n.to_string());
        assert_eq!(engine.apply(batch), Ok(Seq(n)));
    }
    assert_eq!(disk.mark_durable(Seq(3)), Ok(Seq(3)));
    engine
}

#[test]
fn a_crash_keeps_a_prefix_of_whole_batches() {
    let mut kept_counts = std::collections::BTreeSet::new();
    for seed in 0..64 {
        let disk = ModelDisk::new();
        let _engine = ten_batches(&disk);
        let lost = disk.crash(CrashLoss::Suffix { seed });
        let kept = 10 - lost as u64;
        let engine = disk.open().unwrap();
        for n in 1..=10 {
            assert_eq!(get(&engine, &format!("a{n}")).is_some(), n <= kept, "seed {seed}");
            assert_eq!(engine.get(Space::Hints, format!("b{n}").as_bytes()).unwrap().is_some(), n <= kept);
        }
        assert_eq!(get(&engine, "last"), Some(Bytes::from(kept.to_string())));
        kept_counts.insert(kept);
    }
    assert_eq!(kept_counts.into_iter().collect::<Vec<_>>(), (3..=10).collect::<Vec<_>>());
}

#[test]
fn the_same_seed_loses_the_same() {
    let lost = |seed| {
        let disk = ModelDisk::new();
        let _engine = ten_batches(&disk);
        disk.crash(CrashLoss::Suffix { seed })
    };
    assert_eq!(lost(7), lost(7));
}

#[test]
fn a_crash_may_lose_everything_unsynced_or_nothing_or_the_disk() {
    for (loss, expected) in [(CrashLoss::Unsynced, 7), (CrashLoss::Nothing, 0), (CrashLoss::Disk, 7)] {
        let disk = ModelDisk::new();
        let _engine = ten_batches(&disk);
        assert_eq!(disk.crash(loss), expected);
        let engine = disk.open().unwrap();
        assert_eq!(get(&engine, "a3").is_some(), loss != CrashLoss::Disk);
        assert_eq!(get(&engine, "a4").is_some(), loss == CrashLoss::Nothing);
    }
}

#[test]
fn a_crash_takes_back_deletions() {
    let disk = ModelDisk::new();
    let mut engine = ten_batches(&disk);
    disk.mark_durable(Seq(10)).unwrap();
    let mut batch = Batch::new();
    batch.delete_range(Space::Items, *b"", None);
    batch.delete(Space::Hints, *b"b1");
    engine.apply(batch).unwrap();
    assert_eq!(get(&engine, "a1"), None);
    disk.crash(CrashLoss::Unsynced);
    let engine = disk.open().unwrap();
    assert_eq!(get(&engine, "a1"), Some(Bytes::from("one")));
    assert_eq!(engine.get(Space::Hints, b"b1").unwrap(), Some(Bytes::from("two")));
}

#[test]
fn handles_of_a_crashed_opening_are_closed() {
    let disk = ModelDisk::new();
    let mut old = ten_batches(&disk);
    let (reader, mut syncer) = (old.reader(), old.syncer());
    disk.crash(CrashLoss::Nothing);
    let new = disk.open().unwrap();
    assert_eq!(old.apply(put("x", "y")), Err(StorageError::Closed));
    assert_eq!(old.get(Space::Items, b"a1"), Err(StorageError::Closed));
    assert_eq!(reader.get(Space::Items, b"a1"), Err(StorageError::Closed));
    assert_eq!(syncer.sync(), Err(StorageError::Closed));
    drop(old);
    assert_eq!(get(&new, "a1"), Some(Bytes::from("one")), "dropping an old handle must not close the new one");
}

#[test]
fn a_disk_opens_once_at_a_time() {
    let disk = ModelDisk::new();
    let engine = disk.open().unwrap();
    assert!(matches!(disk.open(), Err(StorageError::Locked { .. })));
    drop(engine);
    assert!(disk.open().is_ok());
}

#[test]
fn a_failed_sync_poisons_writes_and_leaves_reads() {
    let disk = ModelDisk::new();
    let mut engine = disk.open().unwrap();
    engine.apply(put("k", "v")).unwrap();
    disk.fail_sync(1, Fault::Io);
    assert!(matches!(engine.syncer().sync(), Err(StorageError::Io { .. })));
    assert!(matches!(engine.syncer().sync(), Err(StorageError::Poisoned { .. })));
    assert!(matches!(engine.apply(put("k", "w")), Err(StorageError::Poisoned { .. })));
    assert_eq!(get(&engine, "k"), Some(Bytes::from("v")));
    assert_eq!((disk.applied(), disk.durable()), (Seq(1), Seq(0)));
}

#[test]
fn a_failed_apply_changes_nothing_and_poisons() {
    let disk = ModelDisk::new();
    let mut engine = disk.open().unwrap();
    disk.fail_apply(2, Fault::Io);
    assert_eq!(engine.apply(put("k", "v")), Ok(Seq(1)));
    assert!(matches!(engine.apply(put("k", "w")), Err(StorageError::Io { .. })));
    assert!(matches!(engine.syncer().sync(), Err(StorageError::Poisoned { .. })));
    assert_eq!(get(&engine, "k"), Some(Bytes::from("v")));
    drop(engine);
    assert_eq!(disk.open().unwrap().apply(put("k", "w")), Ok(Seq(1)), "a restart ends the poison");
}

#[test]
fn a_full_disk_refuses_what_grows_and_goes_on_when_there_is_room() {
    let disk = ModelDisk::new();
    let mut engine = disk.open().unwrap();
    disk.set_room(Some(5));
    assert_eq!(engine.apply(put("k", "v")), Ok(Seq(1)));
    assert!(matches!(engine.apply(put("long", "value")), Err(StorageError::Full { .. })));
    let mut batch = Batch::new();
    batch.put(Space::Meta, *b"own", "record");
    batch.delete(Space::Items, *b"k");
    assert_eq!(engine.apply(batch), Ok(Seq(2)), "the node's own records and deletions have a reserve");
    assert_eq!((get(&engine, "k"), get(&engine, "long")), (None, None));
    disk.set_room(None);
    assert_eq!(engine.apply(put("long", "value")), Ok(Seq(3)));
    assert_eq!(engine.syncer().sync(), Ok(Seq(3)));
}

#[test]
fn a_failed_sync_drops_what_it_should_have_written() {
    for crash in [false, true] {
        let disk = ModelDisk::new();
        let mut engine = disk.open().unwrap();
        engine.apply(put("old", "v")).unwrap();
        engine.syncer().sync().unwrap();
        engine.apply(put("new", "v")).unwrap();
        disk.fail_sync(1, Fault::Io);
        assert!(engine.syncer().sync().is_err());
        assert_eq!(get(&engine, "new"), Some(Bytes::from("v")), "reads go on");
        if crash {
            disk.crash(CrashLoss::Nothing);
        }
        drop(engine);
        let engine = disk.open().unwrap();
        assert_eq!((get(&engine, "old").is_some(), get(&engine, "new").is_some()), (true, false));
    }
}

#[test]
fn what_is_torn_is_cut_with_everything_behind_it() {
    let mut kept_counts = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let disk = ModelDisk::new();
        let _engine = ten_batches(&disk);
        let kept = 10 - disk.crash(CrashLoss::Torn { seed }) as u64;
        let engine = disk.open().unwrap();
        for n in 1..=10 {
            assert_eq!(get(&engine, &format!("a{n}")).is_some(), n <= kept, "seed {seed}");
            assert_eq!(engine.get(Space::Hints, format!("b{n}").as_bytes()).unwrap().is_some(), n <= kept);
        }
        kept_counts.insert(kept);
    }
    assert_eq!(kept_counts.into_iter().collect::<Vec<_>>(), (3..=10).collect::<Vec<_>>());
}

#[test]
fn a_recovery_with_a_bug_can_be_seen() {
    let (mut holes, mut halves) = (0, 0);
    for seed in 0..50 {
        for recovery in [Recovery::KeepsTail, Recovery::KeepsHalves] {
            let disk = ModelDisk::new();
            disk.set_recovery(recovery);
            let _engine = ten_batches(&disk);
            disk.crash(CrashLoss::Torn { seed });
            let engine = disk.open().unwrap();
            let a: Vec<bool> = (1..=10).map(|n| get(&engine, &format!("a{n}")).is_some()).collect();
            let b = |n: usize| engine.get(Space::Hints, format!("b{n}").as_bytes()).unwrap().is_some();
            holes += usize::from(a.windows(2).any(|pair| !pair[0] && pair[1]));
            halves += usize::from((1..=10).any(|n| a[n - 1] != b(n)));
        }
    }
    assert!(holes > 10 && halves > 10, "{holes} {halves}");
}

#[test]
fn a_disk_may_lie_about_a_sync_and_come_back_old_or_empty() {
    let disk = ModelDisk::new();
    let mut engine = disk.open().unwrap();
    engine.apply(put("k", "old")).unwrap();
    engine.syncer().sync().unwrap();
    let image = disk.fork();
    disk.set_lying(true);
    engine.apply(put("k", "new")).unwrap();
    assert_eq!(engine.syncer().sync(), Ok(Seq(2)));
    assert_eq!(disk.crash(CrashLoss::Unsynced), 1);
    disk.mend();
    let mut engine = disk.open().unwrap();
    assert_eq!(get(&engine, "k"), Some(Bytes::from("old")));
    engine.apply(put("k", "newest")).unwrap();
    engine.syncer().sync().unwrap();
    drop(engine);
    disk.restore(&image);
    assert_eq!(get(&disk.open().unwrap(), "k"), Some(Bytes::from("old")));
    disk.crash(CrashLoss::Disk);
    assert!(disk.is_empty());
}

#[test]
fn a_refused_batch_harms_nothing() {
    let disk = ModelDisk::new();
    let mut engine = disk.open().unwrap();
    let mut batch = put("k", "v");
    batch.put(Space::Items, vec![0; 70_000], "long");
    assert!(matches!(engine.apply(batch), Err(StorageError::KeyTooLong { len: 70_000, .. })));
    assert_eq!(get(&engine, "k"), None);
    assert_eq!(engine.apply(put("k", "v")), Ok(Seq(1)));
}

#[test]
fn reads_fail_when_told_to() {
    let disk = ModelDisk::new();
    let engine = ten_batches(&disk);
    disk.fail_read(2, Fault::Corrupt);
    assert!(engine.get(Space::Items, b"a1").is_ok());
    assert!(matches!(engine.get(Space::Items, b"a1"), Err(StorageError::Corrupt { .. })));
    assert!(engine.get(Space::Items, b"a1").is_ok());
}

#[test]
fn rot_flips_one_bit_and_stays() {
    let disk = ModelDisk::new();
    let engine = ten_batches(&disk);
    disk.mark_durable(Seq(10)).unwrap();
    assert!(disk.corrupt(Space::Items, b"a1", 8 + 24));
    assert!(!disk.corrupt(Space::Items, b"absent", 0));
    assert_eq!(get(&engine, "a1"), Some(Bytes::from(vec![b'o', b'n' ^ 1, b'e'])), "bit 32 of 24 is bit 8");
    let rotten = disk.rot(Space::Hints, 4).unwrap();
    assert_ne!(engine.get(Space::Hints, &rotten).unwrap(), Some(Bytes::from("two")));
    assert_eq!(disk.rot(Space::Meta, 4), None);
}

#[test]
fn a_fork_is_an_independent_image() {
    let disk = ModelDisk::new();
    let mut engine = ten_batches(&disk);
    let image = disk.fork();
    engine.apply(put("a1", "changed")).unwrap();
    assert_eq!(get(&image.open().unwrap(), "a1"), Some(Bytes::from("one")));
}

#[test]
fn a_scan_sees_one_moment_and_may_read_meanwhile() {
    let disk = ModelDisk::new();
    let engine = ten_batches(&disk);
    let mut seen = 0;
    let mut visit = |key: &[u8], value: &Bytes| {
        assert_eq!(engine.get(Space::Items, key).unwrap().as_ref(), Some(value));
        seen += 1;
        if seen == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    engine.scan(Space::Items, b"a", Some(b"b"), &mut visit).unwrap();
    assert_eq!(seen, 5);
}
