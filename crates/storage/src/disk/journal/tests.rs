//! The journal on a faulty folder against a plain list of batches: whatever happens to the disk, what a sync reported is
//! there after opening again, and nothing else than what was appended.

use std::path::Path;
use std::sync::Arc;

use stdx::Prng;

use super::super::guard::Poison;
use super::faulty::FaultyFolder;
use super::mark::MARK;
use super::vfs::Vfs;
use super::{Journal, Lsn, Need, Sizes};
use crate::error::StorageError;

const SEGMENT_BYTES: u64 = 64 << 10;
const SIZES: Sizes = Sizes { segment: SEGMENT_BYTES, reserve: 512 << 10 };

/// A journal, and what it should hold.
struct World {
    folder: FaultyFolder,
    journal: Option<Journal>,
    /// The payload of each batch, from the first.
    history: Vec<Vec<u8>>,
    /// Everything up to here was reported durable, or was found by an opening.
    acknowledged: Lsn,
    /// Everything up to here is in tables.
    flushed: Lsn,
    /// Distinguishes batches of the same number.
    life: u32,
}

impl World {
    fn new() -> World {
        let folder = FaultyFolder::default();
        Journal::create(&folder, Path::new("journal")).unwrap();
        let (history, acknowledged, flushed, life) = (Vec::new(), 0, 0, 0);
        World { folder, journal: None, history, acknowledged, flushed, life }
    }

    fn opened() -> World {
        let mut world = World::new();
        world.open().unwrap();
        world
    }

    fn journal(&self) -> &Journal {
        self.journal.as_ref().unwrap()
    }

    /// Opens and checks that what is found is a part of the history that has everything acknowledged.
    fn open(&mut self) -> Result<(), StorageError> {
        self.journal = None;
        let mut found = Vec::new();
        let journal = open(&self.folder, &mut found)?;
        let kept = journal.appended();
        assert!(kept >= self.acknowledged, "{kept} batches of {} acknowledged", self.acknowledged);
        assert!(found.first().is_none_or(|(lsn, _)| *lsn <= self.flushed + 1), "a gap behind the tables");
        for (at, (lsn, payload)) in found.iter().enumerate() {
            assert_eq!(*lsn, found[0].0 + at as Lsn);
            assert_eq!(payload, &self.history[*lsn as usize - 1], "batch {lsn}");
        }
        assert_eq!(found.last().map_or(kept, |(lsn, _)| *lsn), kept);
        self.history.truncate(kept as usize);
        self.acknowledged = kept;
        self.life += 1;
        self.journal = Some(journal);
        Ok(())
    }

    fn append(&mut self, bytes: usize) -> Result<(), StorageError> {
        let mut payload = vec![self.life as u8; bytes];
        payload.extend_from_slice(&self.life.to_le_bytes());
        payload.extend_from_slice(&(self.history.len() as u64 + 1).to_le_bytes());
        let appended = self.journal().append(&payload, Need::Own)?;
        self.history.push(payload);
        assert_eq!(appended.lsn, self.history.len() as Lsn);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        self.acknowledged = self.journal().sync()?;
        assert_eq!(self.acknowledged, self.history.len() as Lsn);
        Ok(())
    }

    fn release(&mut self, flushed: Lsn) -> Result<(), StorageError> {
        // As the engine does it: tables are written only of what the journal has for certain.
        if self.acknowledged < flushed {
            self.sync()?;
        }
        self.flushed = self.flushed.max(flushed);
        self.journal().release(self.flushed)
    }

    fn step(&mut self, prng: &mut Prng) -> Result<(), StorageError> {
        match prng.below(20) {
            0..=10 => self.append(prng.below(3000) as usize),
            11 => self.append(prng.below(100_000) as usize),
            12..=15 => self.sync(),
            16 => {
                let flushed = prng.between(self.flushed, self.history.len() as u64);
                self.release(flushed)
            }
            17 => self.journal().prepare(),
            18 => {
                self.journal().note_synced();
                Ok(())
            }
            _ if prng.chance(300_000) => {
                self.journal().close();
                self.open()
            }
            _ => Ok(()),
        }
    }

    /// A fixed amount of everything.
    fn script(&mut self) -> Result<(), StorageError> {
        for n in 0..60 {
            self.append(n * 37 % 900)?;
            if n % 3 == 0 {
                self.sync()?;
            }
            if n % 17 == 16 {
                self.release(self.history.len() as Lsn - 5)?;
            }
            if n % 5 == 0 {
                self.journal().prepare()?;
                self.journal().note_synced();
            }
            if n == 40 {
                self.append(20_000)?;
            }
        }
        self.sync()
    }
}

fn open(folder: &FaultyFolder, found: &mut Vec<(Lsn, Vec<u8>)>) -> Result<Journal, StorageError> {
    let mut replay = |lsn, payload: &[u8]| {
        found.push((lsn, payload.to_vec()));
        Ok(())
    };
    let poison = Arc::<Poison>::default();
    Journal::open(Arc::new(folder.clone()), Path::new("journal"), (SIZES, 0), poison, &mut replay)
}

#[test]
fn random_lives_with_power_cuts_lose_nothing() {
    for seed in 0..400 {
        let mut prng = Prng::keyed(seed, "journal", &[]);
        let mut world = World::opened();
        for _ in 0..prng.between(2, 12) {
            if prng.chance(700_000) {
                world.folder.die_after(prng.below(60));
            }
            for _ in 0..prng.below(80) {
                if world.step(&mut prng).is_err() {
                    break;
                }
            }
            if prng.chance(200_000) {
                world.folder.kill();
            } else {
                world.folder.crash(&mut prng);
            }
            // Recovery dies, too, now and then.
            for _ in 0..prng.below(3) {
                world.folder.die_after(prng.below(6));
                if world.open().is_err() {
                    world.folder.crash(&mut prng);
                }
            }
            world.folder.crash(&mut prng);
            world.open().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        }
    }
}

#[test]
fn a_power_cut_at_every_operation_and_in_every_recovery_loses_nothing() {
    let operations = {
        let mut world = World::opened();
        world.script().unwrap();
        world.folder.operations()
    };
    for at in 0..operations {
        let mut prng = Prng::keyed(at, "cut", &[]);
        let mut world = World::opened();
        world.folder.die_after(at.saturating_sub(world.folder.operations()));
        let _ = world.script();
        world.folder.crash(&mut prng);
        for recovery in 0..8 {
            world.folder.die_after(recovery);
            if world.open().is_ok() && world.append(100).is_ok() && world.sync().is_ok() {
                break;
            }
            world.folder.crash(&mut prng);
        }
        world.folder.crash(&mut prng);
        world.open().unwrap_or_else(|error| panic!("operation {at}: {error}"));
    }
}

#[test]
fn a_failed_operation_is_never_followed_by_a_false_report() {
    let operations = {
        let mut world = World::opened();
        world.script().unwrap();
        world.folder.operations()
    };
    for at in 0..operations {
        let mut prng = Prng::keyed(at, "failure", &[]);
        let mut world = World::opened();
        world.folder.fail_after(at.saturating_sub(world.folder.operations()));
        if world.script().is_err() {
            // Whatever is reported from here on must be true.
            for _ in 0..5 {
                let _ = world.append(10);
                let _ = world.sync();
            }
        }
        world.folder.crash(&mut prng);
        world.open().unwrap_or_else(|error| panic!("operation {at}: {error}"));
    }
}

#[test]
fn a_failed_sync_poisons_for_good() {
    let mut world = World::opened();
    world.append(10).unwrap();
    world.folder.fail_after(1);
    assert!(matches!(world.journal().sync(), Err(StorageError::Io { .. })));
    assert!(matches!(world.journal().sync(), Err(StorageError::Poisoned { .. })));
    assert!(matches!(world.journal().append(b"x", Need::Own), Err(StorageError::Poisoned { .. })));
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    for room in (0..120_000).step_by(1_777) {
        let mut prng = Prng::keyed(room, "full", &[]);
        let mut world = World::opened();
        world.append(100).unwrap();
        world.sync().unwrap();
        world.folder.set_room(Some(world.folder.used() + room));
        let mut refused = 0;
        for n in 0..80 {
            match world.append(2_000) {
                Ok(()) if n % 2 == 0 => world.sync().unwrap(),
                Ok(()) => {}
                Err(StorageError::Full { .. }) => {
                    refused += 1;
                    let _ = world.journal().prepare();
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert!(refused > 0, "160 kB do not fit");
        world.sync().unwrap();
        world.folder.set_room(None);
        world.journal().prepare().unwrap();
        world.append(50_000).unwrap();
        world.sync().unwrap();
        world.folder.crash(&mut prng);
        world.open().unwrap();
    }
}

/// What grows leaves room for what makes room and for the node's own records.
#[test]
fn what_grows_is_refused_before_the_disk_is_full() {
    let mut world = World::opened();
    world.append(100).unwrap();
    let room = |world: &World, free| world.folder.set_room(Some(world.folder.used() + free));
    let full = |done: Result<_, StorageError>| matches!(done, Err(StorageError::Full { .. }));
    // A sixteenth of ten megabytes is more than the reserve.
    room(&world, 10 << 20);
    world.journal().prepare().unwrap();
    world.append(100).unwrap();
    let ballast = world.folder.create("ballast").unwrap();
    ballast.write_at(&vec![0; (10 << 20) - (500 << 10)], 0).unwrap();
    assert!(full(world.journal().prepare()));
    assert!(full(world.journal().append(b"growth", Need::Growth).map(drop)));
    for _ in 0..100 {
        world.append(2_000).unwrap();
        // As a worker does.
        let _ = world.journal().prepare();
    }
    let deleted = world.journal().append(b"a deletion", Need::Deletion).unwrap();
    assert_eq!(world.journal().sync(), Ok(deleted.lsn));
    ballast.truncate(0).unwrap();
    world.journal().prepare().unwrap();
    assert!(world.journal().append(b"growth", Need::Growth).is_ok());
}

/// A journal of several segments that was written with a sync after every third batch.
fn several_segments() -> World {
    let mut world = World::opened();
    for n in 0..90 {
        world.append(n * 29 % 600).unwrap();
        if n % 3 == 2 {
            world.sync().unwrap();
        }
        if n == 50 {
            world.release(20).unwrap();
        }
    }
    world
}

fn logs(folder: &FaultyFolder) -> Vec<String> {
    folder.list().unwrap().into_iter().filter(|name| name != MARK).collect()
}

/// Damages a copy of the journal and opens it. Gives the last batch that is there, or the error.
fn damaged(world: &World, name: &str, damage: impl FnOnce(&mut Vec<u8>)) -> Result<Lsn, StorageError> {
    let folder = world.folder.fork();
    folder.damage(name, damage);
    let mut found = Vec::new();
    let journal = open(&folder, &mut found)?;
    for (lsn, payload) in &found {
        assert_eq!(payload, &world.history[*lsn as usize - 1]);
    }
    Ok(journal.appended())
}

#[test]
fn damage_to_synced_batches_is_told_unless_only_the_last_sync_is_hit() {
    let world = several_segments();
    let last_but_one = world.acknowledged - 3;
    let mut told = 0;
    for name in logs(&world.folder) {
        for at in (0..world.folder.bytes(&name).len()).step_by(61) {
            for damage in [|byte: &mut u8| *byte ^= 4, |byte: &mut u8| *byte = 0, |byte: &mut u8| *byte = 0xFF] {
                match damaged(&world, &name, |bytes| damage(&mut bytes[at])) {
                    Ok(kept) => assert!(kept >= last_but_one, "{name} at {at}: silently back to {kept}"),
                    Err(StorageError::WritesLost { kept, synced, .. }) => {
                        assert!(kept < synced && synced <= world.acknowledged);
                        told += 1;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
    assert!(told > 100, "{told}");
}

#[test]
fn whole_pages_and_whole_files_that_go_are_told() {
    let world = several_segments();
    let last_but_one = world.acknowledged - 3;
    for name in logs(&world.folder) {
        let len = world.folder.bytes(&name).len();
        for at in (0..len).step_by(512) {
            let end = (at + 4096).min(len);
            let kept = damaged(&world, &name, |bytes| bytes[at..end].fill(0));
            assert!(kept.is_err() || kept.unwrap() >= last_but_one, "{name} at {at}");
        }
        // Without its file a segment can be missed only through what the others say, and the mark.
        world.journal().note_synced();
        let kept = damaged(&world, &name, Vec::clear);
        assert!(kept.is_err() || kept.unwrap() >= world.acknowledged, "{name}");
    }
}

#[test]
fn after_a_clean_end_any_lost_batch_is_told() {
    let world = several_segments();
    world.journal().close();
    for name in logs(&world.folder) {
        for at in (0..world.folder.bytes(&name).len()).step_by(211) {
            match damaged(&world, &name, |bytes| bytes[at] ^= 1) {
                Ok(kept) => assert_eq!(kept, world.acknowledged),
                Err(error) => assert!(error.is_loss(), "{error}"),
            }
        }
    }
}

#[test]
fn a_damaged_mark_is_told_or_its_other_half_serves() {
    let world = several_segments();
    world.journal().close();
    for at in (0..8192).step_by(1) {
        match damaged(&world, MARK, |bytes| bytes[at] ^= 1) {
            Ok(kept) => assert_eq!(kept, world.acknowledged),
            Err(error) => assert!(error.is_loss(), "{error}"),
        }
    }
    let both = |bytes: &mut Vec<u8>| (bytes[20], bytes[4116]) = (!bytes[20], !bytes[4116]);
    assert!(matches!(damaged(&world, MARK, both), Err(StorageError::Corrupt { .. })));
}

/// Batches behind a cut tail must not come back, although the same numbers at the same places are written again.
#[test]
fn a_cut_tail_stays_cut() {
    let mut world = World::opened();
    world.append(100).unwrap();
    world.sync().unwrap();
    for _ in 0..4 {
        world.append(100).unwrap();
    }
    world.journal().sync().unwrap();
    let name = logs(&world.folder).pop().unwrap();
    // The batch after the synced one is torn, the ones behind it are whole, and nothing says that they were synced.
    world.folder.damage(&name, |bytes| bytes[64 + 150 + 20] ^= 1);
    world.acknowledged = 1;
    world.open().unwrap();
    assert_eq!(world.history.len(), 1);
    world.append(100).unwrap();
    world.sync().unwrap();
    world.folder.kill();
    world.open().unwrap();
    assert_eq!(world.history.len(), 2);
}
