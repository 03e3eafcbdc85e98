//! The few file operations a journal needs, as traits, so that a test can put a disk in their place that tears, loses,
//! fails and fills up.
//!
//! Invariant: nothing but `VfsFile::sync` makes bytes durable, and nothing but `Vfs::sync` makes names durable.
//! Refuses to know what is in the files.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// One flat folder of files.
pub(crate) trait Vfs: Send + Sync {
    /// Makes a new, empty file; an older one of that name is emptied.
    fn create(&self, name: &str) -> io::Result<Box<dyn VfsFile>>;

    /// Opens a file that exists.
    fn open(&self, name: &str) -> io::Result<Box<dyn VfsFile>>;

    /// The names in the folder, in any order.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Removes a file. Handles to it stay usable.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes durable which names exist.
    fn sync(&self) -> io::Result<()>;

    /// The room on the device.
    fn room(&self) -> io::Result<Room>;
}

/// Bytes of a device that this process may use.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) free: u64,
    pub(crate) total: u64,
}

/// One open file.
pub(crate) trait VfsFile: Send + Sync {
    /// Writes all of `bytes` at `offset`, making the file longer if need be.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// The first `limit` bytes, fewer if the file is shorter.
    fn read(&self, limit: u64) -> io::Result<Vec<u8>>;

    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Bytes occupied on the device.
    fn occupied(&self) -> io::Result<u64>;

    /// Cuts the file to `len` bytes.
    fn truncate(&self, len: u64) -> io::Result<()>;

    /// Makes every byte written before the call durable. Never called again on a file after it has failed.
    fn sync(&self) -> io::Result<()>;
}

/// A folder of the operating system.
pub(crate) struct SystemFolder {
    path: PathBuf,
}

impl SystemFolder {
    pub(crate) fn new(path: &Path) -> SystemFolder {
        SystemFolder { path: path.to_owned() }
    }
}

impl Vfs for SystemFolder {
    fn create(&self, name: &str) -> io::Result<Box<dyn VfsFile>> {
        let file = File::options().create(true).truncate(true).read(true).write(true).open(self.path.join(name))?;
        Ok(Box::new(SystemFile(file)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn VfsFile>> {
        let file = File::options().read(true).write(true).open(self.path.join(name))?;
        Ok(Box::new(SystemFile(file)))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        // A name that is not text is none of ours.
        let name = |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().into_string().ok());
        fs::read_dir(&self.path)?.filter_map(|entry| name(entry).transpose()).collect()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn room(&self) -> io::Result<Room> {
        let device = rustix::fs::statvfs(&self.path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(device.f_frsize);
        Ok(Room { free: bytes(device.f_bavail), total: bytes(device.f_blocks) })
    }
}

struct SystemFile(File);

impl VfsFile for SystemFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn read(&self, limit: u64) -> io::Result<Vec<u8>> {
        let len = self.len()?.min(limit);
        let mut bytes = vec![0; len as usize];
        self.0.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn occupied(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.blocks() * 512)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
