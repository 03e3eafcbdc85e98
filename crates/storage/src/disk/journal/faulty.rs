//! A folder in memory that does to its files what disks do: it loses and tears writes that were not synced, in any
//! order; forgets names that were not synced; fails at a chosen operation; fills up; flips bits.
//!
//! Invariant: what was synced without an error survives every crash, unless a bit is flipped in it.
//! Refuses to know journals.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use stdx::Prng;

use super::super::guard::lock;
use super::vfs::{Room, Vfs, VfsFile};

/// Writes are torn at multiples of this, and sometimes within.
const SECTOR: usize = 512;

/// A folder with faults. Clones are handles to the same one.
#[derive(Clone, Default)]
pub(super) struct FaultyFolder {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Default)]
struct Disk {
    /// Names as programs see them, and as they are on disk.
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    files: Vec<Content>,
    /// Operations that change something, so far.
    operations: u64,
    /// From this operation on everything fails, until the next crash.
    die_at: Option<u64>,
    /// The operation that fails alone.
    fail_at: Option<u64>,
    /// Bytes that files may have in all.
    room: Option<u64>,
    /// Counts crashes; older handles are dead.
    life: u64,
}

#[derive(Clone, Default)]
struct Content {
    seen: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate { len: usize },
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Write { at, bytes: written } => {
                bytes.resize(bytes.len().max(at + written.len()), 0);
                bytes[*at..at + written.len()].copy_from_slice(written);
            }
            Change::Truncate { len } => bytes.truncate(*len),
        }
    }

    /// The change cut into what a disk writes at once.
    fn parts(&self, prng: &mut Prng) -> Vec<Change> {
        let Change::Write { at, bytes } = self else { return vec![self.clone()] };
        let mut parts = Vec::new();
        let mut begin = 0;
        while begin < bytes.len() {
            let to_sector = SECTOR - (at + begin) % SECTOR;
            // Now and then a sector is torn within, as some media do.
            let step = if prng.chance(60_000) { prng.between(1, SECTOR as u64) as usize } else { to_sector };
            let end = (begin + step).min(bytes.len());
            parts.push(Change::Write { at: at + begin, bytes: bytes[begin..end].to_vec() });
            begin = end;
        }
        parts
    }
}

impl FaultyFolder {
    /// Ends everything that is under way as a power cut would. Of what was not synced, each part is on disk or not.
    pub(super) fn crash(&self, prng: &mut Prng) {
        let mut disk = lock(&self.disk);
        let keep = prng.below(5);
        for content in &mut disk.files {
            let unsynced = std::mem::take(&mut content.unsynced);
            let parts: Vec<Change> = unsynced.iter().flat_map(|change| change.parts(prng)).collect();
            for part in parts {
                if prng.below(4) < keep {
                    part.apply(&mut content.durable);
                }
            }
            content.seen = content.durable.clone();
        }
        let all: Vec<String> = disk.names.keys().chain(disk.durable_names.keys()).cloned().collect();
        for name in all {
            if prng.chance(500_000) {
                match disk.names.get(&name).copied() {
                    Some(file) => disk.durable_names.insert(name, file),
                    None => disk.durable_names.remove(&name),
                };
            }
        }
        disk.names = disk.durable_names.clone();
        disk.life += 1;
        (disk.die_at, disk.fail_at) = (None, None);
    }

    /// Ends everything as the death of the process would: nothing is lost, nothing is synced.
    pub(super) fn kill(&self) {
        let mut disk = lock(&self.disk);
        disk.life += 1;
        (disk.die_at, disk.fail_at) = (None, None);
    }

    /// Everything from the `nth` changing operation on fails (0 is the next one).
    pub(super) fn die_after(&self, nth: u64) {
        let mut disk = lock(&self.disk);
        disk.die_at = Some(disk.operations + nth);
    }

    /// The `nth` changing operation fails, a sync with the loss of what it should have synced.
    pub(super) fn fail_after(&self, nth: u64) {
        let mut disk = lock(&self.disk);
        disk.fail_at = Some(disk.operations + nth);
    }

    /// Operations so far.
    pub(super) fn operations(&self) -> u64 {
        lock(&self.disk).operations
    }

    /// Files may hold `room` bytes in all.
    pub(super) fn set_room(&self, room: Option<u64>) {
        lock(&self.disk).room = room;
    }

    /// Bytes that all files have.
    pub(super) fn used(&self) -> u64 {
        lock(&self.disk).used()
    }

    /// The content of a file.
    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        let disk = lock(&self.disk);
        disk.files[disk.names[name]].seen.clone()
    }

    /// Changes a file behind everybody's back.
    pub(super) fn damage(&self, name: &str, damage: impl FnOnce(&mut Vec<u8>)) {
        let mut disk = lock(&self.disk);
        let file = disk.names[name];
        damage(&mut disk.files[file].seen);
        disk.files[file].durable = disk.files[file].seen.clone();
    }

    /// An independent copy, with nothing under way.
    pub(super) fn fork(&self) -> FaultyFolder {
        let disk = lock(&self.disk);
        let (names, durable_names) = (disk.names.clone(), disk.durable_names.clone());
        let copy = Disk { names, durable_names, files: disk.files.clone(), ..Disk::default() };
        FaultyFolder { disk: Arc::new(Mutex::new(copy)) }
    }

    fn handle(&self, disk: &Disk, file: usize) -> Box<dyn VfsFile> {
        Box::new(FaultyFile { disk: Arc::clone(&self.disk), file, life: disk.life })
    }
}

impl Disk {
    fn used(&self) -> u64 {
        self.names.values().map(|file| self.files[*file].seen.len() as u64).sum()
    }

    /// Counts an operation; an error if it is one that fails.
    fn operate(&mut self) -> io::Result<()> {
        let operation = self.operations;
        self.operations += 1;
        if self.die_at.is_some_and(|at| operation >= at) {
            return Err(io::Error::other("the machine is dead"));
        }
        if self.fail_at == Some(operation) {
            return Err(io::Error::other("the device failed"));
        }
        Ok(())
    }
}

impl Vfs for FaultyFolder {
    fn create(&self, name: &str) -> io::Result<Box<dyn VfsFile>> {
        let mut disk = lock(&self.disk);
        disk.operate()?;
        let file = disk.files.len();
        disk.files.push(Content::default());
        disk.names.insert(name.to_owned(), file);
        Ok(self.handle(&disk, file))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn VfsFile>> {
        let disk = lock(&self.disk);
        let file = disk.names.get(name).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(self.handle(&disk, *file))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(lock(&self.disk).names.keys().cloned().collect())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut disk = lock(&self.disk);
        disk.operate()?;
        disk.names.remove(name).map(drop).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn room(&self) -> io::Result<Room> {
        let disk = lock(&self.disk);
        let total = disk.room.unwrap_or(u64::MAX);
        Ok(Room { free: total.saturating_sub(disk.used()), total })
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = lock(&self.disk);
        disk.operate()?;
        disk.durable_names = disk.names.clone();
        Ok(())
    }
}

struct FaultyFile {
    disk: Arc<Mutex<Disk>>,
    file: usize,
    life: u64,
}

impl FaultyFile {
    fn change(&self, change: Change) -> io::Result<()> {
        let mut disk = lock(&self.disk);
        if disk.life != self.life {
            return Err(io::Error::other("a handle from before the crash"));
        }
        let operated = disk.operate();
        let (used, room) = (disk.used(), disk.room);
        let content = &mut disk.files[self.file];
        let mut change = change;
        if let (Err(_), Change::Write { bytes, .. }) = (&operated, &mut change) {
            // A write that fails may have written a part.
            bytes.truncate(bytes.len() / 2);
        }
        if let (Some(room), Change::Write { at, bytes }) = (room, &mut change) {
            let grows = (*at + bytes.len()).saturating_sub(content.seen.len()) as u64;
            if used + grows > room {
                bytes.truncate(content.seen.len().saturating_sub(*at) + room.saturating_sub(used) as usize);
                change.apply(&mut content.seen);
                content.unsynced.push(change);
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
        }
        if !(operated.is_err() && matches!(change, Change::Truncate { .. })) {
            change.apply(&mut content.seen);
            content.unsynced.push(change);
        }
        operated
    }
}

impl VfsFile for FaultyFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.change(Change::Write { at: offset as usize, bytes: bytes.to_vec() })
    }

    fn read(&self, limit: u64) -> io::Result<Vec<u8>> {
        let disk = lock(&self.disk);
        let seen = &disk.files[self.file].seen;
        Ok(seen[..seen.len().min(usize::try_from(limit).unwrap_or(usize::MAX))].to_vec())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.disk).files[self.file].seen.len() as u64)
    }

    fn occupied(&self) -> io::Result<u64> {
        self.len()
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.change(Change::Truncate { len: len as usize })
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = lock(&self.disk);
        if disk.life != self.life {
            return Err(io::Error::other("a handle from before the crash"));
        }
        let operated = disk.operate();
        let content = &mut disk.files[self.file];
        let unsynced = std::mem::take(&mut content.unsynced);
        // After a failure the system marks the pages clean all the same: they are seen until memory is short, and never
        // written.
        if operated.is_ok() {
            unsynced.iter().for_each(|change| change.apply(&mut content.durable));
        }
        operated
    }
}
