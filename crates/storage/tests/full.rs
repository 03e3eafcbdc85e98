//! A full device: the write that meets it says `Full`, later ones `Poisoned`, reads go on, and after room was made
//! the directory opens with everything that was acknowledged.
//!
//! Needs the right to mount a tmpfs; without it the test says so and passes.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of a test; a skip must be seen")]

use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use storage::{Batch, DiskEngine, DiskOptions, Engine, Reader, Seq, Space, StorageError, Syncer};

const OPTIONS: DiskOptions = DiskOptions { cache_bytes: 1 << 20, memtable_bytes: 4 << 20, journal_bytes: 64 << 20 };

/// A small file system, unmounted on drop.
struct Device<'a>(&'a Path);

impl Device<'_> {
    fn mount(path: &Path) -> Option<Device<'_>> {
        mount(&["-t", "tmpfs", "-o", "size=24m", "tmpfs"], path).then_some(Device(path))
    }

    fn grow(&self) {
        assert!(mount(&["-o", "remount,size=256m"], self.0));
    }
}

impl Drop for Device<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

fn mount(arguments: &[&str], path: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(arguments).arg(path).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Writes until something fails; returns the failure and the last durable batch.
fn fill(engine: &mut DiskEngine, syncer: &mut dyn Syncer) -> (StorageError, Seq) {
    let mut durable = Seq(0);
    for n in 1..1_000u64 {
        let mut batch = Batch::new();
        // Some of it is overwritten, so that compactions have work on the full device, too.
        batch.put(Space::Items, (n % 300).to_be_bytes(), vec![n as u8; 64 << 10]);
        batch.put(Space::Meta, *b"newest", n.to_be_bytes().to_vec());
        match engine.apply(batch).and_then(|_| syncer.sync()) {
            Ok(seq) => durable = seq,
            Err(error) => return (error, durable),
        }
    }
    panic!("the device never filled up");
}

#[test]
fn a_full_device_is_named_and_survived() {
    let dir = tempfile::tempdir().unwrap();
    let Some(device) = Device::mount(dir.path()) else {
        eprintln!("SKIPPED a_full_device_is_named_and_survived: no right to mount a tmpfs");
        return;
    };
    let path = dir.path().join("data");
    let mut engine = DiskEngine::open(&path, &OPTIONS).unwrap();
    let mut syncer = engine.syncer();
    let (error, durable) = fill(&mut engine, &mut *syncer);
    assert!(matches!(error, StorageError::Full { .. }), "{error}");
    assert!(durable > Seq(10));
    assert!(matches!(engine.apply(Batch::new()), Err(StorageError::Poisoned { .. })));
    assert!(matches!(syncer.sync(), Err(StorageError::Poisoned { .. })));
    assert_eq!(engine.get(Space::Items, &1u64.to_be_bytes()).unwrap(), Some(Bytes::from(vec![1; 64 << 10])));

    drop((engine, syncer));
    device.grow();
    let mut engine = DiskEngine::open(&path, &OPTIONS).unwrap();
    let newest = engine.get(Space::Meta, b"newest").unwrap().unwrap();
    let newest = u64::from_be_bytes(newest.as_ref().try_into().unwrap());
    assert!(newest >= durable.0, "{newest} < {durable}");
    for n in newest.saturating_sub(299).max(1)..=newest {
        let value = engine.get(Space::Items, &(n % 300).to_be_bytes()).unwrap();
        assert_eq!(value, Some(Bytes::from(vec![n as u8; 64 << 10])), "batch {n} of {newest}");
    }
    assert_eq!(engine.apply(Batch::new()), Ok(Seq(1)));
    assert_eq!(engine.syncer().sync(), Ok(Seq(1)));
    drop(engine);
}
