//! A full disk, the same for both engines: what grows is refused and changes nothing, reads, the node's own records and
//! deletions go on, and when there is room again writes go on without opening anew.
//!
//! The disk engine's part needs the right to mount a tmpfs; without it the test says so and passes.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of a test; a skip must be seen")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bytes::Bytes;
use storage::{
    Batch, DiskEngine, DiskOptions, Engine, ModelDisk, ModelEngine, Reader, Seq, Space, StorageError, Syncer,
};

/// Without a reserve, so that the device is full to the last byte.
const OPTIONS: DiskOptions =
    DiskOptions { cache_bytes: 1 << 20, memtable_bytes: 1 << 20, journal_bytes: 16 << 20, reserve_bytes: 0 };
const KEYS: u64 = 300;

/// Refusals after which a disk has been full for long enough; merges may find room in between.
const REFUSALS: u32 = 200;

/// A disk that gets full and has room again.
trait Disk {
    type Engine: Engine;

    fn open(&self) -> Self::Engine;

    /// From now on there is room for a few megabytes only.
    fn limit(&mut self);

    /// Gives room for at least 20 writes, but less than all keys with a merge of them take.
    fn make_room(&mut self);
}

impl Disk for ModelDisk {
    type Engine = ModelEngine;

    fn open(&self) -> ModelEngine {
        ModelDisk::open(self).unwrap()
    }

    fn limit(&mut self) {
        self.set_room(Some(4 << 20));
    }

    fn make_room(&mut self) {
        self.set_room(None);
    }
}

/// A small file system, unmounted on drop.
struct Device {
    path: PathBuf,
    megabytes: u64,
    options: DiskOptions,
}

impl Device {
    fn mount(path: &Path, reserve_bytes: u64) -> Option<Device> {
        let options = DiskOptions { reserve_bytes, ..OPTIONS };
        let device = Device { path: path.to_owned(), megabytes: 16, options };
        mount(&["-t", "tmpfs", "-o", "size=16m", "tmpfs"], path).then_some(device)
    }
}

impl Disk for Device {
    type Engine = DiskEngine;

    fn open(&self) -> DiskEngine {
        DiskEngine::open(&self.path.join("data"), &self.options).unwrap()
    }

    fn limit(&mut self) {}

    fn make_room(&mut self) {
        self.megabytes += 12;
        assert!(mount(&["-o", &format!("remount,size={}m", self.megabytes)], &self.path));
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.path).status();
    }
}

fn mount(arguments: &[&str], path: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(arguments).arg(path).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// An open engine, and what must be in it.
struct Life<E: Engine> {
    engine: E,
    syncer: Box<dyn Syncer>,
    /// The last write that was taken.
    newest: u64,
    applied: Seq,
}

impl<E: Engine> Life<E> {
    fn of(engine: E) -> Life<E> {
        let syncer = engine.syncer();
        Life { engine, syncer, newest: 0, applied: Seq(0) }
    }

    /// Applies and syncs. False if there was no room.
    fn apply(&mut self, batch: Batch) -> bool {
        match self.engine.apply(batch) {
            Ok(seq) => {
                assert_eq!(seq, self.applied.next(), "a refused batch has no number");
                self.applied = seq;
                assert_eq!(self.syncer.sync(), Ok(seq));
                true
            }
            Err(StorageError::Full { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// The next write. Some of it overwrites, so that merges have work on the full disk, too.
    fn write(&mut self) -> bool {
        let n = self.newest + 1;
        let mut batch = Batch::new();
        batch.put(Space::Items, (n % KEYS).to_be_bytes(), value(n));
        batch.put(Space::Meta, *b"newest", n.to_be_bytes().to_vec());
        let taken = self.apply(batch);
        self.newest += u64::from(taken);
        taken
    }

    fn write_until_full(&mut self) {
        let mut refused = 0;
        while refused < REFUSALS {
            refused += u32::from(!self.write());
        }
        self.check();
    }

    /// A node must be able to write its own records, and to delete, or it could do nothing about the full disk.
    fn use_the_reserve(&mut self) {
        for n in 0..100u8 {
            let mut batch = Batch::new();
            batch.put(Space::Meta, *b"own record", vec![n; 100]);
            assert!(self.apply(batch), "own record {n}");
        }
        let mut batch = Batch::new();
        batch.put(Space::Meta, *b"own record", "written with a deletion");
        batch.delete(Space::Hints, *b"hint");
        assert!(self.apply(batch));
        assert_eq!(self.engine.get(Space::Hints, b"hint").unwrap(), None);
        // A merge may have found room meanwhile, but it is as full as before soon.
        self.write_until_full();
    }

    /// Workers find the room within a fraction of a second; until then writes are refused.
    fn write_twenty(&mut self) {
        let end = self.newest + 20;
        while self.newest < end {
            if !self.write() {
                std::thread::yield_now();
            }
        }
        self.check();
    }

    /// Everything up to the newest write is there, and nothing else.
    fn check(&self) {
        check(&self.engine, self.newest);
        check(&*self.engine.reader(), self.newest);
    }
}

fn value(n: u64) -> Bytes {
    let mut value = vec![n as u8; 64 << 10];
    stdx::Prng::new(n).shuffle(&mut value[..8]);
    value[8..16].copy_from_slice(&n.to_le_bytes());
    Bytes::from(value)
}

fn check(reader: &dyn Reader, newest: u64) {
    assert_eq!(reader.get(Space::Meta, b"newest").unwrap(), Some(Bytes::from(newest.to_be_bytes().to_vec())));
    for n in newest.saturating_sub(KEYS - 1).max(1)..=newest {
        assert!(reader.get(Space::Items, &(n % KEYS).to_be_bytes()).unwrap() == Some(value(n)), "{n} of {newest}");
    }
    let mut keys = 0;
    let mut visit = |_: &[u8], _: &Bytes| {
        keys += 1;
        std::ops::ControlFlow::Continue(())
    };
    reader.scan(Space::Items, b"", None, &mut visit).unwrap();
    assert_eq!(keys, newest.min(KEYS));
}

fn a_full_disk_refuses_and_then_goes_on(mut disk: impl Disk) {
    let mut life = Life::of(disk.open());
    for _ in 0..4 {
        let mut hint = Batch::new();
        hint.put(Space::Hints, *b"hint", "to be deleted");
        assert!(life.apply(hint));
        disk.limit();
        life.write_until_full();
        life.use_the_reserve();
        disk.make_room();
        life.write_twenty();
    }
    let newest = life.newest;
    drop(life);
    check(&disk.open(), newest);
}

#[test]
fn a_full_model_disk_refuses_and_then_goes_on() {
    a_full_disk_refuses_and_then_goes_on(ModelDisk::new());
}

/// The device of a test, if it may be mounted.
fn device(path: &Path, reserve_bytes: u64, test: &str) -> Option<Device> {
    let device = Device::mount(path, reserve_bytes);
    if device.is_none() {
        eprintln!("SKIPPED {test}: no right to mount a tmpfs");
    }
    device
}

#[test]
fn a_full_device_refuses_and_then_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let Some(device) = device(dir.path(), 0, "a_full_device_refuses_and_then_goes_on") else { return };
    a_full_disk_refuses_and_then_goes_on(device);
}

#[test]
fn a_device_with_a_reserve_refuses_and_then_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let Some(device) = device(dir.path(), 1 << 30, "a_device_with_a_reserve_refuses_and_then_goes_on") else { return };
    a_full_disk_refuses_and_then_goes_on(device);
}

/// More deletions than the end of a journal file has room for: what a node does when its partitions move elsewhere.
#[test]
fn a_reserve_is_for_large_deletions() {
    let dir = tempfile::tempdir().unwrap();
    let Some(device) = device(dir.path(), 1 << 30, "a_reserve_is_for_large_deletions") else { return };
    let mut life = Life::of(device.open());
    life.write_until_full();
    for part in 0..4u64 {
        let mut deletions = Batch::new();
        for n in 0..1_000u64 {
            deletions.delete(Space::Hints, [[7; 92].as_slice(), &(part * 1_000 + n).to_be_bytes()].concat());
        }
        assert!(life.apply(deletions), "part {part}");
    }
    life.check();
}

/// A node that was killed on a full disk can be opened on it, read, and goes on when there is room.
#[test]
fn a_full_device_can_be_opened() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut device) = device(dir.path(), 0, "a_full_device_can_be_opened") else { return };
    let mut life = Life::of(device.open());
    life.write_until_full();
    let newest = life.newest;
    drop(life);
    let mut life = Life { newest, ..Life::of(device.open()) };
    life.check();
    device.make_room();
    life.write_twenty();
}
