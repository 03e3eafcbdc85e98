//! One backup being made: parts are put in their places as they come, the manifest last.
//!
//! Invariant: the manifest gets its name only when every part it names is durable under its own. One session at a time
//! works in a directory.

use crate::directory::{Directory, place, sync_folder};
use crate::error::Error;
use crate::manifest::{Manifest, Part};
use crate::part::PartWriter;
use proto::Digest;
use ring::PartitionId;
use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread;

/// Parts made durable together, by several threads: one fsync after the other would be most of the time.
const BATCH: usize = 256;
const THREADS: usize = 8;

/// What a session did.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Written {
    /// Parts that were not there yet.
    pub parts: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Parts that were there already.
    pub same: u64,
}

/// A backup being made.
pub struct Session {
    directory: Directory,
    /// Held to the end, so that no other session begins.
    _lock: File,
    spills: u64,
    waiting: Vec<(PathBuf, File, Digest)>,
    folders: BTreeSet<PathBuf>,
    parts: Vec<Part>,
    written: Written,
}

impl Session {
    /// Begins, and clears away what an earlier session left behind.
    pub fn begin(directory: &Directory) -> Result<Session, Error> {
        let path = directory.root().join("lock");
        let lock = File::create(&path).map_err(|error| Error::io("write", &path, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let root = directory.root().display();
                return Err(Error::new(format!("another backup is being made into {root}; wait for its end")));
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path, &error)),
        }
        let folder = directory.unfinished();
        fs::remove_dir_all(&folder)
            .or_else(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })
            .and_then(|()| fs::create_dir(&folder))
            .map_err(|error| Error::io("clear", &folder, &error))?;
        Ok(Session {
            directory: directory.clone(),
            _lock: lock,
            spills: 0,
            waiting: Vec::new(),
            folders: BTreeSet::new(),
            parts: Vec::new(),
            written: Written::default(),
        })
    }

    /// A part to be filled. Partitions come in rising order.
    pub fn part(&mut self, partition: PartitionId) -> PartWriter {
        self.spills += 1;
        PartWriter::new(partition, self.directory.unfinished().join(format!("{}.part", self.spills)))
    }

    /// Takes a part that is complete.
    pub fn keep(&mut self, writer: PartWriter) -> Result<(), Error> {
        let partition = writer.partition();
        let Some(finished) = writer.finish()? else { return Ok(()) };
        let path = self.directory.part_of(&finished.hash);
        // Read whole: a part that was damaged since is written anew, instead of damaging this backup, too.
        let known = hash_of(&path).is_some_and(|found| found == finished.hash)
            || self.waiting.iter().any(|(_, _, hash)| *hash == finished.hash);
        if known {
            self.written.same += 1;
        } else {
            let (spill, file) = match finished.spilled {
                Some(spilled) => spilled,
                None => self.spill(&finished.memory)?,
            };
            self.waiting.push((spill, file, finished.hash));
            self.written.parts += 1;
            self.written.bytes += finished.bytes;
        }
        self.parts.push(Part { partition, hash: finished.hash, items: finished.items, bytes: finished.bytes });
        if self.waiting.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    fn spill(&mut self, content: &[u8]) -> Result<(PathBuf, File), Error> {
        self.spills += 1;
        let path = self.directory.unfinished().join(format!("{}.part", self.spills));
        let made = File::create_new(&path).and_then(|mut file| file.write_all(content).map(|()| file));
        made.map(|file| (path.clone(), file)).map_err(|error| Error::io("write", &path, &error))
    }

    /// Makes waiting parts durable and puts them in their places.
    fn flush(&mut self) -> Result<(), Error> {
        let waiting = std::mem::take(&mut self.waiting);
        let sync = |parts: &[(PathBuf, File, Digest)]| {
            parts
                .iter()
                .try_for_each(|(path, file, _)| file.sync_all().map_err(|error| Error::io("write", path, &error)))
        };
        let results: Vec<Result<(), Error>> = thread::scope(|scope| {
            let chunks = waiting.chunks(waiting.len().div_ceil(THREADS).max(1));
            let threads: Vec<_> = chunks.map(|chunk| scope.spawn(move || sync(chunk))).collect();
            let ended = |thread: thread::ScopedJoinHandle<'_, Result<(), Error>>| {
                thread.join().unwrap_or_else(|_| Err(Error::new("a thread that writes the backup ended in a panic")))
            };
            threads.into_iter().map(ended).collect()
        });
        results.into_iter().collect::<Result<(), Error>>()?;
        for (spill, _, hash) in waiting {
            let path = self.directory.part_of(&hash);
            let folder = path.parent().map(PathBuf::from).unwrap_or_default();
            fs::create_dir_all(&folder).map_err(|error| Error::io("make", &folder, &error))?;
            fs::rename(&spill, &path).map_err(|error| Error::io("write", &path, &error))?;
            self.folders.insert(folder);
        }
        Ok(())
    }

    /// Finishes the backup and gives its name; `stamp` is the time in its name, such as `20261121T120000.000Z`. The parts of
    /// `manifest` are filled in.
    pub fn finish(mut self, mut manifest: Manifest, stamp: &str) -> Result<(String, Manifest, Written), Error> {
        self.flush()?;
        for folder in std::mem::take(&mut self.folders) {
            sync_folder(&folder)?;
        }
        sync_folder(&self.directory.parts())?;
        manifest.parts = std::mem::take(&mut self.parts);
        let (text, hash) = manifest.write();
        let name = format!("{stamp}-{}", &hash.to_string()[..8]);
        let unfinished = self.directory.unfinished().join(&name);
        place(&unfinished, &self.directory.manifests().join(&name), text.as_bytes())?;
        sync_folder(&self.directory.manifests())?;
        Ok((name, manifest, self.written))
    }
}

/// The hash of a file, if it can be read.
fn hash_of(path: &Path) -> Option<Digest> {
    let (mut file, mut hasher) = (File::open(path).ok()?, blake3::Hasher::new());
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer).ok()? {
            0 => return Some(Digest(*hasher.finalize().as_bytes())),
            read => hasher.update(&buffer[..read]),
        };
    }
}
