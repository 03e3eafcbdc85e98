//! What the disk engine does with its directory, its bounds and its handles.
#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use bytes::Bytes;
use storage::{Batch, DiskEngine, DiskOptions, Engine, KEY_BYTES_MAX, Reader, Seq, Space, StorageError};

fn open(path: &Path) -> Result<DiskEngine, StorageError> {
    DiskEngine::open(path, &DiskOptions::default())
}

fn count(reader: &dyn Reader, start: &[u8], end: Option<&[u8]>) -> usize {
    let mut count = 0;
    let mut visit = |_: &[u8], _: &Bytes| {
        count += 1;
        ControlFlow::Continue(())
    };
    reader.scan(Space::Items, start, end, &mut visit).unwrap();
    count
}

#[test]
fn a_directory_is_open_in_one_process_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path()).unwrap();
    let error = open(dir.path()).err().unwrap();
    assert!(matches!(&error, StorageError::Locked { path } if path.ends_with("LOCK")), "{error}");
    let reader = engine.reader();
    drop(engine);
    assert!(matches!(open(dir.path()), Err(StorageError::Locked { .. })), "a reader still holds it");
    drop(reader);
    assert!(open(dir.path()).is_ok());
}

#[test]
fn a_foreign_directory_and_another_format_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("ibdata1"), "another database").unwrap();
    assert!(matches!(open(dir.path()), Err(StorageError::Format { .. })));
    fs::remove_file(dir.path().join("ibdata1")).unwrap();
    drop(open(dir.path()).unwrap());
    fs::write(dir.path().join("FORMAT"), "alianza data directory\nformat 9\ncrc32 00000000\n").unwrap();
    let error = open(dir.path()).err().unwrap();
    assert!(matches!(&error, StorageError::Format { found, .. } if found == "format 9"), "{error}");
}

#[test]
fn bounds_are_errors_not_panics() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = open(dir.path()).unwrap();
    let mut longest = Batch::new();
    longest.put(Space::Items, vec![1; KEY_BYTES_MAX], "fits");
    assert_eq!(engine.apply(longest), Ok(Seq(1)));
    for (key, refused) in [
        (vec![1; KEY_BYTES_MAX + 1], StorageError::KeyTooLong { len: KEY_BYTES_MAX + 1, max: KEY_BYTES_MAX }),
        (vec![], StorageError::KeyEmpty),
    ] {
        let mut batch = Batch::new();
        batch.put(Space::Meta, *b"companion", "must not appear");
        batch.put(Space::Items, key.clone(), "x");
        assert_eq!(engine.apply(batch), Err(refused));
        assert_eq!(engine.get(Space::Items, &key), Ok(None));
        assert_eq!(count(&engine, &key, None), usize::from(key.is_empty()));
        assert_eq!(engine.get(Space::Meta, b"companion"), Ok(None));
    }
    assert_eq!(engine.apply(Batch::new()), Ok(Seq(2)), "a refusal does not poison");
}

#[test]
fn a_long_range_goes_with_its_batch() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = open(dir.path()).unwrap();
    for chunk in 0..10u32 {
        let mut batch = Batch::new();
        for n in 0..1000 {
            batch.put(Space::Items, (chunk * 1000 + n).to_be_bytes(), "v");
        }
        engine.apply(batch).unwrap();
    }
    let mut batch = Batch::new();
    batch.put(Space::Items, 20u32.to_be_bytes(), "gone with the range");
    batch.delete_range(Space::Items, 10u32.to_be_bytes(), Some(9_990u32.to_be_bytes().to_vec()));
    batch.put(Space::Items, 30u32.to_be_bytes(), "after the range");
    engine.apply(batch).unwrap();
    assert_eq!(count(&engine, b"", None), 21);
    assert_eq!(engine.get(Space::Items, &30u32.to_be_bytes()).unwrap().unwrap(), "after the range");
    drop(engine);
    assert_eq!(count(&open(dir.path()).unwrap(), b"", None), 21);
}

#[test]
fn a_scan_on_another_thread_sees_whole_batches() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = open(dir.path()).unwrap();
    let reader = engine.reader();
    let scans = std::thread::spawn(move || {
        (0..2000).map(|_| count(&*reader, b"", None)).inspect(|n| assert_eq!(n % 8, 0)).max()
    });
    for n in 0..500u32 {
        let mut batch = Batch::new();
        (0..8u32).for_each(|part| batch.put(Space::Items, [part.to_be_bytes(), n.to_be_bytes()].concat(), "v"));
        engine.apply(batch).unwrap();
    }
    scans.join().unwrap();
    assert_eq!(count(&engine, b"", None), 4000);
}

/// A scan shows the moment at which it began, while everything is overwritten, deleted, written out and merged.
#[test]
fn a_scan_shows_one_moment() {
    let dir = tempfile::tempdir().unwrap();
    let options = DiskOptions { memtable_bytes: 64 << 10, ..DiskOptions::default() };
    let mut engine = DiskEngine::open(dir.path(), &options).unwrap();
    let put = |engine: &mut DiskEngine, n: u32, value: &[u8]| {
        let mut batch = Batch::new();
        batch.put(Space::Items, n.to_be_bytes(), value.to_vec());
        engine.apply(batch).unwrap();
    };
    (0..2_000).for_each(|n| put(&mut engine, n, b"before"));
    let reader = engine.reader();
    let mut seen = 0;
    let mut visit = |key: &[u8], value: &Bytes| {
        assert_eq!(value, "before");
        assert_eq!(key, u32::to_be_bytes(seen));
        match seen {
            10 => (0..2_000).for_each(|n| put(&mut engine, n, &[7; 300])),
            100 => {
                let mut batch = Batch::new();
                batch.delete_range(Space::Items, *b"", None);
                engine.apply(batch).unwrap();
            }
            200 => (0..2_000).for_each(|n| put(&mut engine, n, &[8; 300])),
            _ => {}
        }
        seen += 1;
        ControlFlow::Continue(())
    };
    reader.scan(Space::Items, b"", None, &mut visit).unwrap();
    assert_eq!(seen, 2_000);
    assert_eq!(engine.get(Space::Items, &5u32.to_be_bytes()).unwrap().unwrap(), [8; 300].as_slice());
}

#[test]
fn journal_files_are_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let options = DiskOptions { memtable_bytes: 4 << 20, journal_bytes: 16 << 20, ..DiskOptions::default() };
    let mut engine = DiskEngine::open(dir.path(), &options).unwrap();
    let mut syncer = engine.syncer();
    let value = Bytes::from(vec![7; 256 << 10]);
    for n in 0..600u32 {
        let mut batch = Batch::new();
        batch.put(Space::Items, n.to_be_bytes(), value.clone());
        let seq = engine.apply(batch).unwrap();
        assert_eq!(syncer.sync(), Ok(seq));
    }
    let files = || fs::read_dir(dir.path().join("engine/journal")).unwrap().map(|entry| entry.unwrap());
    let bytes: u64 = files().map(|entry| entry.metadata().unwrap().len()).sum();
    assert!(bytes < 40 << 20, "150 MiB went through {bytes} bytes of journal");
    assert!(engine.size().unwrap() > 100 << 20);
    drop((engine, syncer));
    assert_eq!(count(&open(dir.path()).unwrap(), b"", None), 600);
}

/// One hot key must not fill memory with versions that nobody can see, nor let the journal grow without end.
#[test]
fn overwriting_one_key_stays_small() {
    let dir = tempfile::tempdir().unwrap();
    let options = DiskOptions { journal_bytes: 2 << 20, ..DiskOptions::default() };
    let mut engine = DiskEngine::open(dir.path(), &options).unwrap();
    for n in 0..20_000u32 {
        let mut batch = Batch::new();
        batch.put(Space::Items, *b"hot", vec![n as u8; 1000]);
        engine.apply(batch).unwrap();
    }
    assert_eq!(engine.syncer().sync(), Ok(Seq(20_000)));
    assert!(engine.size().unwrap() < 6 << 20, "{}", engine.size().unwrap());
}

#[test]
fn sizes_and_numbers_start_small() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path()).unwrap();
    assert!(engine.size().unwrap() < 1 << 20);
    assert_eq!(engine.applied(), Seq(0));
    assert_eq!(engine.syncer().sync(), Ok(Seq(0)));
}
