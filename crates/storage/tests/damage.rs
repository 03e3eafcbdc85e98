//! Flipped bits and missing files: an opening or a read either gives what was written or says what is damaged.
#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use stdx::Prng;
use storage::{Batch, DiskEngine, DiskOptions, Engine, Reader, Space, StorageError};

const OPTIONS: DiskOptions =
    DiskOptions { cache_bytes: 1 << 20, memtable_bytes: 1 << 20, journal_bytes: 2 << 20, reserve_bytes: 0 };

type Content = BTreeMap<Vec<u8>, Bytes>;

/// Tables on two levels, something in the journal, a clean end.
fn fill(path: &Path) -> Content {
    let mut prng = Prng::new(11);
    let mut content = Content::new();
    let mut engine = DiskEngine::open(path, &OPTIONS).unwrap();
    for _ in 0..6_000u32 {
        let (key, value) = (prng.below(2_000).to_be_bytes().to_vec(), prng.next_u128().to_be_bytes().repeat(25));
        let mut batch = Batch::new();
        if prng.chance(100_000) {
            batch.delete(Space::Items, key.clone());
            content.remove(&key);
        } else {
            batch.put(Space::Items, key.clone(), value.clone());
            content.insert(key, Bytes::from(value));
        }
        engine.apply(batch).unwrap();
    }
    engine.syncer().sync().unwrap();
    content
}

fn files(path: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.append(&mut self::files(&path)) } else { files.push(path) }
    }
    files
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, target).unwrap();
    }
}

/// Reads everything, both ways.
fn read_all(path: &Path, content: &Content) -> Result<(), StorageError> {
    let engine = DiskEngine::open(path, &OPTIONS)?;
    let mut seen = Content::new();
    let mut visit = |key: &[u8], value: &Bytes| {
        seen.insert(key.to_vec(), value.clone());
        ControlFlow::Continue(())
    };
    let scanned = engine.scan(Space::Items, b"", None, &mut visit);
    for (key, value) in &seen {
        assert!(content.get(key) == Some(value), "a wrong answer");
    }
    for n in 0..2_000u64 {
        let key = n.to_be_bytes();
        match engine.get(Space::Items, &key) {
            Ok(value) => assert!(value.as_ref() == content.get(key.as_slice()), "a wrong answer"),
            Err(error) => assert!(matches!(error, StorageError::Corrupt { .. }), "{error}"),
        }
    }
    scanned?;
    assert_eq!(&seen, content);
    Ok(())
}

/// What is wrong with the copy is told with the name of something in it.
fn assert_named(error: &StorageError, path: &Path) {
    match error {
        StorageError::Corrupt { what, .. } => assert!(what.starts_with(&*path.to_string_lossy()), "{error}"),
        error => assert!(error.is_loss() || matches!(error, StorageError::Format { .. }), "{error}"),
    }
}

#[test]
fn flipped_bits_are_told_and_never_believed() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, damaged) = (dir.path().join("whole"), dir.path().join("damaged"));
    let content = fill(&whole);
    read_all(&whole, &content).unwrap();
    let mut prng = Prng::new(12);
    let mut told = 0;
    for file in files(&whole) {
        let len = fs::metadata(&file).unwrap().len();
        for _ in 0..12.min(len) {
            copy(&whole, &damaged);
            let target = damaged.join(file.strip_prefix(&whole).unwrap());
            let mut bytes = fs::read(&target).unwrap();
            bytes[prng.below(len) as usize] ^= 1 << prng.below(8);
            fs::write(&target, bytes).unwrap();
            if let Err(error) = read_all(&damaged, &content) {
                assert_named(&error, &damaged);
                told += 1;
            }
            fs::remove_dir_all(&damaged).unwrap();
        }
    }
    assert!(told > 10, "{told}");
}

#[test]
fn missing_and_cut_files_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, damaged) = (dir.path().join("whole"), dir.path().join("damaged"));
    let content = fill(&whole);
    drop(DiskEngine::open(&whole, &OPTIONS).unwrap());
    for file in files(&whole).into_iter().filter(|file| !file.ends_with("LOCK")) {
        for cut in [false, true] {
            copy(&whole, &damaged);
            let target = damaged.join(file.strip_prefix(&whole).unwrap());
            if cut {
                let bytes = fs::read(&target).unwrap();
                fs::write(&target, &bytes[..bytes.len() / 2]).unwrap();
            } else {
                fs::remove_file(&target).unwrap();
            }
            if let Err(error) = read_all(&damaged, &content) {
                assert_named(&error, &damaged);
            }
            fs::remove_dir_all(&damaged).unwrap();
        }
    }
}
