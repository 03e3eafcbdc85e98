//! The data directory: who may open it, which format it has, and how it comes to be.
//!
//! ```text
//! LOCK        locked by the process that has the directory open
//! FORMAT      "alianza data directory\nformat 2\ncrc32 xxxxxxxx\n", the checksum over the lines before it
//! engine/     the journal and, for each space, its tables
//! engine.tmp  the same while it is being created
//! ```
//!
//! Invariant: `FORMAT` exists only after `engine` or `engine.tmp` is complete on disk, so an interrupted creation is
//! told from data by its absence. A directory without `FORMAT` that holds anything else is left untouched.
//! Refuses to know what is kept in `engine`.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::StorageError;

/// The format that this program reads and writes.
pub const FORMAT_VERSION: u32 = 2;

const MAGIC: &str = "alianza data directory";
const LOCK: &str = "LOCK";
const FORMAT: &str = "FORMAT";
const FORMAT_TMP: &str = "FORMAT.tmp";
const ENGINE: &str = "engine";
const ENGINE_TMP: &str = "engine.tmp";

/// What may lie in a directory whose creation was interrupted.
const UNFINISHED: [&str; 3] = [LOCK, FORMAT_TMP, ENGINE_TMP];

/// Locks the data directory at `path`, creating it with the help of `create` if it is new. Returns the lock and the
/// path of the engine's files.
pub(super) fn open(
    path: &Path,
    create: impl FnOnce(&Path) -> Result<(), StorageError>,
) -> Result<(File, PathBuf), StorageError> {
    fs::create_dir_all(path).map_err(|error| StorageError::io("create the data directory", path, &error))?;
    // Looked at before the lock file is made, so that a foreign directory stays as it is.
    is_new(path)?;
    let lock = lock(path)?;
    if is_new(path)? {
        create_engine(path, create)?;
        write_format(path)?;
    }
    finish_creation(path)?;
    Ok((lock, path.join(ENGINE)))
}

/// True if nothing was ever completed here, false if `FORMAT` says it is ours, an error otherwise.
fn is_new(path: &Path) -> Result<bool, StorageError> {
    let format = path.join(FORMAT);
    match fs::read(&format) {
        Ok(bytes) => check_format(&format, &bytes).map(|()| false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => check_empty(path).map(|()| true),
        Err(error) => Err(StorageError::io("read the format file", &format, &error)),
    }
}

fn check_format(path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let version = match (lines.next(), lines.next().and_then(|line| line.strip_prefix("format "))) {
        (Some(MAGIC), Some(version)) => version.parse::<u32>().ok(),
        _ => None,
    };
    match version {
        Some(FORMAT_VERSION) if bytes == format_text(FORMAT_VERSION).as_bytes() => Ok(()),
        Some(FORMAT_VERSION) => Err(StorageError::Corrupt {
            what: path.display().to_string(),
            expected: format!("{:?}", format_text(FORMAT_VERSION)),
            got: format!("{text:?}"),
        }),
        Some(other) => Err(foreign(path, format!("format {other}"))),
        None => Err(foreign(path, "a format file of another program".to_owned())),
    }
}

fn check_empty(path: &Path) -> Result<(), StorageError> {
    let list = |error: &io::Error| StorageError::io("list the data directory", path, error);
    for entry in fs::read_dir(path).map_err(|error| list(&error))? {
        let name = entry.map_err(|error| list(&error))?.file_name();
        if !UNFINISHED.iter().any(|ours| name == *ours) {
            return Err(foreign(path, format!("no {FORMAT} file but {:?}", name.to_string_lossy())));
        }
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File, StorageError> {
    let path = path.join(LOCK);
    let open = File::options().create(true).truncate(false).write(true).open(&path);
    let file = open.map_err(|error| StorageError::io("open the lock file", &path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StorageError::Locked { path }),
        Err(TryLockError::Error(error)) => Err(StorageError::io("lock the lock file", &path, &error)),
    }
}

fn create_engine(path: &Path, create: impl FnOnce(&Path) -> Result<(), StorageError>) -> Result<(), StorageError> {
    let unfinished = path.join(ENGINE_TMP);
    match fs::remove_dir_all(&unfinished) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(StorageError::io("remove an unfinished creation", &unfinished, &error)),
    }
    create(&unfinished)?;
    sync(path)
}

fn write_format(path: &Path) -> Result<(), StorageError> {
    let unfinished = path.join(FORMAT_TMP);
    let write = || -> io::Result<()> {
        let mut file = File::create(&unfinished)?;
        file.write_all(format_text(FORMAT_VERSION).as_bytes())?;
        file.sync_all()?;
        fs::rename(&unfinished, path.join(FORMAT))
    };
    write().map_err(|error| StorageError::io("write the format file", &unfinished, &error))?;
    sync(path)
}

/// Gives the engine's directory its name, which a crash may have kept a creation from doing.
fn finish_creation(path: &Path) -> Result<(), StorageError> {
    let engine = path.join(ENGINE);
    if engine.is_dir() {
        return Ok(());
    }
    if !path.join(ENGINE_TMP).is_dir() {
        return Err(foreign(path, format!("a {FORMAT} file but no {ENGINE} directory")));
    }
    fs::rename(path.join(ENGINE_TMP), &engine)
        .map_err(|error| StorageError::io("name the engine's directory", &engine, &error))?;
    sync(path)
}

/// Makes durable which names exist in `path`.
pub(super) fn sync(path: &Path) -> Result<(), StorageError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| StorageError::io("sync the data directory", path, &error))
}

fn format_text(version: u32) -> String {
    let lines = format!("{MAGIC}\nformat {version}\n");
    let checksum = crc32fast::hash(lines.as_bytes());
    format!("{lines}crc32 {checksum:08x}\n")
}

fn foreign(path: &Path, found: String) -> StorageError {
    StorageError::Format { path: path.to_owned(), found, supported: FORMAT_VERSION }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{FORMAT, FORMAT_VERSION, StorageError, format_text, open};

    fn create(path: &Path) -> Result<(), StorageError> {
        fs::create_dir(path).map_err(|error| StorageError::io("create", path, &error))
    }

    #[test]
    fn a_new_directory_is_created_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("some/where");
        drop(open(&path, create).unwrap());
        assert_eq!(fs::read_to_string(path.join(FORMAT)).unwrap(), format_text(FORMAT_VERSION));
        let (_lock, engine) = open(&path, |_| panic!("created twice")).unwrap();
        assert!(engine.is_dir());
    }

    #[test]
    fn an_interrupted_creation_starts_over() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("engine.tmp")).unwrap();
        fs::write(dir.path().join("engine.tmp/half"), "made").unwrap();
        fs::write(dir.path().join("FORMAT.tmp"), "ali").unwrap();
        let (_lock, engine) = open(dir.path(), create).unwrap();
        assert_eq!(fs::read_dir(engine).unwrap().count(), 0);
    }

    #[test]
    fn a_creation_interrupted_before_the_rename_is_finished() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FORMAT), format_text(FORMAT_VERSION)).unwrap();
        fs::create_dir(dir.path().join("engine.tmp")).unwrap();
        assert!(open(dir.path(), |_| panic!("created twice")).unwrap().1.is_dir());
    }

    #[test]
    fn a_foreign_directory_is_left_untouched() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.txt"), "precious").unwrap();
        let error = open(dir.path(), create).unwrap_err();
        assert!(matches!(error, StorageError::Format { .. }), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn other_formats_are_refused_and_named() {
        let dir = tempfile::tempdir().unwrap();
        for (content, found) in [
            (format_text(FORMAT_VERSION + 1), "format 3"),
            ("PG_VERSION 17\n".to_owned(), "a format file of another program"),
        ] {
            fs::write(dir.path().join(FORMAT), content).unwrap();
            let error = open(dir.path(), create).unwrap_err();
            assert!(matches!(&error, StorageError::Format { found: f, .. } if f == found), "{error}");
        }
    }

    #[test]
    fn a_damaged_format_file_is_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FORMAT), format_text(FORMAT_VERSION).replace("crc32 ", "crc32 0")).unwrap();
        assert!(matches!(open(dir.path(), create).unwrap_err(), StorageError::Corrupt { .. }));
    }

    #[test]
    fn a_format_file_without_engine_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FORMAT), format_text(FORMAT_VERSION)).unwrap();
        assert!(matches!(open(dir.path(), create).unwrap_err(), StorageError::Format { .. }));
    }
}
