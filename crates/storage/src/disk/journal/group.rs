//! Group commit: what is appended while an fsync is under way neither waits for it nor needs one of its own.
#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use super::super::guard::{Poison, lock};
use super::faulty::FaultyFolder;
use super::vfs::{Room, Vfs, VfsFile};
use super::{Journal, Need, Sizes};

/// A folder whose files say when a sync of them begins, and end it when they are told to.
struct Gate {
    folder: FaultyFolder,
    door: Arc<Door>,
}

struct Door {
    is_closed: AtomicBool,
    syncs: AtomicUsize,
    begun: Mutex<mpsc::Sender<()>>,
    may_end: Mutex<mpsc::Receiver<()>>,
}

struct GateFile {
    file: Box<dyn VfsFile>,
    door: Arc<Door>,
}

impl Gate {
    fn file(&self, file: Box<dyn VfsFile>) -> Box<dyn VfsFile> {
        Box::new(GateFile { file, door: Arc::clone(&self.door) })
    }
}

impl Vfs for Gate {
    fn create(&self, name: &str) -> io::Result<Box<dyn VfsFile>> {
        // Files that are only being prepared are nobody's to wait for.
        self.folder.create(name)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn VfsFile>> {
        self.folder.open(name).map(|file| self.file(file))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.folder.list()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.folder.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.folder.sync()
    }

    fn room(&self) -> io::Result<Room> {
        self.folder.room()
    }
}

impl VfsFile for GateFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn read(&self, limit: u64) -> io::Result<Vec<u8>> {
        self.file.read(limit)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn occupied(&self) -> io::Result<u64> {
        self.file.occupied()
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.file.truncate(len)
    }

    fn sync(&self) -> io::Result<()> {
        if self.door.is_closed.load(Ordering::Acquire) {
            self.door.syncs.fetch_add(1, Ordering::AcqRel);
            lock(&self.door.begun).send(()).unwrap();
            lock(&self.door.may_end).recv().unwrap();
        }
        self.file.sync()
    }
}

#[test]
fn what_is_appended_during_an_fsync_shares_the_next_one() {
    let folder = FaultyFolder::default();
    let path = Path::new("journal");
    Journal::create(&folder, path).unwrap();
    // A file of zeros, to be found and put to use.
    folder.create("1.log").unwrap().write_at(&vec![0; 64 << 10], 0).unwrap();
    let (begun, begins) = mpsc::channel();
    let (end, may_end) = mpsc::channel();
    let (is_closed, syncs) = (AtomicBool::new(false), AtomicUsize::new(0));
    let door = Arc::new(Door { is_closed, syncs, begun: Mutex::new(begun), may_end: Mutex::new(may_end) });
    let gate = Arc::new(Gate { folder, door: Arc::clone(&door) });
    let sizes = Sizes { segment: 64 << 10, reserve: 0 };
    let journal = Journal::open(gate, path, (sizes, 0), Arc::<Poison>::default(), &mut |_, _| Ok(())).unwrap();
    door.is_closed.store(true, Ordering::Release);
    std::thread::scope(|scope| {
        journal.append(b"first", Need::Growth).unwrap();
        let syncing = scope.spawn(|| journal.sync());
        begins.recv().unwrap();
        // Nobody ends the fsync meanwhile: if an append waited for it, this would not end.
        for lsn in 2..=1_001 {
            assert_eq!(journal.append(b"more", Need::Growth).unwrap().lsn, lsn);
        }
        end.send(()).unwrap();
        assert_eq!(syncing.join().unwrap(), Ok(1), "what came later is not reported");
    });
    end.send(()).unwrap();
    assert_eq!(journal.sync(), Ok(1_001));
    assert_eq!(door.syncs.load(Ordering::Acquire), 2, "a thousand batches share one fsync");
}
